import assert from 'node:assert/strict';
import { SEVERITIES, severityRank, type Incident } from '../../src/model.ts';
import { InputError } from '../../src/errors.ts';
import { openStore, type IncidentQuery, type Store } from '../../src/store/index.ts';
import { incident, T0 } from '../support/evidence.ts';

/** 300 incidents, several at the same instant, a third acknowledged. */
const incidents = Array.from({ length: 300 }, (_, i) =>
  incident(`i${String((i * 7919) % 1000).padStart(4, '0')}`, {
    openedAt: T0 + Math.floor(i / 3) * 1000,
    updatedAt: T0 + i * 1000,
    severity: SEVERITIES[(i * 13) % 5]!,
    subject: i % 10 === 0 ? { type: 'address', value: '203.0.113.7' } : { type: 'account', value: `10${i % 20}` },
  }),
);
const acknowledged = (i: Incident): boolean => incidents.indexOf(i) % 3 === 0;
const later = (a: Incident, b: Incident): number => b.openedAt - a.openedAt || (a.id < b.id ? 1 : -1);
const graver = (a: Incident, b: Incident): number => severityRank(b.severity) - severityRank(a.severity) || later(a, b);

const QUERIES: [string, IncidentQuery, (i: Incident) => boolean][] = [
  ['everything', {}, () => true],
  ['high and above', { atLeast: 'high' }, (i) => severityRank(i.severity) >= 3],
  ['not yet acknowledged', { acknowledged: false }, (i) => !acknowledged(i)],
  [
    'acknowledged and critical',
    { acknowledged: true, atLeast: 'critical' },
    (i) => acknowledged(i) && i.severity === 'critical',
  ],
  ['since', { since: T0 + 50_000 }, (i) => i.openedAt >= T0 + 50_000],
  ['until, which is not in', { until: T0 + 50_000 }, (i) => i.openedAt < T0 + 50_000],
  ['between', { since: T0 + 10_000, until: T0 + 20_000 }, (i) => i.openedAt >= T0 + 10_000 && i.openedAt < T0 + 20_000],
  [
    'about one address',
    { subject: { type: 'address', value: '203.0.113.7' } },
    (i) => i.subject.value === '203.0.113.7',
  ],
  ['about nobody', { subject: { type: 'number', value: '203.0.113.7' } }, () => false],
];

describe('the list of incidents', () => {
  let store: Store;
  before(() => {
    store = openStore(':memory:', { clock: () => T0 });
    store.transaction(() => {
      for (const i of incidents) {
        store.incidents.put(i);
        if (acknowledged(i)) store.acknowledge(i.id, { who: 'ada', note: '' });
      }
    });
  });
  after(() => store.close());

  for (const [sentence, query, wanted] of QUERIES)
    for (const order of ['newest', 'gravest'] as const)
      for (const limit of [1, 7, 50, 1000])
        it(`${sentence}, ${order} first, ${limit} a page`, () => {
          const found: string[] = [];
          let after: string | null = null;
          do {
            const page = store.incidents.list({ ...query, order, limit, ...(after === null ? {} : { after }) });
            assert.ok(page.incidents.length <= limit);
            found.push(...page.incidents.map((i) => i.id));
            after = page.next;
          } while (after !== null);
          const expected = incidents.filter(wanted).sort(order === 'newest' ? later : graver);
          assert.deepEqual(
            found,
            expected.map((i) => i.id),
          );
        });

  it('refuses a page token that is none', () => {
    for (const after of ['', '1', '9.1.x', "1.1.' OR 1"])
      assert.throws(() => store.incidents.list({ after }), InputError);
  });

  it('counts by severity, and what nobody has acknowledged', () => {
    const counts = store.incidents.counts();
    for (const severity of SEVERITIES) {
      const all = incidents.filter((i) => i.severity === severity);
      assert.deepEqual(counts[severity], { all: all.length, open: all.filter((i) => !acknowledged(i)).length });
    }
  });

  it('tells what changed since, latest first', () => {
    const changed = store.incidents.changedSince(T0 + 290_000, 5);
    assert.deepEqual(
      changed.map((i) => i.updatedAt - T0),
      [299_000, 298_000, 297_000, 296_000, 295_000],
    );
  });
});
