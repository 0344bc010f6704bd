/**
 * The wiring, read first: packets, records and AMI events go through the correlator into events, through the detectors
 * into evidence, through the incidents into stories with decisions. Synchronous from packet to outcome, no clock of its
 * own, no I/O: `run`, `scan` and `replay` drive this very same object.
 */
import type { Settings } from './config.ts';
import { Correlator } from './correlate/index.ts';
import { CallStates } from './detect/call-states.ts';
import type { Detector, Shared } from './detect/detector.ts';
import { Friends } from './detect/friends.ts';
import { detectors } from './detect/index.ts';
import { HABITS_VERSION, LearnedHabits } from './detect/learned-habits.ts';
import { TrunkExits } from './detect/sent-on.ts';
import type { CallFacts, Event, EventKind, EvidenceDraft, Millis } from './model.ts';
import { toEvidence } from './respond/ids.ts';
import { Incidents, INCIDENTS_VERSION, type Change, type IncidentsSnapshot } from './respond/incidents.ts';
import { Policy } from './respond/policy.ts';
import type { RepeatsSnapshot } from './respond/repeats.ts';
import type { Site } from './site/site.ts';
import { MINUTE, SECOND, Zone } from './time.ts';
import type { AmiMessage } from './wire/ami.ts';
import { cdrFromAmi } from './wire/cdr.ts';

export interface PipelineOptions {
  /** true: what was before the start is unknown and `at` is arrival; false: recordings, on their own clock */
  readonly live: boolean;
  readonly detect: Settings['detect'];
  readonly respond: Settings['respond'];
  readonly site: Site;
  /** may what is decided be done? Decisions are then `pending`, else (the default) `observed` */
  readonly enforce?: boolean;
  /** does what stands at the PBX refuse this call by itself? Then nothing of it is up */
  readonly refused?: (call: CallFacts) => boolean;
  /** take call records from AMI events too: where no Master.csv is followed, else each would be judged twice */
  readonly amiRecords: boolean;
  /** [hep] call_silence: when a silent call is given up */
  readonly silence?: Millis;
  /** what a piece of evidence changed, each once */
  readonly changed: (change: Change) => void;
  /** every event, for those who want to watch (statistics, tests) */
  readonly watch?: (event: Event) => void;
}

/** A piece of the pipeline's state, stored under its name. */
export interface PipelineSnapshot {
  readonly name: string;
  readonly version: number;
  /** where there are many pieces: another number when it has changed, and 0 while it is as it was restored */
  readonly revision?: number;
  readonly state: unknown;
}

/** Shape of all snapshots; raised when any of them changes, and older ones are then not read. */
const SNAPSHOT_VERSION = 6 + 1000 * INCIDENTS_VERSION;

interface Running {
  readonly name: string;
  readonly detector: Detector;
}

export class Pipeline {
  readonly correlator: Correlator;
  readonly incidents: Incidents;
  readonly policy: Policy;
  /** what is usual here */
  readonly habits: LearnedHabits;
  readonly #friends = new Friends();
  readonly #detectors: readonly Running[];
  readonly #amiRecords: { readonly zone: Zone } | null;
  #ticked = 0;
  /** who takes which kind, in the order in which all are listed */
  readonly #takers: Partial<Record<EventKind, Running[]>> = {};
  readonly #changed: (change: Change) => void;

