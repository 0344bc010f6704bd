import Database from 'better-sqlite3';
import { messageOf, RingfenceError, StoreError } from '../errors.ts';

/** Values that our columns take. Booleans are 0 and 1, lists and objects JSON text. */
type Value = string | number | null;
type Bound = Value | Readonly<Record<string, Value>>;

/** A statement prepared once; `Row` is the shape of its columns, checked by the tests of its table. */
export interface Statement<Row> {
  /** @returns how many rows it changed */
  run(...values: Bound[]): number;
  get(...values: Bound[]): Row | undefined;
  all(...values: Bound[]): Row[];
}

/**
 * What SQLite said, as an error that a person can act on; anything that is not SQLite's is returned as it is.
 * Result codes: https://www.sqlite.org/rescode.html.
 */
export function storeError(path: string, error: unknown): unknown {
  if (!(error instanceof Database.SqliteError) || error instanceof RingfenceError) return error;
  const say = (code: RingfenceError['code'], text: string): StoreError =>
    new StoreError(code, `${path}: ${text} (${error.code}: ${error.message})`, { cause: error });
  if (error.code === 'SQLITE_FULL')
    return say('store-full', 'no room to write the store; free space on its file system, nothing else is needed');
  if (/^SQLITE_(BUSY|LOCKED)/.test(error.code))
    return say('store-locked', 'another program holds the store; find it with `fuser -v` on the file and end it');
  if (/^SQLITE_IOERR_CORRUPTFS$|^SQLITE_(CORRUPT|NOTADB)/.test(error.code))
    return say('store-damaged', 'not a sound ringfence store; move it away, ringfence makes a new one');
  if (error.code.startsWith('SQLITE_IOERR'))
    return say('store-full', 'the store could not be written; look for a full or failing disk (`df`, `dmesg`)');
  if (/^SQLITE_(CANTOPEN|READONLY|PERM|AUTH)/.test(error.code))
    return say(
      'store-unreadable',
      'the store may not be opened or written; check the owner of the file and its folder',
    );
  return error;
}

/** One SQLite connection whose every failure is a StoreError. The tables of this room prepare their statements here. */
export class Connection {
  readonly path: string;
  readonly #db: Database.Database;
  #durable: boolean | null = null;

  constructor(db: Database.Database, path: string) {
    this.#db = db;
    this.path = path;
  }

  prepare<Row = unknown>(sql: string): Statement<Row> {
    const statement = this.#try(() => this.#db.prepare<Bound[], Row>(sql));
    return {
      run: (...values) => this.#try(() => statement.run(...values).changes),
      get: (...values) => this.#try(() => statement.get(...values)),
      all: (...values) => this.#try(() => statement.all(...values)),
    };
  }

  /** Value of a pragma, e.g. `pragma('user_version')`. */
  pragma(text: string): unknown {
    return this.#try(() => this.#db.pragma(text, { simple: true }));
  }

  exec(sql: string): void {
    this.#try(() => this.#db.exec(sql));
  }

  /**
   * Runs `work` as one transaction: all of it or nothing. Within a transaction it is part of that one.
   * `durable`: when this returns, the commit outlives a power cut (synchronous=FULL: the log is flushed). Otherwise it
   * outlives a crash of ringfence, and a power cut may take back the last such commits, in order, never one of two.
   */
  transaction<T>(work: () => T, durable = true): T {
    return this.#try(() => {
      if (!this.#db.inTransaction && this.#durable !== durable) {
        this.#db.pragma(`synchronous=${durable ? 'FULL' : 'NORMAL'}`);
        this.#durable = durable;
      }
      return this.#db.transaction(work).immediate();
    });
  }

  close(): void {
    this.#db.close();
  }

  #try<T>(work: () => T): T {
    try {
      return work();
    } catch (error) {
      throw storeError(this.path, error);
    }
  }
}

/** JSON of a column; what cannot be read back is damage, not a bug. */
export function fromJson(path: string, what: string, text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch (error) {
    throw new StoreError('store-damaged', `${path}: ${what} cannot be read back (${messageOf(error)})`);
  }
}
