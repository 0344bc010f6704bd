import type { Millis } from '../model.ts';

/** Half an octave: durations are told apart to within 41 %, from 1 ms to a minute and a half. */
const PER_OCTAVE = 2;
const BUCKETS = 16 * PER_OCTAVE + 2;

const bucketOf = (ms: number): number =>
  ms < 1 ? 0 : Math.min(BUCKETS - 1, 1 + Math.floor(Math.log2(ms) * PER_OCTAVE));
/** Lower end of a bucket. */
const floorOf = (bucket: number): number => (bucket === 0 ? 0 : 2 ** ((bucket - 1) / PER_OCTAVE));

/** Plain form of a histogram: only what is not empty. */
export interface PackedDurations {
  readonly at: Millis;
  readonly total: number;
  readonly counts: readonly (readonly [bucket: number, count: number])[];
}

/**
 * How long something usually takes: a histogram with logarithmic buckets, which fades with a half-life. A quantile costs a
 * walk over 34 numbers, and a single absurd value moves none.
 */
export class FadingDurations {
  readonly #halfLife: Millis;
  readonly #counts = new Float64Array(BUCKETS);
  #total = 0;
  #at: Millis = 0;

  constructor(halfLife: Millis) {
    this.#halfLife = halfLife;
  }

  /** How many there were, faded. */
  get total(): number {
    return this.#total;
  }

  add(ms: number, at: Millis): void {
    this.#fade(at);
    const bucket = bucketOf(ms);
    this.#counts[bucket] = (this.#counts[bucket] ?? 0) + 1;
    this.#total++;
  }

  /** Whole hundredths of a half-life at once: more often would cost and say no more. */
  #fade(at: Millis): void {
    const step = this.#halfLife / 100;
    const steps = Math.floor((at - this.#at) / step);
    if (this.#total === 0) this.#at = at;
    else if (steps > 0) {
      const rest = 2 ** (-steps / 100);
      let total = 0;
      for (let i = 0; i < BUCKETS; i++) total += this.#counts[i] = (this.#counts[i] ?? 0) * rest;
      this.#total = total;
      this.#at += steps * step;
    }
  }

  /** The duration that a share `q` (0 to 1) does not exceed, interpolated within its bucket; 0 where there is none. */
  quantile(q: number): Millis {
    let below = 0;
    const wanted = q * this.#total;
    for (let i = 0; i < BUCKETS; i++) {
      const count = this.#counts[i] ?? 0;
      if (count > 0 && below + count >= wanted) {
        const [low, high] = [floorOf(i), floorOf(i + 1)];
        return low + ((high - low) * (wanted - below)) / count;
      }
      below += count;
    }
    return 0;
  }

  pack(): PackedDurations {
    return {
      at: this.#at,
      total: this.#total,
      counts: [...this.#counts].flatMap((count, i) => (count === 0 ? [] : [[i, count] as const])),
    };
  }

  static unpack(halfLife: Millis, packed: PackedDurations): FadingDurations {
    const made = new FadingDurations(halfLife);
    made.#at = packed.at;
    for (const [bucket, count] of packed.counts) if (bucket < BUCKETS) made.#counts[bucket] = count;
    made.#total = packed.total;
    return made;
  }
}

/** The middle one of some values; NaN of none. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  const upper = sorted[middle] ?? NaN;
  return sorted.length % 2 === 1 ? upper : (upper + (sorted[middle - 1] ?? NaN)) / 2;
}
