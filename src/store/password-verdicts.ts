import type { Millis } from '../model.ts';
import type { Connection } from './connection.ts';
import { whole } from './rows.ts';

/** What the last audit found of an account's password: never the password, nor anything that it could be worked out from. */
export interface PasswordVerdict {
  readonly account: string;
  /** when the audit found it */
  readonly at: Millis;
  /** the kind of weakness; null: nothing fell */
  readonly weakness: string | null;
}

export interface PasswordVerdictsTable {
  /** Puts an account's verdict in place of an earlier one. */
  put(verdict: PasswordVerdict): void;
  /** Those found before, by account. */
  before(until: Millis): PasswordVerdict[];
  /** Its password is another one now. @returns how many */
  delete(account: string): number;
  /** Forgets what is older. @returns how many */
  forget(before: Millis): number;
}

export function passwordVerdictsTable(connection: Connection): PasswordVerdictsTable {
  const put = connection.prepare(
    `INSERT INTO password_verdicts (account, at, weakness) VALUES (?, ?, ?)
     ON CONFLICT (account) DO UPDATE SET at = excluded.at, weakness = excluded.weakness`,
  );
  const before = connection.prepare<PasswordVerdict>(
    'SELECT account, at, weakness FROM password_verdicts WHERE at < ? ORDER BY account',
  );
  const remove = connection.prepare('DELETE FROM password_verdicts WHERE account = ?');
  const forget = connection.prepare('DELETE FROM password_verdicts WHERE at < ?');
  return {
    put: ({ account, at, weakness }) => void put.run(account, whole(at), weakness),
    before: (until) => before.all(whole(until)),
    delete: (account) => remove.run(account),
    forget: (limit) => forget.run(whole(limit)),
  };
}
