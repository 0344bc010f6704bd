import { parsed, refused, type Parsed } from '../parsed.ts';
import { HEADER, HeaderLines, MOST_HEADER_BYTES } from './sip-lines.ts';
import { SipMessage } from './sip-message.ts';
import { scanStartLine, type StartLine } from './sip-start-line.ts';
import { isBlank, numberOf, skipBlanks, trimEnd } from './sip-text.ts';

export { SipMessage } from './sip-message.ts';
export type { Challenge, Credentials } from './digest.ts';
export type { Via } from './sip-via.ts';
export {
  decodeUser,
  parseNameAddr,
  parseUri,
  parseVia,
  type Contact,
  type NameAddr,
  type Parameters,
  type SipUri,
} from './sip-uri.ts';

/** Why a datagram of nothing but line ends, blanks or NULs is refused: a keep-alive (RFC 5626 section 4.4.1), no attack. */
export const KEEP_ALIVE = 'keep-alive, no message';

const MOST_CSEQ = 2 ** 32 - 1;

/**
 * Reads one SIP message: a datagram, or what a stream's framing gave. It takes what Asterisk or Kamailio would answer, and
 * more, because a message that is refused is told as malformed and judged no further: line ends of any kind, blanks
 * and line ends before the start line, repeated headers, missing tags, junk in addresses, no empty line after the headers.
 *
 * Refused, with the offset where it was noticed: a start line that is not SIP/2.0 or has blanks in its URI; a status outside
 * 100 to 699; a header line without name or colon; headers of more than 65,535 bytes; From, To, Call-ID, CSeq or Via
 * missing, an empty Call-ID; a CSeq without method or above 2^32-1; a Content-Length that is not a number.
 * Time is linear in the size of the headers.
 */
export function parseSip(bytes: Buffer): Parsed<SipMessage> {
  let at = 0;
  while (at < bytes.length && (isBlank(bytes[at]) || bytes[at] === 0)) at++;
  if (at >= bytes.length) return refused(KEEP_ALIVE, at);
  const start = scanStartLine(bytes, at);
  if (!start.ok) return start;
  if (start.value.next - at > MOST_HEADER_BYTES) return refused('start line longer than 65535 bytes', at);
  const lines = new HeaderLines(bytes, start.value.next);
  const spans = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
  let seen = 0;
  let repeated = 0;
  while (lines.next()) {
    const index = lines.index;
    if (index < 0) continue;
    const bit = 1 << index;
    if ((seen & bit) !== 0) {
      repeated |= bit;
      continue;
    }
    seen |= bit;
    const from = skipBlanks(bytes, lines.valueStart, lines.valueEnd);
    spans[2 * index] = from;
    spans[2 * index + 1] = trimEnd(bytes, from, lines.valueEnd);
  }
  if (lines.fault !== '') return refused(lines.fault, lines.at);
  return checked(bytes, start.value, lines, spans, seen, repeated);
}

const MANDATORY = [
  ['Via', HEADER.via],
  ['From', HEADER.from],
  ['To', HEADER.to],
  ['Call-ID', HEADER.callId],
  ['CSeq', HEADER.cseq],
] as const;
const ALL_MANDATORY = MANDATORY.reduce((bits, [, index]) => bits | (1 << index), 0);

function checked(
  bytes: Buffer,
  start: StartLine,
  lines: HeaderLines,
  spans: readonly number[],
  seen: number,
  repeated: number,
): Parsed<SipMessage> {
  const { body, plain } = lines;
  if ((seen & ALL_MANDATORY) !== ALL_MANDATORY) {
    for (const [name, index] of MANDATORY) if ((seen & (1 << index)) === 0) return refused(`no ${name} header`, body);
  }
  const span = (index: number, side: 0 | 1): number => spans[2 * index + side] ?? 0;
  if (span(HEADER.callId, 0) >= span(HEADER.callId, 1)) return refused('empty Call-ID', span(HEADER.callId, 0));
  const cseqStart = span(HEADER.cseq, 0);
  const cseqEnd = span(HEADER.cseq, 1);
  let digits = cseqStart;
  while (digits < cseqEnd && (bytes[digits] ?? 0) >= 48 && (bytes[digits] ?? 0) <= 57) digits++;
  const cseq = numberOf(bytes, cseqStart, digits, MOST_CSEQ);
  if (cseq < 0) return refused('CSeq is not a number from 0 to 2^32-1', cseqStart);
  const methodStart = skipBlanks(bytes, digits, cseqEnd);
  if (methodStart >= cseqEnd) return refused('CSeq without a method', methodStart);
  let contentLength: number | null = null;
  if ((seen & (1 << HEADER.contentLength)) !== 0) {
    const from = span(HEADER.contentLength, 0);
    contentLength = numberOf(bytes, from, span(HEADER.contentLength, 1), MOST_CSEQ);
    if (contentLength < 0) return refused('Content-Length is not a number', from);
  }
  return parsed(new SipMessage({ bytes, start, spans, repeated, plain, body, cseq, contentLength }));
}
