import assert from 'node:assert/strict';
import { LearnedHabits } from '../../src/detect/learned-habits.ts';
import type { CallRecorded, Event, Evidence } from '../../src/model.ts';
import { DAY, HOUR, MINUTE } from '../../src/time.ts';
import { evidence } from '../support/evidence.ts';
import { connected, ended, record, recorded, started, tick } from '../support/events.ts';
import { testSite } from '../support/site.ts';

/** Monday 12 January 2026, midnight in Berlin; no holiday for eleven weeks. */
const MONDAY = Date.parse('2026-01-11T23:00:00Z');
const HOME = '0301234567';
const LATVIA = '0037120000001';
const site = testSite({ groups: { sales: { members: ['1001', '1002', '1003'] } } });

/** `n` answered calls of a minute within an hour of a day. */
const calls = (account: string, day: number, hour: number, n: number, dialled = HOME): Event[] =>
  Array.from({ length: n }, (_, i) => {
    const at = MONDAY + day * DAY + hour * HOUR + i * 1_000;
    return recorded(record(at, 60, { dst: dialled, uniqueid: `${account}.${day}.${hour}.${i}.${dialled}` }), {
      account,
    });
  });

type Plan = (day: number) => Event[];
const weekday = (day: number): boolean => day % 7 < 5;
/** An office: five phones, four calls an hour each. */
const office: Plan = (day) =>
  weekday(day)
    ? [8, 9, 10, 11, 13, 14, 15, 16].flatMap((hour) =>
        ['1000', '1001', '1002', '1003', '1004'].flatMap((account) => calls(account, day, hour, 4)),
      )
    : [];

function feed(habits: LearnedHabits, events: readonly Event[]): void {
  for (const event of [...events].sort((a, b) => a.at - b.at)) habits.take(event);
}
/** Weeks of it, and then the first second of the day after. */
function after(days: number, plan: Plan = office, habits = new LearnedHabits(site)): LearnedHabits {
  for (let day = 0; day < days; day++) feed(habits, plan(day));
  habits.take(tick(MONDAY + days * DAY + 1_000));
  return habits;
}
const hour = (day: number, of: number): [number, number] => [MONDAY + day * DAY + of * HOUR, MONDAY + day * DAY + (of + 1) * HOUR]; // prettier-ignore
const near = (actual: number, expected: number, within: number): void =>
  assert.ok(Math.abs(actual - expected) <= within, `${actual}, not ${expected}`);
const high = (account: string, at: number): Evidence =>
  evidence('e', { severity: 'high', at, subject: { type: 'account', value: account }, accounts: [] });

