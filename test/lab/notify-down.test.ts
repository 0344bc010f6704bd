import assert from 'node:assert/strict';
import { chmodSync, existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import type { Alert } from '../../src/model.ts';
import { commandChannel } from '../../src/respond/notify/command.ts';
import { mailChannel } from '../../src/respond/notify/mail.ts';
import { syslogChannel } from '../../src/respond/notify/syslog.ts';
import { webhookChannel } from '../../src/respond/notify/webhook.ts';
import { httpReceiver } from '../support/http-receiver.ts';
import { alertAt, settingsOf, telltale, type Telltale } from '../support/notify.ts';
import { temporaryFolder } from '../support/temporary.ts';
import { chasquid, type Chasquid } from './support/chasquid.ts';
import { LabUnavailable } from './support/packages.ts';
import { until } from './support/process.ts';
import { rsyslog, type Rsyslog } from './support/rsyslog.ts';

const MINUTE = 60_000;
/** Wednesday 2 December 2026, 10:00 in Berlin. */
const DAY = Date.parse('2026-12-02T09:00:00Z');
const CHANNELS = ['mail', 'webhook', 'syslog', 'command'] as const;
type Name = (typeof CHANNELS)[number];

/** An hour of the notifier's clock; servers and programs are real, and really gone. The telephone: notify-phone.test.ts. */
describe('each channel down for an hour, beside three that work: nothing lost, nothing blocked, said once', function () {
  this.timeout(60_000);
  const folder = temporaryFolder();
  const hook = httpReceiver();
  let mail: Chasquid;
  let log: Rsyslog;
  let program = '';
  let told = '';

  before(async function () {
    this.timeout(120_000);
    for (const name of ['mail', 'syslog']) mkdirSync(folder.file(name));
    try {
      mail = await chasquid(folder.file('mail'));
      log = await rsyslog(folder.file('syslog'));
    } catch (error) {
      if (!(error instanceof LabUnavailable) || process.env['CI'] === 'true') throw error;
      console.warn(`      skipped: ${error.message}`);
      this.skip();
    }
    program = folder.file('tell');
    told = folder.file('told.jsonl');
    writeFileSync(program, `#!/bin/sh\ntr -d '\\n' >>${told}; echo >>${told}\n`);
    chmodSync(program, 0o755);
    writeFileSync(told, '');
    await Promise.all([mail.start(), log.start(), hook.start()]);
  });
  after(() => Promise.all([mail.stop(), log.stop(), hook.stop()]));

  const sides: Readonly<Record<Name, { stop: () => Promise<void> | void; start: () => Promise<void> | void }>> = {
    mail: { stop: () => mail.stop(), start: () => mail.start() },
    webhook: hook,
    syslog: { stop: () => log.stop(), start: () => log.start() },
    command: { stop: () => renameSync(program, `${program}.gone`), start: () => renameSync(`${program}.gone`, program) }, // prettier-ignore
  };
  /** How often an incident came there. */
  const heard: Readonly<Record<Name, (incident: string) => number>> = {
    // the number of a story that is told stands in its mail once, be it one of its own or of many
    mail: (incident) => mail.mails().filter(({ text }) => text.includes(`ringfence alerts show ${incident}\n`)).length,
    webhook: (incident) => hook.received.filter(({ body }) => (JSON.parse(body) as Alert).incident === incident).length,
    syslog: (incident) => log.messages().filter(({ msg }) => msg.includes(`incident=${incident}]`)).length,
    command: (incident) => readFileSync(told, 'utf8').split('\n').filter((line) => line !== '' && (JSON.parse(line) as Alert).incident === incident).length, // prettier-ignore
  };

  const everybody = (): Telltale => {
    const rendering = (language: string) => ({ timezone: 'Europe/Berlin', site: 'head-office', language });
    const server = { host: '127.0.0.1', port: mail.port, tls: 'starttls', ca: mail.ca } as const;
    const login = { user: mail.user, pass: mail.password };
    return telltale(
      settingsOf({ mail: { to: ['noc@example.net'] }, webhook: [{ url: 'http://127.0.0.1/' }], syslog: {}, command: { run: [program] } }), // prettier-ignore
      [
        mailChannel({ ...rendering('de'), from: mail.user, to: ['noc@example.net'], server: { ...server, login } }),
        webhookChannel({ ...rendering('en'), channel: 'webhook', url: hook.url, shape: 'ringfence', token: '', chat: '', secret: null, ca: null }), // prettier-ignore
        syslogChannel({ ...rendering('de'), transport: 'tcp', host: '127.0.0.1', port: log.ports.tcp, ca: log.ca, facility: 16, format: 'text', machine: 'pbx-1', process: '42' }), // prettier-ignore
        commandChannel({ ...rendering('en'), run: [program], timeout: 5_000 }),
      ],
      DAY,
    );
  };

  for (const down of CHANNELS)
    it(down, async () => {
      const t = everybody();
      const others = CHANNELS.filter((name) => name !== down);
      const incidents: string[] = [];
      await sides[down].stop();
      for (let minute = 0; minute < 60; minute += 5) {
        const now = DAY + minute * MINUTE;
        const alert = alertAt(`${down}-${minute}`, now);
        incidents.push(alert.incident);
        t.commit([alert], now);
        await t.at(now);
        const states = new Map(t.store.deliveries.of(alert.incident).map(({ channel, state }) => [channel, state]));
        for (const name of others) assert.equal(states.get(name), 'told', `${name} waits for nobody`);
        assert.equal(states.get(down), 'waiting');
      }
      for (const { name, failingSince, waiting } of t.notifier.health())
        assert.deepEqual([failingSince !== null, waiting], name === down ? [true, 12] : [false, 0], name);
      await sides[down].start();
      for (let minute = 60; minute < 90; minute++) await t.at(DAY + minute * MINUTE);
      assert.ok(t.notifier.health().every(({ failingSince, waiting }) => failingSince === null && waiting === 0));
      await until('all is written', 10_000, () =>
        CHANNELS.every((name) => incidents.every((incident) => heard[name](incident) > 0)),
      );
      for (const name of CHANNELS)
        for (const incident of incidents) assert.equal(heard[name](incident), 1, `${name}: ${incident}`);
      assert.equal(t.logged.filter(({ message }) => message.startsWith(`${down} is stuck`)).length, 1, 'said once');
      assert.equal(t.logged.filter(({ message }) => message.startsWith(`${down} delivers again`)).length, 1);
      assert.ok(existsSync(program));
    });
});
