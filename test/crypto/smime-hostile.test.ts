/**
 * What strangers can do to a message: cut it anywhere, change any octet. It is refused with the one code, or signer and content are
 * exactly what they were. And what no stranger does: the same message whole, in pieces, octet by octet, written anew, by the program.
 */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { encryptCms } from '../../src/crypto/cms/encrypt.ts';
import { signCms } from '../../src/crypto/cms/sign.ts';
import { derOctets, derValue, octetsOf, readBer, TAG, contentOf, type DerNode } from '../../src/crypto/der.ts';
import { decryptBare, verifyCms } from '../../src/crypto/smime/bare.ts';
import { entityOf, multipart } from '../../src/crypto/smime/mime.ts';
import { openSip, protectSip, type Opened } from '../../src/crypto/smime/sip.ts';
import { editSip } from '../../src/wire/sip-edit.ts';
import { SipFramer } from '../../src/wire/sip-stream.ts';
import { randomFrom, mutated } from '../fuzz/mutations.ts';
import { ringfence } from '../support/cli.ts';
import { openssl } from '../support/openssl.ts';
import { NOW, pemOf, rsaPair, value } from '../support/pki.ts';
import { files, invite, OAEP, scene, SDP } from '../support/smime.ts';
import { temporaryFolder } from '../support/temporary.ts';

const LONG = process.env['RINGFENCE_LONG'] === '1';
/** RFC 4134 section 2.1; its own signatures are of 1998, SHA-1 and DSA, and would be refused. */
const CONTENT = Buffer.from('This is some sample content.');
const opener = () => ({ trust: scene().trust, keyholders: [scene().bob], now: NOW });

/** What a reader makes of a message: who signed it and what it says. */
interface Meaning {
  readonly signers: readonly string[];
  readonly content: Buffer;
}
type Read = (bytes: Buffer) => Opened<Meaning>;

const signersOf = (signers: readonly { certificate: { fingerprint: string } }[]): string[] =>
  signers.map(({ certificate }) => certificate.fingerprint);
const readCms: Read = (bytes) => {
  const read = verifyCms(bytes, opener());
  return read.ok ? { ok: true, value: { signers: signersOf(read.value.signers), content: read.value.content } } : read;
};
const readDetached: Read = (bytes) => {
  const read = verifyCms(bytes, opener(), CONTENT);
  return read.ok ? { ok: true, value: { signers: signersOf(read.value.signers), content: read.value.content } } : read;
};
const readSealed: Read = (bytes) => {
  const read = decryptBare(bytes, { ...opener(), trust: null });
  return read.ok ? { ok: true, value: { signers: [], content: read.value.content } } : read;
};
const readSip: Read = (bytes) => {
  const read = openSip(bytes, opener());
  return read.ok ? { ok: true, value: { signers: signersOf(read.value.signers), content: read.value.body } } : read;
};

interface Vector {
  readonly name: string;
  readonly bytes: () => Buffer;
  readonly read: Read;
  readonly content: Buffer;
  /** octets from one that is changed to the next, in normal mode */
  readonly step: number;
}

const sdp = Buffer.from(SDP);
const signedSip = (detached: boolean, transfer: 'binary' | 'base64'): Buffer =>
  value(protectSip(invite(), { now: NOW, sign: { signers: [scene().alice], detached }, transfer }));
const sealedSip = (cipher: 'aes-256-gcm' | 'aes-256-cbc'): Buffer =>
  value(protectSip(invite(), { now: NOW, sign: { signers: [scene().alice] }, encrypt: { recipients: [scene().bob.certificate], cipher } })); // prettier-ignore

