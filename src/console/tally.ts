import { SEVERITIES, type Alert, type Decision, type Event, type Evidence, type Incident } from '../model.ts';
import { BoundedMap } from '../windows.ts';

/** What a piece of evidence changed, as far as it is counted. */
export interface Changed {
  readonly incident: Incident;
  readonly evidence: Evidence;
  readonly alerts: readonly Alert[];
  readonly decisions: readonly Decision[];
  readonly merged: readonly { readonly younger: string }[];
}

/** Counts by two labels. Labels are names of ours (kinds, detectors, severities, actions): never what a packet says. */
type Counts = Map<string, { readonly labels: readonly [string, string]; value: number }>;

const STORIES = 8_192;

/** What went through the pipeline since the start. */
export class Tally {
  readonly #events: Counts = new Map();
  readonly #evidence: Counts = new Map();
  readonly #decisions: Counts = new Map();
  readonly #incidents: Counts = new Map();
  readonly #alerts: Counts = new Map();
  readonly #losses: Counts = new Map();
  /** story -> what it has cost as it was counted */
  readonly #counted = new BoundedMap<number>(STORIES);

  /** Counts begin at 0 where it is known what there will be: Prometheus does not see an increase from nothing to 1. */
  constructor(detectors: readonly string[], currency: string) {
    for (const severity of SEVERITIES) {
      for (const detector of detectors) add(this.#evidence, detector, severity, 0);
      add(this.#incidents, severity, '', 0);
      add(this.#alerts, severity, '', 0);
    }
    add(this.#losses, currency, '', 0);
  }

  event({ kind, feed }: Pick<Event, 'kind' | 'feed'>): void {
    add(this.#events, kind, feed);
  }

  change({ incident, evidence, alerts, decisions, merged }: Changed): void {
    add(this.#evidence, evidence.detector, evidence.severity);
    // alone in its story: it has just begun
    const fresh = incident.evidenceCount <= 1;
    if (fresh) add(this.#incidents, incident.severity, '');
    for (const { severity } of alerts) add(this.#alerts, severity, '');
    for (const { action, state } of decisions) add(this.#decisions, action, state);
    this.#lost(incident, fresh, merged);
  }

  /** A story's cost is told anew each time and grows: what it has grown by is counted. */
  #lost({ id, loss }: Incident, fresh: boolean, merged: Changed['merged']): void {
    const folded = merged.reduce((sum, { younger }) => sum + (this.#counted.get(younger) ?? 0), 0);
    for (const { younger } of merged) this.#counted.delete(younger);
    if (loss === null) return;
    // one that began before the start, or so long ago that it is forgotten: from here on
    const before = this.#counted.get(id) ?? (fresh || folded > 0 ? 0 : loss.amount);
    this.#counted.set(id, loss.amount);
    const grown = loss.amount - before - folded;
    if (grown > 0) add(this.#losses, loss.currency, '', grown);
  }

  events = (): Labelled[] => rows(this.#events);
  evidence = (): Labelled[] => rows(this.#evidence);
  decisions = (): Labelled[] => rows(this.#decisions);
  incidents = (): Labelled[] => rows(this.#incidents);
  alerts = (): Labelled[] => rows(this.#alerts);
  losses = (): Labelled[] => rows(this.#losses);
}

export type Labelled = readonly [labels: readonly [string, string], value: number];

function add(counts: Counts, first: string, second: string, by = 1): void {
  const key = `${first} ${second}`;
  const count = counts.get(key);
  if (count === undefined) counts.set(key, { labels: [first, second], value: by });
  else count.value += by;
}

const rows = (counts: Counts): Labelled[] => [...counts.values()].map(({ labels, value }) => [labels, value]);
