import { closeSync, watch } from 'node:fs';
import type { FSWatcher } from 'node:fs';
import { basename, dirname } from 'node:path';
import type { Counters } from '../counters.ts';
import { InputError, messageOf } from '../errors.ts';
import type { Log } from '../log.ts';
import type { Millis } from '../model.ts';
import type { CdrPosition } from './cdr-position.ts';
import { openCdr } from './cdr-tail.ts';
import type { CdrBatch, CdrRefusal } from './cdr-tail.ts';
import { CdrWalk } from './cdr-walk.ts';
import type { CdrFileOptions } from './cdr-walk.ts';

export type { CdrPosition } from './cdr-position.ts';
export type { CdrBatch, CdrRefusal } from './cdr-tail.ts';
export type { CdrFileOptions } from './cdr-walk.ts';

/**
 * Read at once: so little that a long backlog is read in pieces between which other feeds are heard, and that a piece's
 * records die young (with a MiB, garbage collection took twice the time).
 */
const PIECE_BYTES = 128 * 1024;
const POLL: Millis = 250;
/** Where the system cannot watch the folder. */
const POLL_ALONE: Millis = 100;
/** After a rename somebody may still be writing into the renamed file: so long after the last write it is left, */
const SETTLE: Millis = 100;
/** and so long after the rename was noticed. */
const NOTICED: Millis = 20;
/** A file of which so many lines are no rows, and not one is, is something else. */
const STRANGE_LINES = 100;

const missing = (path: string): InputError =>
  new InputError(
    'input-missing',
    `${path} does not exist: is cdr_csv.so loaded in Asterisk, and is asterisk.cdr.path right?`,
  );

/**
 * Reads call records from a position to the end of Master.csv as it is now, through whatever rotation has happened since.
 * A line that is being written is left for the next time.
 * @throws InputError when there is no file, it cannot be read, or it is something else
 */
export function* scanCdrFile(options: CdrFileOptions): Generator<CdrBatch, void, void> {
  const walk = new CdrWalk(options, PIECE_BYTES);
  const refused: CdrRefusal[] = [];
  let told = 0;
  try {
    for (;;) {
      const next = walk.next();
      if (next === 'none') throw missing(options.path);
      const made = next === 'away' ? walk.leave() : next;
      if (made === 'end') break;
      told += made.records.length;
      if (told === 0) refused.push(...made.refused);
      if (told === 0 && refused.length >= STRANGE_LINES) throw somethingElse(refused);
      yield made;
    }
    if (told === 0 && refused.length > 0 && options.position === null) throw somethingElse(refused);
  } finally {
    walk.close();
  }
}

function somethingElse([first]: readonly CdrRefusal[]): InputError {
  const { file = '', offset = 0, reason = '' } = first ?? {};
  return new InputError(
    'input-malformed',
    `${file} is no Master.csv: at byte ${offset}, ${reason}; name the file that cdr_csv writes`,
  );
}

export interface FollowOptions extends CdrFileOptions {
  /** where to begin without a position; default `beginning`. A file that appears later is read from its beginning */
  readonly start?: 'beginning' | 'end';
}

export interface CdrFollower {
  /** place up to which batches were handed out; null: there has been no file yet */
  position(): CdrPosition | null;
  health(): { readonly file: string | null; readonly lastRecordAt: Millis | null; readonly problem: string | null };
  close(): void;
}

/**
 * Follows Master.csv as it grows. `taken` gets every record once, in order, within milliseconds of its being written, and
 * with each batch the position to store in the same transaction; started again there, it goes on as if nothing had been.
 * A file that does not exist yet is waited for. Counters: `cdr.records`, `cdr.refused`, `cdr.gaps`.
 * @throws InputError when there is a file that cannot be read
 */
export function followCdrFile(
  options: FollowOptions,
  taken: (batch: CdrBatch) => void,
  counters: Counters,
  log: Log,
): CdrFollower {
  return new Follower(options, taken, counters, log);
}

class Follower implements CdrFollower {
  readonly #taken: (batch: CdrBatch) => void;
  readonly #counters: Counters;
  readonly #log: Log;
  readonly #walk: CdrWalk;
  readonly #name: string;
  readonly #folder: string;
  #position: CdrPosition | null;
  #watcher: FSWatcher | null = null;
  #timer: NodeJS.Timeout | null = null;
  #next: NodeJS.Immediate | null = null;
  /** since when the file is known to be at its end and away from the path */
  #leftSince: number | null = null;
  #lastRecordAt: Millis | null = null;
  #problem: string | null = null;
  #closed = false;

