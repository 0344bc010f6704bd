import type { Millis } from '../model.ts';
import { GENESIS, nextRow, type AuditEntry, type AuditHead, type AuditRow } from './audit-chain.ts';
import type { Connection } from './connection.ts';
import { whole } from './rows.ts';

/** Up to here the trail was purged; what follows is anchored to this hash. */
export interface AuditCheckpoint extends AuditHead {
  readonly at: Millis;
}

export interface AuditTable {
  /** Adds records at the end, each hashed with the one before. Part of a transaction that is under way. @throws StoreError */
  append(entries: readonly AuditEntry[]): void;
  /** The last record; GENESIS: there is none. */
  head(): AuditHead;
  /** null: there is no such record */
  row(seq: number): AuditRow | null;
  /** Records after `seq`, in order. */
  after(seq: number, limit?: number): AuditRow[];
  /** `seq` of the last record before this time, 0 if there is none. */
  before(at: Millis): number;
  /** null: nothing was purged */
  checkpoint(): AuditCheckpoint | null;
  /** Which of the table's own guards are not as they were made; [] is all there. */
  unguarded(): string[];
  /**
   * One bounded step of the purge of what is older than `before`: a record says what goes, a checkpoint what the rest follows
   * from. @returns how many records went, and whether all is done
   */
  purgeStep(before: Millis): { readonly records: number; readonly done: boolean };
}

/** Records that one step of the purge deletes at the most. */
const BATCH = 500;

/**
 * The audit trail: append-only, each record with the hash of the one before. Triggers refuse whatever is no addition at the end,
 * by whoever writes into the file with ordinary SQL; what is done all the same, the chain shows.
 */
export const AUDIT_SCHEMA = `
  CREATE TABLE audit (
    seq INTEGER PRIMARY KEY, at INTEGER NOT NULL, actor TEXT NOT NULL, action TEXT NOT NULL, target TEXT NOT NULL,
    evidence TEXT NOT NULL, details TEXT NOT NULL, previous TEXT NOT NULL, hash TEXT NOT NULL
  ) STRICT;
  CREATE INDEX audit_at ON audit (at);
  CREATE TABLE audit_checkpoints (through INTEGER PRIMARY KEY, hash TEXT NOT NULL, at INTEGER NOT NULL) STRICT;

  CREATE TRIGGER audit_append BEFORE INSERT ON audit
    WHEN NEW.seq IS NOT 1 + coalesce((SELECT max(seq) FROM audit), 0)
      OR NEW.previous IS NOT coalesce((SELECT hash FROM audit ORDER BY seq DESC LIMIT 1), '${GENESIS.hash}')
    BEGIN SELECT RAISE(ABORT, 'the audit trail grows at its end alone'); END;
  CREATE TRIGGER audit_no_update BEFORE UPDATE ON audit
    BEGIN SELECT RAISE(ABORT, 'the audit trail is never edited'); END;
  CREATE TRIGGER audit_no_delete BEFORE DELETE ON audit
    WHEN OLD.seq > coalesce((SELECT max(through) FROM audit_checkpoints), 0)
    BEGIN SELECT RAISE(ABORT, 'the audit trail loses nothing but what a checkpoint lets go'); END;
  CREATE TRIGGER audit_checkpoints_append BEFORE INSERT ON audit_checkpoints
    WHEN NOT EXISTS (SELECT 1 FROM audit WHERE seq = NEW.through AND hash = NEW.hash)
      OR NEW.through >= (SELECT max(seq) FROM audit)
      OR NEW.through <= coalesce((SELECT max(through) FROM audit_checkpoints), 0)
    BEGIN SELECT RAISE(ABORT, 'a checkpoint names a record of the audit trail'); END;
  CREATE TRIGGER audit_checkpoints_no_update BEFORE UPDATE ON audit_checkpoints
    BEGIN SELECT RAISE(ABORT, 'a checkpoint is never edited'); END;
  CREATE TRIGGER audit_checkpoints_no_delete BEFORE DELETE ON audit_checkpoints
    BEGIN SELECT RAISE(ABORT, 'a checkpoint stays'); END;
`;

