import type { Event, Feed, Millis } from '../model.ts';
import type { Site } from '../site/site.ts';
import type { EventClock } from './clock.ts';
import type { ReturnPaths } from './return-paths.ts';
import type { Servers } from './servers.ts';

/** A registration lives an hour by default in phones and registrars (RFC 3261 section 10.2.1.1 recommends it). */
export const REGISTRATION_PERIOD = 3_600_000;

/** What the parts of the correlator share. */
export interface Context {
  readonly site: Site;
  readonly clock: EventClock;
  readonly servers: Servers;
  readonly returnPaths: ReturnPaths;
  readonly emit: (event: Event) => void;
  /**
   * Does somebody here take registrations or ask for passwords? Between carriers nobody does, and a call without
   * either says nothing.
   */
  registrar: boolean;
  /** Do we know what was before? In a recording always; live after a registration period or once the registrar's state was read. */
  historyKnown(at: Millis): boolean;
}

/** The three fields that every event begins with; what comes with each packet writes them out, for a spread costs a third of a microsecond. */
export const stamp = <F extends Feed>(
  context: Context,
  feed: F,
  seenAt: Millis,
): { at: Millis; seenAt: Millis; feed: F } => ({
  at: context.clock.now,
  seenAt,
  feed,
});
