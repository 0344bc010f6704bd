/** Children of one node, one for each digit. */
const RADIX = 10;

/** Digits as they are read: '0' is 48. */
const digitAt = (digits: string, index: number): number => digits.charCodeAt(index) - 48;

/**
 * Values kept under digit prefixes and found by the longest prefix of a number. Nodes lie in one Int32Array, so that a
 * tariff of a hundred thousand prefixes costs 40 bytes a node and a look-up touches one word a digit.
 */
export class DigitTrie<V> {
  #next = new Int32Array(RADIX * 64);
  #used = 1;
  readonly #values: V[] = [];
  /** per node: 1 + index into #values, 0 for none */
  #held = new Int32Array(64);

  /** Count of prefixes that hold a value. */
  get size(): number {
    return this.#values.length;
  }

  /**
   * Puts a value under a prefix; the empty prefix stands for every number.
   * @returns false when the prefix has a character that is no digit, or already holds a value (which stays)
   */
  add(prefix: string, value: V): boolean {
    if (!/^[0-9]*$/.test(prefix)) return false;
    let node = 0;
    for (let i = 0; i < prefix.length; i++) {
      const slot = node * RADIX + digitAt(prefix, i);
      let child = this.#next[slot] ?? 0;
      if (child === 0) {
        child = this.#grow();
        this.#next[slot] = child;
      }
      node = child;
    }
    if ((this.#held[node] ?? 0) !== 0) return false;
    this.#values.push(value);
    this.#held[node] = this.#values.length;
    return true;
  }

  /** The value of the longest prefix of `digits` that holds one, and that prefix's length; stops at the first non-digit. */
  longest(digits: string): { readonly value: V; readonly length: number } | null {
    let node = 0;
    let found = this.#held[0] ?? 0;
    let length = 0;
    for (let i = 0; i < digits.length; i++) {
      const digit = digitAt(digits, i);
      if (digit < 0 || digit > 9) break;
      node = this.#next[node * RADIX + digit] ?? 0;
      if (node === 0) break;
      const held = this.#held[node] ?? 0;
      if (held !== 0) {
        found = held;
        length = i + 1;
      }
    }
    if (found === 0) return null;
    // a value may itself be undefined, so the index decides, not the value
    return { value: this.#values[found - 1] as V, length };
  }

  #grow(): number {
    const node = this.#used++;
    if (node >= this.#held.length) {
      const held = new Int32Array(this.#held.length * 2);
      held.set(this.#held);
      this.#held = held;
      const next = new Int32Array(this.#next.length * 2);
      next.set(this.#next);
      this.#next = next;
    }
    return node;
  }
}
