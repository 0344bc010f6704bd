import { PeerError } from '../errors.ts';
import type { Log } from '../log.ts';
import type { Millis } from '../model.ts';
import { SECOND } from '../time.ts';
import { Contest, diff, entryOf, refuses, type Foreign, type Kind } from './enforcement.ts';
import { Latencies } from './latencies.ts';
import type { Layout } from './layout.ts';
import { Reach, type TargetHealth } from './reach.ts';
import type { RowChange, RowOutcome, Target } from './targets/target.ts';

export interface LoopHandlers {
  /** An entry (entryKey) stands at this target, seen there. */
  proved(entry: string, at: Millis): void;
  /** It cannot: the target refuses it. */
  refused(entry: string, error: PeerError, at: Millis): void;
  /** Somebody else changed this row of ours, and it is put back. */
  restored(target: string, key: string): void;
  /** A row that refused somebody was taken away, and is seen to be gone. */
  gone(target: string, key: string): void;
}

/** All of it is read and compared this often, ... */
const READ_EVERY: Millis = 5 * SECOND;
/** ... but reading should take no more than this share of the time, ... */
const READ_SHARE = 20;
/** ... and is never put off for longer than this. */
const READ_AT_LATEST: Millis = 15 * SECOND;
const PULSE_EVERY: Millis = SECOND;
/** Rows on their way at a time: of those that wait, and of those that a decision has just changed, which overtake them. */
const IN_FLIGHT = 256;
const URGENT = 1_024;
/** What a target has refused is asked again after this. */
const REFUSED_AGAIN: Millis = 60 * SECOND;
const FOREIGN_SHOWN = 1_000;

interface Dirty {
  /** performance.now() of the decision; null: a restoration, whose time says nothing of our latency */
  readonly since: number | null;
  /** not before (Millis): refused before */
  readonly notBefore: Millis;
}

/**
 * Makes one target agree with the desired state and keeps it so. Changes go at once and many at a time; a newer value of a
 * key waits until the older one is answered, so that they cannot overtake each other, and replaces whatever still waits.
 * Everything is read back. No timers of its own: `tick` drives what is due.
 */
export class TargetLoop {
  readonly target: Target;
  readonly layout: Layout;
  readonly #handlers: LoopHandlers;
  readonly #log: Log;
  readonly #now: () => Millis;
  readonly #contest = new Contest();
  readonly #dirty = new Map<string, Dirty>();
  readonly #inFlight = new Set<string>();
  /** rows as they were last seen at the target in its present life */
  readonly #proved = new Map<string, string>();
  /** rows changed or answered since the read that is under way began */
  #touched: Set<string> | null = null;
  #foreign: readonly Foreign[] = [];
  readonly #reach: Reach;
  #readAt: Millis | null = null;
  #nextRead: Millis = 0;
  #nextPulse: Millis = 0;
  #pulsing = false;
  #restored = 0;
  /** why a row was refused, while one is */
  #refusal: string | null = null;
  #sweep = false;
  #closed = false;
  /** counts the target's lives, so that what a former one answered is not taken for the present one's */
  #life = 0;
  readonly #latencies = new Latencies();

  constructor(target: Target, layout: Layout, handlers: LoopHandlers, log: Log, now: () => Millis) {
    this.target = target;
    this.layout = layout;
    this.#handlers = handlers;
    this.#log = log;
    this.#now = now;
    this.#reach = new Reach(target.name, log, now);
  }

