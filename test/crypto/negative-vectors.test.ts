/**
 * Inputs of the kinds that Project Wycheproof collects, made here by construction: each is wrong in one way, and what we rest on
 * (node:crypto by our handles and tables) must refuse it. Each family has its control: the same construction made right is taken.
 */
import assert from 'node:assert/strict';
import {
  constants,
  createCipheriv,
  createDecipheriv,
  createHash,
  privateEncrypt,
  publicEncrypt,
  sign,
  type CipherChaCha20Poly1305Types,
  type CipherGCMTypes,
} from 'node:crypto';
import { CIPHERS, openCbc, openGcm, seal, type CipherUse } from '../../src/crypto/cms/ciphers.ts';
import { signatureHolds, type SignatureAlgorithm } from '../../src/crypto/x509/algorithms.ts';
import { rsaPair } from '../support/pki.ts';
import { scene } from '../support/smime.ts';

const BYTES = 256;
const hex = (text: string): Buffer => Buffer.from(text.replace(/\s/g, ''), 'hex');
const sha = (name: string, ...data: Uint8Array[]): Buffer => data.reduce((hash, part) => hash.update(part), createHash(name)).digest(); // prettier-ignore
const xor = (a: Uint8Array, b: Uint8Array): Buffer => Buffer.from(a.map((byte, i) => byte ^ (b[i] ?? 0)));

/** RFC 8017 appendix B.2.1 */
function mgf1(hash: string, seed: Uint8Array, length: number): Buffer {
  const blocks: Buffer[] = [];
  for (let i = 0; blocks.length * 20 < length + 64; i++) blocks.push(sha(hash, seed, Buffer.of(0, 0, 0, i)));
  return Buffer.concat(blocks).subarray(0, length);
}

const bob = () => rsaPair(2048, 'bob').privateKey;
const modulus = (): bigint => BigInt(`0x${Buffer.from(String(bob().export({ format: 'jwk' }).n), 'base64url').toString('hex')}`); // prettier-ignore
const octets = (n: bigint, length = BYTES): Buffer => Buffer.from(n.toString(16).padStart(2 * length, '0'), 'hex');
/** RSA without padding: m^e and m^d. */
const raw = (em: Uint8Array): Buffer => publicEncrypt({ key: scene().bob.certificate.key, padding: constants.RSA_NO_PADDING }, em); // prettier-ignore
const rawSign = (em: Uint8Array): Buffer => privateEncrypt({ key: bob(), padding: constants.RSA_NO_PADDING }, em);

