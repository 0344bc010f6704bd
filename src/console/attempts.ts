import type { Millis } from '../model.ts';
import { MINUTE } from '../time.ts';
import { BoundedMap, SlidingCount } from '../windows.ts';

const SPAN = 5 * MINUTE;
const PLACES = 4_096;
/** Wrong passwords in five minutes: for one name from one address, from one address, for one name from anywhere. */
const LIMITS = { pair: 5, address: 20, name: 50 } as const;
/** Passwords that are looked at together: each takes 32 MiB. */
const TOGETHER = 2;
const WAITING = 8;

/** Slows guessing down. Who is locked out by somebody else's guesses on his name waits five minutes at the most. */
export class Attempts {
  readonly #failed = new BoundedMap<SlidingCount>(PLACES);
  #busy = 0;
  readonly #queue: (() => void)[] = [];

  /** How long this name has to wait from there, milliseconds; 0: not at all. */
  wait(name: string, address: string, now: Millis): Millis {
    let wait = 0;
    for (const [key, limit] of keysOf(name, address)) {
      const failed = this.#failed.get(key);
      if (failed === undefined || failed.count(now) < limit) continue;
      wait = Math.max(wait, (failed.first ?? now) + SPAN - now);
    }
    return wait;
  }

  failed(name: string, address: string, now: Millis): void {
    for (const [key, limit] of keysOf(name, address)) {
      const failed = this.#failed.get(key) ?? new SlidingCount(SPAN, limit);
      failed.add(now);
      this.#failed.set(key, failed);
    }
  }

  /** Where people really log in nobody is locked out: an ssh tunnel or a proxy is one address for all. Names go on counting. */
  succeeded(name: string, address: string): void {
    for (const [key] of keysOf(name, address).slice(0, 2)) this.#failed.delete(key);
  }

  /** Runs the dear part, a few at a time. @returns null: too many wait already */
  async inTurn<T>(work: () => Promise<T>): Promise<T | null> {
    if (this.#busy >= TOGETHER) {
      if (this.#queue.length >= WAITING) return null;
      await new Promise<void>((resolve) => this.#queue.push(resolve));
    }
    this.#busy++;
    try {
      return await work();
    } finally {
      this.#busy--;
      this.#queue.shift()?.();
    }
  }
}

const keysOf = (name: string, address: string): [string, number][] => [
  [`pair ${address} ${name}`, LIMITS.pair],
  [`address ${address}`, LIMITS.address],
  [`name ${name}`, LIMITS.name],
];
