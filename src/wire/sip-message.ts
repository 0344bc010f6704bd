import { scanChallenge, scanCredentials, type Challenge, type Credentials } from './digest.ts';
import { parameterOf, hostOf, scanAddress, scanUri, valueStop, type AddressSpan, type UriSpan } from './sip-address.ts';
import { HEADER, HeaderLines, headerName, type HeaderName } from './sip-lines.ts';
import { methodOf, type StartLine } from './sip-start-line.ts';
import { secondsOf, skipBlanks, textOf, trimEnd, userOf } from './sip-text.ts';
import { scanBinding, scanContact, type Contact, type ContactBinding } from './sip-uri.ts';
import { branchOf, scanVia, transportOf, viaOf, type Via, type ViaSpan } from './sip-via.ts';

/** Values of one header that are looked at: what no message of a phone, a PBX or a proxy comes near. */
const MOST_VALUES = 1_000;

const CREDENTIALS = [headerName('authorization'), headerName('proxy-authorization')];
const CHALLENGES = [headerName('www-authenticate'), headerName('proxy-authenticate')];
const CONTACT = headerName('contact');
const VIA = headerName('via');
const RECORD_ROUTE = headerName('record-route');

/** What one pass over the bytes has found. */
export interface Scanned {
  readonly bytes: Buffer;
  readonly start: StartLine;
  /** start and end of the value of the first line of each header in `HEADER`, 0 and 0 if there is none */
  readonly spans: readonly number[];
  /** bit set: more than one line of that header */
  readonly repeated: number;
  /** are all header values printable ASCII? */
  readonly plain: boolean;
  readonly body: number;
  readonly cseq: number;
  readonly contentLength: number | null;
}

/**
 * A SIP message over the bytes it came in (RFC 3261 section 7): headers are found when they are asked for, texts are made then.
 * It is a view; keep texts, not the message, or the packet stays in memory. All texts are free of control characters
 * (sip-text.ts says how). A header that stands there twice counts as its first line, as in Asterisk (measured; Kamailio
 * drops such a message).
 */
export class SipMessage {
  /** 0 to 2^32-1 */
  readonly cseq: number;
  /** null: not given */
  readonly contentLength: number | null;
  readonly #bytes: Buffer;
  readonly #start: StartLine;
  readonly #spans: readonly number[];
  readonly #repeated: number;
  readonly #plain: boolean;
  readonly #body: number;
  #from: AddressSpan | null = null;
  #fromUri: UriSpan | null = null;
  #to: AddressSpan | null = null;
  #toUri: UriSpan | null = null;
  #request: UriSpan | null = null;
  #callId: string | null = null;
  #toTag: string | null = null;

  /** For `parseSip`. */
  constructor(scanned: Scanned) {
    this.cseq = scanned.cseq;
    this.contentLength = scanned.contentLength;
    this.#bytes = scanned.bytes;
    this.#start = scanned.start;
    this.#spans = scanned.spans;
    this.#repeated = scanned.repeated;
    this.#plain = scanned.plain;
    this.#body = scanned.body;
  }

  get isRequest(): boolean {
    return this.#start.status === 0;
  }

  /** Method of a request: a known one in capitals, else as sent; '' for a response. */
  get method(): string {
    return this.#start.method;
  }

