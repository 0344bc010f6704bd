/**
 * Random numbers from a seed, the same on every machine: splitmix32 over a hash of the seed's text. Every person, day and
 * attack draws from a source of its own (`fork`), so that one more call of one of them moves nobody else's.
 */
export class Random {
  readonly #seed: string;
  #state: number;

  constructor(seed: string) {
    this.#seed = seed;
    let hash = 0x811c9dc5;
    for (let i = 0; i < seed.length; i++) hash = Math.imul(hash ^ seed.charCodeAt(i), 0x01000193);
    this.#state = hash >>> 0;
  }

  fork(label: string | number): Random {
    return new Random(`${this.#seed}/${label}`);
  }

  /** 0 up to, not including, 1 */
  unit(): number {
    this.#state = (this.#state + 0x9e3779b9) >>> 0;
    let x = this.#state;
    x = Math.imul(x ^ (x >>> 16), 0x21f0aaad);
    x = Math.imul(x ^ (x >>> 15), 0x735a2d97);
    return ((x ^ (x >>> 15)) >>> 0) / 0x1_0000_0000;
  }

  between(low: number, high: number): number {
    return low + (high - low) * this.unit();
  }

  /** a whole number from `low` to `high`, both included */
  whole(low: number, high: number): number {
    return low + Math.floor((high - low + 1) * this.unit());
  }

  chance(probability: number): boolean {
    return this.unit() < probability;
  }

  pick<T>(from: readonly T[]): T {
    const found = from[Math.floor(from.length * this.unit())];
    if (found === undefined) throw new RangeError('nothing to pick from');
    return found;
  }

  /** How often something happens that happens `mean` times on average (Knuth 1969; small means only). */
  poisson(mean: number): number {
    const limit = Math.exp(-mean);
    let count = 0;
    for (let product = this.unit(); product > limit; product *= this.unit()) count++;
    return count;
  }

  /** Lognormal by its median and the standard deviation of its logarithm (Box and Muller 1958). */
  lognormal(median: number, spread: number): number {
    const normal = Math.sqrt(-2 * Math.log(1 - this.unit())) * Math.cos(2 * Math.PI * this.unit());
    return median * Math.exp(spread * normal);
  }

  /** Every X a digit, every N one from 2 to 9. */
  digits(template: string): string {
    return template.replace(/[XN]/g, (c) => String(c === 'X' ? this.whole(0, 9) : this.whole(2, 9)));
  }
}
