import forge from 'node-forge';
import { createCipheriv, createDecipheriv, pbkdf2Sync, randomBytes } from 'node:crypto';
import { parsed, refused, type Parsed } from '../parsed.ts';
import { contentOf, derNull, derOctets, derOid, derSequence, Faults, oid, TAG, type DerNode } from './der.ts';

/** Encryption under a password, as PKCS#8 and PKCS#12 have it: PBES2 (RFC 8018, 6.2) written; PKCS#12's own with 3DES read too. */

const PBES2 = oid('1.2.840.113549.1.5.13');
const PBKDF2 = oid('1.2.840.113549.1.5.12');
const AES_256_CBC = oid('2.16.840.1.101.3.4.1.42');
/** pbeWithSHAAnd3-KeyTripleDES-CBC (RFC 7292, appendix C) */
const PKCS12_3DES = oid('1.2.840.113549.1.12.1.3');
const HMAC_SHA256 = oid('1.2.840.113549.2.9');
/** missing in the parameters means SHA-1 (RFC 8018, appendix A.2) */
const PRFS: ReadonlyMap<string, string> = new Map([
  [oid('1.2.840.113549.2.7'), 'sha1'],
  [HMAC_SHA256, 'sha256'],
  [oid('1.2.840.113549.2.10'), 'sha384'],
  [oid('1.2.840.113549.2.11'), 'sha512'],
]);
const CIPHERS: ReadonlyMap<string, readonly [name: string, keyBytes: number]> = new Map([
  [oid('2.16.840.1.101.3.4.1.2'), ['aes-128-cbc', 16]],
  [oid('2.16.840.1.101.3.4.1.22'), ['aes-192-cbc', 24]],
  [AES_256_CBC, ['aes-256-cbc', 32]],
  [oid('1.2.840.113549.3.7'), ['des-ede3-cbc', 24]],
]);

/** Ours: the passwords are random, so rounds cost more than they give; and phones read these. */
export const ITERATIONS = 10_000;
/** A file that asks for more would hang whoever reads it. */
export const MOST_ITERATIONS = 2_000_000;
/** The same for what node-forge derives, some hundred times slower. */
export const MOST_SLOW_ITERATIONS = 100_000;

export const derCount = (n: number): Buffer => {
  const hex = n.toString(16);
  const bytes = Buffer.from(hex.length % 2 === 0 ? hex : `0${hex}`, 'hex');
  return Buffer.concat([
    Buffer.of(TAG.integer, bytes.length + ((bytes[0] ?? 0) >> 7)),
    Buffer.alloc((bytes[0] ?? 0) >> 7),
    bytes,
  ]);
};

/** Encrypts by PBES2: PBKDF2 with HMAC-SHA-256, AES-256-CBC. @returns AlgorithmIdentifier and ciphertext */
export function encryptPbes2(
  password: string,
  plain: Uint8Array,
): { readonly algorithm: Buffer; readonly box: Buffer } {
  const salt = randomBytes(16);
  const iv = randomBytes(16);
  const key = pbkdf2Sync(password, salt, ITERATIONS, 32, 'sha256');
  const cipher = createCipheriv('aes-256-cbc', key, iv);
  key.fill(0);
  const kdf = derSequence(
    derOid(PBKDF2),
    derSequence(derOctets(salt), derCount(ITERATIONS), derSequence(derOid(HMAC_SHA256), derNull())),
  );
  const algorithm = derSequence(derOid(PBES2), derSequence(kdf, derSequence(derOid(AES_256_CBC), derOctets(iv))));
  return { algorithm, box: Buffer.concat([cipher.update(plain), cipher.final()]) };
}

/** Key material by PKCS#12's own derivation (RFC 7292, appendix B), which node:crypto lacks. `id`: 1 key, 2 IV, 3 MAC. */
export function pkcs12Derive(
  password: string,
  salt: Uint8Array,
  id: 1 | 2 | 3,
  iterations: number,
  length: number,
  hash: 'sha1' | 'sha256' | 'sha384' | 'sha512',
): Buffer {
  const input = forge.util.createBuffer(Buffer.from(salt).toString('latin1'));
  return Buffer.from(
    forge.pkcs12.generateKey(password, input, id, iterations, length, forge.md[hash].create()).getBytes(),
    'latin1',
  );
}

