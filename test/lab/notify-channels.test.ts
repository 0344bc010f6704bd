import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Alert, Evidence } from '../../src/model.ts';
import type { Channel } from '../../src/respond/notify/channel.ts';
import { commandChannel } from '../../src/respond/notify/command.ts';
import { mailChannel } from '../../src/respond/notify/mail.ts';
import { WEBHOOK_SHAPES } from '../../src/respond/notify/options.ts';
import { syslogChannel } from '../../src/respond/notify/syslog.ts';
import { webhookChannel } from '../../src/respond/notify/webhook.ts';
import { iso } from '../../src/time.ts';
import { wordsOf } from '../../src/words/index.ts';
import { assertAlert } from '../support/alert-shape.ts';
import { hostile } from '../support/hostile.ts';
import { httpReceiver } from '../support/http-receiver.ts';
import { alertAt, settingsOf, telltale } from '../support/notify.ts';
import { temporaryFolder } from '../support/temporary.ts';
import { chasquid, type Chasquid } from './support/chasquid.ts';
import { LabUnavailable } from './support/packages.ts';
import { until } from './support/process.ts';
import { rsyslog, type Rsyslog } from './support/rsyslog.ts';

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
/** Wednesday 2 December 2026, 10:00 in Berlin. */
const DAY = Date.parse('2026-12-02T09:00:00Z');

/** What all detectors say, one alert each: test/words/evidence.json. */
const SEEN = JSON.parse(readFileSync(join(import.meta.dirname, '../words/evidence.json'), 'utf8')) as Omit<
  Evidence,
  'id'
>[];
const ONE_EACH = [...new Map(SEEN.map((e) => [e.detector, e])).values()];
const alertsOf = (prefix: string, at: number): Alert[] =>
  ONE_EACH.map((e, i) =>
    alertAt(`${prefix}${i}`, at, {
      ...{ detector: e.detector, severity: 'critical', subject: e.subject, summary: e.summary, facts: e.facts },
      ...{ calls: e.calls, sources: e.sources },
    }),
  );

/** Hostile strings: a sample, or with RINGFENCE_LONG=1 ten thousand. */
const LONG = process.env['RINGFENCE_LONG'] === '1';
const sampleOf = (few: number): readonly string[] => hostile(LONG ? 10_000 : few, 7);
const HOSTILE_TIMEOUT = LONG ? 3_600_000 : 60_000;

const rendering = { timezone: 'Europe/Berlin', site: 'head-office' };

/** In a `before`: the server, or the tests are skipped with the reason; with CI=true that is a failure. */
async function orSkip<T>(test: Mocha.Context, prepare: () => Promise<T>): Promise<T> {
  try {
    return await prepare();
  } catch (error) {
    if (!(error instanceof LabUnavailable) || process.env['CI'] === 'true') throw error;
    console.warn(`      skipped: ${error.message}`);
    return test.skip();
  }
}