const GUARDS = new Map(
  [...AUDIT_SCHEMA.matchAll(/CREATE TRIGGER (\w+) [\s\S]*? END(?=;)/g)].map(([sql, name = '']) => [name, sql]),
);

/** Who did what, on which evidence, and what became of it. */
export function auditTable(connection: Connection, clock: () => Millis): AuditTable {
  const columns = 'seq, at, actor, action, target, evidence, details, previous, hash';
  const insert = connection.prepare(`INSERT INTO audit (${columns}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`);
  const last = connection.prepare<{ seq: number; hash: string }>(
    'SELECT seq, hash FROM audit ORDER BY seq DESC LIMIT 1',
  );
  const one = connection.prepare<AuditRow>(`SELECT ${columns} FROM audit WHERE seq = ?`);
  const after = connection.prepare<AuditRow>(`SELECT ${columns} FROM audit WHERE seq > ? ORDER BY seq LIMIT ?`);
  const before = connection.prepare<{ seq: number | null }>('SELECT max(seq) AS seq FROM audit WHERE at < ?');
  const young = connection.prepare<{ seq: number | null }>('SELECT min(seq) AS seq FROM audit WHERE at >= ?');
  const checkpoint = connection.prepare<{ through: number; hash: string; at: number }>(
    'SELECT through, hash, at FROM audit_checkpoints ORDER BY through DESC LIMIT 1',
  );
  const first = connection.prepare<{ seq: number | null }>('SELECT min(seq) AS seq FROM audit');
  const addCheckpoint = connection.prepare('INSERT INTO audit_checkpoints (through, hash, at) VALUES (?, ?, ?)');
  const forget = connection.prepare(
    'DELETE FROM audit WHERE seq IN (SELECT seq FROM audit WHERE seq <= ? ORDER BY seq LIMIT ?)',
  );
  const guards = connection.prepare<{ name: string; sql: string }>(
    "SELECT name, sql FROM sqlite_schema WHERE type = 'trigger' AND name LIKE 'audit%'",
  );

  const head = (): AuditHead => last.get() ?? GENESIS;
  const append = (entries: readonly AuditEntry[]): void => {
    if (entries.length === 0) return;
    connection.transaction(() => {
      let at = head();
      for (const entry of entries) {
        const row = nextRow(at, whole(clock()), entry);
        const { seq, actor, action, target, evidence, details, previous, hash } = row;
        insert.run(seq, row.at, actor, action, target, evidence, details, previous, hash);
        at = row;
      }
    });
  };
  const read = (): AuditCheckpoint | null => {
    const row = checkpoint.get();
    return row === undefined ? null : { seq: row.through, hash: row.hash, at: row.at };
  };

  /** Says what goes and lets it go, if anything is outdated. */
  const anchor = (outdated: Millis): void => {
    const done = read()?.seq ?? 0;
    if ((first.get()?.seq ?? Infinity) <= done) return; // what goes already goes first
    // clocks may have been put back: nothing goes that stands behind something young
    const through = Math.min((young.get(whole(outdated))?.seq ?? Infinity) - 1, head().seq);
    const end = one.get(through);
    if (through <= done || end === undefined) return;
    append([
      {
        actor: 'ringfence',
        action: 'audit.purged',
        target: 'audit',
        details: { through, hash: end.hash, records: through - done, until: new Date(end.at).toISOString() },
      },
    ]);
    addCheckpoint.run(through, end.hash, whole(clock()));
  };

  return {
    append,
    head,
    row: (seq) => one.get(seq) ?? null,
    after: (seq, limit = BATCH) => after.all(seq, limit),
    before: (at) => before.get(whole(at))?.seq ?? 0,
    checkpoint: read,
    unguarded: () => {
      const standing = new Map(guards.all().map(({ name, sql }) => [name, sql]));
      return [...GUARDS].filter(([name, sql]) => standing.get(name) !== sql).map(([name]) => name);
    },
    purgeStep: (outdated) =>
      connection.transaction(() => {
        anchor(outdated);
        const through = read()?.seq ?? 0;
        const records = through === 0 ? 0 : forget.run(through, BATCH);
        return { records, done: records < BATCH };
      }),
  };
}
