/**
 * Mutated handshakes, records and boxes: nothing throws, nothing hangs, memory stays, and nothing is believed that the real
 * key has not said. 3,000 inputs, 1,000,000 with RINGFENCE_LONG=1; RINGFENCE_SEED repeats a run that failed.
 */
import assert from 'node:assert/strict';
import { openBox, sealBox } from '../../src/crypto/csc/box.ts';
import { Channel, type ChannelStep } from '../../src/crypto/csc/channel.ts';
import { ClientHandshake, type ClientStep } from '../../src/crypto/csc/client.ts';
import { frame, FrameReader, HANDSHAKE_BOUNDS, TYPE, type Frame } from '../../src/crypto/csc/frames.ts';
import { MOST_WAITING, type Fresh } from '../../src/crypto/csc/handshake.ts';
import { FIRST_NONCE, open, Opener, seal, Sealer } from '../../src/crypto/csc/record.ts';
import { handshakeKeys, Transcript } from '../../src/crypto/csc/schedule.ts';
import { ServerHandshake, type ServerStep } from '../../src/crypto/csc/server.ts';
import { publicHalf } from '../../src/crypto/private-key.ts';
import { EXPORTED, freshOf, knownKeys, phoneSide, shake, signedOnce, Client, Server } from '../crypto/csc/support.ts';
import { cpuTime } from '../support/cpu-time.ts';
import { NOW, testKey } from '../support/keys.ts';
import { mutated, randomFrom, type Random } from './mutations.ts';

const RUNS = process.env['RINGFENCE_LONG'] === '1' ? 1_000_000 : 3_000;
const SEED = Number(process.env['RINGFENCE_SEED'] ?? 20261129);
const LONGEST = 50;
const MOST_GROWTH = 64 << 20;

/** Pieces of any sizes. */
function* pieces(stream: Buffer, random: Random): Generator<Buffer> {
  for (let at = 0; at < stream.length;) {
    const length = random(3) === 0 ? stream.length : 1 + random(200);
    yield Buffer.from(stream.subarray(at, at + length));
    at += length;
  }
}