describe('a real mail server', function () {
  this.timeout(60_000);
  const folder = temporaryFolder();
  let server: Chasquid;
  before(async function () {
    this.timeout(120_000);
    server = await orSkip(this, async () => {
      mkdirSync(folder.file('mail'));
      return await chasquid(folder.file('mail'));
    });
    await server.start();
  });
  after(() => server.stop());

  const channel = (language: string, tls: 'starttls' | 'tls' = 'starttls', pass = server.password): Channel =>
    mailChannel({
      ...{ ...rendering, language, from: server.user, to: ['noc@example.net'] },
      server: {
        host: '127.0.0.1',
        port: tls === 'tls' ? server.tlsPort : server.port,
        ...{ tls, ca: server.ca, login: { user: server.user, pass } },
      },
    });
  const came = async (count: number): Promise<ReturnType<Chasquid['mails']>> =>
    await until(`${count} mails`, 10_000, () => server.mails().length >= count && server.mails());

  for (const language of ['en', 'de'] as const)
    it(`takes the incidents of every detector, once, in its language: ${language}`, async () => {
      const before = server.mails().length;
      const words = wordsOf(language);
      const t = telltale(settingsOf({ mail: { to: ['noc@example.net'] } }), [channel(language)], DAY);
      const alerts = alertsOf(language, DAY);
      // few enough at a time for a mail each
      for (let i = 0; i < alerts.length; i += 8) {
        t.commit(alerts.slice(i, i + 8), DAY + i * SECOND);
        await t.at(DAY + i * SECOND);
      }
      for (let i = 0; i < 3; i++) await t.at(DAY + MINUTE + i * SECOND);
      const mails = (await came(before + alerts.length)).slice(before);
      assert.equal(mails.length, alerts.length);
      for (const alert of alerts) {
        const mail = mails.find(({ headers }) => headers.get('x-ringfence-incident') === alert.incident);
        assert.ok(mail !== undefined, alert.incident);
        const { headings } = words;
        for (const part of [headings.now, headings.undo, headings.short, words.subject(alert.subject), alert.incident])
          assert.ok(mail.text.includes(part), `${part} in\n${mail.text}`);
        assert.ok(mail.html.includes('<table') && mail.html.includes(headings.now.replaceAll("'", '&#39;')));
        assert.equal(mail.headers.get('message-id'), `<incident.${alert.incident}@example.net>`);
        assert.equal(mail.headers.get('auto-submitted'), 'auto-generated');
        assert.equal(mail.headers.get('importance'), 'high');
        assert.ok(
          mail.headers.get('subject')?.startsWith(`[head-office] ${words.severity('critical').toUpperCase()}: `),
        );
      }
    });

  it('makes one thread of an incident: later mails refer to the first', async () => {
    const before = server.mails().length;
    const t = telltale(settingsOf({ mail: { to: ['noc@example.net'] } }), [channel('en', 'tls')], DAY);
    t.commit([alertAt('t1', DAY, { severity: 'high', incident: 'story' })], DAY);
    await t.at(DAY);
    t.commit([alertAt('t2', DAY + MINUTE, { incident: 'story' })], DAY + MINUTE);
    await t.at(DAY + MINUTE);
    const [first, second] = (await came(before + 2)).slice(before);
    assert.equal(first?.headers.get('references'), undefined);
    assert.equal(second?.headers.get('references'), first?.headers.get('message-id'));
    assert.equal(second?.headers.get('in-reply-to'), first?.headers.get('message-id'));
    assert.notEqual(second?.headers.get('message-id'), first?.headers.get('message-id'));
  });

  it('a wrong password says what to check', async () => {
    const t = telltale(settingsOf({ mail: { to: ['noc@example.net'] } }), [channel('en', 'tls', 'wrong')], DAY);
    t.commit([alertAt('w', DAY)], DAY);
    await t.notifier.idle();
    assert.match(t.store.deliveries.of('incident-w')[0]?.error ?? '', /check username and password_file/);
  });

  it('hostile names: no header that is not ours, no markup of theirs', async function () {
    this.timeout(HOSTILE_TIMEOUT);
    const before = server.mails().length;
    const mail = channel('en');
    const t = telltale(settingsOf({ mail: { to: ['noc@example.net'] } }), [mail], DAY);
    const sample = sampleOf(9);
    for (const [i, text] of sample.entries()) {
      t.commit([hostileAlert(`h${i}`, text)], DAY + i * SECOND);
      await t.at(DAY + i * SECOND);
    }
    const mails = (await came(before + sample.length)).slice(before);
    const OURS =
      /^(?:received|received-spf|from|to|subject|message-id|date|mime-version|content-type|content-transfer-encoding|content-language|importance|auto-submitted|x-ringfence-[a-z]+|references|in-reply-to|authentication-results)$/;
    for (const { headers, html } of mails) {
      for (const name of headers.keys()) assert.match(name, OURS);
      assert.doesNotMatch(html, /<(?:script|img|a|iframe|svg|style|link|form)\b/i);
    }
  });
});

export function hostileAlert(id: string, text: string): Alert {
  return alertAt(id, DAY, {
    subject: { type: 'account', value: text.slice(0, 64) },
    summary: `Extension ${text} placed 12 calls`,
    facts: { calls: 12, userAgent: text, numbers: [text], holiday: text, reasons: [text] },
    sources: [text],
    calls: [text],
  });
}

