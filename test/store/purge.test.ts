import assert from 'node:assert/strict';
import { openStore, type Store } from '../../src/store/index.ts';
import { alert, decision, evidence, incident, T0 } from '../support/evidence.ts';
import { temporaryFolder } from '../support/temporary.ts';

const DAY = 86_400_000;

function fill(store: Store, id: string, updatedAt: number, rows: number): void {
  store.incidents.put(incident(id, { openedAt: updatedAt, updatedAt }));
  for (let i = 0; i < rows; i++) {
    store.evidence.insert(id, evidence(`${id}-${i}`, { at: updatedAt }));
    store.alerts.insert(alert(`${id}-${i}`, { incident: id }));
    store.decisions.put(decision(`${id}-${i}`, { incident: id }));
  }
  store.acknowledge(id, { who: 'ada', note: '' });
  store.aliases.fold(`alias-${id}`, id);
}

describe('the purge', () => {
  const folder = temporaryFolder();

  it('forgets what last changed before, with all that hangs on it, and nothing else', async () => {
    const store = openStore(':memory:', { clock: () => T0 });
    fill(store, 'old1', T0 - 1, 450);
    fill(store, 'old2', T0 - DAY, 3);
    fill(store, 'young', T0, 3);
    assert.equal(await store.purge(T0), 2);
    for (const id of ['old1', 'old2']) {
      assert.equal(store.incidents.get(id), null);
      for (const table of [store.evidence, store.alerts, store.decisions, store.acknowledgements, store.aliases])
        assert.deepEqual(table.of(id), []);
    }
    assert.equal(store.evidence.of('young').length, 3);
    assert.equal(store.aliases.get('alias-young'), 'young');
    assert.equal(await store.purge(T0), 0);
    store.close();
  });

  const standing: [string, Parameters<typeof decision>[1], boolean][] = [
    ['a block that still stands', { state: 'done', until: T0 + DAY }, true],
    ['a block that is still to be put', { state: 'pending', until: T0 + DAY }, true],
    ['a block that has ended', { state: 'expired', until: T0 + DAY }, false],
    ['a decision that was only observed', { state: 'observed', until: T0 + DAY }, false],
    ['a call that was hung up', { state: 'done', until: null }, false],
  ];
  for (const [sentence, what, kept] of standing)
    it(`${kept ? 'keeps' : 'forgets'} an old incident with ${sentence}`, async () => {
      const store = openStore(':memory:');
      store.incidents.put(incident('old', { updatedAt: T0 - 1 }));
      store.decisions.put(decision('d', { incident: 'old', ...what }));
      await store.purge(T0);
      assert.equal(store.incidents.get('old') !== null, kept);
      store.close();
    });

  it('lets the event loop run between its steps', async () => {
    const store = openStore(folder.file('purge.db'));
    store.transaction(() => {
      for (let i = 0; i < 2000; i++) fill(store, `old${i}`, T0 - 1, 2);
    });
    let turns = 0;
    const count = setInterval(() => turns++, 0);
    assert.equal(await store.purge(T0), 2000);
    clearInterval(count);
    assert.ok(turns > 5, `${turns} turns`);
    assert.deepEqual(store.check(), []);
    store.close();
  });

  it('stops when it is told to', async () => {
    const store = openStore(':memory:');
    fill(store, 'old', T0 - 1, 450);
    await assert.rejects(store.purge(T0, AbortSignal.abort()));
    assert.notEqual(store.incidents.get('old'), null);
    store.close();
  });
});
