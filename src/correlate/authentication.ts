import type { AuthFailed, AuthSucceeded, Feed, Millis } from '../model.ts';
import { BoundedMap } from '../windows.ts';
import type { Context } from './context.ts';

/** The other feed tells the same attempt within moments; a Call-ID that is tried again is kept. */
const MAX_CALL_IDS = 8_192;

/** Who offered credentials, where, with what: the facts of his request, where it was seen. */
type Offer = Pick<
  AuthFailed,
  'source' | 'sourcePort' | 'destination' | 'transport' | 'method' | 'callId' | 'userAgent'
>;
type Failure = Pick<AuthFailed, 'account' | 'username' | 'reason' | 'proof'>;
type Success = Pick<AuthSucceeded, 'account' | 'username' | 'proof'>;

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

  failed(feed: Feed, seenAt: Millis, offer: Offer, failure: Failure): void {
    if (!this.#failures.isNew(offer.callId, feed)) return;
    this.#context.emit({
      kind: 'auth.failed',
      at: this.#context.clock.now,
      seenAt,
      feed,
      account: failure.account,
      username: failure.username,
      source: offer.source,
      sourcePort: offer.sourcePort,
      destination: offer.destination,
      transport: offer.transport,
      method: offer.method,
      callId: offer.callId,
      reason: failure.reason,
      userAgent: offer.userAgent,
      proof: failure.proof,
    });
  }

  succeeded(feed: Feed, seenAt: Millis, offer: Offer, success: Success): void {
    if (!this.#successes.isNew(offer.callId, feed)) return;
    this.#context.emit({
      kind: 'auth.succeeded',
      at: this.#context.clock.now,
      seenAt,
      feed,
      account: success.account,
      username: success.username,
      source: offer.source,
      sourcePort: offer.sourcePort,
      destination: offer.destination,
      transport: offer.transport,
      method: offer.method,
      callId: offer.callId,
      userAgent: offer.userAgent,
      proof: success.proof,
    });
  }
}
