import assert from 'node:assert/strict';
import { openStore, type FilePosition, type Store } from '../../src/store/index.ts';
import { alert, decision, evidence, incident, T0 } from '../support/evidence.ts';

const position: FilePosition = {
  path: '/var/log/asterisk/cdr-csv/Master.csv',
  device: '64768',
  inode: '18446744073709551615',
  offset: 2 ** 40,
  head: 'ab12',
};

describe('the store', () => {
  let store: Store;
  beforeEach(() => {
    store = openStore(':memory:', { clock: () => T0 });
  });
  afterEach(() => store.close());

  it('gives back every kind of row as it was put', () => {
    const full = evidence('e1', { loss: { amount: 1.5, currency: 'EUR', estimated: true } });
    const bare = evidence('e2', { at: T0 + 1, facts: { a: null, b: true, c: 'x', d: ['y'] }, calls: [], sources: [] });
    assert.equal(store.evidence.insert('i1', full), true);
    assert.equal(store.evidence.insert('i1', bare), true);
    assert.deepEqual(store.evidence.of('i1'), [full, bare]);
    assert.deepEqual(store.evidence.get('e2'), bare);
    for (const row of [incident('i1'), incident('i2', { loss: null, subject: { type: 'trunk', value: 'carrier' } })]) {
      store.incidents.put(row);
      assert.deepEqual(store.incidents.get(row.id), row);
    }
    for (const row of [decision('d1'), decision('d2', { until: null, action: 'hang-up' })]) {
      assert.equal(store.decisions.put(row), true);
      assert.deepEqual(store.decisions.get(row.id), row);
    }
    store.alerts.insert(alert('a1'));
    assert.deepEqual(store.alerts.get('a1'), alert('a1'));
    store.offsets.set('run', position, T0);
    assert.deepEqual(store.offsets.get('run'), { ...position, updatedAt: T0 });
    assert.equal(store.offsets.get('scan'), null);
    store.snapshots.save('scan', { name: 'scan', version: 2, state: { a: [1, 'ü'] } }, T0);
    assert.deepEqual(
      [...store.snapshots.load('scan').values()],
      [{ name: 'scan', version: 2, state: { a: [1, 'ü'] } }],
    );
    store.meta.set('purged', '1');
    store.meta.set('purged', '2');
    assert.equal(store.meta.get('purged'), '2');
    assert.equal(store.meta.get('nothing'), null);
  });

  it('keeps hostile text as it is', () => {
    const text = "x'); DROP TABLE evidence; --\u202e\u0000\ud83d\ude00\n";
    store.evidence.insert('i1', evidence('e1', { summary: text, facts: { ua: text }, sources: [text] }));
    const back = store.evidence.get('e1');
    assert.deepEqual([back?.summary, back?.facts, back?.sources], [text, { ua: text }, [text]]);
  });

  it('commits what was judged once, and says what was new', () => {
    const judged = {
      cursor: 'run',
      offset: position,
      snapshots: [{ name: 'scan', version: 1, state: {} }],
      evidence: [{ incident: 'i1', evidence: evidence('e1') }],
      incidents: [incident('i1')],
      decisions: [decision('d1')],
      alerts: [alert('a1')],
    } as const;
    assert.deepEqual(store.commitJudged(judged), { evidence: ['e1'], decisions: ['d1'], alerts: ['a1'] });
    assert.deepEqual(store.commitJudged(judged), { evidence: [], decisions: [], alerts: [] });
    assert.equal(store.evidence.count(), 1);
    assert.equal(store.offsets.get('run')?.offset, 2 ** 40);
    assert.equal(store.incidents.list({}).incidents.length, 1);
  });

  it('commits nothing when a part cannot be committed', () => {
    const circular: Record<string, unknown> = {};
    circular['self'] = circular;
    const broken = {
      cursor: 'run' as const,
      offset: position,
      evidence: [{ incident: 'i1', evidence: evidence('e1') }],
      snapshots: [{ name: 'scan', version: 1, state: circular }],
    };
    assert.throws(() => store.commitJudged(broken), TypeError);
    assert.equal(store.offsets.get('run'), null);
    assert.equal(store.evidence.count(), 0);
    assert.throws(() =>
      store.transaction(() => {
        store.evidence.insert('i1', evidence('e1'));
        throw new Error('stop');
      }),
    );
    assert.equal(store.evidence.count(), 0);
  });

  const again: [string, Parameters<typeof decision>[1], Parameters<typeof decision>[1], object][] = [
    ['a later end is taken over', {}, { until: T0 + 9e6, why: 'more' }, { until: T0 + 9e6, why: 'more' }],
    ['an earlier end is not', {}, { until: T0, why: 'more' }, { until: T0 + 3_600_000 }],
    [
      'what is done stays done, for longer',
      { state: 'done' },
      { state: 'pending', until: T0 + 9e6 },
      { state: 'done', until: T0 + 9e6 },
    ],
    [
      'what had ended is to be done again',
      { state: 'expired' },
      { state: 'pending', until: T0 + 9e6 },
      { state: 'pending', until: T0 + 9e6 },
    ],
    ['what had ended, judged once more, is not', { state: 'expired' }, { state: 'pending' }, { state: 'expired' }],
    ['what was only observed is to be done', {}, { state: 'pending', until: T0 }, { state: 'pending', until: T0 }],
    [
      'an act that was only observed is to be done',
      { until: null },
      { state: 'pending', until: null },
      { state: 'pending' },
    ],
    [
      'what is only observed changes nothing about what is done',
      { state: 'done' },
      { until: T0 + 9e6 },
      { state: 'done', until: T0 + 3_600_000 },
    ],
    [
      'what was undone stays undone',
      { state: 'undone' },
      { state: 'pending', until: T0 + 9e6 },
      { state: 'undone', until: T0 + 3_600_000 },
    ],
  ];
  for (const [sentence, first, second, expected] of again)
    it(`a decision judged again: ${sentence}`, () => {
      store.decisions.put(decision('d1', first));
      assert.equal(store.decisions.put(decision('d1', second)), false);
      assert.deepEqual(store.decisions.get('d1'), { ...store.decisions.get('d1'), ...expected });
    });

  it('lists decisions by state, first to end first', () => {
    store.decisions.put(decision('d1', { until: T0 + 2, state: 'done' }));
    store.decisions.put(decision('d2', { until: T0 + 1, state: 'done' }));
    store.decisions.put(decision('d3'));
    assert.deepEqual(
      store.decisions.inState('done').map((d) => d.id),
      ['d2', 'd1'],
    );
    assert.equal(store.decisions.setState('d2', 'expired'), true);
    assert.equal(store.decisions.setState('nothing', 'expired'), false);
    assert.deepEqual(
      store.decisions.inState('done').map((d) => d.id),
      ['d1'],
    );
  });

  it('an acknowledgement stands until the incident grows worse', () => {
    store.incidents.put(incident('i1', { severity: 'medium' }));
    assert.equal(store.acknowledge('i1', { who: 'ada', note: 'known' }), true);
    assert.equal(store.acknowledge('nothing', { who: 'ada', note: '' }), false);
    store.incidents.put(incident('i1', { severity: 'medium', evidenceCount: 2 }));
    assert.equal(store.incidents.get('i1')?.acknowledgedAt, T0);
    store.incidents.put(incident('i1', { severity: 'critical' }));
    assert.equal(store.incidents.get('i1')?.acknowledgedAt, null);
    assert.deepEqual(store.acknowledgements.of('i1'), [{ at: T0, severity: 'medium', who: 'ada', note: 'known' }]);
  });

  it('folds a merged incident into the elder one; every id still leads there', () => {
    for (const id of ['aaaa1111', 'bbbb1111', 'cccc1111'])
      store.commitJudged({
        cursor: 'run',
        incidents: [incident(id)],
        evidence: [{ incident: id, evidence: evidence(`e-${id}`) }],
        decisions: [decision(`d-${id}`, { incident: id })],
        alerts: [alert(`line-${id}`, { incident: id })],
      });
    store.commitJudged({ cursor: 'run', merged: [{ younger: 'cccc1111', elder: 'bbbb1111' }] });
    store.commitJudged({ cursor: 'run', merged: [{ younger: 'bbbb1111', elder: 'aaaa1111' }] });
    for (const id of ['aaaa1111', 'bbbb1111', 'cccc1111', 'line-cccc1111', 'aaaa', 'line-bbbb'])
      assert.deepEqual(store.resolve(id), { kind: 'incident', id: 'aaaa1111' }, id);
    assert.equal(store.incidents.get('bbbb1111'), null);
    assert.equal(store.evidence.of('aaaa1111').length, 3);
    assert.equal(store.decisions.of('aaaa1111').length, 3);
    assert.equal(store.alerts.of('aaaa1111').length, 3);
    assert.deepEqual(store.aliases.of('aaaa1111'), ['bbbb1111', 'cccc1111']);
  });

  it('finds an incident by the beginning of its id, if only one begins so', () => {
    for (const id of ['abcd01', 'abcd02', 'abff03']) store.incidents.put(incident(id));
    assert.deepEqual(store.resolve('abff'), { kind: 'incident', id: 'abff03' });
    assert.deepEqual(store.resolve('abcd'), { kind: 'ambiguous', ids: ['abcd01', 'abcd02'] });
    for (const id of ['abf', '', 'zzzz', '%', 'abc_', "' OR 1=1"])
      assert.deepEqual(store.resolve(id), { kind: 'unknown' });
  });

  it('reads alert lines in order, page by page, from a severity on', () => {
    store.transaction(() => {
      for (let i = 0; i < 1200; i++)
        store.alerts.insert(
          alert(`a${String(i).padStart(5, '0')}`, {
            at: new Date(T0 + Math.floor(i / 3)).toISOString(),
            severity: i % 2 ? 'high' : 'low',
          }),
        );
    });
    const high = [...store.alerts.since(0, 'medium')];
    assert.equal(high.length, 600);
    assert.deepEqual(
      high.map((a) => a.id),
      high.map((a) => a.id).sort(),
    );
    assert.equal([...store.alerts.since(T0 + 399, 'info')].length, 3);
  });
});
