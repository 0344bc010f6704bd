import assert from 'node:assert/strict';
import { createSocket, type Socket } from 'node:dgram';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { evictContacts } from '../../src/pbx/kamailio-contacts.ts';
import { kamailioRpc, tableDump, tableGet, tablePut, type KamailioRpc } from '../../src/pbx/kamailio.ts';
import { openStore, type Store } from '../../src/store/index.ts';
import { HOUR } from '../../src/time.ts';
import { temporaryFolder } from '../support/temporary.ts';
import { decision, runEnforcer, type RunningEnforcer } from './support/enforcement.ts';
import { strangerAddress, useLab } from './support/lab.ts';
import { repository } from './support/packages.ts';
import { freePort } from './support/ports.ts';
import { pause, until } from './support/process.ts';

/** The lab's Kamailio with a location table of its own, as a registrar has one, and JSON-RPC over HTTP beside UDP. */
const snippet = (httpPort: number): string => `#!define RINGFENCE_NO_MIRROR
#!define RINGFENCE_NO_RPC
#!define RINGFENCE_ANSWER_BLOCKED
loadmodule "usrloc.so"
loadmodule "registrar.so"
loadmodule "xhttp.so"
listen=tcp:127.0.0.1:${httpPort}
tcp_accept_no_cl=yes
modparam("jsonrpcs", "transport", 5)
modparam("usrloc", "db_mode", 0)
include_file "${join(repository, 'kamailio-conf/ringfence.cfg')}"
reply_route {
	if (is_method("REGISTER") && status == "200") { save("location"); }
}
event_route[xhttp:request] {
	jsonrpc_dispatch();
}
`;

