import assert from 'node:assert/strict';
import callBurst from '../../src/detect/call-burst.ts';
import { noHabits, type Habits } from '../../src/detect/habits.ts';
import type { Event } from '../../src/model.ts';
import { HOUR, MINUTE, SECOND } from '../../src/time.ts';
import {
  connected,
  DAYTIME,
  ended,
  judge,
  record,
  recorded,
  series,
  started,
  THIEF,
  told,
  updated,
} from '../support/events.ts';
import { testSite } from '../support/site.ts';

/** Numbers that no step leads from one to the next. */
const scattered = (i: number): string => String(1_000 + ((i * 7_919) % 8_999)).padStart(4, '0');
const latvia = (i: number): string => `0037120${scattered(i)}00`;
const austria = (i: number): string => `004314012${scattered(i)}`;
const abroad = (i: number): string => `00${['4314', '4122', '4420', '3314', '3906'][i % 5] ?? ''}${scattered(i)}00`;

const calls = (n: number, every: number, to: (i: number) => string, over = {}): Event[] =>
  series(n, DAYTIME, every, (at, i) => started(at, { call: `c${i}`, dialled: to(i), ...over }));
const talks = (n: number, every: number, to: (i: number) => string, over = {}): Event[] =>
  series(n, DAYTIME, every, (at, i) => {
    const facts = { call: `c${i}`, dialled: to(i), startedAt: at, ...over };
    return [started(at, facts), connected(at + 1, facts)];
  });
/** Calls that last so long each. */
const spoken = (n: number, every: number, lasting: number, to: (i: number) => string): Event[] =>
  series(n, DAYTIME, every, (at, i) => {
    const facts = { call: `c${i}`, dialled: to(i), startedAt: at };
    const end = { ...facts, answeredAt: at + 1 };
    return [started(at, facts), connected(at + 1, facts), ended(at + lasting, end)];
  }).sort((a, b) => a.at - b.at);

const inbound = { account: null, trunk: 'carrier', source: '198.51.100.1' };
function byEach(event: Event, i: number): Event {
  return { ...event, account: `10${10 + (i >> 1)}` } as Event;
}

