/**
 * Bytes that arrive in chunks of any size, taken out in pieces of any other. What is not asked for yet is kept as it
 * came: chunks are joined only when a piece spans them, so a piece costs its own length however finely it arrives.
 */
export class ByteQueue {
  #head: Buffer = Buffer.alloc(0);
  #at = 0;
  #more: Buffer[] = [];
  #moreBytes = 0;
  #debt = 0;
  #offset = 0;

  /** Offset in the whole input of the byte that comes next. */
  get offset(): number {
    return this.#offset;
  }

  /** Bytes that are here and not taken. */
  get length(): number {
    return this.#head.length - this.#at + this.#moreBytes;
  }

  push(chunk: Buffer): void {
    if (this.#debt > 0) {
      const dropped = Math.min(this.#debt, chunk.length);
      this.#debt -= dropped;
      chunk = chunk.subarray(dropped);
    }
    if (chunk.length === 0) return;
    if (this.#head.length === this.#at && this.#moreBytes === 0) {
      this.#head = chunk;
      this.#at = 0;
    } else {
      this.#more.push(chunk);
      this.#moreBytes += chunk.length;
    }
  }

  /** The next `length` bytes without taking them (a view), or null while they are not all here. */
  peek(length: number): Buffer | null {
    if (this.#head.length - this.#at < length) {
      if (this.length < length) return null;
      this.#head = Buffer.concat([this.#head.subarray(this.#at), ...this.#more]);
      this.#at = 0;
      this.#more = [];
      this.#moreBytes = 0;
    }
    return this.#head.subarray(this.#at, this.#at + length);
  }

  /** Drops `length` bytes, those that have not arrived yet included. */
  skip(length: number): void {
    this.#offset += length;
    const here = Math.min(length, this.#head.length - this.#at);
    this.#at += here;
    let rest = length - here;
    while (rest > 0) {
      const next = this.#more[0];
      if (next === undefined) {
        this.#debt += rest;
        return;
      }
      this.#more.shift();
      this.#moreBytes -= next.length;
      this.#head = next;
      this.#at = Math.min(rest, next.length);
      rest -= this.#at;
    }
  }

  /** Bytes that `skip` still waits for. */
  get missing(): number {
    return this.#debt;
  }
}
