import { hash } from 'node:crypto';
import type { Millis } from '../../model.ts';
import { parsed, refused, type Parsed } from '../../parsed.ts';
import { editSip } from '../../wire/sip-edit.ts';
import { headerName, HeaderLines } from '../../wire/sip-lines.ts';
import { parseSip, type SipMessage } from '../../wire/sip.ts';
import { scanStartLine } from '../../wire/sip-start-line.ts';
import { isBlank, textOf } from '../../wire/sip-text.ts';
import type { Certificate } from '../chain.ts';
import { CIPHERS, type CipherName } from '../cms/ciphers.ts';
import type { SignedData } from '../cms/signed-data.ts';
import type { VerifiedSigner } from '../cms/verify.ts';
import { isSignedPart, isSmime, openLayers, type Content, type OpenerOptions } from './layers.ts';
import { entityOf, headerOf, type Entity, type Header } from './mime.ts';
import { encryptPart, signPart, type SignPartOptions, type Transfer } from './parts.ts';
import { refusal, type SmimeRefusal } from './refusal.ts';
import {
  aorOf,
  contactDiffers,
  dateOf,
  dateText,
  differingHeader,
  signedContentOf,
  withHeaders,
  type OuterHeaders,
} from './signed-headers.ts';

/** S/MIME in SIP messages (RFC 3261 section 23, RFC 3853, RFC 8551): bytes in, bytes out. */

export interface ProtectOptions {
  readonly now: Millis;
  /** sign first … */
  readonly sign?: Omit<SignPartOptions, 'at' | 'transfer'> & {
    /** sign To, From, Call-ID, CSeq, Date and Contact too; default: true */
    readonly headers?: boolean;
  };
  /** … then encrypt */
  readonly encrypt?: { readonly recipients: readonly Certificate[]; readonly cipher?: CipherName };
  /** default: binary */
  readonly transfer?: Transfer;
}

/**
 * Signs, encrypts or both. A message without a Date gets one, for it is signed. Refused: what is no SIP message or not all there;
 * CBC around what is not signed; nothing to encrypt.
 */
export function protectSip(bytes: Buffer, options: ProtectOptions): Parsed<Buffer> {
  const read = messageOf(bytes);
  if (!read.ok) return read;
  const { message, body } = read.value;
  const { sign, encrypt, transfer = 'binary' } = options;
  const date = message.header('date') ?? dateText(options.now);
  let part = body;
  if (sign !== undefined) {
    const content = sign.headers === false ? body : withHeaders(message, body, date);
    if (content === null) return refused('SIP: no body to sign');
    part = signPart(content, { ...sign, at: options.now, transfer });
  }
  if (encrypt !== undefined) {
    if (part === null) return refused('SIP: no body to encrypt');
    if (!CIPHERS[encrypt.cipher ?? 'aes-256-gcm'].authenticated && !isSignedPart(part))
      return refused('SIP: AES-CBC only around a signature: sign first');
    part = encryptPart(part, { ...encrypt, transfer });
  }
  return part === null ? parsed(bytes) : withBody(bytes, read.value, part, sign === undefined ? null : date);
}

export interface OpenOptions extends OpenerOptions {
  /** must it be signed, with its headers, by the one in From (in a response: To)? Default: all of it. `headers: false` takes a signed body alone */
  readonly require?: { readonly signed?: boolean; readonly headers?: boolean; readonly encrypted?: boolean };
  /** From and To as the caller knows them better than the message (a secret call's box) */
  readonly outer?: OuterHeaders;
}

