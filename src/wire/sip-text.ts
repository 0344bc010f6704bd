import { isUtf8 } from 'node:buffer';

/**
 * Text out of SIP's bytes. RFC 3261 section 7 says UTF-8, old phones send Latin-1: bytes are read as UTF-8 where they are
 * valid UTF-8, else as Latin-1.
 *
 * Control characters never come out, for the texts become keys, log lines and cells of a terminal: C0, DEL, C1, line and
 * paragraph separators and the marks that turn the writing direction are written as `%XX` of their UTF-8 bytes (a NUL is `%00`).
 */

// eslint-disable-next-line no-control-regex -- finding them is the point
const CONTROLS = /[\u0000-\u001f\u007f-\u009f\u2028-\u202e\u2066-\u2069]/g;
// eslint-disable-next-line no-control-regex
const HAS_CONTROLS = /[\u0000-\u001f\u007f-\u009f\u2028-\u202e\u2066-\u2069]/;

// made once: sixty thousand NULs are the sender's to send and ours to pay for
const ESCAPED = new Map(
  Array.from({ length: 0x2100 }, (_, code) => String.fromCharCode(code))
    .filter((text) => HAS_CONTROLS.test(text))
    .map((text) => [text, encodeURIComponent(text)]),
);

/** Writes the control characters of a text as `%XX`. */
export const escapeControls = (text: string): string =>
  HAS_CONTROLS.test(text) ? text.replace(CONTROLS, (control) => ESCAPED.get(control) ?? '') : text;

/** Bytes as UTF-8 if they are valid UTF-8, else as Latin-1; control characters escaped. */
const decodeBytes = (bytes: Buffer): string => escapeControls(bytes.toString(isUtf8(bytes) ? 'utf8' : 'latin1'));

// a line folded as in RFC 3261 section 7.3.1, and tabs, mean one space; written so that it costs linear time
const FOLD = /(?:\r\n|\r|\n)[ \t]+|\t/g;

/**
 * Bytes as Latin-1. `latin1Slice` is what `toString('latin1', …)` calls after looking at its arguments; every Node has it,
 * but its documentation does not, hence the way around. It makes reading a message a fourteenth cheaper.
 */
type Slicing = Buffer & { readonly latin1Slice?: (start: number, end: number) => string };
const latin1: (bytes: Slicing, start: number, end: number) => string =
  typeof (Buffer.prototype as Slicing).latin1Slice === 'function'
    ? (bytes, start, end) => bytes.latin1Slice?.(start, end) ?? ''
    : (bytes, start, end) => bytes.toString('latin1', start, end);

/**
 * The text of `bytes` from `start` to `end`: folding undone, control characters escaped. `plain` promises that the
 * range holds nothing but printable ASCII, which most messages do, and spares the checks.
 *
 * Always a string of its own: a slice of a longer string would keep the whole packet in memory for as long as somebody
 * holds, say, its Call-ID.
 */
export function textOf(bytes: Buffer, start: number, end: number, plain = false): string {
  if (start >= end) return '';
  if (plain) return latin1(bytes, start, end);
  for (let i = start; i < end; i++) {
    const c = bytes[i] ?? 0;
    if (c < 32 || c > 126) return unusualText(bytes.subarray(start, end));
  }
  return latin1(bytes, start, end);
}

function unusualText(bytes: Buffer): string {
  const text = bytes.toString(isUtf8(bytes) ? 'utf8' : 'latin1');
  return escapeControls(text.replace(FOLD, ' '));
}

/** Undoes the quoted pairs of a quoted string (RFC 3261 section 25.1), given without its quotes. */
export const unquote = (text: string): string => (text.includes('\\') ? text.replace(/\\([^])/g, '$1') : text);

const hexValue = (c: number): number => {
  if (c >= 48 && c <= 57) return c - 48;
  const lower = c | 32;
  return lower >= 97 && lower <= 102 ? lower - 87 : -1;
};

/**
 * Percent-decodes a user part (RFC 3261 section 19.1.4: `%61lice` is alice). Invalid escapes stay as they are; what comes
 * out as a control character is escaped again, so that `%00` stays `%00`.
 */