describe('hostile CSC', () => {
  const keys = knownKeys();
  const phone = testKey('phone');
  const gateway = testKey('gateway');
  // the machines erase their secrets, so each run gets its own copy; the key agreement's half stays
  const copies = (name: string): (() => Fresh) => {
    const { ephemeral, rnd, s1 } = freshOf(name);
    return () => ({ ephemeral, rnd, s1: Buffer.from(s1) });
  };
  const freshServer = copies('server');
  const freshClient = copies('client');

  let first: Buffer, hello: Buffer, proof: Buffer, auth: Buffer, ready: Buffer;
  let authPlain: Buffer, readyPlain: Buffer, wrapped: string;
  let hs: ReturnType<typeof handshakeKeys>;
  before(() => {
    const { client, server } = shake(new Client(), new Server());
    [first, auth] = client.sent as [Buffer, Buffer];
    [hello, proof, ready] = server.sent as [Buffer, Buffer, Buffer];
    const transcript = new Transcript();
    for (const one of [first, hello, proof]) transcript.add(one);
    hs = handshakeKeys(freshClient().ephemeral.agree(freshServer().ephemeral.epk)!, transcript.hash());
    const parts = (whole: Buffer): Frame => ({
      type: 0,
      header: whole.subarray(0, 5),
      payload: whole.subarray(5),
      whole,
    });
    authPlain = open(hs.toServer, FIRST_NONCE, parts(auth))!;
    readyPlain = open(hs.toClient, FIRST_NONCE, parts(ready))!;
    wrapped = (JSON.parse(readyPlain.toString()) as { wrap: string }).wrap;
  });

  /** What comes as a gateway's frames from a client. @returns how it ended */
  function toServer(stream: Buffer, random: Random): ServerStep | null {
    const server = new ServerHandshake(EXPORTED, keys, freshServer());
    let end: ServerStep | null = null;
    let sent = 0;
    const run = (steps: readonly ServerStep[]): void => {
      for (const step of steps) {
        assert.equal(end, null, 'a step after the end');
        if (step.kind === 'send') sent++;
        // a signature is bytes to this side; the real one belongs to the real first frame
        else if (step.kind === 'sign') run(server.signed(signedOnce(gateway, said), NOW));
        else end = step;
      }
    };
    const said = Buffer.from('any');
    for (const piece of pieces(stream, random)) run(server.receive(piece, NOW));
    assert.ok(sent <= 3);
    return end;
  }

  function toClient(stream: Buffer, random: Random): ClientStep | null {
    const client = new ClientHandshake(EXPORTED, phoneSide(), freshClient());
    let end: ClientStep | null = null;
    const run = (steps: readonly ClientStep[]): void => {
      for (const step of steps) {
        assert.equal(end, null, 'a step after the end');
        if (step.kind === 'sign') run(client.signed(signedOnce(phone, step.data)));
        else if (step.kind === 'unwrap') run(client.unwrapped(phone.decryptOaep(step.wrapped, step.label)));
        else if (step.kind !== 'send') end = step;
      }
    };
    run(client.start());
    for (const piece of pieces(stream, random)) run(client.receive(piece));
    return end;
  }

  // the server's frame 3 of these runs is another than the recorded one (above), so nobody can be established by accident
  const kinds: Record<string, (random: Random) => void> = {
    'first frame': (random) => {
      const end = toServer(mutated([first, Buffer.concat([first, auth])], random), random);
      assert.notEqual(end?.kind, 'established');
    },
    'a gateway’s frames': (random) => {
      const stream = mutated([hello, Buffer.concat([hello, proof]), Buffer.concat([hello, proof, ready])], random);
      const end = toClient(stream, random);
      const whole = Buffer.concat([hello, proof, ready]);
      if (end?.kind === 'established')
        assert.ok(stream.subarray(0, whole.length).equals(whole), 'believed what was not said');
    },
    'what frame 4 seals': (random) => {
      const server = new Server(keys, freshServer());
      server.receive(first);
      const plain = mutated([authPlain], random).subarray(0, HANDSHAKE_BOUNDS.most - 16);
      server.receive(seal(hs.toServer, FIRST_NONCE, TYPE.auth, plain));
      if (!plain.equals(authPlain)) assert.equal(server.end?.kind, 'refused');
    },
    'what frame 5 seals': (random) => {
      const plain = mutated([readyPlain], random).subarray(0, HANDSHAKE_BOUNDS.most - 16);
      const sealed = seal(hs.toClient, FIRST_NONCE, TYPE.ready, plain);
      const end = toClient(Buffer.concat([hello, proof, sealed]), random);
      // its time is anybody's who has the keys to say; the secret is not
      if (end?.kind === 'established') assert.ok(plain.includes(wrapped));
    },
    records: (random) => channel(random, false),
    'what records hold': (random) => channel(random, true),
  };

  const key = (byte: number): Buffer => Buffer.alloc(32, byte);
  const MESSAGE = Buffer.from('MESSAGE sip:2000@example.com SIP/2.0\r\nContent-Length: 0\r\n\r\n');
  const PLAIN: readonly [number, Buffer][] = [
    [TYPE.ping, Buffer.alloc(8)],
    [TYPE.sip, MESSAGE],
    [TYPE.keyRequest, Buffer.from('{"of":"gateway"}')],
    [TYPE.sip, Buffer.alloc(900, 'x')],
    [TYPE.close, Buffer.alloc(0)],
  ];
  const TYPES = [...Object.values(TYPE), 0, 0x20, 0xff];

  function channel(random: Random, sealed: boolean): void {
    const sealer = new Sealer(key(1));
    const records = PLAIN.map(([type, plain]) =>
      sealed && random(2) === 0
        ? sealer.seal(random(3) === 0 ? TYPES[random(TYPES.length)]! : type, mutated(PLAIN.map(([, one]) => one), random))
        : sealer.seal(type, plain),
    ); // prettier-ignore
    const whole = Buffer.concat(records);
    const stream = sealed ? whole : mutated([whole, ...records], random);
    const ends = { kind: 'established', sealer: new Sealer(key(2)), opener: new Opener(key(1)), reader: new FrameReader() } as const; // prettier-ignore
    const side = new Channel('gateway', ends, NOW);
    const steps: ChannelStep[] = [];
    for (const piece of pieces(stream, random)) {
      steps.push(...side.receive(piece));
      assert.ok(ends.reader.pending <= 65_557 + piece.length);
    }
    const over = steps.findIndex(({ kind }) => kind === 'over');
    assert.ok(over < 0 || over === steps.length - 1, 'a step after the end');
    const taken = steps.flatMap((step) => (step.kind === 'sip' ? [step.bytes.toString('latin1')] : []));
    const sent = PLAIN.flatMap(([type, plain]) => (type === TYPE.sip ? [plain.toString('latin1')] : []));
    if (!sealed) assert.deepEqual(taken, sent.slice(0, taken.length), 'a message that nobody sent');
  }

  it(`${RUNS.toLocaleString('en-US')} mutated handshakes and records`, function () {
    this.timeout(RUNS * 5 + 20_000);
    const random = randomFrom(SEED);
    const names = Object.keys(kinds);
    let middle = 0;
    let slowest = 0;
    for (let run = 0; run < RUNS; run++) {
      const name = names[run % names.length]!;
      const began = cpuTime();
      try {
        kinds[name]!(random);
      } catch (error) {
        throw new Error(`RINGFENCE_SEED=${SEED}, run ${run} (${name})`, { cause: error });
      }
      slowest = Math.max(slowest, cpuTime() - began);
      if (run === Math.floor(RUNS / 2)) middle = process.memoryUsage().heapUsed;
    }
    const growth = process.memoryUsage().heapUsed - middle;
    assert.ok(growth < MOST_GROWTH, `the heap grew by ${growth} bytes`);
    assert.ok(slowest < 20 * LONGEST, `${slowest} ms`);
    console.log(`      slowest ${slowest.toFixed(1)} ms, heap +${Math.round(growth / 1024)} KiB in the second half`);
  });

  it('a stranger who never ends is held to one chunk', () => {
    const server = new Server(keys, freshServer());
    server.held = [];
    server.receive(first);
    for (let i = 0; i < 100 && server.end === null; i++) server.receive(Buffer.alloc(MOST_WAITING / 8));
    assert.equal(server.reason, 'early');
  });

  it('mutated boxes are opened by nobody', async () => {
    const random = randomFrom(SEED);
    const contents = {
      to: 'sip:1@a.de',
      from: 'sip:1004@a.de',
      bind: Buffer.alloc(32),
      at: NOW,
      nonce: Buffer.alloc(16),
    };
    const box = await sealBox('callee', contents, publicHalf(gateway), phone);
    for (let run = 0; run < RUNS / 20; run++) {
      const bytes = random(2) === 0 ? mutated([Buffer.from(box)], random).toString('latin1') : mutated([Buffer.from(box, 'base64url')], random).toString('base64url'); // prettier-ignore
      if (bytes === box) continue;
      assert.equal((await openBox('callee', bytes, [gateway], [publicHalf(phone)])).ok, false);
    }
  }).timeout(RUNS + 20_000);

  it('frames of any header', () => {
    const random = randomFrom(SEED);
    for (let run = 0; run < 2_000; run++) {
      const reader = new FrameReader();
      reader.push(frame(random(256), Buffer.alloc(random(40))));
      reader.next(() => random(2) === 0, HANDSHAKE_BOUNDS);
      assert.ok(reader.pending <= 45);
    }
  });
});