describe('learned habits', () => {
  it('are used after two weeks, not before', () => {
    assert.equal(after(13).known(), false);
    assert.equal(after(13).surprise('site', 'calls', 1_000, ...hour(13, 3)), 1);
    assert.equal(after(14).known(), true);
    assert.equal(after(14).knows('1000'), true);
    assert.equal(after(14).knows('1999'), false);
  });

  it('expect of an hour of the week what it held', () => {
    const habits = after(28);
    near(habits.expected('site', 'calls', ...hour(28, 10)), 20, 1);
    near(habits.expected({ account: '1000' }, 'calls', ...hour(28, 10)), 4, 0.3);
    near(habits.expected({ group: 'sales' }, 'calls', ...hour(28, 10)), 12, 0.7);
    near(habits.expected('site', 'calls', ...hour(28, 3)), 0, 0.01);
    near(habits.expected('site', 'calls', ...hour(33, 10)), 0, 0.01);
    near(habits.expected({ account: '1000' }, 'minutes', ...hour(28, 10)), 4, 0.4);
    near(habits.usual('site', 'calls').mean, (160 * 5) / 7, 5);
    assert.ok(habits.surprise('site', 'calls', 25, ...hour(28, 10)) > 0.01);
    assert.ok(habits.surprise('site', 'calls', 100, ...hour(28, 10)) < 1e-6);
    assert.ok(habits.surprise({ account: '1000' }, 'calls', 20, ...hour(28, 3)) < 1e-6);
    assert.ok(habits.silence('site', 'calls', 0, ...hour(28, 10)) < 1e-3);
  });

  it('an account that calls abroad seldom is normal at its own rate', () => {
    const habits = after(70, (day) => [...office(day), ...(day % 25 === 3 ? calls('1000', day, 10, 1, LATVIA) : [])]);
    const [from, to] = [MONDAY + 70 * DAY, MONDAY + 71 * DAY];
    const seldom = habits.surprise({ account: '1000' }, 'chargeable', 1, from, to);
    const never = habits.surprise({ account: '1004' }, 'chargeable', 1, from, to);
    assert.ok(seldom > 0.02, `${seldom}`);
    assert.ok(never < seldom / 3, `${never}`);
    assert.ok(habits.surprise({ account: '1000' }, 'chargeable', 8, from, to) < 1e-4);
    near(habits.called({ account: '1000' }, site.number(LATVIA)).country?.days ?? 0, 3, 0);
    assert.equal(habits.called({ account: '1004' }, site.number(LATVIA)).country, null);
    assert.equal(habits.called('site', site.number('0037167000001')).prefix, null);
    assert.equal(habits.called('site', site.number('0037167000001')).country?.days, 3);
    assert.deepEqual(
      habits.countries('site').map(({ place }) => place),
      ['LV'],
    );
  });

  it('a new account is expected to be like its group', () => {
    const habits = after(28);
    near(habits.expected({ account: '1002' }, 'calls', ...hour(28, 10)), 4, 0.3);
    near(habits.expected({ account: 'newcomer' }, 'calls', ...hour(28, 10)), 4, 0.5);
    assert.ok(habits.surprise({ account: 'newcomer' }, 'calls', 8, ...hour(28, 10)) > 1e-3);
  });

  it('follow drift', () => {
    const twice: Plan = (day) => [
      ...office(day),
      ...office(day).map((e) => ({ ...e, call: `${(e as CallRecorded).call} again` })),
    ];
    const habits = after(42, (day) => (day < 14 ? office(day) : twice(day)));
    near(habits.expected('site', 'calls', ...hour(42, 10)), 35, 2);
  });

  it('do not become what an attack was: the day is forgotten when it is told', () => {
    const attack: Plan = (day) => [...office(day), ...(day === 25 ? calls('1000', day, 2, 200, LATVIA) : [])];
    const taught = after(28, attack);
    const habits = new LearnedHabits(site);
    for (let day = 0; day < 28; day++) {
      feed(habits, attack(day));
      if (day === 25) habits.judged(high('1000', MONDAY + 25 * DAY + 17 * HOUR));
    }
    habits.take(tick(MONDAY + 28 * DAY + 1_000));
    assert.notEqual(taught.called('site', site.number(LATVIA)).country, null);
    assert.equal(habits.called('site', site.number(LATVIA)).country, null);
    assert.equal(habits.called({ account: '1000' }, site.number(LATVIA)).country, null);
    near(habits.expected('site', 'calls', ...hour(32, 2)), 0, 0.05);
    near(habits.expected({ account: '1000' }, 'calls', ...hour(28, 10)), 4, 0.3);
  });

  it('one day teaches little, even when nobody tells', () => {
    const habits = after(28, (day) => [...office(day), ...(day === 25 ? calls('1000', day, 2, 900) : [])]);
    // 900 calls in four weeks of Fridays would make 225 an hour
    assert.ok(habits.expected({ account: '1000' }, 'calls', ...hour(32, 2)) < 12);
    assert.ok(habits.expected('site', 'calls', ...hour(32, 2)) < 80);
  });

  it('a holiday is not learned, and may be like a Sunday or like its weekday', () => {
    // Good Friday and Easter Monday 2026 are 3 and 6 April: days 81 and 84
    const closed: Plan = (day) => (day === 81 || day === 84 ? [] : office(day));
    const utc = testSite({ site: { name: 'u', timezone: 'UTC', country: 'DE', currency: 'EUR' } });
    const habits = after(80, closed, new LearnedHabits(utc));
    near(habits.expected('site', 'calls', ...hour(81, 10)), 0, 0.01);
    assert.ok(habits.silence('site', 'calls', 0, ...hour(81, 10)) > 0.9);
    assert.ok(habits.surprise('site', 'calls', 20, ...hour(81, 10)) > 0.1);
    near(after(90, closed, new LearnedHabits(utc)).expected('site', 'calls', ...hour(95, 10)), 20, 1);
  });

  it('a day on which the feed was dead is not learned', () => {
    const habits = after(28, (day) => (day === 23 ? [] : office(day)));
    near(habits.expected('site', 'calls', ...hour(30, 10)), 20, 1);
  });

  it('does not miss before opening what comes after it', () => {
    // sixty calls from nine to ten, none before: a quarter of them is smoothed into the hour from eight
    const habits = after(28, (day) => (day % 7 < 5 ? calls('1001', day, 9, 60) : []));
    assert.ok(habits.expected('site', 'calls', ...hour(28, 8)) > 10);
    assert.equal(habits.silence('site', 'calls', 0, ...hour(28, 8)), 1);
    assert.ok(habits.silence('site', 'calls', 0, ...hour(28, 9)) < 0.05);
  });

  it('counts a call once whatever feeds tell it', () => {
    const habits = new LearnedHabits(site);
    const at = MONDAY + 10 * HOUR;
    feed(habits, [
      started(at, { dialled: LATVIA }),
      connected(at + 1_000, { dialled: LATVIA, startedAt: at }),
      ended(at + 2 * MINUTE + 1_000, { dialled: LATVIA, startedAt: at, answeredAt: at + 1_000 }),
      recorded(record(at, 120), { live: true, call: 'call-1', at: at + 3 * MINUTE } as never),
      started(at + HOUR, { call: 'c2', account: null, trunk: 'carrier' }),
      started(at + HOUR, { call: 'c3', dialled: '1005' }),
      started(at + HOUR, { call: 'c4', dialled: '112' }),
    ]);
    habits.take(tick(MONDAY + DAY + 1_000));
    const once = (measure: 'calls' | 'chargeable' | 'minutes' | 'spend' | 'inbound'): number =>
      habits.week('site', measure).reduce((sum, n) => sum + n, 0);
    near(once('calls'), 1, 1e-6);
    near(once('chargeable'), 1, 1e-6);
    near(once('inbound'), 1, 1e-6);
    near(once('minutes'), 2, 1e-6);
    near(once('spend'), 0.6, 1e-6);
  });

  it('go on after a restart as if nothing had happened, at any moment', () => {
    const plan: Plan = (day) => [...office(day), ...(day % 9 === 3 ? calls('1002', day, 11, 2, LATVIA) : [])];
    const ask = (habits: LearnedHabits): unknown => [
      habits.week('site', 'calls'),
      habits.week({ account: '1002' }, 'calls'),
      habits.week({ group: 'sales' }, 'chargeable'),
      habits.usual({ account: '1003' }, 'spend'),
      habits.countries('site'),
      habits.discoveries('site'),
      habits.known(),
    ];
    const whole = ask(after(30, plan));
    for (const [cut, part] of [
      [0, 5],
      [16, 40],
      [25, 1],
      [29, 100],
    ] as const) {
      // prettier-ignore
      const before = new LearnedHabits(site);
      for (let day = 0; day < cut; day++) feed(before, plan(day));
      const today = plan(cut).sort((a, b) => a.at - b.at);
      feed(before, today.slice(0, part));
      const stored = new Map(before.parts().map(({ name, state }) => [name, JSON.parse(JSON.stringify(state())) as unknown])); // prettier-ignore
      const habits = new LearnedHabits(site);
      const restored = habits.restore((name) => (stored.has(name) ? { state: stored.get(name), revision: 0 } : undefined)); // prettier-ignore
      assert.ok(restored);
      feed(habits, today.slice(part));
      for (let day = cut + 1; day < 30; day++) feed(habits, plan(day));
      habits.take(tick(MONDAY + 30 * DAY + 1_000));
      assert.deepEqual(ask(habits), whole, `cut on day ${cut}`);
    }
  });

  it('tell which parts of the snapshot have changed', () => {
    const habits = after(20, (day) => Array.from({ length: 70 }, (_, i) => calls(`${2000 + i}`, day, 9, 1)).flat());
    for (let s = 0; s < 10; s++) habits.take(tick(MONDAY + 20 * DAY + s * 1_000));
    const revisions = (): Map<string, number | undefined> => new Map(habits.parts().map((p) => [p.name, p.revision]));
    const before = revisions();
    feed(habits, calls('2000', 20, 9, 1));
    const now = revisions();
    const changed = [...now].filter(([name, revision]) => revision !== before.get(name)).map(([name]) => name);
    assert.deepEqual(changed, ['.day.0']);
    assert.equal(now.size, 2 + 2 * 3, 'seventy accounts are three shards');
  });

  it('hold so many accounts and no more; the longest unheard go', () => {
    const habits = new LearnedHabits(site, 64);
    for (let day = 0; day < 4; day++) feed(habits, calls('1000', day, 9, 3, LATVIA));
    for (let i = 0; i < 1_000; i++) feed(habits, calls(`x${i}`, 4, 10, 1));
    habits.take(tick(MONDAY + 5 * DAY));
    feed(habits, calls('1001', 5, 10, 1));
    assert.ok(habits.size() < 64 + 3_000);
    assert.equal(habits.watched({ account: 'x0' }), null);
    assert.notEqual(habits.watched({ account: '1001' }), null);
  });
});
