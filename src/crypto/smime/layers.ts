import { createHash } from 'node:crypto';
import type { Millis } from '../../model.ts';
import { parsed, refused, type Parsed } from '../../parsed.ts';
import type { Certificate, Trust } from '../chain.ts';
import type { CipherName } from '../cms/ciphers.ts';
import { readContentInfo, type ContentInfo } from '../cms/content-info.ts';
import { decryptCms, type Keyholder } from '../cms/decrypt.ts';
import { envelopedDataOf, NOT_SPOKEN, type EnvelopedData } from '../cms/enveloped-data.ts';
import { CONTENT } from '../cms/oids.ts';
import { readSignedData, signedDataOf, type SignedData } from '../cms/signed-data.ts';
import { verifySignedData, type VerifiedSigner } from '../cms/verify.ts';
import { decodedBody, entityOf, headerOf, readEntity, readParts, type Entity } from './mime.ts';
import { signPart } from './parts.ts';

/** What opening needs: who is trusted, whose keys may open, and when it is. */
export interface OpenerOptions {
  /** null: signatures are left as they are, so that CBC cannot be opened */
  readonly trust: Trust | null;
  readonly keyholders: readonly Keyholder[];
  readonly now: Millis;
  /** certificates of peers, for messages that carry none */
  readonly certificates?: readonly Certificate[];
  /** stop after so many layers, what is below stays as it is; default: all, up to four */
  readonly layers?: number;
}

/** A part with S/MIME undone. */
export interface Layers {
  /** what is inside all of it */
  readonly content: Content;
  /** inside the outermost encryption, what is signed still so; null: it was not encrypted */
  readonly decrypted: Content | null;
  /** of the outermost encryption; null: none */
  readonly cipher: CipherName | null;
  /** signers of the innermost signature; empty: none, or around an encryption, which says nothing of who wrote the content */
  readonly signers: readonly VerifiedSigner[];
  /** the CMS message with that signature, for a receipt; null: none */
  readonly signedData: SignedData | null;
}

/** A MIME part, or octets that are none (the content of bare CMS). */
export type Content = { readonly entity: Entity } | { readonly octets: Buffer };

const MOST_LAYERS = 4;
/** The reason where nobody could verify the signature that CBC must have inside. */
export const CBC_WITHOUT_TRUST =
  'S/MIME: AES-CBC is opened only where the signature inside can be verified: name CAs to trust';
const SIGNATURE_TYPES = ['application/pkcs7-signature', 'application/x-pkcs7-signature'];
const CMS_TYPES = ['application/pkcs7-mime', 'application/x-pkcs7-mime'];

/** Is it a body that S/MIME has made? */
export function isSmime(entity: Entity): boolean {
  const { type } = entity.media;
  return type === 'multipart/signed' || CMS_TYPES.includes(type);
}

/** Is the part signed as S/MIME says? For CBC; whoever opens it verifies. */
export function isSignedPart(part: Entity): boolean {
  const { type, parameters } = part.media;
  return type === 'multipart/signed' || (isSmime(part) && parameters['smime-type']?.toLowerCase() === 'signed-data');
}

/** What a part turns out to be. */
type Wrapping =
  | { readonly kind: 'signed'; readonly signed: SignedData; readonly content: Buffer }
  | { readonly kind: 'encrypted'; readonly enveloped: EnvelopedData };

/**
 * Undoes signatures and encryption, four layers at the most, and verifies every signature on the way. Refused where any of it does
 * not hold, and where CBC has no signature inside. After a decryption a refusal costs at least one verification, so that
 * wrong keys, damaged content and wrong signatures take alike.
 */
export function openLayers(start: Content, options: OpenerOptions): Parsed<Layers> {
  const state: State = {
    bare: 'octets' in start,
    content: start,
    decrypted: null,
    cipher: null,
    cbc: false,
    signers: [],
    signedData: null,
  };
  let opened = false;
  let checks = 0;
  for (let depth = 0; depth < (options.layers ?? MOST_LAYERS); depth++) {
    const wrapping = wrappingOf(state.content);
    if (wrapping.ok && wrapping.value === null) break;
    const kind = wrapping.ok ? wrapping.value?.kind : undefined;
    if (options.trust === null && (kind === 'signed' || opened)) break;
    if (kind === 'signed') checks++;
    else if (kind === 'encrypted') opened = true;
    const done = wrapping.ok && wrapping.value !== null ? peel(wrapping.value, state, options) : wrapping;
    if (done.ok) continue;
    if (opened && checks === 0) spend(options, state.content);
    return done;
  }
  if (state.cbc) {
    if (checks === 0) spend(options, state.content);
    return refused('S/MIME: AES-CBC without a signature inside');
  }
  const wrapping = options.layers === undefined && options.trust !== null ? wrappingOf(state.content) : parsed(null);
  if (!wrapping.ok || wrapping.value !== null) return refused('S/MIME: too many layers');
  const { content, decrypted, cipher, signers, signedData } = state;
  return parsed({ content, decrypted, cipher, signers, signedData });
}

interface State extends Layers {
  /** CMS without MIME around it, whose content need be no MIME either */
  readonly bare: boolean;
  content: Content;
  decrypted: Content | null;
  cipher: CipherName | null;
  /** CBC, and no signature in it yet */
  cbc: boolean;
  signers: readonly VerifiedSigner[];
  signedData: SignedData | null;
}

/** Takes one layer off. */
function peel(wrapping: Wrapping, state: State, options: OpenerOptions): Parsed<null> {
  const inner = wrapping.kind === 'signed' ? verified(wrapping.signed, wrapping.content, state, options) : decrypted(wrapping.enveloped, state, options); // prettier-ignore
  if (!inner.ok) return inner;
  const content = contentFrom(inner.value, state.bare);
  if (!content.ok) return content;
  state.content = content.value;
  if (wrapping.kind === 'encrypted') state.decrypted ??= content.value;
  return parsed(null);
}

