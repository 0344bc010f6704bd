import assert from 'node:assert/strict';
import { noHabits, type Habits } from '../../src/detect/habits.ts';
import testCall from '../../src/detect/test-call.ts';
import type { CallFacts, Event, Millis } from '../../src/model.ts';
import { DAY, HOUR, MINUTE, SECOND } from '../../src/time.ts';
import {
  connected,
  DAYTIME,
  ended,
  judge,
  NIGHT,
  record,
  recorded,
  series,
  started,
  THIEF,
  tick,
  told,
} from '../support/events.ts';
import { testSite } from '../support/site.ts';

/** Latvia, Lithuania, Cuba, Inmarsat, Somalia, Gambia… */
const DEAR = ['37120000001', '37060000001', '5352000001', '870773000001', '252612000001', '2203000001', '23221000001'];
const CHEAP = [
  '43140000001',
  '41443334455',
  '33140000001',
  '442071234567',
  '3902123456',
  '34911234567',
  '31201234567',
  '3221234567',
];
const dear = (i: number): string => `00${DEAR[i % DEAR.length] ?? ''}`;
const cheap = (i: number): string => `00${CHEAP[i % CHEAP.length] ?? ''}`;

/** One call: unanswered when `talk` is 0. */
const call = (at: Millis, dialled: string, talk: Millis, over: Partial<CallFacts> = {}): Event[] => {
  const facts = { call: `${dialled}@${at}`, dialled, startedAt: at, ...over };
  if (talk === 0) return [started(at, facts), ended(at + 9 * SECOND, facts, 487)];
  const answered = { ...facts, answeredAt: at + SECOND };
  return [started(at, facts), connected(at + SECOND, facts), ended(at + SECOND + talk, answered)];
};
const probes = (n: number, every: Millis, dial: (i: number) => string, talk: Millis = 8 * SECOND, over = {}): Event[] =>
  series(n, DAYTIME, every, (at, i) => call(at, dial(i), talk, over));
const later = DAYTIME + 3 * HOUR;