/** A message that was opened. Everything in it was signed by `signer`, unless that is null. */
export interface OpenedMessage {
  /** with the body that was inside, and its headers */
  readonly message: Buffer;
  readonly body: Buffer;
  /** '' where there is no body */
  readonly contentType: string;
  /** the one whose certificate names From, in a response To; null where signing was not required and is missing */
  readonly signer: SipSigner | null;
  /** all signers */
  readonly signers: readonly VerifiedSigner[];
  /** null: it was not encrypted */
  readonly cipher: CipherName | null;
  /** are To, From, Call-ID, CSeq and Date signed, and as in the message? */
  readonly headersSigned: boolean;
  /** of the signed Date; null without one */
  readonly date: Millis | null;
  /** a proxy has rewritten Contact: nothing wrong, to be logged */
  readonly contactChanged: boolean;
  /** for a receipt; null: not signed */
  readonly signedData: SignedData | null;
}

export interface SipSigner {
  readonly certificate: Certificate;
  /** user@host of subjectAltName that is From's, in a response To's */
  readonly aor: string;
  readonly kid: string;
  readonly signingTime: Millis | null;
  /** SHA-256 of the signature, hex: what a memory against replay holds */
  readonly signatureDigest: string;
}

export type Opened<T> = { readonly ok: true; readonly value: T } | SmimeRefusal;

/** Decrypts and verifies a message, and gives it with the body that was inside. Refused: anything that does not hold. */
export function openSip(bytes: Buffer, options: OpenOptions): Opened<OpenedMessage> {
  const opened = open(bytes, options);
  return opened.ok ? opened : refusal(opened.reason);
}

function open(bytes: Buffer, options: OpenOptions): Parsed<OpenedMessage> {
  const read = messageOf(bytes);
  if (!read.ok) return read;
  const { message, body } = read.value;
  const required = { signed: true, headers: true, encrypted: false, ...options.require };
  if (body === null || !isSmime(body)) return refused('not spoken here: no S/MIME body');
  const layers = openLayers({ entity: body }, options);
  if (!layers.ok) return layers;
  const { signers, cipher, signedData } = layers.value;
  if (required.encrypted && cipher === null) return refused('S/MIME: not encrypted');
  if (required.signed && signers.length === 0) return refused('S/MIME: nobody has signed the content');
  const entity = partOf(layers.value.content);
  const content = signers.length === 0 ? parsed({ body: entity, headers: null }) : signedContentOf(entity);
  if (!content.ok) return content;
  const { headers } = content.value;
  if (headers === null && required.signed && required.headers) return refused('SIP: no headers are signed');
  const differing = headers === null ? null : differingHeader(headers, message, options.outer ?? {});
  if (differing !== null) return refused(`SIP: signed ${differing} is not the one of the message`);
  // who has sent it: From of a request, To of a response
  const author = message.isRequest ? 'from' : 'to';
  const signer = signerFor(signers, aorOf(options.outer?.[author] ?? message.header(author) ?? ''));
  if (signers.length > 0 && signer === null) return refused(`S/MIME: no signer whose certificate names ${author}`);
  const whole = withBody(bytes, read.value, content.value.body, null);
  if (!whole.ok) return whole;
  return parsed({
    message: whole.value,
    body: content.value.body?.body ?? Buffer.alloc(0),
    contentType: (content.value.body === null ? null : headerOf(content.value.body, 'content-type')) ?? '',
    signer,
    signers,
    cipher,
    headersSigned: headers !== null,
    date: dateOf(headers?.get('date') ?? null),
    contactChanged: headers !== null && contactDiffers(headers, message),
    signedData,
  });
}

/** A message with its encryption taken off, and a signature in it left for others to verify. */
export interface DecryptedMessage {
  readonly message: Buffer;
  readonly cipher: CipherName;
}

/**
 * Takes the outermost encryption off. With somebody to trust the signature inside must hold too; without, CBC is refused.
 */
export function decryptSip(bytes: Buffer, options: OpenerOptions): Opened<DecryptedMessage> {
  const read = messageOf(bytes);
  if (!read.ok) return refusal(read.reason);
  const { body } = read.value;
  if (body === null || !isSmime(body)) return refusal('not spoken here: no S/MIME body');
  const layers = openLayers({ entity: body }, options);
  if (!layers.ok) return refusal(layers.reason);
  const { decrypted, cipher, signers } = layers.value;
  if (decrypted === null || cipher === null) return refusal('S/MIME: not encrypted');
  if (options.trust !== null && signers.length === 0) return refusal('S/MIME: nobody has signed the content');
  const whole = withBody(bytes, read.value, partOf(decrypted), null);
  return whole.ok ? { ok: true, value: { message: whole.value, cipher } } : refusal(whole.reason);
}

