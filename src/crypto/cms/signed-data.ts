import { parsed, refused, type Parsed } from '../../parsed.ts';
import {
  contentOf,
  contextTag,
  Faults,
  inSetOrder,
  octetsOf,
  TAG,
  wholeOf,
  type DerNode,
  type Fields,
} from '../der.ts';
import { hashOf, signatureAlgorithmOf, type Hash, type SignatureAlgorithm } from '../x509/algorithms.ts';
import type { Certificate } from '../x509/certificate.ts';
import { readContentInfo, type ContentInfo } from './content-info.ts';
import { ATTRIBUTE, CONTENT } from './oids.ts';

/** Whom a signature or an encrypted key is of: issuer and serial number, or the subject key identifier. */
export type CertificateId =
  | { readonly issuer: Buffer; readonly serial: Buffer; readonly subjectKeyId: null }
  | { readonly issuer: null; readonly serial: null; readonly subjectKeyId: Buffer };

/** One SignerInfo (RFC 5652 section 5.3), read and not verified. */
export interface SignerInfo {
  readonly id: CertificateId;
  readonly digest: Hash;
  readonly algorithm: SignatureAlgorithm;
  /** the signed attributes as a SET OF in DER, which is what the signature covers; null: it covers the content itself */
  readonly signedAttributes: Buffer | null;
  /** the one value of each signed attribute, by its OID in hex */
  readonly attributes: ReadonlyMap<string, DerNode>;
  readonly signature: Buffer;
}

/** SignedData (RFC 5652 section 5.1), read and not verified. */
export interface SignedData {
  /** OID in hex */
  readonly contentType: string;
  /** null: detached */
  readonly content: Buffer | null;
  /** each as DER */
  readonly certificates: readonly Buffer[];
  readonly signers: readonly SignerInfo[];
}

const MOST_SIGNERS = 8;
const MOST_CERTIFICATES = 16;
const MOST_ATTRIBUTES = 32;

/** Reads a ContentInfo with SignedData; what is refused: `signedDataOf`. */
export function readSignedData(bytes: Uint8Array): Parsed<SignedData> {
  const info = readContentInfo(bytes);
  return info.ok ? signedDataOf(info.value) : info;
}

/** SignedData of a ContentInfo. Refused: anything else; more than 8 signers or 16 certificates; signed attributes that are not DER. */
export function signedDataOf(info: ContentInfo): Parsed<SignedData> {
  if (info.type !== CONTENT.signedData) return refused('CMS: no SignedData');
  const faults = new Faults();
  const fields = faults.fields(info.content, TAG.sequence, 'SignedData');
  fields.small(); // the version follows from what is in it
  fields.take(TAG.set); // the digests: for readers in one pass; each signer names its own
  const inner = fields.open(TAG.sequence, 'encapContentInfo');
  const contentType = inner.oid();
  const wrapped = inner.explicit(0);
  inner.end();
  const content = wrapped === null ? null : octetsOf(wrapped, TAG.octetString);
  if (wrapped !== null && content === null) faults.add('SignedData: the content is no octet string', wrapped.start);
  const certificates = (fields.optional(contextTag(0))?.children ?? []).filter((node) => node.tag === TAG.sequence);
  fields.optional(contextTag(1)); // revocation lists of the message: the verifier has its own
  const infos = fields.take(TAG.set).children;
  fields.end();
  if (faults.first !== null) return faults.first;
  if (infos.length > MOST_SIGNERS) return refused(`SignedData: more than ${MOST_SIGNERS} signers`);
  if (certificates.length > MOST_CERTIFICATES)
    return refused(`SignedData: more than ${MOST_CERTIFICATES} certificates`);
  const signers: SignerInfo[] = [];
  for (const node of infos) {
    const signer = signerOf(node);
    if (!signer.ok) return signer;
    signers.push(signer.value);
  }
  return parsed({ contentType, content, certificates: certificates.map(wholeOf), signers });
}

/** SignerIdentifier and RecipientIdentifier are alike. */
export function certificateIdOf(fields: Fields, faults: Faults): CertificateId {
  const ski = fields.optional(contextTag(0, false));
  if (ski !== null) return { issuer: null, serial: null, subjectKeyId: contentOf(ski) };
  const node = fields.take(TAG.sequence);
  const inner = faults.fields(node, TAG.sequence, 'issuerAndSerialNumber');
  const issuer = wholeOf(inner.take(TAG.sequence));
  const serial = inner.integer();
  inner.end();
  return { issuer, serial, subjectKeyId: null };
}

export function isOf(id: CertificateId, certificate: Certificate): boolean {
  if (id.subjectKeyId !== null) return certificate.subjectKeyId?.equals(id.subjectKeyId) === true;
  return certificate.issuer.equals(id.issuer) && certificate.serial.equals(id.serial);
}

function signerOf(node: DerNode): Parsed<SignerInfo> {
  const faults = new Faults();
  const fields = faults.fields(node, TAG.sequence, 'SignerInfo');
  fields.small();
  const id = certificateIdOf(fields, faults);
  const digest = hashOf(fields.take(TAG.sequence));
  const set = fields.optional(contextTag(0));
  const algorithm = signatureAlgorithmOf(fields.take(TAG.sequence), digest);
  const signature = contentOf(fields.take(TAG.octetString));
  fields.optional(contextTag(1)); // unsigned attributes: nobody vouches for them
  fields.end();
  const attributes = set === null ? new Map<string, DerNode>() : attributesOf(set, faults);
  if (faults.first !== null) return faults.first;
  if (digest === null || algorithm?.hash !== digest)
    return refused('SignerInfo: an algorithm that is not taken', node.start);
  return parsed({ id, digest, algorithm, signedAttributes: set === null ? null : asSet(set), attributes, signature });
}

/** Attributes that are signed: DER, in order, each type once, each with one value (RFC 5652 sections 5.3 and 11). */
function attributesOf(set: DerNode, faults: Faults): Map<string, DerNode> {
  const found = new Map<string, DerNode>();
  const encodings = set.children.map(wholeOf);
  const inOrder = inSetOrder(encodings).every((encoding, i) => encoding === encodings[i]);
  if (!set.der || !inOrder || encodings.length > MOST_ATTRIBUTES) faults.add('signed attributes: not DER', set.start);
  for (const node of set.children) {
    const fields = faults.fields(node, TAG.sequence, 'attribute');
    const type = fields.oid();
    const values = fields.take(TAG.set).children;
    fields.end();
    const [value] = values;
    if (value === undefined || values.length > 1 || found.has(type)) {
      faults.add('signed attributes: one twice, or without one value', node.start);
      continue;
    }
    found.set(type, value);
  }
  if (!found.has(ATTRIBUTE.contentType) || !found.has(ATTRIBUTE.messageDigest))
    faults.add('signed attributes: no content type or no digest', set.start);
  return found;
}

/** What is signed is the SET OF, not the `[0]` it is sent in (RFC 5652 section 5.4). */
function asSet(node: DerNode): Buffer {
  const copy = Buffer.from(wholeOf(node));
  copy[0] = TAG.set;
  return copy;
}
