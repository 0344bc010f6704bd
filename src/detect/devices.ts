import { sourceKey } from '../address.ts';
import type { Binding, Millis } from '../model.ts';

/** A device that an account registers from, as it was last seen. Plain. */
export interface Device {
  /** whom its address counts as */
  key: string;
  address: string;
  userAgent: string;
  instance: string;
  contact: string;
  first: Millis;
  last: Millis;
  /** it took the account over, as was told: what it is, and where, speaks for nobody else */
  suspect?: true;
}

export const deviceOf = (binding: Binding, address: string, at: Millis): Device => ({
  key: sourceKey(address),
  address,
  userAgent: binding.userAgent,
  instance: binding.instance,
  contact: binding.contact,
  first: at,
  last: at,
});

/** The devices of bindings whose source is known. */
export const devicesOf = (bindings: readonly (Binding | null)[], at: Millis): Device[] =>
  bindings.flatMap((b) => {
    if (b?.source == null) return [];
    return [{ ...deviceOf(b, b.source, at), first: b.since }];
  });

/** Somebody at an address who did not register. */
export const visitor = (owner: Device, address: string, userAgent: string, at: Millis): Device => ({
  ...owner,
  key: sourceKey(address),
  address,
  userAgent,
  instance: '',
  first: at,
  last: at,
});

/** The network that one customer's addresses change within: an IPv4 /24, an IPv6 /48. */
export function networkOf(address: string): string {
  if (!address.includes(':')) return address.slice(0, address.lastIndexOf('.'));
  return sourceKey(address).split(':').slice(0, 3).join(':');
}

/**
 * Is it the same device? `instance`: it says so by its +sip.instance (RFC 5626 section 4.1); `agent`: the same user agent
 * and nothing against it; `other`: something differs; `unknown`: a feed that tells neither.
 */
export type Sameness = 'instance' | 'agent' | 'other' | 'unknown';

export function sameness(a: Device, b: Device): Sameness {
  if (a.instance !== '' && b.instance !== '') return a.instance === b.instance ? 'instance' : 'other';
  if (a.userAgent === '' || b.userAgent === '') return 'unknown';
  return a.userAgent === b.userAgent ? 'agent' : 'other';
}

const ORDER = ['instance', 'agent', 'unknown', 'other'] as const;

/** The best that can be said of a device against several. */
export function bestSameness(device: Device, others: readonly Device[]): Sameness {
  const found = new Set(others.map((other) => sameness(device, other)));
  return ORDER.find((s) => found.has(s)) ?? 'other';
}

/** Same device or same network as one of those who took the account over: he comes back, from another of his addresses. */
export const isAccomplice = (device: Device, suspects: readonly Device[]): boolean =>
  suspects.some(
    (s) => networkOf(s.address) === networkOf(device.address) || ['instance', 'agent'].includes(sameness(device, s)),
  );

/** Does a digest username plainly belong to this user (`1001`, `1001-auth`, `phone.1001@pbx`)? */
export function belongsTo(username: string, user: string): boolean {
  const [a, b] = [username.toLowerCase(), user.toLowerCase()];
  const parts = (text: string): string[] => text.split(/[^a-z0-9]+/);
  return a === b || parts(a).includes(b) || parts(b).includes(a);
}
