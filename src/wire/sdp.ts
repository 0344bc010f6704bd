import { isUtf8 } from 'node:buffer';
import { parsed, refused, type Parsed } from '../parsed.ts';
import { escapeControls } from './sip-text.ts';
import { scanParameters } from './sip-uri.ts';

/** `c=` (RFC 8866 section 5.7). */
export interface SdpConnection {
  readonly netType: string;
  readonly addressType: string;
  /** without TTL and count of multicast */
  readonly address: string;
}

/** `o=` (RFC 8866 section 5.2). Ids stay texts: they may have more digits than a number holds. */
export interface SdpOrigin extends SdpConnection {
  readonly username: string;
  readonly sessionId: string;
  readonly sessionVersion: string;
}

/** One key of `a=crypto` (RFC 4568 section 6.1). */
export interface SdpKey {
  /** base64 of master key and salt, a secret: to be compared by digest, never to be shown */
  readonly key: string;
  /** as sent (`2^20`), '' if none */
  readonly lifetime: string;
  /** `value:length`, '' if none */
  readonly mki: string;
}

/** `a=crypto` (RFC 4568 section 9.1). */
export interface SdpCrypto {
  readonly tag: number;
  readonly suite: string;
  /** of the method `inline`, the only one that there is */
  readonly keys: readonly SdpKey[];
  readonly sessionParameters: readonly string[];
}

/** `a=fingerprint` (RFC 8122 section 5): hash name in lower case, value in capitals. */
export interface SdpFingerprint {
  readonly hash: string;
  readonly value: string;
}

/** What may stand in the session part and in each media part alike. */
export interface SdpAttributes {
  readonly connection: SdpConnection | null;
  readonly crypto: readonly SdpCrypto[];
  readonly fingerprints: readonly SdpFingerprint[];
  /** `a=setup` (RFC 4145 section 4): active, passive, actpass or holdconn; '' if none */
  readonly setup: string;
}

/** `m=` (RFC 8866 section 5.14) with its attributes. What it does not say holds as the session says it. */
export interface SdpMedia extends SdpAttributes {
  /** audio, video, image … */
  readonly kind: string;
  /** 0: refused or switched off */
  readonly port: number;
  /** RTP/AVP, RTP/SAVP, UDP/TLS/RTP/SAVP … */
  readonly protocol: string;
  readonly formats: readonly string[];
}

export interface Sdp extends SdpAttributes {
  readonly origin: SdpOrigin;
  /** `s=` */
  readonly name: string;
  readonly media: readonly SdpMedia[];
}

const MOST_BYTES = 65_536;
const MOST_MEDIA = 64;
const MOST_OF_A_KIND = 64;
const MOST_FORMATS = 256;

interface Part {
  connection: SdpConnection | null;
  crypto: SdpCrypto[];
  fingerprints: SdpFingerprint[];
  setup: string;
}

interface MediaPart extends Part {
  kind: string;
  port: number;
  protocol: string;
  formats: string[];
}

const emptyPart = (): Part => ({ connection: null, crypto: [], fingerprints: [], setup: '' });

const words = (text: string): string[] => text.split(/[ \t]+/).filter((word) => word !== '');

function connectionOf(value: string): SdpConnection | null {
  const [netType, addressType, address] = words(value);
  if (netType === undefined || addressType === undefined || address === undefined) return null;
  return { netType, addressType, address: address.split('/')[0] ?? '' };
}

function originOf(value: string): SdpOrigin | null {
  const [username, sessionId, sessionVersion, netType, addressType, address] = words(value);
  if (username === undefined || sessionId === undefined || sessionVersion === undefined) return null;
  if (netType === undefined || addressType === undefined || address === undefined) return null;
  return { username, sessionId, sessionVersion, netType, addressType, address };
}

/** `m=<media> <port>["/"<count>] <proto> <fmt>…`; null when it is something else. */
function mediaOf(value: string): MediaPart | null {
  const [kind, ports, protocol, ...formats] = words(value);
  const port = /^([0-9]{1,5})(?:\/[0-9]{1,5})?$/.exec(ports ?? '')?.[1];
  if (kind === undefined || protocol === undefined || port === undefined || Number(port) > 65535) return null;
  return { ...emptyPart(), kind, port: Number(port), protocol, formats: formats.slice(0, MOST_FORMATS) };
}

/** `inline:<key||salt>["|"<lifetime>]["|"<MKI>":"<length>]` (RFC 4568 section 9.2). */
function keyOf(text: string): SdpKey | null {
  const [key = '', ...options] = text.replace(/^inline:/i, '').split('|');
  if (!/^inline:/i.test(text) || key === '') return null;
  return {
    key,
    lifetime: options.find((option) => !option.includes(':')) ?? '',
    mki: options.find((option) => option.includes(':')) ?? '',
  };
}

function cryptoOf(value: string): SdpCrypto | null {
  const [tag = '', suite, keyParameters, ...sessionParameters] = words(value);
  if (!/^[0-9]{1,9}$/.test(tag) || suite === undefined || keyParameters === undefined) return null;
  const keys = keyParameters.split(';', MOST_OF_A_KIND).flatMap((text) => keyOf(text) ?? []);
  return keys.length === 0 ? null : { tag: Number(tag), suite, keys, sessionParameters };
}

function fingerprintOf(value: string): SdpFingerprint | null {
  const [hash, digest] = words(value);
  if (hash === undefined || digest === undefined) return null;
  return { hash: hash.toLowerCase(), value: digest.toUpperCase() };
}