const partOf = (content: Content): Entity =>
  'entity' in content ? content.entity : entityOf([['Content-Type', 'application/octet-stream']], content.octets);

function signerFor(signers: readonly VerifiedSigner[], aor: string): SipSigner | null {
  for (const { certificate, signingTime, info } of signers) {
    if (aor === '' || !aorsOf(certificate).includes(aor)) continue;
    const signatureDigest = hash('sha256', info.signature, 'hex');
    return { certificate, aor, kid: certificate.kid, signingTime, signatureDigest };
  }
  return null;
}

/** Whom a certificate names: read once. */
const aors = new WeakMap<Certificate, readonly string[]>();
function aorsOf(certificate: Certificate): readonly string[] {
  let known = aors.get(certificate);
  if (known === undefined) aors.set(certificate, (known = certificate.uris.map((uri) => aorOf(`<${uri}>`))));
  return known;
}

/** Headers of which there may be one: whoever reads the other one would see another message. Beside those that speak of the body. */
const ONCE = new Set(['from', 'to', 'call-id', 'cseq', 'date', 'content-length']);

/** A message taken apart: its body as a MIME part (null: it has none), and the headers that speak of it, under their long names. */
interface Parts {
  readonly message: SipMessage;
  readonly body: Entity | null;
  readonly headers: readonly Header[];
}

function messageOf(bytes: Buffer): Parsed<Parts> {
  const read = parseSip(bytes);
  if (!read.ok) return read;
  const message = read.value;
  if (message.truncated) return refused('SIP: the body is shorter than Content-Length', bytes.length);
  let at = 0;
  while (isBlank(bytes[at]) || bytes[at] === 0) at++;
  const start = scanStartLine(bytes, at);
  if (!start.ok) return start;
  const headers: Header[] = [];
  const seen = new Set<string>();
  const lines = new HeaderLines(bytes, start.value.next);
  while (lines.next()) {
    const name = bytes.toString('latin1', lines.nameStart, lines.nameEnd);
    const { long } = headerName(name);
    const content = isContentHeader(long);
    if (!content && !ONCE.has(long)) continue;
    if (seen.has(long)) return refused(`SIP: header ${long} twice`, lines.nameStart);
    seen.add(long);
    // compact names are SIP's alone; in a MIME part they would mean nothing
    if (content)
      headers.push([name.length === 1 ? long : name, textOf(bytes, lines.valueStart, lines.valueEnd).trim()]);
  }
  const body = headers.length === 0 && message.body.length === 0 ? null : entityOf(headers, message.body);
  return parsed({ message, body, headers });
}

const isContentHeader = (long: string): boolean =>
  long === 'mime-version' || (long.startsWith('content-') && long !== 'content-length');

/** The message with another body. `date`: a Date header for a message that has none. */
function withBody(bytes: Buffer, old: Parts, part: Entity | null, date: string | null): Parsed<Buffer> {
  const headers = (part?.headers ?? []).filter(([name]) => isContentHeader(name.toLowerCase()));
  // RFC 3261 section 20.15: a body has a type; in MIME it may go without saying
  if (part !== null && part.body.length > 0 && headerOf(part, 'content-type') === null)
    headers.unshift(['Content-Type', 'text/plain']);
  const named = new Set(headers.map(([name]) => name.toLowerCase()));
  return editSip(bytes, {
    remove: old.headers.map(([name]) => name).filter((name) => !named.has(name.toLowerCase())),
    set: [...(date === null || old.message.header('date') !== null ? [] : [['Date', date] as const]), ...headers],
    body: part?.body ?? Buffer.alloc(0),
  });
}
