import { messageOf, PeerError } from '../errors.ts';
import type { Log } from '../log.ts';
import type { Millis } from '../model.ts';
import { SECOND } from '../time.ts';
import type { Foreign } from './enforcement.ts';
import type { Latencies } from './latencies.ts';

/** How one target does. Latencies are from the decision to its effect as the target tells it when asked, milliseconds. */
export interface TargetHealth {
  readonly name: string;
  readonly state: Reach['state'];
  readonly since: Millis;
  readonly lastError: string | null;
  /** when all of it was last read and compared */
  readonly readAt: Millis | null;
  /** rows that should stand, and of these those not proved yet */
  readonly rows: number;
  readonly unproved: number;
  /** rows that somebody else put there */
  readonly foreign: readonly Foreign[];
  /** rows that somebody else keeps changing: given up for ten minutes at a time */
  readonly contested: readonly string[];
  readonly restored: number;
  readonly latency: ReturnType<Latencies['summary']>;
}

const BACK_OFF_FIRST: Millis = 250;
const BACK_OFF_CEILING: Millis = 2 * SECOND;

/** Whether a target can be reached, since when and why not, and when it is worth another try. Changes are logged once. */
export class Reach {
  /** `up`: what it holds was compared with what it should; `away`: it cannot be reached; `refused`: it does not let us */
  state: 'up' | 'away' | 'refused' | 'new' = 'new';
  since: Millis;
  error: PeerError | null = null;
  readonly #name: string;
  readonly #log: Log;
  readonly #now: () => Millis;
  #backOff: Millis = 0;
  #notBefore: Millis = 0;

  constructor(name: string, log: Log, now: () => Millis) {
    this.#name = name;
    this.#log = log;
    this.#now = now;
    this.since = now();
  }

  mayTry(now: Millis): boolean {
    return now >= this.#notBefore;
  }

  /** It came back: no more waiting. */
  reborn(): void {
    this.#backOff = 0;
    this.#notBefore = 0;
  }

  up(): void {
    this.#backOff = 0;
    this.#become('up');
  }

  away(): void {
    this.#become('away');
  }

  /** Something failed; what is no fault of the target's goes on to whoever started it. */
  failed(error: unknown): void {
    if (!(error instanceof PeerError)) throw error;
    this.#backOff = Math.min(BACK_OFF_CEILING, Math.max(BACK_OFF_FIRST, this.#backOff * 2));
    this.#notBefore = this.#now() + this.#backOff;
    this.#become(error.retryable ? 'away' : 'refused', error);
  }

  #become(state: Reach['state'], error: PeerError | null = null): void {
    if (state === 'up' || error !== null) this.error = error;
    const before = this.state;
    if (before === state) return;
    this.state = state;
    this.since = this.#now();
    if (state === 'up') this.#log.info(`${this.#name} holds what it should`);
    // nobody has been there yet: whoever connects tells when that fails
    else if (before !== 'new' || error !== null)
      this.#log.warn(
        { code: error?.code },
        `${this.#name} ${state === 'refused' ? 'refuses' : 'is away'}: ${messageOf(error ?? 'not connected')}`,
      );
  }
}
