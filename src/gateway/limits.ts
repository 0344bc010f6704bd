import type { Millis } from '../model.ts';
import { SECOND } from '../time.ts';
import { BoundedMap } from '../windows.ts';

/** Messages a second that are taken on the average, and ten times that at once. */
export interface Rate {
  readonly perSecond: number;
}

const BURST = 10;

interface Bucket {
  /** messages that may come now */
  tokens: number;
  at: Millis;
}

/** Token buckets by name: who stays below the rate never meets it, whoever else floods. Bounded. */
export class Limiter {
  readonly #buckets: BoundedMap<Bucket>;

  constructor(capacity = 100_000) {
    this.#buckets = new BoundedMap(capacity);
  }

  /** Takes one; false: there is none left. */
  take(name: string, { perSecond }: Rate, now: Millis): boolean {
    const most = perSecond * BURST;
    let bucket = this.#buckets.get(name);
    if (bucket === undefined) this.#buckets.set(name, (bucket = { tokens: most, at: now }));
    bucket.tokens = Math.min(most, bucket.tokens + (Math.max(0, now - bucket.at) * perSecond) / SECOND);
    bucket.at = now;
    if (bucket.tokens < 1) return false;
    bucket.tokens--;
    return true;
  }
}
