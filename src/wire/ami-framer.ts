import { isUtf8 } from 'node:buffer';
import { AmiMessage, type AmiEntry } from './ami-message.ts';

/** `offset` counts bytes of the stream to where the message, banner or comment began. */
export type AmiItem =
  | { readonly kind: 'banner'; readonly version: string; readonly offset: number }
  | { readonly kind: 'message'; readonly message: AmiMessage; readonly offset: number }
  | { readonly kind: 'comment'; readonly text: string; readonly offset: number }
  | { readonly kind: 'refused'; readonly reason: string; readonly offset: number };

export interface AmiFramerOptions {
  /** longest line in bytes; default 64 KiB */
  readonly lineLimit?: number;
  /** longest message in bytes; default 8 MiB (a command may answer with tens of thousands of lines) */
  readonly messageLimit?: number;
  /** most lines of a message; default 100,000 */
  readonly headerLimit?: number;
  /**
   * A recording rather than a connection: a line may end in a bare LF, and a line that begins with `#` between messages is
   * a comment. On a connection only CRLF ends a line, so that an LF inside a value cannot forge a header.
   */
  readonly transcript?: boolean;
}

const LF = 10;
const CR = 13;
const BANNER = 'Asterisk Call Manager/';
const END_OF_COMMAND = '--END COMMAND--';

/** UTF-8 where the bytes are valid UTF-8, else ISO 8859-1: a caller's name may be in either. */
function decode(bytes: Buffer, start: number, end: number): string {
  for (let i = start; i < end; i++) {
    if ((bytes[i] ?? 0) < 128) continue;
    return isUtf8(bytes.subarray(start, end))
      ? bytes.toString('utf8', start, end)
      : bytes.toString('latin1', start, end);
  }
  return bytes.toString('latin1', start, end);
}

/**
 * Cuts a byte stream into AMI messages, whatever pieces it comes in. Work is linear in the bytes and memory is bounded by
 * the limits: a message beyond one is refused with a reason, and reading goes on after the next empty line.
 */
export class AmiFramer {
  readonly #lineLimit: number;
  readonly #messageLimit: number;
  readonly #headerLimit: number;
  readonly #transcript: boolean;
  /** The unfinished last line. */
  #held = Buffer.alloc(0);
  #heldLength = 0;
  /** Stream offset of the next line. */
  #offset = 0;
  #entries: AmiEntry[] = [];
  /** Stream offset at which the message began. */
  #began = 0;
  #state: 'between' | 'headers' | 'follows' | 'output' | 'refused' = 'between';
  /** The line being read is too long: its bytes are dropped to its end. */
  #overlong = false;
  #overlongLast = 0;
  /** Did a bare LF end lines in the message that was refused? Its rest is cut in the same way, however it is delivered. */
  #refusedBare = false;

  constructor(options: AmiFramerOptions = {}) {
    this.#lineLimit = options.lineLimit ?? 65_536;
    this.#messageLimit = options.messageLimit ?? 8 * 1024 * 1024;
    this.#headerLimit = options.headerLimit ?? 100_000;
    this.#transcript = options.transcript ?? false;
  }

  /** Bytes held back for a line that is not complete yet. */
  get pending(): number {
    return this.#heldLength;
  }