describe('negative vectors', () => {
  describe('RSA-OAEP, SHA-256', () => {
    const MESSAGE = Buffer.alloc(32, 7);
    interface Oaep {
      readonly hash?: string;
      readonly mask?: string;
      readonly label?: Buffer;
      readonly first?: number;
      readonly separator?: number;
      readonly padding?: number;
      readonly noSeparator?: boolean;
    }
    /** RFC 8017 section 7.1.1, with mistakes on request. */
    function encoded(o: Oaep = {}): Buffer {
      const hash = o.hash ?? 'sha256';
      const size = sha(hash).length;
      const filler = Buffer.alloc(BYTES - MESSAGE.length - 2 * size - 2);
      if (o.padding !== undefined) filler[o.padding] = 2;
      const end = o.noSeparator === true ? Buffer.alloc(MESSAGE.length + 1) : Buffer.concat([Buffer.of(o.separator ?? 1), MESSAGE]); // prettier-ignore
      const block = Buffer.concat([sha(hash, o.label ?? Buffer.alloc(0)), filler, end]);
      const seed = Buffer.alloc(size, 3);
      const masked = xor(block, mgf1(o.mask ?? hash, seed, block.length));
      return Buffer.concat([Buffer.of(o.first ?? 0), xor(seed, mgf1(o.mask ?? hash, masked, size)), masked]);
    }
    const opened = (ciphertext: Uint8Array, label?: Uint8Array): Uint8Array | null =>
      scene().bob.key.decryptOaep(ciphertext, label);

    it('control: made right it is opened, with its label too', () => {
      assert.deepEqual(opened(raw(encoded())), MESSAGE);
      assert.deepEqual(opened(raw(encoded({ label: Buffer.from('l') })), Buffer.from('l')), MESSAGE);
    });
    const WRONG: readonly (readonly [string, () => Buffer])[] = [
      ['the first octet is not 0', () => raw(encoded({ first: 1 }))],
      ['another label', () => raw(encoded({ label: Buffer.from('label') }))],
      ['no separator', () => raw(encoded({ noSeparator: true }))],
      ['a separator of 2', () => raw(encoded({ separator: 2 }))],
      ['0 as separator', () => raw(encoded({ separator: 0 }))],
      ['an octet in the padding', () => raw(encoded({ padding: 5 }))],
      ['SHA-1', () => raw(encoded({ hash: 'sha1' }))],
      ['SHA-512', () => raw(encoded({ hash: 'sha512' }))],
      ['MGF1 with SHA-1', () => raw(encoded({ mask: 'sha1' }))],
      ['the ciphertext 0', () => Buffer.alloc(BYTES)],
      ['the ciphertext 1', () => octets(1n)],
      ['the ciphertext n - 1', () => octets(modulus() - 1n)],
      ['the modulus itself', () => octets(modulus())],
      ['ciphertext + n', () => octets((BigInt(`0x${raw(encoded()).toString('hex')}`) + modulus()) % (1n << 2048n))],
      ['an octet too short', () => raw(encoded()).subarray(1)],
      ['an octet too long', () => Buffer.concat([Buffer.of(0), raw(encoded())])],
      ['nothing', () => Buffer.alloc(0)],
      ['v1.5 padding', () => publicEncrypt({ key: scene().bob.certificate.key, padding: constants.RSA_PKCS1_PADDING }, MESSAGE)], // prettier-ignore
    ];
    for (const [what, ciphertext] of WRONG) it(`refuses ${what}`, () => assert.equal(opened(ciphertext()), null));
  });

  const DATA = Buffer.from('signed');
  const holds = (algorithm: SignatureAlgorithm, signature: Uint8Array): boolean =>
    signatureHolds(scene().bob.certificate.key, algorithm, DATA, signature);

  describe('RSA-PSS, SHA-256', () => {
    const PSS = { kind: 'pss', hash: 'sha256', salt: 32 } as const;
    interface Pss {
      readonly salt?: number;
      readonly trailer?: number;
      readonly mask?: string;
      readonly padding?: number;
      readonly separator?: number;
      readonly top?: boolean;
      readonly prefix?: number;
    }
    /** RFC 8017 section 9.1.1, with mistakes on request. */
    function encoded(o: Pss = {}): Buffer {
      const salt = Buffer.alloc(o.salt ?? 32, 9);
      const hash = sha('sha256', Buffer.alloc(8, o.prefix ?? 0), sha('sha256', DATA), salt);
      const filler = Buffer.alloc(BYTES - salt.length - 32 - 2);
      if (o.padding !== undefined) filler[o.padding] = 1;
      const block = Buffer.concat([filler, Buffer.of(o.separator ?? 1), salt]);
      const masked = xor(block, mgf1(o.mask ?? 'sha256', hash, block.length));
      masked[0] = (masked[0] ?? 0) & 0x7f;
      if (o.top === true) masked[0] |= 0x80;
      return Buffer.concat([masked, hash, Buffer.of(o.trailer ?? 0xbc)]);
    }
    it('control: made right it holds', () => assert.equal(holds(PSS, rawSign(encoded())), true));
    const WRONG: readonly (readonly [string, () => Buffer])[] = [
      ['no salt', () => rawSign(encoded({ salt: 0 }))],
      ['a salt of 20', () => rawSign(encoded({ salt: 20 }))],
      ['the longest salt', () => rawSign(encoded({ salt: 222 }))],
      ['another trailer', () => rawSign(encoded({ trailer: 0xcc }))],
      ['MGF1 with SHA-1', () => rawSign(encoded({ mask: 'sha1' }))],
      ['an octet in the padding', () => rawSign(encoded({ padding: 100 }))],
      ['a separator of 2', () => rawSign(encoded({ separator: 2 }))],
      ['eight octets before the hash that are not 0', () => rawSign(encoded({ prefix: 1 }))],
      [
        'a signature + n',
        () => octets((BigInt(`0x${rawSign(encoded()).toString('hex')}`) + modulus()) % (1n << 2048n)),
      ],
      ['0', () => Buffer.alloc(BYTES)],
      ['1', () => octets(1n)],
      ['n - 1', () => octets(modulus() - 1n)],
      ['an octet too short', () => rawSign(encoded()).subarray(0, -1)],
      ['an octet too long', () => Buffer.concat([rawSign(encoded()), Buffer.of(0)])],
      ['nothing', () => Buffer.alloc(0)],
      ['a v1.5 signature', () => sign('sha256', DATA, bob())],
      ['SHA-384', () => sign('sha384', DATA, { key: bob(), padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: 32 })],
    ];
    for (const [what, signature] of WRONG) it(`refuses ${what}`, () => assert.equal(holds(PSS, signature()), false));
    it('a salt that the key has no room for is no error', () =>
      assert.equal(holds({ ...PSS, salt: 1_000 }, rawSign(encoded())), false));
  });

  describe('RSA v1.5 signatures, SHA-256', () => {
    const V15 = { kind: 'pkcs1', hash: 'sha256', salt: 0 } as const;
    const INFO = hex('3031 300d 0609 608648016503040201 0500 0420');
    const digest = (): Buffer => sha('sha256', DATA);
    const encoded = (info: Uint8Array, before = Buffer.of(0, 1), filler = 0xff, after = Buffer.alloc(0)): Buffer => {
      const count = BYTES - before.length - 1 - info.length - after.length;
      return Buffer.concat([before, Buffer.alloc(count, filler), Buffer.of(0), info, after]);
    };
    const whole = (): Buffer => Buffer.concat([INFO, digest()]);
    it('control: made right it holds', () => assert.equal(holds(V15, rawSign(encoded(whole()))), true));
    const WRONG: readonly (readonly [string, () => Buffer])[] = [
      ['octets after the digest (Bleichenbacher 2006)', () => encoded(whole(), Buffer.of(0, 1), 0xff, Buffer.alloc(100, 1))], // prettier-ignore
      ['block type 2', () => encoded(whole(), Buffer.of(0, 2))],
      ['block type 0', () => encoded(whole(), Buffer.of(0, 0), 0)],
      ['another filler', () => encoded(whole(), Buffer.of(0, 1), 0xfe)],
      ['eight octets of filler', () => Buffer.concat([Buffer.of(0, 1), Buffer.alloc(8, 255), Buffer.of(0), whole(), Buffer.alloc(BYTES - 11 - 51)])], // prettier-ignore
      ['no NULL', () => encoded(Buffer.concat([hex('302f 300b 0609 608648016503040201 0420'), digest()]))],
      ['a length that is longer than need be', () => encoded(Buffer.concat([hex('308131 300d 0609 608648016503040201 0500 0420'), digest()]))], // prettier-ignore
      ['octets in place of NULL', () => encoded(Buffer.concat([hex('3033 300f 0609 608648016503040201 0502 abcd 0420'), digest()]))], // prettier-ignore
      [
        'the name of SHA-512',
        () => encoded(Buffer.concat([hex('3031 300d 0609 608648016503040203 0500 0420'), digest()])),
      ],
      ['the digest alone', () => encoded(digest())],
    ];
    for (const [what, em] of WRONG) it(`refuses ${what}`, () => assert.equal(holds(V15, rawSign(em())), false));
    it('refuses SHA-1 under the name of SHA-256', () => assert.equal(holds(V15, sign('sha1', DATA, bob())), false));
  });

  for (const [name, keyBytes] of [
    ['aes-256-gcm', 32],
    ['aes-128-gcm', 16],
    ['chacha20-poly1305', 32],
  ] as const)
    // prettier-ignore
    describe(name, () => {
      const key = Buffer.alloc(keyBytes, 5);
      const nonce = Buffer.alloc(12, 6);
      const aad = Buffer.from('header');
      const plain = Buffer.from('forty octets of plaintext, more or less.');
      const options = { authTagLength: 16 };
      const type = name as CipherGCMTypes & CipherChaCha20Poly1305Types;
      const sealed = (): { data: Buffer; tag: Buffer } => {
        const cipher = createCipheriv(type, key, nonce, options);
        cipher.setAAD(aad, { plaintextLength: plain.length });
        const data = Buffer.concat([cipher.update(plain), cipher.final()]);
        return { data, tag: cipher.getAuthTag() };
      };
      const opened = (data: Uint8Array, tag: Uint8Array, iv = nonce, more = aad, withKey = key): Buffer | null => {
        if (name !== 'chacha20-poly1305')
          return openGcm({ cipher: CIPHERS[name], iv, tagBytes: 16 }, withKey, data, tag, more);
        try {
          const decipher = createDecipheriv(type, withKey, iv, options);
          decipher.setAAD(more, { plaintextLength: data.length });
          decipher.setAuthTag(tag);
          return Buffer.concat([decipher.update(data), decipher.final()]);
        } catch {
          return null;
        }
      };
      it('control: it opens', () => assert.deepEqual(opened(sealed().data, sealed().tag), plain));
      it('refuses each bit of the tag changed, and a tag of zeros, of ones, cut, too long, none', () => {
        const { data, tag } = sealed();
        for (let bit = 0; bit < 128; bit++) {
          const wrong = Buffer.from(tag);
          wrong[bit >> 3]! ^= 1 << (bit & 7);
          assert.equal(opened(data, wrong), null);
        }
        for (const wrong of [Buffer.alloc(16), Buffer.alloc(16, 255), tag.subarray(0, 15), tag.subarray(0, 4), Buffer.concat([tag, tag]), Buffer.alloc(0)]) // prettier-ignore
          assert.equal(opened(data, wrong), null);
      });
      it('refuses each octet changed, content cut or longer, another nonce, header or key', () => {
        const { data, tag } = sealed();
        for (let i = 0; i < data.length; i++) {
          const wrong = Buffer.from(data);
          wrong[i]! ^= 0x80;
          assert.equal(opened(wrong, tag), null);
          assert.equal(opened(data.subarray(0, i), tag), null);
        }
        assert.equal(opened(Buffer.concat([data, Buffer.of(0)]), tag), null);
        assert.equal(opened(data, tag, Buffer.alloc(12)), null);
        assert.equal(opened(data, tag, nonce, Buffer.from('Header')), null);
        assert.equal(opened(data, tag, nonce, Buffer.alloc(0)), null);
        assert.equal(opened(data, tag, nonce, aad, Buffer.alloc(keyBytes)), null);
      });
    });

  it('RFC 8439 section 2.8.2: the vector comes out, and with one bit more does not', () => {
    const key = Buffer.from(Array.from({ length: 32 }, (_, i) => 0x80 + i));
    const nonce = hex('070000004041424344454647');
    const aad = hex('50515253c0c1c2c3c4c5c6c7');
    const plain = Buffer.from("Ladies and Gentlemen of the class of '99: If I could offer you only one tip for the future, sunscreen would be it."); // prettier-ignore
    const cipher = createCipheriv('chacha20-poly1305', key, nonce, { authTagLength: 16 });
    cipher.setAAD(aad, { plaintextLength: plain.length });
    const data = Buffer.concat([cipher.update(plain), cipher.final()]);
    assert.equal(cipher.getAuthTag().toString('hex'), '1ae10b594f09e26a7e902ecbd0600691');
    assert.equal(data.subarray(0, 16).toString('hex'), 'd31a8d34648e60db7b86afbc53ef7ec2');
  });

  it('NIST SP 800-38D, AES-256-GCM without content: the tag is the known one', () => {
    const { tag } = seal(CIPHERS['aes-256-gcm'], Buffer.alloc(32), Buffer.alloc(12), Buffer.alloc(0));
    assert.equal(tag.toString('hex'), '530f8afbc74536b9a963b4f1c4cb738b');
  });

  describe('CBC padding', () => {
    const use: CipherUse = { cipher: CIPHERS['aes-128-cbc'], iv: Buffer.alloc(16, 1), tagBytes: 0 };
    const key = Buffer.alloc(16, 2);
    const of = (blocks: Buffer): Buffer => {
      const cipher = createCipheriv('aes-128-cbc', key, use.iv).setAutoPadding(false);
      return Buffer.concat([cipher.update(blocks), cipher.final()]);
    };
    for (let count = 1; count <= 16; count++)
      it(`control: ${count} octets of padding are taken off`, () => {
        const block = Buffer.concat([Buffer.alloc(16 - count, 0xaa), Buffer.alloc(count, count)]);
        assert.equal(openCbc(use, key, of(block))?.length, 16 - count);
      });
    const WRONG: readonly (readonly [string, Buffer])[] = [
      ['0', Buffer.alloc(16)],
      ['17', Buffer.alloc(32, 17)],
      ['255', Buffer.alloc(32, 255)],
      ['3 with a wrong octet before it', Buffer.concat([Buffer.alloc(13), Buffer.of(3, 2, 3)])],
      ['16 with a wrong first octet', Buffer.concat([Buffer.of(1), Buffer.alloc(15, 16)])],
    ];
    for (const [what, blocks] of WRONG)
      it(`padding of ${what}: everything comes out, for the signature inside to fail`, () =>
        assert.deepEqual(openCbc(use, key, of(blocks)), blocks));
    it('no whole blocks, or none: refused', () => {
      assert.equal(openCbc(use, key, Buffer.alloc(15)), null);
      assert.equal(openCbc(use, key, Buffer.alloc(0)), null);
    });
  });
});
