import { RingfenceError } from '../../errors.ts';
import type { IssuedCertificate } from '../../store/index.ts';
import { visible } from '../../words/index.ts';
import type { KeyRoom } from './key-room.ts';

const KID = /^[A-Za-z0-9_-]{43}$/;

/** The gateway's own two. */
export const OWN = ['gateway', 'gateway-tls'] as const;
export type Own = (typeof OWN)[number];
export const isOwn = (name: string): name is Own => OWN.includes(name as Own);

/**
 * Certificates that a person means by an account, a kid, `gateway` or `gateway-tls`, youngest first. An account that is
 * called like the gateway's keys is named by its kid.
 * @throws RingfenceError usage when there are none
 */
export function findCertificates({ store }: KeyRoom, name: string): IssuedCertificate[] {
  const { certificates } = store;
  const found = isOwn(name)
    ? certificates.all().filter(({ use }) => use === name)
    : [...certificates.ofAccount(name), ...(KID.test(name) ? certificates.ofKid(name) : [])];
  if (found.length > 0) return [...new Map(found.map((row) => [row.serial, row])).values()];
  throw new RingfenceError(
    'usage',
    `there is no certificate of "${visible(name, 80)}"; ringfence keys list --all shows those there are`,
  );
}
