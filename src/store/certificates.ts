import type { Millis, RevocationReason } from '../model.ts';
import type { Connection } from './connection.ts';
import { whole } from './rows.ts';

/** What a certificate of ours is for. */
export type CertificateUse = 'account' | 'gateway' | 'gateway-tls';

/**
 * A certificate that our CA has issued, and with it a public key: the rows of this table are what ringfence knows of whose
 * key is whose. What is published at the PBX is a copy.
 */
export interface IssuedCertificate {
  /** 32 hexadecimal digits, the certificate's own and no other's */
  readonly serial: string;
  /** SHA-256 of the SPKI DER, base64url */
  readonly kid: string;
  readonly use: CertificateUse;
  /** the account (PJSIP endpoint id); of the gateway's '' */
  readonly account: string;
  /** kid of the CA that signed it */
  readonly issuer: string;
  readonly bits: number;
  readonly notBefore: Millis;
  readonly notAfter: Millis;
  /** when it ends before its time: past, or to come where a newer key takes over by then; null: it does not */
  readonly revokedAt: Millis | null;
  readonly reason: RevocationReason | null;
  /** the certificate, DER, base64 */
  readonly certificate: string;
  /** its public key, SPKI DER, base64 */
  readonly spki: string;
}

export type CertificateState = 'not yet valid' | 'live' | 'retiring' | 'revoked' | 'expired';

/** Which state it is in at `now`. `live` and `retiring` keys are good; a revoked one stays so when it has expired. */
export function certificateState(
  { notBefore, notAfter, revokedAt }: Pick<IssuedCertificate, 'notBefore' | 'notAfter' | 'revokedAt'>,
  now: Millis,
): CertificateState {
  if (revokedAt !== null && revokedAt <= now) return 'revoked';
  if (now > notAfter) return 'expired';
  if (now < notBefore) return 'not yet valid';
  return revokedAt === null ? 'live' : 'retiring';
}

export interface CertificatesTable {
  /** @throws StoreError when there is one of this serial already */
  add(certificate: IssuedCertificate): void;
  get(serial: string): IssuedCertificate | null;
  /** Certificates of one key, youngest first: there may be several. */
  ofKid(kid: string): IssuedCertificate[];
  /** Those of one account, youngest first. */
  ofAccount(account: string): IssuedCertificate[];
  /** All, by use and account, youngest first. */
  all(): IssuedCertificate[];
  /** From `at` on it is good no more; an earlier end stays. @returns false: no such certificate */
  revoke(serial: string, at: Millis, reason: RevocationReason): boolean;
}

interface Row extends Omit<IssuedCertificate, 'use' | 'reason' | 'notBefore' | 'notAfter' | 'revokedAt'> {
  use: string;
  not_before: number;
  not_after: number;
  revoked_at: number | null;
  reason: string | null;
}

/** The public-key database. Nothing in it is secret; nothing of it is purged, for a CRL names what has not expired. */
export function certificatesTable(connection: Connection): CertificatesTable {
  const columns =
    'serial, kid, use, account, issuer, bits, not_before, not_after, revoked_at, reason, certificate, spki';
  const add = connection.prepare(`INSERT INTO certificates (${columns}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`);
  const select = (rest: string): ReturnType<typeof connection.prepare<Row>> =>
    connection.prepare<Row>(`SELECT ${columns} FROM certificates ${rest}`);
  const get = select('WHERE serial = ?');
  const ofKid = select('WHERE kid = ? ORDER BY not_before DESC, rowid DESC');
  const ofAccount = select("WHERE account = ? AND use = 'account' ORDER BY not_before DESC, rowid DESC");
  const all = select('ORDER BY use, account, not_before DESC, rowid DESC');
  const revoke = connection.prepare(
    `UPDATE certificates SET revoked_at = min(coalesce(revoked_at, :at), :at),
       reason = CASE WHEN revoked_at IS NULL OR revoked_at > :at THEN :reason ELSE reason END WHERE serial = :serial`,
  );
  const fromRow = ({ not_before, not_after, revoked_at, ...row }: Row): IssuedCertificate => ({
    ...row,
    use: row.use as CertificateUse,
    reason: row.reason as RevocationReason | null,
    notBefore: not_before,
    notAfter: not_after,
    revokedAt: revoked_at,
  });
  return {
    add: (c) => {
      const end = c.revokedAt === null ? null : whole(c.revokedAt);
      const from = whole(c.notBefore);
      const to = whole(c.notAfter);
      add.run(c.serial, c.kid, c.use, c.account, c.issuer, c.bits, from, to, end, c.reason, c.certificate, c.spki);
    },
    get: (serial) => {
      const row = get.get(serial);
      return row === undefined ? null : fromRow(row);
    },
    ofKid: (kid) => ofKid.all(kid).map(fromRow),
    ofAccount: (account) => ofAccount.all(account).map(fromRow),
    all: () => all.all().map(fromRow),
    revoke: (serial, at, reason) => revoke.run({ at: whole(at), reason, serial }) > 0,
  };
}
