import { hash } from 'node:crypto';
import type { Millis } from '../../model.ts';
import { parsed, refused, type Parsed } from '../../parsed.ts';
import {
  contextTag,
  derInteger,
  derOctets,
  derOid,
  derPieces,
  derSequence,
  derSetOf,
  derSmall,
  derTime,
  derValue,
  TAG,
} from '../der.ts';
import type { PrivateKeyHandle } from '../private-key.ts';
import { derHash, derSignatureAlgorithm, type SignatureAlgorithm } from '../x509/algorithms.ts';
import type { Certificate } from '../x509/certificate.ts';
import { CIPHERS } from './ciphers.ts';
import { derContentInfo } from './content-info.ts';
import { ATTRIBUTE, CONTENT } from './oids.ts';

/** A key with the certificate that names its owner; they must belong together. */
export interface Identity {
  readonly key: PrivateKeyHandle;
  readonly certificate: Certificate;
  /** CAs between it and the one that the other side trusts */
  readonly chain?: readonly Certificate[];
}

/** Refused: the certificate is of another key. */
export const identityOf = (
  key: PrivateKeyHandle,
  certificate: Certificate,
  chain: readonly Certificate[] = [],
): Parsed<Identity> =>
  key.kid === certificate.kid ? parsed({ key, certificate, chain }) : refused('the certificate is not of this key');

export interface SignOptions {
  readonly signers: readonly Identity[];
  /** leave the content out of it (multipart/signed); default: false */
  readonly detached?: boolean;
  /** default: pss; pkcs1 (v1.5) is what `openssl smime` and other old peers can read */
  readonly signature?: SignatureAlgorithm['kind'];
  /** signingTime; null or missing: none is stated */
  readonly at?: Millis | null;
  /** further signed attributes: OID in hex and value in DER */
  readonly attributes?: readonly (readonly [type: string, value: Uint8Array])[];
  /** OID in hex; default: data */
  readonly contentType?: string;
}

const attribute = (type: string, value: Uint8Array): Buffer => derSequence(derOid(type), derSetOf(value));

const IS_DATA = attribute(ATTRIBUTE.contentType, derOid(CONTENT.data));
/** SMIMECapabilities (RFC 8551 section 2.5.2): what the other side may encrypt with. */
const CAPABILITIES = attribute(
  ATTRIBUTE.smimeCapabilities,
  derSequence(...Object.values(CIPHERS).map((cipher) => derSequence(derOid(cipher.oid)))),
);

/** Signs `content`: a ContentInfo with SignedData in DER (RFC 5652 section 5, RFC 8551 section 3.5), SHA-256. */
export function signCms(content: Uint8Array, options: SignOptions): Buffer {
  const { contentType = CONTENT.data, signature = 'pss' } = options;
  const digest = hash('sha256', content, 'buffer');
  const infos = options.signers.map((signer) => {
    const attributes = derSetOf(
      contentType === CONTENT.data ? IS_DATA : attribute(ATTRIBUTE.contentType, derOid(contentType)),
      attribute(ATTRIBUTE.messageDigest, derOctets(digest)),
      namedIn(signer.certificate).attribute,
      CAPABILITIES,
      ...(options.at === undefined || options.at === null
        ? []
        : [attribute(ATTRIBUTE.signingTime, derTime(options.at))]),
      ...(options.attributes ?? []).map(([type, value]) => attribute(type, value)),
    );
    const value = signature === 'pss' ? signer.key.signPss(attributes) : signer.key.signPkcs1(attributes);
    const sent = Buffer.from(attributes);
    sent[0] = contextTag(0);
    return derSequence(
      derSmall(1),
      issuerAndSerial(signer.certificate),
      derHash('sha256'),
      sent,
      derSignatureAlgorithm(signature),
      derOctets(value),
    );
  });
  const type = derOid(contentType);
  const inner = derPieces(contextTag(0), derPieces(TAG.octetString, [content]));
  return derContentInfo(CONTENT.signedData, [
    derSmall(contentType === CONTENT.data ? 1 : 3),
    derSetOf(derHash('sha256')),
    ...(options.detached === true ? [derSequence(type)] : derPieces(TAG.sequence, [type, ...inner])),
    certificatesOf(options.signers),
    derSetOf(...infos),
  ]);
}

/** Certificates and nothing else (RFC 8551 section 3.8): what a 493 carries, and how a key is made known. */
export const certificatesOnly = (certificates: readonly Certificate[]): Buffer =>
  derContentInfo(CONTENT.signedData, [
    derSmall(1),
    derValue(TAG.set),
    derSequence(derOid(CONTENT.data)),
    certificateSet(certificates),
    derValue(TAG.set),
  ]);

const certificateSet = (certificates: readonly Certificate[]): Buffer => {
  const unique = new Map(certificates.map((certificate) => [certificate.fingerprint, certificate.der]));
  const set = derSetOf(...unique.values());
  set[0] = contextTag(0);
  return set;
};

/** Certificates of one signer are the same in each of his messages: their set is made once. */
const sets = new WeakMap<Identity, Buffer>();
function certificatesOf(signers: readonly Identity[]): Buffer {
  const [only] = signers;
  const known = only === undefined || signers.length > 1 ? undefined : sets.get(only);
  if (known !== undefined) return known;
  const set = certificateSet(signers.flatMap((signer) => [signer.certificate, ...(signer.chain ?? [])]));
  if (only !== undefined && signers.length === 1) sets.set(only, set);
  return set;
}

/** What messages say of a certificate: made once. */
interface Naming {
  readonly issuerAndSerial: Buffer;
  /** signingCertificateV2 with SHA-256, its default (RFC 5035 section 3) */
  readonly attribute: Buffer;
}
const namings = new WeakMap<Certificate, Naming>();
function namedIn(certificate: Certificate): Naming {
  const known = namings.get(certificate);
  if (known !== undefined) return known;
  const hashed = derSequence(derSequence(derSequence(derOctets(Buffer.from(certificate.fingerprint, 'hex')))));
  const naming = {
    issuerAndSerial: derSequence(certificate.issuer, derInteger(certificate.serial)),
    attribute: attribute(ATTRIBUTE.signingCertificateV2, hashed),
  };
  namings.set(certificate, naming);
  return naming;
}

export const issuerAndSerial = (certificate: Certificate): Buffer => namedIn(certificate).issuerAndSerial;
