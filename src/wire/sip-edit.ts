import { parsed, refused, type Parsed } from '../parsed.ts';
import { headerName, HeaderLines } from './sip-lines.ts';
import { scanStartLine } from './sip-start-line.ts';
import { isBlank, textOf } from './sip-text.ts';

/** What is to be changed of a SIP message. Names in any case, long or compact; both forms of a name are one header. */
export interface SipChanges {
  /** headers to be taken out, every line of them */
  readonly remove?: readonly string[];
  /** headers to be given these values: the first line of each is replaced in its place, further ones go, a new one comes last */
  readonly set?: readonly (readonly [name: string, value: string])[];
  /** the new body; Content-Length follows */
  readonly body?: Uint8Array;
}

/** token of RFC 3261 section 25.1 */
const TOKEN = /^[A-Za-z0-9\-.!%*_+`'~]+$/;
// eslint-disable-next-line no-control-regex -- a line end in a value would be a header more
const CONTROL = /[\u0000-\u0008\u000a-\u001f\u007f]/;

interface Wanted {
  readonly name: string;
  readonly value: string;
  written: boolean;
}

/**
 * Changes headers and body of a SIP message and leaves every other byte as it came, as a proxy must (RFC 3261 section 16.6).
 * Refused: what is no SIP message, a name that is no token, a value with control characters (it would be more than one header).
 */
export function editSip(bytes: Buffer, changes: SipChanges): Parsed<Buffer> {
  let at = 0;
  while (at < bytes.length && (isBlank(bytes[at]) || bytes[at] === 0)) at++;
  const start = scanStartLine(bytes, at);
  if (!start.ok) return start;
  const wanted = new Map<string, Wanted>();
  for (const [name, value] of changes.set ?? []) {
    if (!TOKEN.test(name)) return refused(`"${name}" is no header name`);
    if (CONTROL.test(value)) return refused(`the value of ${name} has a control character`);
    wanted.set(headerName(name).long, { name, value, written: false });
  }
  if (changes.body !== undefined)
    wanted.set('content-length', { name: 'Content-Length', value: String(changes.body.length), written: false });
  const gone = new Set((changes.remove ?? []).map((name) => headerName(name).long));
  const parts: Uint8Array[] = [];
  const lines = new HeaderLines(bytes, start.value.next);
  let copied = at;
  let headersEnd = start.value.next;
  while (lines.next()) {
    const long = headerName(textOf(bytes, lines.nameStart, lines.nameEnd)).long;
    headersEnd = lines.at;
    const change = wanted.get(long);
    if (change === undefined && !gone.has(long)) continue;
    parts.push(bytes.subarray(copied, lines.nameStart));
    if (change?.written === false) {
      parts.push(lineOf(change));
      change.written = true;
    }
    copied = lines.at;
  }
  if (lines.fault !== '') return refused(lines.fault, lines.at);
  parts.push(bytes.subarray(copied, headersEnd));
  // the last line may end with the message itself
  if (bytes[headersEnd - 1] !== 10 && bytes[headersEnd - 1] !== 13) parts.push(CRLF);
  for (const change of wanted.values()) if (!change.written) parts.push(lineOf(change));
  if (changes.body === undefined && lines.body > headersEnd) parts.push(bytes.subarray(headersEnd));
  else parts.push(CRLF, changes.body ?? bytes.subarray(lines.body));
  return parsed(Buffer.concat(parts));
}

const CRLF = Buffer.from('\r\n');
const lineOf = ({ name, value }: Wanted): Buffer => Buffer.from(`${name}: ${value}\r\n`, 'utf8');
