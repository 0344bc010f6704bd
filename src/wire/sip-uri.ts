import { parsed, refused, type Parsed } from '../parsed.ts';
import { hostOf, scanAddress, Parameters as ParameterWalk, scanUri } from './sip-address.ts';
import { secondsOf, skipBlanks, textOf, unquote, userOf } from './sip-text.ts';
import { viaOf, type Via } from './sip-via.ts';

export { decodeUser } from './sip-text.ts';

/** Parameters by lower-case name, percent-decoded nowhere, unquoted; without prototype, for the names come from outside. */
export type Parameters = Readonly<Record<string, string>>;

/** A SIP, SIPS or tel URI (RFC 3261 section 19.1, RFC 3966). */
export interface SipUri {
  readonly scheme: 'sip' | 'sips' | 'tel';
  /** percent-decoded, without password, parameters of the user kept (`1004;phone-context=x`); of tel: the number; '' if none */
  readonly user: string;
  /** lower case, an IPv6 reference without its brackets; '' for tel: */
  readonly host: string;
  /** 0: not given */
  readonly port: number;
  readonly parameters: Parameters;
  /** what follows the `?`, '' if nothing */
  readonly headers: string;
}

/** A name-addr or addr-spec with the parameters of its header (RFC 3261 section 20.10). */
export interface NameAddr {
  /** display name without quotes, '' if none */
  readonly name: string;
  /** the URI as sent, whatever its scheme */
  readonly uri: string;
  readonly user: string;
  readonly host: string;
  /** 0: not given */
  readonly port: number;
  readonly parameters: Parameters;
}

/** One value of a Contact header. */
export interface Contact {
  /** as sent */
  readonly uri: string;
  /** percent-decoded, '' if none */
  readonly user: string;
  /** lower case, without the brackets of IPv6 */
  readonly host: string;
  /** 0: not given */
  readonly port: number;
  /** header parameters */
  readonly params: Record<string, string>;
  /** seconds; null: not given, or not a number */
  readonly expires: number | null;
  /** +sip.instance without its angle brackets (RFC 5626 section 4.1), '' if none */
  readonly instance: string;
}

const MOST_PARAMETERS = 200;

/** The parameters of a range; more than 200 are not read. Of two with one name the last counts. */
export function scanParameters(bytes: Buffer, start: number, end: number): Record<string, string> {
  const all = Object.create(null) as Record<string, string>;
  const walk = new ParameterWalk(bytes, start, end);
  for (let count = 0; count < MOST_PARAMETERS && walk.next(); count++) {
    const text = textOf(bytes, walk.valueStart, walk.valueEnd);
    all[textOf(bytes, walk.nameStart, walk.nameEnd).toLowerCase()] = walk.quoted ? unquote(text) : text;
  }
  return all;
}

/** The Contact between `start` and `end`; what is junk in it comes out empty, the URI as sent. */
export function scanContact(bytes: Buffer, start: number, end: number): Contact {
  const address = scanAddress(bytes, start, end);
  const uri = scanUri(bytes, address.uriStart, address.uriEnd);
  const params = scanParameters(bytes, address.parametersStart, address.end);
  const expires = params['expires'];
  return {
    uri: textOf(bytes, address.uriStart, address.uriEnd),
    user: userOf(bytes, uri.userStart, uri.userEnd),
    host: hostOf(bytes, uri.hostStart, uri.hostEnd),
    port: uri.port,
    params,
    expires: expires === undefined ? null : secondsOf(expires),
    instance: (params['+sip.instance'] ?? '').replace(/^<|>$/g, ''),
  };
}

/** What registering looks at of a Contact. */
export type ContactBinding = Pick<Contact, 'uri' | 'expires' | 'instance'>;

/** These three of `scanContact` at a third of the cost, for REGISTER is what phones and guessers send most. */
export function scanBinding(bytes: Buffer, start: number, end: number): ContactBinding {
  const address = scanAddress(bytes, start, end);
  let expires: number | null = null;
  let instance = '';
  const walk = new ParameterWalk(bytes, address.parametersStart, address.end);
  for (let count = 0; count < MOST_PARAMETERS && walk.next(); count++) {
    const isExpires = walk.is('expires');
    if (!isExpires && !walk.is('+sip.instance')) continue;
    const sent = textOf(bytes, walk.valueStart, walk.valueEnd);
    const text = walk.quoted ? unquote(sent) : sent;
    if (isExpires) expires = secondsOf(text);
    else instance = text.replace(/^<|>$/g, '');
  }
  return { uri: textOf(bytes, address.uriStart, address.uriEnd), expires, instance };
}

/** Reads a SIP, SIPS or tel URI. Refused: other schemes, no host (sip, sips), no number (tel). */
export function parseUri(text: string): Parsed<SipUri> {
  const bytes = Buffer.from(text, 'utf8');
  const span = scanUri(bytes, 0, bytes.length);
  if (span.kind === 'other') return refused('not a sip:, sips: or tel: URI');
  if (span.kind === 'tel' ? span.userEnd <= span.userStart : span.hostEnd <= span.hostStart) {
    return refused(span.kind === 'tel' ? 'tel: URI without a number' : 'URI without a host', bytes.length);
  }
  for (let i = 0; i < bytes.length; i++) {
    if ((bytes[i] ?? 0) <= 32) return refused('white space in a URI', i);
  }
  return parsed({
    scheme: span.kind,
    user: userOf(bytes, span.userStart, span.userEnd),
    host: hostOf(bytes, span.hostStart, span.hostEnd),
    port: span.port,
    parameters: scanParameters(bytes, span.parametersStart, span.parametersEnd),
    headers: textOf(bytes, span.headersStart, span.end),
  });
}

/** Reads the value of From, To, Contact, Route and their like: display name, URI of any scheme, parameters. */
export function parseNameAddr(text: string): Parsed<NameAddr> {
  const bytes = Buffer.from(text, 'utf8');
  const span = scanAddress(bytes, 0, bytes.length);
  if (span.uriEnd <= span.uriStart) return refused('no URI', span.uriStart);
  const uri = scanUri(bytes, span.uriStart, span.uriEnd);
  const quoted = bytes[span.nameStart] === 34 && span.nameEnd > span.nameStart + 1 && bytes[span.nameEnd - 1] === 34;
  return parsed({
    name: quoted
      ? unquote(textOf(bytes, span.nameStart + 1, span.nameEnd - 1))
      : textOf(bytes, span.nameStart, span.nameEnd),
    uri: textOf(bytes, span.uriStart, span.uriEnd),
    user: userOf(bytes, uri.userStart, uri.userEnd),
    host: hostOf(bytes, uri.hostStart, uri.hostEnd),
    port: uri.port,
    parameters: scanParameters(bytes, span.parametersStart, span.end),
  });
}

/** Reads one Via value (RFC 3261 section 20.42), of several the first. */
export function parseVia(text: string): Parsed<Via> {
  const bytes = Buffer.from(text, 'utf8');
  const via = viaOf(bytes, 0, bytes.length);
  return via === null ? refused('not SIP/2.0/transport and a host', skipBlanks(bytes, 0, bytes.length)) : parsed(via);
}
