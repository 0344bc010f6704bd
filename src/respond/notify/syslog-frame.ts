import type { Millis, Severity } from '../../model.ts';
import { iso } from '../../time.ts';

/** RFC 5424 section 6.2.1. */
const LEVEL: Readonly<Record<Severity, number>> = { info: 6, low: 5, medium: 4, high: 3, critical: 2 };

export interface SyslogMessage {
  readonly facility: number;
  readonly severity: Severity;
  readonly at: Millis;
  readonly host: string;
  readonly process: string;
  /** what kind of message: the detector's name */
  readonly kind: string;
  readonly text: string;
}

/** A header field: printable US-ASCII without blanks, NILVALUE for nothing. */
const field = (text: string, most: number): string => text.replace(/[^\x21-\x7e]/g, '?').slice(0, most) || '-';

/** What RFC 5424 section 6.4 wants before a text that is UTF-8; plain ASCII needs none, and programs trip over it. */
const BOM = '\ufeff';

/** Bytes that a message may have. */
export const SYSLOG_LIMIT = { udp: 2_048, tcp: 8_192, tls: 8_192 } as const;

/**
 * A message of RFC 5424, cut to `limit` bytes at a character's end: RFC 5426 section 3.2 wants 2048 of a
 * UDP receiver, RFC 5425 section 4.3.1 8192 of one by TLS. There is no structured data: an SD-ID of one's own takes an
 * enterprise number.
 */
export function syslogMessage(message: SyslogMessage, limit: number): Buffer {
  const { facility, severity, at, host, process, kind, text } = message;
  const header = `<${facility * 8 + LEVEL[severity]}>1 ${iso(at)} ${field(host, 255)} ringfence ${field(process, 128)} ${field(kind, 32)} - `;
  const line = oneLine(text);
  const head = Buffer.from(header + (/^[\x20-\x7e]*$/.test(line) ? '' : BOM));
  const body = Buffer.from(line);
  return Buffer.concat([head, body.subarray(0, end(body, Math.max(0, limit - head.length)))]);
}

/** A receiver that frames by line feeds must not see one within a message, and a terminal no control characters. */
const oneLine = (text: string): string => text.replace(/[\p{Cc}\u2028\u2029\ufeff]/gu, ' ');

/** The last place at or before `most` where a character of UTF-8 ends. */
function end(bytes: Buffer, most: number): number {
  if (bytes.length <= most) return bytes.length;
  let at = most;
  while (at > 0 && ((bytes[at] ?? 0) & 0xc0) === 0x80) at--;
  return at;
}

/** Octet counting (RFC 6587 section 3.4.1, RFC 5425 section 4.3): the length in bytes, a blank, the message. */
export const octetCounted = (message: Buffer): Buffer => Buffer.concat([Buffer.from(`${message.length} `), message]);
