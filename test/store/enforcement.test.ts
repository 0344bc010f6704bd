import assert from 'node:assert/strict';
import { openStore, type Enforcement } from '../../src/store/index.ts';

const row = (more: Partial<Enforcement> = {}): Enforcement => ({
  kind: 'account',
  value: '1004',
  claim: 'd1',
  by: 'rule',
  since: 1_000,
  until: 5_000,
  why: "it's being abused",
  state: 'pending',
  code: '',
  proof: {},
  tries: 0,
  detail: null,
  ...more,
});

describe('what should stand, stored', () => {
  it('comes back as it was put', () => {
    const store = openStore(':memory:');
    const { enforcement } = store;
    const act = row({
      kind: 'expire-contact',
      claim: 'd2',
      until: null,
      tries: 2,
      detail: { contacts: ['sip:a@b'], sources: [] },
    });
    const hostile = row({
      value: '1004"; DROP TABLE enforcement',
      claim: 'd3',
      since: 500,
      code: 'trunk',
      state: 'failed',
    });
    for (const one of [row({ proof: { asterisk: 1_234 } }), act, hostile]) enforcement.put(one);
    assert.deepEqual(enforcement.all(), [hostile, row({ proof: { asterisk: 1_234 } }), act]);
    assert.deepEqual(enforcement.of('d2'), [act]);
    store.close();
  });

  it('replaces a row of the same claim, and keeps another claim beside it', () => {
    const store = openStore(':memory:');
    const { enforcement } = store;
    enforcement.put(row());
    enforcement.put(row({ until: 9_000, state: 'done' }));
    enforcement.put(row({ claim: 'd2' }));
    assert.deepEqual(
      enforcement.all().map(({ claim, until, state }) => [claim, until, state]),
      [
        ['d1', 9_000, 'done'],
        ['d2', 5_000, 'pending'],
      ],
    );
    enforcement.delete('account', '1004', 'd1');
    assert.deepEqual(enforcement.of('d1'), []);
    store.close();
  });

  it('forgets what ended long ago and acts that are over, never what waits or what the settings want', () => {
    const store = openStore(':memory:');
    const { enforcement } = store;
    enforcement.put(row({ claim: 'ended' }));
    enforcement.put(row({ claim: 'stands', until: 50_000 }));
    enforcement.put(row({ kind: 'hang-up', claim: 'over', until: null, state: 'done' }));
    enforcement.put(row({ kind: 'hang-up', claim: 'waits', until: null }));
    enforcement.put(
      row({ kind: 'emergency', value: '112', claim: 'settings', by: 'settings', until: null, state: 'done' }),
    );
    assert.equal(enforcement.forget(10_000), 2);
    assert.deepEqual(
      enforcement
        .all()
        .map(({ claim }) => claim)
        .sort(),
      ['settings', 'stands', 'waits'],
    );
    store.close();
  });
});