  push(chunk: Buffer): AmiItem[] {
    const items: AmiItem[] = [];
    let start = 0;
    for (let from = 0; ;) {
      const lf = chunk.indexOf(LF, from);
      if (lf < 0) break;
      from = lf + 1;
      const before = lf > 0 && lf > start ? chunk[lf - 1] : this.#lastHeld();
      const crlf = before === CR;
      if (!crlf && !this.#bareLfEnds()) continue;
      this.#finish(chunk, start, lf, crlf, items);
      start = from;
    }
    this.#hold(chunk, start, chunk.length, items);
    return items;
  }

  /** The stream ended: a message that had begun is refused, in a recording it is given as far as it came. */
  end(): AmiItem[] {
    const items: AmiItem[] = [];
    if (this.#transcript) {
      if (this.#heldLength > 0) this.#finish(Buffer.alloc(0), 0, 0, this.#lastHeld() === CR, items);
      this.#complete(items);
    } else if (this.#heldLength > 0 || (this.#state !== 'between' && this.#state !== 'refused'))
      this.#refuse('the stream ended in the middle of a message', items);
    this.#heldLength = 0;
    this.#entries = [];
    this.#state = 'between';
    return items;
  }

  /** Commands' output is raw text whose lines end in LF; elsewhere only a recording may. */
  #bareLfEnds(): boolean {
    if (this.#state === 'refused') return this.#refusedBare;
    return this.#transcript || this.#state === 'follows' || this.#state === 'output';
  }

  #lastHeld(): number {
    if (this.#overlong) return this.#overlongLast;
    return this.#heldLength > 0 ? (this.#held[this.#heldLength - 1] ?? 0) : 0;
  }

  /** Keeps the beginning of a line until the rest comes. */
  #hold(chunk: Buffer, start: number, end: number, items: AmiItem[]): void {
    const length = end - start;
    if (length === 0) return;
    if (this.#overlong || this.#heldLength + length > this.#lineLimit + 1) {
      if (!this.#overlong) this.#refuse('a line is too long', items);
      this.#offset += length + (this.#overlong ? 0 : this.#heldLength);
      this.#overlongLast = chunk[end - 1] ?? 0;
      this.#overlong = true;
      this.#heldLength = 0;
      return;
    }
    if (this.#heldLength + length > this.#held.length) {
      const larger = Buffer.allocUnsafe(Math.max(256, 2 * (this.#heldLength + length)));
      this.#held.copy(larger, 0, 0, this.#heldLength);
      this.#held = larger;
    }
    chunk.copy(this.#held, this.#heldLength, start, end);
    this.#heldLength += length;
  }

  /** A line is complete: what is held, then `chunk` from `start` to its LF at `lf`. */
  #finish(chunk: Buffer, start: number, lf: number, crlf: boolean, items: AmiItem[]): void {
    if (this.#heldLength > 0 && !this.#overlong) {
      this.#hold(chunk, start, lf, items);
      start = lf;
    }
    if (this.#overlong) {
      this.#overlong = false;
      this.#offset += lf - start + 1;
      return;
    }
    const bytes = this.#heldLength > 0 ? this.#held : chunk;
    const from = this.#heldLength > 0 ? 0 : start;
    const to = (this.#heldLength > 0 ? this.#heldLength : lf) - (crlf ? 1 : 0);
    const length = to - from + (crlf ? 2 : 1);
    this.#heldLength = 0;
    if (to - from > this.#lineLimit) this.#refuse('a line is too long', items);
    else this.#line(bytes, from, to, items);
    this.#offset += length;
  }

  #line(bytes: Buffer, start: number, end: number, items: AmiItem[]): void {
    if (start === end && this.#state !== 'output' && this.#state !== 'follows') {
      this.#complete(items);
      return;
    }
    if (this.#state === 'refused') return;
    if (this.#state === 'between') this.#began = this.#offset;
    if (this.#offset - this.#began + (end - start) > this.#messageLimit) {
      this.#refuse('a message is too long', items);
      return;
    }
    const text = decode(bytes, start, end);
    if (this.#state === 'between') {
      if (text.startsWith(BANNER)) {
        items.push({ kind: 'banner', version: text.slice(BANNER.length).trim(), offset: this.#offset });
        return;
      }
      if (this.#transcript && text.startsWith('#')) {
        items.push({ kind: 'comment', text: text.slice(1).trim(), offset: this.#offset });
        return;
      }
      this.#state = 'headers';
    }
    if (this.#entries.length >= this.#headerLimit) this.#refuse('a message has too many lines', items);
    else if (this.#state === 'output') this.#output(text);
    else this.#header(text);
  }

  #header(text: string): void {
    const colon = text.indexOf(':');
    const name = colon < 0 ? '' : text.slice(0, colon);
    // Before Asterisk 14 a command's output is plain text after these headers, up to a line that says so.
    if (this.#state === 'follows' && name !== 'Privilege' && name !== 'ActionID') {
      this.#state = 'output';
      this.#output(text);
      return;
    }
    // One blank belongs to the syntax; whatever else a value begins with is its own.
    const value = colon < 0 ? text : text.slice(text.charCodeAt(colon + 1) === 32 ? colon + 2 : colon + 1);
    this.#entries.push([name, value]);
    if (this.#entries.length === 1 && value === 'Follows' && name.toLowerCase() === 'response') this.#state = 'follows';
  }

  #output(text: string): void {
    if (!text.endsWith(END_OF_COMMAND)) {
      this.#entries.push(['Output', text]);
      return;
    }
    if (text.length > END_OF_COMMAND.length) this.#entries.push(['Output', text.slice(0, -END_OF_COMMAND.length)]);
    this.#state = 'headers';
  }

  /** An empty line, or the end of a recording. */
  #complete(items: AmiItem[]): void {
    if (this.#state !== 'between' && this.#state !== 'refused') {
      if (this.#entries.some(([name]) => name !== ''))
        items.push({ kind: 'message', message: new AmiMessage(this.#entries), offset: this.#began });
      else items.push({ kind: 'refused', reason: 'not an AMI message: no header in it', offset: this.#began });
    }
    this.#entries = [];
    this.#state = 'between';
  }

  #refuse(reason: string, items: AmiItem[]): void {
    if (this.#state === 'refused') return;
    if (this.#state === 'between') this.#began = this.#offset;
    items.push({ kind: 'refused', reason, offset: this.#began });
    this.#refusedBare = this.#bareLfEnds();
    this.#entries = [];
    this.#state = 'refused';
  }
}
