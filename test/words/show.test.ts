import assert from 'node:assert/strict';
import { Zone } from '../../src/time.ts';
import {
  alertLine,
  en,
  explain,
  incidentTable,
  width,
  type IncidentStory,
  type Painter,
  type TextOptions,
} from '../../src/words/index.ts';
import { alert, decision, evidence, incident, T0 } from '../support/evidence.ts';

const OPTIONS: TextOptions = { words: en, zone: new Zone('Europe/Berlin') };
const HOSTILE = 'x\u202e\x1b[31m\n電話 '.repeat(40);

const story = (over: Partial<IncidentStory> = {}): IncidentStory => ({
  incident: incident('0123456789abcdef', { openedAt: T0 - 600_000, evidenceCount: 2 }),
  evidence: [
    evidence('e2'),
    evidence('e1', {
      at: T0 - 600_000,
      detector: 'registration-hijack',
      severity: 'high',
      summary: 'Extension 1004 was registered from a second address',
      facts: { userAgent: 'friendly-scanner' },
    }),
  ],
  decisions: [decision('d1'), decision('d2', { action: 'hang-up', target: 'c1', until: null })],
  acknowledgements: [],
  aliases: ['fedcba9876543210'],
  rules: new Map([
    [
      'out-of-hours-calls',
      {
        summary: 'chargeable calls while the office is closed',
        settings: [{ name: 'calls', value: '3', help: 'calls of one closed period that make it grave' }],
      },
    ],
  ]),
  ...over,
});

const hostile = (): IncidentStory =>
  story({
    incident: incident(HOSTILE, {
      summary: HOSTILE,
      subject: { type: 'account', value: HOSTILE },
      detector: HOSTILE,
      accounts: Array<string>(50).fill(HOSTILE),
      sources: [HOSTILE],
      calls: Array<string>(100).fill(HOSTILE),
      loss: { amount: 1, currency: HOSTILE, estimated: true },
      acknowledgedAt: T0,
    }),
    evidence: Array.from({ length: 150 }, () =>
      evidence(HOSTILE, { detector: HOSTILE, summary: HOSTILE, facts: { [HOSTILE]: HOSTILE, list: [HOSTILE] } }),
    ),
    decisions: Array.from({ length: 60 }, (_, i) =>
      decision(HOSTILE, { target: `${i}${HOSTILE}`, why: HOSTILE, state: i % 2 ? 'done' : 'observed' }),
    ),
    acknowledgements: [{ who: HOSTILE, at: T0, note: HOSTILE }],
    aliases: [HOSTILE],
    rules: new Map([[HOSTILE, { summary: HOSTILE, settings: [{ name: HOSTILE, value: HOSTILE, help: HOSTILE }] }]]),
  });

/** No control character but line ends, no line wider than it may be. */
function sound(text: string, columns: number): void {
  for (const line of text.split('\n')) {
    assert.doesNotMatch(line, /[\p{C}\p{Zl}\p{Zp}]/u, JSON.stringify(line));
    assert.ok(width(line) <= columns, `${width(line)} columns: ${line}`);
  }
}

const brackets: Painter = {
  bold: (text) => `<b>${text}</b>`,
  dim: (text) => `<d>${text}</d>`,
  severity: (severity, text) => `<${severity}>${text}</${severity}>`,
};

describe('alerts list', () => {
  const rows = [
    incident('0123456789abcdef'),
    incident('1111222233334444', {
      severity: 'low',
      acknowledgedAt: T0,
      loss: null,
      summary: 'A phone on a new address',
    }),
  ];

  it('is a table', () => {
    assert.equal(
      incidentTable(rows, OPTIONS),
      [
        'ID        SINCE              SEVERITY  WHAT',
        '01234567  21 Nov 2026 02:13  critical  Extension 1004 placed 12 calls to Latvia (+371) in 9 min',
        '                                       while the office was closed (about EUR 31.20)',
        '11112222  21 Nov 2026 02:13  low       ✓ A phone on a new address',
      ].join('\n'),
    );
  });

  it('says so when there is none', () => {
    assert.equal(incidentTable([], OPTIONS), 'No alerts.');
  });

  it('never gets wider than it may, whatever is in it', () => {
    for (const columns of [60, 100, 180])
      sound(incidentTable([...rows, hostile().incident], { ...OPTIONS, columns }), columns);
  });

  it('is painted by whoever wants it painted', () => {
    const painted = incidentTable(rows, { ...OPTIONS, paint: brackets });
    assert.match(painted, /^<b>ID {8}SINCE/);
    assert.match(painted, /<critical>critical<\/critical>/);
    assert.match(painted, /<d>✓ A phone on a new address<\/d>/);
  });
});

describe('an alert on one line', () => {
  it('has local time, severity, words, cost and the incident', () => {
    const line = alertLine(alert('a1', { loss: { amount: 2, currency: 'EUR', estimated: true } }), OPTIONS);
    assert.equal(line, '21 Nov 2026 02:13:04  critical  Extension 1004 placed 12 calls (about EUR 2.00) [i1]');
  });

  it('stays one line', () => {
    sound(alertLine(alert('a1', { summary: HOSTILE, incident: HOSTILE }), OPTIONS), 2000);
    assert.ok(!alertLine(alert('a1', { summary: 'a\nb' }), OPTIONS).includes('\n'));
  });
});

