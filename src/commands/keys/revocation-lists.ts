import { createCrl } from '../../crypto/crl.ts';
import type { Authority } from '../../crypto/issue.ts';
import type { KeyRoom } from './key-room.ts';

const NUMBER = 'crl-number';

/** A fresh revocation list of each CA that is not over, DER, that of the CA which issues first. */
export const revocationLists = (room: KeyRoom): Uint8Array[] =>
  room.authorities().map((ca) => revocationList(room, ca));

/** What this CA has issued and what is good no more. A certificate that has expired is left out a while after its end. */
function revocationList({ store, config, now }: KeyRoom, authority: Authority): Uint8Array {
  const lasts = config.settings.crypto.crl_validity;
  return store.transaction(() => {
    // the time in milliseconds, so that numbers go on growing when the store is lost (RFC 5280, 5.2.3)
    const number = Math.max(now, Number(store.meta.get(NUMBER) ?? 0) + 1);
    store.meta.set(NUMBER, String(number));
    const revoked = store.certificates
      .all()
      .filter(({ issuer, notAfter }) => issuer === authority.key.kid && notAfter + lasts >= now)
      .flatMap(({ serial, revokedAt, reason }) =>
        revokedAt === null || revokedAt > now ? [] : [{ serial, at: revokedAt, reason: reason ?? 'unspecified' }],
      );
    return createCrl(authority, { number, thisUpdate: now, nextUpdate: now + lasts, revoked });
  });
}