function verified(signed: SignedData, content: Buffer, state: State, options: OpenerOptions): Parsed<Buffer> {
  const { trust, now, certificates = [] } = options;
  if (trust === null) return refused('S/MIME: nobody is trusted');
  const signers = verifySignedData(signed, content, { trust, now, certificates });
  if (!signers.ok) return signers;
  state.signers = signers.value;
  state.signedData = signed;
  state.cbc = false;
  return parsed(content);
}

function decrypted(enveloped: EnvelopedData, state: State, options: OpenerOptions): Parsed<Buffer> {
  // told before a key of ours is used, so that it says nothing of what is inside
  if (!enveloped.use.cipher.authenticated && options.trust === null) return refused(CBC_WITHOUT_TRUST);
  const plain = decryptCms(enveloped, options.keyholders);
  if (!plain.ok) return plain;
  const { cipher } = enveloped.use;
  state.cipher ??= cipher.name;
  state.cbc = !cipher.authenticated;
  state.signers = [];
  state.signedData = null;
  return plain;
}

/** A signed part of ours, by whose key it is: made once, to be read and verified where there was nothing to verify. */
const decoys = new WeakMap<Keyholder['key'], Buffer>();
const DECOY_BYTES = 512;

/** The price of reading and verifying a signed message, where it did not come to that. */
function spend(options: OpenerOptions, content: Content): void {
  const [keyholder] = options.keyholders;
  const { trust, now } = options;
  if (keyholder === undefined || trust === null) return;
  const decoy =
    decoys.get(keyholder.key) ??
    signPart(entityOf([['Content-Type', 'application/sdp']], Buffer.alloc(DECOY_BYTES)), {
      ...{ signers: [keyholder], at: now },
    }).raw;
  decoys.set(keyholder.key, decoy);
  createHash('sha256')
    .update('entity' in content ? content.entity.body : content.octets)
    .digest();
  const entity = readEntity(decoy);
  const wrapping = entity.ok ? wrappingOf({ entity: entity.value }) : entity;
  if (wrapping.ok && wrapping.value?.kind === 'signed')
    verifySignedData(wrapping.value.signed, Buffer.alloc(DECOY_BYTES), { trust, now });
}

/** What is around the content; null: nothing. */
function wrappingOf(content: Content): Parsed<Wrapping | null> {
  if ('octets' in content) {
    const info = content.octets[0] === 0x30 ? readContentInfo(content.octets) : null;
    return info?.ok === true && WRAPPING.includes(info.value.type) ? cmsWrapping(info.value) : parsed(null);
  }
  const { entity } = content;
  const { type, parameters } = entity.media;
  if (!isSmime(entity)) return parsed(null);
  if (headerOf(entity, 'content-encoding') !== null) return refused(`${NOT_SPOKEN}a content encoding`);
  if (type === 'multipart/signed') return detached(entity, parameters['protocol'] ?? '');
  const cms = decodedBody(entity);
  if (!cms.ok) return cms;
  const info = readContentInfo(cms.value);
  return info.ok ? cmsWrapping(info.value) : info;
}

const WRAPPING: readonly string[] = [CONTENT.signedData, CONTENT.envelopedData, CONTENT.authEnvelopedData];

function cmsWrapping(info: ContentInfo): Parsed<Wrapping> {
  if (!WRAPPING.includes(info.type)) return refused(`${NOT_SPOKEN}a CMS type other than signed and enveloped`);
  if (info.type !== CONTENT.signedData) {
    const enveloped = envelopedDataOf(info);
    return enveloped.ok ? parsed({ kind: 'encrypted', enveloped: enveloped.value }) : enveloped;
  }
  const signed = signedDataOf(info);
  if (!signed.ok) return signed;
  const { content } = signed.value;
  return content === null
    ? refused('SignedData: the content is not in it')
    : parsed({ kind: 'signed', signed: signed.value, content });
}

/** multipart/signed (RFC 1847, RFC 8551 section 3.5.3): the first part as it stands is what is signed. */
function detached(entity: Entity, protocol: string): Parsed<Wrapping> {
  if (!SIGNATURE_TYPES.includes(protocol.toLowerCase()))
    return refused(`${NOT_SPOKEN}multipart/signed of another protocol`);
  const parts = readParts(entity);
  if (!parts.ok) return parts;
  const [content, second] = parts.value;
  if (content === undefined || second === undefined || parts.value.length !== 2)
    return refused('MIME: multipart/signed has two parts');
  const signature = readEntity(second);
  if (!signature.ok) return signature;
  if (!SIGNATURE_TYPES.includes(signature.value.media.type)) return refused('MIME: the second part is no signature');
  const der = decodedBody(signature.value);
  if (!der.ok) return der;
  const signed = readSignedData(der.value);
  if (!signed.ok) return signed;
  if (signed.value.content !== null) return refused('SignedData: two contents');
  return parsed({ kind: 'signed', signed: signed.value, content });
}

/**
 * In S/MIME the content is a MIME part. In bare CMS it is whatever was put in; where that begins as an S/MIME part does, as
 * `openssl cms -sign | openssl cms -encrypt` makes it, it is taken for one.
 */
function contentFrom(octets: Buffer, bare: boolean): Parsed<Content> {
  if (bare && !/^(?:MIME-Version|Content-Type)\s*:/i.test(octets.toString('latin1', 0, 32))) return parsed({ octets });
  const entity = readEntity(octets);
  if (!entity.ok) return bare ? parsed({ octets }) : entity;
  return bare && !isSmime(entity.value) ? parsed({ octets }) : parsed({ entity: entity.value });
}
