/** The last so many latencies, and what they come to. */
export class Latencies {
  readonly #kept: number[] = [];
  readonly #limit: number;
  #count = 0;

  constructor(limit = 1_024) {
    this.#limit = limit;
  }

  /** Milliseconds. */
  add(took: number): void {
    this.#kept[this.#count++ % this.#limit] = took;
  }

  /** `count` of all, median and p99 of those kept; zeros when there are none. */
  summary(): { readonly count: number; readonly median: number; readonly p99: number } {
    const sorted = [...this.#kept].sort((a, b) => a - b);
    const at = (share: number): number => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;
    return { count: this.#count, median: at(0.5), p99: at(0.99) };
  }
}
