import assert from 'node:assert/strict';
import outOfHours from '../../src/detect/out-of-hours-calls.ts';
import type { Event } from '../../src/model.ts';
import { DAY, HOUR, MINUTE } from '../../src/time.ts';
import {
  connected,
  DAYTIME,
  ended,
  judge,
  NIGHT,
  recorded,
  record,
  series,
  started,
  THIEF,
  tick,
  told,
  updated,
} from '../support/events.ts';
import { madeHabits } from '../support/habits.ts';
import { testSite } from '../support/site.ts';

/** 17:58 in Berlin, two minutes before closing. */
const LATE = Date.parse('2026-11-20T16:58:00Z');
const CHRISTMAS = Date.parse('2026-12-25T10:00:00Z');

const calls = (n: number, every = MINUTE, over = {}): Event[] =>
  series(n, NIGHT, every, (at, i) => started(at, { call: `c${i}`, ...over }));
const talks = (n: number, every = MINUTE, over = {}): Event[] =>
  series(n, NIGHT, every, (at, i) => [
    started(at, { call: `c${i}`, ...over }),
    connected(at + 5_000, { call: `c${i}`, startedAt: at, ...over }),
  ]);

const endedUnheard = (at: number): Event => ({
  ...ended(at, { call: 'c0', startedAt: NIGHT, answeredAt: NIGHT + 5_000 }),
  lostSince: NIGHT + 14 * MINUTE,
});

