import type { Millis } from '../model.ts';
import type { Connection } from './connection.ts';
import { whole } from './rows.ts';

/** An address (IPv6: a /64, or as wide as the settings say) that an identity speaks from. */
export interface OriginRow {
  readonly identity: string;
  readonly origin: string;
  readonly first: Millis;
  readonly last: Millis;
  /** how it was shown to be his: csc, client-certificate, digest; `first`: nothing was known before; `alert`: told and let pass */
  readonly proof: string;
}

export interface OriginsTable {
  /** Those of an identity, the one last spoken from first. */
  of(identity: string): OriginRow[];
  /** Puts a row, in place of an earlier one of the same identity and origin. */
  put(row: OriginRow): void;
  forget(identity: string, origin: string): void;
  /** Forgets what was last spoken from before, so many rows at the most. @returns how many */
  purge(before: Millis, most: number): number;
  count(): number;
  all(limit: number): OriginRow[];
}

export function originsTable(connection: Connection): OriginsTable {
  const columns = 'identity, origin, first, last, proof';
  const of = connection.prepare<OriginRow>(
    `SELECT ${columns} FROM toolbox_origins WHERE identity = ? ORDER BY last DESC, origin`,
  );
  const put = connection.prepare(
    `INSERT INTO toolbox_origins (${columns}) VALUES (?, ?, ?, ?, ?)
     ON CONFLICT (identity, origin) DO UPDATE SET last = excluded.last, proof = excluded.proof`,
  );
  const forget = connection.prepare('DELETE FROM toolbox_origins WHERE identity = ? AND origin = ?');
  const purge = connection.prepare(
    `DELETE FROM toolbox_origins WHERE (identity, origin) IN
       (SELECT identity, origin FROM toolbox_origins WHERE last < ? ORDER BY last LIMIT ?)`,
  );
  const count = connection.prepare<{ n: number }>('SELECT count(*) AS n FROM toolbox_origins');
  const all = connection.prepare<OriginRow>(`SELECT ${columns} FROM toolbox_origins ORDER BY last DESC LIMIT ?`);
  return {
    of: (identity) => of.all(identity),
    put: ({ identity, origin, first, last, proof }) => void put.run(identity, origin, whole(first), whole(last), proof),
    forget: (identity, origin) => void forget.run(identity, origin),
    purge: (before, most) => purge.run(whole(before), most),
    count: () => count.get()?.n ?? 0,
    all: (limit) => all.all(limit),
  };
}