describe('a real syslog server', function () {
  this.timeout(60_000);
  const folder = temporaryFolder();
  let server: Rsyslog;
  before(async function () {
    this.timeout(120_000);
    server = await orSkip(this, async () => {
      mkdirSync(folder.file('syslog'));
      return await rsyslog(folder.file('syslog'));
    });
    await server.start();
  });
  after(() => server.stop());

  const channel = (transport: 'udp' | 'tcp' | 'tls', language: string, format: 'text' | 'json' = 'text'): Channel =>
    syslogChannel({
      ...{ ...rendering, language, transport, host: '127.0.0.1', port: server.ports[transport] },
      ...{ ca: server.ca, facility: 16, format, machine: 'pbx-1', process: '42' },
    });

  for (const [transport, language] of [
    ['udp', 'en'],
    ['tcp', 'de'],
    ['tls', 'en'],
    ['tls', 'de'],
  ] as const)
    it(`takes the incidents of every detector by ${transport}, once, in ${language}`, async () => {
      const before = server.messages().length;
      const t = telltale(settingsOf({ syslog: {} }), [channel(transport, language)], DAY);
      const alerts = alertsOf(`${transport}-${language}`, DAY);
      t.commit(alerts, DAY);
      for (let i = 0; i < 3; i++) await t.at(DAY + i * SECOND);
      await until('they are written', 5_000, () => server.messages().length >= before + alerts.length);
      const messages = server.messages().slice(before);
      assert.equal(messages.length, alerts.length);
      for (const alert of alerts) {
        const own = messages.filter(({ msg }) => msg.includes(`incident=${alert.incident}]`));
        assert.equal(own.length, 1, alert.incident);
        const message = own[0]!;
        assert.equal(message.msgid, alert.detector.slice(0, 32));
        assert.deepEqual(
          [message.pri, message['app-name'], message.inputname],
          [String(16 * 8 + 2), 'ringfence', transport],
        );
        const said = wordsOf(language).summary(alert).slice(0, 40);
        assert.ok(message.msg.includes(said), `${said} in ${message.msg}`);
      }
    });

  it('JSON stays JSON, also where it is long', async () => {
    const before = server.messages().length;
    const t = telltale(settingsOf({ syslog: {} }), [channel('udp', 'en', 'json')], DAY);
    t.commit([alertAt('long', DAY, { facts: { text: 'ä"\\'.repeat(2_000) } })], DAY);
    await t.notifier.idle();
    await until('it is written', 5_000, () => server.messages().length > before);
    const object = JSON.parse(server.messages()[before]?.msg ?? '') as Record<string, unknown>;
    assert.equal(object['incident'], 'incident-long');
  });

  it('a UDP port where nobody listens is noticed on this machine', async () => {
    await server.stop();
    await assert.rejects(
      channel('udp', 'en').tell([testTelling()], AbortSignal.timeout(5_000)),
      /syslog server udp:127\.0\.0\.1:\d+ could not be reached/,
    );
    await server.start();
  });

  it('hostile names: each is one message, with nothing but what we said', async function () {
    this.timeout(HOSTILE_TIMEOUT);
    const before = server.messages().length;
    const t = telltale(settingsOf({ syslog: {} }), [channel('tcp', 'de')], DAY);
    const sample = sampleOf(60);
    for (const [i, text] of sample.entries()) t.commit([hostileAlert(`s${i}`, text)], DAY);
    await t.at(DAY + SECOND);
    await until('they are written', 60_000, () => server.messages().length >= before + sample.length);
    const messages = server.messages().slice(before);
    assert.equal(messages.length, sample.length);
    for (const { msg, 'app-name': app } of messages) {
      assert.equal(app, 'ringfence');
      assert.doesNotMatch(msg.replace(/^\ufeff/, ''), /[\p{Cc}\u2028\u2029]/u);
    }
  });
});

const testTelling = () => {
  const state = { state: 'waiting', attempts: 0, nextAt: DAY, doneAt: null, error: '' } as const;
  const what = {
    channel: 'x',
    kind: 'alarm',
    alert: '',
    incident: '',
    severity: 'info',
    at: DAY,
    held: false,
  } as const;
  return { kind: 'test', delivery: { id: 'test', body: '', ...what, ...state } } as const;
};

