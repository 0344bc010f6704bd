import { PLACE_NUMBERS, type Places } from './habit-places.ts';

const WORDS = 2;
const HIGH = 2 ** 32;
/** bits of a key: 2^20 and a million (habit-places.ts) */
const KEY_BITS = 21;

/**
 * The place lists of some accounts, packed: eight bytes a place, where a list of numbers takes sixteen and fifty for itself.
 * Read far more often than written: a list that grows moves those behind it, once a day at the most.
 */
export class PlaceLists {
  /** list after list; of each place the low word of what is known of it, then its key under the eight high bits */
  #words = new Uint32Array(0);
  /** places up to the end of each list */
  readonly #ends: Uint16Array;

  constructor(lists: number) {
    this.#ends = new Uint16Array(lists);
  }

  #start(list: number): number {
    return list === 0 ? 0 : (this.#ends[list - 1] ?? 0);
  }

  #count(list: number): number {
    return (this.#ends[list] ?? 0) - this.#start(list);
  }

  /** Numbers in a list. */
  length(list: number): number {
    return this.#count(list) * PLACE_NUMBERS;
  }

  /** A copy; null: nothing. */
  get(list: number): Places | null {
    const count = this.#count(list);
    if (count === 0) return null;
    const places = new Array<number>(count * PLACE_NUMBERS).fill(0);
    let at = this.#start(list) * WORDS;
    for (let i = 0; i < places.length; i += PLACE_NUMBERS) {
      const low = this.#words[at++] ?? 0;
      const high = this.#words[at++] ?? 0;
      places[i] = high & ((1 << KEY_BITS) - 1);
      places[i + 1] = (high >>> KEY_BITS) * HIGH + low;
    }
    return places;
  }

  set(list: number, places: Places | null): void {
    const start = this.#start(list);
    const before = this.#count(list);
    const count = (places?.length ?? 0) / PLACE_NUMBERS;
    if (count !== before) {
      const words = new Uint32Array(this.#words.length + (count - before) * WORDS);
      words.set(this.#words.subarray(0, start * WORDS));
      words.set(this.#words.subarray((start + before) * WORDS), (start + count) * WORDS);
      this.#words = words;
      for (let i = list; i < this.#ends.length; i++) this.#ends[i] = (this.#ends[i] ?? 0) + count - before;
    }
    let at = start * WORDS;
    for (let i = 0; i < count * PLACE_NUMBERS; i += PLACE_NUMBERS) {
      const key = places?.[i] ?? 0;
      const known = places?.[i + 1] ?? 0;
      const high = Math.floor(known / HIGH);
      this.#words[at++] = known - high * HIGH;
      this.#words[at++] = key + high * 2 ** KEY_BITS;
    }
  }
}
