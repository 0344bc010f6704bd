import { isBlank, WordTable } from './sip-text.ts';

/**
 * Header lines of a SIP message (RFC 3261 section 7.3) as offsets, found in one pass over the bytes.
 *
 * Lines end at CRLF, LF or a lone CR, for Asterisk takes all three (Kamailio the first two): a reader that knew fewer line
 * ends than the PBX would overlook headers that the PBX obeys. A lone CR after which no header line begins is an ordinary
 * character, as in a quoted display name.
 */

/** Headers that are noted while scanning, as indexes of the offset table; the other ones are searched when asked for. */
export const HEADER = {
  via: 0,
  from: 1,
  to: 2,
  callId: 3,
  cseq: 4,
  contact: 5,
  expires: 6,
  userAgent: 7,
  server: 8,
  contentType: 9,
  contentLength: 10,
  authorization: 11,
  proxyAuthorization: 12,
  wwwAuthenticate: 13,
  proxyAuthenticate: 14,
  recordRoute: 15,
} as const;

const NOTED: readonly string[] = [
  'via',
  'from',
  'to',
  'call-id',
  'cseq',
  'contact',
  'expires',
  'user-agent',
  'server',
  'content-type',
  'content-length',
  'authorization',
  'proxy-authorization',
  'www-authenticate',
  'proxy-authenticate',
  'record-route',
];

/** Compact names (IANA registry "SIP Header Fields"), letter to long name. */
const COMPACT: Readonly<Record<string, string>> = {
  a: 'accept-contact',
  b: 'referred-by',
  c: 'content-type',
  d: 'request-disposition',
  e: 'content-encoding',
  f: 'from',
  i: 'call-id',
  j: 'reject-contact',
  k: 'supported',
  l: 'content-length',
  m: 'contact',
  n: 'identity-info',
  o: 'event',
  r: 'refer-to',
  s: 'subject',
  t: 'to',
  u: 'allow-events',
  v: 'via',
  x: 'session-expires',
  y: 'identity',
};

/** A header name as callers may write it, resolved: long name, compact letter or '', index in the offset table or -1. */
export interface HeaderName {
  readonly long: string;
  readonly compact: string;
  readonly index: number;
}

const NAMES = new Map<string, HeaderName>();
for (const [compact, long] of Object.entries(COMPACT)) {
  NAMES.set(long, { long, compact, index: NOTED.indexOf(long) });
}
NOTED.forEach((long, index) => NAMES.set(long, { long, compact: NAMES.get(long)?.compact ?? '', index }));
for (const [compact, long] of Object.entries(COMPACT)) {
  const name = NAMES.get(long);
  if (name !== undefined) NAMES.set(compact, name);
}

/** Long or compact name, in any case. */
export function headerName(name: string): HeaderName {
  const long = name.toLowerCase();
  return NAMES.get(long) ?? { long, compact: '', index: -1 };
}

const LETTERS = Int8Array.from({ length: 256 }, (_, c) => {
  const long = COMPACT[String.fromCharCode(c).toLowerCase()];
  return long === undefined ? -1 : NOTED.indexOf(long);
});
const WORDS = new WordTable(NOTED);

const notedIndex = (bytes: Buffer, start: number, end: number): number =>
  end - start === 1 ? (LETTERS[bytes[start] ?? 0] ?? -1) : WORDS.find(bytes, start, end);

/** Headers end here at the latest: Asterisk takes no larger SIP message, and offsets stay small. */
export const MOST_HEADER_BYTES = 65_535;

const ONES = 0x01010101;
const BLANKS = 0x20202020;
const TOPS = 0x80808080;

/** Walks the header lines of a message; after each `next()` the fields tell the line that was found. */
export class HeaderLines {
  readonly #bytes: Buffer;
  readonly #words: DataView;
  readonly #limit: number;
  #at: number;
  nameStart = 0;
  nameEnd = 0;
  valueStart = 0;
  /** before the line end, not trimmed */
  valueEnd = 0;
  /** index of `HEADER`, -1 for every other name */
  index = -1;
  /** have all values so far been printable ASCII without folds? */
  plain = true;
  /** where the body begins, once `next()` has said false; -1 if a line was no header */
  body = -1;
  /** what was wrong with the line at which the walk stopped, '' if nothing */
  fault = '';

  constructor(bytes: Buffer, start: number) {
    this.#bytes = bytes;
    this.#words = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    this.#limit = Math.min(bytes.length, start + MOST_HEADER_BYTES);
    this.#at = start;
  }