  /** Rows changed by a decision, whose moment is `since` (performance.now()): they go at once. */
  push(keys: readonly string[], since: number): void {
    const now = this.#now();
    const batch: RowChange[] = [];
    for (const key of keys) {
      this.#mark(key, since);
      if (this.#maySend(now) && !this.#inFlight.has(key) && this.#inFlight.size < URGENT) batch.push(this.#take(key));
    }
    if (batch.length > 0) void this.#apply(batch, now);
  }

  /** Is everything that makes an entry stand proved? */
  holds(kind: Kind, value: string): boolean {
    const keys = this.layout.keysOf(kind, value);
    return keys.length > 0 && keys.every((key) => this.#isProved(key));
  }

  /** The target came back (a login, a restart): nothing is known of what stands there, read all of it. */
  reborn(): void {
    this.#life++;
    this.#proved.clear();
    // what it refused in its former life it may allow now: rights were given, a module is loaded
    for (const [key, { since }] of this.#dirty) this.#dirty.set(key, { since, notBefore: 0 });
    this.#reach.reborn();
    this.#nextRead = 0;
    if (this.target.isUp) void this.#read();
  }

  /** What is due. `now` in epoch milliseconds. */
  tick(now: Millis): void {
    if (this.#closed || !this.#reach.mayTry(now)) return;
    if (!this.target.isUp) {
      this.#reach.away();
      return;
    }
    if (this.target.pulse !== undefined && now >= this.#nextPulse) void this.#pulse(now);
    if (now >= this.#nextRead) void this.#read();
    this.#pump();
  }

  /** Takes away also what others have put into our tables. */
  sweep(): void {
    this.#sweep = true;
    this.#nextRead = 0;
    if (this.target.isUp) void this.#read();
  }

  /** Nothing waits, and what stands was read after the last change. */
  get isSettled(): boolean {
    const now = this.#now();
    const waits = [...this.#dirty.values()].some(({ notBefore }) => notBefore <= now);
    return this.#reach.state === 'up' && !waits && this.#inFlight.size === 0 && this.#touched === null;
  }

  close(): void {
    this.#closed = true;
    this.target.close?.();
  }

  health(): TargetHealth {
    let unproved = 0;
    for (const [key, value] of this.layout.rows) if (this.#proved.get(key) !== value) unproved++;
    return {
      name: this.target.name,
      state: this.#reach.state,
      since: this.#reach.since,
      lastError: this.#reach.error?.message ?? this.#refusal,
      readAt: this.#readAt,
      rows: this.layout.rows.size,
      unproved,
      foreign: this.#foreign,
      contested: this.#contest.contested(),
      restored: this.#restored,
      latency: this.#latencies.summary(),
    };
  }

  /** Asked again after an await: it may have changed. */
  #isClosed(): boolean {
    return this.#closed;
  }

  #isProved(key: string): boolean {
    const wanted = this.layout.row(key);
    return wanted !== undefined && this.#proved.get(key) === wanted;
  }

  #mark(key: string, since: number | null, notBefore: Millis = 0): void {
    const waiting = this.#dirty.get(key);
    // the oldest decision that waits for it counts
    this.#dirty.set(key, { since: waiting?.since ?? since, notBefore });
    this.#touched?.add(key);
  }

  #maySend(now: Millis): boolean {
    return !this.#closed && this.target.isUp && this.#reach.mayTry(now);
  }

  #take(key: string): RowChange {
    this.#inFlight.add(key);
    return { key, value: this.layout.row(key) ?? null };
  }

  /** Sends what waits, as much as may be on its way. */
  #pump(): void {
    const now = this.#now();
    if (!this.#maySend(now) || this.#inFlight.size >= IN_FLIGHT) return;
    const batch: RowChange[] = [];
    for (const [key, { notBefore }] of this.#dirty) {
      if (this.#inFlight.has(key) || now < notBefore) continue;
      batch.push(this.#take(key));
      if (this.#inFlight.size >= IN_FLIGHT) break;
    }
    if (batch.length > 0) void this.#apply(batch, now);
  }

  async #apply(batch: readonly RowChange[], now: Millis): Promise<void> {
    const life = this.#life;
    let outcomes: ReadonlyMap<string, RowOutcome>;
    try {
      outcomes = await this.target.apply(batch, now);
    } catch (error) {
      for (const { key } of batch) this.#inFlight.delete(key);
      this.#failed(error);
      return;
    }
    if (life !== this.#life) {
      for (const { key } of batch) {
        this.#inFlight.delete(key);
        this.#mark(key, null);
      }
      this.#pump();
      return;
    }
    let lost: PeerError | null = null;
    for (const { key, value } of batch) {
      this.#inFlight.delete(key);
      this.#touched?.add(key);
      const outcome = outcomes.get(key);
      if (outcome?.ok === true) this.#answered(key, value, outcome.standing);
      else if (outcome !== undefined) {
        if (outcome.error.retryable) lost = outcome.error;
        else this.#refused(key, outcome.error);
      }
    }
    if (lost !== null) this.#failed(lost);
    else this.#pump();
  }

  /** A change was made, and this is what stands now. */
  #answered(key: string, sent: string | null, standing: string | null): void {
    const wanted = this.layout.row(key) ?? null;
    const dirty = this.#dirty.get(key);
    if (standing === null) this.#proved.delete(key);
    else this.#proved.set(key, standing);
    if (standing !== wanted) {
      // Changed meanwhile: the newer value goes next. Not changed, and still not there: somebody takes it away
      if (sent === wanted) this.#restore(key);
      else this.#mark(key, null);
      return;
    }
    this.#dirty.delete(key);
    if (this.#dirty.size === 0) this.#refusal = null;
    if (sent === null && standing === null && refuses(key)) this.#handlers.gone(this.target.name, key);
    if (dirty !== undefined && dirty.since !== null) this.#latencies.add(performance.now() - dirty.since);
    this.#tellProved(key);
  }

  #tellProved(key: string): void {
    const now = this.#now();
    for (const entry of this.layout.entriesOf(key))
      if (this.holds(...entryOf(entry))) this.#handlers.proved(entry, now);
  }

  #refused(key: string, error: PeerError): void {
    const now = this.#now();
    this.#refusal = error.message;
    this.#log.error({ target: this.target.name, key, code: error.code }, error.message);
    this.#mark(key, null, now + REFUSED_AGAIN);
    for (const entry of this.layout.entriesOf(key)) this.#handlers.refused(entry, error, now);
  }

  /** Somebody changed what we had put: put back, but not for ever. */
  #restore(key: string): void {
    const given = this.#contest.isContested(key);
    if (this.#contest.restore(key, this.#now())) {
      this.#restored++;
      this.#handlers.restored(this.target.name, key);
      this.#mark(key, null);
      this.#log.warn({ target: this.target.name, key }, 'somebody else changed what ringfence keeps there: put back');
      return;
    }
    this.#dirty.delete(key);
    if (!given)
      this.#log.error(
        { target: this.target.name, key },
        'somebody else keeps changing this; it is left for ten minutes. Find who writes there, or unblock it',
      );
  }

  async #read(): Promise<void> {
    if (this.#touched !== null || this.#closed) return;
    const touched = (this.#touched = new Set(this.#inFlight));
    const waiting = new Set(this.#dirty.keys());
    const began = performance.now();
    const now = this.#now();
    const life = this.#life;
    let standing: ReadonlyMap<string, string>;
    try {
      standing = await this.target.read(this.layout.rows, now);
    } catch (error) {
      this.#touched = null;
      this.#nextRead = 0;
      this.#failed(error);
      return;
    }
    this.#touched = null;
    if (this.#isClosed()) return;
    if (life !== this.#life) return this.#read();
    const took = performance.now() - began;
    this.#nextRead = now + Math.min(READ_AT_LATEST, Math.max(READ_EVERY, took * READ_SHARE));
    const first = this.#readAt === null || this.#proved.size === 0;
    this.#readAt = this.#now();
    this.#reach.up();
    if (first) this.layout.adopt(standing);
    this.#settle(standing, waiting, touched);
    for (const key of waiting) touched.add(key);
    this.#compare(standing, touched);
    this.#pump();
  }

  /** What waited since before the read, and stands already as it should, need not be sent: after a restart that is nearly all. */
  #settle(standing: ReadonlyMap<string, string>, waiting: Iterable<string>, touched: ReadonlySet<string>): void {
    for (const key of waiting) {
      const value = standing.get(key);
      // what was not read may stand all the same: a large table is not told whole
      if (value === undefined || this.layout.row(key) !== value) continue;
      if (touched.has(key) || this.#inFlight.has(key)) continue;
      this.#dirty.delete(key);
      this.#proved.set(key, value);
      this.#tellProved(key);
    }
  }

  #compare(standing: ReadonlyMap<string, string>, touched: ReadonlySet<string>): void {
    const now = this.#now();
    const sweep = this.#sweep;
    this.#sweep = false;
    const known = (key: string): boolean => this.#proved.has(key);
    const { put, remove, foreign } = diff(
      this.layout.rows,
      standing,
      (key, value) => {
        const verdict = this.layout.judge(key, value, now);
        return sweep && verdict === 'foreign' && refuses(key) ? 'ours' : verdict;
      },
      (key) => touched.has(key),
    );
    // on an empty database what lets through and how numbers are read come before what refuses
    for (const key of put.toSorted((a, b) => Number(refuses(a)) - Number(refuses(b))))
      if (known(key)) this.#restore(key);
      else this.#mark(key, null);
    for (const key of remove) this.#takeAway(key, standing.get(key) ?? '', now);
    for (const [key, value] of standing) {
      if (touched.has(key) || this.layout.row(key) !== value) continue;
      this.#contest.settled(key);
      if (this.#proved.get(key) === value) continue;
      this.#proved.set(key, value);
      this.#tellProved(key);
    }
    this.#tellForeign(foreign.slice(0, FOREIGN_SHOWN));
  }

  #takeAway(key: string, value: string, now: Millis): void {
    const verdict = this.layout.judge(key, value, now);
    if (!this.#contest.restore(key, now)) return;
    if (verdict === 'broken') {
      this.#restored++;
      this.#log.error(
        { target: this.target.name, key, value: value.slice(0, 200) },
        'an ACL object that Asterisk cannot read, which switches the others off: taken away. Write it as {"deny":"203.0.113.7"}',
      );
    }
    this.#mark(key, null);
  }

  #tellForeign(foreign: readonly Foreign[]): void {
    const before = new Set(this.#foreign.map(({ key }) => key));
    this.#foreign = foreign;
    for (const { key, value } of foreign.filter((f) => !before.has(f.key)).slice(0, 10))
      this.#log.warn(
        { target: this.target.name, key, value: value.slice(0, 200) },
        'this stands there and is not from ringfence: left alone',
      );
  }

  async #pulse(now: Millis): Promise<void> {
    if (this.#pulsing || this.target.pulse === undefined) return;
    this.#pulsing = true;
    this.#nextPulse = now + PULSE_EVERY;
    try {
      const wasUp = this.#reach.state === 'up';
      const pulse = await this.target.pulse();
      // over AMI a login tells of a new life
      if (pulse === 'restarted' || (!wasUp && this.target.overAmi !== true)) this.reborn();
      else if (pulse === 'changed') this.#nextRead = 0;
    } catch (error) {
      this.#failed(error);
    } finally {
      this.#pulsing = false;
    }
  }

  #failed(error: unknown): void {
    if (!this.#closed || !(error instanceof PeerError)) this.#reach.failed(error);
  }
}
