import { constants, verify, type KeyObject } from 'node:crypto';
import {
  contentOf,
  derContext,
  derNull,
  derOid,
  derSequence,
  derSmall,
  Faults,
  oid,
  TAG,
  type DerNode,
} from '../der.ts';

/** Signature and digest algorithms as they stand in certificates and CMS. What is not in these tables is refused: no SHA-1, no MD5, RSA alone. */

export type Hash = 'sha256' | 'sha384' | 'sha512';

export interface SignatureAlgorithm {
  readonly kind: 'pss' | 'pkcs1';
  readonly hash: Hash;
  /** octets, PSS alone */
  readonly salt: number;
}

export const RSA_ENCRYPTION = oid('1.2.840.113549.1.1.1');
const MGF1 = oid('1.2.840.113549.1.1.8');
const PSS = oid('1.2.840.113549.1.1.10');

/** NIST digests (RFC 5754 section 2). */
const HASHES = new Map<string, Hash>([
  [oid('2.16.840.1.101.3.4.2.1'), 'sha256'],
  [oid('2.16.840.1.101.3.4.2.2'), 'sha384'],
  [oid('2.16.840.1.101.3.4.2.3'), 'sha512'],
]);
const WRITTEN_HASHES = Object.fromEntries([...HASHES].map(([hex, hash]) => [hash, derSequence(derOid(hex))])) as Record<
  Hash,
  Buffer
>;
export const HASH_BYTES: Readonly<Record<Hash, number>> = { sha256: 32, sha384: 48, sha512: 64 };
/** Names of RFC 8551 section 3.5.3.2 for `micalg`. */
export const MICALG: Readonly<Record<Hash, string>> = { sha256: 'sha-256', sha384: 'sha-384', sha512: 'sha-512' };

/** shaXXXWithRSAEncryption (RFC 4055 section 5). */
const PKCS1 = new Map<string, Hash>([
  [oid('1.2.840.113549.1.1.11'), 'sha256'],
  [oid('1.2.840.113549.1.1.12'), 'sha384'],
  [oid('1.2.840.113549.1.1.13'), 'sha512'],
]);

/** Parameters that may only be NULL or missing. */
const isPlain = (parameters: DerNode | null): boolean =>
  parameters === null || (parameters.tag === TAG.null && parameters.contentStart === parameters.contentEnd);

/** A digest algorithm of the table, null for every other. */
export function hashOf(algorithm: DerNode): Hash | null {
  const faults = new Faults();
  const fields = faults.fields(algorithm, TAG.sequence, 'digest algorithm');
  const hash = HASHES.get(fields.oid());
  const plain = isPlain(fields.any());
  fields.end();
  return faults.first === null && plain ? (hash ?? null) : null;
}

/**
 * A signature algorithm of the tables, null for every other. `digest` is what CMS says beside it: there plain rsaEncryption is
 * allowed too (RFC 3370 section 3.2), in a certificate it is not.
 */
export function signatureAlgorithmOf(algorithm: DerNode, digest: Hash | null = null): SignatureAlgorithm | null {
  const faults = new Faults();
  const fields = faults.fields(algorithm, TAG.sequence, 'signature algorithm');
  const type = fields.oid();
  const parameters = fields.any();
  fields.end();
  if (faults.first !== null) return null;
  if (type === PSS) return parameters === null ? null : pssOf(parameters);
  const hash = type === RSA_ENCRYPTION ? digest : PKCS1.get(type);
  return hash === undefined || hash === null || !isPlain(parameters) ? null : { kind: 'pkcs1', hash, salt: 0 };
}

/** RSASSA-PSS-params (RFC 4055 section 3.1): one hash for both, a salt at least as long as it (RFC 4056 section 3), which openssl 3.0 exceeds. */
function pssOf(parameters: DerNode): SignatureAlgorithm | null {
  const faults = new Faults();
  const fields = faults.fields(parameters, TAG.sequence, 'PSS');
  const hashNode = fields.explicit(0);
  const mask = fields.explicit(1);
  const saltNode = fields.explicit(2);
  const trailer = fields.explicit(3);
  fields.end();
  const hash = hashNode === null ? null : hashOf(hashNode);
  if (faults.first !== null || hash === null || mask === null || maskHashOf(mask) !== hash) return null;
  if (trailer !== null && !(trailer.tag === TAG.integer && contentOf(trailer).equals(Buffer.of(1)))) return null;
  const saltBytes = saltNode?.tag === TAG.integer ? contentOf(saltNode) : Buffer.of(20);
  if (saltBytes.length < 1 || saltBytes.length > 2) return null;
  const salt = saltBytes.readIntBE(0, saltBytes.length);
  return salt < HASH_BYTES[hash] ? null : { kind: 'pss', hash, salt };
}

/** The hash of MGF1 (RFC 4055 section 2.2); null for another mask function. */
export function maskHashOf(algorithm: DerNode): Hash | null {
  const faults = new Faults();
  const fields = faults.fields(algorithm, TAG.sequence, 'mask function');
  const type = fields.oid();
  const hash = fields.any();
  fields.end();
  return faults.first === null && type === MGF1 && hash !== null ? hashOf(hash) : null;
}

/** AlgorithmIdentifier of a digest, without parameters (RFC 5754 section 2). */
export const derHash = (hash: Hash): Buffer => WRITTEN_HASHES[hash];
/** AlgorithmIdentifier of MGF1 with SHA-256. */
export const derMask = (): Buffer => derSequence(derOid(MGF1), derHash('sha256'));

/** What `PrivateKeyHandle` signs with: SHA-256, PSS with a salt of 32 octets. */
const WRITTEN = {
  pss: derSequence(
    derOid(PSS),
    derSequence(derContext(0, derHash('sha256')), derContext(1, derMask()), derContext(2, derSmall(32))),
  ),
  pkcs1: derSequence(derOid(oid('1.2.840.113549.1.1.11')), derNull()),
} as const;
export const derSignatureAlgorithm = (kind: SignatureAlgorithm['kind']): Buffer => WRITTEN[kind];

/** Does the signature hold? Never throws. */
export function signatureHolds(
  key: KeyObject,
  algorithm: SignatureAlgorithm,
  data: Uint8Array,
  signature: Uint8Array,
): boolean {
  const options =
    algorithm.kind === 'pss'
      ? { key, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: algorithm.salt }
      : { key, padding: constants.RSA_PKCS1_PADDING };
  try {
    return verify(algorithm.hash, data, options, signature);
  } catch {
    return false; // a salt that the key has no room for
  }
}
