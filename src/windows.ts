import type { Millis } from './model.ts';

/**
 * Windows over time and bounded maps, written once for every detector. All cost O(1) amortised per observation, hold a
 * bounded amount whatever arrives, and turn into plain JSON and back (`snapshot`, static `restore`).
 */

/**
 * A map that never holds more than `capacity` entries. Two generations: writes go to the young one; when it is half the
 * capacity it becomes the old one and the former old one is forgotten. What is touched survives. (A Map used as an LRU
 * by delete-and-set measured 50 times slower when every key is new, which is what a flood of spoofed sources is.)
 */
export class BoundedMap<V> {
  readonly capacity: number;
  #young = new Map<string, V>();
  #old = new Map<string, V>();
  /** entries forgotten for lack of room, over the map's life */
  forgotten = 0;

  constructor(capacity: number) {
    this.capacity = Math.max(2, capacity);
  }

  get size(): number {
    return this.#young.size + this.#old.size;
  }

  /** The value, kept from being forgotten by being asked for. */
  get(key: string): V | undefined {
    const young = this.#young.get(key);
    if (young !== undefined) return young;
    const old = this.#old.get(key);
    if (old === undefined) return undefined;
    this.#old.delete(key);
    this.set(key, old);
    return old;
  }

  /** The value, without keeping it. */
  peek(key: string): V | undefined {
    return this.#young.get(key) ?? this.#old.get(key);
  }

  has(key: string): boolean {
    return this.#young.has(key) || this.#old.has(key);
  }

  set(key: string, value: V): void {
    if (this.#old.size > 0) this.#old.delete(key);
    this.#young.set(key, value);
    if (this.#young.size > this.capacity / 2) {
      this.forgotten += this.#old.size;
      this.#old = this.#young;
      this.#young = new Map();
    }
  }

  delete(key: string): boolean {
    const young = this.#young.delete(key);
    return this.#old.delete(key) || young;
  }

  clear(): void {
    this.#young.clear();
    this.#old.clear();
  }

  /** Oldest generation first. */
  *entries(): IterableIterator<[string, V]> {
    yield* this.#old;
    yield* this.#young;
  }

  *values(): IterableIterator<V> {
    yield* this.#old.values();
    yield* this.#young.values();
  }

  /** Entries as plain pairs; `pack` makes a value plain. */
  snapshot<T>(pack: (value: V) => T): [string, T][] {
    return [...this.entries()].map(([key, value]) => [key, pack(value)]);
  }

  restore<T>(pairs: readonly (readonly [string, T])[], unpack: (packed: T) => V): void {
    this.clear();
    for (const [key, packed] of pairs) this.set(key, unpack(packed));
  }
}

/**
 * Counts what happened in the last `span` milliseconds, exactly up to `limit` and "at least limit" above it: enough for
 * "limit or more within span", at the cost of at most `limit` time stamps.
 */
export class SlidingCount {
  readonly span: Millis;
  readonly limit: number;
  #times: Millis[] = [];

  constructor(span: Millis, limit: number) {
    this.span = span;
    this.limit = Math.max(1, limit);
  }

  /** Adds one at `at` and returns the count within the span that ends at `at` (both ends included). */
  add(at: Millis): number {
    this.#prune(at);
    this.#times.push(at);
    if (this.#times.length > this.limit) this.#times.shift();
    return this.#times.length;
  }

  count(at: Millis): number {
    this.#prune(at);
    return this.#times.length;
  }

  /** Time of the oldest that still counts, or null. */
  get first(): Millis | null {
    return this.#times[0] ?? null;
  }

  clear(): void {
    this.#times = [];
  }

  #prune(at: Millis): void {
    let gone = 0;
    while (gone < this.#times.length && (this.#times[gone] ?? at) < at - this.span) gone++;
    if (gone > 0) this.#times.splice(0, gone);
  }

  snapshot(): Millis[] {
    return [...this.#times];
  }

  static restore(span: Millis, limit: number, times: readonly Millis[]): SlidingCount {
    const count = new SlidingCount(span, limit);
    count.#times = times.slice(-count.limit);
    return count;
  }
}

/**
 * The distinct values of the last `span` milliseconds, at most `limit` of them (the longest unseen goes first, so the
 * size is "at least limit" when it is full).
 */
export class SlidingDistinct {
  readonly span: Millis;
  readonly limit: number;
  /** value -> when last seen; a Map keeps insertion order, so the first entry is the longest unseen */
  readonly #seen = new Map<string, Millis>();

  constructor(span: Millis, limit: number) {
    this.span = span;
    this.limit = Math.max(1, limit);
  }

  /** Notes a value and returns how many distinct ones the span that ends at `at` holds. */
  add(value: string, at: Millis): number {
    this.#seen.delete(value);
    this.#seen.set(value, at);
    this.#prune(at);
    return this.#seen.size;
  }

  count(at: Millis): number {
    this.#prune(at);
    return this.#seen.size;
  }

  has(value: string): boolean {
    return this.#seen.has(value);
  }

  values(): string[] {
    return [...this.#seen.keys()];
  }

  clear(): void {
    this.#seen.clear();
  }

  #prune(at: Millis): void {
    for (const [value, seen] of this.#seen) {
      if (seen >= at - this.span && this.#seen.size <= this.limit) return;
      this.#seen.delete(value);
    }
  }

  snapshot(): [string, Millis][] {
    return [...this.#seen];
  }

  static restore(span: Millis, limit: number, pairs: readonly (readonly [string, Millis])[]): SlidingDistinct {
    const distinct = new SlidingDistinct(span, limit);
    for (const [value, at] of pairs) distinct.#seen.set(value, at);
    return distinct;
  }
}