  /** Method of CSeq, written as `method` is; not always the same as `method`. */
  get cseqMethod(): string {
    const end = this.#endOf(HEADER.cseq);
    let i = this.#at(HEADER.cseq);
    while (i < end && (this.#bytes[i] ?? 0) >= 48 && (this.#bytes[i] ?? 0) <= 57) i++;
    return methodOf(this.#bytes, skipBlanks(this.#bytes, i, end), end);
  }

  /** Status code 100 to 699, 0 for a request. */
  get status(): number {
    return this.#start.status;
  }

  /** Is the body shorter than Content-Length? A datagram that was cut, or a lie. */
  get truncated(): boolean {
    return this.contentLength !== null && this.contentLength > this.#bytes.length - this.#body;
  }

  /** Request URI as sent, '' for a response. */
  get requestUri(): string {
    return this.isRequest ? textOf(this.#bytes, this.#start.start, this.#start.end) : '';
  }

  /** User of the request URI, percent-decoded; of a tel: URI the number; '' if none. */
  get requestUser(): string {
    const uri = this.#requestSpan();
    return userOf(this.#bytes, uri.userStart, uri.userEnd);
  }

  /** Host of the request URI, lower case, an IPv6 reference without its brackets; '' if none. */
  get requestHost(): string {
    const uri = this.#requestSpan();
    return hostOf(this.#bytes, uri.hostStart, uri.hostEnd);
  }

  #requestSpan(): UriSpan {
    return (this.#request ??= scanUri(
      this.#bytes,
      this.isRequest ? this.#start.start : this.#start.end,
      this.#start.end,
    ));
  }

  /** Reason phrase of a response, '' for a request. */
  get reason(): string {
    return this.isRequest ? '' : textOf(this.#bytes, this.#start.start, this.#start.end);
  }

  get callId(): string {
    return (this.#callId ??= this.#first(HEADER.callId));
  }

  /** User of From, percent-decoded; of a tel: URI the number; '' if none. */
  get fromUser(): string {
    const uri = this.#fromUriSpan();
    return userOf(this.#bytes, uri.userStart, uri.userEnd, this.#plain);
  }

  get fromHost(): string {
    const uri = this.#fromUriSpan();
    return hostOf(this.#bytes, uri.hostStart, uri.hostEnd, this.#plain);
  }

  get fromTag(): string {
    return this.#tag((this.#from ??= this.#address(HEADER.from)));
  }

  #fromUriSpan(): UriSpan {
    const address = (this.#from ??= this.#address(HEADER.from));
    return (this.#fromUri ??= scanUri(this.#bytes, address.uriStart, address.uriEnd));
  }

  /** User of To, percent-decoded; of a tel: URI the number; '' if none. */
  get toUser(): string {
    const uri = this.#toUriSpan();
    return userOf(this.#bytes, uri.userStart, uri.userEnd, this.#plain);
  }

  get toHost(): string {
    const uri = this.#toUriSpan();
    return hostOf(this.#bytes, uri.hostStart, uri.hostEnd, this.#plain);
  }

  get toTag(): string {
    return (this.#toTag ??= this.#tag((this.#to ??= this.#address(HEADER.to))));
  }

  #toUriSpan(): UriSpan {
    const address = (this.#to ??= this.#address(HEADER.to));
    return (this.#toUri ??= scanUri(this.#bytes, address.uriStart, address.uriEnd));
  }

  #address(header: number): AddressSpan {
    return scanAddress(this.#bytes, this.#at(header), this.#endOf(header));
  }

  #tag(address: AddressSpan): string {
    return parameterOf(this.#bytes, address.parametersStart, address.end, 'tag', this.#plain) ?? '';
  }

  /** Host of the first Contact value, lower case, '' if there is none, or it is `*`. */
  get contactHost(): string {
    if (this.#at(HEADER.contact) === 0) return '';
    const from = this.#at(HEADER.contact);
    const end = this.#endOf(HEADER.contact);
    const comma = this.#bytes.indexOf(44, from);
    const address = scanAddress(this.#bytes, from, comma < 0 || comma >= end ? end : valueStop(this.#bytes, from, end));
    const uri = scanUri(this.#bytes, address.uriStart, address.uriEnd);
    return hostOf(this.#bytes, uri.hostStart, uri.hostEnd, this.#plain);
  }

  /** The topmost Via; null when it is junk. */
  get via(): Via | null {
    return viaOf(this.#bytes, this.#at(HEADER.via), this.#endOf(HEADER.via), this.#plain);
  }

  #viaSpan(): ViaSpan | null {
    return scanVia(this.#bytes, this.#at(HEADER.via), this.#endOf(HEADER.via));
  }

  #viaParameter(name: string): string | null {
    const via = this.#viaSpan();
    if (via === null) return null;
    return parameterOf(this.#bytes, via.parametersStart, this.#endOf(HEADER.via), name, this.#plain);
  }

  /** Branch of the topmost Via, '' if none. */
  get branch(): string {
    return branchOf(this.#bytes, this.#at(HEADER.via), this.#endOf(HEADER.via), this.#plain);
  }

  /** Host of the topmost Via as its sender claims it, lower case; '' if the Via is junk. */
  get sentBy(): string {
    const via = this.#viaSpan();
    return via === null ? '' : hostOf(this.#bytes, via.hostStart, via.hostEnd, this.#plain);
  }

  /** Sent-by hosts of the Vias below the topmost, as their senders claim them, nearest first, `most` at the most; junk left out. */
  viaHosts(most: number): string[] {
    if ((this.#repeated & (1 << HEADER.via)) === 0) {
      const comma = this.#bytes.indexOf(44, this.#at(HEADER.via));
      if (comma < 0 || comma >= this.#endOf(HEADER.via)) return [];
    }
    return this.#values(VIA)
      .slice(1, most + 1)
      .flatMap(([start, end]) => {
        const via = scanVia(this.#bytes, start, end);
        return via === null ? [] : [hostOf(this.#bytes, via.hostStart, via.hostEnd, this.#plain)];
      });
  }

  /** Values of Record-Route as they were sent, topmost first, `most` at the most. */
  recordRoutes(most: number): string[] {
    if (!this.#has(RECORD_ROUTE)) return [];
    const values = this.#values(RECORD_ROUTE).slice(0, most);
    return values.map(([start, end]) => textOf(this.#bytes, start, end, this.#plain));
  }

  /** 0: not given */
  get sentByPort(): number {
    return this.#viaSpan()?.port ?? 0;
  }

  /** Transport of the topmost Via in capitals. */
  get viaTransport(): string {
    const via = this.#viaSpan();
    return via === null ? '' : transportOf(this.#bytes, via.transportStart, via.transportEnd);
  }

  /** null: no such parameter */
  get received(): string | null {
    return this.#viaParameter('received');
  }

  /** null: no such parameter; '' where it was asked for and not filled in */
  get rport(): string | null {
    return this.#viaParameter('rport');
  }

  /** Seconds of the Expires header, at most 2^32-1; null if there is none or it is not a number. */
  get expires(): number | null {
    return secondsOf(this.#first(HEADER.expires));
  }

  /** User-Agent; of a response its Server, or User-Agent if it has none. */
  get userAgent(): string {
    const server = this.isRequest ? '' : this.#first(HEADER.server);
    return server === '' ? this.#first(HEADER.userAgent) : server;
  }

  /** Content-Type as sent, with its parameters; '' if none. */
  get contentType(): string {
    return this.#first(HEADER.contentType);
  }

  /** The body: as much as Content-Length says, or all that came if it says nothing or more. A view, no copy. */
  get body(): Buffer {
    return this.#bytes.subarray(
      this.#body,
      this.contentLength === null ? this.#bytes.length : this.#body + this.contentLength,
    );
  }

  /** First line of a header by its long or compact name, in any case; unfolded and trimmed; null if there is none. */
  header(name: string): string | null {
    const wanted = headerName(name);
    if (wanted.index >= 0) {
      return this.#has(wanted) ? this.#first(wanted.index) : null;
    }
    const line = this.#lines(wanted)[0];
    return line === undefined ? null : textOf(this.#bytes, line[0], line[1]);
  }

  /** Every line of a header, in order, not split at commas. */
  headers(name: string): string[] {
    return this.#lines(headerName(name)).map(([start, end]) => textOf(this.#bytes, start, end));
  }

  /** Every value of a header, split at commas outside quotes and angle brackets; empty values left out, 1,000 at most. */
  values(name: string): string[] {
    return this.#values(headerName(name)).map(([start, end]) => textOf(this.#bytes, start, end));
  }

  /** The Contact values, 1,000 at most; `*` for the one that stands for all bindings (RFC 3261 section 10.2.2). */
  contacts(): Contact[] | '*' {
    return this.#contacts(scanContact);
  }

  /** The same, as far as registering goes: URI, expiry and instance. */
  bindings(): ContactBinding[] | '*' {
    return this.#contacts(scanBinding);
  }

  #contacts<T>(scan: (bytes: Buffer, start: number, end: number) => T): T[] | '*' {
    const all: T[] = [];
    for (const [start, end] of this.#values(CONTACT)) {
      if (all.length === 0 && end - start === 1 && this.#bytes[start] === 42) return '*';
      all.push(scan(this.#bytes, start, end));
    }
    return all;
  }

  /** The first Digest credentials of Authorization, else of Proxy-Authorization; null without any. */
  credentials(): Credentials | null {
    return this.#credentials(1)[0] ?? null;
  }

  /** All Digest credentials, 1,000 at most: a sender may put some for another realm before those that count. */
  allCredentials(): Credentials[] {
    return this.#credentials(MOST_VALUES);
  }

  #credentials(most: number): Credentials[] {
    const all: Credentials[] = [];
    for (const name of CREDENTIALS) {
      if (!this.#has(name)) continue;
      const header = name.index === HEADER.authorization ? 'authorization' : 'proxy-authorization';
      for (const [start, end] of this.#lines(name)) {
        const credentials = scanCredentials(this.#bytes, start, end, this.#plain, header);
        if (credentials !== null) all.push(credentials);
        if (all.length >= most) return all;
      }
    }
    return all;
  }

  /** The first Digest challenge of WWW-Authenticate, else of Proxy-Authenticate; null without any. */
  challenge(): Challenge | null {
    for (const name of CHALLENGES) {
      if (!this.#has(name)) continue;
      for (const [start, end] of this.#lines(name)) {
        const challenge = scanChallenge(this.#bytes, start, end, this.#plain);
        if (challenge !== null) return challenge;
      }
    }
    return null;
  }

  /** Where the value of the first line of a header begins, 0 if there is none. */
  #at(header: number): number {
    return this.#spans[2 * header] ?? 0;
  }

  #endOf(header: number): number {
    return this.#spans[2 * header + 1] ?? 0;
  }

  #has(name: HeaderName): boolean {
    return this.#at(name.index) > 0;
  }

  /** Text of the first line of a header in the offset table. */
  #first(header: number): string {
    return textOf(this.#bytes, this.#at(header), this.#endOf(header), this.#plain);
  }

  /** Trimmed ranges of the lines of a header, 1,000 at most. */
  #lines(name: HeaderName): (readonly [number, number])[] {
    if (name.index >= 0 && (this.#repeated & (1 << name.index)) === 0) {
      return this.#has(name) ? [[this.#at(name.index), this.#endOf(name.index)]] : [];
    }
    const found: (readonly [number, number])[] = [];
    const lines = new HeaderLines(this.#bytes, this.#start.next);
    while (found.length < MOST_VALUES && lines.next()) {
      if (!isNamed(this.#bytes, lines, name)) continue;
      const valueStart = skipBlanks(this.#bytes, lines.valueStart, lines.valueEnd);
      found.push([valueStart, trimEnd(this.#bytes, valueStart, lines.valueEnd)]);
    }
    return found;
  }

  #values(name: HeaderName): (readonly [number, number])[] {
    const found: (readonly [number, number])[] = [];
    for (const [from, to] of this.#lines(name)) {
      for (let i = from; i < to;) {
        const stop = valueStop(this.#bytes, i, to);
        const start = skipBlanks(this.#bytes, i, stop);
        const end = trimEnd(this.#bytes, start, stop);
        if (end > start) found.push([start, end]);
        if (found.length >= MOST_VALUES) return found;
        i = stop + 1;
      }
    }
    return found;
  }
}

function isNamed(bytes: Buffer, lines: HeaderLines, name: HeaderName): boolean {
  if (name.index >= 0) return lines.index === name.index;
  const length = lines.nameEnd - lines.nameStart;
  if (length !== name.long.length && length !== name.compact.length) return false;
  const sent = textOf(bytes, lines.nameStart, lines.nameEnd).toLowerCase();
  return sent === name.long || (name.compact !== '' && sent === name.compact);
}
