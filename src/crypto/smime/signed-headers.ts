import type { Millis } from '../../model.ts';
import { parsed, refused, type Parsed } from '../../parsed.ts';
import { headerName, HeaderLines } from '../../wire/sip-lines.ts';
import type { SipMessage } from '../../wire/sip.ts';
import { scanStartLine } from '../../wire/sip-start-line.ts';
import { skipBlanks, textOf, trimEnd } from '../../wire/sip-text.ts';
import { parseNameAddr, parseUri } from '../../wire/sip-uri.ts';
import { entityOf, multipart, readEntity, readParts, type Entity } from './mime.ts';

/**
 * The headers of a SIP message that are signed beside its body (RFC 3261 section 23.4.2): message/sipfrag in a multipart/mixed, as in
 * an authenticated identity body (RFC 3893). A sipfrag with the body in it (RFC 3420) and message/sip (RFC 3853) are read too.
 */

/** Long names. All but Contact, which proxies rewrite, must be there and as in the message. */
const COMPARED = ['to', 'from', 'call-id', 'cseq', 'date'] as const;
const CONTACT = 'contact';

/** Values by long name. */
export type SignedHeaders = ReadonlyMap<string, string>;

/** What was signed: the body part beside the headers (null: none) and the headers (null: none were signed). */
export interface SignedContent {
  readonly body: Entity | null;
  readonly headers: SignedHeaders | null;
}

/** Body and headers as one part to be signed. `date` is the value of the Date header, which the message may not have yet. */
export function withHeaders(message: SipMessage, body: Entity | null, date: string): Entity {
  const lines = [
    ['From', message.header('from')],
    ['To', message.header('to')],
    ['Call-ID', message.header('call-id')],
    ['CSeq', message.header('cseq')],
    ['Date', date],
    ['Contact', message.header(CONTACT)],
  ] as const;
  const text = lines.flatMap(([name, value]) => (value === null ? [] : [`${name}: ${value}\r\n`])).join('');
  const type = ['Content-Type', 'message/sipfrag'] as const;
  const fragment = entityOf([type, ['Content-Disposition', 'aib; handling=optional']], Buffer.from(text));
  return body === null ? fragment : multipart('multipart/mixed', [body.raw, fragment.raw]);
}

const isFragment = (entity: Entity): boolean => ['message/sipfrag', 'message/sip'].includes(entity.media.type);

/** Takes apart what was signed. Refused: two sets of headers, a body in more than one part beside them. */
export function signedContentOf(entity: Entity): Parsed<SignedContent> {
  if (isFragment(entity)) return fragmentOf(entity);
  if (entity.media.type !== 'multipart/mixed') return parsed({ body: entity, headers: null });
  const parts = readParts(entity);
  if (!parts.ok) return parts;
  const entities: Entity[] = [];
  for (const part of parts.value) {
    const read = readEntity(part);
    if (!read.ok) return read;
    entities.push(read.value);
  }
  const fragments = entities.filter(isFragment);
  const bodies = entities.filter((part) => !isFragment(part));
  const [fragment] = fragments;
  if (fragment === undefined) return parsed({ body: entity, headers: null });
  if (fragments.length > 1 || bodies.length > 1)
    return refused('SIP: several bodies or several sets of headers are signed');
  const content = fragmentOf(fragment);
  if (!content.ok || bodies.length === 0) return content;
  if (content.value.body !== null) return refused('SIP: several bodies are signed');
  return parsed({ body: bodies[0] ?? null, headers: content.value.headers });
}

