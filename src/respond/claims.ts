import type { Counters } from '../counters.ts';
import type { Log } from '../log.ts';
import type { Millis } from '../model.ts';
import type { Enforcement } from '../store/index.ts';
import { Desired, entryOf, KINDS, STAYING, type Claim, type EntryChange, type Kind } from './enforcement.ts';
import { newRow, type Ledger } from './ledger.ts';
import type { TargetLoop } from './reconcile.ts';
import { LONGEST, type Checked } from './safeguards.ts';
import type { Undone } from './trail.ts';

export interface ClaimsOptions {
  readonly ledger: Ledger;
  readonly check: (kind: Kind, value: string, claim: Claim) => Checked;
  readonly log: Log;
  readonly counters: Counters;
  readonly now: () => Millis;
}

/**
 * Every claim from its beginning to its end: what should stand, told to the targets that carry such entries, and what became
 * of it, told to the ledger.
 */
export class Claims {
  readonly desired = new Desired();
  readonly #ledger: Ledger;
  readonly #check: ClaimsOptions['check'];
  readonly #log: Log;
  readonly #counters: Counters;
  readonly #now: () => Millis;
  #loops: readonly TargetLoop[] = [];

  constructor({ ledger, check, log, counters, now }: ClaimsOptions) {
    this.#ledger = ledger;
    this.#check = check;
    this.#log = log;
    this.#counters = counters;
    this.#now = now;
  }

  /** The targets, before anything is claimed. */
  use(loops: readonly TargetLoop[]): void {
    this.#loops = loops;
  }

  /** One more claim stands. `row`: as the store has it, when it is taken up again. */
  stand(kind: Kind, value: string, claim: Claim, since: number, row?: Enforcement): void {
    if (row !== undefined) {
      const checked = this.#check(kind, value, claim);
      // the PBX tells its accounts after the login only: this one was known when it was blocked
      if (!checked.ok && checked.code !== 'unknown-account') {
        this.#log.warn({ kind, value, code: checked.code }, `not taken up again: ${checked.reason}`);
        this.disown(kind, value, claim.until);
        this.#ledger.put({ ...row, state: 'failed', code: checked.code });
        this.#ledger.setState(claim.id, 'failed');
        return;
      }
    }
    const change = this.desired.put(kind, value, claim);
    if (row === undefined) {
      const known = this.#ledger.get(kind, value, claim.id);
      this.#ledger.put({ ...newRow(kind, value, claim), proof: known?.proof ?? {} });
    }
    this.push(change, since);
    if (!change.moved && this.holds(kind, value)) this.#claimsDone(change, this.#now());
  }

  /** An entry changed because claims ended; `undone`: who ended them, where somebody did. */
  moved(change: EntryChange, state: 'expired' | 'undone', since: number, undone: Undone = null): void {
    for (const claim of change.ended) {
      const row = this.#ledger.get(change.kind, change.value, claim.id);
      if (row !== undefined) this.endRow(row, state, undone);
    }
    this.#counters.add(`enforce.${state}`, change.ended.length);
    this.push(change, since);
  }

  /**
   * What was taken back is remembered until its end: it could come back with a database that was restored. What has no end of
   * its own at the PBX is remembered longer: it may stand there still.
   */
  endRow(row: Enforcement, state: 'expired' | 'undone', undone: Undone = null): void {
    const endless = STAYING.has(row.kind as Kind) || (row.until === null && state === 'undone');
    if (endless) this.#ledger.put({ ...row, state, until: this.#now() + LONGEST }, undone);
    else if (row.until !== null && (state === 'undone' || row.until > this.#now()))
      this.#ledger.put({ ...row, state }, undone);
    else this.#ledger.delete({ ...row, state }, undone);
    if (row.by !== 'settings') this.#ledger.setState(row.claim, state);
  }

  push({ kind, value, entry, moved, ended }: EntryChange, since: number): void {
    if (!moved) return;
    for (const loop of this.#loops) {
      if (!loop.layout.carries(kind)) continue;
      const until = ended.reduce<Millis | null>(
        (last, c) => (last === null || c.until === null ? null : Math.max(last, c.until)),
        0,
      );
      const keys =
        entry === null
          ? loop.layout.drop(kind, value, STAYING.has(kind) ? null : until)
          : loop.layout.set(kind, value, entry.until, entry.text);
      loop.push(keys, since);
    }
  }

  /** What ended while we were away, or must not stand: still ours to take away where it is found. */
  disown(kind: Kind, value: string, until: Millis | null): void {
    if (!KINDS.includes(kind) || this.desired.get(kind, value) !== undefined) return;
    for (const loop of this.#loops)
      if (loop.layout.carries(kind)) loop.layout.drop(kind, value, STAYING.has(kind) ? null : until);
  }

  holds(kind: Kind, value: string): boolean {
    const carrying = this.#loops.filter((loop) => loop.layout.carries(kind));
    // that rules spare an account needs nobody but us
    return (carrying.length > 0 || kind === 'allow') && carrying.every((loop) => loop.holds(kind, value));
  }

  proved(entryName: string, at: Millis): void {
    const [kind, value] = entryOf(entryName);
    const entry = this.desired.get(kind, value);
    if (entry !== undefined && this.holds(kind, value))
      this.#claimsDone({ kind, value, entry, moved: false, ended: [] }, at);
  }

  #claimsDone({ kind, value, entry }: EntryChange, at: Millis): void {
    for (const { id, by } of entry?.claims ?? []) {
      const row = this.#ledger.get(kind, value, id);
      if (row === undefined || row.state === 'done') continue;
      const proof = Object.fromEntries(
        this.#loops.filter((loop) => loop.layout.carries(kind)).map((loop) => [loop.target.name, at]),
      );
      this.#ledger.put({ ...row, state: 'done', code: '', proof });
      this.#counters.add('enforce.done');
      if (by !== 'settings') this.#ledger.setState(id, 'done');
    }
  }

  /** A target does not let us: told as failed, though other targets may hold it. */
  refused(entryName: string, code: string): void {
    const [kind, value] = entryOf(entryName);
    for (const { id, by } of this.desired.get(kind, value)?.claims ?? []) {
      const row = this.#ledger.get(kind, value, id);
      if (row?.state !== 'pending') continue;
      this.#ledger.put({ ...row, code });
      if (by !== 'settings') this.#ledger.setState(id, 'failed');
    }
  }
}
