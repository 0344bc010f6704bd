import assert from 'node:assert/strict';
import { noHabits, type Habits } from '../../src/detect/habits.ts';
import repeatedDestination from '../../src/detect/repeated-destination.ts';
import type { CallFacts, Event, Millis } from '../../src/model.ts';
import { DAY, HOUR, MINUTE, SECOND } from '../../src/time.ts';
import { connected, DAYTIME, ended, judge, NIGHT, record, recorded, series, started, told } from '../support/events.ts';
import { madeHabits } from '../support/habits.ts';
import { testSite } from '../support/site.ts';

const never = { country: null, kind: null, prefix: null };
const LATVIA = '0037120000001';
const VIENNA = '004314000001';
const PREMIUM = '09001234567';

/** Calls that connect at once and last so long, one after the other or not. */
const talks = (
  n: number,
  from: Millis,
  every: Millis,
  lasting: (i: number) => Millis,
  over: (i: number) => Partial<CallFacts> = () => ({}),
): Event[] =>
  series(n, from, every, (at, i) => {
    const facts = { call: `${from}-${i}`, startedAt: at, ...over(i) };
    const answered = { ...facts, answeredAt: at + 1 };
    return [started(at, facts), connected(at + 1, facts), ended(at + 1 + lasting(i), answered)];
  }).sort((a, b) => a.at - b.at);
const minutes = (m: number) => () => m * MINUTE;
/** As people talk: never twice for equally long. */
const uneven = (i: number): Millis => (3 + ((i * 5) % 17)) * MINUTE + i * 7 * SECOND;
const to = (dialled: string) => () => ({ dialled });
const range = (i: number): Partial<CallFacts> => ({ dialled: `003712000000${i % 10}` });

