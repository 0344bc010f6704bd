import { isBlank, numberOf, skipBlanks, spells, textOf, trimEnd } from './sip-text.ts';

/**
 * Where the parts of addresses and parameters stand in the bytes of a message (RFC 3261 sections 19.1, 20.10 and 25.1).
 * Nothing is copied: each scanner gives offsets, and whoever wants a text makes it. Folded lines need no unfolding, for
 * line ends count as white space here. All cost time linear in the range and none refuses: a part that is not there, or
 * that is no SIP, is an empty range, for a PBX that answers junk must be watched answering it.
 */

/** Parts of a URI; empty ranges (start = end) where a part is missing. `port` is 0 if none or not a port. */
export interface UriSpan {
  readonly kind: 'sip' | 'sips' | 'tel' | 'other';
  /** the user as sent, without a password; of tel: the number */
  readonly userStart: number;
  readonly userEnd: number;
  /** without the brackets of an IPv6 reference */
  readonly hostStart: number;
  readonly hostEnd: number;
  readonly port: number;
  /** from the first `;` after the host */
  readonly parametersStart: number;
  readonly parametersEnd: number;
  /** after the `?` */
  readonly headersStart: number;
  readonly end: number;
}

const SEMICOLON = 59;
const COLON = 58;
const AT = 64;
const QUESTION = 63;
const QUOTE = 34;
const BACKSLASH = 92;
const LESS = 60;
const GREATER = 62;
const COMMA = 44;
const EQUALS = 61;

/** What ends a part, as bits for each byte: asking a table once is cheaper than comparing with five marks. */
const HOST_STOP = 1;
const NAME_STOP = 2;
const VALUE_STOP = 4;
const ADDRESS_STOP = 8;
const BLANK = ' \t\r\n';
const STOPS = new Uint8Array(256);
const stopAt = (marks: string, bit: number): void => {
  for (const mark of marks) STOPS[mark.charCodeAt(0)] = (STOPS[mark.charCodeAt(0)] ?? 0) | bit;
};
stopAt(`;?:${BLANK}`, HOST_STOP);
stopAt(`;=,>${BLANK}`, NAME_STOP);
stopAt(`;,${BLANK}`, VALUE_STOP);
stopAt(`;${BLANK}`, ADDRESS_STOP);

/** The first byte from `start` on that has one of these bits, or `end`. */
function stopOf(bytes: Buffer, start: number, end: number, bits: number): number {
  let i = start;
  while (i < end && ((STOPS[bytes[i] ?? 0] ?? 0) & bits) === 0) i++;
  return i;
}

function schemeOf(bytes: Buffer, start: number, end: number): UriSpan['kind'] {
  if (spells(bytes, start, end, 'sip')) return 'sip';
  if (spells(bytes, start, end, 'sips')) return 'sips';
  return spells(bytes, start, end, 'tel') ? 'tel' : 'other';
}

function indexOf(bytes: Buffer, c: number, start: number, end: number): number {
  let i = start;
  while (i < end && bytes[i] !== c) i++;
  return i;
}

export interface HostSpan {
  readonly start: number;
  readonly end: number;
  /** 0: none, or not a port */
  readonly port: number;
  /** first byte after host and port */
  readonly next: number;
}

/** `host [":" port]`, blanks around the colon allowed as Via does (RFC 3261 section 25.1, sent-by). */
export function scanHost(bytes: Buffer, from: number, limit: number): HostSpan {
  let start = from;
  let end: number;
  let i: number;
  if (bytes[from] === 91 && from < limit) {
    start = from + 1;
    end = indexOf(bytes, 93, start, limit);
    i = Math.min(end + 1, limit);
  } else {
    end = stopOf(bytes, from, limit, HOST_STOP);
    i = end;
  }
  const colon = skipBlanks(bytes, i, limit);
  if (colon >= limit || bytes[colon] !== COLON) return { start, end, port: 0, next: i };
  const portStart = skipBlanks(bytes, colon + 1, limit);
  const next = stopOf(bytes, portStart, limit, HOST_STOP);
  return { start, end, port: Math.max(0, numberOf(bytes, portStart, next, 65535)), next };
}

/** The parts of a URI that stands between `start` and `end`. */
export function scanUri(bytes: Buffer, start: number, end: number): UriSpan {
  const colon = indexOf(bytes, COLON, start, end);
  const kind = colon < end ? schemeOf(bytes, start, colon) : 'other';
  let userStart = end;
  let userEnd = end;
  let host: HostSpan = { start: end, end, port: 0, next: end };
  if (kind === 'tel') {
    userStart = colon + 1;
    userEnd = stopOf(bytes, userStart, end, HOST_STOP);
    host = { start: end, end, port: 0, next: userEnd };
  } else if (kind !== 'other') {
    // a user may hold ; ? / and even : (before a password), so the @ is looked for first
    const at = indexOf(bytes, AT, colon + 1, end);
    if (at < end) {
      userStart = colon + 1;
      userEnd = indexOf(bytes, COLON, userStart, at);
    }
    host = scanHost(bytes, at < end ? at + 1 : colon + 1, end);
  }
  const question = indexOf(bytes, QUESTION, host.next, end);
  return {
    kind,
    userStart,
    userEnd,
    hostStart: host.start,
    hostEnd: host.end,
    port: host.port,
    parametersStart: host.next,
    parametersEnd: question,
    headersStart: Math.min(question + 1, end),
    end,
  };
}

/** Lower-case text of a host. */
export const hostOf = (bytes: Buffer, start: number, end: number, plain = false): string =>
  textOf(bytes, start, end, plain).toLowerCase();

