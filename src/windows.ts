import type { Millis } from './model.ts';

/**
 * Windows over time and bounded maps, written once for every detector. All cost O(1) amortised per observation, hold a
 * bounded amount whatever arrives, and turn into plain JSON and back (`snapshot`, static `restore`).
 */

/** An entry of a BoundedMap's snapshot; a third member marks the young generation. */
export type Packed<T> = readonly [key: string, value: T, young?: 1];

/**
 * A map that never holds more than `capacity` entries. Two generations: writes go to the young one; when it has reached
 * half the capacity it becomes the old one and the former old one is forgotten. What is touched survives. (A Map used as an LRU
 * by delete-and-set measured 50 times slower when every key is new, which is what a flood of spoofed sources is.)
 */
export class BoundedMap<V> {
  readonly capacity: number;
  readonly #half: number;
  #young = new Map<string, V>();
  #old = new Map<string, V>();
  /** entries forgotten for lack of room, over the map's life */
  forgotten = 0;

  constructor(capacity: number) {
    this.capacity = Math.max(2, capacity);
    this.#half = Math.floor(this.capacity / 2);
  }

  get size(): number {
    return this.#young.size + this.#old.size;
  }

  /** The value, kept from being forgotten by being asked for. */
  get(key: string): V | undefined {
    const young = this.#young.get(key);
    if (young !== undefined || this.#old.size === 0) return young;
    const old = this.#old.get(key);
    if (old === undefined) return undefined;
    this.#old.delete(key);
    this.#write(key, old);
    return old;
  }

  /** The value, without keeping it. */
  peek(key: string): V | undefined {
    return this.#young.get(key) ?? (this.#old.size === 0 ? undefined : this.#old.get(key));
  }

  has(key: string): boolean {
    return this.#young.has(key) || (this.#old.size > 0 && this.#old.has(key));
  }

  set(key: string, value: V): void {
    if (this.#old.size > 0) this.#old.delete(key);
    this.#write(key, value);
  }

  /** Writes what the old generation does not hold. */
  #write(key: string, value: V): void {
    // turned before the write, not after: both generations together then hold at most the capacity
    if (this.#young.size >= this.#half && !this.#young.has(key)) {
      this.forgotten += this.#old.size;
      this.#old = this.#young;
      this.#young = new Map();
    }
    this.#young.set(key, value);
  }

  delete(key: string): boolean {
    const young = this.#young.delete(key);
    return (this.#old.size > 0 && this.#old.delete(key)) || young;
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

  /** Entries as plain tuples that keep the generations apart; `pack` makes a value plain. */
  snapshot<T>(pack: (value: V) => T): Packed<T>[] {
    const old: Packed<T>[] = [...this.#old].map(([key, value]) => [key, pack(value)]);
    return old.concat([...this.#young].map(([key, value]) => [key, pack(value), 1]));
  }

  /** Takes a snapshot back; what was made with a larger capacity loses its oldest entries. */
  restore<T>(entries: readonly Packed<T>[], unpack: (packed: T) => V): void {
    this.clear();
    const old = entries.filter(([, , young]) => young === undefined).slice(-this.#half);
    for (const [key, packed] of old) this.#old.set(key, unpack(packed));
    for (const [key, packed, young] of entries) if (young !== undefined) this.set(key, unpack(packed));
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
  /** while times have come in order: no entry was seen before this, so that none need be looked at until it is too old */
  #oldest: Millis = Infinity;
  #latest: Millis = -Infinity;

  constructor(span: Millis, limit: number) {
    this.span = span;
    this.limit = Math.max(1, limit);
  }

  /** Notes a value and returns how many distinct ones the span that ends at `at` holds. */
  add(value: string, at: Millis): number {
    this.#seen.delete(value);
    this.#seen.set(value, at);
    this.#note(at);
    this.#prune(at);
    return this.#seen.size;
  }

  count(at: Millis): number {
    this.#prune(at);
    return this.#seen.size;
  }

  /** How many were seen since `from`, that itself included; looks at each. */
  countSince(from: Millis): number {
    let count = 0;
    for (const seen of this.#seen.values()) if (seen >= from) count++;
    return count;
  }

  delete(value: string): boolean {
    return this.#seen.delete(value);
  }

  /** Was it seen since `since`? Without it: is it held at all. */
  has(value: string, since: Millis = -Infinity): boolean {
    const seen = this.#seen.get(value);
    return seen !== undefined && seen >= since;
  }

  /** Longest unseen first; `count(at)` first drops what is too old. */
  values(): string[] {
    return [...this.#seen.keys()];
  }

  clear(): void {
    this.#seen.clear();
  }

  #note(at: Millis): void {
    if (at >= this.#latest) this.#latest = at;
    else this.#latest = Infinity; // from now on each time is looked at
    if (this.#seen.size === 1) this.#oldest = at;
  }

  #prune(at: Millis): void {
    const from = at - this.span;
    if (this.#latest !== Infinity && this.#oldest >= from && this.#seen.size <= this.limit) return;
    for (const [value, seen] of this.#seen) {
      this.#oldest = seen;
      if (seen >= from && this.#seen.size <= this.limit) return;
      this.#seen.delete(value);
    }
  }

  snapshot(): [string, Millis][] {
    return [...this.#seen];
  }

  static restore(span: Millis, limit: number, pairs: readonly (readonly [string, Millis])[]): SlidingDistinct {
    const distinct = new SlidingDistinct(span, limit);
    for (const [value, at] of pairs.slice(-distinct.limit)) {
      distinct.#seen.set(value, at);
      distinct.#note(at);
    }
    return distinct;
  }
}

/** The last `limit` observations of the last `span` milliseconds with a plain value each, to be counted in several ways. */
export class SlidingLog<T> {
  readonly span: Millis;
  readonly limit: number;
  #entries: (readonly [Millis, T])[] = [];

  constructor(span: Millis, limit: number) {
    this.span = span;
    this.limit = Math.max(1, limit);
  }

  get size(): number {
    return this.#entries.length;
  }

  add(at: Millis, value: T): void {
    let gone = this.#entries.length < this.limit ? 0 : 1;
    while (gone < this.#entries.length && (this.#entries[gone]?.[0] ?? at) < at - this.span) gone++;
    if (gone > 0) this.#entries.splice(0, gone);
    // most logs of a flood hold one entry: `push` would make room for sixteen more
    if (this.#entries.length === 0) this.#entries = [[at, value]];
    else this.#entries.push([at, value]);
  }

  /** Observations within `span` milliseconds before `at` (both ends included), oldest first. */
  since(at: Millis, span: Millis = this.span): readonly (readonly [Millis, T])[] {
    const from = at - span;
    let first = this.#entries.length;
    while (first > 0 && (this.#entries[first - 1]?.[0] ?? from) >= from) first--;
    return first === 0 ? this.#entries : this.#entries.slice(first);
  }

  /** Forgets the observations for which `gone` holds. */
  drop(gone: (value: T) => boolean): void {
    this.#entries = this.#entries.filter(([, value]) => !gone(value));
  }

  snapshot(): (readonly [Millis, T])[] {
    return [...this.#entries];
  }

  static restore<T>(span: Millis, limit: number, entries: readonly (readonly [Millis, T])[]): SlidingLog<T> {
    const log = new SlidingLog<T>(span, limit);
    log.#entries = entries.slice(-log.limit);
    return log;
  }
}
