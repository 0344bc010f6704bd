import { skipQuoted } from './sip-address.ts';
import { decodeUser, isBlank, skipBlanks, spells, textOf, unquote, WordTable } from './sip-text.ts';

/** Digest credentials of a request (RFC 3261 section 22, RFC 8760, RFC 7616). Texts are '' where a part is missing. */
export interface Credentials {
  readonly scheme: 'Digest';
  readonly username: string;
  readonly realm: string;
  readonly nonce: string;
  readonly uri: string;
  readonly response: string;
  /** nonce count; null if there is none or it is not hexadecimal */
  readonly nc: number | null;
  /** as sent, which the response is computed over */
  readonly ncText: string;
  readonly cnonce: string;
  readonly qop: string;
  /** as sent; '' means MD5 */
  readonly algorithm: string;
  /** the challenge's, returned unchanged (RFC 7616 section 3.4) */
  readonly opaque: string;
  readonly header: 'authorization' | 'proxy-authorization';
}

/** A Digest challenge of a 401 or 407. Texts are '' where a part is missing. */
export interface Challenge {
  readonly scheme: 'Digest';
  readonly realm: string;
  readonly nonce: string;
  /** the credentials were right, but the nonce is too old (RFC 7616 section 3.3) */
  readonly stale: boolean;
  /** as sent; '' means MD5 */
  readonly algorithm: string;
  readonly opaque: string;
}

const CREDENTIAL_FIELDS = new WordTable([
  'username',
  'realm',
  'nonce',
  'uri',
  'response',
  'nc',
  'cnonce',
  'qop',
  'algorithm',
  'username*',
  'opaque',
]);
const CHALLENGE_FIELDS = new WordTable(['realm', 'nonce', 'stale', 'algorithm', 'opaque']);

const EQUALS = 61;
const COMMA = 44;
const QUOTE = 34;

/** Where the parameters of a Digest value begin, -1 when the scheme is another one. */
function afterScheme(bytes: Buffer, start: number, end: number): number {
  const i = skipBlanks(bytes, start, end);
  return i + 6 < end && spells(bytes, i, i + 6, 'digest') && isBlank(bytes[i + 6]) ? i + 6 : -1;
}

/**
 * Walks the `name=value` pairs of a Digest value. It ends at a pair without `=`: that is junk, or the scheme of a second
 * challenge on the same line (RFC 7235 section 4.1).
 */
class Pairs {
  readonly #bytes: Buffer;
  readonly #end: number;
  readonly #plain: boolean;
  #at: number;
  #nameStart = 0;
  #nameEnd = 0;
  #valueStart = 0;
  #quoted = false;

  constructor(bytes: Buffer, start: number, end: number, plain: boolean) {
    this.#bytes = bytes;
    this.#at = start;
    this.#end = end;
    this.#plain = plain;
  }

  next(): boolean {
    const bytes = this.#bytes;
    const end = this.#end;
    let i = this.#at;
    while (i < end && (bytes[i] === COMMA || isBlank(bytes[i]))) i++;
    this.#nameStart = i;
    while (i < end && bytes[i] !== EQUALS && bytes[i] !== COMMA && !isBlank(bytes[i])) i++;
    this.#nameEnd = i;
    i = skipBlanks(bytes, i, end);
    if (i >= end || bytes[i] !== EQUALS) return false;
    i = skipBlanks(bytes, i + 1, end);
    this.#valueStart = i;
    this.#quoted = i < end && bytes[i] === QUOTE;
    if (this.#quoted) i = skipQuoted(bytes, i, end);
    else while (i < end && bytes[i] !== COMMA && !isBlank(bytes[i])) i++;
    this.#at = i;
    return true;
  }

  /** Index of the pair's name in a table, -1 for another one. */
  in(names: WordTable): number {
    return names.find(this.#bytes, this.#nameStart, this.#nameEnd);
  }

  get value(): string {
    const start = this.#valueStart;
    const end = this.#at;
    if (!this.#quoted) return textOf(this.#bytes, start, end, this.#plain);
    const closed = end > start + 1 && this.#bytes[end - 1] === QUOTE;
    return unquote(textOf(this.#bytes, start + 1, closed ? end - 1 : end, this.#plain));
  }
}

/** nc-value: 8LHEX (RFC 7616 section 3.4); fewer digits are taken too. */
function nonceCount(text: string): number | null {
  if (text.length === 0 || text.length > 8) return null;
  const count = Number(`0x${text}`);
  return Number.isNaN(count) ? null : count;
}

/** `UTF-8''J%C3%A4son` (RFC 8187); only UTF-8 is allowed, a language tag is ignored. */
function extendedValue(text: string): string {
  const match = /^UTF-8'[^']*'(.*)$/is.exec(text);
  return match === null ? text : decodeUser(match[1] ?? '');
}

/**
 * Digest credentials between `start` and `end`, the value of one Authorization or Proxy-Authorization header; null for other
 * schemes. Of a parameter that stands there twice the last counts, as in Asterisk (measured: it checks the last username).
 */
export function scanCredentials(
  bytes: Buffer,
  start: number,
  end: number,
  plain: boolean,
  header: Credentials['header'],
): Credentials | null {
  const from = afterScheme(bytes, start, end);
  if (from < 0) return null;
  const values = ['', '', '', '', '', '', '', '', '', '', ''];
  const pairs = new Pairs(bytes, from, end, plain);
  while (pairs.next()) {
    const field = pairs.in(CREDENTIAL_FIELDS);
    if (field >= 0) values[field] = pairs.value;
  }
  // by index: taking an array apart by pattern goes through its iterator, which showed in the time for a message
  const value = (field: number): string => values[field] ?? '';
  return {
    scheme: 'Digest',
    username: value(9) === '' ? value(0) : extendedValue(value(9)),
    realm: value(1),
    nonce: value(2),
    uri: value(3),
    response: value(4),
    nc: nonceCount(value(5)),
    ncText: value(5),
    cnonce: value(6),
    qop: value(7),
    algorithm: value(8),
    opaque: value(10),
    header,
  };
}

/** The first Digest challenge between `start` and `end`, the value of one WWW-Authenticate or Proxy-Authenticate header. */
export function scanChallenge(bytes: Buffer, start: number, end: number, plain: boolean): Challenge | null {
  const from = afterScheme(bytes, start, end);
  if (from < 0) return null;
  const values = ['', '', '', '', ''];
  const pairs = new Pairs(bytes, from, end, plain);
  while (pairs.next()) {
    const field = pairs.in(CHALLENGE_FIELDS);
    if (field >= 0) values[field] = pairs.value;
  }
  const [realm = '', nonce = '', stale = '', algorithm = '', opaque = ''] = values;
  return { scheme: 'Digest', realm, nonce, stale: stale.toLowerCase() === 'true', algorithm, opaque };
}
