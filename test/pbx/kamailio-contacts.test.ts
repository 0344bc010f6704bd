import assert from 'node:assert/strict';
import { PeerError } from '../../src/errors.ts';
import { evictContacts, type KamailioContacts } from '../../src/pbx/kamailio-contacts.ts';
import { RpcError, type KamailioRpc } from '../../src/pbx/kamailio.ts';

const contact = (address: string, received = '[not set]'): unknown => ({
  Contact: { Address: address, Received: received, Expires: 300 },
});

/** A Kamailio with a location table; null: without one. The real one is in test/lab. */
function registrar(table: Map<string, unknown[]> | null): KamailioRpc & { readonly removed: string[] } {
  const removed: string[] = [];
  return {
    removed,
    call: (method, [, user = '', uri = ''] = []) => {
      if (table === null) return Promise.reject(new RpcError(method, -32601, 'Method Not Found'));
      const held = table.get(String(user));
      if (held === undefined) return Promise.reject(new RpcError(method, 404, 'AOR not found'));
      if (method === 'ul.lookup') return Promise.resolve({ AoR: user, Contacts: held });
      removed.push(`${String(user)} ${String(uri)}`);
      return Promise.resolve(null);
    },
    close: () => undefined,
  };
}

describe("contacts at Kamailio's registrar", () => {
  const [owner, thief, behind] = [
    'sip:1004@10.0.0.4:5060',
    'sip:1004@203.0.113.7:5060;ob',
    'sip:1004@192.168.0.9:5060',
  ];
  const table = new Map([
    ['1004', [contact(owner), contact(thief), contact(behind, 'sip:203.0.113.8:40000;transport=udp'), 'garbage', null]],
    ['alice', [contact('sip:x@[2001:db8::7]:5060')]],
  ]);
  const rows: [string, Partial<KamailioContacts>, string[]][] = [
    ['by their URI', { contacts: [thief] }, [thief]],
    ['by their address', { sources: ['203.0.113.7'] }, [thief]],
    ['by the address behind which they are', { sources: ['203.0.113.8'] }, [behind]],
    ['by IPv6, of another name', { users: ['1004', 'alice'], sources: ['2001:db8::7'] }, ['sip:x@[2001:db8::7]:5060']],
    ['none where none is named', {}, []],
    ['none of somebody unknown', { users: ['9999'], sources: ['203.0.113.7'] }, []],
  ];
  for (const [name, choice, ended] of rows)
    it(`are ended ${name}`, async () => {
      const rpc = registrar(table);
      assert.deepEqual(await evictContacts(rpc, { users: ['1004'], contacts: [], sources: [], ...choice }), ended);
      assert.deepEqual(
        rpc.removed.map((text) => text.split(' ')[1]),
        ended,
      );
    });

  it('are none where Kamailio is no registrar', async () => {
    assert.deepEqual(await evictContacts(registrar(null), { users: ['1004'], contacts: [thief], sources: [] }), []);
  });

  it('are not taken for ended while Kamailio is away', async () => {
    const away: KamailioRpc = {
      call: () => Promise.reject(new PeerError('peer-timeout', 'no answer', true)),
      close: () => undefined,
    };
    await assert.rejects(evictContacts(away, { users: ['1004'], contacts: [thief], sources: [] }), PeerError);
  });
});
