import assert from 'node:assert/strict';
import type { Alert } from '../../../src/model.ts';
import type { Telling } from '../../../src/respond/notify/channel.ts';
import { mailOf } from '../../../src/respond/notify/mail.ts';
import { promptsFor, PROMPTS, spelled } from '../../../src/respond/notify/phone-script.ts';
import { storyOfAlert } from '../../../src/respond/notify/story.ts';
import { octetCounted, SYSLOG_LIMIT, syslogMessage } from '../../../src/respond/notify/syslog-frame.ts';
import { syslogText } from '../../../src/respond/notify/syslog.ts';
import { postOf, type ShapeOptions } from '../../../src/respond/notify/webhook-shapes.ts';
import { WEBHOOK_SHAPES } from '../../../src/respond/notify/options.ts';
import { LANGUAGES } from '../../../src/words/index.ts';
import { detectors } from '../../../src/detect/index.ts';
import { decision, incident, T0 } from '../../support/evidence.ts';
import { hostile } from '../../support/hostile.ts';
import { alertAt } from '../../support/notify.ts';

/** Strings that attackers write where they can: user agents, caller names, numbers, fields of call records. */
const STRINGS = hostile(process.env['RINGFENCE_LONG'] === '1' ? 10_000 : 1_000, 7);

function telling(i: number, text: string): Extract<Telling, { kind: 'alert' | 'update' }> {
  const detector = detectors[i % detectors.length]?.name ?? '';
  const type = (['account', 'address', 'number', 'trunk'] as const)[i % 4] ?? 'account';
  const alert: Alert = alertAt(`a${i}`, T0, {
    ...{ detector, subject: { type, value: text } },
    summary: `Extension ${text} placed 12 calls as ${text}`,
    facts: {
      calls: 12,
      userAgent: text,
      numbers: [text, text],
      countries: [text],
      rule: text,
      names: [text],
      trunk: text,
    },
    ...{ calls: [text], sources: [text] },
  });
  const story = storyOfAlert(alert);
  const decisions = [
    decision('d1', { state: 'done', target: text, why: text }),
    decision('d2', { state: 'failed', target: text, action: 'block-address' }),
  ];
  return {
    kind: i % 7 === 0 ? 'update' : 'alert',
    alert,
    first: i % 2 === 0,
    story: {
      ...story,
      incident: { ...story.incident, accounts: [text] },
      decisions,
      failures: new Map([['d2', text]]),
    },
    delivery: {
      ...{
        id: `id${i}`,
        channel: 'mail',
        kind: 'alert',
        alert: alert.id,
        incident: alert.incident,
        severity: 'critical',
      },
      ...{ at: T0, held: false, body: '', state: 'waiting', attempts: 0, nextAt: T0, doneAt: null, error: '' },
    },
  };
}

const RENDERINGS = LANGUAGES.map((language) => ({ language, timezone: 'Europe/Berlin', site: 'head-office' }));
const rendering = (i: number) => RENDERINGS[i % RENDERINGS.length]!;

const SHAPED: readonly ShapeOptions[] = RENDERINGS.map((one) => ({
  ...one,
  ...{ channel: 'webhook', url: 'http://127.0.0.1/h', token: 't', chat: '1' },
}));

/** Control characters, and what turns or hides text. */
const UNSEEN = /[\p{Cc}\p{Cf}\p{Cs}\u2028\u2029]/u;
const TAGS = new Set(
  'html head meta title body div table tr td h2 ol ul li br code pre p'
    .split(' ')
    .flatMap((name) => [name, `/${name}`]),
);

