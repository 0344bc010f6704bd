import { createHmac, randomBytes, randomInt, timingSafeEqual } from 'node:crypto';
import { parsed, refused, type Parsed } from '../parsed.ts';
import {
  contentOf,
  contextTag,
  derContext,
  derNull,
  derOctets,
  derOid,
  derSequence,
  derSetOf,
  derSmall,
  derValue,
  Faults,
  octetsOf,
  oid,
  readBer,
  TAG,
  wholeOf,
  type DerNode,
} from './der.ts';
import { pkcs8Of } from './key-objects.ts';
import {
  decryptPbe,
  derCount,
  encryptedKeyInfo,
  encryptPbes2,
  ITERATIONS,
  MOST_SLOW_ITERATIONS,
  pkcs12Derive,
  readEncryptedKeyInfo,
} from './pbe.ts';
import { privateKeyFromPkcs8, type PrivateKeyHandle } from './private-key.ts';
import { kidOf } from './public-key.ts';
import { readCertificate } from './x509/certificate.ts';

/** PKCS#12 (RFC 7292): a private key and its certificates under a password, as phones and browsers take them. */

const DATA = oid('1.2.840.113549.1.7.1');
const ENCRYPTED_DATA = oid('1.2.840.113549.1.7.6');
const KEY_BAG = oid('1.2.840.113549.1.12.10.1.1');
const SHROUDED_KEY_BAG = oid('1.2.840.113549.1.12.10.1.2');
const CERTIFICATE_BAG = oid('1.2.840.113549.1.12.10.1.3');
const X509 = oid('1.2.840.113549.1.9.22.1');
const FRIENDLY_NAME = oid('1.2.840.113549.1.9.20');
const LOCAL_KEY_ID = oid('1.2.840.113549.1.9.21');
const BMP_STRING = 0x1e;

type Hash = 'sha1' | 'sha256' | 'sha384' | 'sha512';
const SHA256 = oid('2.16.840.1.101.3.4.2.1');
const HASHES: ReadonlyMap<string, readonly [Hash, number]> = new Map([
  [oid('1.3.14.3.2.26'), ['sha1', 20]],
  [SHA256, ['sha256', 32]],
  [oid('2.16.840.1.101.3.4.2.2'), ['sha384', 48]],
  [oid('2.16.840.1.101.3.4.2.3'), ['sha512', 64]],
]);

const LETTERS = 'abcdefghijkmnopqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789';
/** 20 of 57 letters are 116 bits: nobody searches through them, however few the rounds. */
const PASSWORD_LETTERS = 20;

/** A password that people can type on a phone: without letters that look alike. */
export const newPassword = (): string =>
  Array.from({ length: PASSWORD_LETTERS }, () => LETTERS[randomInt(LETTERS.length)]).join('');

const attribute = (type: string, value: Uint8Array): Buffer => derSequence(derOid(type), derSetOf(value));

/** Bag attributes by which a reader finds the key's own certificate. */
function attributes(friendlyName: string, kid: string): Buffer {
  const name = Buffer.from(friendlyName, 'utf16le').swap16();
  return derSetOf(
    attribute(FRIENDLY_NAME, derValue(BMP_STRING, name)),
    attribute(LOCAL_KEY_ID, derOctets(Buffer.from(kid, 'base64url'))),
  );
}

const certificateBag = (der: Uint8Array, ...more: readonly Uint8Array[]): Buffer =>
  derSequence(
    derOid(CERTIFICATE_BAG),
    derContext(0, derSequence(derOid(X509), derContext(0, derOctets(der)))),
    ...more,
  );

const dataContent = (content: Uint8Array): Buffer => derSequence(derOid(DATA), derContext(0, derOctets(content)));

