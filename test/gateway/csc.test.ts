import assert from 'node:assert/strict';
import { randomBytes, X509Certificate } from 'node:crypto';
import { createServer } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { PeerError } from '../../src/errors.ts';
import { Instances } from '../../src/gateway/csc-server.ts';
import {
  bareClient,
  closed,
  connectTo,
  Heard,
  OPTIONS,
  testGateway,
  TestKeys,
  tlsContext,
  tlsTo,
  until,
  type TestGateway,
} from '../support/csc.ts';
import { testAuthority, testKey } from '../support/keys.ts';

async function withGateway(
  run: (gateway: TestGateway) => Promise<void>,
  more: Parameters<typeof testGateway>[0] = {},
): Promise<void> {
  const gateway = await testGateway(more);
  try {
    await run(gateway);
  } finally {
    await gateway.server.close();
  }
}

describe('CSC over TLS on the loopback', () => {
  it('messages go both ways, whole; the closing is told on both sides', () =>
    withGateway(async (gateway) => {
      const phone = new Heard();
      const { session, clockOffset } = await connectTo(gateway, phone);
      assert.ok(Math.abs(clockOffset) < 2_000);
      assert.equal(session.send(OPTIONS), true);
      await until('the message', () => gateway.heard.messages.length === 1);
      assert.equal(gateway.heard.messages[0], OPTIONS.toString());
      const [inside] = gateway.heard.sessions;
      assert.deepEqual([inside?.account, inside?.kind, inside?.peer.address], ['1004', 'csc', '127.0.0.1']);
      assert.equal(inside?.send(Buffer.alloc(65_536, 'x')), true);
      assert.equal(inside.send(Buffer.alloc(65_537, 'x')), false);
      await until('the answer', () => phone.messages.length === 1);
      assert.equal(phone.messages[0]?.length, 65_536);
      session.close('shutdown');
      assert.equal(session.send(OPTIONS), false);
      await until('the end', () => gateway.heard.events.length === 2 && phone.events.length === 2);
      assert.deepEqual(gateway.heard.events, ['opened 1004', 'closed peer-closed']);
      assert.deepEqual(phone.events, ['opened -', 'closed shutdown']);
      assert.deepEqual(gateway.refusals, []);
      assert.deepEqual(gateway.server.counts, { sessions: 0, halfOpen: 0, signaturesWaiting: 0 });
    }));

  it('thousands of messages stay whole and in order', () =>
    withGateway(async (gateway) => {
      const { session } = await connectTo(gateway);
      const sent = Array.from({ length: 3_000 }, (_, i) => `${i} ${'x'.repeat((i * 37) % 1_500)}`);
      for (const one of sent)
        if (!session.send(Buffer.from(one))) {
          await until('the queue', () => session.queued < 100_000);
          assert.ok(session.send(Buffer.from(one)));
        }
      await until('all of them', () => gateway.heard.messages.length === sent.length);
      assert.deepEqual(gateway.heard.messages, sent);
      session.close('shutdown');
    }));

  it('an agent asks for the gateway’s key and gets it', () =>
    withGateway(async (gateway) => {
      const told: string[] = [];
      const keyTold = ({ kid }: { kid: Uint8Array }): number => told.push(Buffer.from(kid).toString('base64url'));
      const { session } = await connectTo(gateway, new Heard(), { keyTold });
      assert.deepEqual([session.askKey(), session.askKey()], [true, false]);
      await until('the answer', () => told.length === 1);
      assert.deepEqual(told, [gateway.keys.gateway.kid]);
      session.close('shutdown');
    }));

  it('a session of the same key and instance takes the place of the old one; of another instance it does not', () =>
    withGateway(async (gateway) => {
      const inst = randomBytes(16);
      const first = new Heard();
      await connectTo(gateway, first, { inst });
      await connectTo(gateway);
      await until('two', () => gateway.heard.sessions.length === 2);
      const { session } = await connectTo(gateway, new Heard(), { inst });
      await until('the first is closed', () => first.events.length === 2);
      assert.deepEqual(first.events[1], 'closed peer-closed');
      await until('told', () => gateway.heard.events.length === 4);
      assert.deepEqual(gateway.heard.events, ['opened 1004', 'opened 1004', 'opened 1004 inherits', 'closed replaced']);
      assert.equal(gateway.server.counts.sessions, 2);
      // and after a cut too
      session.cut('lost');
      await until('the cut', () => gateway.heard.events.at(-1) === 'closed lost cut');
      await connectTo(gateway, new Heard(), { inst });
      await until('the heir', () => gateway.heard.events.at(-1) === 'opened 1004 inherits');
    }));

  it('it is the heir by whichever listener it comes back', async () => {
    const instances = new Instances();
    const inst = randomBytes(16);
    await withGateway(
      (one) =>
        withGateway(
          async (other) => {
            await connectTo(one, new Heard(), { inst });
            await until('the first', () => one.heard.sessions.length === 1);
            await connectTo(other, new Heard(), { inst });
            await until('the other', () => one.heard.events.length === 2);
            assert.deepEqual(other.heard.events, ['opened 1004 inherits']);
            assert.deepEqual(one.heard.events, ['opened 1004', 'closed replaced']);
          },
          { instances },
        ),
      { instances },
    );
  });

  it('a TLS session that is resumed runs the whole handshake again', () =>
    withGateway(async (gateway) => {
      const first = await bareClient(gateway);
      // a ticket comes with the first bytes after the handshake; the socket has read it by now, or reads it soon
      let session: Buffer | undefined;
      first.socket.on('session', (ticket: Buffer) => (session = ticket));
      for (const step of first.channel.start(Date.now())) if (step.kind === 'send') first.socket.write(step.bytes);
      session ??= first.socket.getSession();
      await until('a ticket', () => session !== undefined);
      const second = await bareClient(gateway, {}, undefined, { session });
      assert.equal(second.socket.isSessionReused(), true);
      for (const step of second.channel.start(Date.now())) if (step.kind === 'send') second.socket.write(step.bytes);
      await until('both', () => gateway.heard.sessions.length === 2);
      first.socket.destroy();
      second.socket.destroy();
    }));

  it('one key has so many sessions: the oldest makes room', () =>
    withGateway(
      async (gateway) => {
        for (let i = 0; i < 4; i++) await connectTo(gateway);
        await until('one left', () => gateway.heard.events.includes('closed replaced'));
        assert.equal(gateway.server.counts.sessions, 3);
      },
      { limits: { sessionsOfKey: 3 } },
    ));

  it('a revoked key is cut within 2 s, in its session and ever after', () =>
    withGateway(async (gateway) => {
      const phone = new Heard();
      await connectTo(gateway, phone);
      await until('the session', () => gateway.heard.sessions.length === 1);
      const began = Date.now();
      gateway.keys.add('1004', testKey('phone'), 'revoked');
      gateway.server.revoked(testKey('phone').kid);
      assert.deepEqual(gateway.heard.events, ['opened 1004', 'closed revoked cut']);
      await until('the phone sees it', () => phone.events.length === 2, 2_000);
      assert.ok(Date.now() - began < 2_000);
      assert.deepEqual(phone.events, ['opened -', 'closed lost cut']);
      await assert.rejects(connectTo(gateway), { code: 'peer-closed', retryable: true });
      const [cut, refused] = gateway.refusals;
      assert.deepEqual([cut?.stage, cut?.reason, cut?.alert, cut?.account, cut?.kid], ['session', 'revoked', true, '1004', testKey('phone').kid]); // prettier-ignore
      assert.deepEqual([refused?.stage, refused?.reason, refused?.alert], ['auth', 'revoked-key', true]);
    }));

  it('a gateway that stops closes its sessions in order', async () => {
    const gateway = await testGateway();
    const phones = [new Heard(), new Heard()];
    for (const phone of phones) await connectTo(gateway, phone);
    await until('both', () => gateway.heard.sessions.length === 2);
    await gateway.server.close();
    assert.deepEqual(gateway.heard.events.slice(2), ['closed shutdown', 'closed shutdown']);
    await until('told', () => phones.every(({ events }) => events.at(-1) === 'closed peer-closed'));
    await assert.rejects(connectTo(gateway), { code: 'peer-unreachable', retryable: true });
  });

  it('a new certificate is used from the next connection on; names choose theirs', async () => {
    const [first, second, named] = ['gateway-tls', 'gateway-tls 2', 'gateway-tls 3'].map((name) => testKey(name));
    let context = tlsContext(first);
    const other = tlsContext(named);
    await withGateway(
      async (gateway) => {
        const kidOf = async (servername?: string): Promise<string> => {
          const socket = await tlsTo(gateway.server.port, { rejectUnauthorized: false, ...(servername === undefined ? {} : { servername }) }); // prettier-ignore
          const { raw } = socket.getPeerCertificate();
          socket.destroy();
          return new X509Certificate(raw).publicKey.export({ type: 'spki', format: 'der' }).toString('hex');
        };
        const hex = (key = first): string => Buffer.from(key!.spki).toString('hex');
        assert.equal(await kidOf(), hex());
        const { session } = await connectTo(gateway);
        context = tlsContext(second);
        assert.equal(await kidOf(), hex(second));
        assert.equal(await kidOf('sip.example.com'), hex(named));
        assert.equal(session.send(OPTIONS), true);
        await until('the old session goes on', () => gateway.heard.messages.length === 1);
        session.close('shutdown');
      },
      { context: (name) => (name === 'sip.example.com' ? other : context) },
    );
  });

  it('plain SIP over TLS is handed on, with its first bytes, where that is wanted; else it is refused', async () => {
    const plain: TLSSocket[] = [];
    await withGateway(
      async (gateway) => {
        for (const ALPNProtocols of [['sip/2'], undefined]) {
          const socket = await tlsTo(gateway.server.port, ALPNProtocols === undefined ? { ALPNProtocols: [] } : { ALPNProtocols }); // prettier-ignore
          socket.write(OPTIONS);
          await until('the connection', () => plain.length === 1);
          const [handed] = plain.splice(0);
          const bytes = await new Promise<Buffer>((resolve) => handed?.once('data', resolve));
          assert.deepEqual(bytes, OPTIONS);
          socket.destroy();
        }
        await until('nothing half-open', () => gateway.server.counts.halfOpen === 0);
        assert.deepEqual(gateway.refusals, []);
      },
      { plain: (socket) => plain.push(socket) },
    );
    await withGateway(async (gateway) => {
      const socket = await tlsTo(gateway.server.port, { ALPNProtocols: [] });
      await closed(socket);
      assert.deepEqual(gateway.refused(), ['tls protocol']);
      await assert.rejects(tlsTo(gateway.server.port, { ALPNProtocols: ['sip/2'] }));
      await until('told', () => gateway.refusals.length === 2);
    });
  });

  it('TLS 1.2 has no csc/1, where plain SIP may use it; both ends see to that', async () => {
    const context = tlsContext(testKey('gateway-tls'), testAuthority(), 'TLSv1.2');
    await withGateway(
      async (gateway) => {
        const socket = await tlsTo(gateway.server.port, { maxVersion: 'TLSv1.2' });
        await closed(socket);
        assert.deepEqual(gateway.refused(), ['tls tls-version']);
      },
      { context: () => context, plain: (socket) => socket.destroy() },
    );
  });

  it('an agent knows why it could not connect', async () => {
    await assert.rejects(
      connectTo({ server: { port: 1 }, keys: new TestKeys() }),
      (error) => error instanceof PeerError && error.code === 'peer-unreachable' && error.retryable,
    );
    await withGateway(async (gateway) => {
      // a certificate that no CA of ours has issued
      await assert.rejects(connectTo(gateway, new Heard(), { ca: [] }), { code: 'peer-refused', retryable: false });
      await assert.rejects(connectTo(gateway, new Heard(), { servername: 'other.example.org' }), {
        code: 'peer-refused',
      });
      const stop = new AbortController();
      const given = connectTo(gateway, new Heard(), { signal: stop.signal });
      stop.abort(new Error('enough'));
      await assert.rejects(given, /enough/);
    });
    // somebody who takes the connection and says nothing
    const silent = createServer(() => undefined);
    await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
    const { port } = silent.address() as { port: number };
    const keys = new TestKeys();
    await assert.rejects(connectTo({ server: { port }, keys }, new Heard(), { withinMs: 200 }), { code: 'peer-timeout', retryable: true }); // prettier-ignore
    silent.close();
  });
});