describe('a real webhook receiver', function () {
  this.timeout(30_000);
  const receiver = httpReceiver();
  before(() => receiver.start());
  after(() => receiver.stop());
  const hook = (shape: Parameters<typeof webhookChannel>[0]['shape'], language = 'en'): Channel =>
    webhookChannel({
      ...{ ...rendering, language, channel: 'webhook', url: receiver.url, shape, token: 'a-token', chat: '-100' },
      ...{ secret: 'a-key', ca: null, clock: () => DAY },
    });
  const settings = settingsOf({ webhook: [{ url: 'http://127.0.0.1/' }] });

  it('takes the JSON of contracts.md, signed, once for each incident', async () => {
    const t = telltale(settings, [hook('ringfence')], DAY);
    const alerts = alertsOf('json', DAY);
    t.commit(alerts, DAY);
    for (let i = 0; i < 3; i++) await t.at(DAY + i * SECOND);
    assert.equal(receiver.received.length, alerts.length);
    for (const [i, { body, headers }] of receiver.received.entries()) {
      const object = JSON.parse(body) as Alert;
      assertAlert(object);
      assert.deepEqual(
        object,
        alerts.find(({ id }) => id === object.id),
      );
      const [, seconds = '', hex = ''] =
        /^t=(\d+),v1=([0-9a-f]{64})$/.exec(String(headers['ringfence-signature'])) ?? [];
      assert.equal(seconds, String(DAY / SECOND));
      assert.equal(hex, createHmac('sha256', 'a-key').update(`${seconds}.${body}`).digest('hex'));
      assert.equal(headers.authorization, 'Bearer a-token');
      assert.equal(headers['ringfence-id']?.length, 16, String(i));
    }
    assert.equal(new Set(receiver.received.map(({ headers }) => headers['ringfence-id'])).size, alerts.length);
  });

  for (const shape of ['slack', 'teams', 'mattermost', 'telegram', 'pagerduty'] as const)
    for (const language of ['en', 'de'])
      it(`${shape} in ${language}`, async () => {
        receiver.received.length = 0;
        const t = telltale(settings, [hook(shape, language)], DAY);
        const alerts = alertsOf(`${shape}-${language}`, DAY).slice(0, 5);
        t.commit(alerts, DAY);
        await t.at(DAY + SECOND);
        assert.equal(receiver.received.length, 5);
        for (const { body, headers, path } of receiver.received) {
          assert.ok(body.includes(wordsOf(language).severity('critical').toUpperCase()) || shape !== 'slack', body);
          assert.equal(
            headers.authorization,
            shape === 'telegram' || shape === 'pagerduty' ? undefined : 'Bearer a-token',
          );
          assert.equal(path, shape === 'telegram' ? '/hook/bota-token/sendMessage' : '/hook');
          assertShape(shape, JSON.parse(body) as Record<string, unknown>);
        }
      });

  for (const shape of WEBHOOK_SHAPES)
    it(`hostile names, ${shape}: one POST each, of JSON that says what was written`, async function () {
      this.timeout(HOSTILE_TIMEOUT);
      receiver.received.length = 0;
      const t = telltale(settings, [hook(shape)], DAY);
      const sample = sampleOf(40);
      for (const [i, text] of sample.entries()) t.commit([hostileAlert(`${shape}${i}`, text)], DAY);
      for (let i = 0; (t.notifier.health()[0]?.waiting ?? 0) > 0; i++) await t.at(DAY + i * SECOND);
      assert.equal(receiver.received.length, sample.length);
      const names = new Set(['host', 'connection', 'content-type', 'content-length', 'user-agent', 'accept', 'accept-language', 'accept-encoding', 'sec-fetch-mode', 'authorization', 'ringfence-id', 'ringfence-kind', 'ringfence-signature']); // prettier-ignore
      for (const { body, headers } of receiver.received) {
        const object = JSON.parse(body) as Record<string, unknown>;
        if (shape === 'ringfence')
          assert.ok(sample.some((text) => object['summary'] === `Extension ${text} placed 12 calls`));
        else assertShape(shape, object);
        for (const name of Object.keys(headers)) assert.ok(names.has(name), name);
      }
    });

  const ANSWERS: [number, Record<string, string>, RegExp, boolean][] = [
    [429, { 'retry-after': '120' }, /HTTP 429/, true],
    [500, {}, /HTTP 500: an answer/, true],
    [404, {}, /HTTP 404: check its URL and token/, false],
    [302, { location: 'http://127.0.0.1:1/' }, /redirects are not followed/, false],
  ];
  for (const [status, headers, message, retryable] of ANSWERS)
    it(`HTTP ${status} is tried again ${retryable ? 'soon' : 'in an hour'}`, async () => {
      receiver.status = status;
      for (const name of Object.keys(receiver.answerHeaders)) Reflect.deleteProperty(receiver.answerHeaders, name);
      Object.assign(receiver.answerHeaders, headers);
      const t = telltale(settings, [hook('ringfence')], DAY);
      t.commit([alertAt(`s${status}`, DAY)], DAY);
      await t.notifier.idle();
      receiver.status = 200;
      const [row] = t.store.deliveries.of(`incident-s${status}`);
      assert.match(row?.error ?? '', message);
      const wait = (row?.nextAt ?? 0) - DAY;
      assert.equal(wait, status === 429 ? 120_000 : retryable ? 5_000 : 3_600_000);
    });

  it('a URL with a secret in it is in no error text', async () => {
    const channel = webhookChannel({
      ...{ ...rendering, language: 'en', channel: 'webhook', url: 'http://127.0.0.1:1/T000/SECRET', shape: 'slack' },
      ...{ token: '', chat: '', secret: null, ca: null },
    });
    await assert.rejects(channel.tell([testTelling()], AbortSignal.timeout(5_000)), (error: Error) => {
      assert.match(error.message, /127\.0\.0\.1:1 could not be reached: ECONNREFUSED/);
      assert.ok(!error.message.includes('SECRET'));
      return true;
    });
  });
});