/** Where a quoted string that opens at `start` has ended: after its closing quote, or `end` if it never closes. */
export function skipQuoted(bytes: Buffer, start: number, end: number): number {
  for (let i = start + 1; i < end; i++) {
    const c = bytes[i];
    if (c === BACKSLASH) i++;
    else if (c === QUOTE) return i + 1;
  }
  return end;
}

/** Where one of the values of a header ends: at a comma outside quotes and angle brackets, or at `end`. */
export function valueStop(bytes: Buffer, start: number, end: number): number {
  let angle = false;
  for (let i = start; i < end; i++) {
    const c = bytes[i];
    if (c === QUOTE && !angle) i = skipQuoted(bytes, i, end) - 1;
    else if (c === LESS) angle = true;
    else if (c === GREATER) angle = false;
    else if (c === COMMA && !angle) return i;
  }
  return end;
}

/** A name-addr or addr-spec with its header parameters. */
export interface AddressSpan {
  /** display name, with its quotes if it has them */
  readonly nameStart: number;
  readonly nameEnd: number;
  readonly uriStart: number;
  readonly uriEnd: number;
  /** where the parameters of the header begin */
  readonly parametersStart: number;
  readonly end: number;
}

/**
 * name-addr or addr-spec (RFC 3261 section 25.1). Without angle brackets everything from the first `;` belongs to the header,
 * not to the URI (section 20.10). Display names with commas and other marks that want quotes but have none are taken, as
 * Asterisk and Kamailio take them.
 */
export function scanAddress(bytes: Buffer, from: number, to: number): AddressSpan {
  const start = skipBlanks(bytes, from, to);
  const end = trimEnd(bytes, start, to);
  const open = openBracket(bytes, start, end);
  if (open < 0) {
    const uriEnd = stopOf(bytes, start, end, ADDRESS_STOP);
    return { nameStart: start, nameEnd: start, uriStart: start, uriEnd, parametersStart: uriEnd, end };
  }
  const close = indexOf(bytes, GREATER, open + 1, end);
  const uriStart = skipBlanks(bytes, open + 1, close);
  return {
    nameStart: start,
    nameEnd: trimEnd(bytes, start, open),
    uriStart,
    uriEnd: trimEnd(bytes, uriStart, close),
    parametersStart: Math.min(close + 1, end),
    end,
  };
}

/** The `<` outside quotes, -1 if there is none. A quote that never closes is taken for an ordinary character. */
function openBracket(bytes: Buffer, start: number, end: number): number {
  let quotes = true;
  for (let i = start; i < end; i++) {
    const c = bytes[i];
    if (c === LESS) return i;
    if (c === QUOTE && quotes) {
      const after = skipQuoted(bytes, i, end);
      if (after === end && (bytes[end - 1] !== QUOTE || end - 1 === i)) quotes = false;
      else i = after - 1;
    }
  }
  return -1;
}

/**
 * Walks parameters `;name=value`; after each `next()` the fields tell the one that was found. Quotes are outside the value, a
 * parameter without value has valueStart = valueEnd. The walk ends at a comma, where the next value of the header begins.
 */
export class Parameters {
  readonly #bytes: Buffer;
  readonly #end: number;
  #at: number;
  nameStart = 0;
  nameEnd = 0;
  valueStart = 0;
  valueEnd = 0;
  quoted = false;

  constructor(bytes: Buffer, start: number, end: number) {
    this.#bytes = bytes;
    this.#at = start;
    this.#end = end;
  }

  next(): boolean {
    const bytes = this.#bytes;
    const end = this.#end;
    let i = this.#at;
    let c = 0;
    while (i < end && ((c = bytes[i] ?? 0) === SEMICOLON || isBlank(c))) i++;
    if (i >= end || c === COMMA) return false;
    this.nameStart = i;
    i = stopOf(bytes, i, end, NAME_STOP);
    if (i === this.nameStart && bytes[i] !== EQUALS) i++; // a stray > : one step on, so that every call advances
    this.nameEnd = i;
    const equals = skipBlanks(bytes, i, end);
    this.quoted = false;
    if (equals >= end || bytes[equals] !== EQUALS) {
      this.valueStart = this.valueEnd = this.#at = i;
      return true;
    }
    const value = skipBlanks(bytes, equals + 1, end);
    this.quoted = value < end && bytes[value] === QUOTE;
    if (this.quoted) {
      this.#at = skipQuoted(bytes, value, end);
      const closed = this.#at > value + 1 && bytes[this.#at - 1] === QUOTE;
      this.valueStart = value + 1;
      this.valueEnd = closed ? this.#at - 1 : this.#at;
    } else {
      this.valueStart = value;
      this.valueEnd = this.#at = stopOf(bytes, value, end, VALUE_STOP);
    }
    return true;
  }

  /** Has the parameter this lower-case name? */
  is(name: string): boolean {
    return spells(this.#bytes, this.nameStart, this.nameEnd, name);
  }
}

/**
 * Text of a parameter by its lower-case name, '' for one without value, null if there is none. Of several the last counts: so
 * it does in Asterisk and in Kamailio (measured with From tags). `plain` as in `textOf`.
 */
export function parameterOf(bytes: Buffer, from: number, end: number, name: string, plain = false): string | null {
  const parameters = new Parameters(bytes, from, end);
  let start = -1;
  let stop = -1;
  while (parameters.next()) {
    if (!parameters.is(name)) continue;
    start = parameters.valueStart;
    stop = parameters.valueEnd;
  }
  return start < 0 ? null : textOf(bytes, start, stop, plain);
}