describe('test-call', () => {
  const table: [string, Event[], string[]][] = [
    ['three dear numbers in three countries, a few seconds each', probes(3, MINUTE, dear), ['medium 1004']],
    ['two: one below', probes(2, MINUTE, dear), []],
    ['nobody answers', probes(3, MINUTE, dear, 0), ['medium 1004']],
    ['as long as a probe may be', probes(3, MINUTE, dear, 15 * SECOND), ['medium 1004']],
    ['longer than that', probes(3, MINUTE, dear, 15 * SECOND + 1), []],
    ['a slow attacker, one in three days', probes(3, 3 * DAY, dear), ['medium 1004']],
    ['beyond the window', probes(3, 7 * DAY + 1, dear), []],
    ['many dear countries', probes(7, MINUTE, dear), ['medium 1004', 'high 1004']],
    ['six dear numbers of one country', probes(6, MINUTE, (i) => `003712000000${i}`), ['medium 1004']],
    ['five', probes(5, MINUTE, (i) => `003712000000${i}`), []],
    ['four countries within a day, none dear', probes(4, HOUR, cheap), ['medium 1004']],
    ['three', probes(3, HOUR, cheap), []],
    ['four within four days', probes(4, DAY, cheap), []],
    ['eight', probes(8, MINUTE, cheap), ['medium 1004', 'high 1004']],
    [
      'by an address that no account is known for',
      probes(3, MINUTE, dear, 0, { account: null, source: THIEF }),
      [`medium ${THIEF}`],
    ],
    [
      'then a long call to one of their ranges',
      [...probes(3, MINUTE, dear), ...call(later, '0037120000009', 10 * MINUTE)],
      ['medium 1004', 'high 1004'],
    ],
    [
      'two of them: the pumping has begun',
      [...probes(3, MINUTE, dear), ...call(later, '0037120000009', 10 * MINUTE), ...call(later + HOUR, dear(2), HOUR)],
      ['medium 1004', 'high 1004', 'critical 1004'],
    ],
    [
      'one at night',
      [...probes(3, MINUTE, dear), ...call(NIGHT, '0037120000009', 10 * MINUTE)],
      ['medium 1004', 'critical 1004'],
    ],
    [
      'a long call elsewhere says nothing more',
      [...probes(3, MINUTE, dear), ...call(later, '004314000001', HOUR)],
      ['medium 1004'],
    ],
    [
      'judged by call records alone',
      [
        ...series(3, DAYTIME, MINUTE, (at, i) => recorded(record(at, 8, { dst: dear(i), uniqueid: `${i}` }))),
        recorded(record(later, 600, { uniqueid: 'x' })),
      ],
      ['medium 1004', 'high 1004'],
    ],
    // innocent twins
    ['a misdialled number', probes(1, 1, dear), []],
    ['one number dialled again and again', probes(30, MINUTE, () => '0037120000001', 0), []],
    ['ordinary calls to many countries', probes(20, HOUR, dear, 5 * MINUTE), []],
    ['short calls at home', probes(30, MINUTE, (i) => `03012345${10 + i}`), []],
    ['colleagues who do not answer', probes(30, MINUTE, (i) => `1${100 + i}`, 0), []],
    [
      'a salesman who reaches some of them and not the others',
      [
        ...call(DAYTIME - HOUR, '0037120000055', 6 * MINUTE),
        ...call(DAYTIME - HOUR, '0037060000055', 4 * MINUTE),
        ...probes(2, MINUTE, dear, 0),
        ...call(later, dear(0), 0),
      ],
      [],
    ],
    ['what comes in by a trunk', probes(5, MINUTE, dear, 0, { account: null, trunk: 'carrier' }), []],
  ];
  for (const [sentence, events, expected] of table)
    it(sentence, () => assert.deepEqual(told(judge(testCall).take(...events)), expected));

  it('says it in one sentence, with facts and calls', () => {
    const [found] = judge(testCall).take(...probes(3, MINUTE, dear));
    assert.equal(
      found?.summary,
      'Extension 1004 tried 3 numbers shortly in 2 min: Latvia (+371), Lithuania (+370) and Cuba (+53)',
    );
    assert.equal(found.facts['rule'], 'probes 3');
    assert.equal(found.facts['answered'], 3);
    assert.equal(found.callKeys.length, 3);
    const all = judge(testCall).take(...probes(3, MINUTE, dear), ...call(later, dear(0), HOUR));
    assert.match(all.at(-1)?.summary ?? '', /, then called 1 time at length what had been tried$/);
  });

  it('tells of the long call while it still runs, to the second', () => {
    const one = judge(testCall);
    const facts = { call: 'x', dialled: '0037120000009', startedAt: later };
    one.take(...probes(3, MINUTE, dear), started(later, facts), connected(later, facts));
    assert.deepEqual(one.take(tick(later + 2 * MINUTE - 1)), []);
    assert.deepEqual(told(one.take(tick(later + 2 * MINUTE), tick(later + HOUR))), ['high 1004']);
  });

  it('leaves countries alone that the account, or the site, calls', () => {
    const seen = { calls: 40, days: 30, last: DAYTIME };
    const usual: Habits = { ...noHabits, called: () => ({ country: seen, kind: null, prefix: null }) };
    assert.deepEqual(judge(testCall, {}, testSite(), { habits: usual }).take(...probes(7, MINUTE, dear)), []);
  });

  it('takes its thresholds from the settings, exactly', () => {
    const says = (settings: object, events: Event[]): boolean =>
      judge(testCall, { ...settings }).take(...events).length > 0;
    for (const n of [2, 5]) {
      assert.deepEqual(
        [n - 1, n].map((k) => says({ probes: n, countries: 30 }, probes(k, MINUTE, dear))),
        [false, true],
      );
      assert.deepEqual(
        [n - 1, n].map((k) => says({ countries: n }, probes(k, MINUTE, cheap))),
        [false, true],
      );
    }
  });
});
