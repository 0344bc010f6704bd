import type { Millis } from '../model.ts';
import type { Connection } from './connection.ts';
import { whole } from './rows.ts';

/** Whose place in the call records: `run` follows them, `scan` reads what is new since the last scan. */
export type Cursor = 'run' | 'scan';

/** A place in a file that may be renamed, truncated or replaced. */
export interface FilePosition {
  readonly path: string;
  /** st_dev and st_ino in decimal: an inode may be larger than a number holds exactly */
  readonly device: string;
  readonly inode: string;
  /** bytes from the start; everything before is judged */
  readonly offset: number;
  /** fingerprint of the file's first bytes, by which an inode that another file got is noticed */
  readonly head: string;
}

export interface StoredPosition extends FilePosition {
  readonly updatedAt: Millis;
}

export interface OffsetsTable {
  get(cursor: Cursor): StoredPosition | null;
  set(cursor: Cursor, position: FilePosition, updatedAt: Millis): void;
  /** Forgets the place: the next scan starts at the beginning (`scan --all`). */
  clear(cursor: Cursor): void;
}

interface Row {
  path: string;
  device: string;
  inode: string;
  offset: number;
  head: string;
  updated_at: number;
}

export function offsetsTable(connection: Connection): OffsetsTable {
  const get = connection.prepare<Row>(
    'SELECT path, device, inode, offset, head, updated_at FROM offsets WHERE cursor = ?',
  );
  const set = connection.prepare(
    `INSERT INTO offsets (cursor, path, device, inode, offset, head, updated_at) VALUES (?, ?, ?, ?, ?, ?, ?)
     ON CONFLICT (cursor) DO UPDATE SET path = excluded.path, device = excluded.device, inode = excluded.inode,
       offset = excluded.offset, head = excluded.head, updated_at = excluded.updated_at`,
  );
  const clear = connection.prepare('DELETE FROM offsets WHERE cursor = ?');
  return {
    get: (cursor) => {
      const row = get.get(cursor);
      if (row === undefined) return null;
      const { updated_at: updatedAt, ...position } = row;
      return { ...position, updatedAt };
    },
    set: (cursor, p, updatedAt) => void set.run(cursor, p.path, p.device, p.inode, p.offset, p.head, whole(updatedAt)),
    clear: (cursor) => void clear.run(cursor),
  };
}
