import { hostOf, parameterOf, scanHost } from './sip-address.ts';
import { isBlank, skipBlanks, spells, textOf } from './sip-text.ts';

/** One value of a Via header (RFC 3261 section 20.42, rport: RFC 3581). Texts are '' where a part is missing. */
export interface Via {
  /** transport as the sender names it, in capitals: UDP, TCP, TLS, WS … */
  readonly transport: string;
  /** host as the sender claims it, lower case, an IPv6 reference without brackets */
  readonly host: string;
  /** 0: not given */
  readonly port: number;
  readonly branch: string;
  /** null: no such parameter */
  readonly received: string | null;
  /** null: no such parameter; '': asked for and not yet filled in */
  readonly rport: string | null;
}

const TRANSPORTS: readonly (readonly [string, string])[] = ['UDP', 'TCP', 'TLS', 'WS', 'WSS', 'SCTP'].map((name) => [
  name,
  name.toLowerCase(),
]);

/** Name of a transport in capitals. */
export function transportOf(bytes: Buffer, start: number, end: number): string {
  for (const [name, word] of TRANSPORTS) if (spells(bytes, start, end, word)) return name;
  return textOf(bytes, start, end).toUpperCase();
}

const wordEnd = (bytes: Buffer, start: number, end: number): number => {
  let i = start;
  while (i < end && bytes[i] !== 47 && !isBlank(bytes[i])) i++;
  return i;
};

/** Where the parts of a Via value stand. */
export interface ViaSpan {
  readonly transportStart: number;
  readonly transportEnd: number;
  readonly hostStart: number;
  readonly hostEnd: number;
  readonly port: number;
  readonly parametersStart: number;
}

/**
 * The first Via value between `start` and `end`; null when it is not `SIP/2.0/transport sent-by` (blanks allowed around
 * the slashes).
 */
export function scanVia(bytes: Buffer, start: number, end: number): ViaSpan | null {
  let i = skipBlanks(bytes, start, end);
  let stop = wordEnd(bytes, i, end);
  if (!spells(bytes, i, stop, 'sip')) return null;
  i = afterSlash(bytes, stop, end);
  stop = wordEnd(bytes, i, end);
  if (stop - i !== 3 || bytes[i] !== 50 || bytes[i + 1] !== 46 || bytes[i + 2] !== 48) return null;
  const transportStart = afterSlash(bytes, stop, end);
  const transportEnd = wordEnd(bytes, transportStart, end);
  if (transportEnd === transportStart) return null;
  const host = scanHost(bytes, skipBlanks(bytes, transportEnd, end), end);
  if (host.end <= host.start) return null;
  return {
    transportStart,
    transportEnd,
    hostStart: host.start,
    hostEnd: host.end,
    port: host.port,
    parametersStart: host.next,
  };
}

/**
 * Branch of the first Via value between `start` and `end`, '' if none. What every message is asked for: the rest of the value is
 * not read, and may be junk.
 */
export function branchOf(bytes: Buffer, start: number, end: number, plain: boolean): string {
  let i = start;
  let c: number | undefined;
  while (i < end && (c = bytes[i]) !== 59 && c !== 44) i++;
  return parameterOf(bytes, i, end, 'branch', plain) ?? '';
}

/** The texts of the Via value between `start` and `end`; `plain` as in `textOf`. */
export function viaOf(bytes: Buffer, start: number, end: number, plain = false): Via | null {
  const span = scanVia(bytes, start, end);
  if (span === null) return null;
  const parameter = (name: string): string | null => parameterOf(bytes, span.parametersStart, end, name, plain);
  return {
    transport: transportOf(bytes, span.transportStart, span.transportEnd),
    host: hostOf(bytes, span.hostStart, span.hostEnd, plain),
    port: span.port,
    branch: parameter('branch') ?? '',
    received: parameter('received'),
    rport: parameter('rport'),
  };
}

/** First byte after the slash that follows `from`, `end` if there is none. */
function afterSlash(bytes: Buffer, from: number, end: number): number {
  const slash = skipBlanks(bytes, from, end);
  return slash < end && bytes[slash] === 47 ? skipBlanks(bytes, slash + 1, end) : end;
}
