import assert from 'node:assert/strict';
import { constants, createDecipheriv, createHash, hkdfSync, verify } from 'node:crypto';
import { frame, TYPE } from '../../../src/crypto/csc/frames.ts';
import { AUTH, HELLO, MOST_WAITING, READY } from '../../../src/crypto/csc/handshake.ts';
import { FIRST_NONCE, seal } from '../../../src/crypto/csc/record.ts';
import { clientProof, handshakeKeys, LABEL, Transcript } from '../../../src/crypto/csc/schedule.ts';
import { ephemeralFrom } from '../../../src/crypto/csc/ephemeral.ts';
import { writeExact } from '../../../src/crypto/exact-json.ts';
import { publicHalf } from '../../../src/crypto/private-key.ts';
import { NOW, testKey } from '../../support/keys.ts';
import { Client, EXPORTED, freshOf, INST, knownKeys, phoneSide, Server, shake } from './support.ts';

const LONG = process.env['RINGFENCE_LONG'] === '1';
const gateway = testKey('gateway');
const phone = testKey('phone');
const raw = (kid: string): Buffer => Buffer.from(kid, 'base64url');
const sha256 = (...parts: Uint8Array[]): Buffer => createHash('sha256').update(Buffer.concat(parts)).digest();
const payload = (whole: Buffer): string => whole.subarray(5).toString('latin1');

/** Frames 1 to 5 of a handshake that held. */
function frames(): readonly [Buffer, Buffer, Buffer, Buffer, Buffer] {
  const { client, server } = shake();
  assert.deepEqual([client.reason, server.reason], ['established', 'established']);
  const [one, four] = client.sent;
  const [two, three, five] = server.sent;
  return [one!, two!, three!, four!, five!];
}

