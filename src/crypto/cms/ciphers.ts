import { createCipheriv, createDecipheriv } from 'node:crypto';
import { contentOf, derOctets, derOid, derSequence, derSmall, Faults, oid, TAG, type DerNode } from '../der.ts';

/** Content ciphers as rows (RFC 3565, RFC 5084): what is not in the table is neither written nor read. */
export interface Cipher {
  readonly name: CipherName;
  readonly oid: string;
  readonly keyBytes: number;
  readonly ivBytes: number;
  /** GCM: authenticated, AuthEnvelopedData; CBC: EnvelopedData, worth something only with a signature inside */
  readonly authenticated: boolean;
}

export const CIPHER_NAMES = ['aes-256-gcm', 'aes-128-gcm', 'aes-256-cbc', 'aes-128-cbc'] as const;
export type CipherName = (typeof CIPHER_NAMES)[number];

/** Octets of the tag that we write; 12 to 16 are read (RFC 5084 section 3.2). */
export const TAG_BYTES = 16;
const LEAST_TAG_BYTES = 12;
const BLOCK = 16;

const row = (name: CipherName, type: string): Cipher => ({
  name,
  oid: oid(type),
  keyBytes: name.includes('256') ? 32 : 16,
  ivBytes: name.endsWith('gcm') ? 12 : BLOCK,
  authenticated: name.endsWith('gcm'),
});

/** Most wanted first. */
export const CIPHERS: Readonly<Record<CipherName, Cipher>> = {
  'aes-256-gcm': row('aes-256-gcm', '2.16.840.1.101.3.4.1.46'),
  'aes-128-gcm': row('aes-128-gcm', '2.16.840.1.101.3.4.1.6'),
  'aes-256-cbc': row('aes-256-cbc', '2.16.840.1.101.3.4.1.42'),
  'aes-128-cbc': row('aes-128-cbc', '2.16.840.1.101.3.4.1.2'),
};
const BY_OID = new Map(Object.values(CIPHERS).map((cipher) => [cipher.oid, cipher]));

/** A cipher with the parameters that a message gives it. */
export interface CipherUse {
  readonly cipher: Cipher;
  readonly iv: Buffer;
  /** octets of the tag, 0 for CBC */
  readonly tagBytes: number;
}

/** contentEncryptionAlgorithm; null for what is not in the table or has other parameters. */
export function cipherUseOf(algorithm: DerNode): CipherUse | null {
  const faults = new Faults();
  const fields = faults.fields(algorithm, TAG.sequence, 'cipher');
  const cipher = BY_OID.get(fields.oid());
  const parameters = fields.any();
  fields.end();
  if (faults.first !== null || cipher === undefined || parameters === null) return null;
  return cipher.authenticated ? gcmUseOf(cipher, parameters) : cbcUseOf(cipher, parameters);
}

function cbcUseOf(cipher: Cipher, parameters: DerNode): CipherUse | null {
  const iv = parameters.tag === TAG.octetString ? contentOf(parameters) : null;
  return iv?.length === cipher.ivBytes ? { cipher, iv, tagBytes: 0 } : null;
}

/** GCMParameters ::= SEQUENCE { nonce, ICVlen DEFAULT 12 } */
function gcmUseOf(cipher: Cipher, parameters: DerNode): CipherUse | null {
  const faults = new Faults();
  const fields = faults.fields(parameters, TAG.sequence, 'GCM');
  const iv = contentOf(fields.take(TAG.octetString));
  const tagBytes = parameters.children.length > 1 ? fields.small() : LEAST_TAG_BYTES;
  fields.end();
  const fits = iv.length === cipher.ivBytes && tagBytes >= LEAST_TAG_BYTES && tagBytes <= TAG_BYTES;
  return faults.first === null && fits ? { cipher, iv, tagBytes } : null;
}

export const derCipher = (cipher: Cipher, iv: Uint8Array): Buffer =>
  derSequence(
    derOid(cipher.oid),
    cipher.authenticated ? derSequence(derOctets(iv), derSmall(TAG_BYTES)) : derOctets(iv),
  );

export interface Sealed {
  readonly data: Buffer;
  /** empty for CBC */
  readonly tag: Buffer;
}

/** Without a copy where nothing came last, as always with GCM. */
const joined = (first: Buffer, last: Buffer): Buffer => (last.length === 0 ? first : Buffer.concat([first, last]));

export function seal(cipher: Cipher, key: Uint8Array, iv: Uint8Array, plain: Uint8Array): Sealed {
  if (!cipher.authenticated) {
    const cbc = createCipheriv(cipher.name, key, iv);
    return { data: joined(cbc.update(plain), cbc.final()), tag: Buffer.alloc(0) };
  }
  const gcm = createCipheriv(cipher.name as 'aes-256-gcm', key, iv, { authTagLength: TAG_BYTES });
  const data = joined(gcm.update(plain), gcm.final());
  return { data, tag: gcm.getAuthTag() };
}

/** Opens GCM; null: the tag does not fit. Nothing of the content is given out before it does. */
export function openGcm(
  use: CipherUse,
  key: Uint8Array,
  data: Uint8Array,
  tag: Uint8Array,
  aad: Uint8Array,
): Buffer | null {
  try {
    const gcm = createDecipheriv(use.cipher.name as 'aes-256-gcm', key, use.iv, { authTagLength: use.tagBytes });
    if (aad.length > 0) gcm.setAAD(aad);
    gcm.setAuthTag(tag);
    return joined(gcm.update(data), gcm.final());
  } catch {
    return null;
  }
}

/**
 * Opens CBC. The padding is looked at without branching on secret octets and, where it is wrong, the content comes out whole with it:
 * the signature inside fails then, at the same price. null: a length that no key would mend.
 */
export function openCbc(use: CipherUse, key: Uint8Array, data: Uint8Array): Buffer | null {
  if (data.length === 0 || data.length % BLOCK !== 0) return null;
  const cbc = createDecipheriv(use.cipher.name, key, use.iv).setAutoPadding(false);
  const plain = joined(cbc.update(data), cbc.final());
  const count = plain[plain.length - 1] ?? 0;
  let wrong = Number(count < 1) | Number(count > BLOCK);
  for (let i = 1; i <= BLOCK; i++) wrong |= Number(i <= count) & Number(plain[plain.length - i] !== count);
  return plain.subarray(0, plain.length - count * (1 - wrong));
}
