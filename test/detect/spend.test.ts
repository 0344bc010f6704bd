import assert from 'node:assert/strict';
import { noHabits, type Habits } from '../../src/detect/habits.ts';
import spend from '../../src/detect/spend.ts';
import { spend as put, spentWithin, type Spent } from '../../src/detect/spent.ts';
import type { Event, Millis } from '../../src/model.ts';
import { createSite, siteDefaults } from '../../src/site/index.ts';
import { DAY, HOUR, MINUTE, SECOND } from '../../src/time.ts';
import {
  connected,
  DAYTIME,
  ended,
  judge,
  NIGHT,
  onward,
  record,
  recorded,
  series,
  started,
  tick,
  told,
  updated,
} from '../support/events.ts';
import { madeHabits } from '../support/habits.ts';
import { testSite } from '../support/site.ts';

/** The tariff of the test site: Latvia 0.30, satellite 4.00, Cuba 1.50, Britain 0.02 a minute. */
const SATELLITE = '0088162200001';
const BRITAIN = '00442079460018';
const CUBA = '005352123456';

/** A call that connects at once and runs for so long, by ticks of a second or as given. */
const talk = (at: Millis, minutes: number, over: object = {}, every = MINUTE): Event[] => [
  started(at, over),
  connected(at, over),
  ...series(Math.ceil((minutes * MINUTE) / every), at + every, every, (t) => tick(t)),
];
const over = (event: { at: Millis }[], severity: string): Millis =>
  (event as { at: Millis; severity: string }[]).find((e) => e.severity === severity)?.at ?? NaN;