  constructor(options: FollowOptions, taken: (batch: CdrBatch) => void, counters: Counters, log: Log) {
    this.#taken = taken;
    this.#counters = counters;
    this.#log = log;
    this.#name = basename(options.path);
    this.#folder = dirname(options.path);
    const fd = openCdr(options.path);
    // a file that appears later is wanted from its beginning
    this.#walk = new CdrWalk(options, PIECE_BYTES, options.start === 'end' && fd !== null);
    this.#position = options.position?.path === options.path ? options.position : null;
    if (fd !== null) closeSync(fd);
    else log.info(`${options.path} does not exist yet: call records will be read once it does`);
    this.#schedule();
  }

  position(): CdrPosition | null {
    return this.#position;
  }

  health(): { file: string | null; lastRecordAt: Millis | null; problem: string | null } {
    return { file: this.#walk.tail?.file ?? null, lastRecordAt: this.#lastRecordAt, problem: this.#problem };
  }

  close(): void {
    this.#closed = true;
    if (this.#timer !== null) clearTimeout(this.#timer);
    if (this.#next !== null) clearImmediate(this.#next);
    this.#watcher?.close();
    this.#walk.close();
  }

  #isClosed(): boolean {
    return this.#closed;
  }

  /** Reads soon, and again after the poll's time whatever happens. */
  #schedule(): void {
    if (this.#closed) return;
    this.#next ??= setImmediate(() => {
      this.#next = null;
      this.#watch();
      const wait = this.#step();
      if (this.#isClosed()) return; // by the handler
      if (this.#timer !== null) clearTimeout(this.#timer);
      if (wait === 0) this.#schedule();
      else this.#timer = setTimeout(() => this.#schedule(), wait);
    });
  }

  #watch(): void {
    if (this.#watcher !== null) return;
    try {
      this.#watcher = watch(this.#folder, (_, name) => {
        if (name?.startsWith(this.#name) !== false) this.#schedule();
      });
      this.#watcher.on('error', () => {
        this.#watcher?.close();
        this.#watcher = null;
      });
    } catch {
      this.#watcher = null; // no such folder yet, or too many watches: the poll alone does
    }
  }

  /** One piece of work; returns how long to wait before the next. What the handler throws is thrown. */
  #step(): Millis {
    let next: CdrBatch | Millis;
    try {
      next = this.#advance();
      this.#problem = null;
    } catch (error) {
      if (!(error instanceof InputError) && !isSystemError(error)) throw error;
      if (this.#problem === null) this.#log.error(`${messageOf(error)}; trying again`);
      this.#problem = messageOf(error);
      return POLL;
    }
    if (typeof next === 'number') return next;
    this.#hand(next);
    return 0;
  }

  /** The next batch, or how long to wait for it. */
  #advance(): CdrBatch | Millis {
    let next = this.#walk.next();
    if (next === 'away') {
      const settles = this.#settles();
      if (settles > 0) return settles;
      next = this.#walk.leave();
    }
    this.#leftSince = null;
    if (typeof next !== 'string') return next;
    return this.#watcher === null ? POLL_ALONE : POLL;
  }

  /** How long somebody may still be writing into a file that was renamed. */
  #settles(): Millis {
    this.#leftSince ??= performance.now();
    const noticed = performance.now() - this.#leftSince;
    const written = Date.now() - (this.#walk.tail?.modified ?? 0);
    return Math.min(SETTLE, Math.max(NOTICED - noticed, noticed < 2 * SETTLE ? SETTLE - written : 0));
  }

  #hand(made: CdrBatch): void {
    this.#counters.add('cdr.records', made.records.length);
    this.#counters.add('cdr.refused', made.refused.length);
    if (made.gap !== null) {
      this.#counters.add('cdr.gaps');
      this.#log.warn(made.gap);
    }
    if (made.records.length > 0) this.#lastRecordAt = Date.now();
    this.#position = made.position;
    this.#taken(made);
  }
}

const isSystemError = (error: unknown): boolean => error instanceof Error && 'syscall' in error;
