import { createHash, randomBytes } from 'node:crypto';
import type { Millis } from '../../model.ts';
import { parsed, refused, type Parsed } from '../../parsed.ts';
import {
  contentOf,
  contextTag,
  derOctets,
  derOid,
  derSequence,
  derSmall,
  derValue,
  Faults,
  octetsOf,
  readDer,
  TAG,
} from '../der.ts';
import { ATTRIBUTE, CONTENT } from './oids.ts';
import { signCms, type Identity } from './sign.ts';
import { readSignedData, type SignerInfo } from './signed-data.ts';
import { verifySignedData, type VerifiedSigner, type VerifyOptions } from './verify.ts';

/** Signed receipts (RFC 2634 section 2): the receiver's word that it has verified exactly this message. */

/** What a sender asks for. */
export interface ReceiptRequest {
  /** names the message among the sender's */
  readonly contentId: Buffer;
  /** URIs of those who want the receipt, `sip:…` */
  readonly to: readonly string[];
}

/** A request for a receipt, as a further signed attribute of `signCms`: from everybody who gets the message, to `uri`. */
export function receiptRequest(uri: string): readonly [type: string, value: Uint8Array] {
  const names = derSequence(derValue(contextTag(6, false), Buffer.from(uri)));
  const fromAll = derValue(contextTag(0, false), Buffer.of(0));
  return [ATTRIBUTE.receiptRequest, derSequence(derOctets(randomBytes(16)), fromAll, derSequence(names))];
}

/** The request that a signer has signed; null: none, or damaged. */
export function receiptRequestOf(signer: SignerInfo): ReceiptRequest | null {
  const value = signer.attributes.get(ATTRIBUTE.receiptRequest);
  if (value === undefined) return null;
  const faults = new Faults();
  const fields = faults.fields(value, TAG.sequence, 'receiptRequest');
  const contentId = contentOf(fields.take(TAG.octetString));
  fields.take(contextTag(0, false), contextTag(1)); // from all, or from a list
  const to = fields.take(TAG.sequence).children.flatMap((names) => names.children);
  fields.end();
  const uris = to.filter((name) => name.tag === contextTag(6, false)).map((name) => contentOf(name).toString());
  return faults.first === null ? { contentId, to: uris } : null;
}

const receiptOf = (contentId: Buffer, signature: Buffer): Buffer =>
  derSequence(derSmall(1), derOid(CONTENT.data), derOctets(contentId), derOctets(signature));

/** Digest of the original's signed attributes (RFC 2634 section 2.6). */
const signatureDigest = (signer: SignerInfo): Buffer =>
  createHash(signer.digest)
    .update(signer.signedAttributes ?? Buffer.alloc(0))
    .digest();

/** Signs a receipt for a message that was verified, `signer` being its signer. Refused where it asked for none. */
export function signReceipt(signer: SignerInfo, identity: Identity, at: Millis): Parsed<Buffer> {
  const request = receiptRequestOf(signer);
  if (request === null) return refused('receipt: none was asked for');
  return parsed(
    signCms(receiptOf(request.contentId, signer.signature), {
      signers: [identity],
      contentType: CONTENT.receipt,
      attributes: [[ATTRIBUTE.messageSignatureDigest, derOctets(signatureDigest(signer))]],
      at,
    }),
  );
}

/** Is `receipt` (DER) somebody's receipt for the message that `original` signed? @returns whose it is */
export function verifyReceipt(
  receipt: Uint8Array,
  original: SignerInfo,
  options: VerifyOptions,
): Parsed<VerifiedSigner> {
  const signed = readSignedData(receipt);
  if (!signed.ok) return signed;
  const { content } = signed.value;
  const request = receiptRequestOf(original);
  if (content === null || request === null) return refused('receipt: no content, or none was asked for');
  const signers = verifySignedData(signed.value, content, { ...options, contentType: CONTENT.receipt });
  if (!signers.ok) return signers;
  const read = readDer(content);
  if (!read.ok) return refused(`receipt: ${read.reason}`, read.offset);
  const faults = new Faults();
  const fields = faults.fields(read.value, TAG.sequence, 'receipt');
  const version = fields.small();
  const type = fields.oid();
  const contentId = contentOf(fields.take(TAG.octetString));
  const signature = contentOf(fields.take(TAG.octetString));
  fields.end();
  if (faults.first !== null) return faults.first;
  const same = contentId.equals(request.contentId) && signature.equals(original.signature);
  if (version !== 1 || type !== CONTENT.data || !same) return refused('receipt: for another message');
  const [signer] = signers.value;
  const digest = signer?.info.attributes.get(ATTRIBUTE.messageSignatureDigest);
  const fits = digest !== undefined && octetsOf(digest, TAG.octetString)?.equals(signatureDigest(original)) === true;
  return signer !== undefined && fits ? parsed(signer) : refused('receipt: for another message');
}
