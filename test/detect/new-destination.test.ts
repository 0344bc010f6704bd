import assert from 'node:assert/strict';
import newDestination from '../../src/detect/new-destination.ts';
import type { Event } from '../../src/model.ts';
import { DAY, HOUR, MINUTE } from '../../src/time.ts';
import { connected, DAYTIME, ended, judge, NIGHT, record, recorded, series, started, told } from '../support/events.ts';
import { madeHabits, type MadeHabits } from '../support/habits.ts';
import { testSite } from '../support/site.ts';

const LATVIA = '0037120000001';
const FRANCE = '0033140000001';
const ITALY = '0039060000001';
const SPAIN = '0034910000001';

/** Calls one after the other, each to the next of the numbers. */
const calls = (from: number, every: number, numbers: readonly string[], over = {}): Event[] =>
  series(numbers.length, from, every, (at, i) => started(at, { call: `c${i}`, dialled: numbers[i] ?? '', ...over }));

/** Calls of so many minutes, one after the other, by day. */
const talks = (n: number, every: number, minutes: number, number: (i: number) => string): Event[] =>
  series(n, DAYTIME, every, (at, i) => {
    const call = { call: `t${i}`, dialled: number(i), startedAt: at };
    return [started(at, call), connected(at + 1, call), ended(at + minutes * MINUTE, { ...call, answeredAt: at + 1 })];
  });
const other = (i: number): string => `003314000001${i}`;

describe('new-destination', () => {
  const table: [string, MadeHabits, Event[], string[]][] = [
    ['a country that nobody here called, by day: worth a look', {}, calls(DAYTIME, 1, [FRANCE]), ['medium 1004']],
    ['the same country again is the same story', {}, calls(DAYTIME, HOUR, [FRANCE, FRANCE]), ['medium 1004']],
    ['a risky one, below the threshold', {}, calls(DAYTIME, MINUTE, [LATVIA, LATVIA, LATVIA]), ['medium 1004']],
    [
      'a risky one, at the threshold',
      {},
      calls(DAYTIME, MINUTE, [LATVIA, LATVIA, LATVIA, LATVIA]),
      ['medium 1004', 'high 1004'],
    ],
    [
      'the slow attacker: one in six hours',
      {},
      calls(DAYTIME, 6 * HOUR, [LATVIA, LATVIA, LATVIA, LATVIA]),
      ['medium 1004', 'high 1004'],
    ],
    [
      'slower than the window: looked at each day, never more',
      {},
      calls(DAYTIME, 25 * HOUR, [LATVIA, LATVIA, LATVIA, LATVIA]),
      ['medium 1004', 'medium 1004', 'medium 1004', 'medium 1004'],
    ],
    ['three new countries at night', {}, calls(NIGHT, MINUTE, [FRANCE, ITALY, SPAIN]), ['medium 1004', 'high 1004']],
    ['two of them', {}, calls(NIGHT, MINUTE, [FRANCE, ITALY]), ['medium 1004']],
    [
      'three new countries by day, none of them risky: a travel desk perhaps',
      {},
      calls(DAYTIME, MINUTE, [FRANCE, ITALY, SPAIN]),
      ['medium 1004'],
    ],
    [
      'satellite numbers at night are grave with the second',
      {},
      calls(NIGHT, MINUTE, ['0088162200001', '0088162200002']),
      ['medium 1004', 'high 1004'],
    ],
    ['call records alone', {}, [recorded(record(DAYTIME, 60))], ['medium 1004']],
    [
      'one long call a day, each to another number of a new country',
      {},
      talks(4, 25 * HOUR, 12, other),
      ['medium 1004', 'medium 1004', 'medium 1004', 'medium 1004', 'high 1004'],
    ],
    ['three of them', {}, talks(3, 25 * HOUR, 12, other), ['medium 1004', 'medium 1004', 'medium 1004']],
    [
      'hidden among the calls of the day',
      {},
      talks(8, 25 * MINUTE, 8, other),
      ['medium 1004', 'medium 1004', 'medium 1004', 'high 1004'],
    ],
    ['seven of them', {}, talks(7, 25 * MINUTE, 9, other), ['medium 1004', 'medium 1004']],
    // innocent twins
    [
      'a new customer: the same two numbers all day',
      {},
      talks(12, 25 * MINUTE, 10, (i) => `003314000000${i % 2}`),
      ['medium 1004', 'medium 1004', 'medium 1004'],
    ],
    [
      'and for two weeks',
      {},
      talks(10, 25 * HOUR, 30, (i) => `003314000000${i % 2}`),
      Array<string>(10).fill('medium 1004'),
    ],
    ['a number that is redialled is one call', {}, redialled(6), ['medium 1004']],
    ['a country that the account calls', { countries: { '1004': ['LV'] } }, calls(DAYTIME, 1, [LATVIA]), []],
    ['a country that colleagues call', { countries: { site: ['LV'] } }, calls(NIGHT, 1, [LATVIA]), []],
    ['a hotel finds new countries each week', { discoveries: 0.5 }, calls(NIGHT, 1, [FRANCE, ITALY, SPAIN]), []],
    [
      'exactly one in four weeks is not yet a hotel',
      { discoveries: 0.25 },
      calls(DAYTIME, 1, [FRANCE]),
      ['medium 1004'],
    ],
    ['but a risky one is told there too', { discoveries: 2 }, calls(DAYTIME, 1, [LATVIA]), ['medium 1004']],
    ['nothing is known yet', { known: false }, calls(NIGHT, 1, [LATVIA, FRANCE, ITALY, SPAIN]), []],
    ['at home', {}, calls(NIGHT, 1, ['0301234567', '112', '1005', '08001234567']), []],
    ['what comes in by the carrier', {}, calls(DAYTIME, 1, [LATVIA], { account: null, trunk: 'carrier' }), []],
  ];
  for (const [sentence, habits, events, expected] of table)
    it(sentence, () => {
      const one = judge(newDestination, {}, testSite(), { habits: madeHabits(habits) });
      assert.deepEqual(told(one.take(...events)), expected);
    });

  it('says where, and how seldom that is', () => {
    const one = judge(newDestination, {}, testSite(), { habits: madeHabits({ hourly: { '1004 chargeable': 0.01 } }) });
    const [found] = one.take(started(NIGHT));
    assert.equal(
      found?.summary,
      'Extension 1004 placed 1 call to Latvia (+371), where nobody here has called before, while the office was closed',
    );
    assert.equal(found.facts['callsAbroadAWeek'], 1.68);
    assert.deepEqual(found.facts['new'], ['country']);
  });

  it('takes its threshold from the settings, exactly', () => {
    for (const [countries, expected] of [
      [2, 'high 1004'],
      [3, 'medium 1004'],
    ] as const) {
      // prettier-ignore
      const one = judge(newDestination, { countries }, testSite(), { habits: madeHabits() });
      assert.equal(told(one.take(...calls(NIGHT, MINUTE, [FRANCE, ITALY]))).at(-1), expected);
    }
  });
});

function redialled(n: number): Event[] {
  return series(n, DAYTIME, MINUTE, (at, i) => [
    started(at, { call: `c${i}`, dialled: LATVIA }),
    ended(at + 9_000, { call: `c${i}`, dialled: LATVIA, startedAt: at }, 486),
  ]).concat(connected(DAYTIME + DAY / 4, { call: 'last', dialled: LATVIA }));
}
