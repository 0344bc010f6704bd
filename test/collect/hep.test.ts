import assert from 'node:assert/strict';
import { createSocket } from 'node:dgram';
import { connect } from 'node:net';
import type { Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { connect as connectTls } from 'node:tls';
import { Counters } from '../../src/counters.ts';
import { ConfigError } from '../../src/errors.ts';
import { dropsIn } from '../../src/collect/kernel-drops.ts';
import { listenHep, parseListen } from '../../src/collect/hep.ts';
import type { FeedLoss, HepCollector, HepOptions, HepRefusal } from '../../src/collect/hep.ts';
import { encodeHep } from '../../src/wire/hep.ts';
import type { HepPacket } from '../../src/wire/hep.ts';
import { selfSigned } from '../support/self-signed.ts';
import { recordingLog } from '../support/log.ts';

const OPTIONS = 'OPTIONS sip:100@192.0.2.1 SIP/2.0\r\n\r\n';

const packet = (over: Partial<HepPacket> = {}): Buffer =>
  encodeHep({
    protocol: 17,
    source: '203.0.113.7',
    sourcePort: 5060,
    destination: '192.0.2.1',
    destinationPort: 5060,
    seenAt: 1_795_285_803_000,
    captureId: 2001,
    payloadType: 1,
    payload: Buffer.from(OPTIONS),
    authKey: 'secret',
    correlationId: null,
    nodeName: null,
    ...over,
  });

interface Feed {
  readonly collector: HepCollector;
  readonly packets: HepPacket[];
  readonly refused: HepRefusal[];
  readonly losses: FeedLoss[];
  readonly counters: Counters;
  readonly logged: { level: string; message: string }[];
  readonly port: number;
}

describe('collect/hep', () => {
  const open: { close(): Promise<void> | void }[] = [];
  afterEach(async () => {
    for (const it of open.splice(0)) await it.close();
  });

  const listen = async (over: Partial<HepOptions> = {}): Promise<Feed> => {
    const packets: HepPacket[] = [];
    const refused: HepRefusal[] = [];
    const losses: FeedLoss[] = [];
    const counters = new Counters();
    const { log, logged } = recordingLog();
    const collector = await listenHep(
      { listen: ['udp:127.0.0.1:0'], allow: ['127.0.0.1', '::1'], password: 'secret', ...over },
      {
        packet: (taken) => packets.push(taken),
        refused: (refusal) => refused.push(refusal),
        lost: (loss) => losses.push(loss),
      },
      counters,
      log,
    );
    open.push(collector);
    return { collector, packets, refused, losses, counters, logged, port: collector.addresses()[0]!.port };
  };

  const until = async (what: string, done: () => boolean): Promise<void> => {
    for (let waited = 0; !done(); waited += 5) {
      if (waited > 3000) assert.fail(`did not happen: ${what}`);
      await sleep(5);
    }
  };

  const datagrams = async (port: number, source: string, ...datagrams: Buffer[]): Promise<void> => {
    const socket = createSocket(source.includes(':') ? 'udp6' : 'udp4');
    await new Promise<void>((resolve) => socket.bind(0, source, resolve));
    for (const datagram of datagrams) {
      await new Promise<void>((resolve) =>
        socket.send(datagram, port, source.includes(':') ? '::1' : '127.0.0.1', () => resolve()),
      );
    }
    socket.close();
  };

  const connection = async (port: number, source = '127.0.0.1'): Promise<Socket> => {
    const socket = connect({ port, host: '127.0.0.1', localAddress: source });
    socket.on('error', () => undefined);
    open.push({ close: () => void socket.destroy() });
    await new Promise((resolve) => socket.once('connect', resolve));
    return socket;
  };
  const closed = (socket: Socket): Promise<void> =>
    new Promise((resolve) => socket.resume().once('close', () => resolve()));

  describe('what is listened on', () => {
    const cases: [string, string, ReturnType<typeof parseListen>][] = [
      ['IPv4 over UDP', 'udp:127.0.0.1:9060', { transport: 'udp', address: '127.0.0.1', port: 9060 }],
      ['IPv6 over TCP, in brackets', 'tcp:[::1]:9060', { transport: 'tcp', address: '::1', port: 9060 }],
      ['TLS', 'tls:0.0.0.0:9061', { transport: 'tls', address: '0.0.0.0', port: 9061 }],
      ['IPv6 without brackets', 'udp:::1:9060', null],
      ['a host name', 'udp:localhost:9060', null],
      ['no transport', '127.0.0.1:9060', null],
      ['a port too high', 'udp:127.0.0.1:65536', null],
      ['an octet too high', 'udp:127.0.0.256:9060', null],
    ];
    for (const [sentence, text, expected] of cases) it(sentence, () => assert.deepEqual(parseListen(text), expected));

    it('all wrong entries are told at once, with what to do, and nothing stays open', async () => {
      const { port } = await listen({ listen: ['tcp:127.0.0.1:0'] });
      const free = await listen({ listen: ['tcp:127.0.0.1:0'] });
      await free.collector.close();
      await assert.rejects(
        listen({ listen: [`tcp:127.0.0.1:${free.port}`, 'udp:nonsense', `tcp:127.0.0.1:${port}`, 'tls:127.0.0.1:0'] }),
        (error: unknown) => {
          assert.ok(error instanceof ConfigError);
          assert.deepEqual(
            error.problems.map((p) => p.path),
            ['hep.listen[1]', 'hep.listen[2]', 'hep.listen[3]'],
          );
          assert.match(error.message, /another program has this port/);
          assert.match(error.message, /hep\.cert_file/);
          return true;
        },
      );
      const again = await listen({ listen: [`tcp:127.0.0.1:${free.port}`] });
      assert.equal(again.port, free.port);
    });
  });

  describe('UDP', () => {
    it('hands packets to the handler with their arrival', async () => {
      const feed = await listen();
      await datagrams(feed.port, '127.0.0.1', packet(), packet({ source: '2001:db8::7', destination: '2001:db8::1' }));
      await until('two packets', () => feed.packets.length === 2);
      assert.deepEqual(
        feed.packets.map((p) => p.source),
        ['203.0.113.7', '2001:db8::7'],
      );
      assert.equal(feed.packets[0]!.payload.toString(), OPTIONS);
      assert.equal(feed.counters.get('hep.packets.udp'), 2);
      assert.ok(Date.now() - feed.collector.health().lastPacketAt! < 3000);
    });

    it('listens on IPv6', async () => {
      const feed = await listen({ listen: ['udp:[::1]:0'] });
      await datagrams(feed.port, '::1', packet());
      await until('a packet', () => feed.packets.length === 1);
      assert.equal(feed.collector.health().listeners[0]!.kernelDrops, 0);
    });

    it('counts and drops what comes from nobody on the allow list, and tells it once a minute', async () => {
      const feed = await listen();
      await datagrams(feed.port, '127.0.0.9', packet(), packet(), Buffer.from('junk'));
      await until('three refusals', () => feed.counters.get('hep.refused.source') === 3);
      await datagrams(feed.port, '127.0.0.1', packet());
      await until('the allowed packet', () => feed.packets.length === 1);
      assert.equal(feed.refused.length, 0);
      assert.equal(feed.logged.filter((line) => /127\.0\.0\.9 .*hep\.allow/.test(line.message)).length, 1);
    });

    const keys: [string, string | null, string | null, boolean][] = [
      ['the right key', 'secret', 'secret', true],
      ['a wrong key', 'secret', 'Secret', false],
      ['a key that begins right', 'secret', 'secret ', false],
      ['a key padded with NUL', 'secret', 'secret\0', false],
      ['a key cut short', 'secret', 'secre', false],
      ['no key', 'secret', null, false],
      ['an endless key', 'secret', 'x'.repeat(5000), false],
      ['any key where none is set', null, 'whatever', true],
      ['no key where none is set', null, null, true],
      ['a key that is not ASCII', 'Schlüssel', 'Schlüssel', true],
    ];
    for (const [sentence, password, authKey, taken] of keys) {
      it(`auth key: ${sentence} is ${taken ? 'taken' : 'refused'}`, async () => {
        const feed = await listen({ password });
        await datagrams(feed.port, '127.0.0.1', packet({ authKey }));
        await until('an answer', () => feed.packets.length + feed.refused.length === 1);
        assert.equal(feed.packets.length, taken ? 1 : 0);
        assert.equal(feed.counters.get('hep.refused.key'), taken ? 0 : 1);
      });
    }

    it('tells garbage of an allowed agent, and goes on', async () => {
      const feed = await listen();
      const killer = Buffer.from('48455033000c0000000f0000', 'hex');
      await datagrams(feed.port, '127.0.0.1', Buffer.from('junk'), killer, Buffer.alloc(0), packet());
      await until('the packet', () => feed.packets.length === 1);
      assert.equal(feed.refused.length, 3);
      assert.equal(feed.counters.get('hep.refused.malformed'), 3);
      assert.equal(feed.refused[1]!.source, '127.0.0.1');
    });

    it('says how much buffer the kernel gave', async () => {
      const feed = await listen();
      const { receiveBuffer } = feed.collector.health().listeners[0]!;
      assert.ok(receiveBuffer!.given >= 2048 && receiveBuffer!.given <= receiveBuffer!.asked);
      const line = feed.logged.find((entry) => entry.message.includes('receive buffer'))!;
      assert.equal(line.level, receiveBuffer!.given >= 4 * 1024 * 1024 ? 'info' : 'warn');
      if (line.level === 'warn') assert.match(line.message, /sysctl -w net\.core\.rmem_max=/);
    });

    it('reports every datagram that the kernel dropped', async function () {
      if (process.platform !== 'linux') this.skip();
      const SENT = 40_000;
      const sender = createSocket('udp4');
      open.push({ close: () => void sender.close() });
      const feed = await listen();
      const big = packet({ payload: Buffer.alloc(1000, 'x') });
      // sends go out synchronously while this loop holds the only thread, so the receiver cannot keep up
      for (let i = 0; i < SENT; i++) sender.send(big, feed.port, '127.0.0.1');
      await until('every datagram is a packet or a loss', () => {
        const lost = feed.losses.reduce((sum, loss) => sum + loss.lost, 0);
        return feed.packets.length + lost === SENT;
      });
      assert.ok(feed.losses.length > 0, 'nothing was lost: the test proves nothing');
      assert.equal(
        feed.counters.get('hep.lost.kernel'),
        feed.losses.reduce((sum, loss) => sum + loss.lost, 0),
      );
      assert.equal(feed.losses[0]!.listener, `udp:127.0.0.1:${feed.port}`);
      assert.equal(feed.collector.health().listeners[0]!.kernelDrops, feed.counters.get('hep.lost.kernel'));
    });

    it('finds its own socket among others in /proc/net/udp', () => {
      const table = [
        '   sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops',
        '  101: 0100007F:2364 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 20931 2 0000000000000000 17',
        '  102: 00000000:2364 0100007F:2365 07 00000000:00000000 00:00000000 00000000     0        0 20932 2 0000000000000000 5',
        '  103: 0200007F:2365 0100007F:2364 07 00000000:00000000 00:00000000 00000000     0        0 20933 2 0000000000000000 9',
        '',
      ].join('\n');
      assert.equal(dropsIn(table, '127.0.0.1', 9060), 17);
      assert.equal(dropsIn(table, '0.0.0.0', 9060), 5);
      assert.equal(dropsIn(table, '127.0.0.1', 9061), null);
      const six =
        '  1: 00000000000000000000000001000000:2364 00000000000000000000000000000000:0000 07 00000000:00000000 00:00000000 00000000 0 0 1 2 0 3\n';
      assert.equal(dropsIn(six, '::1', 9060), 3);
    });
  });

  describe('TCP', () => {
    it('takes packets however the stream is cut', async () => {
      const feed = await listen({ listen: ['tcp:127.0.0.1:0'] });
      const socket = await connection(feed.port);
      socket.setNoDelay(true);
      const bytes = Buffer.concat([packet(), packet({ sourcePort: 5061 }), packet({ sourcePort: 5062 })]);
      for (const at of [0, 3, 100, 101, 300]) {
        socket.write(bytes.subarray(at, [3, 100, 101, 300, bytes.length][[0, 3, 100, 101, 300].indexOf(at)]));
        await sleep(5);
      }
      await until('three packets', () => feed.packets.length === 3);
      assert.deepEqual(
        feed.packets.map((p) => p.sourcePort),
        [5060, 5061, 5062],
      );
      assert.equal(feed.counters.get('hep.packets.tcp'), 3);
      assert.equal(feed.collector.health().listeners[0]!.connections, 1);
    });

    it('cuts off whoever is not on the allow list', async () => {
      const feed = await listen({ listen: ['tcp:127.0.0.1:0'] });
      const socket = await connection(feed.port, '127.0.0.9');
      socket.write(packet());
      await closed(socket);
      assert.equal(feed.packets.length, 0);
      assert.equal(feed.counters.get('hep.refused.source'), 1);
    });

    it('closes a sender of garbage, with the reason', async () => {
      const feed = await listen({ listen: ['tcp:127.0.0.1:0'] });
      const socket = await connection(feed.port);
      socket.write(Buffer.concat([packet(), Buffer.from('GET / HTTP/1.1\r\n\r\n')]));
      await closed(socket);
      assert.equal(feed.packets.length, 1);
      assert.match(feed.refused[0]!.reason, /cannot be framed/);
      assert.equal(feed.counters.get('hep.closed'), 1);
    });

    it('closes a sender whose packet never ends, and no other', async () => {
      const feed = await listen({ listen: ['tcp:127.0.0.1:0'], limits: { packetMs: 150 } });
      const patient = await connection(feed.port);
      const slow = await connection(feed.port);
      patient.write(packet());
      const began = Date.now();
      const drip = setInterval(() => slow.write('H'), 20);
      slow.write(packet().subarray(0, 40));
      await closed(slow);
      clearInterval(drip);
      assert.ok(Date.now() - began < 2000);
      assert.match(feed.refused[0]!.reason, /not whole after 150 ms/);
      patient.write(packet());
      await until('the patient one is still heard', () => feed.packets.length === 2);
    });

    it('closes who is silent too long', async () => {
      const feed = await listen({ listen: ['tcp:127.0.0.1:0'], limits: { idleMs: 100, packetMs: 100 } });
      await closed(await connection(feed.port));
      assert.match(feed.refused[0]!.reason, /silent for 100 ms/);
    });

    it('closes who sends one refused packet after the other', async () => {
      const feed = await listen({ listen: ['tcp:127.0.0.1:0'], limits: { refusedInARow: 3 } });
      const socket = await connection(feed.port);
      const wrong = packet({ authKey: 'wrong' });
      socket.write(Buffer.concat([wrong, wrong, wrong, packet(), wrong, wrong, wrong, wrong, packet()]));
      await closed(socket);
      assert.equal(feed.packets.length, 1);
      assert.equal(feed.counters.get('hep.refused.key'), 7);
    });

    it('takes no more connections than it may', async () => {
      const feed = await listen({ listen: ['tcp:127.0.0.1:0'], limits: { connections: 2 } });
      const first = await connection(feed.port);
      await connection(feed.port);
      await closed(await connection(feed.port));
      assert.equal(feed.counters.get('hep.refused.connection'), 1);
      first.destroy();
      await until('the place is free', () => feed.collector.health().listeners[0]!.connections === 1);
      const next = await connection(feed.port);
      next.write(packet());
      await until('the packet', () => feed.packets.length === 1);
    });

    it('slows a fast sender down and loses nothing', async () => {
      const feed = await listen({ listen: ['tcp:127.0.0.1:0'] });
      const socket = await connection(feed.port);
      const SENT = 20_000;
      const one = packet({ payload: Buffer.alloc(900, 'x') });
      for (let i = 0; i < SENT; i++) socket.write(one);
      await until('all packets', () => feed.packets.length === SENT);
      assert.equal(feed.counters.get('hep.packets.tcp'), SENT);
    });
  });

  describe('TLS', () => {
    const identity = selfSigned();

    it('takes packets of an agent that trusts the certificate', async () => {
      const feed = await listen({ listen: ['tls:127.0.0.1:0'], tls: identity });
      const socket = connectTls({
        port: feed.port,
        host: '127.0.0.1',
        ca: identity.cert,
        checkServerIdentity: () => undefined,
      });
      open.push({ close: () => void socket.destroy() });
      await new Promise((resolve) => socket.once('secureConnect', resolve));
      socket.write(Buffer.concat([packet(), packet()]));
      await until('two packets', () => feed.packets.length === 2);
      assert.equal(feed.counters.get('hep.packets.tls'), 2);
    });

    it('refuses plain text and goes on', async () => {
      const feed = await listen({ listen: ['tls:127.0.0.1:0'], tls: identity });
      const socket = await connection(feed.port);
      socket.write(packet());
      await closed(socket);
      assert.equal(feed.packets.length, 0);
      assert.equal(feed.counters.get('hep.refused.handshake'), 1);
    });

    it('asks for a certificate where a CA is set', async () => {
      const feed = await listen({ listen: ['tls:127.0.0.1:0'], tls: { ...identity, ca: identity.cert } });
      const bare = connectTls({
        port: feed.port,
        host: '127.0.0.1',
        ca: identity.cert,
        checkServerIdentity: () => undefined,
      });
      bare.on('error', () => undefined);
      bare.write(packet());
      await closed(bare);
      assert.equal(feed.packets.length, 0);
      const known = connectTls({
        port: feed.port,
        host: '127.0.0.1',
        ...identity,
        ca: identity.cert,
        checkServerIdentity: () => undefined,
      });
      open.push({ close: () => void known.destroy() });
      known.write(packet());
      await until('the packet', () => feed.packets.length === 1);
    });

    it('cuts off whoever is not allowed before the handshake', async () => {
      const feed = await listen({ listen: ['tls:127.0.0.1:0'], tls: identity, allow: ['192.0.2.1'] });
      await closed(await connection(feed.port));
      assert.equal(feed.counters.get('hep.refused.source'), 1);
      assert.equal(feed.counters.get('hep.refused.handshake'), 0);
    });

    it('says what is wrong with a certificate that is none', async () => {
      await assert.rejects(
        listen({ listen: ['tls:127.0.0.1:0'], tls: { cert: 'nonsense', key: 'nonsense' } }),
        /hep\.listen\[0\].*certificate/s,
      );
    });
  });
});
