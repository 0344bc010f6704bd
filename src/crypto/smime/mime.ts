import { randomUUID } from 'node:crypto';
import { parsed, refused, type Parsed } from '../../parsed.ts';
import { headerName, HeaderLines } from '../../wire/sip-lines.ts';
import { skipBlanks, textOf, trimEnd } from '../../wire/sip-text.ts';
import { scanParameters, type Parameters } from '../../wire/sip-uri.ts';

/** MIME as far as S/MIME in SIP needs it (RFC 2045, RFC 2046): what is signed is kept octet by octet. */

export type Header = readonly [name: string, value: string];

/** A body part: its headers, its body as sent, and all of it as it stood. */
export interface Entity {
  readonly raw: Buffer;
  /** in order; names as sent */
  readonly headers: readonly Header[];
  readonly body: Buffer;
  /** of Content-Type; without one text/plain (RFC 2045 section 5.2). Junk comes out as a type that nobody knows */
  readonly media: MediaType;
}

/** What is asked of a part more than once is found once. */
class Part implements Entity {
  readonly headers: readonly Header[];
  readonly body: Buffer;
  #raw: Buffer | null;
  #media: MediaType | null = null;

  constructor(headers: readonly Header[], body: Buffer, raw: Buffer | null) {
    this.headers = headers;
    this.body = body;
    this.#raw = raw;
  }

  get raw(): Buffer {
    if (this.#raw !== null) return this.#raw;
    const text = this.headers.map(([name, value]) => `${name}: ${value}${CRLF}`).join('');
    return (this.#raw = Buffer.concat([Buffer.from(`${text}${CRLF}`), this.body]));
  }

  get media(): MediaType {
    return (this.#media ??= mediaType(headerOf(this, 'content-type') ?? 'text/plain'));
  }
}

export interface MediaType {
  /** lower case, `application/sdp` */
  readonly type: string;
  readonly parameters: Parameters;
}

const CRLF = '\r\n';
const MOST_HEADERS = 100;
const MOST_BOUNDARY = 70;
const MOST_PARTS = 20;

/** Reads a body part. Refused: a header line that is none, a name twice (whoever reads the other one would see another part). */
export function readEntity(raw: Buffer): Parsed<Entity> {
  const lines = new HeaderLines(raw, 0);
  const headers: Header[] = [];
  const names = new Set<string>();
  while (lines.next()) {
    const name = textOf(raw, lines.nameStart, lines.nameEnd);
    const { long } = headerName(name);
    if (names.has(long) || names.size > MOST_HEADERS) return refused(`MIME: header ${long} twice, or too many headers`);
    names.add(long);
    const start = skipBlanks(raw, lines.valueStart, lines.valueEnd);
    headers.push([name, textOf(raw, start, trimEnd(raw, start, lines.valueEnd))]);
  }
  if (lines.fault !== '') return refused(`MIME: ${lines.fault}`, lines.at);
  return parsed(new Part(headers, raw.subarray(lines.body), raw));
}

/** A body part of headers and body; what it looks like as a whole is made when it is asked for. */
export const entityOf = (headers: readonly Header[], body: Buffer): Entity => new Part(headers, body, null);

/** Value of a header by its long name; null without it. */
export const headerOf = (entity: Entity, long: string): string | null =>
  entity.headers.find(([name]) => headerName(name).long === long)?.[1] ?? null;

/** Types that are read again and again, `application/sdp` and those of S/MIME; a boundary is in none of them. */
const usual = new Map<string, MediaType>();
const MOST_USUAL = 32;
const LONGEST_USUAL = 100;

export function mediaType(text: string): MediaType {
  const known = usual.get(text);
  if (known !== undefined) return known;
  const bytes = Buffer.from(text);
  const semicolon = bytes.indexOf(59);
  const end = semicolon < 0 ? bytes.length : semicolon;
  const type = bytes.toString('utf8', 0, end).replace(/\s/g, '').toLowerCase();
  const read = { type, parameters: scanParameters(bytes, end, bytes.length) };
  if (!('boundary' in read.parameters) && usual.size < MOST_USUAL && text.length < LONGEST_USUAL) usual.set(text, read);
  return read;
}

/** Body of a part with its transfer encoding undone: none, 7bit, 8bit, binary, base64; without a header DER is told from base64. */
export function decodedBody(entity: Entity): Parsed<Buffer> {
  const encoding = headerOf(entity, 'content-transfer-encoding')?.toLowerCase() ?? null;
  const plain = encoding === null ? entity.body[0] === 0x30 : ['7bit', '8bit', 'binary'].includes(encoding);
  if (plain) return parsed(entity.body);
  if (encoding !== null && encoding !== 'base64')
    return refused('MIME: a transfer encoding other than base64 and binary');
  const text = entity.body.toString('latin1');
  return /^[A-Za-z0-9+/\s]*={0,2}\s*$/.test(text) ? parsed(Buffer.from(text, 'base64')) : refused('MIME: not base64');
}

/** base64 in lines of 64, CRLF after each. */
export const base64Lines = (bytes: Uint8Array): Buffer =>
  Buffer.from(
    Buffer.from(bytes)
      .toString('base64')
      .replace(/.{1,64}/g, `$&${CRLF}`),
  );

/**
 * The parts of a multipart body (RFC 2046 section 5.1), each with the line end before the next delimiter left out, for that belongs to
 * the delimiter. Refused: no boundary, no part, no closing delimiter, more than 20 parts.
 */
export function readParts(entity: Entity): Parsed<Buffer[]> {
  const boundary = entity.media.parameters['boundary'] ?? '';
  if (boundary === '' || boundary.length > MOST_BOUNDARY) return refused('MIME: multipart without a boundary');
  const { body } = entity;
  const mark = Buffer.from(`--${boundary}`);
  const parts: Buffer[] = [];
  let start = -1;
  for (let at = body.indexOf(mark); at >= 0; at = body.indexOf(mark, at + 1)) {
    if (at > 0 && body[at - 1] !== 10) continue;
    let end = at + mark.length;
    const closing = body[end] === 45 && body[end + 1] === 45;
    if (closing) end += 2;
    while (body[end] === 32 || body[end] === 9) end++;
    if (body[end] === 13) end++;
    if (body[end] !== 10 && !(closing && end >= body.length)) continue;
    if (start >= 0) parts.push(body.subarray(start, Math.max(start, at - (body[at - 2] === 13 ? 2 : 1))));
    if (parts.length > MOST_PARTS) return refused('MIME: too many parts');
    if (closing) return parts.length === 0 ? refused('MIME: multipart without parts') : parsed(parts);
    start = end + 1;
  }
  return refused('MIME: multipart without an end');
}

/** A multipart of parts as they stand. The boundary is random, so that no part can hold it. */
export function multipart(type: string, parts: readonly Uint8Array[], more: readonly Header[] = []): Entity {
  const boundary = `rf-${randomUUID()}`;
  const pieces = parts.flatMap((part, i) => [Buffer.from(`${i === 0 ? '' : CRLF}--${boundary}${CRLF}`), part]);
  return entityOf(
    [['Content-Type', `${type}; boundary="${boundary}"`], ...more],
    Buffer.concat([...pieces, Buffer.from(`${CRLF}--${boundary}--${CRLF}`)]),
  );
}
