import { createHash } from 'node:crypto';
import type { Millis } from './model.ts';

/**
 * What has been seen before, in two forms: keys for as long as they could be shown again (`ReplayMemory`), and counters that
 * only grow (`CounterWindow`). Both hold a bounded amount whatever arrives, and turn into plain JSON and back.
 */

/** `new`: not seen within its window, and remembered from now on · `replay`: seen before · `full`: not seen, and not remembered for lack of room */
export type Sighting = 'new' | 'replay' | 'full';

/** An entry of a snapshot. */
export type Remembered<V> = readonly [key: string, until: Millis, value: V];

/** A memory as plain JSON. */
export interface PackedReplays<V> {
  /** the latest time that it was told, null: none */
  readonly now: Millis | null;
  readonly horizon: Millis | null;
  readonly entries: readonly Remembered<V>[];
}

export interface ReplayMemoryOptions {
  /** most keys held */
  readonly capacity: number;
  /**
   * What happens to a new key when all that are held could still be shown again. `refuse` (the default) answers `full` and keeps
   * what it has: who must not let anything through twice refuses the message. `forget` lets go what would be forgotten next,
   * and counts it: who only watches rather misses an old replay than all new ones.
   */
  readonly whenFull?: 'refuse' | 'forget';
}

/** Longer keys are held as their digest, so that nobody chooses how many bytes an entry costs. */
const LONGEST_KEY = 64;

/** The queue is shifted when it has so many free places, and they are half of it. */
const LEAST_SHIFT = 1_024;

const heldAs = (key: string): string =>
  key.length > LONGEST_KEY || key.startsWith('#') ? `#${createHash('sha256').update(key).digest('base64url')}` : key;

/**
 * Remembers keys (a nonce, a signature's digest, an SRTP master key's digest) until their window has passed, each with the
 * value that came with it first. A repetition does not prolong the window. Time never goes back in here: an `at` before the
 * latest counts as the latest. A repetition costs O(1), and so does a new key whose window ends after all others' (as where all are
 * equally long); else a new key costs O(log n).
 */
export class ReplayMemory<V = null> {
  readonly capacity: number;
  /** new keys that were not remembered (`refuse`), over the memory's life */
  refused = 0;
  /** keys let go before their window had passed (`forget`) */
  forgotten = 0;
  readonly #forgets: boolean;
  readonly #entries = new Map<string, Entry<V>>();
  /** those that end in the order in which they came, from `#head` on */
  readonly #queue: (Entry<V> | undefined)[] = [];
  #head = 0;
  /** binary heap of the others, that which ends first on top */
  readonly #ends: Entry<V>[] = [];
  #added = 0;
  #now: Millis = -Infinity;
  #horizon: Millis = -Infinity;

  constructor({ capacity, whenFull = 'refuse' }: ReplayMemoryOptions) {
    this.capacity = Math.max(1, capacity);
    this.#forgets = whenFull === 'forget';
  }

  get size(): number {
    return this.#entries.size;
  }

  /** When room is made next: the end of the window that ends first. null: nothing is held. */
  get freesAt(): Millis | null {
    return this.#first()?.until ?? null;
  }