/** Headers, and body if it has one, of message/sipfrag or message/sip. */
function fragmentOf(entity: Entity): Parsed<SignedContent> {
  const bytes = entity.body;
  const start = scanStartLine(bytes, 0);
  const from = start.ok ? start.value.next : 0;
  const lines = new HeaderLines(bytes, from);
  const headers = new Map<string, string>();
  const content: (readonly [string, string])[] = [];
  while (lines.next()) {
    const { long } = headerName(textOf(bytes, lines.nameStart, lines.nameEnd));
    const begin = skipBlanks(bytes, lines.valueStart, lines.valueEnd);
    const text = textOf(bytes, begin, trimEnd(bytes, begin, lines.valueEnd));
    const counts = (COMPARED as readonly string[]).includes(long) || long.startsWith('content-');
    if (counts && headers.has(long)) return refused(`SIP: header ${long} is signed twice`);
    if (!headers.has(long)) headers.set(long, text);
    if (long.startsWith('content-') && long !== 'content-length') content.push([long, text]);
  }
  if (lines.fault !== '') return refused(`SIP: signed headers: ${lines.fault}`, lines.at);
  const rest = bytes.subarray(lines.body);
  const body = headers.has('content-type') ? entityOf(content, rest) : null;
  return parsed({ body, headers });
}

/** What the message says, where the caller knows better than its headers (a secret call's box). */
export interface OuterHeaders {
  readonly from?: string;
  readonly to?: string;
}

/** null: the signed headers are those of the message; else the name of the first that is missing or differs. */
export function differingHeader(signed: SignedHeaders, message: SipMessage, outer: OuterHeaders): string | null {
  for (const name of COMPARED) {
    const inner = signed.get(name);
    const sent = (name === 'from' || name === 'to' ? outer[name] : undefined) ?? message.header(name);
    if (inner === undefined || sent === null) return name;
    if (inner === sent) continue;
    const same = name === 'from' || name === 'to' ? sameAddress(inner, sent) : sameText(inner, sent);
    if (!same) return name;
  }
  return null;
}

/** Did a proxy rewrite Contact? false where none is signed. */
export const contactDiffers = (signed: SignedHeaders, message: SipMessage): boolean => {
  const inner = signed.get(CONTACT);
  return inner !== undefined && inner !== (message.header(CONTACT) ?? '');
};

const sameText = (a: string, b: string): boolean => a.replace(/\s+/g, ' ') === b.replace(/\s+/g, ' ');

/** Display name, user, host, port, URI parameters and tag alike (a changed display name is what callees are fooled with). */
function sameAddress(a: string, b: string): boolean {
  const one = parseNameAddr(a);
  const other = parseNameAddr(b);
  if (!one.ok || !other.ok) return false;
  return canonical(one.value) === canonical(other.value);
}

function canonical(address: {
  readonly name: string;
  readonly uri: string;
  readonly parameters: Readonly<Record<string, string>>;
}): string {
  // prettier-ignore
  const uri = parseUri(address.uri);
  const where = uri.ok
    ? [
        uri.value.scheme,
        uri.value.user,
        uri.value.host,
        uri.value.port,
        sorted(uri.value.parameters),
        uri.value.headers,
      ]
    : [address.uri];
  return JSON.stringify([address.name, where, sorted(address.parameters)]);
}

const sorted = (parameters: Readonly<Record<string, string>>): (readonly [string, string])[] =>
  Object.entries(parameters).sort(([a], [b]) => (a < b ? -1 : 1));

/** Address of record of a name-addr or URI, `user@host`, host in lower case; '' for what is no SIP URI with a user. */
export function aorOf(text: string): string {
  const address = parseNameAddr(text);
  const uri = address.ok ? parseUri(address.value.uri) : address;
  if (!uri.ok || uri.value.scheme === 'tel' || uri.value.user === '') return '';
  return `${uri.value.user}@${uri.value.host}`;
}

/** A Date header (RFC 3261 section 20.17) in epoch milliseconds; null for what is none. */
export function dateOf(text: string | null): Millis | null {
  if (text === null || !/^[A-Z][a-z]{2}, \d{2} [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d GMT$/.test(text)) return null;
  const at = Date.parse(text);
  return Number.isNaN(at) ? null : at;
}

/** The last Date that was written: messages of one second have the same. */
let written = { second: NaN, text: '' };

/** The value of a Date header. */
export function dateText(at: Millis): string {
  const second = Math.floor(at / 1000);
  if (written.second !== second) written = { second, text: new Date(at).toUTCString() };
  return written.text;
}