/** Writes key and chain (its own certificate first), both by PBES2 with AES-256, under a MAC with SHA-256. */
export function writePkcs12(
  key: PrivateKeyHandle,
  chain: readonly Uint8Array[],
  password: string,
  friendlyName: string,
): Uint8Array {
  const der = pkcs8Of(key);
  const shrouded = encryptPbes2(password, der);
  der.fill(0);
  const own = attributes(friendlyName, key.kid);
  const keyBag = derSequence(
    derOid(SHROUDED_KEY_BAG),
    derContext(0, encryptedKeyInfo(shrouded.algorithm, shrouded.box)),
    own,
  );
  const bags = chain.map((one, index) => (index === 0 ? certificateBag(one, own) : certificateBag(one)));
  const { algorithm, box } = encryptPbes2(password, derSequence(...bags));
  const certificates = derSequence(
    derOid(ENCRYPTED_DATA),
    derContext(0, derSequence(derSmall(0), derSequence(derOid(DATA), algorithm, derValue(contextTag(0, false), box)))),
  );
  const safe = derSequence(certificates, dataContent(derSequence(keyBag)));
  const salt = randomBytes(16);
  const macKey = pkcs12Derive(password, salt, 3, ITERATIONS, 32, 'sha256');
  const digest = createHmac('sha256', macKey).update(safe).digest();
  const mac = derSequence(
    derSequence(derSequence(derOid(SHA256), derNull()), derOctets(digest)),
    derOctets(salt),
    derCount(ITERATIONS),
  );
  return new Uint8Array(derSequence(derSmall(3), dataContent(safe), mac));
}

export interface Pkcs12 {
  readonly key: PrivateKeyHandle;
  /** the key's own certificate first, then whatever else was there */
  readonly chain: readonly Uint8Array[];
}

const MOST_BYTES = 1 << 20;

/** Reads a PKCS#12 file. Its MAC must hold; it must have one private key, and a certificate of that key. */
export function readPkcs12(bytes: Uint8Array, password: string): Parsed<Pkcs12> {
  if (bytes.length > MOST_BYTES) return refused('a PKCS#12 file of more than 1 MiB');
  const read = readBer(bytes);
  if (!read.ok) return refused(`not a PKCS#12 file: ${read.reason}`, read.offset);
  const faults = new Faults();
  const pfx = faults.fields(read.value, TAG.sequence, 'PKCS#12');
  if (pfx.small() !== 3) faults.add('PKCS#12: another version than 3', 0);
  const safe = contentOfData(pfx.take(TAG.sequence), faults);
  const macNode = pfx.optional(TAG.sequence);
  pfx.end();
  if (faults.first !== null) return faults.first;
  if (macNode === null) return refused('a PKCS#12 file without a MAC: nobody can tell whether it was changed');
  const mac = checkMac(macNode, safe, password);
  if (!mac.ok) return mac;
  return bagsOf(safe, password);
}

/** The octets of a ContentInfo of type data. */
function contentOfData(node: DerNode, faults: Faults): Buffer {
  const fields = faults.fields(node, TAG.sequence, 'PKCS#12');
  if (fields.oid() !== DATA) faults.add('PKCS#12: signed by a key, not by a password', node.start);
  const inner = fields.explicit(0);
  return (inner === null ? null : octetsOf(inner, TAG.octetString)) ?? Buffer.alloc(0);
}

function checkMac(node: DerNode, content: Uint8Array, password: string): Parsed<null> {
  const faults = new Faults();
  const fields = faults.fields(node, TAG.sequence, 'PKCS#12 MAC');
  const info = fields.open(TAG.sequence);
  const hash = HASHES.get(info.open(TAG.sequence).oid());
  const expected = contentOf(info.take(TAG.octetString));
  const salt = contentOf(fields.take(TAG.octetString));
  const counted = fields.rest();
  if (faults.first !== null) return faults.first;
  const iterations = counted[0] === undefined ? 1 : Number(`0x${contentOf(counted[0]).toString('hex')}`);
  if (hash === undefined) return refused('PKCS#12: a MAC that is not known here (SHA-1 to SHA-512 are)');
  if (!(iterations >= 1 && iterations <= MOST_SLOW_ITERATIONS))
    return refused(
      `PKCS#12: asks for ${iterations} rounds of its password; ${MOST_SLOW_ITERATIONS} at the most are done`,
    );
  const [name, length] = hash;
  const key = pkcs12Derive(password, salt, 3, iterations, length, name);
  const own = createHmac(name, key).update(content).digest();
  return own.length === expected.length && timingSafeEqual(own, expected)
    ? parsed(null)
    : refused('the password is wrong, or the file is damaged');
}