describe('lab: a Kamailio that is registrar, over UDP and HTTP', function () {
  this.timeout(60_000);
  const folder = temporaryFolder();
  let httpPort = 0;
  const lab = useLab(async () => {
    httpPort = await freePort('127.0.0.1');
    writeFileSync(folder.file('snippet.cfg'), snippet(httpPort));
    return { hep: null, trunk: 'own', kamailio: true, kamailioSnippet: folder.file('snippet.cfg') };
  });
  const open: { close(): unknown }[] = [];
  let store: Store;
  before(() => (store = openStore(folder.file('ringfence.db'))));
  after(() => store.close());
  afterEach(async () => {
    for (const it of open.splice(0).reverse()) await it.close();
  });

  const rpcOf = (transport: 'udp' | 'http'): KamailioRpc => {
    const rpc = transport === 'udp' ? `udp:127.0.0.1:${lab().kamailio!.rpcPort}` : `http://127.0.0.1:${httpPort}/RPC`;
    const client = kamailioRpc({ rpc, timeout: 1_000 });
    open.push(client);
    return client;
  };
  const run = async (rpc: KamailioRpc): Promise<RunningEnforcer> => {
    const running = await runEnforcer(lab(), store, { kamailio: rpc });
    open.push(running);
    await until('Kamailio is read', 5_000, () => kamailioOf(running).state === 'up');
    return running;
  };
  const kamailioOf = ({ enforcer }: RunningEnforcer) =>
    enforcer.health().targets.find(({ name }) => name === 'kamailio')!;

  for (const transport of ['udp', 'http'] as const) {
    it(`holds rows over ${transport}: put, read back, ended, an error told as one`, async () => {
      const rpc = rpcOf(transport);
      await tablePut(rpc, 'rf_address', '2001:db8::7', '1795299999', 100);
      await tablePut(rpc, 'rf_account', '1004', '1795299999', 100);
      assert.equal(await tableGet(rpc, 'rf_address', '2001:db8::7'), '1795299999');
      assert.equal(await tableGet(rpc, 'rf_address', '2001:db8::8'), null);
      assert.deepEqual([...(await tableDump(rpc, 'rf_account')).keys()], ['1004']);
      await assert.rejects(rpc.call('htable.dump', ['no_such_table']), { code: 'peer-refused' });
      await assert.rejects(rpc.call('no.such.method'), { code: 'peer-refused' });
      for (const [table, key] of [
        ['rf_address', '2001:db8::7'],
        ['rf_account', '1004'],
      ] as const)
        await rpc.call('htable.delete', [table, key]);
    });

    it(`evicts the thief's contact over ${transport} and leaves the owner's`, async () => {
      const running = await run(rpcOf(transport));
      const owner = await lab().phone('1005');
      const thief = await lab().phone('1005', { address: strangerAddress(4), userAgent: 'thief' });
      assert.deepEqual([(await owner.register()).status, (await thief.register()).status], [200, 200]);
      const held = async (): Promise<string[]> => {
        const found = await rpcOf(transport).call('ul.lookup', ['location', '1005']);
        return (found as { Contacts: { Contact: { Address: string } }[] }).Contacts.map((c) => c.Contact.Address);
      };
      assert.equal((await held()).length, 2);
      const d = decision('expire-contact', '1005', null);
      store.decisions.put(d);
      running.enforcer.decide([d], { sources: [strangerAddress(4)] });
      await until('done', 3_000, () => store.decisions.get(d.id)?.state === 'done');
      const left = await held();
      assert.equal(left.length, 1, left.join());
      assert.ok(left[0]!.includes(owner.options.address));
      const evicted = (user: string, contact: string): Promise<string[]> =>
        evictContacts(rpcOf(transport), { users: [user], contacts: [contact], sources: [] });
      assert.deepEqual(await evicted('nobody', left[0]!), []);
      assert.deepEqual(await evicted('1005', left[0]!), left);
      assert.deepEqual(await evicted('1005', left[0]!), []);
      await owner.unregister();
      owner.close();
      thief.close();
    });
  }

  it("blocks an account by each of its names, which may be learnt later, and nobody else's", async () => {
    const rpc = rpcOf('udp');
    const running = await run(rpc);
    const users = async (): Promise<string[]> => [...(await tableDump(rpc, 'rf_account')).keys()].sort();
    const put = running.enforcer.block('account', '1004', Date.now() + HOUR, 'a test');
    assert.ok(put.ok);
    await until('it stands', 3_000, () => running.enforcer.isDone('account', '1004'));
    assert.deepEqual(await users(), ['1004']);
    running.site.accounts.learn([
      { endpoint: '1004', aliases: ['sales', 'desk'] },
      { endpoint: '1005', aliases: ['desk'] },
    ]);
    await until('its other name too', 7_000, async () => (await users()).join() === '1004,sales', 100);
    assert.ok(running.enforcer.isDone('account', '1004'));
    running.enforcer.unblock({ id: put.id });
    await until('all of them gone', 3_000, async () => (await users()).length === 0);
  });

  it('tries again what a lost datagram did not bring', async () => {
    const relay = await lossyRelay(lab().kamailio!.rpcPort);
    open.push(relay);
    const client = kamailioRpc({ rpc: `udp:127.0.0.1:${relay.port}`, timeout: 300 });
    open.push(client);
    const running = await run(client);
    relay.lose(3);
    const began = Date.now();
    assert.ok(running.enforcer.block('address', strangerAddress(5), null, 'a test').ok);
    await until('it stands', 8_000, () => running.enforcer.isDone('address', strangerAddress(5)), 20);
    assert.ok(relay.lost === 3 && Date.now() - began < 5_000, `${Date.now() - began} ms`);
    const thief = await lab().stranger(5);
    assert.equal((await thief.register()).status, 403);
    running.enforcer.unblock({ all: true });
    await until('open', 5_000, async () => (await thief.register()).status === 401, 50);
  });

  it('says so while Kamailio is away, and has the tables filled within 5 s of its return', async () => {
    const running = await run(rpcOf('http'));
    assert.ok(running.enforcer.block('address', strangerAddress(6), null, 'a test').ok);
    await until('it stands', 3_000, () => running.enforcer.isDone('address', strangerAddress(6)));
    await lab().kamailio!.stop();
    await until('away', 5_000, () => kamailioOf(running).state === 'away', 50);
    assert.match(kamailioOf(running).lastError ?? '', /Kamailio at http/);
    await pause(1_000); // uptime is in whole seconds
    await lab().kamailio!.boot();
    const back = Date.now();
    const thief = await lab().stranger(6);
    await until('refused again', 6_000, async () => (await thief.register()).status === 403, 50);
    assert.ok(Date.now() - back < 5_000);
    running.enforcer.unblock({ all: true });
    await until('open', 5_000, async () => (await thief.register()).status === 401, 50);
  });
});

/** Between us and Kamailio: loses the next so many of our datagrams. */
async function lossyRelay(
  target: number,
): Promise<{ port: number; lost: number; lose(count: number): void; close(): void }> {
  const [near, far]: Socket[] = [createSocket('udp4'), createSocket('udp4')] as [Socket, Socket];
  await new Promise<void>((resolve) => near.bind(0, '127.0.0.1', resolve));
  let client = 0;
  let losing = 0;
  const relay = {
    port: near.address().port,
    lost: 0,
    lose: (count: number) => void (losing = count),
    close: () => {
      near.close();
      far.close();
    },
  };
  near.on('message', (bytes, { port }) => {
    client = port;
    if (losing > 0) {
      losing--;
      relay.lost++;
    } else far.send(bytes, target, '127.0.0.1');
  });
  far.on('message', (bytes) => near.send(bytes, client, '127.0.0.1'));
  return relay;
}
