import { canonicalAddress, ipv4Value } from '../address.ts';
import type { RequestFacts } from '../model.ts';
import type { Networks } from '../site/site.ts';
import { networkOf } from './devices.ts';

/** Addresses that a request names for itself, held against where it came from. */

/** Header that names it. */
export type Header = 'Via' | 'Contact' | 'From';

export interface Claim {
  readonly header: Header;
  readonly address: string;
}

/**
 * Blocks of IPv4 that are nobody's on the internet: this network, private and shared ones, loopback, link-local, multicast and
 * reserved (IANA registry of special-purpose addresses, RFC 6890). A phone behind NAT names one of these, and nothing follows.
 */
const NOT_PUBLIC: readonly (readonly [first: number, last: number])[] = [
  [0, 0x00ffffff],
  [0x0a000000, 0x0affffff],
  [0x64400000, 0x647fffff],
  [0x7f000000, 0x7fffffff],
  [0xa9fe0000, 0xa9feffff],
  [0xac100000, 0xac1fffff],
  [0xc0a80000, 0xc0a8ffff],
  [0xe0000000, 0xffffffff],
];

/** May this address be somebody's on the internet? Of IPv6 2000::/3 (RFC 4291 section 2.4). */
export function isPublic(address: string): boolean {
  if (address.includes(':')) return /^[23][0-9a-f]{3}:/.test(address);
  const value = ipv4Value(address);
  if (value < 0) return false;
  for (const [first, last] of NOT_PUBLIC) if (value >= first && value <= last) return false;
  return true;
}

const beginsAsAddress = (host: string): boolean => {
  const c = host.charCodeAt(0);
  return (c >= 48 && c <= 57) || host.includes(':');
};

/** An address literal other than the source; null: a name, nothing, or the source itself. */
function otherAddress(host: string, source: string): string | null {
  if (host === '' || host === source || !beginsAsAddress(host)) return null;
  const address = canonicalAddress(host);
  return address === source ? null : address;
}

/** Addresses other than its source that the request names in its topmost Via, its Contact and its From. [] for nearly all. */
export function claimsOf({ sentBy, contactHost, fromHost, source }: RequestFacts): readonly Claim[] {
  const via = otherAddress(sentBy, source);
  const contact = otherAddress(contactHost, source);
  const from = otherAddress(fromHost, source);
  if (via === null && contact === null && from === null) return NONE;
  const claims: Claim[] = [];
  if (via !== null) claims.push({ header: 'Via', address: via });
  if (contact !== null) claims.push({ header: 'Contact', address: contact });
  if (from !== null) claims.push({ header: 'From', address: from });
  return claims;
}

const NONE: readonly Claim[] = [];

/** Has a proxy passed the request on, so that the Contact is not the sender's? */
export const isRelayed = ({ viaHosts }: RequestFacts): boolean => viaHosts.length > 0;

/**
 * What is wrong with a claim. `own`: it is the PBX's own address; `inside`: one of the site's own public network, from outside;
 * `elsewhere`: somebody else's public address. null: nothing, or nothing that can be known: behind NAT, in one network, of two
 * families (a gateway translates), or a trunk's address, which gateway-impersonation looks at.
 */
export type Lie = 'own' | 'inside' | 'elsewhere';

export function lieOf({ address }: Claim, source: string, networks: Networks): Lie | null {
  if (!isPublic(address) || !isPublic(source) || networks.isLocal(source)) return null;
  if (address.includes(':') !== source.includes(':') || networkOf(address) === networkOf(source)) return null;
  if (networks.trunkOf(address) !== null) return null;
  if (networks.isPbx(address)) return 'own';
  return networks.isLocal(address) ? 'inside' : 'elsewhere';
}
