import type { AuditTable } from './audit.ts';
import {
  canonicalJson,
  headText,
  type AuditEntry,
  type AuditHead,
  type AuditRecord,
  type JsonObject,
} from './audit-chain.ts';

/**
 * Who signs the trail: a handle of crypto's or the toolbox's, which this room never sees the key of. RSASSA-PSS, SHA-256,
 * MGF1-SHA-256, salt of 32 bytes (RFC 8017 section 8.1).
 */
export interface AuditSigner {
  /** SHA-256 of the SPKI DER, hex */
  readonly kid: string;
  sign(bytes: Uint8Array): Uint8Array | Promise<Uint8Array>;
}

/** What a seal signs: everything up to a head. */
export const sealedBytes = (head: AuditHead): Buffer => Buffer.from(`ringfence audit seal/1\0${headText(head)}`);

const SEAL = 'audit.seal';

/** What a record's own signature covers: its details without the signature. */
export const signedDetails = (details: JsonObject): Buffer =>
  Buffer.from(`ringfence message record/1\0${canonicalJson(details)}`);

/** A record's signature over its own details, beside the chain; null: it has none, or not one that could be checked. */
export function signatureIn({
  action,
  details,
}: AuditRecord): { readonly kid: string; readonly bytes: Buffer; readonly signature: Buffer } | 'broken' | null {
  if (!action.startsWith('message.') || !('signature' in details)) return null;
  const { kid, alg, signature, ...signed } = details;
  if (typeof kid !== 'string' || alg !== 'PS256' || typeof signature !== 'string') return 'broken';
  const hex = Buffer.from(kid, 'base64url').toString('hex');
  return { kid: hex, bytes: signedDetails(signed), signature: Buffer.from(signature, 'base64') };
}

/** A signature in the trail over all that stands before it. */
export interface AuditSeal extends AuditHead {
  readonly kid: string;
  readonly signature: Buffer;
}

/** The seal that a record is; null: it is none, or not one that could be checked. */
export function sealIn({ action, details }: AuditRecord): AuditSeal | 'broken' | null {
  if (action !== SEAL) return null;
  const { kid, seq, hash, signature } = details;
  if (typeof kid !== 'string' || typeof seq !== 'number' || typeof hash !== 'string' || typeof signature !== 'string')
    return 'broken';
  return { kid, seq, hash, signature: Buffer.from(signature, 'base64') };
}

/**
 * Signs the trail as it stands and puts the signature into it as a record.
 * @returns the head that was signed; null: nothing was told since the last seal
 * @throws StoreError; what the signer throws
 */
export async function sealTrail(audit: AuditTable, signer: AuditSigner): Promise<AuditHead | null> {
  const head = audit.head();
  if (head.seq === 0 || audit.row(head.seq)?.action === SEAL) return null;
  const signature = Buffer.from(await signer.sign(sealedBytes(head))).toString('base64');
  const details = { kid: signer.kid, seq: head.seq, hash: head.hash, alg: 'PS256', signature };
  audit.append([{ actor: 'ringfence', action: SEAL, target: 'audit', details } satisfies AuditEntry]);
  return head;
}
