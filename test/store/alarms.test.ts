import assert from 'node:assert/strict';
import { openStore, type Store } from '../../src/store/index.ts';

describe('alarms, stored', () => {
  let store: Store;
  beforeEach(() => (store = openStore(':memory:')));
  afterEach(() => store.close());
  const put = (alarm: string, since: number, until: number | null, facts = {}): void =>
    store.alarms.put({ alarm, since, until, facts });
  const names = (rows: readonly { readonly alarm: string; readonly since: number }[]): string[] =>
    rows.map(({ alarm, since }) => `${alarm} ${since}`);

  it('one of a name and a beginning; the end replaces that there was none', () => {
    put('ami-away', 10, null, { state: 'refused' });
    put('hep-silent', 5, null);
    assert.deepEqual(names(store.alarms.standing()), ['hep-silent 5', 'ami-away 10']);
    put('ami-away', 10, 30, { state: 'connecting' });
    put('ami-away', 50, null);
    assert.deepEqual(names(store.alarms.standing()), ['hep-silent 5', 'ami-away 50']);
    assert.deepEqual(store.alarms.within(0, 20, 10), [
      { alarm: 'hep-silent', since: 5, until: null, facts: {} },
      { alarm: 'ami-away', since: 10, until: 30, facts: { state: 'connecting' } },
    ]);
  });

  it('those of a period, however long they stood', () => {
    put('a', 0, 10);
    put('b', 5, 25);
    put('c', 22, 24);
    put('d', 30, 40);
    put('e', 1, null);
    assert.deepEqual(names(store.alarms.within(20, 30, 10)), ['e 1', 'b 5', 'c 22']);
    assert.deepEqual(names(store.alarms.within(20, 30, 2)), ['e 1', 'b 5']);
  });

  it('what is over is purged with the rest, what stands is not', async () => {
    put('a', 0, 10);
    put('b', 5, 25);
    put('c', 1, null);
    await store.purge(20);
    assert.deepEqual(names(store.alarms.within(0, 100, 10)), ['c 1', 'b 5']);
  });
});
