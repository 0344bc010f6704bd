import { isIP } from 'node:net';

/** Longest account name: a certificate's common name holds no more (RFC 5280, appendix A.1, ub-common-name). */
const LONGEST = 64;

/**
 * Why an account can have no key of ours; null: it can. Names are printable ASCII without blanks, `"` and `\`, so that they
 * stand in a handshake, a certificate and a log as what they are.
 */
export function accountProblem(account: string): string | null {
  if (account === '') return 'no account is named';
  if (account.length > LONGEST)
    return `an account's name of more than ${LONGEST} characters has no place in a certificate`;
  return /^[\x21\x23-\x5b\x5d-\x7e]*$/.test(account)
    ? null
    : 'an account with a key has a name of printable ASCII, without blanks, quotes and backslashes';
}

/** Is it a host name of letters, digits and hyphens (RFC 1123, 2.1), or an IP address? */
export const isHost = (host: string): boolean =>
  isIP(host) !== 0 ||
  (host.length <= 253 &&
    /^(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)*[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/i.test(host));

const hostPart = (host: string): string => (isIP(host) === 6 ? `[${host}]` : host.toLowerCase());

/** The SIP URI of a domain, or of an account there; what RFC 3261, 25.1 does not let stand in a user part is escaped. */
export function sipUri(domain: string, account = ''): string {
  if (account === '') return `sip:${hostPart(domain)}`;
  const user = account.replaceAll(
    /[^A-Za-z0-9\-_.!~*'()&=+$,;?/]/g,
    (c) => `%${c.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`,
  );
  return `sip:${user}@${hostPart(domain)}`;
}

/** `host:port`, `[2001:db8::1]:port`; null when it is not one. */
export function endpointOf(text: string): { readonly host: string; readonly port: number } | null {
  const found = /^(?:\[([0-9a-f:.]{2,45})\]|([^[\]:]{1,253})):([1-9]\d{0,4})$/i.exec(text);
  const host = found?.[1] ?? found?.[2] ?? '';
  const port = Number(found?.[3]);
  return isHost(host) && port <= 65_535 ? { host, port } : null;
}
