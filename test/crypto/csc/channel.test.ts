import assert from 'node:assert/strict';
import { createCipheriv, hkdfSync } from 'node:crypto';
import { Channel, type ChannelStep } from '../../../src/crypto/csc/channel.ts';
import { FrameReader, RECORD_BOUNDS, TYPE } from '../../../src/crypto/csc/frames.ts';
import type { Established } from '../../../src/crypto/csc/handshake.ts';
import { Opener, RECORDS_PER_KEY, Sealer } from '../../../src/crypto/csc/record.ts';
import { writeExact } from '../../../src/crypto/exact-json.ts';
import { NOW, testKey } from '../../support/keys.ts';

const INVITE = Buffer.from('INVITE sip:2000@example.com SIP/2.0\r\nContent-Length: 0\r\n\r\n');
const gateway = testKey('gateway');
const gatewayKey = { kid: Buffer.from(gateway.kid, 'base64url'), spki: gateway.spki, crl: Buffer.of(1, 2, 3) };

/** Both ends of a session, with keys that are no secret. */
function endsOf(toServer = 1, toClient = 2): { readonly client: Established; readonly server: Established } {
  const key = (byte: number): Buffer => Buffer.alloc(32, byte);
  const end = (own: number, other: number): Established => ({
    kind: 'established',
    sealer: new Sealer(key(own)),
    opener: new Opener(key(other)),
    reader: new FrameReader(),
  });
  return { client: end(toServer, toClient), server: end(toClient, toServer) };
}

/** Both ends of one session, their steps by kind; what is sent is held until it is passed on. */
class Pair {
  readonly ends: ReturnType<typeof endsOf>;
  readonly client: Channel;
  readonly gateway: Channel;
  readonly log: string[] = [];
  toGateway: Buffer[] = [];
  toClient: Buffer[] = [];

  constructor(ends = endsOf()) {
    this.ends = ends;
    this.client = new Channel('client', ends.client, NOW);
    this.gateway = new Channel('gateway', ends.server, NOW);
  }

  take(side: 'client' | 'gateway', steps: readonly ChannelStep[]): this {
    for (const step of steps) {
      if (step.kind === 'send') (side === 'client' ? this.toGateway : this.toClient).push(step.bytes);
      else if (step.kind === 'sip') this.log.push(`${side} sip ${step.bytes.length}`);
      else if (step.kind === 'over') this.log.push(`${side} over ${step.reason} ${step.fault ?? ''}`.trim());
      else this.log.push(`${side} ${step.kind}`);
    }
    return this;
  }

  /** Passes on what was sent, and the answers, until nothing is left. */
  flow(): this {
    while (this.toGateway.length + this.toClient.length > 0) {
      for (const bytes of this.toGateway.splice(0)) this.take('gateway', this.gateway.receive(bytes));
      for (const bytes of this.toClient.splice(0)) this.take('client', this.client.receive(bytes));
    }
    return this;
  }

  start(): this {
    this.take('gateway', this.gateway.start(NOW)).take('client', this.client.start(NOW)).flow();
    this.log.length = 0;
    return this;
  }

  /** A record as the client would seal it, of any type. */
  sealed(type: number, plain: Uint8Array): Buffer {
    return this.ends.client.sealer.seal(type, plain);
  }
}

