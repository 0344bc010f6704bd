import type { Millis } from '../model.ts';
import { BoundedMap, type Packed } from '../windows.ts';
import { millisOf, type RespondOptions, type Response } from './options.ts';

/** A block as far as its repetition counts: its end, how often it came again, was it only recorded? */
interface Block {
  readonly until: Millis;
  readonly times: number;
  readonly state: 'observed' | 'pending';
}

export type RepeatsSnapshot = readonly Packed<Block>[];

/** Targets remembered; the longest unblocked are forgotten. */
const KEPT = 20_000;

/** How long blocks stand: who is blocked again within some days of the end of his block stands longer each time. */
export class Repeats {
  readonly #within: Millis;
  readonly #factor: number;
  readonly #longest: Millis;
  readonly #blocks = new BoundedMap<Block>(KEPT);

  constructor({ within, factor, longest }: RespondOptions['repeat']) {
    this.#within = millisOf(within);
    this.#factor = factor;
    this.#longest = millisOf(longest);
  }

  get size(): number {
    return this.#blocks.size;
  }

  /**
   * Notes a block that begins, or goes on, at `at`. `lasts` is what it stands the first time.
   * @returns its end, and how often the target had been blocked before
   */
  note(
    action: Response,
    target: string,
    at: Millis,
    lasts: Millis,
    state: Block['state'],
  ): { until: Millis; times: number } {
    const key = `${action} ${target}`;
    const known = this.#blocks.get(key);
    // what was only recorded is no warning that anybody has had
    const before = known?.state === state ? known : undefined;
    let times = before?.times ?? 0;
    if (before !== undefined && at > before.until) times = at - before.until <= this.#within ? before.times + 1 : 0;
    const until = at + Math.max(lasts, Math.min(lasts * this.#factor ** times, this.#longest));
    this.#blocks.set(key, { until: Math.max(until, before?.until ?? until), times, state });
    return { until, times };
  }

  snapshot(): RepeatsSnapshot {
    return this.#blocks.snapshot((block) => block);
  }

  restore(snapshot: RepeatsSnapshot): void {
    this.#blocks.restore(snapshot, (block) => block);
  }
}
