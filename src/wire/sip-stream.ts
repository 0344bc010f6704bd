import { parsed, refused } from '../parsed.ts';
import type { Parsed } from '../parsed.ts';

/** The longest message that is taken from a stream by default: more than any UDP datagram holds. */
export const SIP_STREAM_MESSAGE_MAX_BYTES = 128 << 10;

/** A line that has not ended by then is no start line. */
const START_LINE_MAX_BYTES = 8192;

const CR = 13;
const LF = 10;
const NOTHING = Buffer.alloc(0);

/** Request-Line or Status-Line (RFC 3261 section 7), as far as a framer needs to tell a message from anything else. */
const START_LINE = /^(?:SIP\/2\.0 +\d{3}(?: .*)?|[A-Za-z0-9.!%*_+`'~-]+ +\S.* SIP\/2\.0[ \t]*)$/i;

/** The header that tells where a message of a stream ends, long or compact (RFC 3261 section 20.14). */
const CONTENT_LENGTH = /\n(?:content-length|l)[ \t]*:([^\n]*)/gi;

/**
 * Where the framer is: before a message, in its header, in its body, looking for a start line, passing over a long
 * message.
 */
type State = 'between' | 'header' | 'body' | 'lost' | 'discard';

/**
 * Whole SIP messages out of a TCP or TLS stream, by Content-Length (RFC 3261 sections 7.5 and 18.3). CRLFs between
 * messages (keep-alives, RFC 5626 section 3.5.1) are passed over; lines may end in LF alone. A message without
 * Content-Length is taken to have no body.
 *
 * What cannot be framed is refused once, with its offset in the stream, and so is a message that a gap cuts; then lines
 * are passed over until one is a SIP start line. Holds one message at the most, and refuses those longer than
 * `maxBytes`.
 */
export class SipFramer {
  readonly #maxBytes: number;
  #state: State = 'between';
  /** the bytes in hand are #buffer[#start] to #buffer[#end - 1] */
  #buffer: Buffer = NOTHING;
  #start = 0;
  #end = 0;
  /** false: #buffer is the caller's chunk, so that messages are views of it */
  #own = true;
  /** where the search for a line end goes on, so that no byte is looked at twice */
  #searched = 0;
  /** bytes of the message in hand (state `body`), or still to be passed over (`discard`) */
  #length = 0;
  /** stream offset of #buffer[#start] */
  #offset = 0;

  constructor(maxBytes = SIP_STREAM_MESSAGE_MAX_BYTES) {
    this.#maxBytes = maxBytes;
  }

  /** bytes held back because their message is not whole yet */
  get pendingBytes(): number {
    return this.#end - this.#start;
  }

  /**
   * Messages that `chunk` completes, some as views of it: the caller must not write to it again. `gap`: bytes are
   * missing before it, so that the message in hand is lost.
   */
  push(chunk: Buffer, gap = false): Parsed<Buffer>[] {
    const out: Parsed<Buffer>[] = [];
    if (gap) {
      if (this.#isWithinMessage()) out.push(refused('SIP: message is cut by a gap', this.#offset));
      this.#drop(this.pendingBytes);
      this.#state = 'lost';
    }
    // in slices, so that what is held stays bounded whatever the size of a chunk
    for (let at = 0; at < chunk.length; at += this.#maxBytes) {
      this.#append(chunk.subarray(at, at + this.#maxBytes));
      while (this.#step(out));
      this.#keep();
    }
    return out;
  }

  /** The stream has ended: what is left is half a message, if anything. */
  end(): Parsed<Buffer>[] {
    const out = this.#isWithinMessage() ? [refused('SIP: stream ends within a message', this.#offset)] : [];
    this.#drop(this.pendingBytes);
    this.#keep();
    this.#state = 'between';
    return out;
  }

  #isWithinMessage(): boolean {
    return this.#state === 'header' || this.#state === 'body' || (this.#state === 'between' && this.pendingBytes > 0);
  }

  /** One step on; false: more bytes are needed. */
  #step(out: Parsed<Buffer>[]): boolean {
    switch (this.#state) {
      case 'between':
        return this.#startLine(out);
      case 'header':
        return this.#header(out);
      case 'body':
        return this.#body(out);
      case 'lost':
        return this.#resynchronise();
      case 'discard':
        return this.#discard();
    }
  }

  #startLine(out: Parsed<Buffer>[]): boolean {
    let text = this.#start;
    while (text < this.#end && (this.#buffer[text] === CR || this.#buffer[text] === LF)) text++;
    this.#drop(text - this.#start);
    const end = this.#lineEnd();
    if (end < 0 && this.pendingBytes <= START_LINE_MAX_BYTES) return false;
    if (end >= 0 && this.#isStartLine(end)) {
      this.#state = 'header';
      this.#searched = end;
      return true;
    }
    out.push(refused('SIP: no message starts here', this.#offset));
    this.#state = 'lost';
    return true;
  }

  #header(out: Parsed<Buffer>[]): boolean {
    const body = this.#bodyAt();
    if ((body < 0 ? this.#end : body) - this.#start > this.#maxBytes) {
      out.push(refused(`SIP: header of more than ${this.#maxBytes} bytes`, this.#offset));
      this.#drop(this.pendingBytes);
      this.#state = 'lost';
      return true;
    }
    if (body < 0) return false;
    const length = contentLengthOf(this.#buffer.toString('latin1', this.#start, body));
    if (length < 0) {
      out.push(refused('SIP: Content-Length is not one number', this.#offset));
      this.#drop(body - this.#start);
      this.#state = 'lost';
      return true;
    }
    this.#length = body - this.#start + length;
    this.#state = 'body';
    if (this.#length > this.#maxBytes) {
      out.push(refused(`SIP: message of ${this.#length} bytes, ${this.#maxBytes} are the most`, this.#offset));
      this.#state = 'discard';
    }
    return true;
  }

  #body(out: Parsed<Buffer>[]): boolean {
    if (this.pendingBytes < this.#length) return false;
    const message = this.#buffer.subarray(this.#start, this.#start + this.#length);
    out.push(parsed(this.#own ? Buffer.from(message) : message));
    this.#drop(this.#length);
    this.#state = 'between';
    return true;
  }

  #discard(): boolean {
    const dropped = Math.min(this.#length, this.pendingBytes);
    this.#drop(dropped);
    this.#length -= dropped;
    if (this.#length > 0) return false;
    this.#state = 'between';
    return true;
  }

  #resynchronise(): boolean {
    const end = this.#lineEnd();
    if (end < 0) {
      if (this.pendingBytes > START_LINE_MAX_BYTES) this.#drop(this.pendingBytes);
      return false;
    }
    if (this.#isStartLine(end)) this.#state = 'between';
    else this.#drop(end + 1 - this.#start);
    return true;
  }

  /** Index of the next LF; -1: it is not here yet. */
  #lineEnd(): number {
    const found = this.#buffer.subarray(this.#searched, this.#end).indexOf(LF);
    if (found >= 0) return this.#searched + found;
    this.#searched = this.#end;
    return -1;
  }

  #isStartLine(lineEnd: number): boolean {
    if (lineEnd - this.#start > START_LINE_MAX_BYTES) return false;
    const end = this.#buffer[lineEnd - 1] === CR ? lineEnd - 1 : lineEnd;
    return START_LINE.test(this.#buffer.toString('latin1', this.#start, end));
  }

  /** Index of the byte after the empty line that ends the header; -1: it is not here yet. */
  #bodyAt(): number {
    for (let lf = this.#lineEnd(); lf >= 0; lf = this.#lineEnd()) {
      this.#searched = lf;
      const empty = this.#buffer[lf + 1] === CR ? lf + 2 : lf + 1;
      if (empty >= this.#end) return -1;
      if (this.#buffer[empty] === LF) return empty + 1;
      this.#searched = lf + 1;
    }
    return -1;
  }

  #append(chunk: Buffer): void {
    const pending = this.pendingBytes;
    if (pending === 0) {
      this.#buffer = chunk;
      this.#start = 0;
      this.#end = chunk.length;
      this.#searched = 0;
      this.#own = false;
      return;
    }
    if (this.#end + chunk.length > this.#buffer.length) this.#moveTo(Math.max(2 * pending, pending + chunk.length));
    this.#end += chunk.copy(this.#buffer, this.#end);
  }

  /** After a chunk: what is left of it is copied, for a view would hold all of it. */
  #keep(): void {
    if (this.pendingBytes === 0) {
      this.#buffer = NOTHING;
      this.#start = this.#end = this.#searched = 0;
    } else if (!this.#own) this.#moveTo(this.pendingBytes);
  }

  #moveTo(size: number): void {
    const buffer = Buffer.allocUnsafeSlow(size);
    this.#end = this.#buffer.copy(buffer, 0, this.#start, this.#end);
    this.#searched = Math.max(0, this.#searched - this.#start);
    this.#start = 0;
    this.#buffer = buffer;
    this.#own = true;
  }

  #drop(length: number): void {
    this.#start += length;
    this.#offset += length;
    if (this.#searched < this.#start) this.#searched = this.#start;
  }
}

/** Content-Length of a header; 0 without one; -1: no number, or several that differ (which a smuggler would send). */
function contentLengthOf(header: string): number {
  let length = -1;
  CONTENT_LENGTH.lastIndex = 0;
  for (let found = CONTENT_LENGTH.exec(header); found !== null; found = CONTENT_LENGTH.exec(header)) {
    const text = (found[1] ?? '').trim();
    if (!/^\d{1,9}$/.test(text)) return -1;
    if (length >= 0 && length !== Number(text)) return -1;
    length = Number(text);
  }
  return Math.max(length, 0);
}
