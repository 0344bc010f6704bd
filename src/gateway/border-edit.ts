import { canonicalAddress } from '../address.ts';
import { parsed, refused, type Parsed } from '../parsed.ts';
import { SipDraft } from '../wire/sip-draft.ts';
import { parseNameAddr, parseUri, parseVia, type SipMessage, type SipUri } from '../wire/sip.ts';
import type { Peer } from './session.ts';

/**
 * What a border proxy changes of the messages that pass it (RFC 3261 sections 16.6 and 16.7, RFC 3327, RFC 3581, RFC 5658). Pure: bytes
 * in, bytes out.
 */

/** A place where the gateway itself can be reached, as it stands in Via, Record-Route, Path and Contact. */
export interface Place {
  readonly transport: 'udp' | 'tcp' | 'tls';
  readonly host: string;
  readonly port: number;
}

/** `host:port` with the brackets of an IPv6 reference (RFC 3261 section 25.1, hostport). */
export const hostport = ({ host, port }: Pick<Place, 'host' | 'port'>): string =>
  host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;

/** SIP's own port where none is written (RFC 3261 section 19.1.2). */
const portOf = (port: number, transport: string | undefined): number =>
  port !== 0 ? port : transport === 'tls' ? 5061 : 5060;

/** Is this one of our places? */
export function isAt(places: readonly Place[], host: string, port: number, transport?: string): boolean {
  const named = portOf(port, transport);
  const address = canonicalAddress(host) ?? host;
  return places.some((place) => place.host === address && place.port === named);
}

export const viaValue = (place: Place, branch: string): string =>
  `SIP/2.0/${place.transport.toUpperCase()} ${hostport(place)};branch=${branch};rport`;

/**
 * The topmost Via of a request with what we saw of its sender (RFC 3261 section 18.2.1, RFC 3581 section 4): `received` always, since it is
 * how the true source is handed on, and `rport` filled in where it was asked for.
 */
export function seenVia(via: string, peer: Peer): string {
  const bare = via.replace(/;\s*received\s*(?:=\s*[^;,\s]*)?/gi, '');
  const asked = /;\s*rport\s*(?:=\s*[^;,\s]*)?(?=[;\s]|$)/i;
  const address = peer.address; // IPv6 without brackets: RFC 3261 section 25.1, via-received
  const filled = asked.test(bare) ? bare.replace(asked, `;rport=${peer.port}`) : bare;
  return `${filled};received=${address}`;
}

/** Values on top of Route that are ours: the pair of one passage (`recordRoutes`), or the one that somebody made by hand. */
export interface OwnRoutes {
  readonly count: number;
  /** user part: a flow's token, or an account's name; '' if none */
  readonly user: string;
  /** name of an upstream, '' if none */
  readonly upstream: string;
}

export function ownRoutes(routes: readonly string[], places: readonly Place[]): OwnRoutes {
  const own: { readonly user: string; readonly upstream: string }[] = [];
  for (const route of routes.slice(0, 2)) {
    const address = parseNameAddr(route);
    const uri = address.ok ? parseUri(address.value.uri) : address;
    if (!uri.ok || !isAt(places, uri.value.host, uri.value.port, uri.value.parameters['transport'])) break;
    own.push({ user: uri.value.user, upstream: uri.value.parameters['up'] ?? '' });
  }
  const [first, second] = own;
  // of a pair one names a flow; two that both do, or neither, are of two passages
  const isPair = second !== undefined && (first?.user === '') !== (second.user === '');
  const named = isPair && first?.user === '' ? second : first;
  return { count: isPair ? 2 : Math.min(own.length, 1), user: named?.user ?? '', upstream: named?.upstream ?? '' };
}

/** Two Record-Routes, for the request leaves by another transport than it came by (RFC 5658 section 5); the nearer one on top. */
export function recordRoutes(
  draft: SipDraft,
  inside: Place,
  outside: Place,
  token: string,
  upstream: string,
  top: 'inside' | 'outside',
): void {
  const inner = `<sip:${token}@${hostport(inside)};transport=${inside.transport};up=${upstream};lr>`;
  const outer = `<sip:${hostport(outside)};transport=${outside.transport};lr>`;
  for (const value of top === 'inside' ? [outer, inner] : [inner, outer]) draft.prepend('Record-Route', value);
}

export const pathValue = (inside: Place, token: string, outbound: boolean): string =>
  `<sip:${token}@${hostport(inside)};transport=${inside.transport};lr${outbound ? ';ob' : ''}>`;

/** Parameter of our own Contacts: token of the flow, and the Contact that stands behind it. */
const FLOW = 'fl';
/** PJSIP takes no longer URI (pjsip/sip_config.h, PJSIP_MAX_URL_SIZE). */
const MOST_URI = 255;

/**
 * A Contact that leads here, for registrars that know no Path. It holds what it stands for, so that it means the same after a restart.
 * Refused: the URI would be longer than registrars take.
 */
export function wrapContact(uri: string, inside: Place, token: string): Parsed<string> {
  const read = parseUri(uri);
  if (!read.ok) return read;
  const user = /^sips?:([^@:;?]+)(?::[^@]*)?@/i.exec(uri)?.[1];
  const whole = `sip:${user === undefined ? '' : `${user}@`}${hostport(inside)};transport=${inside.transport};${FLOW}=${token}.${Buffer.from(uri).toString('base64url')}`;
  return whole.length <= MOST_URI
    ? parsed(whole)
    : refused(`a Contact of ${uri.length} bytes is too long to be wrapped`);
}

