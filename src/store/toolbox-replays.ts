import type { Millis } from '../model.ts';
import type { Connection } from './connection.ts';
import { whole } from './rows.ts';

/** Something that was accepted once. Keys and calls are HMACs, made by the toolbox. */
export interface ReplayRow {
  readonly level: string;
  readonly key: string;
  /** which call it belonged to */
  readonly call: string;
  readonly cseq: number;
  /** branch, bytes and credentials of the message: what makes a later one the same */
  readonly message: string;
  readonly credentials: string;
  /** whose it is: an HMAC of who has proved himself, else of the address */
  readonly owner: string;
  readonly source: string;
  /** Call-ID for people, shortened */
  readonly callId: string;
  readonly at: Millis;
  readonly until: Millis;
  /** is `until` the end of the freshness that the message's own signed Date gives it? */
  readonly dated: boolean;
}

export interface ReplaysTable {
  get(level: string, key: string): ReplayRow | null;
  /** Puts a row, in place of an earlier one of the same level and key. */
  put(row: ReplayRow): void;
  /** What a later message of the same call leaves behind. */
  advance(level: string, key: string, cseq: number): void;
  count(level: string): number;
  /** how many of them are of this owner */
  heldBy(level: string, owner: string): number;
  /** The end of what ends first; null: nothing is held. */
  firstEnd(level: string): Millis | null;
  /** Forgets what ended before, so many rows at the most, those that end first. @returns how many, and the latest end of a dated one among them */
  forget(level: string, before: Millis, most: number): { readonly gone: number; readonly dated: Millis | null };
}

interface Row {
  level: string;
  key: string;
  call: string;
  cseq: number;
  message: string;
  credentials: string;
  owner: string;
  source: string;
  call_id: string;
  at: number;
  until: number;
  dated: number;
}

/** What the anti-replay tools remember. */
export function replaysTable(connection: Connection): ReplaysTable {
  const columns = 'level, key, call, cseq, message, credentials, owner, source, call_id, at, until, dated';
  const get = connection.prepare<Row>(`SELECT ${columns} FROM toolbox_replays WHERE level = ? AND key = ?`);
  const put = connection.prepare(
    `REPLACE INTO toolbox_replays (${columns}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
  );
  const advance = connection.prepare('UPDATE toolbox_replays SET cseq = ? WHERE level = ? AND key = ?');
  const count = connection.prepare<{ n: number }>('SELECT count(*) AS n FROM toolbox_replays WHERE level = ?');
  const firstEnd = connection.prepare<{ until: number | null }>(
    'SELECT min(until) AS until FROM toolbox_replays WHERE level = ?',
  );
  const held = connection.prepare<{ held: number }>('SELECT held FROM toolbox_shares WHERE level = ? AND owner = ?');
  const more = connection.prepare(
    'INSERT INTO toolbox_shares VALUES (?, ?, 1) ON CONFLICT (level, owner) DO UPDATE SET held = held + 1',
  );
  const fewer = connection.prepare('UPDATE toolbox_shares SET held = held - 1 WHERE level = ? AND owner = ?');
  const none = connection.prepare('DELETE FROM toolbox_shares WHERE level = ? AND owner = ? AND held <= 0');
  const release = (level: string, owner: string): void => {
    fewer.run(level, owner);
    none.run(level, owner);
  };
  const ended = connection.prepare<{ key: string; owner: string; until: number; dated: number }>(
    'SELECT key, owner, until, dated FROM toolbox_replays WHERE level = ? AND until < ? ORDER BY until LIMIT ?',
  );
  const remove = connection.prepare('DELETE FROM toolbox_replays WHERE level = ? AND key = ?');
  return {
    get: (level, key) => {
      const row = get.get(level, key);
      if (row === undefined) return null;
      const { call_id, dated, ...same } = row;
      return { ...same, callId: call_id, dated: dated === 1 };
    },
    put: (row) => {
      const { level, key, call, cseq, message, credentials, owner, source, callId } = row;
      const [at, until] = [whole(row.at), whole(row.until)];
      const former = get.get(level, key)?.owner;
      if (former !== owner) {
        if (former !== undefined) release(level, former);
        more.run(level, owner);
      }
      put.run(level, key, call, cseq, message, credentials, owner, source, callId, at, until, row.dated ? 1 : 0);
    },
    advance: (level, key, cseq) => void advance.run(cseq, level, key),
    count: (level) => count.get(level)?.n ?? 0,
    heldBy: (level, owner) => held.get(level, owner)?.held ?? 0,
    firstEnd: (level) => firstEnd.get(level)?.until ?? null,
    forget: (level, before, most) => {
      const rows = ended.all(level, whole(before), most);
      for (const { key, owner } of rows) {
        remove.run(level, key);
        release(level, owner);
      }
      const dated = rows.filter((row) => row.dated === 1).map(({ until }) => until);
      return { gone: rows.length, dated: dated.length === 0 ? null : Math.max(...dated) };
    },
  };
}
