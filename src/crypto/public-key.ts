import { constants, createHash, createPublicKey, publicEncrypt, verify, type KeyObject } from 'node:crypto';
import { parsed, refused, type Parsed } from '../parsed.ts';

/** Sizes of keys that are made, bits. */
export const KEY_SIZES = [2048, 3072, 4096] as const;
export type KeySize = (typeof KEY_SIZES)[number];

/** Keys of others may be larger; beyond this a single operation takes seconds. */
const MOST_BITS = 16_384;
/** Length of a PSS salt, bytes: that of SHA-256, never "auto". */
export const PSS_SALT = 32;

/** An RSA public key that is fit for use here: 2048 bits or more, e = 65537. */
export interface PublicKey {
  /** SHA-256 of the SPKI DER, base64url */
  readonly kid: string;
  readonly bits: number;
  /** SubjectPublicKeyInfo, DER (RFC 5280, 4.1) */
  readonly spki: Uint8Array;
  /** RSASSA-PSS, SHA-256, MGF1-SHA-256, salt 32 (RFC 8017, 8.1) */
  verifyPss(data: Uint8Array, signature: Uint8Array): boolean;
  /** RSASSA-PKCS1-v1_5, SHA-256 (RFC 8017, 8.2) */
  verifyPkcs1(data: Uint8Array, signature: Uint8Array): boolean;
  /** RSAES-OAEP, SHA-256, MGF1-SHA-256 (RFC 8017, 7.1); at most bits/8 - 66 bytes. @throws Error when there are more */
  encryptOaep(plain: Uint8Array, label?: Uint8Array): Uint8Array;
}

/** The name of a key: SHA-256 of its SPKI DER, base64url without padding, 43 characters. */
export const kidOf = (spki: Uint8Array): string => createHash('sha256').update(spki).digest('base64url');

/** Is this a RSA key that we use? @returns why not, or its size in bits */
export function sizeOf(key: KeyObject): Parsed<number> {
  const { modulusLength = 0, publicExponent } = key.asymmetricKeyDetails ?? {};
  if (key.asymmetricKeyType !== 'rsa')
    return refused(`a key of kind ${key.asymmetricKeyType ?? key.type}; only RSA is used here`);
  if (modulusLength < 2048 || modulusLength > MOST_BITS)
    return refused(`an RSA key of ${modulusLength} bits; it must have 2048 to ${MOST_BITS}`);
  if (publicExponent !== 65_537n) return refused(`an RSA key with the exponent ${publicExponent}; it must be 65537`);
  return parsed(modulusLength);
}

/** Reads SubjectPublicKeyInfo. Only DER is taken, so that one key has one kid. */
export function publicKeyFromSpki(spki: Uint8Array): Parsed<PublicKey> {
  let key: KeyObject;
  try {
    key = createPublicKey({ key: Buffer.from(spki), format: 'der', type: 'spki' });
  } catch {
    return refused('not a public key (SubjectPublicKeyInfo)');
  }
  const bits = sizeOf(key);
  if (!bits.ok) return bits;
  const own = key.export({ type: 'spki', format: 'der' });
  if (!own.equals(spki)) return refused('a public key that is not encoded as DER wants it');
  return parsed(publicKeyOf(key, bits.value));
}

/** The public half of `key`, which `sizeOf` took. */
export function publicKeyOf(key: KeyObject, bits: number): PublicKey {
  const spki = new Uint8Array(key.export({ type: 'spki', format: 'der' }));
  const pss = { key, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: PSS_SALT };
  const oaep = { key, padding: constants.RSA_PKCS1_OAEP_PADDING, oaepHash: 'sha256' };
  return {
    kid: kidOf(spki),
    bits,
    spki,
    verifyPss: (data, signature) => verify('sha256', data, pss, signature),
    verifyPkcs1: (data, signature) => verify('sha256', data, key, signature),
    encryptOaep: (plain, label) =>
      publicEncrypt(label === undefined ? oaep : { ...oaep, oaepLabel: Buffer.from(label) }, plain),
  };
}
