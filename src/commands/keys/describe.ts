import { certificateState, type IssuedCertificate } from '../../store/index.ts';
import { formatDuration, iso, Zone } from '../../time.ts';
import type { Millis } from '../../model.ts';
import { en, fit, visible } from '../../words/index.ts';
import { nameOf } from './key-room.ts';

/** A certificate as JSON. */
export function certificateJson(row: IssuedCertificate, now: Millis): Readonly<Record<string, unknown>> {
  return {
    account: row.use === 'account' ? row.account : null,
    use: row.use,
    state: certificateState(row, now),
    kid: row.kid,
    serial: row.serial,
    bits: row.bits,
    notBefore: iso(row.notBefore),
    notAfter: iso(row.notAfter),
    revokedAt: row.revokedAt === null ? null : iso(row.revokedAt),
    reason: row.reason,
    ca: row.issuer,
  };
}

/** When it ends, and how: the day, by the site's clock. */
function endText(row: IssuedCertificate, now: Millis, zone: Zone): string {
  const day = (at: Millis): string => en.minute(at, zone);
  switch (certificateState(row, now)) {
    case 'revoked':
      return `revoked ${day(row.revokedAt ?? 0)}, ${row.reason ?? ''}`;
    case 'expired':
      return `expired ${day(row.notAfter)}`;
    case 'retiring':
      return `retiring, ends ${day(row.revokedAt ?? 0)}`;
    case 'not yet valid':
      return `from ${day(row.notBefore)}`;
    case 'live': {
      const left = row.notAfter - now;
      return `until ${day(row.notAfter)} (${formatDuration(left)})`;
    }
  }
}

export const HEAD = `${fit('ACCOUNT', 20)} ${fit('KID', 43)}  BITS  STATE`;

/** One line of the list. */
export const certificateLine = (row: IssuedCertificate, now: Millis, zone: Zone): string =>
  `${fit(row.use === 'account' ? visible(row.account, 64) : `(${nameOf(row)})`, 20)} ${row.kid}  ${row.bits}  ${endText(row, now, zone)}`;
