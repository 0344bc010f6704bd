import { createHash, createPublicKey, type KeyObject } from 'node:crypto';
import type { Millis } from '../../model.ts';
import { parsed, refused, type Parsed } from '../../parsed.ts';
import {
  contentOf,
  contextTag,
  Faults,
  oid,
  readDer,
  TAG,
  timeOf,
  wholeOf,
  type DerNode,
  type Fields,
} from '../der.ts';
import { kidOf, sizeOf } from '../public-key.ts';
import { RSA_ENCRYPTION, signatureAlgorithmOf, type SignatureAlgorithm } from './algorithms.ts';

/** Bits of keyUsage (RFC 5280 section 4.2.1.3): bit 0 of the standard is the highest of the first octet. */
export const KEY_USAGE = {
  digitalSignature: 0x80,
  nonRepudiation: 0x40,
  keyEncipherment: 0x20,
  keyCertSign: 0x04,
  cRLSign: 0x02,
} as const;

/** Larger keys are refused: whoever sends a certificate chooses what checking it costs. */
const MOST_BITS = 4096;

/** An X.509 v3 certificate with an RSA key (RFC 5280 section 4.1), read and not yet trusted. */
export interface Certificate {
  readonly der: Buffer;
  /** SHA-256 of the DER, hex */
  readonly fingerprint: string;
  /** what is signed */
  readonly tbs: Buffer;
  /** content of the INTEGER */
  readonly serial: Buffer;
  /** names as DER, compared octet by octet */
  readonly issuer: Buffer;
  readonly subject: Buffer;
  readonly notBefore: Millis;
  readonly notAfter: Millis;
  /** SubjectPublicKeyInfo, DER */
  readonly spki: Buffer;
  /** SHA-256 of the SPKI, base64url: the name of the key */
  readonly kid: string;
  readonly key: KeyObject;
  readonly bits: number;
  /** null: an algorithm that is not taken */
  readonly algorithm: SignatureAlgorithm | null;
  readonly signature: Buffer;
  readonly ca: boolean;
  /** null: not limited */
  readonly pathLength: number | null;
  /** null: not limited */
  readonly keyUsage: number | null;
  /** in hex as `oid` gives them; null: not limited */
  readonly extendedKeyUsage: readonly string[] | null;
  /** subjectAltName, uniformResourceIdentifier and rfc822Name */
  readonly uris: readonly string[];
  readonly emails: readonly string[];
  readonly subjectKeyId: Buffer | null;
  readonly authorityKeyId: Buffer | null;
  /** OIDs in hex of extensions that limit it in a way that is not understood here */
  readonly notUnderstood: readonly string[];
}

type Extensions = Omit<
  Certificate,
  | 'der' | 'fingerprint' | 'tbs' | 'serial' | 'issuer' | 'subject' | 'notBefore' | 'notAfter' | 'spki' | 'kid' | 'key' | 'bits' | 'algorithm' | 'signature'
>; // prettier-ignore

const MOST_CERTIFICATE_BYTES = 64 << 10;

/**
 * Reads a certificate in DER. Refused: what is not DER, other versions than 3, a key that is not RSA of 2048 to 4096 bits with
 * e = 65537, an extension twice or damaged.
 */
export function readCertificate(bytes: Uint8Array): Parsed<Certificate> {
  if (bytes.length > MOST_CERTIFICATE_BYTES) return refused('certificate: longer than 65536 bytes');
  const read = readDer(bytes);
  if (!read.ok) return refused(`certificate: ${read.reason}`, read.offset);
  const faults = new Faults();
  const outer = faults.fields(read.value, TAG.sequence, 'certificate');
  const tbsNode = outer.take(TAG.sequence);
  const algorithmNode = outer.take(TAG.sequence);
  const signature = outer.bits();
  outer.end();
  const tbs = faults.fields(tbsNode, TAG.sequence, 'certificate');
  const version = tbs.explicit(0);
  const serial = tbs.integer();
  const inner = tbs.take(TAG.sequence);
  const issuer = wholeOf(tbs.take(TAG.sequence));
  const validity = tbs.open(TAG.sequence);
  const notBefore = timeOf(validity.take(TAG.utcTime, TAG.generalizedTime));
  const notAfter = timeOf(validity.take(TAG.utcTime, TAG.generalizedTime));
  validity.end();
  const subject = wholeOf(tbs.take(TAG.sequence));
  const spki = wholeOf(tbs.take(TAG.sequence));
  tbs.optional(contextTag(1, false));
  tbs.optional(contextTag(2, false));
  const extensions = extensionsOf(tbs, faults);
  tbs.end();
  if (version === null || !contentOf(version).equals(Buffer.of(2))) faults.add('certificate: not version 3', 0);
  if (!wholeOf(inner).equals(wholeOf(algorithmNode))) faults.add('certificate: two signature algorithms', 0);
  if (faults.first !== null) return faults.first;
  if (notBefore === null || notAfter === null) return refused('certificate: a date that is none');
  const key = rsaKeyOf(spki);
  if (!key.ok) return key;
  return parsed({
    der: wholeOf(read.value),
    fingerprint: createHash('sha256').update(wholeOf(read.value)).digest('hex'),
    tbs: wholeOf(tbsNode),
    serial,
    issuer,
    subject,
    notBefore,
    notAfter,
    spki,
    kid: kidOf(spki),
    ...key.value,
    algorithm: signatureAlgorithmOf(algorithmNode),
    signature,
    ...extensions,
  });
}