describe(`${STRINGS.length} hostile strings through every channel`, function () {
  this.timeout(120_000);

  it('mail: one line per header, no tag but ours, no line that starts something else', () => {
    for (const [i, text] of STRINGS.entries()) {
      const mail = mailOf([telling(i, text)], rendering(i), 'example.net');
      for (const header of [mail.subject, mail.messageId, ...mail.references, ...Object.values(mail.headers)])
        assert.doesNotMatch(header, UNSEEN, text);
      assert.ok(Array.from(mail.subject).length <= 200);
      assert.doesNotMatch(mail.text.replaceAll('\n', ''), UNSEEN, text);
      for (const [, name = ''] of mail.html.matchAll(/<(!?\/?[A-Za-z][^\s>]*|[^A-Za-z/!])/g))
        assert.ok(TAGS.has(name) || name === '!DOCTYPE', `<${JSON.stringify(name)}> of ${JSON.stringify(text)}`);
      // the attributes are ours alone
      for (const [, name = ''] of mail.html.matchAll(/<[a-z0-9]+[^>]*?\s([a-z-]+)=/g))
        assert.ok(['style', 'lang', 'charset'].includes(name), `${name}= of ${text}`);
    }
  });

  it('webhooks: JSON that says what it should in every shape, whatever stands in it', () => {
    for (const [i, text] of STRINGS.entries()) {
      const shape = WEBHOOK_SHAPES[i % WEBHOOK_SHAPES.length] ?? 'ringfence';
      const options = SHAPED[Math.floor(i / 6) % SHAPED.length]!;
      const { url, body } = postOf(shape, telling(i, text), options);
      assert.match(url, /^https?:\/\/[\w.:/-]+$/);
      const json = JSON.stringify(body);
      assert.deepEqual(JSON.parse(json), JSON.parse(JSON.stringify(body)));
      assert.ok(!json.includes('\n'));
      if (shape === 'ringfence') continue; // the contract's JSON is for programs: it holds what was said, escaped
      for (const said of textsOf(JSON.parse(json))) assert.doesNotMatch(said.replaceAll('\n', ''), UNSEEN, text);
      if (shape === 'slack') assert.doesNotMatch(JSON.stringify((body as { text: string }).text), /<[!@#]/);
      if (shape === 'telegram') assert.ok((body as { text: string }).text.length <= 4096);
    }
  });

  it('syslog: one frame, of the length that it says, within its limit, whole characters', () => {
    for (const [i, text] of STRINGS.entries()) {
      const transport = (['udp', 'tcp'] as const)[i % 2] ?? 'udp';
      const limit = SYSLOG_LIMIT[transport];
      const format = i % 3 === 0 ? 'json' : 'text';
      const said = syslogText(telling(i, text), rendering(i), format, limit);
      const message = syslogMessage(
        { facility: 16, severity: 'critical', at: T0, host: text, process: text, kind: text, text: said },
        limit,
      );
      assert.ok(message.length <= limit);
      const line = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(message);
      assert.match(line, /^<130>1 \S+ \S+ ringfence \S+ \S+ - [^\p{Cc}\u2028\u2029]*$/u, text);
      if (format === 'json') JSON.parse(line.split(' ').slice(7).join(' '));
      const framed = octetCounted(message);
      assert.equal(framed.subarray(0, framed.indexOf(32)).toString(), String(message.length));
    }
  });

  it('the telephone: only prompts that there are, and never more than a line of AMI holds', () => {
    const known = new Set(PROMPTS);
    for (const [i, text] of STRINGS.entries()) {
      const prompts = promptsFor([telling(i, text).story], i % 2 === 0);
      for (const prompt of [...prompts, ...spelled(text)]) assert.ok(known.has(prompt), prompt);
      assert.ok(prompts.length <= 60 && prompts.join('&').length < 900);
    }
  });
});

/** Every text within a value. */
function textsOf(value: unknown): string[] {
  if (typeof value === 'string') return [value];
  if (typeof value !== 'object' || value === null) return [];
  return Object.values(value).flatMap(textsOf);
}

describe('what the telephone says', () => {
  const story = (over: Parameters<typeof incident>[1], done = false) => ({
    incident: incident('i', over),
    ...{ evidence: [], acknowledgements: [], aliases: [], rules: new Map() },
    decisions: done ? [decision('d', { state: 'done' })] : [],
  });
  const SAYS: [string, string[], string][] = [
    ['a test', promptsFor([], false), 'beep hello-world if-correct-press digits/1 vm-repeat'],
    [
      'an extension, and that something is blocked',
      promptsFor([story({}, true)], true),
      'beep vm-youhave digits/1 vm-Urgent vm-message extension digits/1 digits/0 digits/0 digits/4 is-in-use disabled if-correct-press digits/1 vm-press digits/2 for de-activated vm-repeat',
    ],
    [
      'an address, without anything to lift',
      promptsFor([story({ detector: 'brute-force', subject: { type: 'address', value: '203.0.113.7' } })], false),
      'beep vm-youhave digits/1 vm-Urgent vm-message vm-from digits/2 digits/0 digits/3 letters/dot digits/0 letters/dot digits/1 digits/1 digits/3 letters/dot digits/7 vm-incorrect if-correct-press digits/1 vm-repeat',
    ],
    [
      'how many there are',
      promptsFor(
        Array.from({ length: 42 }, () => story({})),
        false,
      ).slice(0, 7),
      'beep vm-youhave digits/40 digits/2 vm-Urgent vm-messages extension',
    ],
  ];
  for (const [sentence, said, expected] of SAYS)
    it(sentence, () => {
      assert.equal(said.join(' '), expected);
    });
});
