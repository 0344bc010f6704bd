import assert from 'node:assert/strict';
import { setImmediate as turn } from 'node:timers/promises';
import { Counters } from '../../src/counters.ts';
import { StoreError } from '../../src/errors.ts';
import type { Change } from '../../src/respond/incidents.ts';
import { Recorder } from '../../src/respond/recorder.ts';
import type { Judged } from '../../src/store/index.ts';
import { alert, decision, evidence, incident } from '../support/evidence.ts';
import { recordingLog } from '../support/log.ts';

const place = (offset: number) => ({ path: '/m.csv', device: '1', inode: '2', offset, head: 'h' });

/** A change with one alert; `id` names everything in it. */
const change = (id: string, over: Partial<Change> = {}): Change => ({
  incident: incident(`i${id}`),
  evidence: evidence(`e${id}`),
  alerts: [alert(`a${id}`, { incident: `i${id}` })],
  decisions: [decision(`d${id}`)],
  merged: [],
  ...over,
});

/** A recorder before a store that takes what it is given, or refuses while `full`. */
function bench(limit?: number) {
  const commits: Judged[] = [];
  const told: string[] = [];
  const stored = new Set<string>();
  const counters = new Counters();
  const { log, logged } = recordingLog();
  const state = { full: false, broken: null as Error | null, snapshot: 0 };
  const recorder = new Recorder({
    cursor: 'run',
    store: {
      commitJudged: (judged) => {
        if (state.broken !== null) throw state.broken;
        if (state.full) throw new StoreError('store-full', 'x.db: no room');
        commits.push(judged);
        const fresh = (judged.alerts ?? []).map((a) => a.id).filter((id) => !stored.has(id));
        for (const id of fresh) stored.add(id);
        return { alerts: fresh };
      },
    },
    snapshots: () => [{ name: 'count', version: 1, state: ++state.snapshot }],
    told: (a) => told.push(a.id),
    counters,
    log,
    ...(limit === undefined ? {} : { limit }),
  });
  return { recorder, commits, told, counters, logged, state };
}

describe('recorder', () => {
  it('commits what was judged in one turn together, and tells it once it is stored', async () => {
    const { recorder, commits, told } = bench();
    recorder.take(change('1'));
    recorder.take(change('2'));
    assert.deepEqual([commits.length, told], [0, []], 'the packet path does not wait for the disk');
    await turn();
    assert.equal(commits.length, 1);
    assert.deepEqual(
      commits[0]?.evidence?.map((e) => [e.incident, e.evidence.id]),
      [
        ['i1', 'e1'],
        ['i2', 'e2'],
      ],
    );
    assert.deepEqual(told, ['a1', 'a2']);
    assert.deepEqual([commits[0].offset, commits[0].snapshots], [undefined, undefined]);
  });

  it('does not tell again what the store has', async () => {
    const { recorder, told } = bench();
    recorder.take(change('1'));
    await turn();
    recorder.take(change('1'));
    await turn();
    assert.deepEqual(told, ['a1']);
  });

  it('writes the place and the snapshots in one commit, with what was judged up to there', () => {
    const { recorder, commits } = bench();
    recorder.take(change('1'));
    recorder.reached(place(100));
    recorder.tick(10_000_000);
    assert.equal(commits.length, 1);
    assert.equal(commits[0]?.offset?.offset, 100);
    assert.equal(commits[0].snapshots?.length, 1);
    assert.equal(commits[0].evidence?.length, 1);
  });

  it('writes no snapshot when nothing has happened, and at most one in fifteen seconds', () => {
    const { recorder, commits } = bench();
    recorder.tick(Date.now());
    assert.equal(commits.length, 0);
    recorder.touched();
    recorder.tick(Date.now());
    recorder.touched();
    recorder.tick(Date.now());
    assert.equal(commits.length, 1);
    recorder.tick(Date.now() + 15_100);
    assert.equal(commits.length, 2);
  });

  it('a story folded into an elder in the same turn is not written as an incident of its own', async () => {
    const { recorder, commits } = bench();
    recorder.take(change('2'));
    recorder.take(change('1', { merged: [{ younger: 'i2', elder: 'i1' }] }));
    await turn();
    assert.deepEqual(
      commits[0]?.incidents?.map((i) => i.id),
      ['i1'],
    );
    assert.deepEqual(commits[0].merged, [{ younger: 'i2', elder: 'i1' }]);
  });

  describe('while the store is full', () => {
    it('people are told at once, once; all is stored, and told no second time, when there is room', async () => {
      const { recorder, commits, told, logged, counters, state } = bench();
      state.full = true;
      recorder.take(change('1'));
      await turn();
      recorder.take(change('2'));
      recorder.reached(place(7));
      assert.deepEqual(told, ['a1', 'a2']);
      assert.equal(recorder.failing, true);
      recorder.tick(Date.now());
      recorder.tick(Date.now());
      assert.deepEqual(told, ['a1', 'a2'], 'each once');
      assert.equal(logged.filter((l) => l.level === 'error').length, 1, 'one alarm, not one a second');
      assert.match(logged[0]?.message ?? '', /x\.db: no room; detection goes on.*store-full/);
      assert.ok(counters.get('store.refused') >= 2);
      state.full = false;
      recorder.tick(Date.now());
      assert.equal(recorder.failing, false);
      assert.deepEqual(
        commits.flatMap((c) => c.evidence ?? []).map((e) => e.evidence.id),
        ['e1', 'e2'],
      );
      assert.equal(commits[0]?.offset?.offset, 7);
      assert.deepEqual(told, ['a1', 'a2']);
      assert.ok(logged.some((l) => l.level === 'info' && l.message.includes('takes writes again')));
      recorder.take(change('3'));
      await turn();
      assert.deepEqual(told, ['a1', 'a2', 'a3']);
    });

    it('holds so much and no more; what goes beyond is told and counted', async () => {
      const { recorder, commits, told, counters, state } = bench(2);
      state.full = true;
      recorder.reached(place(1));
      for (const id of ['1', '2', '3', '4']) recorder.take(change(id));
      recorder.reached(place(4));
      await turn();
      assert.deepEqual([...told].sort(), ['a1', 'a2', 'a3', 'a4']);
      assert.equal(counters.get('store.dropped'), 2);
      assert.equal(recorder.waiting, 2);
      state.full = false;
      recorder.tick(Date.now());
      assert.equal(recorder.waiting, 0);
      assert.equal(commits.length, 1);
      assert.deepEqual([...told].sort(), ['a1', 'a2', 'a3', 'a4']);
    });

    it('closing says that it could not be stored', () => {
      const { recorder, state } = bench();
      state.full = true;
      recorder.take(change('1'));
      assert.equal(recorder.close(), false);
      assert.equal(recorder.waiting, 1);
    });
  });

  it('after closing nothing is written any more', async () => {
    const { recorder, commits, state } = bench();
    state.full = true;
    recorder.take(change('1'));
    recorder.close();
    state.full = false;
    await turn();
    assert.deepEqual(commits, []);
  });

  it('a bug in the store is not taken for a full disk', () => {
    const { recorder, state } = bench();
    state.broken = new TypeError('bug');
    recorder.take(change('1'));
    assert.throws(() => recorder.flush(), TypeError);
    state.broken = null;
  });
});
