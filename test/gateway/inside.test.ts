import assert from 'node:assert/strict';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { createServer as createTcp, connect, type Socket } from 'node:net';
import { connect as connectTls, TLSSocket } from 'node:tls';
import { Counters } from '../../src/counters.ts';
import { InsideSockets, type InsideSettings } from '../../src/gateway/inside.ts';
import { SipStream } from '../../src/gateway/stream.ts';
import type { Origin } from '../../src/gateway/upstream.ts';
import { sipAnswer, sipRequest, startOf } from '../support/border.ts';
import { tlsContext, until } from '../support/csc.ts';
import { pem, testAuthority } from '../support/keys.ts';
import { recordingLog } from '../support/log.ts';

const context = tlsContext();
const ca = pem('CERTIFICATE', testAuthority().certificate);
const FREE = { host: '127.0.0.1', port: 0 };

interface Pbx {
  readonly got: string[];
  port: number;
  /** what the last sender gets */
  answer: (text: string) => void;
  /** OPTIONS are answered with this; 0: not at all */
  status: number;
  close: () => void;
}

/** A PBX on the loopback that answers OPTIONS. */
async function pbx(transport: 'udp' | 'tcp' | 'tls'): Promise<Pbx> {
  const self: Pbx = { got: [], port: 0, status: 200, answer: () => undefined, close: () => undefined };
  const take = (text: string, back: (text: string) => void): void => {
    if (text.startsWith('OPTIONS')) {
      if (self.status > 0) back(sipAnswer(text, self.status));
      return;
    }
    self.got.push(text);
    self.answer = back;
  };
  if (transport === 'udp') {
    const socket = createSocket('udp4', (bytes, { port, address }) => {
      take(String(bytes), (text) => socket.send(text, port, address));
    });
    socket.bind(0, '127.0.0.1');
    await once(socket, 'listening');
    self.port = socket.address().port;
    self.close = () => socket.close();
    return self;
  }
  const sockets = new Set<Socket>();
  const server = createTcp((raw) => {
    const socket = transport === 'tcp' ? raw : new TLSSocket(raw, { isServer: true, secureContext: context });
    sockets.add(raw);
    const stream = new SipStream();
    socket.on('error', () => undefined);
    socket.on('data', (chunk: Buffer) => {
      for (const item of stream.push(chunk))
        if (item.kind === 'message') take(String(item.bytes), (text) => socket.write(text));
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  self.port = (server.address() as { port: number }).port;
  self.close = () => {
    server.close();
    for (const socket of sockets) socket.destroy();
  };
  return self;
}

async function opened(
  upstream: { port: number; transport: 'udp' | 'tcp' | 'tls' },
  more: Partial<InsideSettings> = {},
) {
  const received: { text: string; origin: Origin }[] = [];
  const counters = new Counters();
  const { log } = recordingLog();
  const inside = await InsideSockets.open({
    ...{ at: FREE, allow: [], checkEvery: 100, log, counters, context: () => context },
    upstreams: [{ name: 'pbx', host: '127.0.0.1', registrations: 'contact', domain: '', ca, ...upstream }],
    received: (bytes, origin) => received.push({ text: String(bytes), origin }),
    ...more,
  });
  return { inside, received, counters };
}

describe('gateway: sockets towards the PBX', () => {
  for (const transport of ['udp', 'tcp', 'tls'] as const)
    it(`${transport}: requests out and answers back, requests in and answers out`, async () => {
      const there = await pbx(transport);
      const { inside, received } = await opened({ port: there.port, transport });
      try {
        const [upstream] = inside.upstreams;
        assert.ok(upstream !== undefined);
        inside.send(upstream, Buffer.from(sipRequest({ method: 'MESSAGE', body: 'hello' })));
        await until('the request', () => there.got.length === 1);
        there.answer(sipAnswer(there.got[0] ?? '', 202));
        await until('the answer', () => received.length === 1);
        assert.equal(startOf(received[0]?.text), 'SIP/2.0 202 Because');
        assert.equal(received[0]?.origin.upstream?.name, 'pbx');
        // the PBX comes by a connection of its own
        const request = sipRequest({
          method: 'NOTIFY',
          body: 'x',
          via: `SIP/2.0/${transport.toUpperCase()} 127.0.0.1:9`,
        });
        const answers: string[] = [];
        const { host, port } = inside.place;
        let end = (): void => undefined;
        if (transport === 'udp') {
          const socket = createSocket('udp4', (bytes) => answers.push(String(bytes)));
          socket.send(request, port, host);
          end = () => socket.close();
        } else {
          const socket =
            transport === 'tcp'
              ? connect({ host, port })
              : connectTls({ host, port, ca, checkServerIdentity: () => undefined });
          socket.on('data', (chunk: Buffer) => answers.push(String(chunk)));
          // in two pieces
          socket.write(request.slice(0, 1));
          setTimeout(() => socket.write(request.slice(1)), 20);
          end = () => socket.destroy();
        }
        await until('the request from inside', () => received.length === 2);
        const origin = received[1]?.origin;
        assert.ok(origin !== undefined);
        assert.deepEqual(
          [startOf(received[1]?.text), origin.transport],
          ['NOTIFY sip:1002@pbx.example SIP/2.0', transport],
        );
        inside.answer(origin, origin.peer.port, Buffer.from(sipAnswer(request, 200)));
        await until('its answer', () => answers.length === 1);
        end();
      } finally {
        inside.close();
        there.close();
      }
    });

  it('tells a PBX that is away, busy (503) and back', async function () {
    this.timeout(20_000);
    const there = await pbx('udp');
    const { inside, counters } = await opened({ port: there.port, transport: 'udp' });
    try {
      const [upstream] = inside.upstreams;
      assert.equal(upstream?.up, true);
      there.status = 503;
      await until('it is busy', () => !upstream.up);
      there.status = 404;
      await until('any other answer is a sign of life', () => upstream.up);
      there.status = 0;
      await until('two misses', () => !upstream.up);
      there.status = 200;
      await until('it is back', () => upstream.up);
      assert.deepEqual([counters.get('gateway.upstream.down'), counters.get('gateway.upstream.up')], [2, 2]);
    } finally {
      inside.close();
      there.close();
    }
  });

  it('takes requests from its upstreams and from those that are allowed, nobody else', async () => {
    const there = await pbx('udp');
    const { inside, received, counters } = await opened(
      { port: there.port, transport: 'udp' },
      { allow: ['127.0.7.0/24'] },
    );
    try {
      const { port } = inside.place;
      const sockets: { close(): unknown }[] = [];
      for (const address of ['127.0.7.7', '127.0.8.8']) {
        const socket = createSocket('udp4');
        await new Promise<void>((done) => socket.bind(0, address, done));
        socket.send(sipRequest({ method: 'OPTIONS' }), port, '127.0.0.1');
        const tcp = connect({ host: '127.0.0.1', port, localAddress: address });
        tcp.on('error', () => undefined);
        sockets.push(socket, { close: () => tcp.destroy() });
      }
      await until(
        'one came, two were refused',
        () => received.length === 1 && counters.get('gateway.inside.refused') === 2,
      );
      for (const socket of sockets) socket.close();
      assert.equal(received[0]?.origin.upstream, null);
    } finally {
      inside.close();
      there.close();
    }
  });

  it('says which setting is wrong where it cannot listen', async () => {
    const socket = createSocket('udp4');
    await new Promise<void>((done) => socket.bind(0, '127.0.0.1', done));
    await assert.rejects(
      opened({ port: 5060, transport: 'udp' }, { at: { host: '127.0.0.1', port: socket.address().port } }),
      /gateway\.inside: cannot listen at 127\.0\.0\.1/,
    );
    socket.close();
  });
});
