import assert from 'node:assert/strict';
import { setImmediate as turn } from 'node:timers/promises';
import { Counters } from '../../src/counters.ts';
import { PeerError, StoreError } from '../../src/errors.ts';
import type { CallFacts, Decision } from '../../src/model.ts';
import { createEnforcer, type Enforcer, type EnforcerOptions } from '../../src/respond/enforcer.ts';
import type { EnforcementStore } from '../../src/respond/ledger.ts';
import { openStore, type Store } from '../../src/store/index.ts';
import { HOUR, MINUTE, SECOND } from '../../src/time.ts';
import { registered, started } from '../support/events.ts';
import { FakePbx } from '../support/fake-pbx.ts';
import { useNft } from '../support/nft.ts';
import { recordingLog, type Logged } from '../support/log.ts';
import { testSite } from '../support/site.ts';

const START = Date.UTC(2026, 10, 21, 1);
const inSeconds = (at: number): string => String(Math.ceil(at / 1000));

/** Without holidays, which take a while to load. */
const site = testSite({ hours: { open: ['Mon-Fri 08:00-18:00'], holidays: '' } });
site.accounts.learn(['1001', '1002', '1003', '1004', '1005'].map((endpoint) => ({ endpoint, aliases: [] })));

/** An enforcer with a PBX in memory and a clock that the test turns. */
class Bench {
  now = START;
  pbx: FakePbx | null = new FakePbx();
  readonly store: Store = openStore(':memory:');
  readonly counters = new Counters();
  readonly logged: Logged[];
  readonly options: EnforcerOptions;
  enforcer: Enforcer;

  constructor(more: Partial<EnforcerOptions> = {}) {
    const { log, logged } = recordingLog();
    this.logged = logged;
    this.options = {
      site,
      store: this.store,
      ami: () => this.pbx,
      emergency: ['110', '112'],
      log,
      counters: this.counters,
      now: () => this.now,
      ...more,
    };
    this.enforcer = createEnforcer(this.options);
  }

  /** Lets everything that is under way come to its end. */
  async rest(turns = 60): Promise<void> {
    for (let i = 0; i < turns; i++) await turn();
  }

  /** Time passes, a tick every quarter of a second. */
  async pass(time: number): Promise<void> {
    for (const end = this.now + time; this.now < end;) {
      this.now = Math.min(end, this.now + 250);
      this.enforcer.tick(this.now);
      await this.rest(3);
    }
    await this.rest();
  }

  async login(): Promise<void> {
    assert.ok(this.pbx !== null);
    this.enforcer.loggedIn(this.pbx);
    await this.rest();
  }

  decide(action: Decision['action'], target: string, more: Partial<Decision> = {}): Decision {
    const decision: Decision = {
      id: `${action} ${target}`,
      incident: 'story',
      at: this.now,
      action,
      target,
      state: 'pending',
      until: action === 'hang-up' || action === 'expire-contact' ? null : this.now + HOUR,
      why: 'a test',
      ...more,
    };
    this.store.decisions.put(decision);
    this.enforcer.decide([decision]);
    return decision;
  }

  /** What stands in our family. */
  get rows(): Record<string, string> {
    return this.pbx?.ours ?? {};
  }

  state(decision: Decision | string): string | undefined {
    return this.store.decisions.get(typeof decision === 'string' ? decision : decision.id)?.state;
  }

  said(words: string): number {
    return this.logged.filter(({ message }) => message.includes(words)).length;
  }

  /** ringfence ends and is started again. */
  restart(): void {
    this.enforcer.close();
    this.enforcer = createEnforcer(this.options);
  }
}