describe('spend', () => {
  const table: [string, Event[], string[]][] = [
    [
      'a satellite call by day: warned at 70 % of 20 an hour, cut at 20',
      talk(DAYTIME, 6, { dialled: SATELLITE }),
      ['medium 1004', 'critical 1004'],
    ],
    ['a cheap long call to a partner by day', talk(DAYTIME, 240, { dialled: BRITAIN }), []],
    [
      'a sales team: 40 calls of ten minutes to Britain',
      series(40, DAYTIME, 10 * MINUTE, (at, i) => [
        ...talk(at, 9, { call: `c${i}`, dialled: BRITAIN }),
        ended(at + 9 * MINUTE, { call: `c${i}`, dialled: BRITAIN, answeredAt: at }),
      ]),
      [],
    ],
    [
      'a conference of eight partners for an hour',
      series(8, DAYTIME, SECOND, (at, i) => [
        started(at, { call: `c${i}`, dialled: BRITAIN }),
        connected(at, { call: `c${i}`, dialled: BRITAIN }),
      ]).concat(series(60, DAYTIME + MINUTE, MINUTE, (at) => tick(at))),
      [],
    ],
    ['calls at home for a whole day', talk(DAYTIME, 600, { dialled: '015112345678' }), []],
    [
      'calls that are never answered',
      series(50, DAYTIME, MINUTE, (at, i) => [
        started(at, { call: `c${i}`, dialled: SATELLITE }),
        tick(at + 30 * SECOND),
      ]),
      [],
    ],
    ['by night a third of it is enough', talk(NIGHT, 34, {}), ['medium 1004', 'critical 1004']],
    [
      'slowly, a call an hour: the day tells',
      series(20, DAYTIME - 14 * HOUR, HOUR, (at, i) => [
        started(at, { call: `c${i}`, account: '2001', dialled: CUBA }),
        connected(at, { call: `c${i}`, account: '2001', dialled: CUBA }),
        ended(at + 2 * MINUTE, { call: `c${i}`, account: '2001', dialled: CUBA, answeredAt: at }),
      ]).concat([]),
      // at the budget, and for the call that connects after it
      ['medium 2001', 'critical 2001', 'critical 2001'],
    ],
    [
      'over many accounts, each within its own: the office tells, and names them',
      series(8, DAYTIME, SECOND, (at, i) => [
        started(at, { call: `c${i}`, account: `10${i}0`, dialled: SATELLITE }),
        connected(at, { call: `c${i}`, account: `10${i}0`, dialled: SATELLITE }),
      ]).concat(series(200, DAYTIME + 9 * SECOND, SECOND, (at) => tick(at))),
      ['medium', 'critical'].flatMap((severity) => Array.from({ length: 8 }, (_, i) => `${severity} 10${i}0`)),
    ],
    [
      'a trunk is nobody: calls of the carrier itself',
      talk(DAYTIME, 60, { account: 'carrier', dialled: SATELLITE }),
      [],
    ],
  ];
  for (const [sentence, events, expected] of table)
    it(sentence, () =>
      assert.deepEqual(
        told(judge(spend, sentence.startsWith('slowly') ? { account_day: 55 } : {}).take(...events)),
        expected,
      ),
    );

  it('is told to the second at which the budget is used up, while the call runs', () => {
    const found = judge(spend).take(...talk(DAYTIME, 6, { dialled: SATELLITE }, SECOND));
    assert.equal(over(found, 'medium') - DAYTIME, 3.5 * MINUTE);
    assert.equal(over(found, 'critical') - DAYTIME, 5 * MINUTE);
  });

  it('a call at 9 a minute, by our own estimate, is told two and a quarter minutes after it connects', () => {
    const made = createSite(siteDefaults({ site: { country: 'DE', timezone: 'Europe/Berlin' } }));
    assert.ok(made.ok);
    const found = judge(spend, {}, made.value).take(...talk(DAYTIME, 4, { dialled: '00870773111632' }, SECOND));
    assert.equal(over(found, 'critical') - DAYTIME, 134 * SECOND);
    assert.equal(found.at(-1)?.facts['pricesBy'], 'estimate');
  });

  it('says it in one sentence, with what can still be cut, the dearest first', () => {
    const found = judge(spend).take(
      started(DAYTIME, { call: 'cheap' }),
      connected(DAYTIME, { call: 'cheap' }),
      started(DAYTIME, { call: 'dear', dialled: SATELLITE }),
      connected(DAYTIME, { call: 'dear', dialled: SATELLITE, uniqueid: '1.7' }),
      tick(DAYTIME + 5 * MINUTE),
    );
    const [last] = found.slice(-1);
    assert.equal(
      last?.summary,
      'Extension 1004 has spent about 21.50 EUR within an hour on 2 calls to Latvia (+371) and Globalstar satellite (+881 6); its budget of 20.00 EUR is used up'.replace(
        'Globalstar satellite (+881 6)',
        'Iridium satellite (+881 6)',
      ),
    );
    assert.deepEqual(last.callKeys, ['dear', 'cheap']);
    assert.equal(last.calls[0], '1.7');
    assert.equal(last.facts['running'], 2);
    assert.equal(last.facts['perMinute'], 4.3);
    assert.deepEqual(last.loss, { amount: 21.5, currency: 'EUR', estimated: true });
  });

  it('names a call that connects when the budget is used up already', () => {
    const one = judge(spend);
    one.take(...talk(DAYTIME, 6, { dialled: SATELLITE }));
    const at = DAYTIME + 10 * MINUTE;
    const found = one.take(started(at, { call: 'late' }), connected(at, { call: 'late', startedAt: at }));
    assert.deepEqual(told(found), ['critical 1004']);
    assert.deepEqual(found[0]?.callKeys, ['late']);
    const other = { call: 'x', account: '1010', dialled: BRITAIN };
    assert.deepEqual(one.take(started(at + 9, other), connected(at + 9, { ...other, startedAt: at })), []);
  });

  it('counts a call once whatever feeds tell it, and by its record where the end was missed', () => {
    const one = judge(spend, { account_hour: 100 });
    const row = record(DAYTIME, 20 * 60);
    one.take(
      started(DAYTIME),
      updated(DAYTIME + 10, { uniqueid: '1.0' }),
      connected(DAYTIME),
      tick(DAYTIME + 10 * MINUTE),
      ended(DAYTIME + 20 * MINUTE, { answeredAt: DAYTIME }),
      recorded(row, { call: 'call-1', live: true }),
      recorded(row, { call: 'call-1', live: true }),
    );
    // 6 EUR so far; 44 more reach the 50 of the day
    const at = DAYTIME + 2 * HOUR;
    const rest = (minutes: number): Event[] => [
      started(at, { call: 'b', startedAt: at, dialled: SATELLITE }),
      connected(at, { call: 'b', startedAt: at, dialled: SATELLITE }),
      tick(at + minutes * MINUTE),
    ];
    assert.deepEqual(told(one.take(...rest(10.9))), ['medium 1004']);
    assert.deepEqual(told(one.take(tick(at + 11 * MINUTE))), ['critical 1004']);
  });

  it('takes back what a call was counted for after it was last heard of', () => {
    const one = judge(spend, { account_hour: 30 });
    one.take(started(DAYTIME), connected(DAYTIME), tick(DAYTIME + 60 * MINUTE));
    one.take({ ...ended(DAYTIME + 61 * MINUTE, { answeredAt: DAYTIME }), lostSince: DAYTIME + 5 * MINUTE });
    assert.deepEqual(one.take(...talk(DAYTIME + 62 * MINUTE, 40, { call: 'b', startedAt: DAYTIME + 62 * MINUTE })), []);
  });

  it('judges records alone, spread over the time in which they were spoken', () => {
    const rows = (every: Millis): Event[] =>
      series(3, DAYTIME, every, (at) => recorded(record(at, 25 * 60, { dst: '0037120000001' })));
    assert.deepEqual(told(judge(spend).take(...rows(MINUTE))), ['medium 1004', 'critical 1004']);
    assert.deepEqual(told(judge(spend).take(...rows(2 * HOUR))), []);
  });

  it('a record of several legs of one call is counted once', () => {
    const row = record(DAYTIME, 40 * 60);
    const twice = [row, { ...row, uniqueid: '2.0', channel: 'PJSIP/1004-00000009' }].map((r) =>
      recorded(r, { call: 'one' }),
    );
    assert.deepEqual(told(judge(spend).take(...twice)), []);
    assert.deepEqual(told(judge(spend).take(...twice, recorded(row, { call: 'two' }))), ['critical 1004']);
  });

  it('counts what is dialled through, from manager events and their records once', () => {
    const one = judge(spend, { site_hour: 20 });
    const to = { to: SATELLITE };
    const found = one.take(
      onward(DAYTIME, 'dialled', to),
      onward(DAYTIME, 'answered', to),
      tick(DAYTIME + 4 * MINUTE),
      onward(DAYTIME + 4 * MINUTE, 'ended', to),
      recorded(
        record(DAYTIME, 240, {
          channel: 'PJSIP/carrier-00000001',
          dst: '4930123456',
          lastdata: `PJSIP/${SATELLITE}@carrier,60`,
        }),
        { call: 'call-1', live: true, account: null, trunk: 'carrier' },
      ),
    );
    assert.deepEqual(told(found), ['medium 88162200001']);
    assert.equal(found[0]?.facts['spent'], 16);
  });

  it('counts a forwarded call against the extension that forwards it, by record too', () => {
    const forwarded = record(DAYTIME, 10 * 60, { dst: '1005', lastdata: `PJSIP/${SATELLITE}@carrier,30` });
    assert.deepEqual(told(judge(spend).take(recorded(forwarded, { account: '1004' }))), ['critical 1005']);
    const live = { account: '1004', trunk: null, dialled: '1005', to: SATELLITE };
    assert.deepEqual(
      told(
        judge(spend).take(
          onward(DAYTIME, 'dialled', live),
          onward(DAYTIME, 'answered', live),
          tick(DAYTIME + 6 * MINUTE),
        ),
      ),
      ['critical 1005'],
    );
  });

  it('what is learned to belong to an account is its own', () => {
    const one = judge(spend);
    const nobody = { account: null, source: null, dialled: SATELLITE };
    one.take(started(DAYTIME, nobody), connected(DAYTIME, nobody), tick(DAYTIME + 6 * MINUTE));
    const found = one.take(
      updated(DAYTIME + 6 * MINUTE, { dialled: SATELLITE, startedAt: DAYTIME, answeredAt: DAYTIME }),
    );
    assert.deepEqual(told(found), ['critical 1004']);
  });

  it('budgets are those of the settings, for one account, one group, the office', () => {
    const minutes = (parameters: Record<string, unknown>, account = '1004'): number => {
      const site = testSite({ groups: { sales: { members: ['1004'] } } });
      const found = judge(spend, { warn: 0, ...parameters }, site).take(
        ...talk(DAYTIME, 200, { account, dialled: CUBA }, MINUTE),
      );
      return (over(found, 'critical') - DAYTIME) / MINUTE;
    };
    assert.equal(minutes({}), 14);
    assert.equal(minutes({ account_hour: 30 }), 20);
    assert.equal(minutes({ accounts: { '1004': { hour: 60, day: 90 } } }), 40);
    assert.equal(minutes({ accounts: { '1005': { hour: 60 } } }), 14);
    assert.equal(minutes({ groups: { sales: { hour: 6 } } }), 4);
    assert.equal(minutes({ groups: { sales: { hour: 6 } } }, '1005'), 14);
    assert.equal(minutes({ site_hour: 3 }), 2);
    assert.throws(() => spend.parameters.parse({ accounts: { x: { month: 3 } } }));
  });

  it('an office that is known to spend more may, twice as much as on a busy day, half of it in an hour, and no more', () => {
    const habits: Habits = {
      ...noHabits,
      known: () => true,
      knows: (account) => account === '1004',
      usual: () => ({ mean: 60, high: 80 }),
    };
    const minutes = (account: string, parameters = {}): number =>
      (over(
        judge(spend, { site_hour: 1e6, site_day: 1e6, ...parameters }, testSite(), { habits }).take(
          ...talk(DAYTIME, 200, { account, dialled: CUBA }, MINUTE),
        ),
        'critical',
      ) -
        DAYTIME) /
      MINUTE;
    assert.equal(minutes('1004'), Math.ceil(80 / 1.5));
    assert.equal(minutes('1005'), 14);
    assert.equal(minutes('1004', { usual: 0 }), 14);
  });

  it('is told again when the money has doubled, and anew when it was quiet for a day', () => {
    const one = judge(spend, {
      account_day: 1e6,
      site_hour: 1e6,
      site_day: 1e6,
      account_closed: 1e6,
      site_closed: 1e6,
    });
    const first = one.take(...talk(DAYTIME, 60, { dialled: CUBA }));
    assert.deepEqual(told(first), ['medium 1004', 'critical 1004', 'critical 1004', 'critical 1004']);
    one.take(ended(DAYTIME + HOUR, { dialled: CUBA, answeredAt: DAYTIME }));
    const monday = DAYTIME + 3 * DAY;
    const again = one.take(...talk(monday, 20, { call: 'b', startedAt: monday, dialled: CUBA }));
    assert.deepEqual(told(again), ['medium 1004', 'critical 1004']);
  });

  it('begins each closed period at nothing', () => {
    const one = judge(spend);
    const short = (at: Millis, call: string): Event[] => [
      ...talk(at, 30, { call, startedAt: at }),
      ended(at + 30 * MINUTE, { call, startedAt: at, answeredAt: at }),
    ];
    assert.deepEqual(told(one.take(...short(NIGHT, 'a'))), ['medium 1004']);
    assert.deepEqual(told(one.take(...short(NIGHT + 4 * DAY, 'b'))), ['medium 1004']);
    assert.deepEqual(told(one.take(...short(NIGHT + 4 * DAY + HOUR, 'c'))), ['critical 1004']);
  });

  it('counts business as usual, by day, a third against a shipped budget, and in full against one of a person', () => {
    const made = { elsewhere: { '1004': ['AT'] } };
    const site = createSite(siteDefaults({ site: { timezone: 'Europe/Berlin', country: 'DE' } }), '43,1.50');
    if (!site.ok) throw new Error('no site');
    const reached = (at: Millis, parameters = {}): number => {
      const one = judge(spend, parameters, site.value, { habits: madeHabits(made) });
      const found = one.take(...talk(at, 60, { dialled: '004314000001' }));
      return found.find((e) => e.severity === 'critical')?.facts['spent'] as number;
    };
    // 1.50 a minute: 20 EUR an hour are 60 of them; at night it is the ten of a closed period
    assert.equal(Math.round(reached(DAYTIME)), 60);
    assert.equal(Math.round(reached(DAYTIME, { account_hour: 20 })), 21);
    assert.equal(Math.round(reached(NIGHT)), 11);
  });
});

describe('money over time', () => {
  it('lies where it was spent', () => {
    let spent: Spent = put([], 12, DAYTIME, DAYTIME + 2 * HOUR);
    assert.ok(Math.abs(spentWithin(spent, DAYTIME + 2 * HOUR, HOUR).sum - 6) < 0.6);
    assert.ok(Math.abs(spentWithin(spent, DAYTIME + 2 * HOUR, DAY).sum - 12) < 1e-9);
    spent = put(spent, -12, DAYTIME, DAYTIME + 2 * HOUR);
    assert.ok(Math.abs(spentWithin(spent, DAYTIME + 2 * HOUR, DAY).sum) < 1e-9);
  });
  it('keeps a day, whatever comes', () => {
    let spent: Spent = [];
    for (let i = 0; i < 3_000; i++) spent = put(spent, 1, DAYTIME + i * MINUTE, DAYTIME + i * MINUTE);
    assert.ok(spent.length / 3 <= 290, `${spent.length}`);
    spent = put(spent, 1, DAYTIME - 30 * DAY, DAYTIME + 3_000 * MINUTE);
    assert.ok(spent.length / 3 <= 290);
  });
});
