import type { z } from 'zod';
import type { EventKind, EventOf, EvidenceDraft } from '../model.ts';
import type { Site } from '../site/site.ts';
import type { CallStates } from './call-states.ts';
import type { Friends } from './friends.ts';
import type { CallCount } from './habit-calls.ts';
import type { Habits } from './habits.ts';
import type { TrunkExits } from './sent-on.ts';

/** A detector at work: state of its own, time only from `event.at`, no clock, no I/O. */
export interface Detector<K extends EventKind = EventKind> {
  on(event: EventOf<K>): readonly EvidenceDraft[];
  /** entries held, for the memory bound */
  size(): number;
  /** plain JSON from which `restore` goes on as if nothing had happened */
  snapshot(): unknown;
  restore(snapshot: unknown): void;
}

/** What all detectors share: one memory of each kind, which the pipeline keeps and feeds. */
export interface Shared {
  /** what accounts, groups and the site usually do; each event is judged against what was before it */
  readonly habits: Habits;
  /** where somebody has logged in from */
  readonly friends: Friends;
  /** which events are a call of whom: what habits are learned from */
  readonly counted: CallCount;
  /** what is known of calls that several hold */
  readonly states: CallStates;
  /** where calls of records left by a trunk */
  readonly exits: TrunkExits;
}

/** What a detector's file exports as its default. */
export interface DetectorDefinition<
  P extends z.ZodObject = z.ZodObject,
  K extends EventKind = EventKind,
  N extends string = string,
> {
  /** its name in settings, alerts and docs */
  readonly name: N;
  /** one line for people */
  readonly summary: string;
  /** zod strict object; every field has a default and a `.describe()` that names unit and meaning */
  readonly parameters: P;
  /** the event kinds it takes */
  readonly consumes: readonly K[];
  create(parameters: z.output<P>, site: Site, shared: Shared): Detector<K>;
}

/** Ties the parameter and event types of one definition together. */
export const defineDetector = <P extends z.ZodObject, K extends EventKind, const N extends string>(
  definition: DetectorDefinition<P, K, N>,
): DetectorDefinition<P, K, N> => definition;