describe('enforcement', () => {
  const blocks: [Decision['action'], string, Record<string, string>][] = [
    ['block-account', '1004', { 'account/1004': inSeconds(START + HOUR) }],
    ['block-international', '1004', { 'international/1004': inSeconds(START + HOUR) }],
    ['block-number', '37167', { 'number/37167': inSeconds(START + HOUR) }],
    [
      'block-address',
      '203.0.113.7',
      { 'acl/g0000': '{"deny":"203.0.113.7"}', 'address/203.0.113.7': inSeconds(START + HOUR) },
    ],
    [
      'block-address',
      '2001:DB8::7',
      { 'acl/g0000': '{"deny":"2001:db8::7"}', 'address/2001:db8::7': inSeconds(START + HOUR) },
    ],
  ];
  for (const [action, target, rows] of blocks)
    it(`${action} ${target} stands, is done, ends by itself, and leaves nothing behind`, async () => {
      const bench = new Bench();
      await bench.login();
      const d = bench.decide(action, target);
      await bench.rest();
      assert.deepEqual(bench.rows, rows);
      assert.equal(bench.state(d), 'done');
      const [entry] = bench.enforcer.standing().entries;
      assert.equal(entry?.state, 'done');
      assert.equal(entry.proof['asterisk'], START);
      await bench.pass(HOUR - SECOND);
      assert.deepEqual(bench.rows, rows);
      await bench.pass(2 * SECOND);
      assert.deepEqual(bench.rows, {});
      assert.equal(bench.state(d), 'expired');
      assert.deepEqual(bench.store.enforcement.all(), []);
    });

  it('only looks on in observe mode', async () => {
    const bench = new Bench();
    await bench.login();
    bench.decide('block-account', '1004', { state: 'observed' });
    await bench.rest();
    assert.deepEqual(bench.pbx?.ours, {});
  });

  it('waits for a PBX that is away, and says so of the decision', async () => {
    const bench = new Bench();
    const { pbx } = bench;
    bench.pbx = null;
    const d = bench.decide('block-account', '1004');
    await bench.pass(SECOND);
    assert.equal(bench.state(d), 'pending');
    bench.pbx = pbx;
    await bench.login();
    assert.equal(bench.state(d), 'done');
    assert.deepEqual(Object.keys(pbx?.ours ?? {}), ['account/1004']);
  });

  it('puts everything back after a restart of the PBX, without taking it for a fight', async () => {
    const bench = new Bench();
    await bench.login();
    for (const account of ['1001', '1002']) bench.decide('block-international', account);
    bench.decide('block-address', '203.0.113.7');
    await bench.rest();
    const before = bench.pbx?.ours;
    for (let i = 0; i < 20; i++) {
      bench.pbx = new FakePbx();
      await bench.login();
      assert.deepEqual(bench.pbx.ours, before);
    }
    assert.equal(bench.said('somebody else'), 0);
  });

  it('tries again after a lost or refused push, and does not hammer', async () => {
    const bench = new Bench();
    await bench.login();
    const { pbx } = bench;
    assert.ok(pbx);
    pbx.fails = () => new PeerError('peer-timeout', 'no answer', true);
    const d = bench.decide('block-account', '1004');
    await bench.pass(10 * SECOND);
    const asked = pbx.asked.length;
    assert.ok(asked < 60, `${asked} actions in 10 s`);
    assert.equal(bench.enforcer.health().targets[0]?.state, 'away');
    assert.equal(bench.state(d), 'pending');
    pbx.fails = () => null;
    await bench.pass(3 * SECOND);
    assert.equal(bench.state(d), 'done');
    pbx.fails = (name) => (name === 'DBPut' ? 'Permission denied' : null);
    const refused = bench.decide('block-account', '1003');
    await bench.pass(30 * SECOND);
    assert.equal(bench.state(refused), 'failed');
    assert.ok(pbx.asked.filter((a) => a.startsWith('DBPut ringfence account/1003')).length <= 2);
    pbx.fails = () => null;
    await bench.pass(90 * SECOND);
    assert.equal(bench.state(refused), 'done', 'the right was given');
  });

  it('restores what is edited so many times, then says who should look; other keys go on', async () => {
    const bench = new Bench();
    await bench.login();
    bench.decide('block-account', '1004');
    await bench.rest();
    const { pbx } = bench;
    assert.ok(pbx);
    for (let i = 0; i < 10; i++) {
      pbx.database.set('/ringfence/account/1004', '1');
      await bench.pass(6 * SECOND);
    }
    assert.equal(bench.said('put back'), 5);
    assert.equal(bench.said('keeps changing'), 1, 'told once');
    assert.equal(pbx.ours['account/1004'], '1');
    assert.deepEqual(bench.enforcer.health().targets[0]?.contested, ['account/1004']);
    bench.decide('block-account', '1003');
    await bench.rest();
    assert.ok('account/1003' in pbx.ours);
    await bench.pass(11 * MINUTE);
    assert.notEqual(pbx.ours['account/1004'], '1', 'taken up again later');
    assert.deepEqual(bench.enforcer.health().targets[0]?.contested, []);
  });

  it('shows what others put there and leaves it, but takes away what harms and what is over', async () => {
    const bench = new Bench();
    const { pbx } = bench;
    assert.ok(pbx);
    const foreign = {
      'account/1002': inSeconds(START + HOUR),
      'acl/own': '{"deny":"0.0.0.0/0","permit":"10.0.0.0/8"}',
      'dialplan/outside': '0',
      'auth/1004': '{"auth_type":"md5"}',
    };
    const others = { 'pin/tries/1004': `1-${inSeconds(START - 10)}`, 'pubkey/1004/ptr': '7' };
    const gone = {
      'account/1003': inSeconds(START - 10),
      'acl/bad': '{"deny":"host.example"}',
      'acl/g0042': '{"deny":"203.0.113.1"}',
    };
    for (const [key, value] of Object.entries({ ...foreign, ...others, ...gone }))
      pbx.database.set(`/ringfence/${key}`, value);
    await bench.login();
    assert.deepEqual(pbx.ours, { ...foreign, ...others });
    assert.deepEqual(
      bench.enforcer.standing().foreign.map(({ key }) => key),
      Object.keys(foreign),
    );
    assert.equal(bench.said('not from ringfence'), 4);
    await bench.pass(20 * SECOND);
    assert.equal(bench.said('not from ringfence'), 4, 'told once');
    bench.enforcer.unblock({ all: true });
    await bench.rest();
    const kept = { 'dialplan/outside': '0', ...others };
    assert.deepEqual(pbx.ours, kept, 'the panic switch takes blocks of others too, and nothing else');
  });

  it('takes an ACL object that opens the door away within two seconds', async () => {
    const bench = new Bench();
    await bench.login();
    await bench.pass(6 * SECOND);
    bench.pbx?.database.set('/ringfence/acl/own', '{"deny":"host.example"}');
    await bench.pass(1.5 * SECOND);
    assert.deepEqual(bench.rows, {});
    assert.equal(bench.said('an ACL object that Asterisk cannot read'), 1);
  });

  it('never loses a newer value to an older one that is still on its way', async () => {
    const bench = new Bench();
    await bench.login();
    const { pbx } = bench;
    assert.ok(pbx);
    let open = (): void => undefined;
    pbx.gate = new Promise((resolve) => (open = resolve));
    const d = bench.decide('block-account', '1004');
    await bench.rest();
    bench.enforcer.unblock({ id: d.id });
    bench.decide('block-account', '1004', { id: 'second', until: START + 2 * HOUR });
    bench.decide('block-account', '1003');
    await bench.rest();
    assert.equal(pbx.asked.filter((a) => a.includes('account/1004') && a.startsWith('DBPut')).length, 1);
    pbx.gate = null;
    open();
    await bench.rest();
    assert.deepEqual(pbx.ours, {
      'account/1003': inSeconds(START + HOUR),
      'account/1004': inSeconds(START + 2 * HOUR),
    });
    assert.deepEqual([bench.state(d), bench.state('second')], ['undone', 'done']);
  });

  it('goes on after its own death with what should stand, and not with what was undone or is over', async () => {
    const bench = new Bench();
    await bench.login();
    const stays = bench.decide('block-account', '1001', { until: START + 3 * HOUR });
    const ends = bench.decide('block-account', '1002', { until: START + MINUTE });
    const undone = bench.decide('block-address', '203.0.113.7');
    await bench.rest();
    const { pbx } = bench;
    assert.ok(pbx);
    const full = pbx.ours;
    bench.enforcer.unblock({ id: undone.id });
    await bench.rest();
    bench.enforcer.close();
    bench.now += 2 * MINUTE;
    // the PBX is restored from a copy that is older than all this
    for (const [key, value] of Object.entries(full)) pbx.database.set(`/ringfence/${key}`, value);
    bench.restart();
    await bench.login();
    assert.deepEqual(Object.keys(pbx.ours), ['account/1001']);
    assert.deepEqual(
      [stays, ends, undone].map((d) => bench.state(d)),
      ['done', 'expired', 'undone'],
    );
    assert.equal(bench.enforcer.standing().foreign.length, 0);
  });

  it('takes up a decision that was stored, but not pushed, before it died', async () => {
    const bench = new Bench();
    const d: Decision = {
      id: 'd',
      incident: 's',
      at: START,
      action: 'block-account',
      target: '1004',
      state: 'pending',
      until: START + HOUR,
      why: '',
    };
    // at the start the PBX has not told its accounts yet
    const late = { ...d, id: 'late', target: 'not-told-yet' };
    bench.store.decisions.put(d);
    bench.store.decisions.put(late);
    bench.restart();
    await bench.login();
    assert.deepEqual([bench.state(d), bench.state(late)], ['done', 'done']);
    assert.deepEqual(Object.keys(bench.pbx?.ours ?? {}), ['account/1004', 'account/not-told-yet']);
    bench.restart();
    await bench.login();
    assert.equal(bench.state(late), 'done', 'and it stands over the next restart');
    bench.decide('block-account', 'nobody-knows');
    await bench.rest();
    assert.ok(!('account/nobody-knows' in (bench.pbx?.ours ?? {})), 'nobody unknown is blocked by a new decision');
  });

  it('leaves undone what a person took back, however often it is judged again', async () => {
    const bench = new Bench();
    await bench.login();
    const d = bench.decide('block-account', '1004');
    await bench.rest();
    bench.enforcer.unblock({ kind: 'account', value: '1004' });
    await bench.rest();
    bench.enforcer.decide([{ ...d, until: START + 5 * HOUR }]);
    await bench.rest();
    bench.restart();
    bench.enforcer.decide([{ ...d, until: START + 6 * HOUR }]);
    await bench.login();
    assert.deepEqual([bench.pbx?.ours, bench.state(d)], [{}, 'undone']);
  });

  it('blocks by hand, for a day unless told otherwise, in place of what people said before', async () => {
    const bench = new Bench();
    await bench.login();
    const first = bench.enforcer.block('account', '1004', null, 'stolen phone');
    assert.ok(first.ok);
    assert.equal(first.until, START + 24 * HOUR);
    await bench.rest();
    assert.equal(bench.state(first.id), 'done');
    const second = bench.enforcer.block('account', '1004', START + HOUR, 'one hour is enough');
    await bench.rest();
    assert.deepEqual(bench.pbx?.ours, { 'account/1004': inSeconds(START + HOUR) });
    assert.deepEqual([bench.state(first.id), second.ok && bench.state(second.id)], ['undone', 'done']);
    const never = bench.enforcer.block('address', '192.0.2.10', null, 'oops');
    assert.deepEqual([never.ok, !never.ok && never.code], [false, 'protected-address']);
  });

  it('lifts what rules put up when enforcing is switched off, and keeps what people did', async () => {
    const bench = new Bench();
    await bench.login();
    const blocked = bench.decide('block-account', '1001');
    const waiting = bench.decide('hang-up', 'a call whose channels nobody knows');
    bench.enforcer.block('account', '1002', null, 'by hand');
    await bench.rest();
    assert.deepEqual(bench.enforcer.unblock({ by: 'rule' }), [{ kind: 'account', value: '1001' }]);
    await bench.rest();
    assert.deepEqual(Object.keys(bench.pbx?.ours ?? {}), ['account/1002']);
    assert.deepEqual([bench.state(blocked), bench.state(waiting)], ['expired', 'failed']);
    assert.equal(bench.enforcer.health().acts, 0, 'what had not begun is called off');
    bench.enforcer.decide([blocked]);
    await bench.rest();
    assert.equal(bench.state(blocked), 'done', 'enforcing again, the same decision stands again');
  });

  it('keeps emergency numbers, exemptions and the lock as the settings want them', async () => {
    const bench = new Bench();
    await bench.login();
    const { enforcer } = bench;
    enforcer.declare(
      'emergency',
      ['110', '112'].map((value) => ({ value, until: null })),
      'settings',
    );
    enforcer.declare('exempt', [{ value: '1005', until: null }], 'always open');
    enforcer.declare('lock', [{ value: 'international', until: START + 8 * HOUR }], 'closed');
    await bench.rest();
    const all = {
      'emergency/110': '1',
      'emergency/112': '1',
      'exempt/1005': '4102444800',
      'lock/international': inSeconds(START + 8 * HOUR),
    };
    assert.deepEqual(bench.pbx?.ours, all);
    assert.deepEqual(enforcer.unblock({ kind: 'emergency', value: '112' }), [], 'not by hand');
    enforcer.declare('emergency', [{ value: '112', until: null }], 'settings');
    await bench.rest();
    const { 'emergency/110': _, ...rest } = all;
    assert.deepEqual(bench.pbx.ours, rest);
    bench.restart();
    await bench.login();
    assert.deepEqual(bench.pbx.ours, rest);
    await bench.pass(8 * HOUR + SECOND);
    assert.deepEqual(Object.keys(bench.pbx.ours), ['emergency/112', 'exempt/1005']);
  });

  it('takes down what other settings protect', async () => {
    const bench = new Bench();
    await bench.login();
    const d = bench.decide('block-address', '203.0.113.7');
    await bench.rest();
    bench.enforcer.useSite(testSite({ hours: { holidays: '' }, network: { never_block: ['203.0.113.0/24'] } }), [
      '112',
    ]);
    await bench.rest();
    assert.deepEqual([bench.pbx?.ours, bench.state(d)], [{}, 'undone']);
  });

  it('stops loudly when rules would block too much, and goes on by hand', async () => {
    const bench = new Bench({ budget: { perHour: 200, accounts: 0.25, accountsAtLeast: 2 }, accounts: () => 5 });
    await bench.login();
    const decided = ['1001', '1002', '1003', '1004'].map((account) => bench.decide('block-international', account));
    const same = bench.decide('block-account', '1001');
    await bench.rest();
    assert.deepEqual(
      decided.map((d) => bench.state(d)),
      ['done', 'done', 'failed', 'failed'],
    );
    assert.equal(bench.state(same), 'done', 'the same account is not one more');
    assert.equal(bench.said('STOPPED'), 1);
    assert.equal(bench.enforcer.health().stopped?.code, 'budget-accounts');
    assert.ok(bench.enforcer.block('account', '1005', null, 'by hand').ok);
    bench.enforcer.unblock({ kind: 'international', value: '1002' });
    assert.equal(bench.enforcer.health().stopped, null, 'there is room again, and no more to shout about');
  });

  it('goes on from memory while the store is full, and writes when there is room', async () => {
    const real = openStore(':memory:');
    let full = true;
    const store: EnforcementStore = {
      enforcement: real.enforcement,
      decisions: real.decisions,
      audit: real.audit,
      transaction: (work) => {
        if (full) throw new StoreError('store-full', 'no room');
        return real.transaction(work);
      },
    };
    const bench = new Bench({ store });
    await bench.login();
    real.decisions.put(bench.decide('block-account', '1004'));
    await bench.rest();
    assert.ok('account/1004' in (bench.pbx?.ours ?? {}));
    assert.ok(bench.enforcer.health().unsaved > 0);
    assert.equal(bench.said('would not outlive'), 1);
    full = false;
    await bench.pass(SECOND);
    assert.deepEqual([bench.enforcer.health().unsaved, real.enforcement.all().length], [0, 1]);
  });
});

