/**
 * Counts of a day, up to 65,535 each, in a byte each while they are below 255, as nearly all are: there are 48 of them for each of a
 * hundred thousand accounts.
 */
export class DayCounts {
  readonly #bytes: Uint8Array;
  /** those that a byte has no room for */
  #large: Map<number, number> | null = null;

  constructor(length: number) {
    this.#bytes = new Uint8Array(length);
  }

  #at(i: number): number {
    const byte = this.#bytes[i] ?? 0;
    return byte < FULL ? byte : (this.#large?.get(i) ?? FULL);
  }

  #put(i: number, count: number): void {
    this.#bytes[i] = Math.min(count, FULL);
    if (count >= FULL) (this.#large ??= new Map()).set(i, count);
  }

  /** One more; what has reached 65,535 stays. */
  bump(i: number): void {
    const count = this.#at(i);
    if (count < MOST) this.#put(i, count + 1);
  }

  /** A copy of a part. */
  slice(from: number, to: number): Uint16Array {
    const part = new Uint16Array(this.#bytes.subarray(from, to));
    if (this.#large !== null) for (let i = from; i < to; i++) part[i - from] = this.#at(i);
    return part;
  }

  clear(from: number, to: number): void {
    this.#bytes.fill(0, from, to);
    if (this.#large === null) return;
    for (let i = from; i < to; i++) this.#large.delete(i);
    if (this.#large.size === 0) this.#large = null;
  }

  /** Two bytes each, as they are stored. */
  all(): Uint16Array {
    return this.slice(0, this.#bytes.length);
  }

  fill(counts: Uint16Array): void {
    this.clear(0, this.#bytes.length);
    for (const [i, count] of counts.entries()) if (count > 0) this.#put(i, count);
  }
}

const FULL = 255;
const MOST = 65_535;
