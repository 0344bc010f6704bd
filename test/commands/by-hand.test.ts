import assert from 'node:assert/strict';
import {
  allowByHand,
  blockByHand,
  leavePanic,
  listByHand,
  unblockByHand,
  watchPanic,
  type Hand,
} from '../../src/commands/by-hand.ts';
import { Refusal } from '../../src/commands/control-methods.ts';
import { readTarget } from '../../src/commands/hand-target.ts';
import { Counters } from '../../src/counters.ts';
import { PeerError } from '../../src/errors.ts';
import type { Action, Decision, Incident, Subject } from '../../src/model.ts';
import { createEnforcer, type ActDetail, type Enforcer, type EnforcerOptions } from '../../src/respond/enforcer.ts';
import { KeyPublisher } from '../../src/respond/key-publisher.ts';
import { openStore, type Store } from '../../src/store/index.ts';
import { DAY, HOUR } from '../../src/time.ts';
import { FakePbx } from '../support/fake-pbx.ts';
import { recordingLog } from '../support/log.ts';
import { testSite } from '../support/site.ts';

const site = testSite({ hours: { open: ['Mon-Fri 08:00-18:00'], holidays: '' }, dialing: { outside: '' } });
const ENDPOINTS = ['1001', '1002', '1003', '1004', '1005'];
site.accounts.learn(ENDPOINTS.map((endpoint) => ({ endpoint, aliases: [`user-${endpoint}`] })));

const reading = {
  site: () => site,
  dialing: () => ({ outside: '', international: ['00'] }),
  endpoints: () => ENDPOINTS,
};

