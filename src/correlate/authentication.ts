import type { AuthFailed, AuthSucceeded, Feed, Millis } from '../model.ts';
import { BoundedMap } from '../windows.ts';
import { stamp, type Context } from './context.ts';

/** The other feed tells the same attempt within moments; a Call-ID that is tried again is kept. */
const MAX_CALL_IDS = 8_192;

type Failure = Omit<AuthFailed, 'kind' | 'at' | 'seenAt' | 'feed'>;
type Success = Omit<AuthSucceeded, 'kind' | 'at' | 'seenAt' | 'feed'>;

interface Tally {
  sip: number;
  ami: number;
  told: number;
}

/**
 * Both feeds tell of the same attempts, in either order, and a guesser may keep one Call-ID for every guess. So attempts
 * are counted per Call-ID and feed, and one is told whenever a feed's count passes what has been told: each attempt once.
 */
class OncePerAttempt {
  readonly #tallies = new BoundedMap<Tally>(MAX_CALL_IDS);

  /** Is this attempt new, or has the other feed told it? */
  isNew(callId: string, feed: Feed): boolean {
    let tally = this.#tallies.get(callId);
    if (tally === undefined) {
      tally = { sip: 0, ami: 0, told: 0 };
      this.#tallies.set(callId, tally);
    }
    const count = feed === 'ami' ? ++tally.ami : ++tally.sip;
    if (count <= tally.told) return false;
    tally.told = count;
    return true;
  }

  get size(): number {
    return this.#tallies.size;
  }
}

/** Credentials offered and what became of them, told once over all feeds. */
export class Authentication {
  readonly #context: Context;
  readonly #failures = new OncePerAttempt();
  readonly #successes = new OncePerAttempt();

  constructor(context: Context) {
    this.#context = context;
  }

  get size(): number {
    return this.#failures.size + this.#successes.size;
  }

  failed(feed: Feed, seenAt: Millis, failure: Failure): void {
    if (this.#failures.isNew(failure.callId, feed))
      this.#context.emit({ kind: 'auth.failed', ...stamp(this.#context, feed, seenAt), ...failure });
  }

  succeeded(feed: Feed, seenAt: Millis, success: Success): void {
    if (this.#successes.isNew(success.callId, feed))
      this.#context.emit({ kind: 'auth.succeeded', ...stamp(this.#context, feed, seenAt), ...success });
  }
}