function addAttribute(part: Part, attribute: string): void {
  const colon = attribute.indexOf(':');
  const name = colon < 0 ? attribute : attribute.slice(0, colon);
  const value = colon < 0 ? '' : attribute.slice(colon + 1);
  if (name === 'crypto' && part.crypto.length < MOST_OF_A_KIND) {
    const crypto = cryptoOf(value);
    if (crypto !== null) part.crypto.push(crypto);
  } else if (name === 'fingerprint' && part.fingerprints.length < MOST_OF_A_KIND) {
    const fingerprint = fingerprintOf(value);
    if (fingerprint !== null) part.fingerprints.push(fingerprint);
  } else if (name === 'setup' && part.setup === '') part.setup = value.trim();
}

const textOfBody = (body: Buffer | string): string =>
  typeof body === 'string' ? body : body.toString(isUtf8(body) ? 'utf8' : 'latin1');

/**
 * Reads a session description (RFC 8866), as far as judging needs it: origin, connections, media, SRTP keys and DTLS
 * fingerprints. Lines of other types, lines that are none and attributes that cannot be read are passed over, as phones'
 * descriptions are full of them; of two of a kind the first counts. Control characters come out as `%XX`.
 *
 * Refused: more than 64 KiB, what does not begin with `v=0`, no `o=` of six parts. `offset` counts lines.
 */
export function parseSdp(body: Buffer | string): Parsed<Sdp> {
  if (body.length > MOST_BYTES) return refused('SDP longer than 64 KiB');
  const lines = textOfBody(body)
    .replace(/^\s+/, '')
    .split(/\r\n|\n|\r/);
  if (!/^v=0[ \t]*$/.test(lines[0] ?? '')) return refused('SDP does not begin with v=0');
  const session = emptyPart();
  const media: MediaPart[] = [];
  let part = session;
  let origin: SdpOrigin | null = null;
  let name = '';
  for (const line of lines) {
    if (line[1] !== '=') continue;
    const value = escapeControls(line.slice(2).replaceAll('\t', ' '));
    if (line.startsWith('o')) origin ??= originOf(value);
    else if (line.startsWith('s')) name = name === '' ? value.trim() : name;
    else if (line.startsWith('c')) part.connection ??= connectionOf(value);
    else if (line.startsWith('a')) addAttribute(part, value);
    else if (line.startsWith('m')) {
      const next = mediaOf(value);
      part = next ?? emptyPart(); // what belongs to an unreadable medium must not fall to the one before
      if (next !== null && media.length < MOST_MEDIA) media.push(next);
    }
  }
  if (origin === null) return refused('SDP without an o= line of six parts', lines.length);
  return parsed({ ...session, origin, name, media });
}

const MOST_PARTS = 32;
const MOST_DEPTH = 3;

const mediaType = (contentType: string): string => (contentType.split(';')[0] ?? '').trim().toLowerCase();

/**
 * The part of a body that is `application/sdp`: the body itself, or a part of a multipart body (RFC 5621, RFC 2046 section 5.1),
 * three levels deep and 32 parts a level at the most. A view, no copy; null if there is none.
 */
export function sdpPart(contentType: string, body: Buffer, depth = 0): Buffer | null {
  const type = mediaType(contentType);
  if (type === 'application/sdp') return body;
  if (!type.startsWith('multipart/') || depth >= MOST_DEPTH) return null;
  const delimiter = boundaryOf(contentType);
  if (delimiter === '') return null;
  let at = delimiterAt(body, delimiter, 0);
  for (let count = 0; at >= 0 && count < MOST_PARTS; count++) {
    const start = at + delimiter.length;
    if (body[start] === 45 && body[start + 1] === 45) return null; // the closing delimiter
    at = delimiterAt(body, delimiter, start);
    const found = sdpOfPart(body.subarray(start, at < 0 ? body.length : at), depth);
    if (found !== null) return found;
  }
  return null;
}

/** `--` and the boundary parameter, '' if there is none of 1 to 70 characters. */
function boundaryOf(contentType: string): string {
  const bytes = Buffer.from(contentType, 'utf8');
  const semicolon = bytes.indexOf(';');
  const boundary = semicolon < 0 ? '' : (scanParameters(bytes, semicolon, bytes.length)['boundary'] ?? '');
  return boundary === '' || boundary.length > 70 ? '' : `--${boundary}`;
}

/** A delimiter stands at the beginning of a line. */
function delimiterAt(body: Buffer, delimiter: string, from: number): number {
  let at = body.indexOf(delimiter, from, 'latin1');
  while (at > 0 && body[at - 1] !== 10) at = body.indexOf(delimiter, at + 1, 'latin1');
  return at;
}

/** A part from the end of its delimiter to the next one: rest of the line, headers, empty line, content. */
function sdpOfPart(part: Buffer, depth: number): Buffer | null {
  const head = part.subarray(0, 8_192).toString('latin1');
  const end = /\r?\n\r?\n/.exec(head);
  if (end === null) return null;
  const headers = head.slice(0, end.index).replace(/\r?\n[ \t]+/g, ' ');
  const contentType = /\ncontent-type[ \t]*:([^\r\n]*)/i.exec(headers)?.[1] ?? '';
  let stop = part.length; // the line end before the next delimiter belongs to the delimiter
  if (part[stop - 1] === 10) stop--;
  if (part[stop - 1] === 13) stop--;
  return sdpPart(contentType.trim(), part.subarray(end.index + end[0].length, stop), depth + 1);
}