describe('call-burst', () => {
  const table: [string, Event[], string[]][] = [
    ['three dear numbers within a minute: one below the threshold', calls(3, 10 * SECOND, latvia), []],
    ['four: no person dials so', calls(4, 10 * SECOND, latvia), ['high 1004']],
    ['the window to the second', calls(4, 20 * SECOND, latvia), ['high 1004']],
    ['and beyond', calls(4, 20 * SECOND + 1, latvia), []],
    ['two dear calls up at one time', talks(2, 5 * MINUTE, latvia), []],
    ['three', talks(3, 5 * MINUTE, latvia), ['critical 1004']],
    ['four that connect within a minute', talks(4, 15 * SECOND, latvia), ['critical 1004']],
    ['a slow attacker, one call in five minutes', calls(12, 5 * MINUTE, latvia), ['medium 1004']],
    ['one below', calls(11, 5 * MINUTE, latvia), []],
    ['and one in 150 s', calls(24, 150 * SECOND, latvia), ['medium 1004', 'high 1004']],
    ['numbers in sequence, slowly', calls(6, 9 * MINUTE, (i) => `004314000000${i + 1}`), ['medium 1004', 'high 1004']],
    ['four of them: one below', calls(4, 9 * MINUTE, (i) => `004314000000${i + 1}`), []],
    ['in steps of ten, downwards', calls(5, 9 * MINUTE, (i) => `0043140000${95 - i * 10}`), ['medium 1004']],
    ['dear ones', calls(5, 9 * MINUTE, (i) => `003712000000${i}`), ['high 1004']],
    ['eight calls abroad within a minute', calls(8, 7 * SECOND, abroad), ['medium 1004']],
    ['seven', calls(7, 7 * SECOND, abroad), []],
    ['six calls abroad up at one time', talks(6, 2 * MINUTE, abroad), ['medium 1004']],
    ['six to one range', talks(6, 2 * MINUTE, austria), ['high 1004']],
    ['twelve anywhere', talks(12, 2 * MINUTE, abroad), ['medium 1004', 'medium 1004', 'high 1004']],
    ['what a stranger places is his', calls(4, SECOND, latvia, { account: null, source: THIEF }), [`high ${THIEF}`]],
    [
      'calls that come in by a trunk and leave for dear numbers',
      calls(4, SECOND, latvia, { account: null, trunk: 'carrier', source: '198.51.100.1' }),
      ['high carrier'],
    ],
    [
      'judged by call records alone: calls that were up together',
      series(3, DAYTIME, MINUTE, (at, i) => recorded(record(at, 1_200, { dst: latvia(i), uniqueid: `${i}` }))),
      ['critical 1004'],
    ],
    [
      'records of one call after the other',
      series(3, DAYTIME, 21 * MINUTE, (at, i) => recorded(record(at, 1_200, { dst: latvia(i), uniqueid: `${i}` }))),
      [],
    ],
    // innocent twins
    ['a call centre that dials at home', talks(200, SECOND, (i) => `030123${scattered(i)}`), []],
    ['a hunt group', calls(30, 100, (i) => `${1_000 + i}`), []],
    ['an alarm system that goes through its list', calls(9, 20 * SECOND, (i) => `0170123456${i}`), []],
    ['an emergency call again and again', calls(20, SECOND, () => '112'), []],
    ['a conference that calls five abroad', talks(5, 4 * SECOND, abroad), []],
    ['a fax to thirty customers abroad, one after the other', spoken(30, 2 * MINUTE, MINUTE, abroad), []],
    ['a sales team, each with a call of his own', talks(20, SECOND, abroad).map(byEach), []],
    ['twenty numbers of a DID block abroad that come in by the trunk', calls(20, SECOND, austria, inbound), []],
    [
      'a busy number dialled again every five seconds',
      series(40, DAYTIME, 5 * SECOND, (at, i) => {
        const facts = { call: `c${i}`, dialled: '0037120000001', startedAt: at };
        return [started(at, facts), ended(at + SECOND, facts, 486)];
      }),
      [],
    ],
  ];
  for (const [sentence, events, expected] of table)
    it(sentence, () => assert.deepEqual(told(judge(callBurst).take(...events)), expected));

  it('says it in one sentence, with facts, calls and money', () => {
    const found = judge(callBurst).take(
      ...series(4, DAYTIME, 10 * MINUTE, (at, i) => recorded(record(at, 3_600, { dst: latvia(i), uniqueid: `${i}` }))),
    );
    const [first] = found;
    assert.equal(first?.summary, 'Extension 1004 had 3 calls up at one time, 3 calls in all to Latvia (+371)');
    assert.equal(first.facts['connected'], 3);
    assert.equal(first.facts['rule'], 'risky_at_once 3');
    assert.deepEqual(first.loss, { amount: 54, currency: 'EUR', estimated: true });
    assert.deepEqual(first.callKeys, ['cdr-0', 'cdr-1', 'cdr-2']);
  });

  it('moves a call to the account that is learnt after its start', () => {
    const late = series(4, DAYTIME, SECOND, (at, i) => {
      const facts = { call: `c${i}`, dialled: latvia(i), startedAt: at };
      return [started(at, { ...facts, account: null, source: null }), updated(at + 1, facts)];
    });
    assert.deepEqual(told(judge(callBurst).take(...late)), ['high 1004']);
  });

  it('counts a call once, whatever feeds tell it', () => {
    const twice = series(3, DAYTIME, 10 * SECOND, (at, i) => {
      const facts = { call: `c${i}`, dialled: latvia(i), startedAt: at };
      const row = record(at, 5, { dst: latvia(i), uniqueid: `${i}` });
      return [started(at, facts), updated(at + 5, facts), recorded(row, { call: `c${i}`, live: true })];
    });
    assert.deepEqual(judge(callBurst).take(...twice), []);
  });

  it('leaves alone what is usual: a range for its dearness, and an hour like any other', () => {
    const seen = { calls: 40, days: 30, last: DAYTIME };
    const usual: Habits = {
      ...noHabits,
      known: () => true,
      knows: () => true,
      surprise: (_whose, _measure, amount) => (amount > 60 ? 0 : 0.2),
      called: () => ({ country: seen, kind: seen, prefix: seen }),
    };
    const by = (events: Event[]): string[] => told(judge(callBurst, {}, testSite(), { habits: usual }).take(...events));
    assert.deepEqual(by(talks(12, MINUTE, latvia)), []);
    assert.deepEqual(by(calls(40, SECOND, abroad)), []);
    assert.deepEqual(by(calls(80, SECOND, abroad)), ['medium 1004']);
  });

  it('takes its thresholds from the settings, exactly', () => {
    for (const [name, n, every] of [
      ['risky', 7, SECOND],
      ['risky_hourly', 9, 5 * MINUTE],
    ] as const) {
      const says = (count: number): boolean =>
        judge(callBurst, { [name]: n }).take(...calls(count, every, latvia)).length > 0;
      assert.deepEqual([says(n - 1), says(n)], [false, true], name);
    }
    assert.deepEqual(judge(callBurst, { risk: 90 }).take(...calls(7, SECOND, latvia)), []);
  });

  it('is told again as the burst goes on, and anew after an hour of silence', () => {
    const one = judge(callBurst);
    assert.deepEqual(told(one.take(...calls(40, SECOND, latvia))), [
      'high 1004',
      'high 1004',
      'high 1004',
      'high 1004',
    ]);
    const later = series(4, DAYTIME + 2 * HOUR, SECOND, (at, i) => started(at, { call: `l${i}`, dialled: latvia(i) }));
    assert.deepEqual(told(one.take(...later)), ['high 1004']);
  });
});
