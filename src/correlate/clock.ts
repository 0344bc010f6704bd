import type { Millis } from '../model.ts';

/**
 * Event time. Live, `at` is arrival (one capture agent with a wrong clock must not move the site's); a recording uses
 * its own time. From one event to the next it never decreases.
 */
export class EventClock {
  readonly live: boolean;
  #now = 0;

  constructor(live: boolean) {
    this.live = live;
  }

  get now(): Millis {
    return this.#now;
  }

  /** Moves on to the arrival (live) or the item's own time (recording) and returns event time. */
  reach(seenAt: Millis, arrival: Millis): Millis {
    const at = this.live ? arrival : seenAt;
    if (at > this.#now) this.#now = at;
    return this.#now;
  }

  /**
   * Records are told at the end of the call they describe, so that a backlog read after a pause keeps its own pace; one
   * with a wrong clock cannot run ahead of its arrival.
   */
  reachRecord(end: Millis, arrival: Millis): Millis {
    const at = Math.min(end, arrival);
    if (at > this.#now) this.#now = at;
    return this.#now;
  }

  restore(now: Millis): void {
    this.#now = now;
  }
}