/** Decrypts what `algorithm` (an AlgorithmIdentifier) says. Erase it after use. */
export function decryptPbe(algorithm: DerNode, password: string, box: Uint8Array): Parsed<Buffer> {
  const faults = new Faults();
  const fields = faults.fields(algorithm, TAG.sequence, 'encryption');
  const type = fields.oid();
  const parameters = fields.take(TAG.sequence);
  const keys =
    type === PBES2 ? pbes2(parameters, password) : type === PKCS12_3DES ? legacy(parameters, password) : null;
  if (faults.first !== null) return faults.first;
  if (keys === null)
    return refused(
      'encrypted in an outdated way (RC2 or the like); write it again: openssl pkcs12 -legacy -in OLD -nodes | openssl pkcs12 -export -out NEW',
    );
  if (!keys.ok) return keys;
  const { cipher, key, iv } = keys.value;
  try {
    const decipher = createDecipheriv(cipher, key, iv);
    const head = decipher.update(box);
    const plain = Buffer.concat([head, decipher.final()]);
    head.fill(0);
    return parsed(plain);
  } catch {
    return refused('the password is wrong, or the file is damaged');
  } finally {
    key.fill(0);
  }
}

interface Keys {
  readonly cipher: string;
  readonly key: Buffer;
  readonly iv: Buffer;
}

function pbes2(parameters: DerNode, password: string): Parsed<Keys> {
  const faults = new Faults();
  const both = faults.fields(parameters, TAG.sequence, 'PBES2');
  const kdf = both.open(TAG.sequence, 'PBKDF2');
  const scheme = both.open(TAG.sequence, 'cipher');
  both.end();
  const kdfType = kdf.oid();
  const own = kdf.open(TAG.sequence, 'PBKDF2');
  const salt = contentOf(own.take(TAG.octetString));
  const iterations = own.small();
  own.optional(TAG.integer); // the length of the key, which the cipher tells
  const prfNode = own.optional(TAG.sequence);
  own.end();
  const prf = prfNode === null ? 'sha1' : PRFS.get(faults.fields(prfNode, TAG.sequence, 'PRF').oid());
  const cipher = CIPHERS.get(scheme.oid());
  const iv = contentOf(scheme.take(TAG.octetString));
  if (faults.first !== null) return faults.first;
  if (kdfType !== PBKDF2 || prf === undefined || cipher === undefined)
    return refused('encrypted in a way that is not known here (PBKDF2 with AES or 3DES is)');
  if (iterations < 1 || iterations > MOST_ITERATIONS)
    return refused(`asks for ${iterations} rounds of its password; ${MOST_ITERATIONS} at the most are done`);
  const [name, length] = cipher;
  if (iv.length !== (name === 'des-ede3-cbc' ? 8 : 16)) return refused('an IV of another length');
  return parsed({ cipher: name, key: pbkdf2Sync(password, salt, iterations, length, prf), iv });
}

function legacy(parameters: DerNode, password: string): Parsed<Keys> {
  const faults = new Faults();
  const own = faults.fields(parameters, TAG.sequence, 'encryption');
  const salt = contentOf(own.take(TAG.octetString));
  const iterations = own.small();
  own.end();
  if (faults.first !== null) return faults.first;
  if (iterations < 1 || iterations > MOST_SLOW_ITERATIONS)
    return refused(`asks for ${iterations} rounds of its password; ${MOST_SLOW_ITERATIONS} at the most are done`);
  const key = pkcs12Derive(password, salt, 1, iterations, 24, 'sha1');
  return parsed({ cipher: 'des-ede3-cbc', key, iv: pkcs12Derive(password, salt, 2, iterations, 8, 'sha1') });
}

/** EncryptedPrivateKeyInfo (RFC 5958, 3). */
export const encryptedKeyInfo = (algorithm: Uint8Array, box: Uint8Array): Buffer =>
  derSequence(algorithm, derOctets(box));

/** Its parts. */
export function readEncryptedKeyInfo(node: DerNode): Parsed<{ readonly algorithm: DerNode; readonly box: Buffer }> {
  const faults = new Faults();
  const fields = faults.fields(node, TAG.sequence, 'encrypted key');
  const algorithm = fields.take(TAG.sequence);
  const box = contentOf(fields.take(TAG.octetString));
  fields.end();
  return faults.give({ algorithm, box });
}