export function decodeUser(text: string): string {
  if (!text.includes('%')) return escapeControls(text);
  const bytes = Buffer.from(text, 'utf8');
  let length = 0;
  for (let i = 0; i < bytes.length; i++) {
    let c = bytes[i] ?? 0;
    if (c === 37 && i + 2 < bytes.length) {
      const high = hexValue(bytes[i + 1] ?? 0);
      const low = hexValue(bytes[i + 2] ?? 0);
      if (high >= 0 && low >= 0) {
        c = high * 16 + low;
        i += 2;
      }
    }
    bytes[length++] = c;
  }
  return decodeBytes(bytes.subarray(0, length));
}

/** `decodeUser` of a range of bytes; `plain` as in `textOf`. */
export function userOf(bytes: Buffer, start: number, end: number, plain = false): string {
  for (let i = start; i < end; i++) if (bytes[i] === 37) return decodeUser(textOf(bytes, start, end, plain));
  return textOf(bytes, start, end, plain);
}

/** Linear white space: blank, tab, and the line ends of a folded header. */
export const isBlank = (c: number | undefined): boolean => c === 32 || c === 9 || c === 13 || c === 10;

export function skipBlanks(bytes: Buffer, start: number, end: number): number {
  let i = start;
  while (i < end && isBlank(bytes[i])) i++;
  return i;
}

/** The end of the range without trailing white space. */
export function trimEnd(bytes: Buffer, start: number, end: number): number {
  let i = end;
  while (i > start && isBlank(bytes[i - 1])) i--;
  return i;
}

/** Do the bytes spell this lower-case ASCII word, in whatever case? Letters, digits, `-` and `*` only. */
export function spells(bytes: Buffer, start: number, end: number, word: string): boolean {
  if (end - start !== word.length) return false;
  for (let i = 0; i < word.length; i++) {
    const c = bytes[start + i] ?? 0;
    const w = word.charCodeAt(i);
    if (c !== w && !(w >= 97 && (c | 32) === w)) return false;
  }
  return true;
}

/** Looks up which of a few lower-case words a range spells, in any case: at most one of them needs comparing. */
export class WordTable {
  readonly #candidates: Int8Array;
  readonly #letters: Uint8Array;
  readonly #longest: number;

  /**
   * Words of letters, `-` and `*`, which must differ in length or in first and last letter; a clash is a mistake in the
   * program. What is looked up must hold no white space.
   */
  constructor(words: readonly string[]) {
    this.#longest = Math.max(...words.map((word) => word.length));
    this.#candidates = new Int8Array((this.#longest + 1) * 64).fill(-1);
    this.#letters = new Uint8Array(words.length * this.#longest);
    words.forEach((word, index) => {
      const at = bucketOf(word.length, word.charCodeAt(0), word.charCodeAt(word.length - 1));
      if ((this.#candidates[at] ?? -1) >= 0) throw new Error(`two words in one place of the table: ${word}`);
      this.#candidates[at] = index;
      this.#letters.set(Buffer.from(word, 'latin1'), index * this.#longest);
    });
  }

  /** Index of the word, -1 for every other one. */
  find(bytes: Buffer, start: number, end: number): number {
    const length = end - start;
    if (length < 1 || length > this.#longest) return -1;
    const index = this.#candidates[bucketOf(length, bytes[start] ?? 0, bytes[end - 1] ?? 0)] ?? -1;
    if (index < 0) return -1;
    const letters = this.#letters;
    const offset = index * this.#longest - start;
    for (let i = start; i < end; i++) if (((bytes[i] ?? 0) | 32) !== letters[i + offset]) return -1;
    return index;
  }
}

const bucketOf = (length: number, first: number, last: number): number =>
  length * 64 + (((first | 32) + (last | 32)) & 63);

/** The number that the digits of a range spell, -1 for anything else or for more than `most`. */
export function numberOf(bytes: Buffer, start: number, end: number, most: number): number {
  if (start >= end) return -1;
  let value = 0;
  for (let i = start; i < end; i++) {
    const digit = (bytes[i] ?? 0) - 48;
    if (digit < 0 || digit > 9) return -1;
    value = value * 10 + digit;
    if (value > most) return -1;
  }
  return value;
}

const MOST_SECONDS = 2 ** 32 - 1;

/**
 * delta-seconds of Expires or of a Contact's expires (RFC 3261 section 20.19): larger than 2^32-1 counts as 2^32-1; null
 * for what is not a number.
 */
export function secondsOf(text: string): number | null {
  if (!/^[0-9]+$/.test(text)) return null;
  return Math.min(Number(text), MOST_SECONDS);
}