  /** That which ends first. */
  #first(): Entry<V> | undefined {
    const queued = this.#queue[this.#head];
    const other = this.#ends[0];
    return queued === undefined || (other !== undefined && endsBefore(other, queued)) ? other : queued;
  }

  /**
   * What ended before this is forgotten. Who judges freshness by a clock that may be set back refuses what was fresh only
   * before then: nobody could say whether it was seen. null: nothing was forgotten yet.
   */
  get horizon(): Millis | null {
    return Number.isFinite(this.#horizon) ? this.#horizon : null;
  }

  /**
   * Was this key seen before, within the window that was given with it then (both ends included)? If not it is remembered
   * until `at + window`, with `value`.
   */
  seen(key: string, at: Millis, window: Millis, ...[value]: V extends null ? [] : [value: V]): Sighting {
    this.#reach(at);
    const held = heldAs(key);
    if (this.#entries.has(held)) return 'replay';
    if (this.#entries.size >= this.capacity) {
      if (!this.#forgets) {
        this.refused++;
        return 'full';
      }
      this.forgotten++;
      this.#dropFirst();
    }
    this.#add(held, this.#now + Math.max(0, window), (value ?? null) as V);
    return 'new';
  }

  /** The value that came with this key when it was new; undefined: it was not seen, or its window has passed at `at`. */
  first(key: string, at: Millis): V | undefined {
    this.#reach(at);
    return this.#entries.get(heldAs(key))?.value;
  }

  #reach(at: Millis): void {
    if (at > this.#now) this.#now = at;
    for (let end = this.#first(); end !== undefined && end.until < this.#now; end = this.#first()) this.#dropFirst();
  }

  #dropFirst(): void {
    const first = this.#first();
    if (first === undefined) return;
    this.#entries.delete(first.key);
    this.#horizon = Math.max(this.#horizon, first.until);
    if (first === this.#queue[this.#head]) this.#dequeue();
    else this.#dropTop();
  }

  #dequeue(): void {
    this.#queue[this.#head++] = undefined;
    if (this.#head * 2 <= this.#queue.length || this.#head < LEAST_SHIFT) return;
    this.#queue.splice(0, this.#head);
    this.#head = 0;
  }

  #dropTop(): void {
    const last = this.#ends.pop();
    if (last === undefined || this.#ends.length === 0) return;
    // the last sinks from the top to its place
    let at = 0;
    for (;;) {
      const left = this.#ends[2 * at + 1];
      const right = this.#ends[2 * at + 2];
      if (left === undefined) break;
      const next = right !== undefined && endsBefore(right, left) ? 2 * at + 2 : 2 * at + 1;
      const child = this.#ends[next];
      if (child === undefined || !endsBefore(child, last)) break;
      this.#ends[at] = child;
      at = next;
    }
    this.#ends[at] = last;
  }

  #add(key: string, until: Millis, value: V): void {
    const entry: Entry<V> = { key, until, value, order: this.#added++ };
    this.#entries.set(key, entry);
    if (this.#head === this.#queue.length || (this.#queue.at(-1)?.until ?? 0) <= until) {
      this.#queue.push(entry);
      return;
    }
    let at = this.#ends.length;
    while (at > 0) {
      const parent = this.#ends[(at - 1) >> 1];
      if (parent === undefined || !endsBefore(entry, parent)) break;
      this.#ends[at] = parent;
      at = (at - 1) >> 1;
    }
    this.#ends[at] = entry;
  }

  /** In the order in which they were first seen; `pack` makes a value plain (without it they are handed out as they are). */
  snapshot<T = V>(pack: (value: V) => T = (value) => value as unknown as T): PackedReplays<T> {
    const entries: Remembered<T>[] = [];
    for (const { key, until, value } of this.#entries.values()) entries.push([key, until, pack(value)]);
    return { now: Number.isFinite(this.#now) ? this.#now : null, horizon: this.horizon, entries };
  }

  /** Takes a snapshot back. Of one that was made with a larger capacity that which ends last is kept. */
  restore<T = V>(snapshot: PackedReplays<T>, unpack: (packed: T) => V = (packed) => packed as unknown as V): void {
    this.#entries.clear();
    this.#ends.length = 0;
    this.#queue.length = 0;
    this.#head = 0;
    this.#now = snapshot.now ?? -Infinity;
    this.#horizon = snapshot.horizon ?? -Infinity;
    const { entries } = snapshot;
    const surplus = entries.length - this.capacity;
    const gone = new Set(surplus <= 0 ? [] : [...entries].sort((a, b) => a[1] - b[1]).slice(0, surplus));
    for (const entry of entries) {
      const [key, until, value] = entry;
      if (gone.has(entry)) this.#horizon = Math.max(this.#horizon, until);
      else this.#add(key, until, unpack(value));
    }
    this.forgotten += gone.size;
  }
}

interface Entry<V> {
  readonly key: string;
  readonly until: Millis;
  readonly value: V;
  /** of two that end together the older goes first, after a restore as before */
  readonly order: number;
}

const endsBefore = (a: Entry<unknown>, b: Entry<unknown>): boolean =>
  a.until < b.until || (a.until === b.until && a.order < b.order);

/** `new`: accepted · `replay`: accepted before · `late`: so far behind that nobody can say · `invalid`: no counter at all, or beyond `limit` */
export type CounterSighting = 'new' | 'replay' | 'late' | 'invalid';

const WORD = 32;

/**
 * A sliding window over counters that a sender raises by one for each message (RFC 4303 section 3.4.3, with the ring of words of
 * RFC 6479: the window moves on by clearing whole words, so a jump costs at most the ring). What is ahead is accepted, what lies
 * within `width` behind the highest is accepted once, what lies further behind is not.
 */
export class CounterWindow {
  /** how far behind the highest a counter may be */
  readonly width: number;
  /** counters from this on are invalid: the sender must have taken a new key by then */
  readonly limit: number;
  readonly #ring: Uint32Array;
  #highest = -1;

  /** `width`: rounded up to a multiple of 32, at most 65,536; `limit`: at most 2^53 - 1 */
  constructor(width = 2_048, limit: number = Number.MAX_SAFE_INTEGER) {
    const words = Math.min(2_048, Math.max(1, Math.ceil(width / WORD)));
    this.width = words * WORD;
    this.limit = limit;
    // one word more than the width: that of the highest is never complete
    this.#ring = new Uint32Array(words + 1);
  }

  /** The highest that was accepted, -1 if none. */
  get highest(): number {
    return this.#highest;
  }

  /** What `accept` would answer, changing nothing: asked before the message is known to be authentic. */
  look(counter: number): CounterSighting {
    if (!Number.isSafeInteger(counter) || counter < 0 || counter >= this.limit) return 'invalid';
    if (counter > this.#highest) return 'new';
    if (this.#highest - counter >= this.width) return 'late';
    return ((this.#ring[this.#slot(counter)] ?? 0) & bit(counter)) === 0 ? 'new' : 'replay';
  }

  /** Takes a counter in. To be called only for a message that has proved authentic, else a forger moves the window. */
  accept(counter: number): CounterSighting {
    const answer = this.look(counter);
    if (answer !== 'new') return answer;
    if (counter > this.#highest) {
      const from = Math.floor(this.#highest / WORD);
      const words = Math.min(Math.floor(counter / WORD) - from, this.#ring.length);
      for (let i = 1; i <= words; i++) this.#ring[(from + i) % this.#ring.length] = 0;
      // a jump over the whole ring has cleared every word, in whatever order
      this.#highest = counter;
    }
    const slot = this.#slot(counter);
    this.#ring[slot] = (this.#ring[slot] ?? 0) | bit(counter);
    return 'new';
  }

  #slot(counter: number): number {
    return Math.floor(counter / WORD) % this.#ring.length;
  }

  snapshot(): { readonly highest: number; readonly ring: readonly number[] } {
    return { highest: this.#highest, ring: [...this.#ring] };
  }

  /** @throws RangeError for a snapshot of another width: nobody could say what was accepted */
  restore({ highest, ring }: ReturnType<CounterWindow['snapshot']>): void {
    if (ring.length !== this.#ring.length) throw new RangeError('a counter window of another width');
    this.#highest = highest;
    this.#ring.set(ring);
  }
}

const bit = (counter: number): number => 1 << (counter % WORD);
