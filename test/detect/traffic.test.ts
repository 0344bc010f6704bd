import assert from 'node:assert/strict';
import traffic from '../../src/detect/traffic.ts';
import type { Event } from '../../src/model.ts';
import { HOUR, MINUTE, SECOND } from '../../src/time.ts';
import { DAYTIME, judge, NIGHT, registered, series, started, tick, told, type Judge } from '../support/events.ts';
import { madeHabits, type MadeHabits } from '../support/habits.ts';
import { testSite } from '../support/site.ts';

const HOME = '0301234567';
const FRANCE = '0033140000001';
const calls = (n: number, from: number, every: number, over = {}): Event[] =>
  series(n, from, every, (at, i) => started(at, { call: `c${i}`, dialled: HOME, ...over }));
/** Each by another account. */
const spread = (n: number, from: number, every: number): Event[] =>
  series(n, from, every, (at, i) => started(at, { call: `c${i}`, account: `${1000 + i}`, dialled: HOME }));
const into = (n: number, from: number, every: number): Event[] =>
  calls(n, from, every, { account: null, trunk: 'carrier' });
const ticks = (from: number, to: number): Event[] => series((to - from) / MINUTE, from, MINUTE, (at) => tick(at));

const OFFICE: MadeHabits = { hourly: { 'site calls': 20, 'site inbound': 15, '1004 calls': 2 } };

const made = (habits: MadeHabits, parameters = {}): Judge =>
  judge(traffic, parameters, testSite(), { habits: madeHabits(habits) });

describe('traffic', () => {
  const table: [string, MadeHabits, Event[], string[]][] = [
    ['an account calls like a machine, by day', OFFICE, calls(40, DAYTIME, SECOND), ['medium 1004']],
    ['at night it is being used', OFFICE, calls(40, NIGHT, SECOND), ['high 1004']],
    ['twice as many are told again', OFFICE, calls(70, NIGHT, SECOND), ['high 1004', 'high 1004']],
    ['one call below the least', OFFICE, calls(29, NIGHT, SECOND), []],
    ['exactly the least', OFFICE, calls(30, NIGHT, SECOND), ['high 1004']],
    ['the slow one, twenty an hour: by the day', OFFICE, calls(240, DAYTIME, 3 * MINUTE), ['high 1004']],
    ['and as many as the account places anyway', { hourly: { '1004 calls': 8 } }, calls(240, DAYTIME, 3 * MINUTE), []],
    ['many accounts together', OFFICE, spread(160, DAYTIME, SECOND), ['medium all trunks']],
    ['a flood of calls that come in', OFFICE, into(110, DAYTIME, SECOND), ['medium all trunks']],
    [
      'a clerk calls abroad all day, which he hardly ever does',
      OFFICE,
      calls(12, DAYTIME, 20 * MINUTE, { dialled: FRANCE }),
      ['high 1004'],
    ],
    ['eleven times', OFFICE, calls(11, DAYTIME, 20 * MINUTE, { dialled: FRANCE }), []],
    // innocent twins
    [
      'a salesman who calls abroad as on any day',
      { hourly: { '1004 chargeable': 0.4, '1004 calls': 2 } },
      calls(24, DAYTIME, 15 * MINUTE, { dialled: FRANCE }),
      [],
    ],
    [
      'and on one when he is busy: not ten times as much',
      { hourly: { '1004 chargeable': 0.25, '1004 calls': 2 } },
      calls(36, DAYTIME, 12 * MINUTE, { dialled: FRANCE }),
      [],
    ],
    [
      'a sales team on the phone all day',
      { hourly: { 'site calls': 90, '1004 calls': 30 } },
      calls(59, DAYTIME, MINUTE),
      [],
    ],
    ['the Monday rush of a call centre', { hourly: { 'site inbound': 400 } }, into(600, DAYTIME, 5 * SECOND), []],
    ['twice what is usual', OFFICE, spread(60, DAYTIME, 30 * SECOND), []],
    ['nothing is known yet', { ...OFFICE, known: false }, calls(500, NIGHT, SECOND), []],
    [
      'a feed that died',
      OFFICE,
      [...calls(1, DAYTIME, 1), ...ticks(DAYTIME + SECOND, DAYTIME + 3 * HOUR)],
      ['medium all trunks'],
    ],
    [
      'a quiet day: phones go on registering',
      OFFICE,
      [...calls(1, DAYTIME, 1), registered(DAYTIME + 30 * MINUTE), ...ticks(DAYTIME + 31 * MINUTE, DAYTIME + 2 * HOUR)],
      ['low all trunks'],
    ],
    [
      'half an hour without a call',
      OFFICE,
      [...calls(1, DAYTIME, 1), ...ticks(DAYTIME + SECOND, DAYTIME + 30 * MINUTE)],
      [],
    ],
    [
      'a small office that is silent for a day',
      { hourly: { 'site calls': 0.5, 'site inbound': 0.5 } },
      [...calls(1, DAYTIME, 1), ...ticks(DAYTIME + SECOND, DAYTIME + 24 * HOUR)],
      [],
    ],
  ];
  for (const [sentence, habits, events, expected] of table)
    it(sentence, () => {
      assert.deepEqual(told(made(habits).take(...events)), expected);
    });

  it('says what was usual', () => {
    const [found] = made(OFFICE).take(...calls(30, DAYTIME, SECOND));
    assert.equal(found?.summary, 'Extension 1004 placed 30 calls within 1 min, where about 2 are usual in that hour');
    const [silent] = made(OFFICE).take(...calls(1, DAYTIME, 1), ...ticks(DAYTIME + SECOND, DAYTIME + 3 * HOUR));
    assert.match(silent?.summary ?? '', /^No call was seen for 55 min, where about 32 are usual: .* may be dead$/);
  });

  it('a silence is told once, and again when it comes again', () => {
    const one = made(OFFICE);
    const silence = (from: number): Event[] => [...calls(1, from, 1), ...ticks(from + SECOND, from + 3 * HOUR)];
    assert.equal(one.take(...silence(DAYTIME)).length, 1);
    assert.equal(one.take(...silence(DAYTIME + 4 * HOUR)).length, 1);
  });

  it('takes its thresholds from the settings, exactly', () => {
    assert.deepEqual(told(made({}, { account_calls: 10 }).take(...calls(10, DAYTIME, SECOND))), ['medium 1004']);
    assert.deepEqual(told(made({}, { account_calls: 10 }).take(...calls(9, DAYTIME, SECOND))), []);
    assert.deepEqual(told(made(OFFICE, { times: 100 }).take(...calls(99, DAYTIME, SECOND))), []);
  });
});
