import assert from 'node:assert/strict';
import { noHabits } from '../../src/detect/habits.ts';
import risky from '../../src/detect/risky-destination.ts';
import type { Event } from '../../src/model.ts';
import { DAY, HOUR, MINUTE } from '../../src/time.ts';
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
  tick,
  told,
} from '../support/events.ts';
import { madeHabits } from '../support/habits.ts';
import { testSite } from '../support/site.ts';

const LATVIA = '0037126000001';
const CUBA = '005352123456';
const SATELLITE = '0088162200001';
/** Latvian numbers outside what the country has allocated. */
const NOBODY = '003714000';

const to = (at: number, dialled: string, call = dialled, over: object = {}): Event =>
  started(at, { call, dialled, ...over });
const up = (at: number, dialled: string, call = dialled, over: object = {}): Event[] => [
  to(at, dialled, call, over),
  connected(at, { call, dialled, startedAt: at, ...over }),
];
const talks = (at: number, dialled: string, minutes: number, call = dialled): Event[] => [
  ...up(at, dialled, call),
  ended(at + minutes * MINUTE, { call, dialled, startedAt: at, answeredAt: at }),
];

describe('risky-destination', () => {
  const table: [string, Event[], string[]][] = [
    ['the first call to Latvia by day is worth a look', up(DAYTIME, LATVIA), ['medium 1004']],
    ['an hour with a partner there stays one', talks(DAYTIME, LATVIA, 60), ['medium 1004']],
    [
      'the same partner three times',
      series(3, DAYTIME, HOUR, (at, i) => talks(at, LATVIA, 5, `c${i}`)),
      ['medium 1004', 'medium 1004'],
    ],
    [
      'two risky countries: below the threshold',
      [...up(DAYTIME, LATVIA), ...up(DAYTIME + 9, '0023225123456')],
      ['medium 1004'],
    ],
    [
      'three numbers in two countries',
      [to(DAYTIME, LATVIA), to(DAYTIME + 1, '0037126000002'), to(DAYTIME + 2, '0023225123456')],
      ['medium 1004', 'high 1004'],
    ],
    [
      'three numbers of one country by day: a new market, not yet an attack',
      series(3, DAYTIME, MINUTE, (at, i) => to(at, `003712600000${i}`)),
      ['medium 1004', 'medium 1004'],
    ],
    [
      'six of them are',
      series(6, DAYTIME, MINUTE, (at, i) => to(at, `003712600000${i}`)),
      ['medium 1004', 'medium 1004', 'high 1004'],
    ],
    [
      'three of them while closed',
      series(3, NIGHT, MINUTE, (at, i) => to(at, `003712600000${i}`)),
      ['medium 1004', 'high 1004'],
    ],
    [
      'beside numbers that nobody can have',
      [to(DAYTIME, LATVIA), to(DAYTIME + 1, `${NOBODY}1`), to(DAYTIME + 2, `${NOBODY}2`)],
      ['medium 1004', 'high 1004'],
    ],
    ['a satellite number while closed', [to(NIGHT, SATELLITE)], ['high 1004']],
    ['a satellite number by day: a ship', talks(DAYTIME, SATELLITE, 5), ['medium 1004']],
    [
      'and for twenty minutes',
      [...up(DAYTIME, SATELLITE), tick(DAYTIME + 20 * MINUTE)],
      ['medium 1004', 'critical 1004'],
    ],
    [
      'several that connect, and talk',
      [
        ...up(DAYTIME, LATVIA),
        ...up(DAYTIME + 1, CUBA),
        ...up(DAYTIME + 2, '0025261234567'),
        tick(DAYTIME + 20 * MINUTE),
      ],
      ['medium 1004', 'high 1004', 'critical 1004'],
    ],
    ['a premium number at home', [to(DAYTIME, '09001234567')], ['medium 1004']],
    [
      'a slow attacker, one number in ten hours',
      series(3, NIGHT, 10 * HOUR, (at, i) => to(at, `003712600000${i}`)),
      ['medium 1004', 'high 1004'],
    ],
    // innocent twins
    [
      'a partner in Paris, all day',
      series(30, DAYTIME, MINUTE, (at, i) => to(at, `003314268530${i % 10}`, `c${i}`)),
      [],
    ],
    ['mobiles in Britain', series(30, DAYTIME, MINUTE, (at, i) => to(at, `0044796123456${i % 10}`, `c${i}`)), []],
    ['calls at home', series(30, NIGHT, MINUTE, (at, i) => to(at, '015112345678', `c${i}`)), []],
    ['an emergency call', [to(NIGHT, '112')], []],
    ['what comes in by the trunk', [to(NIGHT, CUBA, 'x', { trunk: 'carrier', account: null })], []],
  ];
  for (const [sentence, events, expected] of table)
    it(sentence, () => assert.deepEqual(told(judge(risky).take(...events)), expected));

  it('says why, in one sentence with facts', () => {
    const [found] = judge(risky).take(...up(DAYTIME, CUBA));
    assert.equal(found?.summary, 'Extension 1004 placed 1 call to Cuba (+53), a destination of fraud, not connected');
    assert.equal(found.facts['risk'], 80);
    assert.match(String(found.facts['reasons']), /highest terminating fees/);
  });

  it('what is called on several days is no news', () => {
    const seen = { calls: 9, days: 6, last: DAYTIME - DAY };
    const habits = { ...noHabits, known: () => true, called: () => ({ country: seen, kind: seen, prefix: seen }) };
    assert.deepEqual(judge(risky, {}, testSite(), { habits }).take(...talks(DAYTIME, CUBA, 90)), []);
  });

  it('an office next door finds nothing in it', () => {
    const tallinn = testSite({ site: { country: 'EE', timezone: 'Europe/Tallinn', currency: 'EUR' } });
    assert.deepEqual(judge(risky, {}, tallinn).take(...up(DAYTIME, LATVIA)), []);
    assert.deepEqual(told(judge(risky, {}, tallinn).take(...up(DAYTIME, CUBA))), ['medium 1004']);
  });

  it('judges records alone the same way', () => {
    const rows = ['0037126000001', CUBA, '0025261234567'].map((dst, i) =>
      recorded(record(DAYTIME + i * MINUTE, 8 * 60, { dst })),
    );
    assert.deepEqual(told(judge(risky).take(...rows)), ['medium 1004', 'critical 1004']);
  });

  it('takes its thresholds from the settings', () => {
    const worst = (parameters: object, events: Event[]): string | undefined =>
      told(judge(risky, { ...parameters }).take(...events)).at(-1);
    const four = series(4, NIGHT, MINUTE, (at, i) => to(at, `003712600000${i}`));
    assert.equal(worst({ numbers: 4 }, four), 'high 1004');
    assert.equal(worst({ numbers: 5 }, four), 'medium 1004');
    assert.equal(worst({ risk: 90 }, four), undefined);
    const nobody = series(4, DAYTIME, MINUTE, (at, i) => to(at, `003300000000${i}`));
    assert.equal(worst({}, nobody), undefined);
    assert.equal(worst({ invalid: 4 }, nobody), 'medium 1004');
    assert.equal(worst({ invalid: 5 }, nobody), undefined);
  });

  it('leaves the country of the drivers alone by day, and not at night', () => {
    const habits = madeHabits({ elsewhere: { site: ['LV'], '1004': ['LV'] } });
    const one = (at: number): string[] =>
      told(
        judge(risky, {}, testSite(), { habits }).take(...series(4, at, HOUR, (t, i) => talks(t, LATVIA, 5, `c${i}`))),
      );
    assert.deepEqual(one(DAYTIME), []);
    assert.ok(one(NIGHT).length > 0);
  });
});
