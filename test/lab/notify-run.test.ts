import assert from 'node:assert/strict';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { severityRank, type Alert, type Severity } from '../../src/model.ts';
import { wordsOf } from '../../src/words/index.ts';
import { Daemon, jsonLines, ringfence } from '../support/cli.ts';
import { httpReceiver } from '../support/http-receiver.ts';
import { internationalCalls, unregisteredCall, wrongPasswords, hijack } from './support/attacks.ts';
import { chasquid, type Chasquid } from './support/chasquid.ts';
import { useLab } from './support/lab.ts';
import { dialplan, phoneAccount } from './support/notify-lab.ts';
import { LabUnavailable } from './support/packages.ts';
import { pause, until } from './support/process.ts';
import { rsyslog, type Rsyslog } from './support/rsyslog.ts';
import { writeSettings } from './support/settings.ts';

/** The whole way: attacks on a real Asterisk, a real `ringfence run`, and everybody who is to be told. */
describe('lab: attacks on the PBX are told once to everybody, in both languages, over a crash and a server that is down', function () {
  this.timeout(90_000);
  const lab = useLab(() => ({
    hep: null,
    trunk: 'own',
    guard: dialplan(mkdtempSync(join(tmpdir(), 'ringfence-test-'))),
  }));
  const english = httpReceiver();
  const german = httpReceiver();
  let mail: Chasquid;
  let log: Rsyslog;
  let daemon: Daemon | undefined;
  let settings = '';
  let told = '';

  before(async function () {
    this.timeout(120_000);
    const own = (name: string): string => {
      const path = join(lab().directory, name);
      mkdirSync(path);
      return path;
    };
    try {
      mail = await chasquid(own('mail'));
      log = await rsyslog(own('syslog'));
    } catch (error) {
      if (!(error instanceof LabUnavailable) || process.env['CI'] === 'true') throw error;
      console.warn(`      skipped: ${error.message}`);
      this.skip();
    }
    await Promise.all([mail.start(), log.start(), english.start(), german.start()]);
    const { username, secret } = await phoneAccount(lab());
    const file = (name: string, text: string): string => {
      const path = join(lab().directory, name);
      writeFileSync(path, text, { mode: 0o600 });
      return JSON.stringify(path);
    };
    told = join(lab().directory, 'told.jsonl');
    settings = writeSettings(lab(), {
      office: 'closed',
      more: [
        `[notify]
quiet = "never"
[notify.mail]
to = ["noc@example.net"]
from = "${mail.user}"
server = "127.0.0.1:${mail.port}"
tls = "starttls"
ca_file = ${file('mail-ca.pem', mail.ca)}
username = "${mail.user}"
password_file = ${file('mail.password', mail.password)}
language = "de"
[[notify.webhook]]
name = "english"
url = "${english.url}"
secret_file = ${file('hook.key', 'a-key')}
[[notify.webhook]]
name = "german"
url = "${german.url}"
shape = "mattermost"
language = "de"
[notify.syslog]
server = "tls:127.0.0.1:${log.ports.tls}"
ca_file = ${file('log-ca.pem', log.ca)}
[notify.command]
run = ["/bin/sh", "-c", "tr -d '\\\\n' >>\\"$0\\"; echo >>\\"$0\\"", "${told}"]
[notify.phone]
ring = ["PJSIP/1001"]
username = "${username}"
secret_file = ${file('phone.secret', secret)}
ring_for = "8s"`,
      ],
    });
  });
  after(async () => {
    await daemon?.end('SIGKILL');
    await Promise.all([mail.stop(), log.stop(), english.stop(), german.stop()]);
  });

  const stored = async (): Promise<Alert[]> =>
    jsonLines((await ringfence(['alerts', 'export', '--config', settings])).stdout);
  const atLeast = (alerts: readonly Alert[], least: Severity): string[] =>
    alerts
      .filter(({ severity }) => severityRank(severity) >= severityRank(least))
      .map(({ id }) => id)
      .sort();

  it('notify test proves each channel, and says which one is away', async () => {
    const reception = await lab().phone('1001');
    await reception.register();
    const running = ringfence(['notify', 'test', '--config', settings]);
    const call = await until('the telephone rings', 15_000, async () => {
      const found = reception.calls.find(({ state }) => state === 'answered');
      if (found !== undefined) await pause(400);
      return found;
    });
    await call.press('1');
    const all = await running;
    assert.equal(all.status, 0, all.stdout + all.stderr);
    for (const name of ['mail', 'webhook.english', 'webhook.german', 'syslog', 'command', 'phone'])
      assert.match(all.stdout, new RegExp(`^ok {4}${name.replace('.', '\\.')}: .+ \\(\\d+ ms\\)$`, 'm'));
    assert.match(
      mail.mails()[0]?.headers.get('subject') ?? '',
      /INFO: Test von mail: ringfence kann Sie hier erreichen/,
    );
    await log.stop();
    const one = await ringfence(['notify', 'test', 'syslog', '--config', settings]);
    assert.equal(one.status, 1);
    assert.match(one.stdout, /^FAIL {2}syslog: the syslog server tls:127\.0\.0\.1:\d+ could not be reached/);
    assert.equal((await ringfence(['notify', 'test', 'pigeon', '--config', settings])).status, 2);
    reception.close();
  });

  it('each channel hears of each incident once; the killed daemon and the dead syslog server lose nothing', async () => {
    const reception = await lab().phone('1001');
    await reception.register();
    for (const receiver of [english, german]) receiver.received.length = 0;
    writeFileSync(told, '');
    const mails = mail.mails().length;
    const logged = log.messages().length;
    // syslog is away since the test before
    daemon = await Daemon.start(['--config', settings]);
    await wrongPasswords(lab());
    await until('the first alert', 10_000, () => english.received.length > 0);
    await daemon.end('SIGKILL');
    daemon = await Daemon.start(['--config', settings]);
    await hijack(lab());
    await internationalCalls(lab());
    await unregisteredCall(lab());
    // whoever answers confirms
    const answering = setInterval(() => {
      for (const call of reception.calls) if (call.state === 'answered') void call.press('1').catch(() => undefined);
    }, 400);
    try {
      await until('critical alerts', 20_000, async () => atLeast(await stored(), 'critical').length > 0);
      await pause(2_000);
      await log.start();
      const alerts = await stored();
      const medium = atLeast(alerts, 'medium');
      let waiting: object[] = [];
      await until('all are told', 40_000, async () => {
        const { stdout } = await ringfence(['alerts', 'list', '--config', settings, '--format', 'json']);
        const ids = jsonLines<{ id: string }>(stdout).map(({ id }) => id);
        const shown = await Promise.all(
          ids.map(
            async (id) => (await ringfence(['alerts', 'show', id, '--config', settings, '--format', 'json'])).stdout,
          ),
        );
        waiting = shown
          .flatMap((text) => jsonLines<{ deliveries: { kind: string; state: string }[] }>(text))
          .flatMap(({ deliveries }) => deliveries.filter(({ kind, state }) => kind === 'alert' && state === 'waiting'));
        return waiting.length === 0;
      }).catch((error: unknown) => assert.fail(`${String(error)}: ${JSON.stringify(waiting)}`));
      const posted = english.received.map(({ body }) => (JSON.parse(body) as Alert).id).sort();
      assert.deepEqual(posted, medium, 'the webhook, each once');
      assert.equal(german.received.length, medium.length);
      const run = readFileSync(told, 'utf8').trim().split('\n');
      assert.deepEqual(run.map((line) => (JSON.parse(line) as Alert).id).sort(), medium, 'the program, each once');
      const lines = log.messages().slice(logged);
      assert.equal(lines.length, atLeast(alerts, 'low').length, 'syslog, each once, though it was away');
      const de = wordsOf('de');
      const ours = mail.mails().slice(mails);
      for (const id of new Set(alerts.filter((a) => medium.includes(a.id)).map(({ incident }) => incident))) {
        const thread = ours.filter(({ text }) => text.includes(id));
        assert.ok(thread.length > 0, `a mail about ${id}`);
        assert.ok(thread.every(({ text }) => text.includes(de.headings.now)));
      }
      const rung = reception.calls.filter(({ direction }) => direction === 'incoming').length;
      assert.ok(rung >= 1 && rung <= atLeast(alerts, 'critical').length, `the telephone rang ${rung} times`);
      const grave = alerts.find(({ severity }) => severity === 'critical');
      const shown = await ringfence(['alerts', 'show', grave?.incident ?? '', '--config', settings]);
      assert.match(shown.stdout, /Who was told\n(?: {2}.+\n)*? {2}mail: told /);
      assert.match(shown.stdout, /seen by +PJSIP\/1001, .*by telephone/);
    } finally {
      clearInterval(answering);
      reception.close();
    }
    assert.ok(existsSync(told));
    const { status } = await daemon.end();
    assert.equal(status, 0, daemon.stderr.slice(-2_000));
  });
});