describe('enforcement at nftables', () => {
  const nft = useNft();

  it('stands beside Asterisk, is put back when the firewall is loaded anew, and ends', async () => {
    const bench = new Bench({ nft: nft(), now: Date.now });
    await bench.login();
    const until = Date.now() + HOUR;
    bench.decide('block-address', '203.0.113.7', { until });
    bench.decide('block-address', '2001:db8::7', { until });
    assert.equal(await bench.enforcer.settled(5_000), true);
    const listed = async (): Promise<string[]> => ((await nft().list()) ?? []).map((e) => `${e.address} ${e.comment}`);
    const both = [`203.0.113.7 ${inSeconds(until)}`, `2001:db8::7 ${inSeconds(until)}`];
    assert.deepEqual(await listed(), both);
    assert.equal(bench.state('block-address 203.0.113.7'), 'done');
    await nft().remove();
    await nft().prepare();
    await nft().change([{ address: '203.0.113.200', seconds: 60, comment: 'mine' }], []);
    for (const end = Date.now() + 8_000; Date.now() < end && (await listed()).length < 3;) {
      bench.enforcer.tick(Date.now());
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    assert.deepEqual((await listed()).sort(), ['203.0.113.200 mine', ...both].sort());
    assert.deepEqual(
      bench.enforcer.standing().foreign.map(({ key }) => key),
      ['address/203.0.113.200'],
    );
    bench.enforcer.unblock({ all: true });
    assert.equal(await bench.enforcer.settled(5_000), true);
    assert.deepEqual(await listed(), []);
    bench.enforcer.close();
  });
});

describe('acts', () => {
  const ID = '1795285803.7';
  const calling = (dialled: string): Bench => {
    const bench = new Bench();
    bench.pbx?.channels.set(ID, dialled);
    return bench;
  };

  const calls: [string, string, string, number][] = [
    ['a call abroad', '0037167000001', 'done', 0],
    ['an emergency call', '112', 'failed', 1],
    ['a call of which nobody knows what it dialled', 's', 'failed', 1],
  ];
  for (const [name, dialled, state, left] of calls)
    it(`hang-up of ${name}: ${state}`, async () => {
      const bench = calling(dialled);
      await bench.login();
      const d = bench.decide('hang-up', ID);
      await bench.pass(SECOND);
      assert.deepEqual([bench.state(d), bench.pbx?.channels.size], [state, left]);
    });

  it('is never done twice, not after a restart either', async () => {
    const bench = calling('0037167000001');
    await bench.login();
    const d = bench.decide('hang-up', ID);
    await bench.pass(SECOND);
    bench.pbx?.channels.set(ID, '0037167000001');
    bench.enforcer.decide([d]);
    bench.restart();
    bench.enforcer.decide([d]);
    await bench.login();
    await bench.pass(SECOND);
    assert.equal(bench.pbx?.channels.size, 1);
    assert.equal(bench.pbx.asked.filter((a) => a.startsWith('Hangup')).length, 1);
  });

  it('a call that is answered though a block stands is hung up, once; others are not', async () => {
    const legs = [{ uniqueid: ID, dialled: '0037167000001' }];
    const bench = new Bench({ calls: (target) => (target === 'call-7' ? legs : []) });
    bench.pbx?.channels.set(ID, '0037167000001');
    await bench.login();
    const facts = (over: Partial<CallFacts>): CallFacts =>
      started(bench.now, { call: 'call-7', account: '1004', dialled: '0037167000001', answeredAt: bench.now, ...over });
    bench.enforcer.answered(facts({}));
    await bench.pass(SECOND);
    assert.equal(bench.pbx?.channels.size, 1, 'nothing stands');
    const block = bench.decide('block-international', '1004');
    bench.enforcer.answered(facts({ account: '1005', call: 'call-8' }));
    bench.enforcer.answered(facts({ answeredAt: bench.now - SECOND }));
    await bench.pass(SECOND);
    assert.equal(bench.pbx.channels.size, 1, 'of another account, or up before the block');
    bench.enforcer.answered(facts({}));
    bench.enforcer.answered(facts({}));
    await bench.pass(SECOND);
    assert.equal(bench.pbx.channels.size, 0);
    assert.equal(bench.pbx.asked.filter((a) => a.startsWith('Hangup')).length, 1);
    const told = bench.store.decisions.of(block.incident).find(({ action }) => action === 'hang-up');
    assert.deepEqual([told?.target, told?.state], ['call-7', 'done']);
    assert.match(told?.why ?? '', /answered though the block of calls abroad of 1004 stands/);
  });

  it('is tried three times', async () => {
    const bench = calling('0037167000001');
    await bench.login();
    const { pbx } = bench;
    assert.ok(pbx);
    pbx.fails = (name) => (name === 'Hangup' ? new PeerError('peer-timeout', 'no answer', true) : null);
    const d = bench.decide('hang-up', ID);
    await bench.pass(20 * SECOND);
    assert.equal(pbx.asked.filter((a) => a.startsWith('Hangup')).length, 3);
    assert.equal(bench.state(d), 'failed');
    assert.equal(bench.store.enforcement.of(d.id)[0]?.code, 'peer-timeout');
  });

  it('waits for the login, and for the channels of a call, but not for ever', async () => {
    const legs: { uniqueid: string; dialled: string | null }[] = [];
    const bench = new Bench({ calls: (target) => (target === 'call-7' ? legs : []) });
    const { pbx } = bench;
    bench.pbx = null;
    const d = bench.decide('hang-up', 'call-7');
    const never = bench.decide('hang-up', 'call-8');
    const old = bench.decide('hang-up', 'call-9', { at: START - HOUR });
    await bench.pass(SECOND);
    assert.equal(bench.state(old), 'failed');
    bench.pbx = pbx;
    pbx?.channels.set(ID, 's');
    await bench.login();
    assert.equal(bench.state(d), 'pending');
    legs.push({ uniqueid: ID, dialled: '0037167000001' });
    bench.enforcer.learnt();
    await bench.rest();
    assert.deepEqual([bench.state(d), pbx?.channels.size], ['done', 0]);
    await bench.pass(20 * SECOND);
    assert.equal(bench.state(never), 'failed');
  });

  it('does not miss the channels of a call that are told while it is being tried', async () => {
    const legs: { uniqueid: string; dialled: string | null }[] = [];
    const bench = new Bench({ calls: () => legs });
    bench.pbx?.channels.set(ID, 's');
    await bench.login();
    const d = bench.decide('hang-up', 'call-7');
    // no turn of the event loop lies between: another call's channel, then this one's
    bench.enforcer.learnt();
    legs.push({ uniqueid: ID, dialled: '0037167000001' });
    bench.enforcer.learnt();
    await bench.rest();
    assert.deepEqual([bench.state(d), bench.pbx?.channels.size], ['done', 0]);
  });

  it('ends the contact that is named and no other; what it cannot do it says', async () => {
    const bench = new Bench();
    await bench.login();
    const contact = (address: string): string =>
      JSON.stringify({ uri: `sip:1004@${address}:5060`, endpoint: '1004', expiration_time: '1795289999' });
    bench.pbx?.database.set('/registrar/contact/1004;@a', contact('10.0.0.4'));
    bench.pbx?.database.set('/registrar/contact/1004;@b', contact('203.0.113.7'));
    const d = bench.decide('expire-contact', '1004', { state: 'observed' });
    bench.enforcer.decide([{ ...d, state: 'pending' }], { sources: ['203.0.113.7'] });
    const unnamed = bench.decide('expire-contact', '1005');
    const rotate = bench.decide('rotate-secret', '1004');
    await bench.pass(SECOND);
    assert.deepEqual([...(bench.pbx?.database.keys() ?? [])], ['/registrar/contact/1004;@a']);
    assert.deepEqual(
      [d, unnamed, rotate].map((one) => bench.state(one)),
      ['done', 'failed', 'failed'],
    );
    assert.equal(bench.store.enforcement.of(rotate.id)[0]?.code, 'peer-refused', 'this PBX tells no auth object');
  });

  describe('a thief who registers again', () => {
    const THIEF = '10.0.0.66';
    const OWNER = '10.0.0.4';
    const key = (address: string): string => `/registrar/contact/1004;@${address}`;
    /** `address` registers; the PBX has the contact then, and ringfence is told. */
    const registers = (bench: Bench, address: string): void => {
      const uri = `sip:1004@${address}:5060`;
      bench.pbx?.database.set(key(address), JSON.stringify({ uri, endpoint: '1004', expiration_time: '1795289999' }));
      bench.enforcer.registered(registered(bench.now, { source: address, contact: uri }, { account: '1004' }));
    };
    const here = (bench: Bench, address: string): boolean => bench.pbx?.database.has(key(address)) === true;
    const robbed = async (): Promise<{ bench: Bench; block: Decision }> => {
      const bench = new Bench();
      await bench.login();
      for (const address of [OWNER, THIEF]) registers(bench, address);
      const block = bench.decide('block-international', '1004');
      const decision = bench.decide('expire-contact', '1004', { state: 'observed' });
      bench.enforcer.decide([{ ...decision, state: 'pending' }], { sources: [THIEF], account: '1004' });
      await bench.pass(SECOND);
      assert.deepEqual([here(bench, OWNER), here(bench, THIEF)], [true, false]);
      return { bench, block };
    };

    it('is out again each time, after a restart too, and the owner stays', async () => {
      const { bench } = await robbed();
      for (let i = 0; i < 5; i++) {
        if (i === 3) {
          bench.restart();
          await bench.login();
        }
        registers(bench, OWNER);
        registers(bench, THIEF);
        await bench.pass(1_500);
        assert.deepEqual([here(bench, OWNER), here(bench, THIEF)], [true, false], `time ${i}`);
      }
      assert.equal(bench.counters.all()['enforce.expire-contact.again'], 5);
    });

    it('every tenth of a second is looked after once a second', async () => {
      const { bench } = await robbed();
      for (let i = 0; i < 100; i++) {
        registers(bench, THIEF);
        await bench.pass(100);
      }
      const times = bench.counters.all()['enforce.expire-contact.again'] ?? 0;
      assert.ok(times >= 8 && times <= 12, String(times));
      await bench.pass(2 * SECOND);
      assert.equal(here(bench, THIEF), false, 'and the last time is not forgotten');
    });

    const ends: [string, (bench: Bench) => unknown][] = [
      ['the block of his calls was taken back', (b) => b.enforcer.unblock({ kind: 'international', value: '1004' })],
      ['the account was allowed by hand', (b) => b.enforcer.allow('1004', b.now + HOUR, 'it is his second phone')],
      ['the block has ended', (b) => b.pass(HOUR)],
      ['enforcing was switched off', (b) => b.enforcer.unblock({ by: 'rule' })],
    ];
    for (const [sentence, end] of ends)
      it(`stays when ${sentence}`, async () => {
        const { bench } = await robbed();
        await end(bench);
        registers(bench, THIEF);
        await bench.pass(2 * SECOND);
        assert.equal(here(bench, THIEF), true);
      });

    it('of another account, or from elsewhere, is nobody that we know', async () => {
      const { bench } = await robbed();
      registers(bench, '10.0.0.5');
      bench.enforcer.registered(registered(bench.now, { source: THIEF }, { account: '1005' }));
      await bench.pass(2 * SECOND);
      assert.equal(here(bench, '10.0.0.5'), true);
      assert.equal(bench.counters.all()['enforce.expire-contact.again'], undefined);
    });
  });
});