describe('a CSC session', () => {
  it('the client pings at once; with that the gateway knows that it has the keys', () => {
    const pair = new Pair();
    pair.take('gateway', pair.gateway.start(NOW));
    assert.equal(pair.toClient.length, 0, 'the gateway says nothing before');
    pair.take('client', pair.client.start(NOW));
    assert.deepEqual(
      pair.toGateway.map(([type]) => type),
      [TYPE.ping],
    );
    pair.flow();
    assert.deepEqual(pair.log, ['gateway confirmed', 'client confirmed']);
  });

  it('messages go both ways, each a record', () => {
    const pair = new Pair().start();
    for (let i = 0; i < 3; i++) pair.toGateway.push(pair.client.send(INVITE)!);
    pair.toClient.push(pair.gateway.send(Buffer.alloc(65_536))!);
    pair.flow();
    assert.deepEqual(pair.log, [...Array<string>(3).fill(`gateway sip ${INVITE.length}`), 'client sip 65536']);
    assert.equal(pair.gateway.send(Buffer.alloc(65_537)), null);
    assert.equal(pair.gateway.send(Buffer.alloc(0)), null);
  });

  it('pings every 25 s; no pong within 10 s is a cut, 9,999 ms are not', () => {
    const pair = new Pair().start();
    const ticks = (channel: Channel, at: number): string =>
      channel
        .tick(NOW + at)
        .map(({ kind }) => kind)
        .join();
    assert.deepEqual(
      [24_999, 25_000, 25_001, 34_999].map((at) => ticks(pair.client, at)),
      ['', 'send', '', ''],
    );
    assert.deepEqual(pair.client.tick(NOW + 35_000), [{ kind: 'over', reason: 'silent' }]);
    assert.equal(ticks(pair.client, 36_000), '');
    assert.equal(pair.client.send(INVITE), null);
    assert.equal(ticks(pair.gateway, 25_000), 'send', 'the gateway asks too');
  });

  it('answered pings go on for ever, and 24 h are told', () => {
    const pair = new Pair().start();
    for (let at = 0; at < 300_000; at += 1_000)
      pair
        .take('client', pair.client.tick(NOW + at))
        .take('gateway', pair.gateway.tick(NOW + at))
        .flow();
    assert.deepEqual(pair.log, []);
    assert.deepEqual(
      [86_399_999, 86_400_000].map((at) => pair.client.isExpired(NOW + at)),
      [false, true],
    );
  });

  it('a closing is answered by a closing; messages on their way are taken', () => {
    const pair = new Pair().start();
    pair.toClient.push(pair.gateway.send(INVITE)!);
    pair.take('client', pair.client.close());
    assert.equal(pair.client.send(INVITE), null);
    pair.flow();
    assert.deepEqual(pair.log, ['gateway over peer-closed', `client sip ${INVITE.length}`, 'client over closed']);
    assert.deepEqual(pair.client.close(), []);
  });

  it('both may close at once', () => {
    const pair = new Pair().start();
    pair.take('client', pair.client.close()).take('gateway', pair.gateway.close()).flow();
    assert.deepEqual(pair.log, ['gateway over closed', 'client over closed']);
  });

  it('an agent asks for the gateway’s key, one question at a time', () => {
    const pair = new Pair().start();
    pair.toGateway.push(pair.client.askKey()!);
    assert.equal(pair.client.askKey(), null);
    pair.flow();
    assert.deepEqual(pair.log, ['gateway key-request']);
    pair.toClient.push(pair.gateway.answerKey(gatewayKey)!);
    assert.equal(pair.gateway.answerKey(gatewayKey), null);
    pair.flow();
    assert.deepEqual(pair.log, ['gateway key-request', 'client gateway-key']);
    assert.notEqual(pair.client.askKey(), null);
    assert.equal(pair.gateway.askKey(), null, 'a gateway asks nothing');
  });

  it('a revocation list that no record holds is left out', () => {
    const pair = new Pair().start();
    pair.toGateway.push(pair.client.askKey()!);
    pair.flow();
    const record = pair.gateway.answerKey({ ...gatewayKey, crl: Buffer.alloc(60_000) })!;
    const [step] = pair.client.receive(record);
    assert.ok(step?.kind === 'gateway-key');
    assert.deepEqual([step.key.crl.length, Buffer.from(step.key.spki).equals(gateway.spki)], [0, true]);
  });

  const response = (more: object): Buffer => Buffer.from(writeExact({ kid: 32, spki: 'bytes', crl: 'bytes' }, { ...gatewayKey, ...more })); // prettier-ignore
  for (const [sentence, run, fault] of [
    ['an empty message', (p: Pair) => p.gateway.receive(p.sealed(TYPE.sip, Buffer.alloc(0))), 'malformed'],
    ['a ping of 7 bytes', (p: Pair) => p.gateway.receive(p.sealed(TYPE.ping, Buffer.alloc(7))), 'malformed'],
    ['a closing with a text', (p: Pair) => p.gateway.receive(p.sealed(TYPE.close, Buffer.of(1))), 'malformed'],
    ['a pong to nothing', (p: Pair) => p.gateway.receive(p.sealed(TYPE.pong, Buffer.alloc(8))), 'unasked'],
    [
      'a pong to another ping',
      (p: Pair) => {
        p.gateway.tick(NOW + 25_000);
        return p.gateway.receive(p.sealed(TYPE.pong, Buffer.alloc(8, 9)));
      },
      'unasked',
    ],
    [
      'a request for something else',
      (p: Pair) => p.gateway.receive(p.sealed(TYPE.keyRequest, Buffer.from('{"of":"1005"}'))),
      'malformed',
    ],
    [
      'a second request',
      (p: Pair) => {
        p.gateway.receive(p.client.askKey()!);
        return p.gateway.receive(p.sealed(TYPE.keyRequest, Buffer.from('{"of":"gateway"}')));
      },
      'unasked',
    ],
    [
      'a key for nobody who asked',
      (p: Pair) => p.client.receive(p.ends.server.sealer.seal(TYPE.keyResponse, response({}))),
      'unasked',
    ],
    [
      'a key that is not its kid',
      (p: Pair) => {
        p.client.askKey();
        return p.client.receive(p.ends.server.sealer.seal(TYPE.keyResponse, response({ kid: Buffer.alloc(32) })));
      },
      'malformed',
    ],
    ['a record that only a gateway sends', (p: Pair) => p.gateway.receive(Buffer.of(TYPE.keyResponse)), 'type'],
    ['a record that only a client sends', (p: Pair) => p.client.receive(Buffer.of(TYPE.keyRequest)), 'type'],
    ['a handshake’s frame', (p: Pair) => p.gateway.receive(Buffer.of(TYPE.auth)), 'type'],
    ['15 bytes', (p: Pair) => p.gateway.receive(Buffer.from('100000000f', 'hex')), 'length'],
    ['65,553 bytes', (p: Pair) => p.gateway.receive(Buffer.from('1000010011', 'hex')), 'length'],
    ['4 GiB', (p: Pair) => p.gateway.receive(Buffer.from('10ffffffff', 'hex')), 'length'],
    [
      'the same record twice',
      (p: Pair) => {
        const record = p.client.send(INVITE)!;
        return p.gateway.receive(Buffer.concat([record, record])).slice(1);
      },
      'tag',
    ],
    [
      'two records in the wrong order',
      (p: Pair) => {
        const [first, second] = [p.client.send(INVITE)!, p.client.send(INVITE)!];
        return p.gateway.receive(Buffer.concat([second, first]));
      },
      'tag',
    ],
    [
      'a record left out',
      (p: Pair) => {
        p.client.send(INVITE);
        return p.gateway.receive(p.client.send(INVITE)!);
      },
      'tag',
    ],
    ['its own record back', (p: Pair) => p.gateway.receive(p.gateway.send(INVITE)!), 'tag'],
    [
      'another session’s record',
      (p: Pair) => p.gateway.receive(new Pair(endsOf(3, 4)).start().client.send(INVITE)!),
      'tag',
    ],
    [
      'a record of another type',
      (p: Pair) => {
        const record = p.client.send(Buffer.alloc(8))!;
        record[0] = TYPE.ping;
        return p.gateway.receive(record);
      },
      'tag',
    ],
  ] as const)
    // prettier-ignore
    it(`${sentence}: over at once (${fault}), nothing said`, () => {
      const pair = new Pair().start();
      assert.deepEqual(run(pair), [{ kind: 'over', reason: 'protocol', fault }]);
      assert.ok([pair.gateway.send(INVITE), pair.client.send(INVITE)].includes(null), 'whoever saw it says no more');
    });

  it('a record changed at any byte, or cut at any byte: no message comes of it', () => {
    const { length } = new Pair().start().client.send(INVITE)!;
    for (let at = 0; at < length; at++) {
      const pair = new Pair().start();
      const record = pair.client.send(INVITE)!;
      record[at] = (record[at] ?? 0) ^ 0x10;
      pair.take('gateway', pair.gateway.receive(record));
      // a length that became longer waits for what does not come: bounded, and the ping finds it
      const waits = at === 3 || at === 4;
      const fault = { 0: 'type', 1: 'length', 2: 'length' }[at] ?? 'tag';
      if (waits && pair.log.length === 0) assert.equal(pair.gateway.tick(NOW + 25_000).length, 1);
      else assert.deepEqual(pair.log, [`gateway over protocol ${fault}`], `byte ${at}`);
    }
    const pair = new Pair().start();
    const record = pair.client.send(INVITE)!;
    for (let at = 0; at < length - 1; at++) assert.deepEqual(pair.gateway.receive(record.subarray(at, at + 1)), []);
    assert.equal(pair.gateway.receive(record.subarray(length - 1))[0]?.kind, 'sip');
  });

  it('however the stream is split, the steps are the same', () => {
    const pair = new Pair();
    pair.take('client', pair.client.start(NOW));
    const stream = Buffer.concat([
      ...pair.toGateway,
      pair.client.send(INVITE)!,
      pair.sealed(TYPE.ping, Buffer.alloc(8, 3)),
      pair.client.askKey()!,
      pair.client.send(Buffer.alloc(300, 'x'))!,
      ...pair.client.close().map((step) => (step.kind === 'send' ? step.bytes : Buffer.alloc(0))),
      Buffer.from('after the end'),
    ]);
    const run = (sizes: (at: number) => number): string => {
      const channel = new Channel('gateway', endsOf().server, NOW);
      const steps: ChannelStep[] = [];
      for (let at = 0; at < stream.length; at += sizes(at)) steps.push(...channel.receive(stream.subarray(at, at + sizes(at)))); // prettier-ignore
      return JSON.stringify(steps);
    };
    const whole = run(() => stream.length);
    assert.match(whole, /confirmed.*sip.*send.*key-request.*sip.*send.*peer-closed/);
    for (const size of [1, 2, 7])
      assert.equal(
        run(() => size),
        whole,
      );
    for (let split = 1; split < stream.length; split++)
      assert.equal(
        run((at) => (at === 0 ? split : stream.length)),
        whole,
        `split at ${split}`,
      );
  });
});

