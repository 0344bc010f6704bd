import assert from 'node:assert/strict';
import { severityRank } from '../../src/model.ts';
import { ATTACKS } from './attacks.ts';
import { ABROAD, HOMES, REVENUE_SHARE, SATELLITE } from './countries.ts';
import { itemsOf, recordsOf } from './feeds.ts';
import { Life } from './life.ts';
import { firmsOf, SITES, toDial } from './people.ts';
import { peerAlerts } from './peers.ts';
import { Random } from './random.ts';
import { summarise, tablesOf } from './report.ts';
import { poissonInterval, wilson } from './statistics.ts';
import { siteOf } from '../correlate/support.ts';
import { Trial } from './trial.ts';

const near = (actual: number, expected: number): void =>
  assert.ok(Math.abs(actual - expected) < 0.0006, `${actual}, not ${expected}`);

describe('evaluation', function () {
  this.timeout(180_000);

  it('draws the same numbers from the same seed, and others from another', () => {
    const draw = (seed: string): number[] =>
      Array.from(
        { length: 5 },
        (
          (r) => () =>
            r.unit()
        )(new Random(seed)),
      );
    assert.deepEqual(draw('a'), draw('a'));
    assert.notDeepEqual(draw('a'), draw('b'));
    const many = Array.from(
      { length: 20_000 },
      (
        (r) => () =>
          r.unit()
      )(new Random('mean')),
    );
    near(Math.round((100 * many.reduce((a, b) => a + b, 0)) / many.length) / 100, 0.5);
    assert.equal(new Random('x').digits('0N-X').length, 4);
  });

  it('gives the intervals of the textbooks', () => {
    const [low, high] = wilson(8, 10);
    near(low, 0.4902);
    near(high, 0.9433);
    for (const [count, from, to] of [
      [0, 0, 3.6889],
      [1, 0.0253, 5.5716],
      [10, 4.7954, 18.3904],
    ] as const) {
      // prettier-ignore
      const [least, most] = poissonInterval(count);
      near(least, from);
      near(most, to);
    }
  });

  it('trains on sites that it does not test', () => {
    const names = (set: 'train' | 'test'): string[] => SITES[set].map((site) => site.join(' '));
    assert.deepEqual(
      names('train').filter((name) => names('test').includes(name)),
      [],
    );
    assert.ok(new Set(names('test')).size === names('test').length);
  });

  it('dials numbers that exist: at home, abroad, premium, satellite', () => {
    const random = new Random('numbers');
    for (const home of Object.values(HOMES)) {
      const site = siteOf({ site: { country: home.country, timezone: home.timezone } });
      const kinds = (templates: readonly string[], right: RegExp): void => {
        for (const t of templates) assert.match(site.number(random.digits(t)).kind, right, `${home.country} ${t}`);
      };
      kinds(home.fixed, /fixed/);
      kinds(home.mobile, /mobile/);
      kinds(home.premium, /premium/);
      for (const [country, templates] of Object.entries(ABROAD))
        for (const t of templates)
          if (country !== home.country)
            assert.equal(site.number(toDial(home, random.digits(t))).country, country, `${home.country} to ${t}`);
      for (const t of [...Object.values(REVENUE_SHARE), ...SATELLITE])
        assert.ok(site.number(toDial(home, random.digits(t))).risk >= 30, t);
    }
  });

  it('lives each day the same, and mostly while the office is open', () => {
    for (const firm of firmsOf('test').slice(0, 4)) {
      const site = siteOf(firm.settings, []);
      const life = (): ReturnType<Life['day']> => new Life(firm, site, Date.UTC(2026, 8, 7)).day(3);
      assert.deepEqual(life().calls, life().calls);
      const { calls, packets } = life();
      assert.ok(calls.length >= firm.people.length && packets.length > 0, firm.name);
      assert.equal(new Set(calls.map((c) => c.id)).size, calls.length);
      const closed = calls.filter((c) => c.form === 'out' && site.number(c.dialled).chargeable && !site.hours(c.at, c.account).open); // prettier-ignore
      assert.ok(closed.length <= calls.length / 20, `${firm.name}: ${closed.length} of ${calls.length}`);
    }
  });

  it('tells a call in the order in which Asterisk does, and a forwarded one in one or two records', () => {
    const call = { id: 7, at: 1_790_000_000_000, form: 'out', account: '1001', source: '10.1.0.1', from: '1001', dialled: '0037121234567', ring: 5_000, talk: 60_000 } as const; // prettier-ignore
    assert.deepEqual(
      itemsOf('live', [call], []).map((i) => i.step),
      ['auth', 'new', 'leg', 'dial', 'up', 'hangup', 'records'],
    );
    assert.deepEqual(
      itemsOf('cdr', [call], []).map((i) => i.step),
      ['records'],
    );
    assert.equal(recordsOf(call)[0]?.billsec, 60);
    const forwarded = { ...call, form: 'forwarded', source: '' } as const;
    assert.equal(recordsOf(forwarded).length, 1);
    assert.deepEqual(
      recordsOf({ ...forwarded, id: 8 }).map((r) => r.channel.split('/')[0]),
      ['PJSIP', 'Local'],
    );
  });

  it("counts what peers' rules say: the third call abroad at once, the first at night, the tenth failure", () => {
    const site = siteOf({ site: { country: 'DE', timezone: 'Europe/Berlin' } });
    const at = Date.UTC(2026, 10, 19, 9);
    const call = (i: number, from: number): Parameters<typeof recordsOf>[0] => ({ id: i, at: from + i * 1000, form: 'out', account: '1001', source: '', from: '', dialled: '004420794600', ring: 1, talk: 600_000 }); // prettier-ignore
    const told = (n: number, from: number): number =>
      peerAlerts(site, 'live', Array.from({ length: n }, (_, i) => call(i, from)), []).length; // prettier-ignore
    assert.deepEqual([told(2, at), told(3, at), told(1, at + 12 * 3_600_000)], [0, 1, 1]);
  });

  it('finds a pump at night at the first calls, live and from records, and tells what it cost until then', () => {
    const extent = { before: 21, judged: 1, everyNth: 1 };
    const sites = (['live', 'cdr'] as const).map((feed) =>
      new Trial('test', 3, feed, extent).run((k) => k.kind === "by the owner's own phone" && k.pace === 'six-hour'),
    );
    for (const { results, feed } of sites) {
      const [result] = results;
      assert.ok(result?.severity != null && severityRank(result.severity) >= severityRank('high'), feed);
      assert.ok((result.callsUntilFound ?? 99) <= 4, `${feed}: ${String(result.callsUntilFound)} calls`);
      assert.ok(result.saved > 0.75 * result.savable, feed);
    }
    const tables = tablesOf(summarise('live', sites));
    assert.match(tables, /\| by the owner's own phone \| six-hour \| 1\/1/);
  });

  it('has every attack in paces from a burst to one call a night, and each names what an alert must name', () => {
    const firm = firmsOf('test')[2]!;
    const site = siteOf(firm.settings);
    const life = new Life(firm, site, Date.UTC(2026, 8, 7));
    for (const kind of ATTACKS) {
      const scene = { firm, site, life, random: new Random(kind.kind), day: 19, victim: firm.people[3]!, thief: '203.0.113.99', id: 5_000_000 }; // prettier-ignore
      const attack = kind.make(scene);
      assert.ok(attack.calls.length + attack.packets.length > 0, kind.kind);
      assert.ok(attack.accounts.length + attack.sources.length + attack.numbers.length > 0, kind.kind);
      const last = Math.max(...attack.calls.map((c) => c.at), ...attack.packets.map((p) => p.at));
      assert.ok(last < life.instant(19 + attack.days, 0), `${kind.kind} ${kind.pace} ends on its last day`);
    }
  });
});