const PRINTABLE = /^[\x21-\x7e]+$/;

/** What a Contact of ours stands for; null: it is none. */
export function unwrapContact(uri: SipUri): { readonly token: string; readonly contact: string } | null {
  const [token = '', wrapped, ...more] = (uri.parameters[FLOW] ?? '').split('.');
  if (wrapped === undefined || more.length > 0 || token.length !== 22) return null;
  const contact = Buffer.from(wrapped, 'base64url').toString();
  return parseUri(contact).ok && PRINTABLE.test(contact) ? { token, contact } : null;
}

/** The URI within a Contact value is given another text; its parameters stay. */
export const withUri = (value: string, uri: string, other: string): string =>
  value.includes('<') ? value.replace(`<${uri}>`, () => `<${other}>`) : value.replace(uri, () => `<${other}>`);

/** Contacts of a REGISTER become ours. Refused: one cannot be wrapped. */
export function wrapContacts(draft: SipDraft, inside: Place, token: string): Parsed<null> {
  let fault: Parsed<null> = parsed(null);
  draft.replaceEach('Contact', (value) => {
    if (value === '*') return value;
    const address = parseNameAddr(value);
    const wrapped = address.ok ? wrapContact(address.value.uri, inside, token) : address;
    if (address.ok && wrapped.ok) return withUri(value, address.value.uri, wrapped.value);
    if (!wrapped.ok) fault = wrapped;
    return value;
  });
  return fault;
}

/** Contacts of the answer to a REGISTER are given back to their owner as he sent them; those of other flows stay. */
export function unwrapContacts(draft: SipDraft, token: string): void {
  draft.replaceEach('Contact', (value) => {
    const address = parseNameAddr(value);
    const uri = address.ok ? parseUri(address.value.uri) : address;
    const own = uri.ok ? unwrapContact(uri.value) : null;
    return own?.token === token && address.ok ? withUri(value, address.value.uri, own.contact) : value;
  });
}

/** Max-Forwards less one; 70 where there was none (RFC 3261 section 16.6, step 3). @returns false: it is used up */
export function hop(draft: SipDraft): boolean {
  const [value] = draft.values('Max-Forwards');
  const hops = value === undefined ? 71 : /^\d{1,3}$/.test(value) ? Number(value) : -1;
  if (hops <= 0) return false;
  draft.set('Max-Forwards', String(Math.min(hops, 256) - 1));
  return true;
}

const REASONS: Readonly<Record<number, string>> = {
  100: 'Trying',
  200: 'OK',
  400: 'Bad Request',
  403: 'Forbidden',
  404: 'Not Found',
  408: 'Request Timeout',
  413: 'Request Entity Too Large',
  416: 'Unsupported URI Scheme',
  420: 'Bad Extension',
  430: 'Flow Failed',
  481: 'Call/Transaction Does Not Exist',
  482: 'Loop Detected',
  483: 'Too Many Hops',
  487: 'Request Terminated',
  500: 'Server Internal Error',
  503: 'Service Unavailable',
};

/** An answer of our own to a request (RFC 3261 section 8.2.6). `tag`: of To, where the request has none. */
export function answerTo(
  request: SipMessage,
  status: number,
  tag: string,
  peer: Peer | null,
  more: readonly string[] = [],
): Buffer {
  const vias = request.values('Via');
  const first = vias[0];
  const to = request.header('To') ?? '';
  const lines = [
    `SIP/2.0 ${status} ${REASONS[status] ?? 'Refused'}`,
    ...vias.map((via, i) => `Via: ${i === 0 && peer !== null && first !== undefined ? seenVia(first, peer) : via}`),
    `From: ${request.header('From') ?? ''}`,
    `To: ${status > 100 && request.toTag === '' ? `${to};tag=${tag}` : to}`,
    `Call-ID: ${request.callId}`,
    `CSeq: ${request.cseq} ${request.cseqMethod}`,
    ...more,
    'Content-Length: 0',
  ];
  return Buffer.from(`${lines.join('\r\n')}\r\n\r\n`);
}

/** Request that belongs to an INVITE as it was sent on: its CANCEL (RFC 3261 section 9.1), or the ACK of its failure (17.1.1.3). */
export function belonging(
  invite: SipMessage,
  method: 'CANCEL' | 'ACK',
  to: string,
  more: readonly string[] = [],
): Buffer {
  const lines = [
    `${method} ${invite.requestUri} SIP/2.0`,
    `Via: ${invite.values('Via')[0] ?? ''}`,
    ...invite.values('Route').map((route) => `Route: ${route}`),
    'Max-Forwards: 70',
    `From: ${invite.header('From') ?? ''}`,
    `To: ${to}`,
    `Call-ID: ${invite.callId}`,
    `CSeq: ${invite.cseq} ${method}`,
    ...more,
    'Content-Length: 0',
  ];
  return Buffer.from(`${lines.join('\r\n')}\r\n\r\n`);
}

/** Where an answer goes by its Via (RFC 3261 section 18.2.2, RFC 3581 section 4), for a request that came as a datagram from `peer`. */
export function answerPort(via: string, peer: Peer): number {
  const read = parseVia(via);
  if (!read.ok || read.value.rport !== null) return peer.port;
  return portOf(read.value.port, read.value.transport.toLowerCase());
}
