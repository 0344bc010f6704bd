import type { Millis } from '../model.ts';
import type { SipMessage } from '../wire/sip.ts';
import type { Origin } from './upstream.ts';

/** A request from inside for a flow that nobody has taken up yet. */
export interface EarlyRequest {
  readonly token: string;
  /** of its transaction */
  readonly branch: string;
  readonly bytes: Buffer;
  readonly request: SipMessage;
  readonly origin: Origin;
}

/** Requests that wait; what comes beyond is refused at once. */
const MOST_EARLY = 2_000;
/** RFC 5626 section 5.2, as `BorderKeys.token` writes it. */
const TOKEN = /^[\w-]{22}$/;

/**
 * After a start the gateway knows no flow, but the PBX does: calls that stand, and registrations, name flows whose agents are just
 * coming back. Requests for them wait, until a time after the start when whoever has not come back is gone; so that a hang-up is not
 * lost, and nobody is told that a phone is away which is only being connected again.
 */
export class Early {
  readonly #until: Millis;
  readonly #waiting = new Map<string, EarlyRequest>();
  /** flows that were here since the start and will not come again */
  readonly #gone = new Set<string>();

  constructor(until: Millis) {
    this.#until = until;
  }

  /** @returns false: it is refused as any request for a flow that is not there */
  hold(request: EarlyRequest, now: Millis): boolean {
    const { branch, token } = request;
    if (now >= this.#until || !TOKEN.test(token) || this.#gone.has(token)) return false;
    if (!this.#waiting.has(branch) && this.#waiting.size >= MOST_EARLY) return false;
    this.#waiting.set(branch, request);
    return true;
  }

  /** The flow is there: what waited for it, oldest first. */
  release(token: string): EarlyRequest[] {
    if (this.#waiting.size === 0) return [];
    const found = [...this.#waiting.values()].filter((one) => one.token === token);
    for (const { branch } of found) this.#waiting.delete(branch);
    return found;
  }

  /** It is cancelled. @returns null: it does not wait */
  take(branch: string): EarlyRequest | null {
    const found = this.#waiting.get(branch) ?? null;
    this.#waiting.delete(branch);
    return found;
  }

  /** The flow will not come again. */
  gone(token: string, now: Millis): void {
    if (now < this.#until && this.#gone.size < MOST_EARLY) this.#gone.add(token);
  }

  /** Those for whom nobody came; to be asked now and then. */
  over(now: Millis): EarlyRequest[] {
    if (now < this.#until || this.#waiting.size === 0) return [];
    const left = [...this.#waiting.values()];
    this.#waiting.clear();
    return left;
  }
}
