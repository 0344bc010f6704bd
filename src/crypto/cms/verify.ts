import { hash } from 'node:crypto';
import type { Millis } from '../../model.ts';
import { parsed, refused, type Parsed } from '../../parsed.ts';
import type { Trust } from '../chain.ts';
import { contentOf, Faults, octetsOf, readBer, TAG, timeOf, type DerNode } from '../der.ts';
import { hashOf, signatureHolds, type Hash } from '../x509/algorithms.ts';
import type { Certificate } from '../x509/certificate.ts';
import { ATTRIBUTE, CONTENT } from './oids.ts';
import { isOf, type SignedData, type SignerInfo } from './signed-data.ts';

/** A signer whose signature holds and whose certificate leads to a trusted CA. */
export interface VerifiedSigner {
  readonly certificate: Certificate;
  /** from the certificate to the anchor */
  readonly path: readonly Certificate[];
  /** what the signer says; null: nothing */
  readonly signingTime: Millis | null;
  readonly info: SignerInfo;
}

export interface VerifyOptions {
  readonly trust: Trust;
  readonly now: Millis;
  /** OID in hex that the content must be of; default: data */
  readonly contentType?: string;
  /** certificates known beside those of the message */
  readonly certificates?: readonly Certificate[];
}

/**
 * Verifies every signature of a message over `content` (RFC 5652 section 5.6), with chain, dates and revocation. One that does not
 * hold refuses the message, as in `openssl cms -verify`; so does a message without signers.
 */
export function verifySignedData(
  signed: SignedData,
  content: Uint8Array,
  options: VerifyOptions,
): Parsed<readonly VerifiedSigner[]> {
  const { trust, now, contentType = CONTENT.data } = options;
  if (signed.contentType !== contentType) return refused('SignedData: content of another type');
  if (signed.signers.length === 0) return refused('SignedData: nobody has signed it');
  const carried = signed.certificates.flatMap((der) => trust.certificate(der) ?? []);
  const known = [...carried, ...(options.certificates ?? []), ...trust.anchors];
  const digests = new Map<Hash, Buffer>();
  const verified: VerifiedSigner[] = [];
  for (const info of signed.signers) {
    const owners = known.filter((certificate) => isOf(info.id, certificate));
    // of two certificates with one name the one whose key fits
    const certificate = owners.find((one) => isSignedBy(info, one, content, signed.contentType, digests));
    // which of the two it is that does not hold is not to be told by the time either
    if (certificate === undefined && owners[0] !== undefined) trust.path(owners[0], known, now, 'sign');
    if (certificate === undefined)
      return refused(owners.length === 0 ? 'SignerInfo: no certificate of the signer' : 'SignerInfo: the signature does not hold'); // prettier-ignore
    const path = trust.path(certificate, known, now, 'sign');
    if (!path.ok) return path;
    const time = info.attributes.get(ATTRIBUTE.signingTime);
    verified.push({ certificate, path: path.value, signingTime: time === undefined ? null : timeOf(time), info });
  }
  return parsed(verified);
}

function isSignedBy(
  info: SignerInfo,
  certificate: Certificate,
  content: Uint8Array,
  contentType: string,
  digests: Map<Hash, Buffer>,
): boolean {
  const { attributes, signedAttributes } = info;
  if (signedAttributes === null) {
    // a signature over attributes must not pass as one over content that looks like them (RFC 5652 section 5.3)
    if (contentType !== CONTENT.data || looksLikeAttributes(content)) return false;
    return signatureHolds(certificate.key, info.algorithm, content, info.signature);
  }
  const digest = digests.get(info.digest) ?? hash(info.digest, content, 'buffer');
  digests.set(info.digest, digest);
  const type = attributes.get(ATTRIBUTE.contentType);
  const sent = attributes.get(ATTRIBUTE.messageDigest);
  const fits =
    type?.tag === TAG.oid &&
    contentOf(type).toString('hex') === contentType &&
    sent !== undefined &&
    octetsOf(sent, TAG.octetString)?.equals(digest) === true &&
    namesCertificate(attributes.get(ATTRIBUTE.signingCertificateV2), certificate);
  // the signature is checked all the same, so that a refusal takes as long
  return signatureHolds(certificate.key, info.algorithm, signedAttributes, info.signature) && fits;
}

function looksLikeAttributes(content: Uint8Array): boolean {
  if (content[0] !== TAG.set) return false;
  const read = readBer(content);
  return read.ok && read.value.children.every((node) => node.tag === TAG.sequence && node.children[0]?.tag === TAG.oid);
}

/** signingCertificateV2 (RFC 5035 section 3), where it stands: the first entry is the signer's certificate by its hash. */
function namesCertificate(value: DerNode | undefined, certificate: Certificate): boolean {
  if (value === undefined) return true;
  const faults = new Faults();
  const first = faults.fields(value, TAG.sequence, 'signingCertificateV2').open(TAG.sequence).open(TAG.sequence);
  const algorithm = first.optional(TAG.sequence);
  const sent = contentOf(first.take(TAG.octetString));
  const kind = algorithm === null ? 'sha256' : hashOf(algorithm);
  if (faults.first !== null || kind === null) return false;
  if (kind === 'sha256') return sent.toString('hex') === certificate.fingerprint;
  return hash(kind, certificate.der, 'buffer').equals(sent);
}