function bagsOf(safe: Uint8Array, password: string): Parsed<Pkcs12> {
  const read = readBer(safe);
  if (!read.ok) return read;
  const keys: PrivateKeyHandle[] = [];
  const certificates: Uint8Array[] = [];
  for (const info of read.value.children) {
    const content = safeContents(info, password);
    if (!content.ok) return content;
    const bags = readBer(content.value);
    if (!bags.ok) return bags;
    for (const bag of bags.value.children) {
      const taken = takeBag(bag, password, keys, certificates);
      if (!taken.ok) return taken;
    }
    content.value.fill(0);
  }
  const [key] = keys;
  if (key === undefined || keys.length > 1)
    return refused(`a PKCS#12 file with ${keys.length} private keys; one is wanted`);
  const own = certificates.find((der) => {
    const certificate = readCertificate(der);
    return certificate.ok && kidOf(certificate.value.spki) === key.kid;
  });
  if (own === undefined) return refused('a PKCS#12 file without a certificate of its key');
  return parsed({ key, chain: [own, ...certificates.filter((der) => der !== own)] });
}

/** The bags of one ContentInfo, decrypted where they are encrypted. */
function safeContents(info: DerNode, password: string): Parsed<Buffer> {
  const faults = new Faults();
  const fields = faults.fields(info, TAG.sequence, 'PKCS#12');
  const type = fields.oid();
  const content = fields.explicit(0);
  if (faults.first !== null) return faults.first;
  if (content === null) return refused('PKCS#12: an empty part');
  if (type === DATA) return parsed(Buffer.from(octetsOf(content, TAG.octetString) ?? []));
  if (type !== ENCRYPTED_DATA) return refused('PKCS#12: a part that is encrypted to a key, not under a password');
  const inside = new Faults();
  const encrypted = inside.fields(content, TAG.sequence, 'PKCS#12');
  encrypted.small();
  const inner = encrypted.open(TAG.sequence);
  inner.oid();
  const algorithm = inner.take(TAG.sequence);
  const boxNode = inner.take(contextTag(0, false), contextTag(0));
  if (inside.first !== null) return inside.first;
  return decryptPbe(algorithm, password, octetsOf(boxNode, contextTag(0, false)) ?? Buffer.alloc(0));
}

function takeBag(bag: DerNode, password: string, keys: PrivateKeyHandle[], certificates: Uint8Array[]): Parsed<null> {
  const faults = new Faults();
  const fields = faults.fields(bag, TAG.sequence, 'PKCS#12 bag');
  const type = fields.oid();
  const value = fields.explicit(0);
  if (faults.first !== null) return faults.first;
  if (value === null) return refused('PKCS#12: an empty bag');
  if (type === CERTIFICATE_BAG) {
    const own = faults.fields(value, TAG.sequence, 'PKCS#12 certificate');
    if (own.oid() !== X509) return parsed(null);
    const der = own.explicit(0);
    if (der !== null) certificates.push(new Uint8Array(octetsOf(der, TAG.octetString) ?? []));
    return faults.give(null);
  }
  if (type !== KEY_BAG && type !== SHROUDED_KEY_BAG) return parsed(null); // revocation lists, secrets of others
  const plain = type === KEY_BAG ? parsed(Buffer.from(wholeOf(value))) : openShrouded(value, password);
  if (!plain.ok) return plain;
  const key = privateKeyFromPkcs8(plain.value);
  plain.value.fill(0);
  if (!key.ok) return key;
  keys.push(key.value);
  return parsed(null);
}

function openShrouded(value: DerNode, password: string): Parsed<Buffer> {
  const parts = readEncryptedKeyInfo(value);
  return parts.ok ? decryptPbe(parts.value.algorithm, password, parts.value.box) : parts;
}

/** PKCS#8 under a password ("ENCRYPTED PRIVATE KEY"), DER. */
export function writeEncryptedPkcs8(key: PrivateKeyHandle, password: string): Uint8Array {
  const der = pkcs8Of(key);
  const { algorithm, box } = encryptPbes2(password, der);
  der.fill(0);
  return new Uint8Array(encryptedKeyInfo(algorithm, box));
}
