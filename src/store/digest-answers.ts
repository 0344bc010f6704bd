import type { Millis } from '../model.ts';
import type { Connection } from './connection.ts';
import { whole } from './rows.ts';

/** The last digest answer of an account that the PBX accepted, sealed: without its key it is noise. */
export interface SealedAnswer {
  readonly account: string;
  readonly at: Millis;
  /** base64 */
  readonly sealed: string;
}

export interface DigestAnswersTable {
  /** Puts an account's answer in place of an earlier one. */
  put(answer: SealedAnswer): void;
  /** by account */
  all(): SealedAnswer[];
  /** `at`: only if it is still the one of that time; without it, whichever it is. @returns how many */
  delete(account: string, at?: Millis): number;
  /** Forgets what is older. @returns how many */
  forget(before: Millis): number;
}

export function digestAnswersTable(connection: Connection): DigestAnswersTable {
  const put = connection.prepare(
    `INSERT INTO digest_answers (account, at, sealed) VALUES (?, ?, ?)
     ON CONFLICT (account) DO UPDATE SET at = excluded.at, sealed = excluded.sealed`,
  );
  const all = connection.prepare<SealedAnswer>('SELECT account, at, sealed FROM digest_answers ORDER BY account');
  const remove = connection.prepare('DELETE FROM digest_answers WHERE account = ?');
  const removeThat = connection.prepare('DELETE FROM digest_answers WHERE account = ? AND at = ?');
  const forget = connection.prepare('DELETE FROM digest_answers WHERE at < ?');
  return {
    put: ({ account, at, sealed }) => void put.run(account, whole(at), sealed),
    all: () => all.all(),
    delete: (account, at) => (at === undefined ? remove.run(account) : removeThat.run(account, whole(at))),
    forget: (before) => forget.run(Math.min(Number.MAX_SAFE_INTEGER, whole(before))),
  };
}
