import type { Millis } from '../model.ts';
import type { Connection } from './connection.ts';
import { whole } from './rows.ts';

/** An enrolment token that was given out: one account may have one certificate for it, once. */
export interface Enrolment {
  /** what the token is called on the wire, base64url of 16 bytes */
  readonly tid: string;
  readonly account: string;
  /** its key, encrypted under the master key */
  readonly secret: string;
  readonly expiresAt: Millis;
  readonly usedAt: Millis | null;
  /** SHA-256 of the request that it was used for, base64url: the same again gets the same certificate */
  readonly csr: string | null;
  /** the certificate that it led to */
  readonly serial: string | null;
}

export interface EnrolmentsTable {
  add(enrolment: Pick<Enrolment, 'tid' | 'account' | 'secret' | 'expiresAt'>): void;
  get(tid: string): Enrolment | null;
  /** Those that can still be used at `now`, youngest first. */
  open(now: Millis): Enrolment[];
  /** It is used, by this request. @returns false: it was used before, or there is no such token */
  use(tid: string, by: { readonly at: Millis; readonly csr: string; readonly serial: string }): boolean;
  /** Takes back what was not used, of one account. @returns how many */
  cancel(account: string): number;
  /** Forgets what ended before. @returns how many */
  forget(before: Millis): number;
}

interface Row {
  tid: string;
  account: string;
  secret: string;
  expires_at: number;
  used_at: number | null;
  csr: string | null;
  serial: string | null;
}

/** Enrolment tokens and what became of them. */
export function enrolmentsTable(connection: Connection): EnrolmentsTable {
  const columns = 'tid, account, secret, expires_at, used_at, csr, serial';
  const add = connection.prepare('INSERT INTO enrolments (tid, account, secret, expires_at) VALUES (?, ?, ?, ?)');
  const get = connection.prepare<Row>(`SELECT ${columns} FROM enrolments WHERE tid = ?`);
  const open = connection.prepare<Row>(
    `SELECT ${columns} FROM enrolments WHERE used_at IS NULL AND expires_at > ? ORDER BY expires_at DESC, tid`,
  );
  const use = connection.prepare(
    'UPDATE enrolments SET used_at = ?, csr = ?, serial = ? WHERE tid = ? AND used_at IS NULL',
  );
  const cancel = connection.prepare('DELETE FROM enrolments WHERE account = ? AND used_at IS NULL');
  const forget = connection.prepare('DELETE FROM enrolments WHERE expires_at < ?');
  const fromRow = ({ expires_at, used_at, ...row }: Row): Enrolment => ({
    ...row,
    expiresAt: expires_at,
    usedAt: used_at,
  });
  return {
    add: ({ tid, account, secret, expiresAt }) => void add.run(tid, account, secret, whole(expiresAt)),
    get: (tid) => {
      const row = get.get(tid);
      return row === undefined ? null : fromRow(row);
    },
    open: (now) => open.all(whole(now)).map(fromRow),
    use: (tid, { at, csr, serial }) => use.run(whole(at), csr, serial, tid) > 0,
    cancel: (account) => cancel.run(account),
    forget: (before) => forget.run(whole(before)),
  };
}
