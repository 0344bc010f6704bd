import assert from 'node:assert/strict';
import { createSocket } from 'node:dgram';
import { AgentContacts } from '../../src/gateway/agent-contacts.ts';
import { withMediaAddress } from '../../src/gateway/agent-context.ts';
import type { LocalPeer } from '../../src/gateway/agent-local.ts';
import { placesOf, type Dns } from '../../src/gateway/agent-resolve.ts';
import { bindingRequest, mappedAddress, seenAddress } from '../../src/gateway/agent-stun.ts';

const nothing = (): Promise<never> => Promise.reject(new Error('ENODATA'));
const dns = (naptr: unknown[], srv: Readonly<Record<string, unknown[]>>): Dns =>
  ({
    resolveNaptr: naptr.length === 0 ? nothing : () => Promise.resolve(naptr),
    resolveSrv: (name: string) => (srv[name] === undefined ? nothing() : Promise.resolve(srv[name])),
  }) as unknown as Dns;
const srv = (name: string, priority: number, weight: number): unknown => ({ name, port: 5061, priority, weight });

describe('where a gateway is (RFC 3263)', () => {
  it('host:port and addresses are themselves', async () => {
    assert.deepEqual(await placesOf('gw.example.com:5099', dns([], {})), [{ host: 'gw.example.com', port: 5099 }]);
    assert.deepEqual(await placesOf('2001:db8::1', dns([], {})), [{ host: '2001:db8::1', port: 5061 }]);
  });

  it('SRV by priority, within one by weight; without SRV the name itself', async () => {
    const found = { '_sips._tcp.example.com': [srv('spare', 20, 0), srv('a', 10, 10), srv('b', 10, 90)] };
    const hosts = async (random: number): Promise<string[]> =>
      (await placesOf('example.com', dns([], found), () => random)).map(({ host }) => host);
    assert.deepEqual(await hosts(0.05), ['a', 'b', 'spare']);
    assert.deepEqual(await hosts(0.5), ['b', 'a', 'spare']);
    assert.deepEqual(await placesOf('example.com', dns([], {})), [{ host: 'example.com', port: 5061 }]);
    const refusing = { '_sips._tcp.example.com': [srv('', 0, 0)] };
    assert.deepEqual(await placesOf('example.com', dns([], refusing)), [{ host: 'example.com', port: 5061 }]);
  });

  it('NAPTR names the SRV record; other services in it are not ours', async () => {
    const naptr = [
      { flags: 's', service: 'SIP+D2U', order: 1, preference: 1, replacement: '_sip._udp.example.com', regexp: '' },
      {
        flags: 's',
        service: 'SIPS+D2T',
        order: 2,
        preference: 1,
        replacement: '_sips._tcp.voice.example.net',
        regexp: '',
      },
    ];
    const found = { '_sips._tcp.voice.example.net': [srv('gw.example.net', 1, 1)] };
    assert.deepEqual(await placesOf('example.com', dns(naptr, found)), [{ host: 'gw.example.net', port: 5061 }]);
  });
});

describe('STUN (RFC 8489)', () => {
  // RFC 5769, 2.2 and 2.3: the same transaction, answered for IPv4 and IPv6; cut to header and XOR-MAPPED-ADDRESS
  const ID = Buffer.from('b7e7a701bc34d686fa87dfae', 'hex');
  const answer = (attribute: string): Buffer =>
    Buffer.concat([
      Buffer.from('0101', 'hex'),
      Buffer.from([0, attribute.length / 2]),
      Buffer.from('2112a442', 'hex'),
      ID,
      Buffer.from(attribute, 'hex'),
    ]);
  const V4 = '002000080001a147e112a643';
  const V6 = '002000140002a1470113a9faa5d3f179bc25f4b5bed2b9d9';

  it('reads the addresses of the test vectors', () => {
    assert.deepEqual(mappedAddress(answer(V4), ID), { ok: true, value: '192.0.2.1' });
    assert.deepEqual(mappedAddress(answer(V6), ID), { ok: true, value: '2001:db8:1234:5678:11:2233:4455:6677' });
  });

  it('believes nobody who does not know the transaction, and nothing that is cut', () => {
    assert.equal(mappedAddress(answer(V4), Buffer.alloc(12)).ok, false);
    for (let length = 0; length < answer(V4).length; length++)
      assert.equal(mappedAddress(answer(V4).subarray(0, length), ID).ok, false, String(length));
    for (let i = 0; i < answer(V6).length; i++) {
      const changed = answer(V6);
      changed[i] = 0xff ^ (changed[i] ?? 0);
      mappedAddress(changed, ID);
    }
  });

  it('asks over the wire', async () => {
    const server = createSocket('udp4');
    await new Promise<void>((resolve) => server.bind(0, '127.0.0.1', resolve));
    server.on('message', (bytes, peer) => {
      const id = bytes.subarray(8, 20);
      assert.deepEqual(bytes, bindingRequest(id));
      const reply = answer(V4);
      id.copy(reply, 8);
      server.send(reply, peer.port, peer.address);
    });
    try {
      assert.equal(await seenAddress({ host: '127.0.0.1', port: server.address().port }), '192.0.2.1');
    } finally {
      server.close();
    }
  });

  it('only addresses that mean nothing outside are changed', () => {
    const line = (address: string): string => `c=IN IP4 ${address}\r\n`;
    for (const address of ['10.1.2.3', '172.31.0.1', '192.168.0.9', '169.254.1.1', '100.64.0.1', '127.0.0.1'])
      assert.equal(withMediaAddress(line(address), '203.0.113.9'), line('203.0.113.9'), address);
    for (const address of ['172.32.0.1', '100.128.0.1', '11.0.0.1', '0.0.0.0'])
      assert.equal(withMediaAddress(line(address), '203.0.113.9'), null, address);
  });
});

describe('names of contacts', () => {
  const place = { transport: 'udp', host: '127.0.0.1', port: 5060 } as const;
  const peer: LocalPeer = { transport: 'udp', address: '192.168.1.5', port: 40_000, place, connection: null };
  const secret = Buffer.alloc(32, 1);

  it('a registration is found again after a restart, at the port that the phone listens at', () => {
    const before = new AgentContacts(secret, [], 0);
    const name = before.register('sip:1004@192.168.1.5:5062', peer, 600, 0);
    const kept = before.toKeep(0);
    assert.equal(before.toKeep(0), null, 'nothing has changed since');
    const after = new AgentContacts(secret, JSON.parse(JSON.stringify(kept)) as NonNullable<typeof kept>, 1_000);
    assert.deepEqual([after.target(name)?.uri, after.target(name)?.peer.port], ['sip:1004@192.168.1.5:5062', 5062]);
    assert.equal(after.register('sip:1004@192.168.1.5:5062', peer, 600, 0), name);
    assert.equal(new AgentContacts(secret, kept ?? [], 700_000).target(name), null, 'it is over by then');
  });

  it('two calls of one phone have two names; a phone behind another NAT is reached where it speaks from', () => {
    const contacts = new AgentContacts(secret, [], 0);
    const [one, other] = ['a', 'b'].map((call) => contacts.inDialog('sip:1004@10.0.0.7', peer, call));
    assert.notEqual(one, other);
    assert.equal(contacts.target(one ?? '')?.peer.port, 40_000);
    assert.equal(contacts.target('sip:nobody@' + contacts.host), null);
    assert.equal(contacts.target('sip:1004@10.0.0.7'), null);
  });
});
