import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { connect, createServer, type AddressInfo, type Server } from 'node:net';
import { join } from 'node:path';
import { TLSSocket } from 'node:tls';
import { frame, TYPE } from '../../src/crypto/csc/frames.ts';
import { HELLO } from '../../src/crypto/csc/handshake.ts';
import { newEphemeral } from '../../src/crypto/csc/ephemeral.ts';
import { writeExact } from '../../src/crypto/exact-json.ts';
import { CSC_PROTOCOL } from '../../src/gateway/csc-server.ts';
import { bareClient, closed, connectTo, Heard, OPTIONS, testGateway, TestKeys, tlsContext, tlsTo, until, type TestGateway } from '../support/csc.ts'; // prettier-ignore
import { testKey } from '../support/keys.ts';

const LONG = process.env['RINGFENCE_LONG'] === '1';

describe('CSC: attackers', () => {
  let gateway: TestGateway;
  beforeEach(async () => {
    gateway = await testGateway();
  });
  afterEach(() => gateway.server.close());

  it('somebody in the middle with a valid web certificate, who passes everything on: the client refuses, and names nobody', async () => {
    const passed: Buffer[] = [];
    const middle = await listening(
      createServer((raw) => {
        const inner = new TLSSocket(raw, { isServer: true, secureContext: tlsContext(testKey('web')), ALPNProtocols: [CSC_PROTOCOL] }); // prettier-ignore
        inner.on('error', () => undefined);
        void tlsTo(gateway.server.port).then((outer) => {
          inner.on('data', (chunk: Buffer) => {
            passed.push(chunk);
            outer.write(chunk);
          });
          outer.on('data', (chunk: Buffer) => inner.write(chunk));
          inner.on('close', () => outer.destroy());
        });
      }),
    );
    await assert.rejects(
      connectTo({ ...gateway, server: { port: middle.port } }),
      (error: Error & { code?: string; retryable?: boolean }) =>
        error.code === 'peer-refused' && error.retryable === false && error.message.includes('cannot prove'),
    );
    assert.deepEqual(
      passed.map(([type]) => type),
      [TYPE.clientHello],
    );
    middle.server.close();
    assert.deepEqual(gateway.heard.events, []);
  });

  it('a forged gateway with a valid web certificate and a key of its own', async () => {
    const forger = new TestKeys();
    Object.assign(forger, { own: () => testKey('thief') }); // claims the pinned kid, signs with what it has
    const forged = await testGateway({ keys: forger });
    await assert.rejects(connectTo({ ...gateway, server: forged.server }), { code: 'peer-refused', retryable: false });
    await forged.server.close();
    assert.deepEqual(forged.heard.events, []);
  });

  it('a stolen name without its key: closed at a whole second, told as an alert', async () => {
    const began = Date.now();
    await assert.rejects(connectTo(gateway, new Heard(), { key: testKey('thief') }), { code: 'peer-closed' });
    assert.ok(Date.now() - began >= 900, 'not at once: when tells nothing');
    const [refusal] = gateway.refusals;
    assert.deepEqual([refusal?.stage, refusal?.reason, refusal?.alert, refusal?.kid], ['auth', 'unknown-key', true, testKey('thief').kid]); // prettier-ignore
    assert.equal(refusal?.account, undefined);
    await assert.rejects(connectTo(gateway, new Heard(), { account: '1005' }), { code: 'peer-closed' });
    const [, second] = gateway.refusals;
    assert.deepEqual([second?.reason, second?.alert, second?.account], ['account', true, '1004']);
    assert.deepEqual(gateway.heard.events, []);
  });

  it('a frame changed at any byte, left out, repeated, swapped or cut off: closed at once, nothing taken, told', async () => {
    const record = (client: Awaited<ReturnType<typeof bareClient>>): Buffer => client.channel.send(OPTIONS)!;
    const { length } = record(await bareClient(gateway));
    const attacks: [string, (client: Awaited<ReturnType<typeof bareClient>>) => Buffer][] = [
      ...Array.from({ length }, (_, byte): [string, (client: Awaited<ReturnType<typeof bareClient>>) => Buffer] => [
        `byte ${byte} changed`,
        (client) => {
          const changed = record(client);
          changed[byte] = (changed[byte] ?? 0) ^ 1;
          // where that makes it longer, what follows is taken for the rest of it
          return Buffer.concat([changed, record(client), record(client), Buffer.alloc(600)]);
        },
      ]),
      ['one left out', (client) => (record(client), record(client))],
      ['one twice', (client) => { const one = record(client); return Buffer.concat([one, one]); }],
      ['two swapped', (client) => { const [a, b] = [record(client), record(client)]; return Buffer.concat([b, a]); }],
      ['4 GiB announced', () => Buffer.from('10ffffffff', 'hex')],
    ]; // prettier-ignore
    for (const [name, attack] of attacks) {
      const taken = gateway.heard.messages.length;
      const told = gateway.refusals.length;
      const client = await bareClient(gateway);
      client.socket.write(Buffer.concat([...client.channel.start(Date.now()).flatMap((step) => (step.kind === 'send' ? [step.bytes] : [])), attack(client)])); // prettier-ignore
      assert.ok((await closed(client.socket)) < 900, `${name}: at once`);
      await until(name, () => gateway.refusals.length === told + 1);
      const refusal = gateway.refusals.at(-1);
      assert.deepEqual([refusal?.stage, refusal?.alert, refusal?.account], ['session', true, '1004'], name);
      assert.match(refusal?.reason ?? '', /^(type|length|tag)$/, name);
      assert.equal(gateway.heard.messages.length - taken, name === 'one twice' ? 1 : 0, name);
    }
    // cut off: no refusal (that is what networks do), but told as a cut
    const client = await bareClient(gateway);
    const steps = client.channel.start(Date.now());
    const whole = record(client);
    client.socket.write(Buffer.concat([...steps.flatMap((step) => (step.kind === 'send' ? [step.bytes] : [])), whole.subarray(0, 30)])); // prettier-ignore
    await until('it stands', () => gateway.heard.events.at(-1) === 'opened 1004');
    client.socket.end();
    await until('the cut', () => gateway.heard.events.at(-1) === 'closed lost cut');
  });

  it('what a stranger says wrong in the handshake: no frame, closed at a whole second', async () => {
    const hello = writeExact(HELLO, { v: 1, gw: Buffer.from(gateway.keys.gateway.kid, 'base64url'), epk: newEphemeral().epk, rnd: randomBytes(32) }); // prettier-ignore
    const wrong: [string, Buffer, string][] = [
      ['hello gateway', frame(TYPE.clientHello, writeExact(HELLO, { v: 1, gw: randomBytes(32), epk: newEphemeral().epk, rnd: randomBytes(32) })), ''],
      ['hello version', frame(TYPE.clientHello, Buffer.from(Buffer.from(hello).toString().replace('"v":1', '"v":2'))), ''],
      ['hello type', Buffer.from('GET / HTTP/1.1\r\n\r\n'), ''],
      ['hello length', Buffer.from('0100004001', 'hex'), ''],
      ['auth tag', Buffer.concat([frame(TYPE.clientHello, hello), frame(TYPE.auth, randomBytes(800))]), '2 3'],
    ]; // prettier-ignore
    await Promise.all(
      wrong.map(async ([, bytes, answer]) => {
        const socket = await tlsTo(gateway.server.port);
        const types: number[] = [];
        let rest = Buffer.alloc(0);
        socket.on('data', (chunk: Buffer) => {
          rest = Buffer.concat([rest, chunk]);
          while (rest.length >= 5 && rest.length >= 5 + rest.readUInt32BE(1)) {
            types.push(rest[0] ?? 0);
            rest = rest.subarray(5 + rest.readUInt32BE(1));
          }
        });
        socket.write(bytes);
        assert.ok((await closed(socket)) >= 700);
        assert.equal(types.join(' '), answer);
      }),
    );
    assert.deepEqual(gateway.refused().sort(), wrong.map(([reason]) => reason).sort());
  });

  it('a deadline for all of it: nothing sent, TLS begun, TLS done, a byte now and then', async () => {
    const slow = await testGateway({ limits: { handshakeMs: 400 } });
    const { port } = slow.server;
    const tls = await tlsTo(port);
    const dripping = await tlsTo(port);
    let dripped = 0;
    const drip = setInterval(() => dripping.write(Buffer.of(dripped++ === 0 ? TYPE.clientHello : 0)), 120);
    const [silent, begun] = [connect(port, '127.0.0.1'), connect(port, '127.0.0.1')];
    // the handshake done, and then no record that shows that the keys are there
    const { socket: mute } = await bareClient(slow);
    for (const socket of [silent, begun, tls, dripping]) socket.on('error', () => undefined);
    begun.write(Buffer.from('1603010200010001fc0303', 'hex'));
    await Promise.all([silent, begun, tls, dripping, mute].map(closed));
    clearInterval(drip);
    assert.deepEqual(slow.heard.events, []);
    assert.deepEqual(slow.refused().sort(), [
      'auth deadline',
      'hello deadline',
      'hello deadline',
      'tls deadline',
      'tls deadline',
    ]);
    assert.equal(slow.server.counts.halfOpen, 0);
    await slow.server.close();
  });

  it('no TLS at all, and TLS that breaks: closed and counted', async () => {
    const socket = connect(gateway.server.port, '127.0.0.1');
    socket.on('error', () => undefined);
    socket.write('REGISTER sip:example.com SIP/2.0\r\n\r\n');
    await closed(socket);
    const gone = connect(gateway.server.port, '127.0.0.1');
    await new Promise((resolve) => gone.once('connect', resolve));
    gone.destroy();
    await until('both', () => gateway.refusals.length === 2);
    assert.deepEqual(gateway.refused(), ['tls tls', 'tls closed']);
  });

  it('a known source is not held by the limits of strangers; a stranger is', async () => {
    const few = await testGateway({ limits: { stranger: { burst: 3, perSecond: 0 } } });
    await connectTo(few);
    for (let i = 0; i < 8; i++) await connectTo(few);
    // 127.0.0.2 has shown no key
    const results: boolean[] = [];
    for (let i = 0; i < 5; i++) {
      const socket = await tlsTo(few.server.port, { localAddress: '127.0.0.2' } as object).catch(() => null);
      results.push(socket !== null);
      socket?.destroy();
    }
    assert.deepEqual(results, [true, true, true, false, false]);
    await until('counted', () => few.refused().filter((one) => one === 'connect rate').length === 2);
    assert.equal(few.server.counts.sessions, 9);
    await few.server.close();
  });

  it(`${LONG ? '10,000' : '3,000'} half-open connections: service goes on inside and for known sources, memory stays`, async () => {
    const many = await testGateway({ limits: { halfOpen: 1_000 } });
    const { session } = await connectTo(many);
    const before = process.memoryUsage().rss;
    const child = spawn(process.execPath, [join(import.meta.dirname, 'half-open-child.mjs'), String(many.server.port), LONG ? '10000' : '3000'], { stdio: ['pipe', 'pipe', 'inherit'] }); // prettier-ignore
    try {
      await new Promise<void>((resolve) => child.stdout.once('data', () => resolve()));
      assert.ok(many.server.counts.halfOpen <= 1_000);
      assert.ok(many.refused().includes('tls crowded-out'));
      session.send(OPTIONS);
      await until('a message inside', () => many.heard.messages.length === 1);
      const again = await connectTo(many);
      assert.ok(again.session.send(OPTIONS));
      await until('a known source comes in', () => many.heard.messages.length === 2);
      const grown = (process.memoryUsage().rss - before) / 2 ** 20;
      assert.ok(grown < 200, `${grown.toFixed(0)} MiB`);
    } finally {
      child.kill();
      await new Promise((resolve) => child.once('exit', resolve));
    }
    await until('all are gone', () => many.server.counts.halfOpen === 0);
    await many.server.close();
  }).timeout(60_000);

  it('who makes the gateway answer and never reads is let go', async () => {
    const client = await bareClient(gateway);
    const steps = client.channel.start(Date.now()).flatMap((step) => (step.kind === 'send' ? [step.bytes] : []));
    client.socket.write(Buffer.concat(steps));
    await until('it stands', () => gateway.heard.sessions.length === 1);
    client.socket.pause();
    const [session] = gateway.heard.sessions;
    const big = Buffer.alloc(65_000);
    // until the kernel's buffers are full too, and ours stays so
    let taken = 0;
    for (let full = false; !full && taken < 2_000;) {
      while (session?.send(big) === true) taken++;
      await new Promise((resolve) => setTimeout(resolve, 100));
      full = session?.send(big) === false;
    }
    assert.ok(taken < 2_000, 'it took no more at some point');
    // a full queue of ours is no fault of the other side: a ping is answered
    const ping = (): Buffer => client.ends.sealer.seal(TYPE.ping, Buffer.alloc(8));
    client.socket.write(ping());
    await new Promise((resolve) => setTimeout(resolve, 100));
    assert.deepEqual(gateway.heard.events, ['opened 1004']);
    for (let i = 0; i < 60 && !client.socket.destroyed; i++) {
      client.socket.write(Buffer.concat(Array.from({ length: 1_000 }, ping)));
      await new Promise((resolve) => setImmediate(resolve));
    }
    await until('it is gone', () => gateway.heard.events.at(-1) === 'closed stuck cut');
    assert.deepEqual(gateway.refused(), ['session stuck']);
  });
});

async function listening(server: Server): Promise<{ readonly server: Server; readonly port: number }> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return { server, port: (server.address() as AddressInfo).port };
}
