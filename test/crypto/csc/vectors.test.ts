/** The vectors of docs/csc.md, which test/vectors/csc/csc1.py makes: a second implementation in another language. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { bindOf, openBox, sealBox, type BoxKind } from '../../../src/crypto/csc/box.ts';
import { ClientHandshake, type ClientStep } from '../../../src/crypto/csc/client.ts';
import { ephemeralFrom } from '../../../src/crypto/csc/ephemeral.ts';
import { FrameReader, RECORD_BOUNDS } from '../../../src/crypto/csc/frames.ts';
import { Opener, Sealer } from '../../../src/crypto/csc/record.ts';
import { handshakeKeys, sessionKeys } from '../../../src/crypto/csc/schedule.ts';
import { ServerHandshake, type ServerStep } from '../../../src/crypto/csc/server.ts';
import { enrolmentAnswer, enrolmentRequest, readEnrolmentAnswer } from '../../../src/crypto/enrolment.ts';
import type { PrivateKeyHandle } from '../../../src/crypto/private-key.ts';
import type { PublicKey } from '../../../src/crypto/public-key.ts';
import { TestKeys } from '../../support/csc.ts';
import { value } from '../../support/keys.ts';

interface Vectors {
  readonly handshake: Readonly<Record<string, string>> & { readonly frames: readonly string[]; readonly now: number };
  readonly records: {
    readonly key: string;
    readonly first: readonly { readonly seq: number; readonly type: number; readonly plain: string; readonly record: string }[]; // prettier-ignore
    readonly rekeyed: readonly { readonly seq: number; readonly key: string; readonly record: string }[];
  };
  readonly boxes: {
    readonly recipientKid: string;
    readonly senderKid: string;
    readonly boxes: readonly (Readonly<Record<string, string>> & { readonly kind: BoxKind; readonly cseq: number })[];
  };
  readonly enrolment: Readonly<Record<string, string>> & { readonly chain: readonly string[] };
}

const file = join(import.meta.dirname, '../../vectors/csc/vectors.json');
const vectors = JSON.parse(readFileSync(file, 'utf8')) as Vectors;
const hex = (text: string | undefined): Buffer => Buffer.from(text ?? '', 'hex');
const kidText = (text: string | undefined): string => hex(text).toString('base64url');

/** RSA is random: in the vectors its results are given, and what it is asked is checked. */
function fixedKey(
  kid: string,
  signs: string,
  signature: string,
  wrapped: string,
  secret: string,
): PrivateKeyHandle & PublicKey {
  // prettier-ignore
  const sign = (data: Uint8Array): Uint8Array => {
    assert.equal(Buffer.from(data).toString('hex'), signs);
    return hex(signature);
  };
  const decrypt = (ciphertext: Uint8Array): Uint8Array => {
    assert.equal(Buffer.from(ciphertext).toString('hex'), wrapped);
    return hex(secret);
  };
  const never = (): never => assert.fail('not asked here');
  return {
    kid: kidText(kid),
    bits: 2048,
    spki: new Uint8Array(0),
    signPss: sign,
    signPssAsync: (data) => Promise.resolve(sign(data)),
    signPkcs1: never,
    signPkcs1Async: never,
    decryptOaep: decrypt,
    decryptOaepAsync: (ciphertext) => Promise.resolve(decrypt(ciphertext)),
    verifyPss: (data, given) => {
      assert.equal(Buffer.from(data).toString('hex'), signs);
      return hex(signature).equals(given);
    },
    verifyPkcs1: never,
    encryptOaep: (plain) => {
      assert.equal(Buffer.from(plain).toString('hex'), secret);
      return hex(wrapped);
    },
  };
}

