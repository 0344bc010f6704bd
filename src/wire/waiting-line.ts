import type { Millis } from '../model.ts';

interface Waiting<T> {
  readonly item: T;
  readonly since: Millis;
}

/**
 * What waits, the longest-waiting first. Nothing is taken out in the middle: the owner marks it as no longer waiting,
 * and it is passed over when its turn comes, O(1) amortised. (A Map from whose front is deleted walks over all that was
 * deleted before.)
 */
export class WaitingLine<T> {
  readonly #isWaiting: (item: T, since: Millis) => boolean;
  #line: Waiting<T>[] = [];
  #head = 0;
  #sweepAt = 1024;

  /** `isWaiting`: does this item still wait, and since then? */
  constructor(isWaiting: (item: T, since: Millis) => boolean) {
    this.#isWaiting = isWaiting;
  }

  /** Holds at the most twice what waits, and 1024. */
  add(item: T, since: Millis): void {
    if (this.#line.length >= this.#sweepAt) {
      this.#line = this.#line.slice(this.#head).filter((w) => this.#isWaiting(w.item, w.since));
      this.#head = 0;
      this.#sweepAt = Math.max(1024, 2 * this.#line.length);
    }
    this.#line.push({ item, since });
  }

  /** Who has waited longest; it stays first until it is marked. */
  first(): Waiting<T> | null {
    for (; this.#head < this.#line.length; this.#head++) {
      const waiting = this.#line[this.#head];
      if (waiting !== undefined && this.#isWaiting(waiting.item, waiting.since)) return waiting;
    }
    this.#line = [];
    this.#head = 0;
    return null;
  }
}
