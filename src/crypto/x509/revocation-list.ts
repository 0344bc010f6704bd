import type { Millis } from '../../model.ts';
import { parsed, refused, type Parsed } from '../../parsed.ts';
import { Faults, oid, readDer, TAG, timeOf, wholeOf } from '../der.ts';
import { signatureAlgorithmOf, type SignatureAlgorithm } from './algorithms.ts';
import { readExtensions } from './certificate.ts';

/** A certificate revocation list (RFC 5280 section 5.1), read and not yet trusted. */
export interface RevocationList {
  readonly tbs: Buffer;
  /** name as DER */
  readonly issuer: Buffer;
  readonly thisUpdate: Millis;
  readonly nextUpdate: Millis;
  /** serial numbers, hex of the INTEGER's content */
  readonly revoked: ReadonlySet<string>;
  /** null: an algorithm that is not taken */
  readonly algorithm: SignatureAlgorithm | null;
  readonly signature: Buffer;
}

/** Number and authority key: the list means the same without them. */
const HARMLESS = new Set([oid('2.5.29.20'), oid('2.5.29.35')]);

/**
 * Reads a CRL in DER. Refused: what is not DER; one without nextUpdate, for nobody could tell when it is stale; one with a critical
 * extension (delta and partial lists, lists of several issuers), for it would not say what it seems to say.
 */
export function readRevocationList(bytes: Uint8Array): Parsed<RevocationList> {
  const read = readDer(bytes);
  if (!read.ok) return refused(`CRL: ${read.reason}`, read.offset);
  const faults = new Faults();
  const outer = faults.fields(read.value, TAG.sequence, 'CRL');
  const tbsNode = outer.take(TAG.sequence);
  const algorithm = outer.take(TAG.sequence);
  const signature = outer.bits();
  outer.end();
  const tbs = faults.fields(tbsNode, TAG.sequence, 'CRL');
  if (tbs.small() !== 1) faults.add('CRL: not version 2', tbsNode.start);
  const inner = tbs.take(TAG.sequence);
  if (!wholeOf(inner).equals(wholeOf(algorithm))) faults.add('CRL: two signature algorithms', 0);
  const issuer = wholeOf(tbs.take(TAG.sequence));
  const thisUpdate = timeOf(tbs.take(TAG.utcTime, TAG.generalizedTime));
  const next = tbs.optional(TAG.utcTime, TAG.generalizedTime);
  const nextUpdate = next === null ? null : timeOf(next);
  const entries = tbs.optional(TAG.sequence);
  const extensions = tbs.explicit(0);
  tbs.end();
  const revoked = new Set<string>();
  for (const entry of entries?.children ?? []) {
    const fields = faults.fields(entry, TAG.sequence, 'CRL entry');
    revoked.add(fields.integer().toString('hex'));
    fields.take(TAG.utcTime, TAG.generalizedTime);
    const more = fields.optional(TAG.sequence);
    if (readExtensions(more?.children ?? [], faults).some((extension) => extension.critical))
      faults.add('CRL: an entry with a critical extension', entry.start);
    fields.end();
  }
  for (const { type, critical } of readExtensions(extensions?.children ?? [], faults))
    if (critical && !HARMLESS.has(type)) faults.add('CRL: a critical extension', extensions?.start ?? 0);
  if (faults.first !== null) return faults.first;
  if (thisUpdate === null || nextUpdate === null) return refused('CRL: no thisUpdate or nextUpdate');
  return parsed({
    tbs: wholeOf(tbsNode),
    issuer,
    thisUpdate,
    nextUpdate,
    revoked,
    algorithm: signatureAlgorithmOf(algorithm),
    signature,
  });
}
