/**
 * SIP messages of a TLS or TCP stream as a signalling firewall takes them (RFC 3261 sections 7.5 and 18.3): every message has exactly
 * one Content-Length, its header lines end in CRLF, and what cannot be framed is the end of the stream. The lenient framer of wire/ is for
 * listening along; here a second reader (the PBX) must never see another message than the one that was judged.
 */

export interface StreamLimits {
  /** bytes of start line and headers at the most */
  readonly headerBytes: number;
  /** bytes of a whole message at the most */
  readonly messageBytes: number;
}

/** 65,536 bytes is what a CSC record holds, and more than Asterisk takes. */
export const STREAM_LIMITS: StreamLimits = { headerBytes: 16_384, messageBytes: 65_536 };

/** What a stream held: a message, a keep-alive that wants an answer (RFC 5626 section 4.4.1), or a fault, after which nothing comes. */
export type StreamItem =
  | { readonly kind: 'message'; readonly bytes: Buffer }
  | { readonly kind: 'ping' }
  | { readonly kind: 'fault'; readonly fault: StreamFault };

export type StreamFault =
  'header-too-long' | 'message-too-long' | 'no-content-length' | 'bad-content-length' | 'bad-line';

/** What answers a ping. */
export const PONG = Buffer.from('\r\n');

const CR = 13;
const LF = 10;
const NOTHING = Buffer.alloc(0);
/** `Content-Length` or its compact form, at the start of a line; blanks before the colon are allowed (RFC 3261 section 25.1, HCOLON). */
const CONTENT_LENGTH = /\r\n(?:content-length|l)[ \t]*:([^\r]*)/gi;

/** Takes chunks of any size and gives the same items however they were cut. Holds less than one message and one chunk. */
export class SipStream {
  readonly #limits: StreamLimits;
  /** the bytes in hand are #buffer[#start] to #buffer[#end - 1] */
  #buffer: Buffer = NOTHING;
  #start = 0;
  #end = 0;
  /** how many of them are known to hold no end of the headers; 0: between messages */
  #searched = 0;
  /** where the line begins that the search is in */
  #line = 0;
  /** length of the message in hand; 0: its headers are not all here */
  #length = 0;
  /** line ends since the last message, modulo two */
  #crlfs = 0;
  #faulty = false;

  constructor(limits: StreamLimits = STREAM_LIMITS) {
    this.#limits = limits;
  }

  /** bytes held back because their message is not whole */
  get pendingBytes(): number {
    return this.#end - this.#start;
  }

  /** What `chunk` completes; messages are copies of their own. */
  push(chunk: Buffer): StreamItem[] {
    const items: StreamItem[] = [];
    if (this.#faulty) return items;
    this.#append(chunk);
    while (this.#step(items));
    if (this.pendingBytes === 0) {
      this.#buffer = NOTHING;
      this.#start = this.#end = 0;
    }
    return items;
  }

  #append(chunk: Buffer): void {
    const pending = this.pendingBytes;
    if (this.#end + chunk.length > this.#buffer.length) {
      const larger = Buffer.allocUnsafeSlow(
        pending === 0 ? chunk.length : Math.max(2 * pending, pending + chunk.length),
      );
      this.#end = this.#buffer.copy(larger, 0, this.#start, this.#end);
      this.#start = 0;
      this.#buffer = larger;
    }
    this.#end += chunk.copy(this.#buffer, this.#end);
  }

  /** @returns false: more bytes are needed, or none are wanted any more */
  #step(items: StreamItem[]): boolean {
    if (this.#length === 0 && !(this.#between(items) && this.#header(items))) return false;
    if (this.pendingBytes < this.#length) return false;
    items.push({ kind: 'message', bytes: Buffer.from(this.#buffer.subarray(this.#start, this.#start + this.#length)) });
    this.#drop(this.#length);
    this.#length = 0;
    return true;
  }

  /** Passes over the line ends between messages; two of them are a ping. */
  #between(items: StreamItem[]): boolean {
    if (this.#searched > 0) return true;
    for (;;) {
      if (this.pendingBytes === 0) return false;
      const first = this.#buffer[this.#start];
      if (first !== CR && first !== LF) break;
      if (first === LF) return this.#fault(items, 'bad-line');
      if (this.pendingBytes === 1) return false;
      if (this.#buffer[this.#start + 1] !== LF) return this.#fault(items, 'bad-line');
      this.#drop(2);
      this.#crlfs = (this.#crlfs + 1) % 2;
      if (this.#crlfs === 0) items.push({ kind: 'ping' });
    }
    this.#crlfs = 0;
    return true;
  }

  /** Looks at each byte of the headers once, so that a fault is the same one wherever the chunks were cut. */
  #header(items: StreamItem[]): boolean {
    for (let i = this.#searched; i < this.pendingBytes; i++) {
      if (i >= this.#limits.headerBytes) return this.#fault(items, 'header-too-long');
      const c = this.#buffer[this.#start + i];
      const afterCr = i > 0 && this.#buffer[this.#start + i - 1] === CR;
      if (c === 0 || afterCr !== (c === LF)) return this.#fault(items, 'bad-line');
      if (c !== LF) continue;
      if (i - this.#line === 1) return this.#ends(items, i + 1);
      this.#line = i + 1;
    }
    this.#searched = this.pendingBytes;
    return false;
  }

  /** The headers are all here: how long is the message? */
  #ends(items: StreamItem[], body: number): boolean {
    const text = this.#buffer.toString('latin1', this.#start, this.#start + body);
    let length = -1;
    for (const [, value = ''] of text.matchAll(CONTENT_LENGTH)) {
      const digits = value.trim();
      if (length >= 0 || !/^\d{1,9}$/.test(digits)) return this.#fault(items, 'bad-content-length');
      length = Number(digits);
    }
    if (length < 0) return this.#fault(items, 'no-content-length');
    if (body + length > this.#limits.messageBytes) return this.#fault(items, 'message-too-long');
    this.#length = body + length;
    return true;
  }

  #drop(length: number): void {
    this.#start += length;
    this.#searched = 0;
    this.#line = 0;
  }

  #fault(items: StreamItem[], fault: StreamFault): false {
    items.push({ kind: 'fault', fault });
    this.#faulty = true;
    this.#buffer = NOTHING;
    this.#start = this.#end = 0;
    return false;
  }
}
