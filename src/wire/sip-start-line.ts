import { parsed, refused, type Parsed } from '../parsed.ts';
import { afterLineEnd } from './sip-lines.ts';
import { numberOf, spells, textOf, trimEnd, WordTable } from './sip-text.ts';

/** Request-Line or Status-Line (RFC 3261 sections 7.1 and 7.2). Ranges are offsets into the message. */
export interface StartLine {
  /** '' for a response */
  readonly method: string;
  /** 0 for a request */
  readonly status: number;
  /** request URI, or reason phrase of a response */
  readonly start: number;
  readonly end: number;
  /** first byte of the headers */
  readonly next: number;
}

const METHODS: readonly string[] = [
  'ACK',
  'BYE',
  'CANCEL',
  'INFO',
  'INVITE',
  'MESSAGE',
  'NOTIFY',
  'OPTIONS',
  'PRACK',
  'PUBLISH',
  'REFER',
  'REGISTER',
  'SUBSCRIBE',
  'UPDATE',
];
const KNOWN = new WordTable(METHODS.map((method) => method.toLowerCase()));

/**
 * A method's name. The known ones in capitals whatever case they came in, for Asterisk obeys `register` as it does REGISTER
 * (measured), though RFC 3261 section 7.1 says that case matters; other ones as sent.
 */
export function methodOf(bytes: Buffer, start: number, end: number): string {
  const known = METHODS[KNOWN.find(bytes, start, end)];
  return known ?? textOf(bytes, start, end);
}

/** `SIP/2.0` at `i`? */
const isVersion = (bytes: Buffer, i: number): boolean =>
  bytes[i + 3] === 47 &&
  bytes[i + 4] === 50 &&
  bytes[i + 5] === 46 &&
  bytes[i + 6] === 48 &&
  spells(bytes, i, i + 3, 'sip');

/**
 * Reads the start line at `start`. As lenient as Asterisk: any blanks between the words and around them, `SIP / 2.0`,
 * `sip/2.0`, a missing reason phrase. Refused: other versions, blanks inside the request URI, a status outside 100 to 699.
 */
export function scanStartLine(bytes: Buffer, start: number): Parsed<StartLine> {
  const isResponse = isVersion(bytes, start) && (bytes[start + 7] ?? 32) <= 32;
  return isResponse ? statusLine(bytes, start) : requestLine(bytes, start);
}

const isLineEnd = (c: number | undefined): boolean => c === 10 || c === 13;

function lineEnd(bytes: Buffer, start: number): number {
  let i = start;
  while (i < bytes.length && !isLineEnd(bytes[i])) i++;
  return i;
}

function blanksEnd(bytes: Buffer, start: number): number {
  let i = start;
  while (bytes[i] === 32 || bytes[i] === 9) i++;
  return i;
}

/** The end of a word: before a blank, a line end or another control character. */
function wordEnd(bytes: Buffer, start: number): number {
  const length = bytes.length;
  let i = start;
  while (i < length && (bytes[i] ?? 0) > 32) i++;
  return i;
}

function statusLine(bytes: Buffer, start: number): Parsed<StartLine> {
  const code = blanksEnd(bytes, start + 7);
  const codeEnd = wordEnd(bytes, code);
  const status = numberOf(bytes, code, codeEnd, 699);
  if (status < 100 || codeEnd - code !== 3) return refused('status code is not a number from 100 to 699', code);
  const end = lineEnd(bytes, codeEnd);
  if (end >= bytes.length) return refused(UNENDED, start);
  const reason = blanksEnd(bytes, codeEnd);
  return parsed(startLine('', status, reason, trimEnd(bytes, reason, end), afterLineEnd(bytes, end)));
}

function requestLine(bytes: Buffer, start: number): Parsed<StartLine> {
  const methodEnd = wordEnd(bytes, start);
  const uri = blanksEnd(bytes, methodEnd);
  const uriEnd = wordEnd(bytes, uri);
  const version = blanksEnd(bytes, uriEnd);
  if (uri === uriEnd || methodEnd === start) return refused('not a SIP start line', start);
  let end = version + 7;
  if (!isVersion(bytes, version) || !isLineEnd(bytes[end])) {
    // everything but the plain case: blanks at the end or within the version
    end = lineEnd(bytes, version);
    const text = bytes.toString('latin1', version, Math.min(end, version + 100));
    if (!/^sip[ \t]*\/[ \t]*2\.0[ \t]*$/i.test(text)) {
      return refused('request line is not method, URI and SIP/2.0', version);
    }
  }
  if (end >= bytes.length) return refused(UNENDED, start);
  return parsed(startLine(methodOf(bytes, start, methodEnd), 0, uri, uriEnd, afterLineEnd(bytes, end)));
}

const UNENDED = 'no line end after the start line';

const startLine = (method: string, status: number, start: number, end: number, next: number): StartLine => ({
  method,
  status,
  start,
  end,
  next,
});
