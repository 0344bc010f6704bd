import {
  constants,
  createPrivateKey,
  createPublicKey,
  generateKeyPair,
  privateDecrypt,
  sign,
  webcrypto,
  type KeyObject,
  type SignKeyObjectInput,
} from 'node:crypto';
import { inspect } from 'node:util';
import { parsed, refused, type Parsed } from '../parsed.ts';
import { cryptoKeyOf, keepKeyObject, keyObjectOf } from './key-objects.ts';
import { kidOf, PSS_SALT, publicKeyOf, sizeOf, type KeySize, type PublicKey } from './public-key.ts';

/** A private RSA key that never leaves src/crypto: an opaque handle. Printed, logged or put into JSON it is its kid. */
export interface PrivateKeyHandle {
  /** SHA-256 of the SPKI DER, base64url */
  readonly kid: string;
  readonly bits: number;
  /** SubjectPublicKeyInfo, DER */
  readonly spki: Uint8Array;
  /** RSASSA-PSS, SHA-256, MGF1-SHA-256, salt 32 (RFC 8017, 8.1) */
  signPss(data: Uint8Array): Uint8Array;
  /** RSASSA-PKCS1-v1_5, SHA-256 (RFC 8017, 8.2) */
  signPkcs1(data: Uint8Array): Uint8Array;
  /** RSAES-OAEP, SHA-256, MGF1-SHA-256 (RFC 8017, 7.1); null on any failure, one answer for all of them */
  decryptOaep(ciphertext: Uint8Array, label?: Uint8Array): Uint8Array | null;
  /** As signPss, in a thread of libuv's pool: the event loop goes on. `data` must stay as it is until then. */
  signPssAsync(data: Uint8Array): Promise<Uint8Array>;
  /** As signPkcs1, in a thread of libuv's pool */
  signPkcs1Async(data: Uint8Array): Promise<Uint8Array>;
  /** As decryptOaep, in a thread of libuv's pool; null on any failure, it never rejects */
  decryptOaepAsync(ciphertext: Uint8Array, label?: Uint8Array): Promise<Uint8Array | null>;
}

class Handle implements PrivateKeyHandle {
  readonly kid: string;
  readonly bits: number;
  readonly spki: Uint8Array;

  constructor(key: KeyObject, bits: number) {
    this.spki = new Uint8Array(createPublicKey(key).export({ type: 'spki', format: 'der' }));
    this.kid = kidOf(this.spki);
    this.bits = bits;
    keepKeyObject(this, key);
    Object.freeze(this);
  }

  signPss(data: Uint8Array): Uint8Array {
    const padding = constants.RSA_PKCS1_PSS_PADDING;
    return sign('sha256', data, { key: keyObjectOf(this), padding, saltLength: PSS_SALT });
  }

  signPkcs1(data: Uint8Array): Uint8Array {
    return sign('sha256', data, keyObjectOf(this));
  }

  decryptOaep(ciphertext: Uint8Array, label?: Uint8Array): Uint8Array | null {
    const options = { key: keyObjectOf(this), padding: constants.RSA_PKCS1_OAEP_PADDING, oaepHash: 'sha256' };
    try {
      return privateDecrypt(label === undefined ? options : { ...options, oaepLabel: Buffer.from(label) }, ciphertext);
    } catch {
      return null; // wrong length, wrong label, wrong padding: nobody learns which
    }
  }

  signPssAsync(data: Uint8Array): Promise<Uint8Array> {
    const padding = constants.RSA_PKCS1_PSS_PADDING;
    return signInPool(data, { key: keyObjectOf(this), padding, saltLength: PSS_SALT });
  }

  signPkcs1Async(data: Uint8Array): Promise<Uint8Array> {
    return signInPool(data, { key: keyObjectOf(this) });
  }