describe('S/MIME under attack', function () {
  this.timeout(LONG ? 1_800_000 : 60_000);
  const folder = temporaryFolder();
  const alice = () => files(folder.path, 'alice', scene().alice, rsaPair(2048, 'alice').pem);
  const bob = () => files(folder.path, 'bob', scene().bob, rsaPair(2048, 'bob').pem);
  const opensslSigned = (): Buffer =>
    openssl(['cms', '-sign', '-binary', '-nodetach', '-stream', '-outform', 'DER', '-signer', alice().cert, '-inkey', alice().key], CONTENT); // prettier-ignore

  /** The parts and headers of the example of RFC 3893 section 3, names ours; where it signs the headers alone, here the SDP is signed with them. */
  function rfc3893(): Buffer {
    const date = 'Sat, 28 Nov 2026 12:00:00 GMT';
    const from = 'Alice <sip:alice@example.com>';
    const to = 'Bob <sip:bob@example.net>';
    const lines = [`From: ${from}`, `To: ${to}`, 'Contact: <sip:alice@pc33.example.com>', `Date: ${date}`, 'Call-ID: a84b4c76e66710', 'CSeq: 314159 INVITE', '']; // prettier-ignore
    const fragment = entityOf([['Content-Type', 'message/sipfrag'], ['Content-Disposition', 'aib; handling=optional']], Buffer.from(lines.join('\r\n'))); // prettier-ignore
    const whole = multipart('multipart/mixed', [
      entityOf([['Content-Type', 'application/sdp']], sdp).raw,
      fragment.raw,
    ]);
    const der = openssl(['cms', '-sign', '-binary', '-outform', 'DER', '-signer', alice().cert, '-inkey', alice().key], whole.raw); // prettier-ignore
    const signature = entityOf([['Content-Type', 'application/pkcs7-signature; name=smime.p7s'], ['Content-Transfer-Encoding', 'base64'], ['Content-Disposition', 'attachment; filename=smime.p7s; handling=required']], Buffer.from(der.toString('base64'))); // prettier-ignore
    const part = multipart('multipart/signed; protocol="application/pkcs7-signature"; micalg=sha-256', [whole.raw, signature.raw]); // prettier-ignore
    return value(editSip(invite({ from, to, callId: 'a84b4c76e66710', more: [`Date: ${date}`] }), { set: part.headers, body: part.body })); // prettier-ignore
  }

  const VECTORS: readonly Vector[] = [
    { name: 'RFC 4134 content, PSS', bytes: () => signCms(CONTENT, { signers: [scene().alice], at: NOW }), read: readCms, content: CONTENT, step: 1 }, // prettier-ignore
    { name: 'RFC 4134 content, v1.5, two signers', bytes: () => signCms(CONTENT, { signers: [scene().alice, scene().bob], signature: 'pkcs1' }), read: readCms, content: CONTENT, step: 5 }, // prettier-ignore
    { name: 'RFC 4134 content, detached', bytes: () => signCms(CONTENT, { signers: [scene().alice], detached: true }), read: readDetached, content: CONTENT, step: 3 }, // prettier-ignore
    { name: 'RFC 4134 content, by openssl, streamed', bytes: opensslSigned, read: readCms, content: CONTENT, step: 3 },
    { name: 'RFC 5083, AES-256-GCM', bytes: () => encryptCms(CONTENT, { recipients: [scene().bob.certificate] }), read: readSealed, content: CONTENT, step: 1 }, // prettier-ignore
    { name: 'RFC 5083 by openssl, streamed', bytes: () => openssl(['cms', '-encrypt', '-binary', '-stream', '-outform', 'DER', '-aes-256-gcm', '-recip', bob().cert, ...OAEP], CONTENT), read: readSealed, content: CONTENT, step: 3 }, // prettier-ignore
    { name: 'RFC 3565, AES-128-CBC around a signature', bytes: () => encryptCms(signCms(CONTENT, { signers: [scene().alice] }), { recipients: [scene().bob.certificate], cipher: 'aes-128-cbc' }), read: readCms, content: CONTENT, step: 7 }, // prettier-ignore
    {
      name: 'SIP, multipart/signed, base64',
      bytes: () => signedSip(true, 'base64'),
      read: readSip,
      content: sdp,
      step: 5,
    },
    { name: 'SIP, signed-data, binary', bytes: () => signedSip(false, 'binary'), read: readSip, content: sdp, step: 5 },
    { name: 'SIP, sealed, AES-256-GCM', bytes: () => sealedSip('aes-256-gcm'), read: readSip, content: sdp, step: 7 },
    { name: 'SIP, sealed, AES-256-CBC', bytes: () => sealedSip('aes-256-cbc'), read: readSip, content: sdp, step: 7 },
    { name: 'RFC 3893, laid out by hand, signed by openssl', bytes: rfc3893, read: readSip, content: sdp, step: 11 },
  ];

  /** Refused with the one code, or the meaning is what it was. */
  function harmless(read: Opened<Meaning>, meaning: Meaning, what: string): boolean {
    if (!read.ok) {
      assert.equal(read.code, 'smime-refused', what);
      return false;
    }
    assert.deepEqual(read.value.signers, meaning.signers, what);
    assert.ok(read.value.content.equals(meaning.content), what);
    return true;
  }

  for (const { name, bytes: make, read, content, step } of VECTORS) {
    describe(name, () => {
      let bytes: Buffer;
      let meaning: Meaning;
      before(() => {
        bytes = make();
        const first = read(bytes);
        assert.ok(first.ok, first.ok ? '' : first.reason);
        meaning = first.value;
      });

      it('whole', () => assert.ok(meaning.content.equals(content)));

      it('cut at every length: refused', () => {
        for (let length = 0; length < bytes.length; length += LONG || length < 400 ? 1 : step)
          assert.equal(read(bytes.subarray(0, length)).ok, false, `${length} octets`);
      });

      it(`${LONG ? 'every bit' : 'octets'} changed: refused, or signer and content are as they were`, () => {
        let refused = 0;
        let tried = 0;
        for (let at = 0; at < bytes.length; at += LONG ? 1 : step)
          for (const bit of LONG ? [0, 1, 2, 3, 4, 5, 6, 7] : [at % 8]) {
            const changed = Buffer.from(bytes);
            changed[at]! ^= 1 << bit;
            tried++;
            if (!harmless(read(changed), meaning, `octet ${at}, bit ${bit}`)) refused++;
          }
        assert.ok(refused > tried / 2, `${refused} of ${tried} refused`);
      });

      it('mutated at random: refused, or signer and content are as they were', () => {
        const random = randomFrom(11);
        for (let i = 0; i < (LONG ? 2_000 : 60); i++) harmless(read(mutated([bytes], random)), meaning, `round ${i}`);
      });

      if (read === readSip)
        for (const size of [1, 7, 1_000])
          it(`in pieces of ${size}, through the framer of a stream`, () => {
            const framer = new SipFramer();
            const out: Buffer[] = [];
            for (let at = 0; at < bytes.length; at += size)
              for (const message of framer.push(bytes.subarray(at, at + size))) out.push(value(message));
            assert.equal(out.length, 1);
            assert.ok(harmless(read(out[0]!), meaning, 'framed'));
          });
      else
        it('written anew in DER: the same meaning, and of what is DER the same octets', () => {
          const node = value(readBer(bytes));
          const again = written(node);
          assert.ok(harmless(read(again), meaning, 'written anew'));
          if (node.der) assert.ok(again.equals(bytes));
        });

      it('by the program', async () => {
        const file = folder.file('root.pem');
        writeFileSync(file, pemOf(scene().root.certificate.der));
        writeFileSync(folder.file('vector'), bytes);
        writeFileSync(folder.file('content'), content);
        const form = read === readSip ? 'sip' : 'cms';
        const command = read === readSealed ? 'decrypt' : 'verify';
        const key = ['--cert', bob().cert, '--key', bob().key];
        const args = ['--form', form, '--in', folder.file('vector'), '--at', new Date(NOW).toISOString(), ...key];
        const trust = read === readSealed ? [] : ['--ca', file];
        const over = read === readDetached ? ['--content', folder.file('content')] : [];
        const { status, stdout, stderr } = await ringfence(['smime', command, ...args, ...trust, ...over]);
        assert.equal(status, 0, stderr);
        assert.equal(read === readSip ? stdout.slice(stdout.indexOf('\r\n\r\n') + 4) : stdout, content.toString());
      });
    });
  }

  it('what sees the padding of CBC sees nothing: every last block gives the one refusal', () => {
    const cbc = sealedSip('aes-256-cbc');
    const reasons = new Set<string>();
    for (let guess = 0; guess < (LONG ? 255 : 64); guess++) {
      const changed = Buffer.from(cbc);
      // the octet before the last of the block before the last: it turns the last octet of the content
      changed[changed.length - 17]! ^= guess + 1;
      const read = readSip(changed);
      assert.ok(!read.ok);
      const { reason, ...outside } = read;
      reasons.add(reason);
      assert.deepEqual(outside, { ok: false, code: 'smime-refused', status: 493, advice: null });
    }
    assert.ok(reasons.size >= 1);
  });
});

/** Every value written anew in DER, strings in pieces joined. */
function written(node: DerNode): Buffer {
  if ((node.tag & 0x20) === 0) return derValue(node.tag, contentOf(node));
  const joined = node.tag === (TAG.octetString | 0x20) ? octetsOf(node, TAG.octetString) : null;
  if (joined !== null) return derOctets(joined);
  const [first, , third] = node.children;
  // encryptedContentInfo: its content is [0] IMPLICIT OCTET STRING
  const isEncrypted = node.children.length === 3 && first?.tag === TAG.oid && third?.tag === 0xa0;
  return derValue(node.tag, ...node.children.map((child, i) => (isEncrypted && i === 2 ? derValue(0x80, octetsOf(child, 0x80) ?? Buffer.alloc(0)) : written(child)))); // prettier-ignore
}
