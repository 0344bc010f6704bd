import type { Counters } from '../counters.ts';
import { StoreError } from '../errors.ts';
import type { Log } from '../log.ts';
import type { Alert, Millis } from '../model.ts';
import type { Because, Cursor, FilePosition, Judged, NewDelivery, Snapshot } from '../store/index.ts';
import { SECOND } from '../time.ts';
import type { Change } from './incidents.ts';

/** The part of the store that the recorder needs. */
export interface JudgementStore {
  commitJudged(judged: Judged): { readonly alerts: readonly string[] };
}

export interface RecorderOptions {
  readonly cursor: Cursor;
  readonly store: JudgementStore;
  /** all parts; one with a `revision` is stored when that is another than the store has (0: as it was restored from there) */
  readonly snapshots: () => readonly (Snapshot & { readonly revision?: number })[];
  /** an alert that is new, told once it is stored (or at once when the store cannot take it) */
  readonly told: (alert: Alert) => void;
  /** who is to be told of a new alert: stored with it, so that nobody is forgotten */
  readonly deliveries?: (alert: Alert) => readonly NewDelivery[];
  readonly counters: Counters;
  readonly log: Log;
  /** changes that wait for the store at the most */
  readonly limit?: number;
}

/**
 * A snapshot is written at most this often, and never takes more than a twentieth of the time: packets wait while it is made.
 * After a crash this much is judged again, with the same result.
 */
const SNAPSHOT_EVERY = 15 * SECOND;
const SNAPSHOT_SHARE = 20;

/** Which evidence led to each decision. */
function becauseOf(batch: readonly Change[]): ReadonlyMap<string, Because> {
  const because = new Map<string, Because>();
  for (const { evidence, decisions } of batch)
    for (const { id } of decisions) {
      const earlier = because.get(id)?.evidence ?? [];
      because.set(id, { actor: `rule:${evidence.detector}`, evidence: [...earlier, evidence.id] });
    }
  return because;
}

/**
 * Takes what was judged to the store, behind a bounded queue, so that the packet path never waits for a disk. Evidence
 * goes at once; the place in the call records goes together with the detectors' snapshots, so that after a crash both
 * are of the same moment and what is judged again gives the same ids, which the store ignores.
 */
export class Recorder {
  readonly #options: RecorderOptions;
  readonly #limit: number;
  #waiting: Change[] = [];
  #offset: FilePosition | null = null;
  #dirty = false;
  #scheduled = false;
  #failing = false;
  #closed = false;
  #snapshotAt = 0;
  #triedAt = 0;
  /** part -> its revision in the store */
  readonly #revisions = new Map<string, number>();
  #snapshotCost = 0;
  /** alerts told while the store could not take them: not to be told again when it can */
  #toldUnstored = new Set<string>();

  constructor(options: RecorderOptions) {
    this.#options = options;
    this.#limit = options.limit ?? 10_000;
  }

  get waiting(): number {
    return this.#waiting.length;
  }

  /** when what waits was last tried, on the clock of performance.now(); Infinity: nothing waits */
  get triedAt(): number {
    return this.#waiting.length === 0 ? Infinity : this.#triedAt;
  }

  get failing(): boolean {
    return this.#failing;
  }

  take(change: Change): void {
    if (this.#waiting.length >= this.#limit) {
      // told all the same, and not to be remembered as waiting
      this.#options.counters.add('store.dropped');
      for (const alert of change.alerts) this.#options.told(alert);
      return;
    }
    if (this.#waiting.push(change) === 1) this.#triedAt = performance.now();
    if (this.#failing) for (const alert of change.alerts) this.#tell(alert);
    if (this.#scheduled || this.#failing) return;
    this.#scheduled = true;
    setImmediate(() => {
      this.#scheduled = false;
      if (!this.#closed) this.flush();
    });
  }

  /** Call records are judged up to here. */
  reached(offset: FilePosition): void {
    this.#offset = offset;
    this.#dirty = true;
  }

  /** Something changed that a snapshot should hold. */
  touched(): void {
    this.#dirty = true;
  }

  /** Once a second: offset and snapshots, and what the store refused before. */
  tick(now: Millis): void {
    const due = this.#dirty && now - this.#snapshotAt >= Math.max(SNAPSHOT_EVERY, SNAPSHOT_SHARE * this.#snapshotCost);
    if (due || (this.#failing && this.#waiting.length > 0)) this.flush(due);
  }

  /** Commits what waits; with `whole` also the offset and the snapshots that belong to it. @returns false: the store refused */
  flush(whole = false): boolean {
    const batch = this.#waiting;
    if (batch.length === 0 && !whole) return true;
    const started = (this.#triedAt = performance.now());
    const incidents = new Map(batch.map((c) => [c.incident.id, c.incident]));
    const merged = batch.flatMap((c) => c.merged);
    for (const { younger } of merged) incidents.delete(younger);
    const parts = whole
      ? this.#options
          .snapshots()
          .filter(({ name, revision }) => revision === undefined || revision !== (this.#revisions.get(name) ?? 0))
      : [];
    const judged: Judged = {
      cursor: this.#options.cursor,
      ...(whole && this.#offset !== null ? { offset: this.#offset } : {}),
      ...(whole ? { snapshots: parts } : {}),
      evidence: batch.map((c) => ({ incident: c.incident.id, evidence: c.evidence })),
      incidents: [...incidents.values()],
      decisions: batch.flatMap((c) => c.decisions),
      because: becauseOf(batch),
      alerts: batch.flatMap((c) => c.alerts),
      deliveries: batch.flatMap((c) => c.alerts.flatMap((alert) => this.#options.deliveries?.(alert) ?? [])),
      merged,
    };
    let fresh: ReadonlySet<string>;
    try {
      fresh = new Set(this.#options.store.commitJudged(judged).alerts);
    } catch (error) {
      if (!(error instanceof StoreError)) throw error;
      this.#refused(error, batch);
      return false;
    }
    this.#waiting = this.#waiting.slice(batch.length);
    if (this.#failing) this.#options.log.info({ stored: batch.length }, 'the store takes writes again');
    this.#failing = false;
    if (whole) {
      this.#dirty = false;
      for (const { name, revision } of parts) if (revision !== undefined) this.#revisions.set(name, revision);
      this.#snapshotAt = Date.now();
      this.#snapshotCost = performance.now() - started;
    }
    for (const alert of judged.alerts ?? []) if (fresh.has(alert.id)) this.#tell(alert);
    this.#toldUnstored.clear();
    return true;
  }

  /** The last commit before the store is closed, offset and snapshots with it. @returns false: the store refused */
  close(): boolean {
    this.#closed = true;
    return this.flush(true);
  }

  #tell(alert: Alert): void {
    if (this.#toldUnstored.has(alert.id)) return;
    if (this.#failing) this.#toldUnstored.add(alert.id);
    this.#options.told(alert);
  }

  /** A full disk must not stop detection: people are told at once, the changes wait, and it is tried again every second. */
  #refused(error: StoreError, batch: readonly Change[]): void {
    this.#options.counters.add('store.refused');
    if (!this.#failing) this.#options.log.error({ code: error.code }, `${error.message}; detection goes on`);
    this.#failing = true;
    for (const alert of batch.flatMap((c) => c.alerts)) this.#tell(alert);
  }
}