describe('the CSC handshake', () => {
  it('holds, and both have the same keys', () => {
    const { client, server } = shake();
    assert.ok(client.end?.kind === 'established' && server.end?.kind === 'established');
    assert.deepEqual([server.end.account, server.end.kid], ['1004', phone.kid]);
    assert.equal(server.end.inst, INST.toString('base64url'));
    assert.equal(client.end.now, NOW);
    const record = client.end.sealer.seal(TYPE.sip, Buffer.from('hello'));
    server.end.reader.push(record);
    const read = server.end.reader.next(() => true, { least: 1, most: 100 });
    assert.ok(read !== null && !('ok' in read));
    assert.equal(server.end.opener.open(read)?.toString(), 'hello');
  });

  it('is byte by byte what docs/csc.md says', () => {
    const [one, two, three, four, five] = frames();
    const client = freshOf('client');
    const serverSide = freshOf('server');
    const b64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64url');
    const hello = (epk: Uint8Array, rnd: Uint8Array): string =>
      `{"v":1,"gw":"${gateway.kid}","epk":"${b64(epk)}","rnd":"${b64(rnd)}"}`;
    assert.equal(payload(one), hello(client.ephemeral.epk, client.rnd));
    assert.equal(payload(two), hello(serverSide.ephemeral.epk, serverSide.rnd));
    assert.deepEqual([one[0], two[0], three[0], four[0], five[0]], [1, 2, 3, 4, 5]);
    for (const one_ of [one, two, three, four, five]) assert.equal(one_.readUInt32BE(1), one_.length - 5);
    const sigS = /^\{"sig":"([\w-]{342})"\}$/.exec(payload(three))?.[1] ?? '';
    const zero = Buffer.of(0);
    const said = Buffer.concat([Buffer.from('csc/1 server'), zero, sha256(one, two), EXPORTED, raw(gateway.kid)]);
    const pss = { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: 32 };
    const spki = (der: Uint8Array) => ({ key: Buffer.from(der), format: 'der', type: 'spki', ...pss }) as const;
    assert.ok(verify('sha256', said, spki(gateway.spki), Buffer.from(sigS, 'base64url')));
    const shared = client.ephemeral.agree(serverSide.ephemeral.epk)!;
    const keyOf = (info: string, ikm: Buffer, salt: Buffer) => Buffer.from(hkdfSync('sha256', ikm, salt, info, 32));
    const opened = (key: Buffer, whole: Buffer): string => {
      const decipher = createDecipheriv('chacha20-poly1305', key, Buffer.alloc(12), { authTagLength: 16 });
      decipher.setAAD(whole.subarray(0, 5), { plaintextLength: whole.length - 21 });
      decipher.setAuthTag(whole.subarray(-16));
      const plain = decipher.update(whole.subarray(5, -16)).toString('latin1');
      decipher.final();
      return plain;
    };
    const h3 = sha256(one, two, three);
    const auth = opened(keyOf('csc/1 hs c2s', shared, h3), four);
    const found = /^\{"id":"1004","kid":"([\w-]{43})","inst":"([\w-]{22})","sig":"([\w-]{342})"\}$/.exec(auth);
    assert.deepEqual([found?.[1], found?.[2]], [phone.kid, b64(INST)]);
    const claimed = [Buffer.from('csc/1 client'), zero, h3, EXPORTED, raw(gateway.kid), raw(phone.kid), INST, Buffer.from('1004')]; // prettier-ignore
    assert.ok(verify('sha256', Buffer.concat(claimed), spki(phone.spki), Buffer.from(found?.[3] ?? '', 'base64url')));
    const ready = opened(keyOf('csc/1 hs s2c', shared, h3), five);
    const wrap = new RegExp(`^\\{"wrap":"([\\w-]{342})","now":${NOW}\\}$`).exec(ready)?.[1] ?? '';
    const s1 = phone.decryptOaep(Buffer.from(wrap, 'base64url'), Buffer.from('csc/1 s1'));
    assert.deepEqual(Buffer.from(s1 ?? ''), serverSide.s1);
    const h5 = sha256(one, two, three, four, five);
    const key = keyOf('csc/1 c2s', Buffer.concat([shared, serverSide.s1]), h5);
    const { client: again, server } = shakeWith(five);
    assert.deepEqual(again.sealer.seal(TYPE.sip, Buffer.from('x')), seal(key, FIRST_NONCE, TYPE.sip, Buffer.from('x')));
    assert.equal(server, 'established');
  });

  /** The client with frame 5 as it was (its wrapping is random). */
  function shakeWith(five: Buffer) {
    const client = new Client();
    const server = new Server();
    server.receive(client.sent[0]!);
    client.receive(server.sent[0]!).receive(server.sent[1]!);
    server.receive(client.sent[1]!);
    client.receive(five);
    assert.ok(client.end?.kind === 'established');
    return { client: client.end, server: server.reason };
  }

  it('does not mind how the bytes arrive: split anywhere, byte by byte, with the signature early or late', () => {
    const [one, two, three, four, five] = frames();
    const toClient = Buffer.concat([two, three, five]);
    const wanted = new Client().receive(toClient);
    assert.ok(wanted.end?.kind === 'established');
    const record = wanted.end.sealer.seal(TYPE.ping, Buffer.alloc(8));
    // everywhere around the ends of frames and headers; each byte between them with RINGFENCE_LONG
    const splits = (parts: readonly Buffer[]): Buffer[][] => {
      const stream = Buffer.concat(parts);
      let end = 0;
      const edges = parts.flatMap((part) => [end, end + 5, (end += part.length)]);
      const near = (at: number): boolean => edges.some((edge) => Math.abs(edge - at) <= 1);
      const cuts = Array.from(stream, (_, at) => at).filter((at) => LONG || near(at) || at % 41 === 0);
      return [
        ...cuts.map((at) => [stream.subarray(0, at), stream.subarray(at)]),
        ...[1, 2, 3, 7, 64].map((size) =>
          Array.from({ length: Math.ceil(stream.length / size) }, (_, i) => stream.subarray(i * size, (i + 1) * size)),
        ),
      ];
    };
    for (const pieces of splits([two, three, five])) {
      const client = new Client();
      for (const piece of pieces) client.receive(Buffer.from(piece));
      assert.ok(client.end?.kind === 'established', client.reason);
      assert.deepEqual(client.sent, wanted.sent);
      assert.deepEqual(client.end.sealer.seal(TYPE.ping, Buffer.alloc(8)), record);
    }
    for (const pieces of splits([one, four]))
      for (const late of [false, true]) {
        const server = new Server();
        server.held = late ? [] : null;
        for (const piece of pieces) server.receive(Buffer.from(piece));
        for (const answer of server.held ?? []) answer();
        assert.equal(server.reason, 'established');
        assert.deepEqual(server.sent.slice(0, 2), [two, three]);
      }
  }).timeout(120_000);

  it('bytes behind the last frame are the first of the session', () => {
    const [one, , , four] = frames();
    const server = new Server().receive(Buffer.concat([one, four, Buffer.from('rest')]));
    assert.ok(server.end?.kind === 'established');
    assert.equal(server.end.reader.pending, 4);
  });

  // what a stranger may say first
  const good = { v: 1, gw: raw(gateway.kid), epk: freshOf('client').ephemeral.epk, rnd: freshOf('client').rnd };
  const hello = (more: Partial<typeof good> = {}): Buffer => frame(TYPE.clientHello, writeExact(HELLO, { ...good, ...more })); // prettier-ignore
  const text = (change: (json: string) => string): Buffer =>
    frame(TYPE.clientHello, Buffer.from(change(payload(hello())), 'latin1'));
  // points of small order on Curve25519 (RFC 7748, section 6.1; https://cr.yp.to/ecdh.html, "How do I validate…")
  const SMALL_ORDER = ['00'.repeat(32), `01${'00'.repeat(31)}`, 'e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800', '5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157', `ec${'ff'.repeat(30)}7f`, `ed${'ff'.repeat(30)}7f`, `ee${'ff'.repeat(30)}7f`]; // prettier-ignore
  const swap = (json: string): string => json.replace(/("gw":"[^"]*"),("epk":"[^"]*")/, '$2,$1');
  for (const [sentence, bytes, reason] of [
    ['another version', text((json) => json.replace('"v":1', '"v":2')), 'version'],
    ['another gateway', hello({ gw: raw(phone.kid) }), 'gateway'],
    ...SMALL_ORDER.map((hex) => [`a point of small order, ${hex.slice(0, 4)}…`, hello({ epk: Buffer.from(hex, 'hex') }), 'weak-key'] as const), // prettier-ignore
    ['keys in another order', text(swap), 'malformed'],
    ['the same key twice, of the right length', text((json) => json.replace(/"rnd":"[^"]*"/, '"gw":"$1"').padEnd(json.length, ' ')), 'malformed'], // prettier-ignore
    ['a blank for a letter', text((json) => json.replace(/.\}$/, ' }')), 'malformed'],
    ['base64url that is not canonical', text((json) => json.replace(/(.)"\}$/, (_, c: string) => `${String.fromCharCode(c.charCodeAt(0) + 1)}"}`)), 'malformed'], // prettier-ignore
    ['text that is no JSON', text((json) => json.replace('"v":1', '"v":"')), 'malformed'],
    ['one byte more', text((json) => `${json} `), 'length'],
    ['one byte less', text((json) => json.slice(0, -1)), 'length'],
    ['nothing in it', frame(TYPE.clientHello, Buffer.alloc(0)), 'length'],
    ['a huge length, of which only the header is sent', Buffer.from('01ffffffff', 'hex'), 'length'],
    ...[0x00, 0x02, 0x03, 0x04, 0x05, 0x10, 0x11, 0x13, 0x1f, 0x21, 0x16, 0x47, 0xff].map((type) => [`a frame of type ${type}`, Buffer.of(type), 'type'] as const), // prettier-ignore
  ] as const)
    it(`a stranger's ${sentence}: no frame, refused (${reason})`, () => {
      const server = new Server().receive(bytes);
      assert.deepEqual([server.reason, server.sent.length], [reason, 0]);
      server.receive(hello());
      assert.deepEqual([server.reason, server.sent.length, server.late], [reason, 0, 0], 'and nothing after that');
    });

  it('more than one chunk before its turn: refused, held no longer', () => {
    const server = new Server();
    server.held = [];
    server.receive(hello()).receive(Buffer.alloc(MOST_WAITING));
    assert.equal(server.reason, undefined);
    assert.equal(server.receive(Buffer.alloc(1)).reason, 'early');
    for (const answer of server.held) answer();
    assert.deepEqual([server.sent.length, server.late], [1, 0]);
  });

  // what may come as frame 4: sealed by whoever sent frame 1
  interface Claim {
    readonly id?: string;
    readonly key?: typeof phone;
    readonly kid?: string;
    readonly inst?: Buffer;
    readonly signer?: typeof phone;
    readonly exporter?: Buffer;
    readonly kidS?: Buffer;
    readonly json?: (json: string) => string;
    readonly type?: number;
    readonly alter?: (whole: Buffer) => Buffer;
    readonly signedId?: string;
  }
  function claim(o: Claim): { server: Server } {
    const server = new Server().receive(hello());
    const [two, three] = server.sent;
    const transcript = new Transcript();
    for (const one of [hello(), two!, three!]) transcript.add(one);
    const h3 = transcript.hash();
    const shared = ephemeralFrom(createHash('sha256').update('client scalar').digest()).agree(freshOf('server').ephemeral.epk)!; // prettier-ignore
    const key = o.key ?? phone;
    const inst = o.inst ?? INST;
    const id = o.id ?? '1004';
    const said = clientProof(h3, o.exporter ?? EXPORTED, o.kidS ?? raw(gateway.kid), raw(o.kid ?? key.kid), inst, o.signedId ?? id); // prettier-ignore
    const sig = (o.signer ?? key).signPss(said);
    const plain = Buffer.from(writeExact({ ...AUTH, inst: inst.length }, { id, kid: raw(o.kid ?? key.kid), inst, sig })).toString('latin1'); // prettier-ignore
    const sealed = seal(handshakeKeys(shared, h3).toServer, FIRST_NONCE, o.type ?? TYPE.auth, Buffer.from(o.json?.(plain) ?? plain, 'latin1')); // prettier-ignore
    server.receive(o.alter?.(sealed) ?? sealed);
    return { server };
  }
  const flip = (at: number) => (whole: Buffer) => {
    const changed = Buffer.from(whole);
    const i = at < 0 ? changed.length + at : at;
    changed[i] = (changed[i] ?? 0) ^ 1;
    return changed;
  };
  const other = testKey('neighbour');
  for (const [sentence, what, reason, who] of [
    ['its own key and name', {}, 'established', '1004'],
    ['a key that nobody knows', { key: testKey('thief') }, 'unknown-key', undefined],
    [
      'a known kid, signed with another key (a stolen password is no key)',
      { signer: testKey('thief') },
      'proof',
      undefined,
    ],
    [
      'a proof made for another TLS connection (somebody in the middle)',
      { exporter: Buffer.alloc(32, 8) },
      'proof',
      undefined,
    ],
    ['a proof made for another gateway', { kidS: raw(other.kid) }, 'proof', undefined],
    ['a name that is not the one that was signed', { signedId: '1005' }, 'proof', undefined],
    ['the name of another account with its own key', { id: '1005' }, 'account', '1004'],
    ['the kid of another account', { kid: other.kid, id: '1005' }, 'proof', undefined],
    ['a revoked key', { key: testKey('lost phone'), id: '1006' }, 'revoked-key', '1006'],
    ['a revoked kid that it does not hold', { kid: testKey('lost phone').kid, id: '1006' }, 'proof', undefined],
    ['an expired key', { key: testKey('old phone'), id: '1007' }, 'expired-key', '1007'],
    ['an instance of 15 bytes', { inst: INST.subarray(1) }, 'malformed', undefined],
    ['a name with a blank', { id: '10 04' }, 'malformed', undefined],
    ['an empty name', { id: '' }, 'malformed', undefined],
    ['a field more', { json: (json: string) => json.replace('}', ',"x":1}') }, 'malformed', undefined],
    ['the name twice', { json: (json: string) => json.replace('{', '{"id":"1004",') }, 'malformed', undefined],
    ['the name escaped', { json: (json: string) => json.replace('1004', '\\u0031004') }, 'malformed', undefined],
    ['no JSON', { json: () => 'hello' }, 'malformed', undefined],
    [
      'another type inside the seal',
      { type: TYPE.ready, alter: (whole: Buffer) => Buffer.concat([Buffer.of(4), whole.subarray(1)]) },
      'tag',
      undefined,
    ],
    ['a changed ciphertext', { alter: flip(20) }, 'tag', undefined],
    ['a changed tag', { alter: flip(-1) }, 'tag', undefined],
    [
      'a changed length',
      { alter: (whole: Buffer) => Buffer.concat([flip(4)(whole), Buffer.alloc(300)]) },
      'tag',
      undefined,
    ],
    ['a length of 16,385', { alter: () => Buffer.from('0400004001', 'hex') }, 'length', undefined],
    ['a record', { alter: () => Buffer.of(0x10) }, 'type', undefined],
    ['a second hello', { alter: () => hello() }, 'type', undefined],
  ] as const satisfies readonly (readonly [string, Claim, string, string | undefined])[])
    // prettier-ignore
    it(`who has had the gateway's proof and shows ${sentence}: ${reason}`, () => {
      const { server } = claim(what);
      assert.equal(server.reason, reason);
      assert.equal(server.sent.length, reason === 'established' ? 3 : 2, 'a stranger gets frames 2 and 3 and nothing else');
      if (server.end?.kind === 'refused') assert.equal(server.end.account, who);
    });

  it('an unknown key is verified against a decoy: the work is the same', () => {
    let verified = 0;
    const keys = knownKeys();
    const { decoy } = keys;
    const counted = {
      ...decoy,
      verifyPss: (data: Uint8Array, signature: Uint8Array) => {
        verified++;
        return decoy.verifyPss(data, signature);
      },
    };
    Object.assign(keys, { decoy: counted });
    const { server } = shake(new Client(phoneSide({ key: testKey('thief') })), new Server(keys));
    assert.deepEqual([server.reason, verified], ['unknown-key', 1]);
  });

  // what a gateway, or somebody in its place, may say
  const seen = (): { client: Client; two: Buffer; three: Buffer } => {
    const client = new Client();
    const server = new Server().receive(client.sent[0]!);
    return { client, two: server.sent[0]!, three: server.sent[1]! };
  };
  const helloOf = (more: object): Buffer => {
    const fresh = freshOf('server');
    return frame(TYPE.serverHello, writeExact(HELLO, { v: 1, gw: raw(gateway.kid), epk: fresh.ephemeral.epk, rnd: fresh.rnd, ...more })); // prettier-ignore
  };
  const answered = (made: (seen: ReturnType<typeof five>) => Buffer): Client => {
    const parts = five();
    parts.client.receive(made(parts));
    return parts.client;
  };
  function five() {
    const { client, two, three } = seen();
    client.receive(two).receive(three);
    const transcript = new Transcript();
    for (const one of [client.sent[0]!, two, three]) transcript.add(one);
    const shared = freshOf('client').ephemeral.agree(freshOf('server').ephemeral.epk)!;
    const keys = handshakeKeys(shared, transcript.hash());
    const wrap = (s1: Buffer, label: string) => publicHalf(phone).encryptOaep(s1, Buffer.from(label));
    const sealed = (plain: Uint8Array, type: number = TYPE.ready) => seal(keys.toClient, FIRST_NONCE, type, plain);
    return { client, wrap, sealed };
  }
  const s1 = freshOf('server').s1;
  for (const [sentence, run, reason] of [
    ['another gateway’s hello', () => seen().client.receive(helloOf({ gw: raw(phone.kid) })), 'gateway'],
    ['another version', () => seen().client.receive(helloOf({ v: 2 })), 'version'],
    ['a point of small order', () => seen().client.receive(helloOf({ epk: Buffer.alloc(32) })), 'weak-key'],
    ['a proof before a hello', () => seen().client.receive(seen().three), 'type'],
    [
      'a proof of another key',
      () => {
        const { client, two } = seen();
        return client
          .receive(two)
          .receive(
            frame(
              TYPE.proof,
              Buffer.from(`{"sig":"${Buffer.from(other.signPss(Buffer.of(1))).toString('base64url')}"}`),
            ),
          );
      },
      'proof',
    ],
    [
      'a proof over another connection',
      () => {
        const client = new Client(phoneSide(), freshOf('client'), Buffer.alloc(32, 9));
        const server = new Server().receive(client.sent[0]!);
        return client.receive(Buffer.concat(server.sent));
      },
      'proof',
    ],
    [
      'a proof for another hello',
      () => {
        const { client, three } = seen();
        return client.receive(helloOf({ rnd: Buffer.alloc(32) })).receive(three);
      },
      'proof',
    ],
    [
      'a proof that is no JSON',
      () => {
        const { client, two } = seen();
        return client.receive(two).receive(frame(TYPE.proof, Buffer.from('x')));
      },
      'malformed',
    ],
    [
      'an answer that is right',
      () => answered(({ wrap, sealed }) => sealed(writeExact(READY, { wrap: wrap(s1, LABEL.secret), now: NOW }))),
      'established',
    ],
    ['an answer that is not sealed', () => answered(() => frame(TYPE.ready, Buffer.alloc(64))), 'tag'],
    [
      'a secret with another label',
      () => answered(({ wrap, sealed }) => sealed(writeExact(READY, { wrap: wrap(s1, 'csc/1 s2'), now: NOW }))),
      'secret',
    ],
    [
      'a secret of 31 bytes',
      () =>
        answered(({ wrap, sealed }) =>
          sealed(writeExact(READY, { wrap: wrap(s1.subarray(1), LABEL.secret), now: NOW })),
        ),
      'secret',
    ],
    [
      'no time',
      () =>
        answered(({ wrap, sealed }) =>
          sealed(Buffer.from(`{"wrap":"${Buffer.from(wrap(s1, LABEL.secret)).toString('base64url')}","now":-1}`)),
        ),
      'malformed',
    ],
    ['a record', () => answered(() => Buffer.of(0x10)), 'type'],
  ] as const)
    // prettier-ignore
    it(`a client that gets ${sentence}: ${reason}, and names nobody to a stranger`, () => {
      const client = run();
      assert.equal(client.reason, reason);
      const early = ['gateway', 'version', 'weak-key', 'proof'].includes(reason) || sentence.includes('proof');
      assert.equal(client.sent.length, early ? 1 : 2);
      client.receive(Buffer.alloc(100));
      assert.equal(client.late, 0);
    });

  it('agrees on what RFC 7748, section 5.2 says; what is no half is none', () => {
    const hex = (text: string): Buffer => Buffer.from(text, 'hex');
    const half = ephemeralFrom(hex('a546e36bf0527c9d3b16154b82465edd62144c0ac1fc5a18506a2244ba449ac4'));
    const shared = half.agree(hex('e6db6867583030db3594c1a424b15f7c726624ec26b3353b10a903a6d0ab1c4c'));
    assert.equal(shared?.toString('hex'), 'c3da55379de9c6908e94ea4df28d084f32eccf03491c71f754b4075577a28552');
    assert.equal(half.agree(Buffer.alloc(31)), null);
  });
});