describe('alerts show', () => {
  const text = explain(story(), OPTIONS);
  const section = (title: string, from = text): string => from.split(`\n${title}\n`)[1]?.split('\n\n')[0] ?? '';

  it('begins with what happened', () => {
    assert.match(text, /^CRITICAL {2}Extension 1004 placed 12 calls to Latvia/);
    assert.match(
      text,
      /\n {2}incident {4}0123456789abcdef\n {2}also {8}fedcba9876543210\n {2}about {7}extension 1004\n/,
    );
    assert.match(text, /\n {2}began {7}Sat 21 Nov 2026 02:03:04 \+01:00 \(Europe\/Berlin\)\n/);
    assert.match(text, /\(\+ 10 min\)\n {2}cost {8}about EUR 31\.20\n/);
    assert.match(text, /seen by {5}nobody yet/);
  });

  it('tells the evidence by time, in local time, with its facts', () => {
    const lines = section('What was seen').split('\n');
    assert.equal(lines[0], '  Fri 20 Nov 2026 (Europe/Berlin)');
    assert.equal(lines[1], '  18:00:00            closed since');
    assert.equal(lines[2], '  Sat 21 Nov 2026 (Europe/Berlin)');
    assert.equal(lines[3], '  02:03:04  high      Extension 1004 was registered from a second address');
    assert.equal(lines[4]?.trim(), 'user agent: friendly-scanner');
    assert.match(lines[5] ?? '', /^ {2}02:13:04 {2}critical {2}Extension 1004 placed 12 calls/);
    assert.match(section('What was seen'), /\n {2}02:13:04 {2}decision {2}ringfence would block international calls/);
  });

  it('gives a heading to each day of the site', () => {
    const days = [T0 - 7_200_000, T0 - 8_000_000, T0].map((at, i) => evidence(`e${i}`, { at }));
    const seen = section('What was seen', explain(story({ evidence: days }), OPTIONS));
    assert.deepEqual(seen.match(/^ {2}[A-Z].*$/gm), [
      '  Fri 20 Nov 2026 (Europe/Berlin)',
      '  Sat 21 Nov 2026 (Europe/Berlin)',
    ]);
  });

  it('names the rules and their thresholds', () => {
    const rules = section('Which rule, which threshold');
    assert.match(rules, /out-of-hours-calls: chargeable calls while the office is closed/);
    assert.match(rules, /calls = 3 \(seen: 12\): calls of one closed period/);
    assert.match(rules, /registration-hijack/);
  });

  it('says what would be done, and that nothing was', () => {
    const done = section('What was done');
    assert.match(done, /observes here and did nothing/);
    assert.match(done, /would block international calls of extension 1004, until Sat 21 Nov 2026 03:13:04/);
    assert.match(done, /no more money is lost abroad/);
    assert.match(section('How to undo it'), /There is nothing to undo/);
  });

  it('says how to undo what was done', () => {
    const shown = explain(story({ decisions: [decision('d9', { state: 'done' })] }), OPTIONS);
    assert.match(section('What was done', shown), /has blocked international calls of extension 1004/);
    assert.match(section('How to undo it', shown), /\n {5}ringfence unblock d9$/);
    assert.match(section('What was done', explain(story({ decisions: [] }), OPTIONS)), /Nothing was decided/);
    const d = decision('d9', { state: 'failed', action: 'block-address', target: '192.0.2.10' });
    const refused = explain(story({ decisions: [d], failures: new Map([['d9', 'protected-address']]) }), OPTIONS);
    assert.match(
      section('What was done', refused).replace(/\s+/g, ' '),
      /tried to block address 192\.0\.2\.10 and could not: that address is never blocked/,
    );
  });

  it('advises, with commands that there are', () => {
    assert.match(section('What to do now'), /\n {5}ringfence block international 1004 --for 12h\n/);
    assert.match(section('If this was legitimate'), /ringfence allow 1004 --for 7d/);
    const fewer = explain(story(), { ...OPTIONS, commands: new Set(['alerts']) });
    assert.doesNotMatch(fewer, /ringfence (block|allow)/);
    assert.match(fewer, /ringfence alerts ack 0123456789abcdef/);
  });

  it('says who has seen it', () => {
    const seen = story({
      incident: incident('i1', { acknowledgedAt: T0 }),
      acknowledgements: [{ who: 'ada', at: T0, note: 'known' }],
    });
    assert.match(explain(seen, OPTIONS), /seen by {5}ada, Sat 21 Nov 2026 02:13:04 \+01:00: known/);
  });

  it('stays within its width and free of control characters, whatever is in it', () => {
    for (const columns of [60, 100]) {
      const shown = explain(hostile(), { ...OPTIONS, columns });
      sound(shown, columns);
      assert.ok(shown.length < 400_000, `${shown.length} characters`);
    }
  });

  it('is painted by whoever wants it painted', () => {
    const painted = explain(story(), { ...OPTIONS, paint: brackets });
    assert.match(painted, /^<critical>CRITICAL<\/critical> {2}<b>Extension/);
    assert.match(painted, /\n<b>What was seen<\/b>\n/);
  });
});
