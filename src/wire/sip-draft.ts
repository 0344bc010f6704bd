import { parsed, refused, type Parsed } from '../parsed.ts';
import { valueStop } from './sip-address.ts';
import { headerName, HeaderLines } from './sip-lines.ts';
import { scanStartLine, type StartLine } from './sip-start-line.ts';
import { isBlank, skipBlanks, textOf, trimEnd } from './sip-text.ts';

/** One header line: its long name in lower case, and its bytes, line end included. */
interface Line {
  readonly long: string;
  readonly bytes: Buffer;
}

// eslint-disable-next-line no-control-regex -- a line end in a value would be a header more
const CONTROL = /[\u0000-\u0008\u000a-\u001f\u007f]/;

/**
 * A SIP message being changed as a proxy changes it (RFC 3261 sections 16.6 and 16.7): header lines put before others, single values of
 * a list taken off its top, the request URI replaced. Every byte that is not changed stays as it came: folds, order, compact names, blanks,
 * and the body.
 *
 * What is put in must be free of control characters: a mistake in the program otherwise, and a RangeError, as texts from the network
 * come out of wire/ without any.
 */
export class SipDraft {
  #start: Buffer;
  readonly #startLine: StartLine;
  readonly #bytes: Buffer;
  readonly #lines: Line[];
  #body: Buffer;

  private constructor(bytes: Buffer, start: StartLine, startBytes: Buffer, lines: Line[], body: Buffer) {
    this.#bytes = bytes;
    this.#startLine = start;
    this.#start = startBytes;
    this.#lines = lines;
    this.#body = body;
  }

  /** Refused: what is no SIP message. `body` is what follows the empty line, whatever Content-Length says. */
  static of(bytes: Buffer): Parsed<SipDraft> {
    let at = 0;
    while (at < bytes.length && (isBlank(bytes[at]) || bytes[at] === 0)) at++;
    const start = scanStartLine(bytes, at);
    if (!start.ok) return start;
    const walk = new HeaderLines(bytes, start.value.next);
    const lines: Line[] = [];
    for (let from = walk.at; walk.next(); from = walk.at)
      lines.push({
        long: headerName(textOf(bytes, walk.nameStart, walk.nameEnd)).long,
        bytes: bytes.subarray(from, walk.at),
      });
    if (walk.fault !== '') return refused(walk.fault, walk.at);
    return parsed(
      new SipDraft(bytes, start.value, bytes.subarray(at, start.value.next), lines, bytes.subarray(walk.body)),
    );
  }

  /** Puts another request URI in its place. */
  uri(uri: string): void {
    if (CONTROL.test(uri) || /\s/.test(uri) || this.#startLine.status !== 0) throw new RangeError('no request URI');
    this.#start = Buffer.from(`${this.#startLine.method} ${uri} SIP/2.0\r\n`);
  }

  /** Number of lines of a header. */
  count(name: string): number {
    const { long } = headerName(name);
    return this.#lines.filter((line) => line.long === long).length;
  }

  /** Every value of a header in order, split at commas outside quotes and angle brackets; empty ones left out. */
  values(name: string): string[] {
    const { long } = headerName(name);
    return this.#lines.filter((line) => line.long === long).flatMap(({ bytes }) => valuesOf(bytes));
  }

  /** Puts a line before all lines of that header; where there is none, before the first header. */
  prepend(name: string, value: string): void {
    const { long } = headerName(name);
    const first = this.#lines.findIndex((line) => line.long === long);
    this.#lines.splice(Math.max(0, first), 0, lineOf(name, value));
  }

  /** Gives a header this one value, where its first line stands, else at the end; further lines go. */
  set(name: string, value: string): void {
    const { long } = headerName(name);
    const first = this.#lines.findIndex((line) => line.long === long);
    if (first < 0) this.#lines.push(lineOf(name, value));
    else {
      this.#lines[first] = lineOf(name, value);
      this.#filter((line, i) => line.long !== long || i <= first);
    }
  }

  /** Puts a line at the end of the headers. */
  append(name: string, value: string): void {
    this.#lines.push(lineOf(name, value));
  }

  /** Takes every line of these headers out. @returns how many went */
  remove(...names: readonly string[]): number {
    const gone = new Set(names.map((name) => headerName(name).long));
    const before = this.#lines.length;
    this.#filter((line) => !gone.has(line.long));
    return before - this.#lines.length;
  }

  /** Takes the first `count` values of a header off. */
  drop(name: string, count: number): void {
    this.#change(name, count, () => null);
  }

  /** Gives the first value of a header another text. */
  replaceFirst(name: string, value: string): void {
    this.#change(name, 1, () => value);
  }

  /** Gives each value of a header another text. */
  replaceEach(name: string, make: (value: string) => string): void {
    this.#change(name, Infinity, make);
  }

  /** The first `count` values, in order, become what `make` says; null: taken out. A line that has none left goes. */
  #change(name: string, count: number, make: (value: string) => string | null): void {
    const { long } = headerName(name);
    let left = count;
    for (let i = 0; i < this.#lines.length && left > 0; i++) {
      const line = this.#lines[i];
      if (line?.long !== long) continue;
      const before = valuesOf(line.bytes);
      const after = before.flatMap((value) => {
        if (left <= 0) return [value];
        left--;
        const made = make(value);
        return made === null ? [] : [made];
      });
      if (after.length === 0) this.#lines.splice(i--, 1);
      else if (after.some((value, j) => value !== before[j]) || after.length !== before.length)
        this.#lines[i] = lineOf(nameOf(line.bytes), after.join(', '));
    }
  }

  #filter(keep: (line: Line, index: number) => boolean): void {
    const kept = this.#lines.filter(keep);
    this.#lines.splice(0, this.#lines.length, ...kept);
  }

  /** Another body; Content-Length follows. */
  body(body: Buffer): void {
    this.#body = body;
    this.set('Content-Length', String(body.length));
  }

  /** The message as it now is. */
  bytes(): Buffer {
    const parts: Buffer[] = [this.#start];
    for (const { bytes } of this.#lines) parts.push(endsLine(bytes) ? bytes : Buffer.concat([bytes, CRLF]));
    parts.push(CRLF, this.#body);
    return Buffer.concat(parts);
  }

  /** The message as it came. */
  get original(): Buffer {
    return this.#bytes;
  }
}

const CRLF = Buffer.from('\r\n');

/** The last line of a message without an empty line may end with the message itself. */
const endsLine = (bytes: Buffer): boolean => bytes[bytes.length - 1] === 10 || bytes[bytes.length - 1] === 13;

function lineOf(name: string, value: string): Line {
  if (CONTROL.test(value)) throw new RangeError(`the value of ${name} has a control character`);
  return { long: headerName(name).long, bytes: Buffer.from(`${name}: ${value}\r\n`) };
}

const nameOf = (line: Buffer): string => line.toString('latin1', 0, line.indexOf(58)).trim();

function valuesOf(line: Buffer): string[] {
  const values: string[] = [];
  const from = line.indexOf(58) + 1;
  for (let i = from; i < line.length;) {
    const stop = valueStop(line, i, line.length);
    const start = skipBlanks(line, i, stop);
    const end = trimEnd(line, start, stop);
    if (end > start) values.push(textOf(line, start, end));
    i = stop + 1;
  }
  return values;
}