function rsaKeyOf(spki: Buffer): Parsed<{ readonly key: KeyObject; readonly bits: number }> {
  const read = readDer(spki);
  const type = read.ok ? read.value.children[0]?.children[0] : undefined;
  // a key of type RSASSA-PSS or RSAES-OAEP would limit what it may do in parameters that are not read here
  if (type === undefined || contentOf(type).toString('hex') !== RSA_ENCRYPTION)
    return refused('certificate: no RSA key');
  let key: KeyObject;
  try {
    key = createPublicKey({ key: spki, format: 'der', type: 'spki' });
  } catch {
    return refused('certificate: a damaged key');
  }
  const bits = sizeOf(key);
  if (!bits.ok) return refused(`certificate: ${bits.reason}`);
  if (bits.value > MOST_BITS) return refused(`certificate: an RSA key of more than ${MOST_BITS} bits`);
  return parsed({ key, bits: bits.value });
}

/** What an extension says, by its OID. Each gets the content of extnValue. */
type Take = (value: DerNode, found: { -readonly [K in keyof Extensions]: Extensions[K] }, faults: Faults) => void;

const TAKES = new Map<string, Take>([
  [
    oid('2.5.29.19'),
    (value, found, faults) => {
      const fields = faults.fields(value, TAG.sequence, 'basicConstraints');
      const ca = fields.optional(TAG.boolean);
      found.ca = ca !== null && contentOf(ca).equals(Buffer.of(0xff));
      if (ca !== null && !found.ca) faults.add('basicConstraints: cA is not TRUE in DER', 0);
      found.pathLength = value.children.length > (ca === null ? 0 : 1) ? fields.small() : null;
      fields.end();
    },
  ],
  [
    oid('2.5.29.15'),
    (value, found, faults) => {
      const content = contentOf(value);
      if (value.tag !== TAG.bitString || content.length < 2) faults.add('keyUsage: not a bit string', 0);
      found.keyUsage = content[1] ?? 0;
    },
  ],
  [
    oid('2.5.29.37'),
    (value, found, faults) => {
      const fields = faults.fields(value, TAG.sequence, 'extKeyUsage');
      found.extendedKeyUsage = value.children.map(() => fields.oid());
    },
  ],
  [
    oid('2.5.29.17'),
    (value, found, faults) => {
      if (value.tag !== TAG.sequence) faults.add('subjectAltName: not a sequence', 0);
      const texts = (n: number): string[] =>
        value.children.filter((name) => name.tag === contextTag(n, false)).map((name) => contentOf(name).toString());
      found.uris = texts(6);
      found.emails = texts(1);
    },
  ],
  [
    oid('2.5.29.14'),
    (value, found, faults) => {
      if (value.tag !== TAG.octetString) faults.add('subjectKeyIdentifier: not an octet string', 0);
      found.subjectKeyId = contentOf(value);
    },
  ],
  [
    oid('2.5.29.35'),
    (value, found, faults) => {
      const id = faults.fields(value, TAG.sequence, 'authorityKeyIdentifier').optional(contextTag(0, false));
      found.authorityKeyId = id === null ? null : contentOf(id);
    },
  ],
]);

/** Certificate policies: they limit nothing where no policy is asked for (RFC 5280 section 6.1.1, any-policy). */
const HARMLESS = new Set([oid('2.5.29.32')]);
/** Name constraints limit also where they are not critical: whoever set them meant it. */
const NAME_CONSTRAINTS = oid('2.5.29.30');

function extensionsOf(tbs: Fields, faults: Faults): Extensions {
  const found: { -readonly [K in keyof Extensions]: Extensions[K] } = {
    ca: false,
    pathLength: null,
    keyUsage: null,
    extendedKeyUsage: null,
    uris: [],
    emails: [],
    subjectKeyId: null,
    authorityKeyId: null,
    notUnderstood: [],
  };
  const list = tbs.explicit(3);
  if (list === null) return found;
  const seen = new Set<string>();
  const notUnderstood: string[] = [];
  if (list.tag !== TAG.sequence) faults.add('certificate: extensions are no sequence', list.start);
  for (const { type, critical, value } of readExtensions(list.children, faults)) {
    if (seen.has(type)) faults.add('certificate: an extension twice', list.start);
    seen.add(type);
    const take = TAKES.get(type);
    if (take !== undefined) {
      const inner = readDer(value);
      if (inner.ok) take(inner.value, found, faults);
      else faults.add(`certificate: extension: ${inner.reason}`, list.start);
    } else if ((critical && !HARMLESS.has(type)) || type === NAME_CONSTRAINTS) notUnderstood.push(type);
  }
  return { ...found, notUnderstood };
}

/** Extension ::= SEQUENCE { extnID, critical DEFAULT FALSE, extnValue }, of certificates and revocation lists. */
export function readExtensions(
  nodes: readonly DerNode[],
  faults: Faults,
): { readonly type: string; readonly critical: boolean; readonly value: Buffer }[] {
  return nodes.map((node) => {
    const fields = faults.fields(node, TAG.sequence, 'extension');
    const type = fields.oid();
    const critical = fields.optional(TAG.boolean);
    const value = contentOf(fields.take(TAG.octetString));
    fields.end();
    return { type, critical: critical !== null && contentOf(critical)[0] !== 0, value };
  });
}
