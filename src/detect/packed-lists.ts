/**
 * Short lists of whole numbers below 2^32 in one array, for those of which there are a hundred thousand: a list of its own takes fifty
 * bytes for itself. One that grows moves those behind it, so some dozens belong together and not more.
 */
export class PackedLists {
  /** list after list */
  #words = new Uint32Array(0);
  /** words up to the end of each list */
  readonly #ends: Uint16Array;

  /** `lists`: how many; all of them together hold 65,535 numbers at the most */
  constructor(lists: number) {
    this.#ends = new Uint16Array(lists);
  }

  #start(list: number): number {
    return list === 0 ? 0 : (this.#ends[list - 1] ?? 0);
  }

  length(list: number): number {
    return (this.#ends[list] ?? 0) - this.#start(list);
  }

  /** A copy. */
  get(list: number): number[] {
    const start = this.#start(list);
    const numbers = new Array<number>(this.length(list)).fill(0);
    // not by Array.from, which goes through an iterator
    for (let i = 0; i < numbers.length; i++) numbers[i] = this.#words[start + i] ?? 0;
    return numbers;
  }

  set(list: number, numbers: readonly number[]): void {
    const start = this.#start(list);
    const by = numbers.length - this.length(list);
    if (by !== 0) {
      const words = new Uint32Array(this.#words.length + by);
      words.set(this.#words.subarray(0, start));
      words.set(this.#words.subarray(this.#ends[list] ?? 0), start + numbers.length);
      this.#words = words;
      for (let i = list; i < this.#ends.length; i++) this.#ends[i] = (this.#ends[i] ?? 0) + by;
    }
    this.#words.set(numbers, start);
  }
}
