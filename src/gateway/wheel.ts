import type { Millis } from '../model.ts';

/**
 * Due times of many things, each with one at a time: a wheel of slots, so that setting, moving and taking back cost the same however
 * many there are. What is due is at most a slot late.
 */
export class Wheel<T> {
  readonly #slot: Millis;
  readonly #slots = new Map<number, Set<T>>();
  readonly #due = new Map<T, number>();
  #done: number;

  constructor(slot: Millis, now: Millis) {
    this.#slot = slot;
    this.#done = Math.floor(now / slot);
  }

  get size(): number {
    return this.#due.size;
  }

  /** `item` is due at `at`, and at no other time. */
  set(item: T, at: Millis): void {
    this.delete(item);
    const slot = Math.max(Math.ceil(at / this.#slot), this.#done + 1);
    let items = this.#slots.get(slot);
    if (items === undefined) this.#slots.set(slot, (items = new Set()));
    items.add(item);
    this.#due.set(item, slot);
  }

  delete(item: T): void {
    const slot = this.#due.get(item);
    if (slot === undefined) return;
    this.#due.delete(item);
    this.#slots.get(slot)?.delete(item);
  }

  /** Takes out what is due at `now`, earliest first. */
  take(now: Millis): T[] {
    const until = Math.floor(now / this.#slot);
    const due: T[] = [];
    // after a long sleep there are fewer slots with something in them than slots that passed
    const slots =
      until - this.#done > this.#slots.size
        ? [...this.#slots.keys()].filter((slot) => slot <= until).sort((a, b) => a - b)
        : Array.from({ length: Math.max(0, until - this.#done) }, (_, i) => this.#done + 1 + i);
    for (const slot of slots) {
      const items = this.#slots.get(slot);
      if (items === undefined) continue;
      this.#slots.delete(slot);
      for (const item of items) {
        this.#due.delete(item);
        due.push(item);
      }
    }
    this.#done = Math.max(this.#done, until);
    return due;
  }
}
