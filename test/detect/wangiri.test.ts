import assert from 'node:assert/strict';
import { noHabits, type Habits } from '../../src/detect/habits.ts';
import wangiri from '../../src/detect/wangiri.ts';
import type { CallFacts, Event, Millis } from '../../src/model.ts';
import { DAY, HOUR, MINUTE, SECOND } from '../../src/time.ts';
import { connected, DAYTIME, ended, judge, record, recorded, series, started, told } from '../support/events.ts';
import { testSite } from '../support/site.ts';

const TUNISIA = '+21698000001';

/** A call in that rings so long and is given up. */
const ring = (at: Millis, i: number, over: Partial<CallFacts> = {}, lasting = 3 * SECOND, status = 487): Event[] => {
  const facts = {
    call: `in-${at}`,
    account: null,
    trunk: 'carrier',
    source: '198.51.100.1',
    from: TUNISIA,
    dialled: `030555${100 + i}`,
    startedAt: at,
    ...over,
  };
  return [started(at, facts), ended(at + lasting, facts, status)];
};
const rings = (
  n: number,
  every: Millis,
  over: (i: number) => Partial<CallFacts> = () => ({}),
  lasting = 3 * SECOND,
): Event[] => series(n, DAYTIME, every, (at, i) => ring(at, i, over(i), lasting));
/** Extension `account` calls back, and talks. */
const back = (at: Millis, account: string, over: Partial<CallFacts> = {}): Event[] => {
  const facts = { call: `back-${account}`, account, dialled: '0021698000001', startedAt: at, ...over };
  return [started(at, facts), connected(at + SECOND, facts)];
};
const later = DAYTIME + DAY;

