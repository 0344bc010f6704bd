import type { Counters } from '../counters.ts';
import { StoreError } from '../errors.ts';
import type { Log } from '../log.ts';
import type { Decision, DecisionState, Millis } from '../model.ts';
import type { Claim } from './enforcement.ts';
import { AuditQueue, type AuditEntry, type Enforcement, type Store } from '../store/index.ts';
import { HOUR, MINUTE } from '../time.ts';
import { decisionEntry, rowEntry, type Undone } from './trail.ts';

/** The part of the store that enforcement needs. */
export type EnforcementStore = Pick<Store, 'enforcement' | 'decisions' | 'audit' | 'transaction'>;

/** The decision's own row may come this much later: it goes through the recorder's queue. */
const DECISION_COMES: Millis = MINUTE;
/** Acts that are over are remembered so long, so that none is done twice. */
const ACTS_KEPT: Millis = 24 * HOUR;

const keyOf = ({ kind, value, claim }: Enforcement): string => JSON.stringify([kind, value, claim]);

/**
 * What should stand, as it outlives a restart, behind a queue so that a push never waits for a disk: rows and the states of
 * decisions are written together right after, with what the audit trail is told of them, and again every tick while the store refuses.
 */
export class Ledger {
  readonly #store: EnforcementStore;
  readonly #log: Log;
  readonly #counters: Counters;
  readonly #rows = new Map<string, Enforcement>();
  /** null: to be deleted */
  readonly #unsaved = new Map<string, Enforcement | null>();
  readonly #states = new Map<string, { readonly state: DecisionState; readonly since: number }>();
  readonly #decisions = new Map<string, Decision>();
  readonly #trail = new AuditQueue();
  #scheduled = false;
  #failing = false;
  #forgotAt = 0;
  #closed = false;

  constructor(store: EnforcementStore, counters: Counters, log: Log) {
    this.#store = store;
    this.#counters = counters;
    this.#log = log;
  }

  get unsaved(): number {
    return this.#unsaved.size + this.#states.size;
  }

  /** What the store holds, at the start. @throws StoreError */
  load(): Enforcement[] {
    const rows = this.#store.enforcement.all();
    for (const row of rows) this.#rows.set(keyOf(row), row);
    return rows;
  }

  get(kind: string, value: string, claim: string): Enforcement | undefined {
    return this.#rows.get(JSON.stringify([kind, value, claim]));
  }

  rows(): IterableIterator<Enforcement> {
    return this.#rows.values();
  }

  /** `undone`: who took it back, where somebody did. */
  put(row: Enforcement, undone: Undone = null): void {
    this.#tell(row, undone);
    this.#rows.set(keyOf(row), row);
    this.#unsaved.set(keyOf(row), row);
    this.#schedule();
  }

  /** A row of which nothing has to be remembered: `row` as it ended. */
  delete(row: Enforcement, undone: Undone = null): void {
    this.#tell(row, undone);
    this.#rows.delete(keyOf(row));
    this.#unsaved.set(keyOf(row), null);
    this.#schedule();
  }

  /** A decision made by hand, which no recorder stores. */
  decided(decision: Decision): void {
    this.#decisions.set(decision.id, decision);
    this.note(decisionEntry(decision, decision.incident === '' ? 'hand' : 'rule'));
  }

  /** Something else that the audit trail is to tell. */
  note(entry: AuditEntry): void {
    this.#trail.take(entry);
    this.#schedule();
  }

  #tell(row: Enforcement, undone: Undone): void {
    const entry = rowEntry(this.#rows.get(keyOf(row)), row, undone);
    if (entry !== null) this.#trail.take(entry);
  }

  setState(decision: string, state: DecisionState): void {
    this.#states.set(decision, { state, since: performance.now() });
    this.#schedule();
  }

  /** The state that a decision has, as far as it is stored or waits to be. */
  stateOf(decision: string): DecisionState | null {
    return this.#states.get(decision)?.state ?? this.#store.decisions.get(decision)?.state ?? null;
  }

  tick(now: Millis): void {
    if (this.unsaved + this.#decisions.size + this.#trail.size > 0) this.flush();
    if (now - this.#forgotAt < HOUR || this.#failing) return;
    this.#forgotAt = now;
    for (const [key, row] of this.#rows) {
      // a secret without an end stands until it is undone
      const once = row.by === 'rule' && row.state !== 'pending' && row.kind !== 'secret';
      const over = row.until === null ? once : row.until < now;
      if (over && (row.until ?? row.since) < now - ACTS_KEPT) this.#rows.delete(key);
    }
    this.#guarded(() => void this.#store.enforcement.forget(now - ACTS_KEPT));
  }

  /** Writes what waits. @returns false: the store refused */
  flush(): boolean {
    const rows = [...this.#unsaved];
    const states = [...this.#states];
    const decisions = [...this.#decisions.values()];
    const trail = this.#trail.pending();
    if (rows.length + states.length + decisions.length + trail.entries.length === 0) return true;
    const told: string[] = [];
    const stored = this.#guarded(() =>
      this.#store.transaction(() => {
        for (const decision of decisions) this.#store.decisions.put(decision);
        for (const [key, row] of rows) {
          const [kind, value, claim] = JSON.parse(key) as [string, string, string];
          if (row === null) this.#store.enforcement.delete(kind, value, claim);
          else this.#store.enforcement.put(row);
        }
        for (const [id, { state }] of states) if (this.#store.decisions.setState(id, state)) told.push(id);
        this.#store.audit.append(trail.entries);
      }),
    );
    if (!stored) return false;
    trail.written();
    for (const [key, row] of rows) if (this.#unsaved.get(key) === row) this.#unsaved.delete(key);
    for (const { id } of decisions) this.#decisions.delete(id);
    const tooLate = performance.now() - DECISION_COMES;
    const known = new Set(told);
    for (const [id, said] of states)
      if (this.#states.get(id) === said && (known.has(id) || said.since < tooLate)) this.#states.delete(id);
    return true;
  }

  close(): boolean {
    this.#closed = true;
    return this.flush();
  }

  #schedule(): void {
    if (this.#scheduled || this.#failing) return;
    this.#scheduled = true;
    setImmediate(() => {
      this.#scheduled = false;
      if (!this.#closed) this.flush();
    });
  }

  /** A full disk must not stop enforcement: it goes on from memory, and is written when there is room. */
  #guarded(work: () => void): boolean {
    try {
      work();
    } catch (error) {
      if (!(error instanceof StoreError)) throw error;
      this.#counters.add('enforce.store.refused');
      if (!this.#failing)
        this.#log.error({ code: error.code }, `${error.message}; enforcement goes on, but would not outlive a restart`);
      this.#failing = true;
      return false;
    }
    this.#failing = false;
    return true;
  }
}

/** A claim, or an act that is claimed, as it begins. */
export const newRow = (kind: string, value: string, claim: Claim): Enforcement => ({
  kind,
  value,
  claim: claim.id,
  by: claim.by,
  since: claim.since,
  until: claim.until,
  why: claim.why,
  state: 'pending',
  code: '',
  proof: {},
  tries: 0,
  detail: claim.text === undefined ? null : { text: claim.text },
});

/** The text of a claim that has one, as its row keeps it. */
export function textIn({ detail }: Enforcement): { readonly text?: string } {
  const text = (detail as { readonly text?: unknown } | null)?.text;
  return typeof text === 'string' ? { text } : {};
}