  constructor(options: PipelineOptions) {
    const { site, watch } = options;
    this.#changed = options.changed;
    this.#amiRecords = options.amiRecords ? { zone: new Zone(site.timezone) } : null;
    this.incidents = new Incidents(site.networks);
    const { refused } = options;
    this.policy = new Policy({
      ...{ respond: options.respond, site, enforce: options.enforce === true },
      ...(refused === undefined
        ? {}
        : {
            refused: (key) => {
              const call = this.correlator.call(key);
              return call !== null && refused(call);
            },
          }),
    });
    this.habits = new LearnedHabits(site);
    const shared: Shared = {
      habits: this.habits,
      counted: this.habits.counted,
      friends: this.#friends,
      states: new CallStates(),
      exits: new TrunkExits(site),
    };
    const parameters: Readonly<Record<string, unknown>> = options.detect;
    this.#detectors = detectors.map((definition) => {
      const { name, consumes } = definition;
      const detector = definition.create(parameters[name] as never, site, shared) as Detector;
      const running = { name, detector };
      for (const kind of consumes) (this.#takers[kind] ??= []).push(running);
      return running;
    });
    const { live, silence } = options;
    this.correlator = new Correlator(site, { live, ...(silence === undefined ? {} : { silence }) }, (event) => {
      watch?.(event);
      const takers = this.#takers[event.kind];
      if (takers !== undefined)
        for (const { name, detector } of takers) {
          const found = detector.on(event);
          // nothing, nearly always
          if (found.length > 0) for (const draft of found) this.evidence(name, draft);
        }
      // judged against what was before it, and only then part of it
      this.habits.take(event);
      this.#friends.take(event);
    });
  }

  /** What a detector saw, or somebody beside the detectors who sees more than events tell (the toolbox): it joins the same stories. */
  evidence(detector: string, draft: EvidenceDraft): void {
    const evidence = toEvidence(detector, draft);
    this.habits.judged(evidence);
    const change = this.incidents.add(evidence, (incident, told, raisedBy) =>
      this.policy.decide(incident, told, raisedBy),
    );
    if (change !== null) this.#changed(change);
  }

  /**
   * A recording's clock moves on to the next item: the seconds in between pass as ticks, a long silence as two, one
   * after its first second and one at its end.
   */
  advance(at: Millis): void {
    const now = this.correlator.now;
    if (now === 0 || at - this.#ticked < SECOND) return;
    if (at - now > SECOND) this.correlator.tick(now + SECOND);
    this.correlator.tick(at);
    this.#ticked = at;
  }

  /** A recording has ended: what waited for time to pass is judged now. */
  finish(): void {
    if (this.correlator.now > 0) this.correlator.tick(this.correlator.now + MINUTE);
  }

  /** One AMI event. Its call records are taken where no file of them is followed. */
  ami(event: AmiMessage, seenAt: Millis, arrival: Millis): void {
    if (event.name !== 'Cdr') this.correlator.ami(event, seenAt, arrival);
    else if (this.#amiRecords !== null) {
      const read = cdrFromAmi(event, { ...this.#amiRecords, arrival });
      if (read.ok) this.correlator.cdr(read.value.record, arrival);
      else this.correlator.malformed('cdr', null, read.reason, seenAt, arrival);
    }
  }

  /** Entries held by all parts, by name. */
  sizes(): Record<string, number> {
    const sizes: Record<string, number> = {
      correlate: this.correlator.size(),
      respond: this.policy.size(),
      habits: this.habits.size(),
      friends: this.#friends.size,
    };
    for (const { name, detector } of this.#detectors) sizes[name] = detector.size();
    return sizes;
  }

  snapshot(): PipelineSnapshot[] {
    const named = (name: string, state: unknown): PipelineSnapshot => ({ name, version: SNAPSHOT_VERSION, state });
    return [
      named('correlate', this.correlator.snapshot()),
      named('incidents', this.incidents.snapshot()),
      named('respond', this.policy.snapshot()),
      named('friends', this.#friends.snapshot()),
      ...this.#detectors.map(({ name, detector }) => named(`detect.${name}`, detector.snapshot())),
      ...this.habits.parts().map(({ name, revision, state }) => ({
        name: `habits${name}`,
        version: HABITS_VERSION,
        ...(revision === undefined ? {} : { revision }),
        // there are thousands for a large site, of which the store takes those that changed
        get state() {
          return state();
        },
      })),
    ];
  }

  /** Goes on from a snapshot; parts of another version begin afresh. @returns true: everything was restored */
  restore(snapshots: ReadonlyMap<string, PipelineSnapshot>): boolean {
    let whole = true;
    const part = (name: string, restore: (state: unknown) => void): void => {
      const stored = snapshots.get(name);
      if (stored?.version === SNAPSHOT_VERSION) restore(stored.state);
      else whole = false;
    };
    part('correlate', (state) => this.correlator.restore(state));
    part('incidents', (state) => this.incidents.restore(state as IncidentsSnapshot));
    part('respond', (state) => this.policy.restore(state as RepeatsSnapshot));
    part('friends', (state) => this.#friends.restore(state));
    for (const { name, detector } of this.#detectors) part(`detect.${name}`, (state) => detector.restore(state));
    // with a version of their own: what took weeks to learn outlives the change of another part
    const learned = this.habits.restore((name) => {
      const stored = snapshots.get(`habits${name}`);
      return stored?.version === HABITS_VERSION ? { state: stored.state, revision: stored.revision ?? 0 } : undefined;
    });
    if (!learned) whole = false;
    return whole;
  }
}
