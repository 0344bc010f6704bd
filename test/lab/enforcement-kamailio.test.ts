import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { kamailioRpc, tableDump, tableDelete, tablePut, type KamailioRpc } from '../../src/pbx/kamailio.ts';
import { readTree } from '../../src/pbx/astdb.ts';
import { openStore, type Store } from '../../src/store/index.ts';
import { DAY, HOUR } from '../../src/time.ts';
import { temporaryFolder } from '../support/temporary.ts';
import { decision, runEnforcer, type RunningEnforcer } from './support/enforcement.ts';
import { strangerAddress, useLab } from './support/lab.ts';
import { repository } from './support/packages.ts';
import { pause, until } from './support/process.ts';

/** The lab's Kamailio has its own mirror and JSON-RPC; a blocked address is answered, so that there is something to see. */
const SNIPPET = `#!define RINGFENCE_NO_MIRROR
#!define RINGFENCE_NO_RPC
#!define RINGFENCE_ANSWER_BLOCKED
include_file "${join(repository, 'kamailio-conf/ringfence.cfg')}"
`;

describe('lab: enforcement at a real Kamailio in front of Asterisk', function () {
  this.timeout(60_000);
  const folder = temporaryFolder();
  const lab = useLab(() => {
    writeFileSync(folder.file('snippet.cfg'), SNIPPET);
    return { hep: null, trunk: 'own', kamailio: true, kamailioSnippet: folder.file('snippet.cfg') };
  });
  let store: Store;
  let rpc: KamailioRpc;
  let running: RunningEnforcer;

  before(async () => {
    store = openStore(folder.file('ringfence.db'));
    rpc = kamailioRpc({ rpc: `udp:127.0.0.1:${lab().kamailio!.rpcPort}`, timeout: 500 });
    running = await runEnforcer(lab(), store, {
      kamailio: kamailioRpc({ rpc: `udp:127.0.0.1:${lab().kamailio!.rpcPort}`, timeout: 500 }),
    });
    await until('Kamailio is read', 5_000, () => kamailio().state === 'up');
  });
  after(async () => {
    await running.close();
    rpc.close();
    store.close();
  });

  const kamailio = () => running.enforcer.health().targets.find(({ name }) => name === 'kamailio')!;
  const proved = (): Promise<unknown> =>
    until('all is proved', 10_000, () => running.enforcer.health().targets.every(({ unproved }) => unproved === 0), 5);
  const put = async (d: ReturnType<typeof decision>): Promise<void> => {
    store.decisions.put(d);
    running.enforcer.decide([d]);
    await until(`${d.action} is done`, 3_000, () => store.decisions.get(d.id)?.state === 'done', 5);
  };

  it('refuses a blocked address at the edge, not the edge itself, and lets it in again', async () => {
    const [thief, other] = [await lab().stranger(1), await lab().stranger(2)];
    assert.equal((await thief.register()).status, 401);
    const d = decision('block-address', strangerAddress(1), HOUR);
    await put(d);
    assert.deepEqual([(await thief.register()).status, (await other.register()).status], [403, 401]);
    assert.deepEqual([...(await tableDump(rpc, 'rf_address')).keys()], [strangerAddress(1)]);
    running.enforcer.unblock({ id: d.id });
    await until('gone', 2_000, async () => (await thief.register()).status === 401);
    for (const address of ['127.0.0.2', '127.0.0.1', '127.0.20.1'])
      assert.equal(running.enforcer.block('address', address, null, 'never').ok, false);
  });

  it('ends a block by itself', async () => {
    const thief = await lab().stranger(3);
    const d = decision('block-address', strangerAddress(3), 1_200);
    await put(d);
    assert.equal((await thief.register()).status, 403);
    await until('it ends', 5_000, async () => (await thief.register()).status === 401, 50);
    const late = Date.now() - d.until!;
    assert.ok(late >= 0 && late < 2_000, `${late} ms after its end`);
  });

  it('puts back what is deleted or changed by hand, and shows what is not its own', async () => {
    await put(decision('block-account', '1003', HOUR));
    await tableDelete(rpc, 'rf_account', '1003');
    await tablePut(rpc, 'rf_number', '53', 'by hand', 600);
    await until('back', 7_000, async () => (await tableDump(rpc, 'rf_account')).has('1003'), 100);
    assert.deepEqual(
      running.enforcer.standing().foreign.map(({ target, key }) => `${target} ${key}`),
      ['kamailio number/53'],
    );
    running.enforcer.unblock({ all: true });
    await until('all gone', 3_000, async () => (await tableDump(rpc, 'rf_number')).size === 0);
  });

  it('fills the tables again within 5 s of a Kamailio that was restarted', async () => {
    await put(decision('block-address', strangerAddress(4), HOUR));
    running.enforcer.declare('emergency', [{ value: '112', until: null }], 'settings');
    const dialplan = { outside: '0', international: '011 00', country: '49', trunk: '0' };
    const texts = Object.entries({ ...dialplan, 'abroad/49': '1' });
    const entries = texts.map(([value, text]) => ({ value, until: null, text }));
    running.enforcer.declare('dialplan', entries, 'settings');
    await proved();
    // what is abroad is asked for in Asterisk alone
    assert.deepEqual(Object.fromEntries(await tableDump(rpc, 'rf_dialplan')), dialplan);
    await put(decision('block-number', '371', HOUR));
    const phone = await lab().phone('1001');
    for (const number of ['00037167000001', '0+37167000001'])
      assert.equal((await phone.callFor(number, 20)).status, 403, `${number}, behind 0 for an outside line`);
    phone.close();
    for (let round = 0; round < 3; round++) {
      // uptime is in whole seconds
      await pause(1_000);
      await lab().kamailio!.restart();
      const back = Date.now();
      const thief = await lab().stranger(4);
      await until('refused again', 6_000, async () => (await thief.register()).status === 403, 50);
      console.log(`      tables filled ${Date.now() - back} ms after Kamailio was up`);
      assert.ok(Date.now() - back < 5_000);
      thief.close();
    }
    assert.deepEqual([...(await tableDump(rpc, 'rf_emergency'))], [['112', '1']]);
    await until('how numbers are dialled is back', 3_000, async () => (await tableDump(rpc, 'rf_dialplan')).size === 4);
    running.enforcer.declare('dialplan', [{ value: 'country', until: null, text: '44' }], 'settings');
    await until('changed', 3_000, async () => (await tableDump(rpc, 'rf_dialplan')).size === 1);
    assert.deepEqual([...(await tableDump(rpc, 'rf_dialplan'))], [['country', '44']]);
    running.enforcer.declare('dialplan', [], 'settings');
  });

  it('holds 10,000 entries, more than one datagram can tell, and pushes the next at once', async function () {
    this.timeout(120_000);
    const began = performance.now();
    for (let i = 0; i < 10_000; i++)
      assert.ok(running.enforcer.block('number', `881${String(600_000_000 + i)}`, Date.now() + DAY, 'test').ok);
    await until('all stand', 30_000, () => kamailio().unproved === 0, 50);
    console.log(`      10,000 rows proved after ${Math.round(performance.now() - began)} ms`);
    const taken: number[] = [];
    for (let i = 0; i < 60; i++) {
      const started = performance.now();
      assert.ok(running.enforcer.block('address', `198.51.100.${100 + i}`, null, 'test').ok);
      await until('it stands', 2_000, () => running.enforcer.isDone('address', `198.51.100.${100 + i}`), 1);
      taken.push(performance.now() - started);
      await pause(50);
    }
    taken.sort((a, b) => a - b);
    console.log(
      `      decision to proof at Asterisk and Kamailio: median ${taken[30]!.toFixed(2)} ms, worst ${taken.at(-1)!.toFixed(2)} ms`,
    );
    assert.ok(taken[30]! < 20);
    await tableDelete(rpc, 'rf_number', '881600005000');
    const rows = async (): Promise<number> => {
      const stats = (await rpc.call('htable.stats')) as { name: string; all: number }[];
      return stats.find(({ name }) => name === 'rf_number')?.all ?? -1;
    };
    await until('a row that is missing is noticed', 25_000, async () => (await rows()) === 10_000, 200);
    running.enforcer.unblock({ all: true });
    await until('all is gone', 30_000, async () => (await readTree(running.keeper.session!, 'number')).size === 0, 100);
    await until('there too', 30_000, async () => (await rows()) === 0, 100);
  });
});