/** What each service's documentation asks of a message. */
function assertShape(shape: string, body: Readonly<Record<string, unknown>>): void {
  const first = (name: string): Record<string, unknown> => (body[name] as Record<string, unknown>[])[0] ?? {};
  switch (shape) {
    case 'slack':
      assert.equal(typeof body['text'], 'string');
      assert.deepEqual(
        (body['blocks'] as { type: string }[]).map(({ type }) => type),
        ['header', 'section'],
      );
      break;
    case 'teams':
      assert.equal(first('attachments')['contentType'], 'application/vnd.microsoft.card.adaptive');
      break;
    case 'mattermost':
      assert.equal(typeof first('attachments')['title'], 'string');
      break;
    case 'telegram':
      assert.equal(body['chat_id'], '-100');
      assert.equal('parse_mode' in body, false);
      break;
    case 'pagerduty': {
      const { severity, timestamp } = body['payload'] as Record<string, unknown>;
      assert.deepEqual([body['event_action'], body['routing_key'], severity], ['trigger', 'a-token', 'critical']);
      assert.match(String(timestamp), /^2026-12-02T09:00:00/);
      break;
    }
    default:
      assert.fail(shape);
  }
}

describe('a program of the site', function () {
  this.timeout(20_000);
  const folder = temporaryFolder();
  const settings = settingsOf({ command: { run: ['x'] } });
  const program = (run: string[], timeout = 5_000): Channel =>
    commandChannel({ ...rendering, language: 'de', run, timeout });

  it('gets one JSON object on its standard input, and no shell is between', async () => {
    const file = folder.file('told.json');
    const run = ['/bin/sh', '-c', 'cat >"$0"; echo "$RINGFENCE_ID $RINGFENCE_SEVERITY $SECRET" >"$0.env"', file];
    process.env['SECRET'] = 'not for others';
    const t = telltale(settings, [program(run)], DAY);
    t.commit([alertAt('c', DAY, { summary: '$(touch /tmp/x) `id`' })], DAY);
    await t.notifier.idle();
    delete process.env['SECRET'];
    const object = JSON.parse(readFileSync(file, 'utf8')) as { text: string; at: string; incident: string };
    assert.equal(object.incident, 'incident-c');
    assert.equal(object.at, iso(DAY));
    assert.ok(object.text.includes(wordsOf('de').headings.now));
    assert.match(readFileSync(`${file}.env`, 'utf8'), /^[0-9a-f]{16} critical \n$/);
  });

  it('hostile names: one line of JSON each', async function () {
    this.timeout(HOSTILE_TIMEOUT);
    const file = folder.file('hostile.jsonl');
    const t = telltale(settings, [program(['/bin/sh', '-c', 'cat >>"$0"; echo >>"$0"', file], 60_000)], DAY);
    const sample = sampleOf(20);
    for (const [i, text] of sample.entries()) t.commit([hostileAlert(`p${i}`, text)], DAY);
    for (let i = 0; (t.notifier.health()[0]?.waiting ?? 0) > 0; i++) await t.at(DAY + i * SECOND);
    const lines = readFileSync(file, 'utf8').trim().split('\n');
    assert.equal(lines.length, sample.length);
    for (const [i, line] of lines.entries()) {
      const { text, id } = JSON.parse(line) as Alert & { text: string };
      assert.equal(id, `p${i}`);
      assert.doesNotMatch(text, /[^\n\P{C}]|[\p{Zl}\p{Zp}]/u);
    }
  });

  const FAILING: [string, string[], RegExp, number?][] = [
    ['fails', ['/bin/sh', '-c', 'echo no paper >&2; exit 3'], /\/bin\/sh: exit status 3: no paper/],
    ['is not there', ['/nonexistent/tell'], /cannot be run/],
    [
      'does not end, nor what it has started',
      ['/bin/sh', '-c', 'sleep 30 & sleep 30'],
      /did not end within 200 ms/,
      200,
    ],
  ];
  for (const [sentence, run, message, timeout] of FAILING)
    it(`a program that ${sentence} is tried again`, async () => {
      const t = telltale(settings, [program(run, timeout)], DAY);
      t.commit([alertAt('f', DAY)], DAY);
      await t.notifier.idle();
      const [row] = t.store.deliveries.of('incident-f');
      assert.match(row?.error ?? '', message);
      assert.deepEqual([row?.state, row?.attempts], ['waiting', 1]);
    });
});
