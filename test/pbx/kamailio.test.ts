import assert from 'node:assert/strict';
import { createSocket, type Socket } from 'node:dgram';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { PeerError } from '../../src/errors.ts';
import {
  evict,
  kamailioRpc,
  RpcError,
  startedAt,
  tableDelete,
  tableDump,
  tableGet,
  tablePut,
} from '../../src/pbx/kamailio.ts';

interface Call {
  readonly id: number;
  readonly method: string;
  readonly params: unknown[];
}

/** A Kamailio that answers what `answer` says; null: not at all. */
let answer: (call: Call) => Record<string, unknown> | string | null = () => null;
let calls: Call[] = [];

const reply = (text: string): string | null => {
  let call: Call;
  try {
    call = JSON.parse(text) as Call;
  } catch {
    return null; // as Kamailio does
  }
  calls.push(call);
  const given = answer(call);
  return given === null || typeof given === 'string'
    ? given
    : JSON.stringify({ jsonrpc: '2.0', id: call.id, ...given });
};

for (const transport of ['udp', 'http'] as const)
  describe(`Kamailio's JSON-RPC over ${transport}`, () => {
    let udp: Socket;
    let http: Server;
    let rpc = '';

    before(async () => {
      if (transport === 'udp') {
        udp = createSocket('udp4');
        udp.on('message', (bytes, peer) => {
          const text = reply(bytes.toString());
          if (text !== null) udp.send(text, peer.port, peer.address);
        });
        await new Promise<void>((resolve) => udp.bind(0, '127.0.0.1', resolve));
        rpc = `udp:127.0.0.1:${udp.address().port}`;
      } else {
        http = createServer((request, response) => {
          let body = '';
          request.on('data', (part: Buffer) => (body += part.toString()));
          request.on('end', () => {
            const text = reply(body);
            if (text !== null) response.writeHead(text.includes('"error"') ? 500 : 200).end(text);
          });
        });
        await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve));
        rpc = `http://127.0.0.1:${(http.address() as AddressInfo).port}/RPC`;
      }
    });
    after(() => {
      if (transport === 'udp') udp.close();
      else {
        http.closeAllConnections();
        http.close();
      }
    });
    beforeEach(() => (calls = []));

    it('matches answers to calls, many at a time and in any order', async () => {
      const client = kamailioRpc({ rpc });
      answer = ({ params }) => ({ result: params[0] });
      const results = await Promise.all(Array.from({ length: 100 }, (_, i) => client.call('echo', [i])));
      assert.deepEqual(results, [...Array(100).keys()]);
      assert.equal(new Set(calls.map(({ id }) => id)).size, 100);
      client.close();
    });

    it('tells an error with its code and words, though HTTP says 500', async () => {
      const client = kamailioRpc({ rpc });
      answer = () => ({ error: { code: 500, message: 'No such htable' } });
      await assert.rejects(client.call('htable.get', ['nope', 'x']), (error: unknown) => {
        assert.ok(error instanceof RpcError);
        assert.deepEqual([error.rpcCode, error.retryable], [500, false]);
        assert.match(error.message, /htable\.get: No such htable/);
        return true;
      });
      client.close();
    });

    it('waits no longer than it should for an answer that does not come, or is no JSON', async () => {
      const client = kamailioRpc({ rpc, timeout: 80 });
      answer = () => null;
      await assert.rejects(client.call('core.uptime'), { code: 'peer-timeout', retryable: true });
      answer = () => 'garbage';
      await assert.rejects(client.call('core.uptime'), PeerError);
      client.close();
    });

    it('puts keys as text and a time to live of at least a second', async () => {
      const client = kamailioRpc({ rpc });
      answer = () => ({ result: 'Ok. Key set to new value.' });
      await tablePut(client, 'rf_account', '1004', '1795299999', 0.2);
      assert.deepEqual(calls[0]?.params, ['rf_account', '1004', '1795299999', 1]);
      client.close();
    });

    it('reads rows, and takes what is not there for no row', async () => {
      const client = kamailioRpc({ rpc });
      answer = () => ({ result: { item: { name: '1004', value: '1795299999', flags: 2 } } });
      assert.equal(await tableGet(client, 'rf_account', '1004'), '1795299999');
      answer = () => ({ error: { code: 500, message: "Key name doesn't exist in htable." } });
      assert.equal(await tableGet(client, 'rf_account', '1004'), null);
      answer = () => ({ error: { code: 404, message: 'Key not found in htable.' } });
      await tableDelete(client, 'rf_account', '1004');
      answer = () => ({ result: [{ entry: 7, size: 1, slot: [{ name: '203.0.113.7', value: '5', type: 'str' }] }] });
      assert.deepEqual([...(await tableDump(client, 'rf_address'))], [['203.0.113.7', '5']]);
      answer = () => ({ result: [] });
      assert.equal((await tableDump(client, 'rf_address')).size, 0);
      answer = () => ({ result: { up_since: 'Mon Nov 23 01:03:04 2026', uptime: 17 } });
      assert.equal(await startedAt(client), 'Mon Nov 23 01:03:04 2026');
      answer = () => ({ error: { code: 404, message: 'AOR not found' } });
      assert.equal(await evict(client, '1004@example.com'), false);
      client.close();
    });

    it('ends what waits when it is closed', async () => {
      const client = kamailioRpc({ rpc, timeout: 1_000 });
      answer = () => null;
      const waiting = client.call('core.uptime');
      setTimeout(() => client.close(), 20);
      await assert.rejects(waiting, PeerError);
    });
  });

describe("where Kamailio's JSON-RPC may be", () => {
  for (const rpc of ['udp:192.0.2.1:8091', 'tcp:127.0.0.1:8091', 'unix:/run/kamailio.sock', '', 'udp:127.0.0.1'])
    it(`refuses "${rpc}"`, () => assert.throws(() => kamailioRpc({ rpc }), PeerError));

  it('says at once that nobody listens', async () => {
    const probe = createSocket('udp4');
    await new Promise<void>((resolve) => probe.bind(0, '127.0.0.1', resolve));
    const { port } = probe.address();
    probe.close();
    const client = kamailioRpc({ rpc: `udp:127.0.0.1:${port}`, timeout: 1_000 });
    await assert.rejects(client.call('core.uptime'), { code: 'peer-unreachable', retryable: true });
    await assert.rejects(client.call('core.uptime'), { code: 'peer-unreachable' }, 'and again');
    client.close();
  });
});