describe('CSC/1 vectors', () => {
  const h = vectors.handshake;
  const frames = h.frames.map(hex);
  const [one, two, three, four, five] = frames as [Buffer, Buffer, Buffer, Buffer, Buffer];
  const gateway = fixedKey(h['gatewayKid']!, h['serverSigns']!, h['serverSignature']!, '', '');
  const phone = fixedKey(h['clientKid']!, h['clientSigns']!, h['clientSignature']!, h['wrap']!, h['s1']!);
  const ping = (end: ClientStep | ServerStep | undefined, key: string | undefined): void => {
    assert.ok(end?.kind === 'established');
    assert.deepEqual(end.sealer.seal(0x13, Buffer.alloc(8)), new Sealer(hex(key)).seal(0x13, Buffer.alloc(8)));
  };
  const pieces = (bytes: Buffer, size: number): Buffer[] =>
    Array.from({ length: Math.ceil(bytes.length / size) }, (_, i) => bytes.subarray(i * size, (i + 1) * size));

  it('keys', () => {
    const shared = ephemeralFrom(hex(h['clientScalar'])).agree(ephemeralFrom(hex(h['serverScalar'])).epk)!;
    assert.equal(shared.toString('hex'), h['shared']);
    const hs = handshakeKeys(shared, hex(h['h3']));
    const session = sessionKeys(shared, hex(h['s1']), hex(h['h5']));
    assert.deepEqual(
      [hs.toServer, hs.toClient, session.toServer, session.toClient].map((key) => key.toString('hex')),
      [h['hsToServer'], h['hsToClient'], h['toServer'], h['toClient']],
    );
  });

  for (const size of [100_000, 1, 13])
    it(`the client's side, ${size === 1 ? 'byte by byte' : `${size} bytes at a time`}`, () => {
      const fresh = {
        ephemeral: ephemeralFrom(hex(h['clientScalar'])),
        rnd: hex(h['clientRnd']),
        s1: Buffer.alloc(32),
      };
      const side = { gateway, key: phone, account: h['id']!, inst: hex(h['inst']) };
      const client = new ClientHandshake(hex(h['exporter']), side, fresh);
      const sent: Buffer[] = [];
      let end: ClientStep | undefined;
      const run = (steps: readonly ClientStep[]): void => {
        for (const step of steps)
          if (step.kind === 'send') sent.push(step.bytes);
          else if (step.kind === 'sign') run(client.signed(step.key.signPss(step.data)));
          else if (step.kind === 'unwrap') run(client.unwrapped(step.key.decryptOaep(step.wrapped, step.label)));
          else end = step;
      };
      run(client.start());
      for (const piece of pieces(Buffer.concat([two, three, five]), size)) run(client.receive(piece));
      assert.deepEqual(sent, [one, four]);
      assert.ok(end?.kind === 'established' && end.now === h.now);
      ping(end, h['toServer']);
    });

  for (const size of [100_000, 1, 13])
    it(`the gateway's side, ${size === 1 ? 'byte by byte' : `${size} bytes at a time`}`, () => {
      const keys = new TestKeys();
      Object.assign(keys, { own: () => gateway });
      keys.accounts.set(phone.kid, { account: '1004', key: phone, state: 'good' });
      const fresh = { ephemeral: ephemeralFrom(hex(h['serverScalar'])), rnd: hex(h['serverRnd']), s1: hex(h['s1']) };
      const server = new ServerHandshake(hex(h['exporter']), keys, fresh);
      const sent: Buffer[] = [];
      let end: ServerStep | undefined;
      const run = (steps: readonly ServerStep[]): void => {
        for (const step of steps)
          if (step.kind === 'send') sent.push(step.bytes);
          else if (step.kind === 'sign') run(server.signed(step.key.signPss(step.data), h.now));
          else end = step;
      };
      for (const piece of pieces(Buffer.concat([one, four]), size)) run(server.receive(piece, h.now));
      assert.deepEqual(sent, [two, three, five]);
      assert.ok(end?.kind === 'established');
      assert.deepEqual([end.account, end.inst], ['1004', kidText(h['inst'])]);
      ping(end, h['toClient']);
    });

  it('records, from the first on and where the key changes', () => {
    const { key, first, rekeyed } = vectors.records;
    const sealer = new Sealer(hex(key));
    const opener = new Opener(hex(key));
    const reader = new FrameReader();
    reader.push(Buffer.concat(first.map(({ record }) => hex(record))));
    for (const { type, plain, record } of first) {
      assert.equal(sealer.seal(type, hex(plain)).toString('hex'), record);
      const read = reader.next(() => true, RECORD_BOUNDS);
      assert.ok(read !== null && !('ok' in read));
      assert.equal(opener.open(read)?.toString('hex'), plain);
    }
    const message = hex(first[1]?.plain);
    // a key that is taken up at the last record before a change goes over to the next by itself
    for (const [before, after] of [rekeyed.slice(0, 2), rekeyed.slice(2)]) {
      const running = new Sealer(hex(before?.key), before?.seq);
      assert.equal(running.seal(0x10, message).toString('hex'), before?.record);
      assert.equal(running.seal(0x10, message).toString('hex'), after?.record);
    }
  });

  for (const box of vectors.boxes.boxes)
    it(`a ${box.kind} box`, async () => {
      const { recipientKid, senderKid } = vectors.boxes;
      const signature = hex(box['plain']).subarray(512).toString('hex');
      const recipient = fixedKey(recipientKid, '', '', box['wrapped']!, box['k']!);
      const sender = fixedKey(senderKid, box['signed']!, signature, '', '');
      const bind = bindOf(box['callId']!, box['fromTag']!, box.cseq, hex(box['body']));
      assert.equal(Buffer.from(bind).toString('hex'), box['bind']);
      const opened = value(await openBox(box.kind, box['box']!, [recipient], [sender]));
      assert.equal(Buffer.from(opened.bind).toString('hex'), box['bind']);
      assert.deepEqual([opened.to, opened.from], ['sip:+4930123456@example.com', 'sip:1004@example.com']);
      assert.equal(await sealBox(box.kind, opened, recipient, sender, hex(box['k'])), box['box']);
    });

  it('enrolment', () => {
    const e = vectors.enrolment;
    const [k, exporter] = [hex(e['k']), hex(e['exporter'])];
    const chain = e.chain.map(hex);
    assert.deepEqual(Buffer.from(enrolmentRequest(k, exporter, hex(e['csr']))), hex(e['request']).subarray(5));
    assert.deepEqual(Buffer.from(enrolmentAnswer(k, exporter, chain)), hex(e['answer']).subarray(5));
    const read = value(readEnrolmentAnswer(k, exporter, hex(e['answer']).subarray(5)));
    assert.deepEqual(
      read.map((one) => Buffer.from(one)),
      chain,
    );
  });
});
