import type { Millis } from '../model.ts';
import { fromJson, type Connection } from './connection.ts';
import type { Cursor } from './offsets.ts';
import { whole } from './rows.ts';

/** What a detector (or the correlator, or the incidents) knew when the offset of the same commit was reached. */
export interface Snapshot {
  readonly name: string;
  /** of the state's shape: the reader starts afresh when it is not its own */
  readonly version: number;
  /** plain JSON */
  readonly state: unknown;
}

export interface SnapshotsTable {
  load(cursor: Cursor): ReadonlyMap<string, Snapshot>;
  save(cursor: Cursor, snapshot: Snapshot, updatedAt: Millis): void;
  clear(cursor: Cursor): void;
}

interface Row {
  name: string;
  version: number;
  state: string;
}

export function snapshotsTable(connection: Connection): SnapshotsTable {
  const load = connection.prepare<Row>('SELECT name, version, state FROM snapshots WHERE cursor = ?');
  const save = connection.prepare(
    `INSERT INTO snapshots (cursor, name, version, state, updated_at) VALUES (?, ?, ?, ?, ?)
     ON CONFLICT (cursor, name) DO UPDATE SET version = excluded.version, state = excluded.state,
       updated_at = excluded.updated_at`,
  );
  const clear = connection.prepare('DELETE FROM snapshots WHERE cursor = ?');
  return {
    load: (cursor) =>
      new Map(
        load.all(cursor).map(({ name, version, state }) => {
          return [name, { name, version, state: fromJson(connection.path, `the snapshot of ${name}`, state) }];
        }),
      ),
    save: (cursor, { name, version, state }, updatedAt) =>
      void save.run(cursor, name, version, JSON.stringify(state ?? null), whole(updatedAt)),
    clear: (cursor) => void clear.run(cursor),
  };
}
