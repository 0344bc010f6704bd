import { canonicalAddress } from '../address.ts';
import type { Millis, Transport } from '../model.ts';
import { parsed, refused, type Parsed } from '../parsed.ts';
import type { AmiMessage } from './ami-message.ts';

export interface RemoteAddress {
  readonly transport: Transport;
  /** canonical address text */
  readonly address: string;
  readonly port: number;
}

const TRANSPORTS: ReadonlyMap<string, Transport> = new Map([
  ['UDP', 'udp'],
  ['TCP', 'tcp'],
  ['TLS', 'tls'],
  ['WS', 'ws'],
  ['WSS', 'wss'],
  ['SCTP', 'sctp'],
]);

/** LocalAddress and RemoteAddress of security events: `IPV4/UDP/127.0.0.2/44000`, `IPV6/TLS/2001:db8::1/5061`, brackets or none. */
export function parseRemoteAddress(text: string): Parsed<RemoteAddress> {
  const [family = '', protocol = '', host = '', portText = '', ...rest] = text.split('/', 6);
  if (rest.length > 0 || (family !== 'IPV4' && family !== 'IPV6')) return refused('not FAMILY/TRANSPORT/address/port');
  const transport = TRANSPORTS.get(protocol.toUpperCase());
  if (transport === undefined) return refused('not a transport that is known', family.length + 1);
  const offset = family.length + protocol.length + 2;
  const address = host.length > 64 ? null : canonicalAddress(host);
  if (address === null) return refused('not an IP address', offset);
  const port = /^\d{1,5}$/.test(portText) ? Number(portText) : -1;
  if (port < 0 || port > 65_535) return refused('not a port', offset + host.length + 1);
  return parsed({ transport, address, port });
}

export interface ChannelName {
  /** PJSIP, SIP, IAX2, Local, DAHDI … as Asterisk spells it */
  readonly technology: string;
  /** the endpoint, peer, or for Local `extension@context` */
  readonly endpoint: string;
}

/** These number their channels by eight hexadecimal digits, so that an endpoint `lab-cafe` keeps its tail. */
const WIDE_SERIAL = new Set(['PJSIP', 'SIP', 'LOCAL', 'MOTIF', 'SKINNY']);

/**
 * Technology and endpoint of a channel name: `PJSIP/1004-0000002a` is endpoint 1004, `Local/101@office-0000000a;1` is
 * 101@office, `DAHDI/i1/5551234-2` is i1/5551234. An endpoint's own hyphens stay. The wrappers that Asterisk puts on a
 * channel while it is moved (`AsyncGoto/PJSIP/…`, `…<ZOMBIE>`, `…<MASQ>`) are looked through. null: not a channel name.
 */
export function channelEndpoint(channel: string): ChannelName | null {
  if (channel.length > 512) return null;
  let name = channel;
  for (const mark of ['<ZOMBIE>', '<MASQ>']) if (name.endsWith(mark)) name = name.slice(0, -mark.length);
  for (const wrapper of ['AsyncGoto/', 'Surrogate/', 'Transfered/', 'Parked/'])
    if (name.startsWith(wrapper) && name.includes('/', wrapper.length)) name = name.slice(wrapper.length);
  const slash = name.indexOf('/');
  if (slash <= 0) return null;
  const technology = name.slice(0, slash);
  let end = name.length;
  const half = name.lastIndexOf(';');
  if (half > slash && end - half === 2 && '12'.includes(name.slice(half + 1))) end = half;
  const dash = name.lastIndexOf('-', end);
  if (dash > slash) {
    const serial = name.slice(dash + 1, end);
    const shape = WIDE_SERIAL.has(technology.toUpperCase()) ? /^[0-9a-f]{8,16}$/i : /^[0-9a-f]{1,16}$/i;
    if (shape.test(serial)) end = dash;
  }
  const endpoint = name.slice(slash + 1, end);
  return endpoint === '' ? null : { technology, endpoint };
}

const at = (seconds: string, fraction: string): Millis =>
  Number(seconds) * 1000 + Number(fraction.padEnd(3, '0').slice(0, 3));

/** `1795285804.889513`, as `Timestamp` (manager.conf timestampevents) has it. */
const EPOCH = /^(\d{9,11})(?:\.(\d{1,9}))?$/;
/** EventTV of Asterisk 1.8: seconds-microseconds. */
const EPOCH_TV = /^(\d{9,11})-(\d{1,6})$/;
/** EventTV since Asterisk 11: `2026-11-21T18:30:04.889+0000`. */
const ISO_TV = /^(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(?:\.(\d{1,9}))?(?:Z|([+-])(\d\d):?(\d\d))$/;

/** An ISO 8601 instant with its offset written out; null when the text is none. */
export function parseInstant(text: string): Millis | null {
  const m = ISO_TV.exec(text);
  if (m === null) return null;
  const [year, month, day, hour, minute, second] = m.slice(1, 7).map(Number) as [
    number,
    number,
    number,
    number,
    number,
    number,
  ];
  const local = Date.UTC(year, month - 1, day, hour, minute, second);
  const offset = (Number(m[9] ?? 0) * 60 + Number(m[10] ?? 0)) * 60_000;
  const right =
    new Date(local).getUTCDate() === day && month >= 1 && month <= 12 && hour < 24 && minute < 60 && second < 60;
  return right ? local + Number((m[7] ?? '').padEnd(3, '0').slice(0, 3)) - (m[8] === '-' ? -offset : offset) : null;
}

/** When Asterisk says that an event happened: `Timestamp`, else `EventTV` (security events). null: it does not say. */
export function amiEventTime(message: AmiMessage): Millis | null {
  const stamp = EPOCH.exec(message.get('Timestamp') ?? '');
  if (stamp !== null) return at(stamp[1] ?? '', stamp[2] ?? '');
  const tv = message.get('EventTV');
  if (tv === null) return null;
  const old = EPOCH_TV.exec(tv);
  return old === null ? parseInstant(tv) : at(old[1] ?? '', (old[2] ?? '').padStart(6, '0'));
}
