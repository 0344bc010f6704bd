import assert from 'node:assert/strict';
import { openStore, type Store } from '../../src/store/index.ts';
import { evidence, incident, T0 } from '../support/evidence.ts';

describe('store: a text among the incidents', () => {
  let store: Store;
  before(() => {
    store = openStore(':memory:');
    for (let batch = 0; batch < 32; batch++)
      store.commitJudged({
        cursor: 'run',
        incidents: Array.from({ length: 1_000 }, (_, i) => {
          const n = batch * 1_000 + i;
          return incident(`i${String(n).padStart(6, '0')}`, {
            ...{
              openedAt: T0 + n,
              severity: n % 2 === 0 ? 'high' : 'low',
              summary: n % 1_000 === 7 ? 'Guessed at NIGHT' : 'other',
            },
            ...{ sources: [n === 3 ? '2001:db8::beef' : '203.0.113.7'], accounts: [String(n)] },
          });
        }),
      });
    store.commitJudged({ cursor: 'run', evidence: [{ incident: 'i000003', evidence: evidence('e') }] });
    store.acknowledge('i031007', { who: 'ada', note: '' });
  });
  after(() => store.close());

  const ids = async (text: string, query: Parameters<Store['searchIncidents']>[1] = {}): Promise<string[]> =>
    (await store.searchIncidents(text, query)).incidents.map(({ id }) => id);

  it('is found whatever its case, youngest first', async () => {
    const found = await ids('guessed at night', { limit: 3 });
    assert.deepEqual(found, ['i031007', 'i030007', 'i029007']);
  });

  it('is found by id, source and account', async () => {
    assert.deepEqual(await ids('i031999'), ['i031999']);
    assert.deepEqual(await ids('"31998"'), ['i031998']);
  });

  it('obeys severity, acknowledgement and time', async () => {
    assert.deepEqual(await ids('night', { atLeast: 'high' }), []);
    assert.deepEqual(await ids('night', { acknowledged: true }), ['i031007']);
    assert.deepEqual(await ids('night', { acknowledged: false, since: T0 + 30_000 }), ['i030007']);
  });

  it('looks through so many at a time, and goes on where it stopped', async () => {
    const first = await store.searchIncidents('beef', {});
    assert.deepEqual([first.incidents.length, first.searched], [0, 30_000]);
    const second = await store.searchIncidents('beef', { after: first.next ?? '' });
    assert.deepEqual(
      second.incidents.map(({ id }) => id),
      ['i000003'],
    );
    assert.equal(second.next, null);
  });

  it('pages without missing or repeating one', async () => {
    const seen: string[] = [];
    let after: string | null = '';
    while (after !== null) {
      const page: Awaited<ReturnType<Store['searchIncidents']>> = await store.searchIncidents('night', {
        limit: 5,
        ...(after === '' ? {} : { after }),
      });
      seen.push(...page.incidents.map(({ id }) => id));
      after = page.next;
    }
    assert.equal(seen.length, 32);
    assert.equal(new Set(seen).size, 32);
  });

  it('takes wildcards and quotes for what they are', async () => {
    for (const text of ['%', '_', "' OR 1=1 --", '*', '\\']) assert.deepEqual(await ids(text), [], text);
  });

  it('lets other work have its turn in between', async () => {
    let turns = 0;
    const timer = setInterval(() => turns++, 1);
    await ids('nothing like this');
    clearInterval(timer);
    assert.ok(turns >= 3, String(turns));
  });
});
