import type { CipherName } from '../cms/ciphers.ts';
import { readContentInfo } from '../cms/content-info.ts';
import { CONTENT } from '../cms/oids.ts';
import { readSignedData } from '../cms/signed-data.ts';
import { verifySignedData, type VerifiedSigner } from '../cms/verify.ts';
import { readEntity } from './mime.ts';
import { isSignedPart, openLayers, type Content, type OpenerOptions } from './layers.ts';
import type { Opened } from './sip.ts';
import { refusal } from './refusal.ts';

/** CMS without SIP or MIME around it: what `openssl cms -inform DER` takes and `-outform DER` gives. */

export interface OpenedCms {
  readonly content: Buffer;
  readonly signers: readonly VerifiedSigner[];
  /** null: it was not encrypted */
  readonly cipher: CipherName | null;
}

const octetsOf = (content: Content): Buffer => ('octets' in content ? content.octets : content.entity.raw);

/** Verifies a signed message, or one that is encrypted around a signature; `detached` is the content of one that has none in it. */
export function verifyCms(der: Buffer, options: OpenerOptions, detached: Buffer | null = null): Opened<OpenedCms> {
  const { trust, now, certificates = [] } = options;
  if (trust === null) return refusal('S/MIME: nobody is trusted');
  if (detached !== null) {
    const signed = readSignedData(der);
    if (!signed.ok) return refusal(signed.reason);
    if (signed.value.content !== null) return refusal('SignedData: two contents');
    const signers = verifySignedData(signed.value, detached, { trust, now, certificates });
    if (!signers.ok) return refusal(signers.reason);
    return { ok: true, value: { content: detached, signers: signers.value, cipher: null } };
  }
  const info = readContentInfo(der);
  if (!info.ok) return refusal(info.reason);
  // what was signed stays as it is, be it CMS again
  const layers = openLayers({ octets: der }, { ...options, layers: info.value.type === CONTENT.signedData ? 1 : 2 });
  if (!layers.ok) return refusal(layers.reason);
  const { content, signers, cipher } = layers.value;
  if (signers.length === 0) return refusal('S/MIME: nobody has signed the content');
  return { ok: true, value: { content: octetsOf(content), signers, cipher } };
}

/** Takes the outermost encryption off. With somebody to trust the signature inside must hold too; without, CBC is refused. */
export function decryptBare(der: Buffer, options: OpenerOptions): Opened<OpenedCms> {
  const layers = openLayers({ octets: der }, { ...options, layers: options.trust === null ? 1 : 2 });
  if (!layers.ok) return refusal(layers.reason);
  const { decrypted, signers, cipher } = layers.value;
  if (decrypted === null) return refusal('S/MIME: not encrypted');
  if (options.trust !== null && signers.length === 0) return refusal('S/MIME: nobody has signed the content');
  return { ok: true, value: { content: octetsOf(decrypted), signers, cipher } };
}

/** Is it signed, as DER or as an S/MIME part? For CBC; whoever opens it verifies. */
export function isSignedBody(bytes: Buffer): boolean {
  if (bytes[0] === 0x30) return readSignedData(bytes).ok;
  const entity = readEntity(bytes);
  return entity.ok && isSignedPart(entity.value);
}
