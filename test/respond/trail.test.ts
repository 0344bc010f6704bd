import assert from 'node:assert/strict';
import { setImmediate as turn } from 'node:timers/promises';
import { Counters } from '../../src/counters.ts';
import { StoreError } from '../../src/errors.ts';
import { createEnforcer, type Enforcer } from '../../src/respond/enforcer.ts';
import type { EnforcementStore } from '../../src/respond/ledger.ts';
import { actorOf, rowEntry } from '../../src/respond/trail.ts';
import { openStore, type Enforcement, type Store } from '../../src/store/index.ts';
import { HOUR, SECOND } from '../../src/time.ts';
import { problemsOf, trailOf } from '../support/audit.ts';
import { decision } from '../support/evidence.ts';
import { FakePbx } from '../support/fake-pbx.ts';
import { recordingLog } from '../support/log.ts';
import { testSite } from '../support/site.ts';

const START = Date.UTC(2026, 10, 21, 1);
const site = testSite({ hours: { open: ['Mon-Fri 08:00-18:00'], holidays: '' } });
site.accounts.learn(['1004', '1005'].map((endpoint) => ({ endpoint, aliases: [] })));

describe('what the audit trail is told of enforcement', () => {
  let store: Store;
  let now: number;
  let full: boolean;
  let pbx: FakePbx;
  let enforcer: Enforcer;
  beforeEach(async () => {
    store = openStore(':memory:');
    now = START;
    full = false;
    pbx = new FakePbx();
    const guarded: EnforcementStore = {
      enforcement: store.enforcement,
      decisions: store.decisions,
      audit: store.audit,
      transaction: (work) => {
        if (full) throw new StoreError('store-full', 'no room');
        return store.transaction(work);
      },
    };
    const { log } = recordingLog();
    const more = { emergency: ['110'], log, counters: new Counters(), now: () => now };
    enforcer = createEnforcer({ site, store: guarded, ami: () => pbx, ...more });
    enforcer.loggedIn(pbx);
    await rest();
  });
  afterEach(() => {
    enforcer.close();
    assert.deepEqual(problemsOf(store), []);
    store.close();
  });
  const rest = async (): Promise<void> => {
    for (let i = 0; i < 60; i++) await turn();
  };
  const pass = async (time: number): Promise<void> => {
    for (const end = now + time; now < end;) {
      now = Math.min(end, now + 250);
      enforcer.tick(now);
      await rest();
    }
  };
  const told = (): string[] => trailOf(store).map((r) => `${r.actor} ${r.action} ${r.target} ${r.evidence.join(',')}`);

  it('by hand: who ordered it, that it was read back, who took it back, that it was seen to be gone', async () => {
    const made = enforcer.block('account', '1004', now + HOUR, 'stolen (ada)');
    assert.ok(made.ok);
    await rest();
    enforcer.unblock({ id: made.id }, 'found (bob)');
    await rest();
    assert.deepEqual(told(), [
      `hand:ada decision.made 1004 ${made.id}`,
      `hand:ada enforce.ordered account/1004 ${made.id}`,
      `ringfence enforce.done account/1004 ${made.id}`,
      `hand:bob enforce.undone account/1004 ${made.id}`,
      'ringfence enforce.gone account/1004 ',
    ]);
    const [, ordered, done, undone] = trailOf(store);
    assert.deepEqual(ordered?.details, {
      by: 'hand',
      until: new Date(START + HOUR).toISOString(),
      why: 'stolen (ada)',
    });
    assert.deepEqual(done?.details['proof'], { asterisk: new Date(START).toISOString() });
    assert.equal(undone?.details['why'], 'found (bob)');
  });

  it('by rule: ordered, done, put back where somebody deleted it, expired', async () => {
    const d = decision('d1', {
      action: 'block-account',
      target: '1004',
      state: 'pending',
      at: START,
      until: START + 60 * SECOND,
    });
    enforcer.decide([d]);
    await rest();
    pbx.database.clear();
    await pass(10 * SECOND);
    assert.ok('account/1004' in pbx.ours);
    await pass(60 * SECOND);
    assert.deepEqual(told(), [
      'rule enforce.ordered account/1004 d1',
      'ringfence enforce.done account/1004 d1',
      'ringfence enforce.restored account/1004 ',
      'ringfence enforce.expired account/1004 d1',
      'ringfence enforce.gone account/1004 ',
    ]);
  });

  it('what a safeguard refused, with its code', async () => {
    enforcer.decide([decision('d1', { action: 'block-account', target: '9999', state: 'pending', at: START })]);
    await rest();
    assert.deepEqual(told(), ['ringfence enforce.failed account/9999 d1']);
    assert.equal(trailOf(store)[0]?.details['code'], 'unknown-account');
  });

  it('the settings are one record elsewhere: their hundreds of rows are none', async () => {
    enforcer.declare(
      'emergency',
      [
        { value: '110', until: null },
        { value: '112', until: null },
      ],
      'settings',
    );
    await rest();
    assert.ok('emergency/110' in pbx.ours);
    assert.deepEqual(told(), []);
  });

  it('a full store stops nothing: the trail is told when there is room, in order', async () => {
    full = true;
    const made = enforcer.block('account', '1004', now + HOUR, 'stolen (ada)');
    await rest();
    assert.ok('account/1004' in pbx.ours, 'it stands');
    assert.deepEqual(told(), []);
    full = false;
    await pass(SECOND);
    assert.ok(made.ok);
    assert.deepEqual(told(), [
      `hand:ada decision.made 1004 ${made.id}`,
      `hand:ada enforce.ordered account/1004 ${made.id}`,
      `ringfence enforce.done account/1004 ${made.id}`,
    ]);
  });

  it('says the same thing once', () => {
    const row: Enforcement = {
      ...{
        kind: 'account',
        value: '1004',
        claim: 'c',
        by: 'rule',
        since: START,
        until: null,
        why: 'x',
        state: 'pending',
      },
      ...{ code: '', proof: {}, tries: 0, detail: null },
    };
    const action = (before: Enforcement | undefined, after: Enforcement) =>
      rowEntry(before, after, null)?.action ?? null;
    assert.equal(action(undefined, row), 'enforce.ordered');
    assert.equal(action(row, { ...row, tries: 2 }), null);
    assert.equal(action(row, { ...row, code: 'peer-refused' }), 'enforce.failed');
    assert.equal(action({ ...row, code: 'peer-refused' }, { ...row, code: 'peer-refused', tries: 3 }), null);
    assert.equal(action({ ...row, state: 'done' }, { ...row, state: 'done', proof: { asterisk: 1 } }), null);
    assert.equal(action({ ...row, state: 'done' }, { ...row, state: 'done', until: START }), 'enforce.ordered');
    assert.equal(action({ ...row, state: 'undone' }, { ...row, state: 'undone', until: START }), null);
    assert.equal(action(undefined, { ...row, by: 'settings' }), null);
  });

  for (const [by, why, actor] of [
    ['hand', 'stolen (ada)', 'hand:ada'],
    ['hand', 'by hand (user 0)', 'hand:user 0'],
    ['hand', 'stolen', 'hand'],
    ['rule', 'more than three (in an hour)', 'rule'],
  ] as const)
    it(`takes "${why}" by ${by} for ${actor}`, () => assert.equal(actorOf(by, why), actor));
});