  async decryptOaepAsync(ciphertext: Uint8Array, label?: Uint8Array): Promise<Uint8Array | null> {
    // node's privateDecrypt knows no other thread; WebCrypto's RSA-OAEP is the same operation, and runs in the pool
    const algorithm = label === undefined ? { name: 'RSA-OAEP' } : { name: 'RSA-OAEP', label: label.slice() };
    try {
      return new Uint8Array(await webcrypto.subtle.decrypt(algorithm, await cryptoKeyOf(this), ciphertext.slice()));
    } catch {
      return null;
    }
  }

  toJSON(): { readonly kid: string } {
    return { kid: this.kid };
  }

  [inspect.custom](): string {
    return `private key ${this.kid}`;
  }
}

const signInPool = (data: Uint8Array, key: SignKeyObjectInput): Promise<Uint8Array> =>
  new Promise((resolve, reject) => {
    sign('sha256', data, key, (error, signature) => (error === null ? resolve(signature) : reject(error)));
  });

/** Makes an RSA key, e = 65537, in another thread: the event loop goes on (a 2048-bit key takes some 100 ms). */
export async function generatePrivateKey(bits: KeySize): Promise<PrivateKeyHandle> {
  const key = await new Promise<KeyObject>((resolve, reject) => {
    generateKeyPair('rsa', { modulusLength: bits, publicExponent: 65_537 }, (error, _, made) =>
      error === null ? resolve(made) : reject(error),
    );
  });
  return new Handle(key, bits);
}

/**
 * Reads a private key: the first that stands in a PEM text, PKCS#8 ("PRIVATE KEY", "ENCRYPTED PRIVATE KEY", RFC 5958) or
 * PKCS#1 ("RSA PRIVATE KEY"). RSA of 2048 bits or more with e = 65537.
 * Bytes rather than text keep the key out of strings, which nobody can erase; erase them yourself.
 */
export function privateKeyFromPem(
  pem: string | Uint8Array,
  passphrase?: string | Uint8Array,
): Parsed<PrivateKeyHandle> {
  const key = typeof pem === 'string' ? pem : Buffer.from(pem.buffer, pem.byteOffset, pem.byteLength);
  const secret = passphrase === undefined || typeof passphrase === 'string' ? passphrase : Buffer.from(passphrase);
  return handleOf(
    () => createPrivateKey({ key, format: 'pem', ...(secret === undefined ? {} : { passphrase: secret }) }),
    !key.includes('ENCRYPTED')
      ? 'not a private key (PKCS#8 or PKCS#1)'
      : passphrase === undefined
        ? 'the private key is encrypted: its passphrase is needed'
        : 'not a private key, or the passphrase is wrong',
  );
}

/** Reads PKCS#8 DER, unencrypted: as a key store or PKCS#12 file holds it inside its own encryption. */
export const privateKeyFromPkcs8 = (der: Uint8Array): Parsed<PrivateKeyHandle> =>
  handleOf(() => {
    const key = Buffer.from(der.buffer, der.byteOffset, der.byteLength);
    return createPrivateKey({ key, format: 'der', type: 'pkcs8' });
  }, 'not a private key (PKCS#8)');

/** The public half of a handle. */
export const publicHalf = (handle: PrivateKeyHandle): PublicKey =>
  publicKeyOf(createPublicKey(keyObjectOf(handle)), handle.bits);

const SELF_TEST = new TextEncoder().encode('ringfence: does this key fit together?');

function handleOf(read: () => KeyObject, otherwise: string): Parsed<PrivateKeyHandle> {
  let key: KeyObject;
  try {
    key = read();
  } catch {
    return refused(otherwise); // the library's own words are for programmers
  }
  const bits = sizeOf(key);
  if (!bits.ok) return bits;
  const handle = new Handle(key, bits.value);
  // OpenSSL reads numbers that do not belong together; with them every signature is wrong
  try {
    if (publicHalf(handle).verifyPkcs1(SELF_TEST, handle.signPkcs1(SELF_TEST))) return parsed(handle);
  } catch {
    // told below
  }
  return refused('a private key whose numbers do not belong together');
}