describe('what a person names', () => {
  const numbers: readonly (readonly [typed: string, digits: string, read: RegExp | null])[] = [
    ['+37167000001', '37167000001', null],
    ['+371', '371', /begin with \+371 \(Latvia\)/],
    ['0037167000001', '37167000001', /read as \+37167000001 \(Latvia/],
    ['00371', '371', /begin with \+371 \(Latvia\)/],
    ['0037167', '37167', /begin with \+37167 \(Latvia\)/],
    ['371', '371', /begin with \+371 \(Latvia\)/],
    ['030 1234-5678', '493012345678', /read as \+493012345678 \(Germany/],
    ['0900', '49900', /begin with \+49900 \(Germany\)/],
    ['882', '882', /begin with \+882/],
    // what is no number is left as it is: the safeguards refuse it
    ['112', '112', null],
    ['latvia', 'latvia', null],
    ['', '', null],
    ['+', '+', null],
  ];
  for (const [typed, digits, read] of numbers)
    it(`the number "${typed}" is ${digits}`, () => {
      const target = readTarget('number', typed, reading);
      assert.equal(target.value, digits);
      if (read === null) assert.equal(target.read, null);
      else assert.match(target.read ?? '', read);
    });

  const accounts: readonly (readonly [typed: string, account: string, read: RegExp | null, note: RegExp | null])[] = [
    ['1004', '1004', null, null],
    ['user-1004', '1004', /user-1004 is a name of endpoint 1004/, null],
    ['10044', '10044', null, /no PJSIP endpoint 10044; did you mean 1004\?/],
    ['reception', 'reception', null, /no PJSIP endpoint reception$/],
  ];
  for (const [typed, account, read, note] of accounts)
    it(`the account "${typed}" is ${account}`, () => {
      const target = readTarget('account', typed, reading);
      assert.equal(target.value, account);
      assert.equal(target.read === null, read === null);
      if (read !== null) assert.match(target.read ?? '', read);
      assert.equal(target.notes.length, note === null ? 0 : 1);
      if (note !== null) assert.match(target.notes[0] ?? '', note);
    });

  it('an address has one spelling', () => {
    assert.equal(readTarget('address', '[2001:DB8::0:1]', reading).value, '2001:db8::1');
    assert.equal(readTarget('address', '::ffff:203.0.113.7', reading).value, '203.0.113.7');
  });
});

/** An enforcer on a PBX in memory, and the time of day. */
class Bench {
  pbx: FakePbx | null = new FakePbx();
  readonly store: Store = openStore(':memory:');
  readonly log = recordingLog();
  readonly options: EnforcerOptions;
  enforcer: Enforcer;
  now = Date.now();
  mode: 'observe' | 'enforce' = 'enforce';

  constructor(more: Partial<EnforcerOptions> = {}) {
    this.options = {
      site,
      store: this.store,
      ami: () => this.pbx,
      emergency: ['110', '112'],
      log: this.log.log,
      counters: new Counters(),
      accounts: () => ENDPOINTS.length,
      now: () => this.now,
      ...more,
    };
    this.enforcer = createEnforcer(this.options);
    if (this.pbx !== null) this.enforcer.loggedIn(this.pbx);
  }

  get hand(): Hand {
    const keys = new KeyPublisher({ store: this.store, ami: () => this.pbx, log: this.log.log, now: () => this.now });
    return {
      ...reading,
      enforcer: this.enforcer,
      keys,
      store: this.store,
      mode: () => this.mode,
      mediaAllowed: () => [],
    };
  }

  /** Everything that is under way comes to its end. */
  async rest(): Promise<void> {
    assert.ok(await this.enforcer.settled(2_000));
  }

  restart(): void {
    this.enforcer.close();
    this.enforcer = createEnforcer(this.options);
    if (this.pbx !== null) this.enforcer.loggedIn(this.pbx);
  }

  decide(action: Action, target: string, incident = 'story', detail: Partial<ActDetail> = {}): Decision {
    const stands = action !== 'hang-up' && action !== 'expire-contact';
    const until = stands ? this.now + HOUR : null;
    const id = `${action} ${target} ${incident}`;
    const decision: Decision = { id, incident, at: this.now, action, target, state: 'pending', until, why: 'a test' };
    this.store.decisions.put(decision);
    this.enforcer.decide([decision], detail);
    return decision;
  }

  incident(id: string, subject: Subject): void {
    const incident: Incident = {
      ...{
        id,
        subject,
        openedAt: this.now,
        updatedAt: this.now,
        severity: 'high',
        detector: 'scan',
        summary: 'a test',
      },
      ...{ accounts: [], sources: [], calls: [], evidenceCount: 1, loss: null, acknowledgedAt: null },
    };
    this.store.incidents.put(incident);
  }

  /** What stands in Asterisk, without the objects of ACL. */
  get rows(): string[] {
    return Object.keys(this.pbx?.ours ?? {}).filter((key) => !key.startsWith('acl/'));
  }

  state({ id }: Decision): string | undefined {
    return this.store.decisions.get(id)?.state;
  }
}

describe('decisions by hand', () => {
  it('a block is told when it stands, with its end and its reason', async () => {
    const bench = new Bench();
    const answer = await blockByHand(bench.hand, { kind: 'number', value: '00371', lasts: HOUR, why: 'fraud (ada)' });
    assert.deepEqual([answer.kind, answer.value, answer.proved, answer.lagging], ['number', '371', true, []]);
    assert.ok(Math.abs(answer.until - bench.now - HOUR) < 5_000);
    assert.deepEqual(bench.rows, ['number/371']);
    const [entry] = listByHand(bench.hand).entries;
    assert.deepEqual([entry?.state, entry?.claims[0]?.why], ['done', 'fraud (ada)']);
  });

  it('without an end it is a day, and never more than thirty', async () => {
    const { hand, now } = new Bench();
    const day = await blockByHand(hand, { kind: 'account', value: '1004', lasts: null, why: '' });
    assert.ok(Math.abs(day.until - now - DAY) < 5_000);
    const long = await blockByHand(hand, { kind: 'account', value: '1004', lasts: 90 * DAY, why: '' });
    assert.ok(Math.abs(long.until - now - 30 * DAY) < 5_000);
    assert.deepEqual(long.notes, ['nothing stands longer than 30 days']);
  });

  it('a PBX that is away: kept, and told with the reason as not in force', async () => {
    const bench = new Bench();
    await bench.rest();
    bench.pbx = null;
    const answer = await blockByHand(bench.hand, { kind: 'account', value: '1004', lasts: null, why: '' });
    assert.equal(answer.proved, false);
    assert.ok(answer.lagging.some(({ target, state }) => target === 'asterisk' && state === 'away'));
    assert.equal(bench.store.enforcement.of(answer.id)[0]?.state, 'pending');
  });

  it('a PBX that does not let us: told with its words', async () => {
    const bench = new Bench();
    await bench.rest();
    assert.ok(bench.pbx !== null);
    bench.pbx.fails = (name) =>
      name === 'DBPut' ? new PeerError('peer-refused', 'Asterisk refuses DBPut: Permission denied', false) : null;
    const answer = await blockByHand(bench.hand, { kind: 'account', value: '1004', lasts: null, why: '' });
    assert.equal(answer.proved, false);
    assert.ok(answer.lagging.some(({ target }) => target === 'asterisk'));
  });

  it('a safeguard says no, and what to do', async () => {
    const { hand } = new Bench();
    const refused = blockByHand(hand, { kind: 'number', value: '112', lasts: null, why: '' });
    await assert.rejects(refused, (error: Refusal) => error.said === 'emergency-number');
  });

  it('an incident is taken back with everything that it put up, and stays back', async () => {
    const bench = new Bench();
    bench.incident('incident1', { type: 'account', value: '1004' });
    const decisions = [
      bench.decide('block-international', '1004', 'incident1'),
      bench.decide('block-address', '203.0.113.9', 'incident1'),
      bench.decide('block-number', '37167', 'incident1'),
    ];
    const other = bench.decide('block-account', '1005', 'incident2');
    await bench.rest();
    assert.equal(bench.rows.length, 4);
    const answer = await unblockByHand(bench.hand, { id: 'incident1', why: '' });
    assert.equal(answer.lifted.length, 3);
    assert.equal(answer.proved, true);
    assert.deepEqual(bench.rows, ['account/1005']);
    assert.deepEqual(
      decisions.map((d) => bench.state(d)),
      ['undone', 'undone', 'undone'],
    );
    assert.equal(bench.state(other), 'done');
    bench.enforcer.decide(decisions);
    await bench.rest();
    assert.deepEqual(bench.rows, ['account/1005'], 'judged again: still taken back');
    const again = await unblockByHand(bench.hand, { id: 'incident1', why: '' });
    assert.deepEqual([again.lifted, again.notes], [[], ['nothing of incident1 stands any more']]);
  });

  it('an id that nobody knows, and one that could be several', async () => {
    const bench = new Bench();
    await assert.rejects(unblockByHand(bench.hand, { id: 'ffff', why: '' }), /nothing is known of "ffff"/);
    bench.decide('block-account', '1004', 'aaaa');
    bench.decide('block-account', '1005', 'bbbb');
    await assert.rejects(unblockByHand(bench.hand, { id: 'block-account', why: '' }), /could be .* or .*; write more/);
  });

  it('a number is taken back as it was typed or as it stands', async () => {
    for (const typed of ['00371', '371', '+371']) {
      const bench = new Bench();
      await blockByHand(bench.hand, { kind: 'number', value: '+371', lasts: null, why: '' });
      const { lifted } = await unblockByHand(bench.hand, { kind: 'number', value: typed, why: '' });
      assert.deepEqual(lifted, [{ kind: 'number', value: '371' }], typed);
      assert.deepEqual(bench.rows, []);
    }
  });

  it('the panic switch takes everything that refuses and leaves what lets through', async () => {
    const bench = new Bench();
    bench.decide('block-account', '1004');
    await blockByHand(bench.hand, { kind: 'address', value: '203.0.113.9', lasts: null, why: '' });
    bench.pbx?.database.set('/ringfence/number/881', '4102444800');
    bench.pbx?.database.set('/ringfence/exempt/1001', '4102444800');
    bench.pbx?.database.set('/ringfence/emergency/110', '1');
    const answer = await unblockByHand(bench.hand, { all: true, why: '' });
    assert.deepEqual([answer.proved, answer.lifted.length, answer.mode], [true, 2, 'enforce']);
    assert.deepEqual(Object.keys(bench.pbx?.ours ?? {}), ['emergency/110', 'exempt/1001']);
  });

  it('a panic that the daemon did not hear is found when it wakes, once', async () => {
    const bench = new Bench();
    const errors: string[] = [];
    leavePanic(bench.store, 1);
    const look = watchPanic(bench.hand, { error: (text) => errors.push(text) });
    const decision = bench.decide('block-account', '1004');
    await bench.rest();
    look();
    assert.deepEqual(bench.rows, ['account/1004'], 'one from before the start is over');
    leavePanic(bench.store, 2);
    look();
    look();
    await bench.rest();
    assert.deepEqual([bench.rows, bench.state(decision), errors.length], [[], 'undone', 1]);
  });
});

describe('an account that a person allows', () => {
  const allow = { account: '1004', lasts: 7 * DAY, why: 'the boss, in Riga (ada)' };

  it('no rule blocks it, abroad or wholly, and what is decided is kept as refused', async () => {
    const bench = new Bench();
    await allowByHand(bench.hand, allow);
    for (const action of ['block-account', 'block-international', 'expire-contact', 'rotate-secret'] as const) {
      const decision = bench.decide(action, '1004');
      await bench.rest();
      assert.equal(bench.state(decision), 'failed', action);
      assert.equal(bench.store.enforcement.of(decision.id)[0]?.code, 'allowed', action);
    }
    const other = bench.decide('block-account', '1005');
    await bench.rest();
    assert.equal(bench.state(other), 'done');
    assert.deepEqual(bench.rows, ['account/1005', 'exempt/1004']);
  });

  it('nor the address that it calls from, nor the number that it calls, because of it', async () => {
    const bench = new Bench();
    await allowByHand(bench.hand, allow);
    const because = bench.decide('block-address', '203.0.113.9', 'a', { account: '1004' });
    const otherwise = bench.decide('block-address', '203.0.113.9', 'b', { account: '1005' });
    await bench.rest();
    assert.deepEqual([bench.state(because), bench.state(otherwise)], ['failed', 'done']);
  });

  it('none of its calls is hung up by rule', async () => {
    const hung: string[] = [];
    const calls = (target: string) => [
      { uniqueid: '1795285803.1', dialled: '0037167000001', account: target === 'boss' ? '1004' : '1005' },
    ];
    const bench = new Bench({ calls });
    assert.ok(bench.pbx !== null);
    bench.pbx.channels.set('1795285803.1', '0037167000001');
    const { pbx } = bench;
    pbx.fails = (name) => {
      if (name === 'Hangup') {
        hung.push(name);
        pbx.channels.clear();
      }
      return null;
    };
    await allowByHand(bench.hand, allow);
    const boss = bench.decide('hang-up', 'boss');
    await bench.rest();
    assert.deepEqual([bench.state(boss), hung.length], ['failed', 0]);
    const thief = bench.decide('hang-up', 'thief');
    await bench.rest();
    assert.deepEqual([bench.state(thief), hung.length], ['done', 1]);
  });

  it('what rules had done because of it is lifted, and nothing else', async () => {
    const bench = new Bench();
    bench.incident('about-1004', { type: 'account', value: '1004' });
    bench.incident('about-1005', { type: 'account', value: '1005' });
    bench.decide('block-international', '1004', 'about-1004');
    bench.decide('block-address', '203.0.113.9', 'about-1004');
    bench.decide('block-address', '203.0.113.10', 'about-1005');
    await blockByHand(bench.hand, { kind: 'account', value: '1004', lasts: HOUR, why: 'by hand stays' });
    await bench.rest();
    const { lifted, proved } = await allowByHand(bench.hand, allow);
    assert.deepEqual(lifted.map(({ kind, value }) => `${kind} ${value}`).sort(), [
      'address 203.0.113.9',
      'international 1004',
    ]);
    assert.equal(proved, true);
    assert.deepEqual(bench.rows, ['account/1004', 'address/203.0.113.10', 'exempt/1004']);
  });

  it('stands over a restart, is shown, and ends by itself', async () => {
    const bench = new Bench();
    await allowByHand(bench.hand, { ...allow, lasts: HOUR });
    bench.restart();
    await bench.rest();
    assert.deepEqual(
      listByHand(bench.hand)
        .entries.map(({ kind, value, state }) => `${kind} ${value} ${state}`)
        .sort(),
      ['allow 1004 done', 'exempt 1004 done'],
    );
    const refused = bench.decide('block-account', '1004', 'a');
    await bench.rest();
    assert.equal(bench.state(refused), 'failed');
    assert.deepEqual(bench.rows, ['exempt/1004']);
    bench.now += HOUR + 1_000;
    await bench.rest();
    assert.deepEqual(bench.rows, []);
    bench.decide('block-account', '1004', 'b');
    await bench.rest();
    assert.deepEqual(bench.rows, ['account/1004']);
  });

  it('is taken back by its kind, by its id, and by another one', async () => {
    const bench = new Bench();
    const first = await allowByHand(bench.hand, allow);
    const second = await allowByHand(bench.hand, { ...allow, lasts: HOUR });
    const [entry] = listByHand(bench.hand).entries.filter(({ kind }) => kind === 'allow');
    assert.deepEqual(
      [entry?.claims.length, entry?.claims[0]?.id],
      [1, second.id],
      'a shorter one replaces a longer one',
    );
    assert.notEqual(first.id, second.id);
    assert.equal((await unblockByHand(bench.hand, { kind: 'allow', value: '1004', why: '' })).lifted.length, 2);
    assert.deepEqual(bench.rows, []);
    const third = await allowByHand(bench.hand, allow);
    assert.equal((await unblockByHand(bench.hand, { id: third.id, why: '' })).lifted.length, 2);
    assert.deepEqual(bench.rows, []);
    bench.decide('block-account', '1004');
    await bench.rest();
    assert.deepEqual(bench.rows, ['account/1004']);
  });

  it('is no trunk, and the panic switch leaves it', async () => {
    const bench = new Bench();
    await allowByHand(bench.hand, allow);
    await unblockByHand(bench.hand, { all: true, why: '' });
    assert.deepEqual(bench.rows, ['exempt/1004']);
    await assert.rejects(allowByHand(bench.hand, { ...allow, account: 'carrier' }), Refusal);
  });
});
