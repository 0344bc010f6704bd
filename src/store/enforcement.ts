import type { DecisionState, Millis } from '../model.ts';
import { fromJson, type Connection } from './connection.ts';
import { whole } from './rows.ts';

/**
 * One claim on something that should stand at the PBX (a block, an exemption), or one act that is done once (a hang-up,
 * the end of a contact), as it outlives a restart.
 */
export interface Enforcement {
  /** what: address, account, international, number …, or hang-up, expire-contact */
  readonly kind: string;
  /** address, endpoint, digits; of an act the call or account */
  readonly value: string;
  /** id of the decision (or a name of the settings' own) */
  readonly claim: string;
  /** rule, hand or settings */
  readonly by: string;
  readonly since: Millis;
  /** null: no end of its own; an act has none */
  readonly until: Millis | null;
  readonly why: string;
  readonly state: Exclude<DecisionState, 'observed'>;
  /** why it failed, '' if it did not */
  readonly code: string;
  /** target -> when it was last seen to stand there */
  readonly proof: Readonly<Record<string, Millis>>;
  /** of an act: how often it was tried */
  readonly tries: number;
  /** of an act: what it needs to know, as plain JSON */
  readonly detail: unknown;
}

export interface EnforcementTable {
  /** Puts a row, in place of an earlier one of the same kind, value and claim. */
  put(row: Enforcement): void;
  delete(kind: string, value: string, claim: string): void;
  /** Rows of a claim. */
  of(claim: string): Enforcement[];
  /** All rows, oldest first. */
  all(): Enforcement[];
  /** Forgets what ended before (blocks) or was put before and is over (acts; a secret, an endpoint without an end is never). @returns how many */
  forget(before: Millis): number;
}

interface Row {
  kind: string;
  value: string;
  claim: string;
  by: string;
  since: number;
  until: number | null;
  why: string;
  state: string;
  code: string;
  proof: string;
  tries: number;
  detail: string;
}

/** What should stand at the PBX, and how far it does. */
export function enforcementTable(connection: Connection): EnforcementTable {
  const columns = 'kind, value, claim, "by", since, until, why, state, code, proof, tries, detail';
  const put = connection.prepare(
    `INSERT INTO enforcement (${columns}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
     ON CONFLICT (kind, value, claim) DO UPDATE SET "by" = excluded."by", since = excluded.since,
       until = excluded.until, why = excluded.why, state = excluded.state, code = excluded.code,
       proof = excluded.proof, tries = excluded.tries, detail = excluded.detail`,
  );
  const remove = connection.prepare('DELETE FROM enforcement WHERE kind = ? AND value = ? AND claim = ?');
  const of = connection.prepare<Row>(`SELECT ${columns} FROM enforcement WHERE claim = ? ORDER BY kind, value`);
  const all = connection.prepare<Row>(`SELECT ${columns} FROM enforcement ORDER BY since, kind, value, claim`);
  const forget = connection.prepare(
    `DELETE FROM enforcement WHERE until < ? OR (until IS NULL AND since < ? AND state <> 'pending' AND "by" <> 'settings'
       AND kind NOT IN ('secret', 'endpoint'))`,
  );
  const fromRow = (row: Row): Enforcement => ({
    ...row,
    state: row.state as Enforcement['state'],
    proof: fromJson(connection.path, 'a proof', row.proof) as Record<string, Millis>,
    detail: fromJson(connection.path, 'an act', row.detail),
  });
  return {
    put: (row) => {
      const until = row.until === null ? null : whole(row.until);
      const proof = JSON.stringify(row.proof);
      const detail = JSON.stringify(row.detail ?? null);
      const { kind, value, claim, by, why, state, code, tries } = row;
      put.run(kind, value, claim, by, whole(row.since), until, why, state, code, proof, tries, detail);
    },
    delete: (kind, value, claim) => void remove.run(kind, value, claim),
    of: (claim) => of.all(claim).map(fromRow),
    all: () => all.all().map(fromRow),
    forget: (before) => forget.run(whole(before), whole(before)),
  };
}
