import assert from 'node:assert/strict';
import { appendFileSync, mkdirSync, writeFileSync } from 'node:fs';
import Database from 'better-sqlite3';
import type { Alert } from '../../src/model.ts';
import { Daemon, jsonLines, readText, ringfence, row, writeSettings, type Ran } from '../support/cli.ts';
import { httpReceiver } from '../support/http-receiver.ts';
import { temporaryFolder } from '../support/temporary.ts';
import { chasquid, type Chasquid } from './support/chasquid.ts';
import { LabUnavailable } from './support/packages.ts';
import { freePort } from './support/ports.ts';
import { until } from './support/process.ts';

const MINUTE = 60_000;

describe('scan tells people: a real mail server and a real webhook receiver', function () {
  this.timeout(60_000);
  const folder = temporaryFolder();
  const hook = httpReceiver();
  let mail: Chasquid;
  let settings = '';
  let account = 2000;
  let daemon: Daemon | undefined;

  before(async function () {
    this.timeout(120_000);
    mkdirSync(folder.file('mail'));
    try {
      mail = await chasquid(folder.file('mail'));
    } catch (error) {
      if (!(error instanceof LabUnavailable) || process.env['CI'] === 'true') throw error;
      console.warn(`      skipped: ${error.message}`);
      this.skip();
    }
    await Promise.all([mail.start(), hook.start()]);
    writeFileSync(folder.file('mail.password'), mail.password, { mode: 0o600 });
    writeFileSync(folder.file('mail-ca.pem'), mail.ca);
    settings = writeSettings(
      folder.path,
      `[notify]
quiet = "never"
updates = "0s"
[notify.mail]
to = ["noc@example.net"]
from = "${mail.user}"
server = "127.0.0.1:${mail.port}"
tls = "starttls"
ca_file = "mail-ca.pem"
username = "${mail.user}"
password_file = "mail.password"
language = "de"
[[notify.webhook]]
url = "${hook.url}"
[hep]
listen = ["udp:127.0.0.1:${await freePort('127.0.0.1')}"]
`,
    );
  });
  after(async () => {
    await daemon?.end('SIGKILL');
    await Promise.all([mail.stop(), hook.stop()]);
  });

  const scan = (...args: string[]): Promise<Ran> => ringfence(['scan', '--config', settings, '--format', 'json', '--fail-on', 'never', ...args]); // prettier-ignore
  /** One more call abroad from a closed office, of an account that has placed none yet or of the last one. */
  const call = (at: number, same = false): void => {
    if (!same) account++;
    appendFileSync(folder.file('Master.csv'), row(`${at}.${account}`, String(account), at));
  };
  const posted = (): string[] => hook.received.map(({ body }) => (JSON.parse(body) as Alert).id).sort();
  const mailed = (incident: string): number =>
    mail.mails().filter(({ text }) => text.includes(`ringfence alerts show ${incident}\n`)).length;
  const lines = async (): Promise<Alert[]> => jsonLines((await ringfence(['alerts', 'export', '--config', settings])).stdout); // prettier-ignore
  const ids = (alerts: readonly Alert[]): string[] => alerts.map(({ id }) => id).sort();
  /** An hour passes for what waits to be tried again. */
  const later = (): void => {
    const db = new Database(folder.file('ringfence.db'));
    db.prepare("UPDATE deliveries SET next_at = next_at - 3600000 WHERE state = 'waiting'").run();
    db.close();
  };

  it('at first what is of the last day; afterwards what is new or has become graver, each once', async () => {
    const now = Date.now();
    call(now - 30 * 24 * 60 * MINUTE);
    call(now - 40 * MINUTE);
    const first = await scan();
    assert.equal(first.status, 0, first.stderr);
    assert.match(first.stderr, /nobody is told of 1 alert of more than a day ago/);
    assert.match(first.stderr, /told mail of 1, webhook of 1/);
    assert.deepEqual(posted(), ids(jsonLines(first.stdout).slice(1)));
    for (const minute of [30, 20]) call(now - minute * MINUTE, true);
    const second = await scan();
    const [raised, ...more] = jsonLines(second.stdout);
    assert.equal(raised?.severity, 'critical');
    assert.deepEqual(more, []);
    assert.ok(posted().includes(raised.id));
    assert.equal(mailed(raised.incident), 2, 'it opened, and became critical: one thread');
    const third = await scan();
    assert.doesNotMatch(third.stderr, /told/);
    await scan('--all');
    assert.equal(hook.received.length, 2);
    assert.equal(mail.mails().length, 2);
  });

  it('a server that was away is told by a later scan, the other one not again', async () => {
    await mail.stop();
    const before = hook.received.length;
    call(Date.now() - 10 * MINUTE);
    const away = await scan('--quiet');
    assert.equal(away.status, 0);
    assert.match(away.stderr, /^ringfence: mail: 1 not told yet: the mail server .* could not be used: .*; a scan tries again from \d.* on$/m); // prettier-ignore
    const [alert] = jsonLines(away.stdout);
    assert.ok(alert !== undefined);
    assert.equal(hook.received.length, before + 1);
    await mail.start();
    later();
    assert.match((await scan()).stderr, /told mail of 1/);
    assert.equal(mailed(alert.incident), 1);
    assert.equal(hook.received.length, before + 1);
  });

  it('two scans at a time, and a daemon that starts meanwhile: each incident once', async () => {
    const before = hook.received.length;
    hook.delay = 700;
    for (let i = 0; i < 3; i++) call(Date.now() - 9 * MINUTE + i);
    const scans = [scan(), scan()];
    await until('one of them tells', 10_000, () => hook.received.length > before);
    daemon = await Daemon.start(['--config', follows(settings, folder.file('none.csv'))]);
    const ran = await Promise.all(scans);
    for (const { status, stderr } of ran) assert.equal(status, 0, stderr);
    await until('all are told', 20_000, async () => posted().length >= (await lines()).length - 1);
    // what the daemon finds in the store it tells, and what a scan puts there now
    hook.delay = 0;
    call(Date.now() - 8 * MINUTE);
    const beside = await scan();
    assert.equal(beside.status, 0, beside.stderr);
    assert.doesNotMatch(beside.stderr, /told/);
    const [alert] = jsonLines(beside.stdout);
    await until('the daemon tells it', 10_000, () => posted().includes(alert?.id ?? '-'));
    await until('by mail too', 10_000, () => mailed(alert?.incident ?? '-') > 0);
    assert.equal((await daemon.end()).status, 0);
    later();
    await scan();
    const told = (await lines()).filter(({ at }) => Date.parse(at) > Date.now() - 24 * 60 * MINUTE);
    assert.deepEqual(posted(), ids(told), 'each line once');
    for (const incident of new Set(told.map((one) => one.incident)))
      assert.equal(mailed(incident), told.filter((one) => one.incident === incident).length, incident);
  });
});

/** The same settings, but for the file of call records. */
function follows(settings: string, cdr: string): string {
  const path = settings.replace('.toml', '.other.toml');
  writeFileSync(cdr, '');
  writeFileSync(path, readText(settings).replace(/Master\.csv/, 'none.csv'), { mode: 0o600 });
  return path;
}