  /** Offset of the line that comes next. */
  get at(): number {
    return this.#at;
  }

  next(): boolean {
    const bytes = this.#bytes;
    const limit = this.#limit;
    let i = this.#at;
    if (i >= limit) return this.#end(i);
    let c = bytes[i];
    if (c === 13 || c === 10) return this.#end(afterLineEnd(bytes, i));
    while (i < limit && (c = bytes[i] ?? 0) > 32 && c !== 58) i++;
    const nameEnd = i;
    if (c !== 58) i = this.#colonAfterBlanks(i);
    if (nameEnd === this.#at || i >= limit || bytes[i] !== 58) return this.#stop('header line without name or colon');
    this.nameStart = this.#at;
    this.nameEnd = nameEnd;
    this.valueStart = i + 1;
    this.#scanValue(i + 1);
    this.index = notedIndex(bytes, this.nameStart, nameEnd);
    return true;
  }

  #end(body: number): boolean {
    if (body >= this.#limit && this.#limit < this.#bytes.length) return this.#stop('headers longer than 65535 bytes');
    this.body = Math.min(body, this.#bytes.length);
    return false;
  }

  #stop(fault: string): false {
    this.fault = fault;
    return false;
  }

  /** `FROM \t:` is allowed (HCOLON, RFC 3261 section 25.1); Asterisk even lets the line fold there. */
  #colonAfterBlanks(from: number): number {
    let i = from;
    while (i < this.#limit) {
      const c = this.#bytes[i];
      if (c === 32 || c === 9) i++;
      else if ((c === 13 || c === 10) && isFold(this.#bytes, i, this.#limit)) i = afterLineEnd(this.#bytes, i);
      else break;
    }
    return i;
  }

  #scanValue(from: number): void {
    const bytes = this.#bytes;
    const words = this.#words;
    const limit = this.#limit;
    let i = from;
    for (;;) {
      // eight bytes at a time while all are printable ASCII, which halves the cost of a message: adding 1 sets the top bit
      // of 0x7f and above, taking 0x20 away sets that of what is below 0x20; carries reach only words that stop anyway
      for (; i + 8 <= limit; i += 8) {
        const one = words.getInt32(i, true);
        const two = words.getInt32(i + 4, true);
        if ((((one + ONES) | (one - BLANKS) | (two + ONES) | (two - BLANKS)) & TOPS) !== 0) break;
      }
      let c = 0;
      while (i < limit && (c = bytes[i] ?? 0) > 31 && c < 127) i++;
      if (c === 13 && i + 2 < limit && bytes[i + 1] === 10 && (bytes[i + 2] ?? 0) > 32) {
        this.valueEnd = i; // CRLF and then a new line, as nearly always
        this.#at = i + 2;
        return;
      }
      if (i >= limit) {
        this.valueEnd = i;
        this.#at = i;
        return;
      }
      if (c !== 13 && c !== 10) {
        this.plain = false;
        i++;
      } else if (isFold(bytes, i, limit) || (c === 13 && !endsLine(bytes, i, limit))) {
        this.plain = false;
        i++;
      } else {
        this.valueEnd = i;
        this.#at = afterLineEnd(bytes, i);
        return;
      }
    }
  }
}

/** Offset after the CRLF, LF or CR at `i`. */
export const afterLineEnd = (bytes: Buffer, i: number): number => i + (bytes[i] === 13 && bytes[i + 1] === 10 ? 2 : 1);

function isFold(bytes: Buffer, lineEnd: number, limit: number): boolean {
  const next = afterLineEnd(bytes, lineEnd);
  return next < limit && (bytes[next] === 32 || bytes[next] === 9);
}

/** Is a CR the end of a line? It is before LF, before an empty line, before a header line and at the end. */
function endsLine(bytes: Buffer, cr: number, limit: number): boolean {
  let i = cr + 1;
  if (i >= limit || bytes[i] === 10 || bytes[i] === 13) return true;
  const start = i;
  while (i < limit && isNameByte(bytes[i] ?? 0)) i++;
  if (i === start) return false;
  while (i < limit && isBlank(bytes[i])) i++;
  return i >= limit || bytes[i] === 58;
}

/** Bytes of a token (RFC 3261 section 25.1). */
function isNameByte(c: number): boolean {
  if (c >= 97 && c <= 122) return true;
  if (c >= 45 && c <= 57) return c !== 47; // - . 0-9
  if (c >= 65 && c <= 90) return true;
  return c === 95 || c === 33 || c === 37 || c === 42 || c === 43 || c === 96 || c === 39 || c === 126;
}