describe('repeated-destination', () => {
  const table: [string, Event[], string[]][] = [
    [
      'the six-hour attack at night is found with its third call',
      talks(3, NIGHT, 21 * MINUTE, minutes(20), range),
      ['critical 1004'],
    ],
    ['two calls are one below', talks(2, NIGHT, 21 * MINUTE, minutes(20), range), []],
    ['a slower one, a call in three hours', talks(3, NIGHT, 3 * HOUR, minutes(20), range), ['critical 1004']],
    ['beyond the window', talks(3, NIGHT, 3 * HOUR + 1, minutes(20), range), []],
    [
      'it is told at 3, 6 and 12 calls',
      talks(16, NIGHT, 20 * MINUTE, uneven, to(LATVIA)),
      ['critical 1004', 'critical 1004', 'critical 1004'],
    ],
    [
      'by night to a cheap country, hours after closing',
      talks(3, NIGHT, 21 * MINUTE, uneven, to(VIENNA)),
      ['critical 1004'],
    ],
    ['by day: three to one number at one time', talks(3, DAYTIME, MINUTE, minutes(20), to(VIENNA)), ['high 1004']],
    ['dear ones', talks(3, DAYTIME, MINUTE, minutes(20), range), ['critical 1004']],
    ['two at one time', talks(2, DAYTIME, MINUTE, minutes(20), to(VIENNA)), []],
    [
      'by day: one right after the other',
      talks(5, DAYTIME, 10 * MINUTE + 9 * SECOND, minutes(10), to(VIENNA)),
      ['high 1004'],
    ],
    ['four of them', talks(4, DAYTIME, 10 * MINUTE + 9 * SECOND, minutes(10), to(VIENNA)), []],
    [
      'by day: all of one length',
      talks(5, DAYTIME, 30 * MINUTE, minutes(10), to(LATVIA)),
      ['medium 1004', 'critical 1004'],
    ],
    ['by day: a dear range over and over', talks(5, DAYTIME, 40 * MINUTE, uneven, range), ['medium 1004']],
    ['one below', talks(4, DAYTIME, 40 * MINUTE, uneven, range), []],
    ['by day: one cheap number over and over', talks(14, DAYTIME, 25 * MINUTE, uneven, to(VIENNA)), ['medium 1004']],
    ['one call a night to a premium number', talks(3, NIGHT, DAY, minutes(20), to(PREMIUM)), ['high 1004']],
    [
      'for a fortnight: told again as the nights double',
      talks(14, NIGHT, DAY, uneven, range),
      ['high 1004', 'high 1004', 'high 1004'],
    ],
    ['two nights', talks(2, NIGHT, DAY, minutes(20), range), []],
    ['one call a week', talks(4, NIGHT, 7 * DAY, minutes(20), range), ['high 1004']],
    ['one call in eleven days', talks(4, NIGHT, 11 * DAY, minutes(20), range), []],
    [
      'a premium number, a long call on each of three days',
      talks(3, DAYTIME - 3 * DAY, DAY, minutes(12), to(PREMIUM)),
      ['medium 1004'],
    ],
    ['on four', talks(4, DAYTIME - 3 * DAY, DAY, minutes(12), to(PREMIUM)), ['medium 1004', 'high 1004']],
    [
      'a dear country, a long call on each of eight days',
      talks(8, DAYTIME - 11 * DAY, DAY, minutes(12), range),
      ['medium 1004', 'high 1004'],
    ],
    ['six', talks(6, DAYTIME - 4 * DAY, DAY, minutes(12), range), []],
    [
      'a cheap country by night, when nobody ever calls: habits are not known',
      talks(9, NIGHT + 4 * HOUR, DAY, minutes(12), to(VIENNA)),
      [],
    ],
    [
      'one call each from four extensions to one dear range',
      talks(4, DAYTIME, HOUR, uneven, (i) => ({ ...range(i), account: `100${i}` })),
      ['high 371200'],
    ],
    ['by night', talks(4, NIGHT, HOUR, uneven, (i) => ({ ...range(i), account: `100${i}` })), ['critical 371200']],
    [
      'another extension every night',
      talks(3, NIGHT, DAY, uneven, (i) => ({ ...range(i), account: `100${i}` })),
      ['high 371200'],
    ],
    ['three extensions', talks(3, DAYTIME, HOUR, uneven, (i) => ({ ...range(i), account: `100${i}` })), []],
    [
      'judged by call records alone',
      series(3, NIGHT, HOUR, (at, i) => recorded(record(at, 1_200, { uniqueid: `${i}` }))),
      ['critical 1004'],
    ],
    [
      'records that overlap',
      series(3, DAYTIME, MINUTE, (at, i) => recorded(record(at, 1_200, { uniqueid: `${i}`, dst: VIENNA }))),
      ['high 1004'],
    ],
    // innocent twins
    [
      'a busy partner dialled again and again',
      series(60, DAYTIME, 10 * SECOND, (at, i) => {
        const facts = { call: `c${i}`, startedAt: at };
        return [started(at, facts), ended(at + SECOND, facts, 486)];
      }),
      [],
    ],
    ['a daily call to headquarters abroad', talks(10, DAYTIME - 4 * DAY, DAY, uneven, to(VIENNA)).filter(weekday), []],
    ['headquarters in a dear country', talks(10, DAYTIME - 4 * DAY, DAY, uneven, to(LATVIA)).filter(weekday), []],
    [
      'an alarm line that reports abroad every night',
      talks(20, NIGHT, DAY, () => 40 * SECOND, to('0041443334455')),
      [],
    ],
    [
      'a modem that is polled abroad every quarter of an hour',
      talks(23, DAYTIME, 15 * MINUTE, () => 40 * SECOND, to(VIENNA)),
      [],
    ],
    ['a sales team at home', talks(60, DAYTIME, 5 * MINUTE, uneven, to('0301234567')), []],
    ['a taxi rank at night', talks(60, NIGHT, 5 * MINUTE, uneven, to('0301234567')), []],
    ['an emergency number', talks(9, NIGHT, MINUTE, uneven, to('112')), []],
    ['overtime with the partner abroad, three evenings', talks(3, NIGHT - 3.5 * HOUR, DAY, uneven, to(LATVIA)), []],
    [
      'thirty people dial into one conference abroad',
      talks(30, DAYTIME, SECOND, uneven, (i) => ({ dialled: VIENNA, account: `10${10 + i}` })),
      [],
    ],
    ['what comes in by a trunk', talks(9, NIGHT, MINUTE, uneven, () => ({ account: null, trunk: 'carrier' })), []],
  ];
  for (const [sentence, events, expected] of table)
    it(sentence, () => assert.deepEqual(told(judge(repeatedDestination).take(...events)), expected));

  it('says it in one sentence, with facts, calls and money', () => {
    const [found] = judge(repeatedDestination).take(...talks(3, NIGHT, 21 * MINUTE, minutes(20), range));
    assert.equal(
      found?.summary,
      'Extension 1004 called 3 numbers in Latvia (+371) 3 times in 42 min, while the office was closed',
    );
    assert.equal(found.facts['rule'], 'closed 3 within 6 h');
    assert.deepEqual(found.facts['numbers'], ['37120000000', '37120000001', '37120000002']);
    assert.deepEqual(found.loss, { amount: 12, currency: 'EUR', estimated: true });
    assert.equal(found.at, NIGHT + 42 * MINUTE + 1);
    assert.equal(found.callKeys.length, 3);
  });

  it('names the extensions of one attack on many', () => {
    const found = judge(repeatedDestination).take(
      ...talks(6, DAYTIME, MINUTE, uneven, (i) => ({ ...range(i), account: `100${i}` })),
    );
    assert.match(
      found[0]?.summary ?? '',
      /^Somebody called 4 numbers in Latvia \(\+371\) 4 times in 3 min, from 4 extensions$/,
    );
    assert.deepEqual(found[0]?.accounts, ['1000', '1001', '1002', '1003']);
  });

  it('leaves alone what is usual by day, not what would become usual by night', () => {
    const seen = { calls: 40, days: 30, last: DAYTIME };
    const usual: Habits = { ...noHabits, called: () => ({ country: seen, kind: seen, prefix: seen }) };
    const by = (events: Event[]): string[] =>
      told(judge(repeatedDestination, {}, testSite(), { habits: usual }).take(...events));
    assert.deepEqual(by(talks(9, DAYTIME, 40 * MINUTE, uneven, range)), []);
    assert.deepEqual(by(talks(3, NIGHT, DAY, uneven, range)), ['high 1004']);
    const dear = talks(3, DAYTIME, DAY, minutes(12), to(PREMIUM));
    assert.deepEqual(by(dear), []);
    const one = judge(repeatedDestination, {}, testSite(), {
      habits: { ...usual, called: (_whose, _number) => never },
    });
    assert.deepEqual(told(one.take(...dear)), ['medium 1004']);
  });

  it('knows a strange hour by the habits of the account, even of one that may always call', () => {
    const at = (surprise: number): Habits => ({ ...noHabits, knows: () => true, surprise: () => surprise });
    const by = (habits: Habits, from: Millis, account = '1004'): string[] =>
      told(
        judge(repeatedDestination, {}, testSite(), { habits }).take(
          ...talks(3, from, DAY, minutes(12), () => ({ dialled: VIENNA, account })),
        ),
      );
    const deep = NIGHT + 4 * HOUR;
    assert.deepEqual(by(at(0.01), deep), ['high 1004']);
    assert.deepEqual(by(at(0.01), deep, '2001'), ['high 2001']);
    assert.deepEqual(by(at(0.2), deep), []);
    assert.deepEqual(by(at(0.01), DAYTIME), []);
    assert.deepEqual(by(at(0.01), NIGHT - 3.5 * HOUR), []);
  });

  it('takes its thresholds from the settings, exactly', () => {
    const says = (settings: object, events: Event[]): boolean =>
      judge(repeatedDestination, { ...settings }).take(...events).length > 0;
    for (const n of [3, 6]) {
      assert.deepEqual(
        [n - 1, n].map((k) => says({ closed: n }, talks(k, NIGHT, 21 * MINUTE, uneven, to(VIENNA)))),
        [false, true],
      );
      assert.deepEqual(
        [n - 1, n].map((k) => says({ nights: n }, talks(k, NIGHT, DAY, uneven, range))),
        [false, true],
      );
      assert.deepEqual(
        [n - 1, n].map((k) => says({ risky: n }, talks(k, DAYTIME, 40 * MINUTE, uneven, range))),
        [false, true],
      );
    }
    const hour = talks(12, DAYTIME, 15 * MINUTE, minutes(5), to(VIENNA)).map((e, i) => ({
      ...e,
      at: e.at + (i % 3 === 2 ? i * SECOND : 0),
    }));
    assert.equal(says({ machine: 60 }, hour), true);
    assert.equal(says({ machine: 60, talk: '2h' }, hour), false);
  });

  it('counts a call once, whatever feeds tell it', () => {
    const both = series(2, NIGHT, 30 * MINUTE, (at, i) => {
      const facts = { call: `c${i}`, startedAt: at };
      const row = record(at, 600, { uniqueid: `${i}` });
      return [started(at, facts), connected(at + 1, facts), recorded(row, { call: `c${i}`, live: true })];
    });
    assert.deepEqual(judge(repeatedDestination).take(...both), []);
  });

  it('takes three calls to a partner on a Saturday morning for work', () => {
    const habits = madeHabits({ elsewhere: { '1004': ['AT'] } });
    const one = (from: Millis): string[] =>
      told(
        judge(repeatedDestination, {}, testSite(), { habits }).take(...talks(3, from, 90 * MINUTE, uneven, to(VIENNA))),
      );
    const saturday = Date.UTC(2026, 10, 21, 8);
    assert.deepEqual(one(saturday), ['medium 1004']);
    assert.deepEqual(one(saturday + 14 * HOUR), ['critical 1004']);
  });
});

function weekday({ at }: Event): boolean {
  return ![0, 6].includes(new Date(at).getUTCDay());
}
