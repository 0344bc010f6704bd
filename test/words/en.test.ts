import assert from 'node:assert/strict';
import type { Action, DecisionState, Fact } from '../../src/model.ts';
import { createSite, siteDefaults } from '../../src/site/index.ts';
import { Zone } from '../../src/time.ts';
import { en } from '../../src/words/index.ts';
import { decision, evidence, incident, T0 } from '../support/evidence.ts';

const BERLIN = new Zone('Europe/Berlin');
const made = createSite(siteDefaults({ site: { country: 'DE', timezone: 'Europe/Berlin' } }));
assert.ok(made.ok);
const site = made.value;
const clean = (text: string): void => assert.doesNotMatch(text, /[\p{C}\p{Zl}\p{Zp}]/u);
const HOSTILE = 'x\u202e\x1b[31m; rm -rf /\n';

describe('English', () => {
  const TIMES: [string, string, string][] = [
    ['2026-11-21T01:13:04.512Z', 'Europe/Berlin', 'Sat 21 Nov 2026 02:13:04 +01:00'],
    ['2026-07-01T22:30:00Z', 'Europe/Berlin', 'Thu 02 Jul 2026 00:30:00 +02:00'],
    ['2026-10-25T00:30:00Z', 'Europe/Berlin', 'Sun 25 Oct 2026 02:30:00 +02:00'],
    ['2026-10-25T01:30:00Z', 'Europe/Berlin', 'Sun 25 Oct 2026 02:30:00 +01:00'],
    ['2026-01-01T03:00:00Z', 'America/St_Johns', 'Wed 31 Dec 2025 23:30:00 -03:30'],
    ['2026-01-01T03:00:00Z', 'UTC', 'Thu 01 Jan 2026 03:00:00 +00:00'],
  ];
  for (const [at, zone, expected] of TIMES)
    it(`${at} in ${zone} is ${expected}`, () => {
      assert.equal(en.time(Date.parse(at), new Zone(zone)), expected);
    });

  it('tells shorter times too', () => {
    assert.equal(en.minute(T0, BERLIN), '21 Nov 2026 02:13');
    assert.equal(en.minute(T0, BERLIN).length, 17);
    assert.equal(en.clock(T0, BERLIN), '02:13:04');
    assert.equal(en.day(T0, BERLIN), 'Sat 21 Nov 2026 (Europe/Berlin)');
  });

  const SUBJECTS: [Parameters<typeof en.subject>[0], string][] = [
    [{ type: 'account', value: '1004' }, 'extension 1004'],
    [{ type: 'account', value: 'alice' }, 'account alice'],
    [{ type: 'address', value: '203.0.113.7' }, 'address 203.0.113.7'],
    [{ type: 'number', value: '37120000001' }, 'number +37120000001'],
    [{ type: 'number', value: '00371' }, 'number 00371'],
    [{ type: 'trunk', value: 'carrier' }, 'trunk carrier'],
    [{ type: 'account', value: 'a\u202eb' }, 'account a\\u{202e}b'],
  ];
  for (const [subject, expected] of SUBJECTS)
    it(expected, () => {
      assert.equal(en.subject(subject), expected);
    });

  const NUMBERS: [string, RegExp][] = [
    ['0037120000001', /^\+37120000001 \(Latvia, .*mobile\)$/],
    ['112', /^112 \(emergency\)$/],
    ['1004', /^extension 1004$/],
    ['\u202e00', /\\u\{202e\}/],
  ];
  for (const [dialled, expected] of NUMBERS)
    it(`number ${JSON.stringify(dialled)} with its place`, () => {
      assert.match(en.number(site.number(dialled)), expected);
    });

  const MONEY: [number, string, string][] = [
    [31.2, 'EUR', 'EUR 31.20'],
    [201661, 'USD', 'USD 201,661.00'],
    [5, 'JPY', 'JPY 5'],
    [5, 'no', '5.00 no'],
  ];
  for (const [amount, currency, expected] of MONEY)
    it(`money: ${expected}`, () => {
      assert.equal(en.money(amount, currency), expected);
    });

  it('says of a loss whether it is estimated', () => {
    assert.equal(en.loss({ amount: 1, currency: 'EUR', estimated: true }), 'about EUR 1.00');
    assert.equal(en.loss({ amount: 1, currency: 'EUR', estimated: false }), 'EUR 1.00');
  });

  const FACTS: [string, Fact, string][] = [
    ['closedSince', '2026-11-20T17:00:00Z', 'closed since: Fri 20 Nov 2026 18:00:00 +01:00'],
    ['talkSeconds', 540, 'seconds of talk: 540'],
    ['userAgent', 'evil\u202e', 'user agent: evil\\u{202e}'],
    ['someNewFact', 1, 'some new fact: 1'],
    ['holiday', null, 'holiday: not known'],
    ['authenticated', false, 'authenticated: no'],
    ['numbers', [], 'numbers: none'],
    ['numbers', Array.from({ length: 12 }, (_, i) => `${i}`), 'numbers: 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, and 2 more'],
  ];
  for (const [name, value, expected] of FACTS)
    it(`fact ${expected}`, () => {
      assert.equal(en.fact(name, value, BERLIN).join(': '), expected);
    });

  const ACTIONS: [Action, string, string, string][] = [
    ['hang-up', 'c1', 'hang up call c1', 'hung up call c1'],
    ['block-account', '1004', 'block all calls of extension 1004', 'blocked all calls of extension 1004'],
    [
      'block-international',
      '1004',
      'block international calls of extension 1004',
      'blocked international calls of extension 1004',
    ],
    ['block-number', '37120000001', 'block calls to number +37120000001', 'blocked calls to number +37120000001'],
    ['block-address', '203.0.113.7', 'block address 203.0.113.7', 'blocked address 203.0.113.7'],
    [
      'expire-contact',
      '1004',
      'remove the foreign registration of extension 1004',
      'removed the foreign registration of extension 1004',
    ],
    ['rotate-secret', '1004', 'give extension 1004 a new password', 'given extension 1004 a new password'],
  ];
  for (const [action, target, to, past] of ACTIONS)
    it(`decision ${action} in every state`, () => {
      const say = (state: DecisionState): string =>
        en.decision(decision('d1', { action, target, state, until: null }), BERLIN);
      assert.equal(say('observed'), `ringfence would ${to}`);
      assert.equal(say('pending'), `ringfence is about to ${to}`);
      assert.equal(say('done'), `ringfence has ${past}`);
      assert.equal(say('failed'), `ringfence tried to ${to} and could not`);
      assert.equal(say('expired'), `ringfence had ${past}, and that has ended`);
      assert.equal(say('undone'), `ringfence had ${past}, and that was taken back`);
      clean(en.decision(decision('d1', { action, target: HOSTILE }), BERLIN));
    });

  it('says until when, where something stands', () => {
    const until = 'until Sat 21 Nov 2026 03:13:04 +01:00';
    for (const state of ['observed', 'pending', 'done'] as const)
      assert.ok(en.decision(decision('d1', { state }), BERLIN).endsWith(`, ${until}`));
    assert.ok(!en.decision(decision('d1', { state: 'expired' }), BERLIN).includes('until'));
  });

  const UNDO: [string, Parameters<typeof decision>[1], string | null | undefined][] = [
    ['what was only observed', {}, null],
    ['what has ended', { state: 'expired' }, null],
    ['a block', { state: 'done' }, 'ringfence unblock d1'],
    ['a call that was hung up', { state: 'done', action: 'hang-up' }, undefined],
    ['a contact', { state: 'done', action: 'expire-contact' }, undefined],
    ['a new password', { state: 'done', action: 'rotate-secret' }, 'ringfence rotate 1004 --undo'],
  ];
  for (const [sentence, over, expected] of UNDO)
    it(`undoing ${sentence}`, () => {
      const advice = en.undo(decision('d1', over));
      if (expected === null) assert.equal(advice, null);
      else assert.deepEqual([advice?.command, (advice?.text.length ?? 0) > 20], [expected, true]);
    });

  const DETECTORS = ['out-of-hours-calls', 'registration-hijack', 'unregistered-caller', 'brute-force', 'scan'];
  for (const detector of [...DETECTORS, 'something-new'])
    it(`has advice for ${detector}, each step once, and always how to acknowledge`, () => {
      const i = incident('i1', { detector, sources: ['203.0.113.7'] });
      for (const advice of [en.now(i, []), en.legitimate(i, [])]) {
        const texts = advice.map((a) => a.text);
        assert.equal(new Set(texts).size, texts.length);
        assert.equal(advice.at(-1)?.command, 'ringfence alerts ack i1');
        assert.ok(detector === 'something-new' || texts.length > 1);
      }
    });

  it('never writes what an attacker chose into a command', () => {
    const subject = { type: 'account', value: HOSTILE } as const;
    const hostile = incident('i1', { subject, accounts: [HOSTILE], sources: [HOSTILE], summary: HOSTILE });
    const all = DETECTORS.flatMap((detector) => {
      const seen = [evidence('e', { detector, subject, summary: HOSTILE })];
      return [...en.now({ ...hostile, detector }, seen), ...en.legitimate({ ...hostile, detector }, seen)];
    });
    for (const { text, command } of all) {
      clean(text);
      if (command !== undefined) assert.equal(command, 'ringfence alerts ack i1');
    }
  });

  it('says first that a password was found', () => {
    const seen = [evidence('e', { detector: 'brute-force', severity: 'critical' })];
    assert.match(en.now(incident('i1', { detector: 'brute-force' }), seen)[0]?.text ?? '', /has been found/);
  });

  it('tells what made an incident graver', () => {
    assert.equal(en.raised('Summary', []), 'Summary');
    assert.match(en.raised('Summary', ['calls-after-hijack', 'breach']), /^Summary, and .*taken over, and .*got in$/);
  });

  it('counts', () => {
    const none = { info: 0, low: 0, medium: 0, high: 0, critical: 0 };
    assert.equal(en.tally(none), 'no incidents');
    assert.equal(en.tally({ ...none, high: 1 }), '1 incident: 1 high');
    assert.equal(en.tally({ ...none, critical: 1, low: 2 }), '3 incidents: 1 critical, 2 low');
  });
});
