import type { AuthFailed, Millis } from '../model.ts';
import { BoundedMap } from '../windows.ts';
import type { AmiMessage } from '../wire/ami.ts';

const MAX_EARLY = 2_048;
/** The mirror lags by milliseconds; what has not come by then was lost, or is not mirrored. */
const EARLY_FOR: Millis = 2_000;
/** Failures held of one Call-ID. */
const MOST = 4;

/** What AMI told of an attempt that came through a proxy. */
export interface EarlyFailure {
  readonly event: AmiMessage;
  readonly seenAt: Millis;
  readonly username: string;
  readonly reason: AuthFailed['reason'];
}

/**
 * Failures of requests that came through a proxy, told by AMI before their SIP was mirrored: AMI names the proxy, and only the
 * mirror knows whose they are. Somebody who dials twenty numbers within a moment is challenged, gives up, and shows in mirrored
 * SIP no failure at all, so that what AMI says of him must not be lost. Bounded; not kept over a restart.
 */
export class EarlyFailures {
  readonly #held = new BoundedMap<{ readonly failures: EarlyFailure[]; readonly at: Millis }>(MAX_EARLY);

  get size(): number {
    return this.#held.size;
  }

  hold(callId: string, failure: EarlyFailure, at: Millis): void {
    const held = this.#held.get(callId);
    if (held === undefined || at - held.at > EARLY_FOR) this.#held.set(callId, { failures: [failure], at });
    else if (held.failures.length < MOST) held.failures.push(failure);
  }

  /** Those that waited for the SIP of this Call-ID. */
  take(callId: string, at: Millis): readonly EarlyFailure[] {
    if (this.#held.size === 0) return NONE;
    const held = this.#held.peek(callId);
    if (held === undefined) return NONE;
    this.#held.delete(callId);
    return at - held.at <= EARLY_FOR ? held.failures : NONE;
  }
}

const NONE: readonly EarlyFailure[] = [];