describe('out-of-hours-calls', () => {
  const table: [string, Event[], string[]][] = [
    ['one late call is worth a look', [started(NIGHT)], ['medium 1004']],
    ['one late call that connects stays medium', talks(1), ['medium 1004']],
    ['two calls: one below the threshold', talks(2), ['medium 1004']],
    ['three calls, none connected: it would get there', calls(3), ['medium 1004', 'high 1004']],
    ['three calls that connect: money is being lost', talks(3), ['medium 1004', 'critical 1004']],
    [
      'twelve calls are told at 1, 3, 6 and 12, not twelve times',
      calls(12),
      ['medium 1004', 'high 1004', 'high 1004', 'high 1004'],
    ],
    ['a slow attacker, one call in five hours', calls(3, 5 * HOUR), ['medium 1004', 'high 1004']],
    ['a very slow one falls out of the window', calls(3, 23 * HOUR), ['medium 1004']],
    ['a satellite number is grave at once', [started(NIGHT, { dialled: '0088162200001' })], ['high 1004']],
    [
      'and critical when it connects',
      [started(NIGHT, { dialled: '0088162200001' }), connected(NIGHT + 9, { dialled: '0088162200001' })],
      ['high 1004', 'critical 1004'],
    ],
    ['a domestic premium number is chargeable', [started(NIGHT, { dialled: '09001234567' })], ['high 1004']],
    ['a public holiday is closed', [started(CHRISTMAS)], ['medium 1004']],
    // innocent twins
    ['by day nobody minds', series(20, DAYTIME, 1_000, (at, i) => started(at, { call: `c${i}` })), []],
    ['a domestic call at night', calls(5, MINUTE, { dialled: '0301234567' }), []],
    ['a mobile call at night', calls(5, MINUTE, { dialled: '01701234567' }), []],
    ['an emergency call', calls(5, MINUTE, { dialled: '112' }), []],
    ['a colleague', calls(5, MINUTE, { dialled: '1005' }), []],
    ['an alarm line that dials a national number', calls(9, HOUR, { account: '1099', dialled: '08001234567' }), []],
    ['an account that works by night', calls(5, MINUTE, { account: '2001' }), []],
    ['a call in from the carrier', calls(5, MINUTE, { account: null, trunk: 'carrier', source: '198.51.100.1' }), []],
    ['what the trunk itself places', calls(5, MINUTE, { account: 'carrier' }), []],
    [
      'a call that began before closing and goes on for hours',
      [
        started(LATE),
        connected(LATE + 9_000, { startedAt: LATE }),
        tick(NIGHT),
        ended(NIGHT, { startedAt: LATE, answeredAt: LATE + 9_000 }),
      ],
      [],
    ],
    [
      'a call whose end nobody told: it talked until it was last heard of, and no longer',
      [...talks(1), tick(NIGHT + 50 * MINUTE), endedUnheard(NIGHT + 59 * MINUTE), tick(NIGHT + 5 * HOUR)],
      ['medium 1004'],
    ],
  ];
  for (const [sentence, events, expected] of table)
    it(sentence, () => assert.deepEqual(told(judge(outOfHours).take(...events)), expected));

  it('says it in one sentence, with facts', () => {
    const [last] = judge(outOfHours)
      .take(...series(12, NIGHT, 49_000, (at, i) => started(at, { call: `c${i}`, dialled: `003712000000${i % 2}` })))
      .slice(-1);
    assert.equal(
      last?.summary,
      'Extension 1004 placed 12 calls to Latvia (+371) in 8 min 59 s while the office was closed, none of them connected',
    );
    assert.equal(last.facts['calls'], 12);
    assert.equal(last.facts['destinations'], 2);
    assert.equal(last.facts['closedSince'], '2026-11-20T17:00:00.000Z');
    assert.deepEqual(last.facts['countries'], ['LV']);
    assert.equal(last.callKeys.length, 12);
    assert.deepEqual(last.sources, ['203.0.113.7']);
    assert.equal(last.sourceProof, 'authenticated');
  });

  it('names the holiday', () => {
    const [found] = judge(outOfHours).take(started(CHRISTMAS));
    assert.match(found?.summary ?? '', /while the office was closed \(.+\)$/);
    assert.equal(found?.facts['reason'], 'holiday');
  });

  it('becomes critical by talk alone while the call still runs, to the second', () => {
    const one = judge(outOfHours, { talk: '20m' });
    assert.deepEqual(told(one.take(started(NIGHT), connected(NIGHT + 1_000, { startedAt: NIGHT }))), ['medium 1004']);
    assert.deepEqual(one.take(tick(NIGHT + 1_000 + 20 * MINUTE - 1)), []);
    const found = one.take(tick(NIGHT + 1_000 + 20 * MINUTE), tick(NIGHT + 30 * MINUTE));
    assert.deepEqual(told(found), ['critical 1004']);
    assert.deepEqual(found[0]?.loss, { amount: 6, currency: 'EUR', estimated: true });
  });

  it('adds the talk of calls that have ended', () => {
    const one = judge(outOfHours, { talk: '20m' });
    const two = [0, 1].flatMap((i) => {
      const at = NIGHT + i * 30 * MINUTE;
      const over = { call: `c${i}`, startedAt: at };
      return [started(at, over), connected(at, over), ended(at + 10 * MINUTE, { ...over, answeredAt: at })];
    });
    assert.deepEqual(told(one.take(...two)), ['medium 1004', 'critical 1004']);
  });

  it('counts a call once whatever feeds tell it, and mends the talk by the record', () => {
    const one = judge(outOfHours, { talk: '50m' });
    const row = record(NIGHT, 49 * 60);
    const found = one.take(
      started(NIGHT),
      updated(NIGHT + 10, { startedAt: NIGHT, uniqueid: '1.0' }),
      connected(NIGHT, { startedAt: NIGHT }),
      connected(NIGHT, { startedAt: NIGHT }),
      ended(NIGHT + 49 * MINUTE, { startedAt: NIGHT, answeredAt: NIGHT }),
      recorded(row, { call: 'call-1', live: true }),
      recorded(row, { call: 'call-1', live: true }),
    );
    assert.deepEqual(told(found), ['medium 1004']);
    assert.deepEqual(told(one.take(started(NIGHT + HOUR, { call: 'x' }), started(NIGHT + HOUR, { call: 'y' }))), [
      'critical 1004',
    ]);
  });

  it('judges call records alone the same way', () => {
    const rows = (seconds: number): Event[] => series(3, NIGHT, MINUTE, (at) => recorded(record(at, seconds)));
    assert.deepEqual(told(judge(outOfHours).take(...rows(30))), ['medium 1004', 'critical 1004']);
    assert.deepEqual(told(judge(outOfHours).take(...rows(0))), ['medium 1004', 'high 1004']);
    const [, critical] = judge(outOfHours).take(...rows(600));
    assert.equal(critical?.at, NIGHT + 2 * MINUTE + 600_000);
    assert.deepEqual(critical.calls, ['1795208400.0', '1795208460.0', '1795208520.0']);
    assert.deepEqual(critical.loss, { amount: 9, currency: 'EUR', estimated: true });
    assert.deepEqual(judge(outOfHours).take(recorded(record(LATE, 3 * 3_600))), []);
  });

  it('moves a call to whom it belongs when the account is learnt later', () => {
    const one = judge(outOfHours);
    const found = one.take(
      started(NIGHT, { account: null, source: null }),
      updated(NIGHT + 5, { startedAt: NIGHT, account: null, source: THIEF }),
      updated(NIGHT + 9, { startedAt: NIGHT, account: '1004', source: THIEF }),
    );
    assert.deepEqual(told(found), ['medium 37120000001', `medium ${THIEF}`, 'medium 1004']);
    assert.deepEqual(one.take(updated(NIGHT + 12, { startedAt: NIGHT, account: '1004', source: THIEF })), []);
  });

  it('forgets a call whose account turns out to work by night', () => {
    const one = judge(outOfHours);
    one.take(started(NIGHT, { account: null }), updated(NIGHT + 5, { startedAt: NIGHT, account: '2001' }));
    assert.deepEqual(one.take(connected(NIGHT + 9, { startedAt: NIGHT, account: '2001' })), []);
  });

  it('starts a new story in the next closed period', () => {
    const one = judge(outOfHours);
    const saturday = NIGHT + DAY;
    const monday = NIGHT + 3 * DAY;
    assert.deepEqual(
      told(one.take(started(NIGHT), started(saturday + 1, { call: 'b' }), started(monday, { call: 'c' }))),
      ['medium 1004', 'medium 1004', 'medium 1004'],
    );
  });

  it('takes overtime with a partner for what it is, and a pump to the same country by the same account for what that is', () => {
    const late = (habits: Parameters<typeof madeHabits>[0], dialled: string): string[] =>
      told(
        judge(outOfHours, {}, testSite(), { habits: madeHabits(habits) }).take(...talks(6, 10 * MINUTE, { dialled })),
      );
    const partner = '00442079460000';
    assert.deepEqual(new Set(late({ countries: { '1004': ['GB'] } }, partner)), new Set(['medium 1004']));
    assert.ok(late({ elsewhere: { '1004': ['GB'] } }, partner).includes('critical 1004'), 'another range there');
    assert.ok(late({ countries: { '1005': ['GB'] } }, partner).includes('critical 1004'), "a colleague's partner");
    assert.ok(
      late({ known: false, countries: { '1004': ['GB'] } }, partner).includes('critical 1004'),
      'not yet known',
    );
    assert.ok(late({ countries: { '1004': ['LV'] } }, '0037120000001').includes('critical 1004'), 'a risky range');
  });

  it('takes a Saturday at work for less than a night, and a night for what it is', () => {
    const at = (from: number, n: number): string[] =>
      told(
        judge(outOfHours, {}, testSite(), { habits: madeHabits({ elsewhere: { '1004': ['GB'] } }) }).take(
          ...series(n, from, 20 * MINUTE, (start, i) => {
            const call = { call: `s${i}`, dialled: `0044207946000${i}`, startedAt: start };
            return [
              started(start, call),
              connected(start + 1, call),
              ended(start + 9 * MINUTE, { ...call, answeredAt: start + 1 }),
            ];
          }),
        ),
      );
    // Saturday 10:00 in Berlin
    const saturday = Date.UTC(2026, 10, 21, 9);
    assert.deepEqual(new Set(at(saturday, 8)), new Set(['medium 1004']));
    assert.ok(at(saturday, 9).includes('critical 1004'));
    assert.ok(at(saturday + 14 * HOUR, 3).includes('critical 1004'), 'from midnight on the third call tells');
  });

  it('judges another account by itself, and another zone by its own clock', () => {
    const one = judge(outOfHours);
    assert.deepEqual(told(one.take(...calls(2), ...calls(2, MINUTE, { account: '1005', call: 'z' }))), [
      'medium 1004',
      'medium 1005',
    ]);
    const newYork = testSite({ site: { timezone: 'America/New_York', country: 'US', currency: 'USD' } });
    // 16:00 in New York
    assert.deepEqual(judge(outOfHours, {}, newYork).take(started(NIGHT, { dialled: '01137120000001' })), []);
  });

  it('takes its threshold from the settings, exactly', () => {
    const high = (calls: number, n: number): boolean =>
      told(
        judge(outOfHours, { calls }).take(...series(n, NIGHT, 1_000, (at, i) => started(at, { call: `c${i}` }))),
      ).includes('high 1004');
    for (const threshold of [2, 5, 10])
      assert.deepEqual([high(threshold, threshold - 1), high(threshold, threshold)], [false, true]);
  });

  it('does not flood when every call comes from another spoofed address', () => {
    const one = judge(outOfHours);
    const found = series(5_000, NIGHT, 10, (at, i) =>
      started(at, { call: `c${i}`, account: null, source: `198.18.${i >> 8}.${i & 255}` }),
    );
    assert.ok(one.take(...found).length < 40);
  });
});