describe('CSC records', () => {
  const key = (): Buffer => Buffer.alloc(32, 1);
  const read = (bytes: Buffer) => {
    const reader = new FrameReader();
    reader.push(bytes);
    const found = reader.next(() => true, RECORD_BOUNDS);
    assert.ok(found !== null && !('ok' in found));
    return found;
  };

  /** The same in other words: RFC 8439 by node:crypto. */
  function expected(secret: Uint8Array, seq: bigint, plain: Buffer): Buffer {
    const header = Buffer.from([TYPE.sip, 0, 0, 0, plain.length + 16]);
    const nonce = Buffer.alloc(12);
    nonce.writeBigUInt64BE(seq, 4);
    const cipher = createCipheriv('chacha20-poly1305', secret, nonce, { authTagLength: 16 });
    cipher.setAAD(header, { plaintextLength: plain.length });
    return Buffer.concat([header, cipher.update(plain), cipher.final(), cipher.getAuthTag()]);
  }

  it('are sealed with the sequence number as nonce, from 0, header bound', () => {
    const sealer = new Sealer(key());
    for (const seq of [0n, 1n, 2n]) assert.deepEqual(sealer.seal(TYPE.sip, INVITE), expected(key(), seq, INVITE));
  });

  it('change the key after 2^20, on both sides at the same record', () => {
    const next = Buffer.from(hkdfSync('sha256', key(), Buffer.alloc(0), 'csc/1 rekey', 32));
    const old = key();
    const sealer = new Sealer(old, RECORDS_PER_KEY - 1);
    const opener = new Opener(key(), RECORDS_PER_KEY - 1);
    const records = [sealer.seal(TYPE.sip, INVITE), sealer.seal(TYPE.sip, INVITE), sealer.seal(TYPE.sip, INVITE)];
    assert.deepEqual(records[0], expected(key(), 2n ** 20n - 1n, INVITE));
    assert.deepEqual(records[1], expected(next, 2n ** 20n, INVITE), 'the number goes on');
    assert.deepEqual(records[2], expected(next, 2n ** 20n + 1n, INVITE));
    assert.deepEqual(old, Buffer.alloc(32), 'the old key is erased');
    for (const record of records) assert.deepEqual(opener.open(read(record)), INVITE);
  });

  it('count beyond 32 bits', () => {
    const seq = 2 ** 32 + 5;
    assert.deepEqual(new Sealer(key(), seq).seal(TYPE.sip, INVITE), expected(key(), BigInt(seq), INVITE));
  });

  it('an end forgets its key', () => {
    const secret = key();
    new Sealer(secret).erase();
    assert.deepEqual(secret, Buffer.alloc(32));
  });
});