describe('wangiri', () => {
  const table: [string, Event[], string[]][] = [
    ['five calls ring once, on five phones', rings(5, MINUTE), ['low 21698000001']],
    ['four: one below', rings(4, MINUTE), []],
    ['a slow attacker, one a day', rings(5, DAY), ['low 21698000001']],
    ['beyond the window', rings(5, 2 * DAY), []],
    [
      'from numbers of one country, on one line',
      rings(5, MINUTE, (i) => ({ from: `+2169800000${i}`, dialled: '030555100' })),
      ['low 21698000000'],
    ],
    ['written as Asterisk may show it', rings(5, MINUTE, () => ({ from: '21698000001' })), ['low 21698000001']],
    ['as long as a ring may last', rings(5, MINUTE, undefined, 5 * SECOND), ['low 21698000001']],
    ['longer than that', rings(5, MINUTE, undefined, 5 * SECOND + 1), []],
    [
      'taken by an attendant, and gone',
      rings(5, MINUTE, (i) => ({ answeredAt: DAYTIME + i * MINUTE + SECOND })),
      ['low 21698000001'],
    ],
    ['somebody calls back', [...rings(5, MINUTE), ...back(later, '1004')], ['low 21698000001', 'medium 21698000001']],
    [
      'two do, and are connected',
      [...rings(5, MINUTE), ...back(later, '1004'), ...back(later + HOUR, '1005')],
      ['low 21698000001', 'medium 21698000001', 'high 21698000001'],
    ],
    [
      'one to each of two countries of the same campaign',
      [
        ...rings(5, MINUTE),
        ...series(5, DAYTIME + HOUR, MINUTE, (at, i) => ring(at, i, { from: '+23276000001' })),
        ...back(later, '1004'),
        ...back(later + HOUR, '1005', { dialled: '0023276000001' }),
      ],
      ['low 21698000001', 'low 23276000001', 'medium 21698000001', 'medium 23276000001', 'high 23276000001'],
    ],
    ['a call back after the window', [...rings(5, MINUTE), ...back(DAYTIME + 8 * DAY, '1004')], ['low 21698000001']],
    [
      'a call back to another number of the country',
      [...rings(5, MINUTE), ...back(later, '1004', { dialled: '0021698009999' })],
      ['low 21698000001'],
    ],
    [
      'judged by call records alone',
      [
        ...series(5, DAYTIME, MINUTE, (at, i) => recorded(missed(at, i), { account: null, trunk: 'carrier' })),
        recorded(record(later, 120, { dst: '0021698000001' })),
      ],
      ['low 21698000001', 'medium 21698000001'],
    ],
    [
      'a record of a call-back that is written after the number rang again',
      [
        ...series(5, DAYTIME, MINUTE, (at, i) => recorded(missed(at, i), { account: null, trunk: 'carrier' })),
        recorded(missed(DAYTIME + HOUR, 7), { account: null, trunk: 'carrier' }),
        recorded(record(DAYTIME + HOUR / 2, 2_400, { dst: '0021698000001' })),
      ],
      ['low 21698000001', 'medium 21698000001'],
    ],
    // innocent twins
    ['a partner who misdials, and hangs up', rings(2, SECOND), []],
    ['and is called back', [...rings(1, SECOND), ...back(later, '1004')], []],
    ['an impatient customer: one number, one line', rings(9, MINUTE, () => ({ dialled: '030555100' })), []],
    ['callers who let it ring', rings(20, MINUTE, undefined, 25 * SECOND), []],
    ['a busy line', series(9, DAYTIME, MINUTE, (at, i) => ring(at, i, {}, SECOND, 486)), []],
    ['callers from cheap countries', rings(20, MINUTE, (i) => ({ from: `+4314000000${i}` })), []],
    ['callers at home', rings(20, MINUTE, (i) => ({ from: `03012345${10 + i}` })), []],
    ['callers without a number', rings(20, MINUTE, () => ({ from: 'anonymous' })), []],
    [
      'colleagues who ring once',
      series(9, DAYTIME, MINUTE, (at, i) => ring(at, i, { account: '1004', trunk: null, from: '1004' })),
      [],
    ],
  ];
  for (const [sentence, events, expected] of table)
    it(sentence, () => assert.deepEqual(told(judge(wangiri).take(...events)), expected));

  it('says it in one sentence, with facts and who called back', () => {
    const found = judge(wangiri).take(...rings(5, MINUTE), ...back(later, '1004'));
    assert.equal(found[0]?.summary, '5 calls from Tunisia (+216) rang once within 4 min, for somebody to call back');
    assert.deepEqual(found[0].facts['called'], 5);
    assert.equal(found[0].callKeys.length, 5);
    assert.equal(
      found[1]?.summary,
      '5 calls from Tunisia (+216) rang once within 4 min, and 1 call went back there, none connected yet',
    );
    assert.deepEqual(found[1].accounts, ['1004']);
    assert.deepEqual(found[1].callKeys, ['back-1004']);
  });

  it('counts a call once, whatever feeds tell it', () => {
    const both = series(4, DAYTIME, MINUTE, (at, i) => [
      ...ring(at, i),
      recorded(missed(at, i), { account: null, trunk: 'carrier', call: `in-${at}`, live: true }),
    ]);
    assert.deepEqual(judge(wangiri).take(...both), []);
  });

  it('leaves countries alone that the site calls', () => {
    const seen = { calls: 40, days: 30, last: DAYTIME };
    const usual: Habits = { ...noHabits, called: () => ({ country: seen, kind: null, prefix: null }) };
    assert.deepEqual(judge(wangiri, {}, testSite(), { habits: usual }).take(...rings(9, MINUTE)), []);
  });

  it('takes its thresholds from the settings, exactly', () => {
    const says = (settings: object, events: Event[]): boolean =>
      judge(wangiri, { ...settings }).take(...events).length > 0;
    for (const n of [3, 8])
      assert.deepEqual(
        [n - 1, n].map((k) => says({ rings: n, pairs: 1 }, rings(k, MINUTE))),
        [false, true],
      );
    assert.equal(says({ risk: 90 }, rings(9, MINUTE)), false);
    assert.equal(says({ ring: '2s' }, rings(9, MINUTE)), false);
  });
});

function missed(at: Millis, i: number) {
  const over = { src: '21698000001', dst: `030555${100 + i}`, channel: 'PJSIP/carrier-1', uniqueid: `i${i}` };
  return record(at, 0, { ...over, end: at + 3 * SECOND, duration: 3 });
}
