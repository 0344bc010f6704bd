import { parsed, refused, type Parsed } from '../parsed.ts';

export type AmiEntry = readonly [name: string, value: string];

const sameName = (a: string, b: string): boolean =>
  a === b || (a.length === b.length && a.toLowerCase() === b.toLowerCase());

/**
 * One message of the Asterisk Manager Interface: headers in the order in which they came, looked up whatever their case.
 * Entries are a list, never an object's keys, so that a header called `__proto__` or `constructor` is a header like others.
 * A line without a colon (some old actions answer with plain text) stands under the name ''.
 */
export class AmiMessage {
  readonly entries: readonly AmiEntry[];
  /** By the first header called Event or Response: a UserEvent may carry anything in those after it. */
  readonly kind: 'event' | 'response' | 'other';
  /** The event's name, or the response's status (Success, Error, Goodbye, Follows); '' for other messages. */
  readonly name: string;

  constructor(entries: readonly AmiEntry[]) {
    this.entries = entries;
    for (const [name, value] of entries) {
      const kind = sameName(name, 'Event') ? 'event' : sameName(name, 'Response') ? 'response' : null;
      if (kind === null) continue;
      this.kind = kind;
      this.name = value;
      return;
    }
    this.kind = 'other';
    this.name = '';
  }

  /** Value of the first header of that name; null: there is none. */
  get(name: string): string | null {
    for (const entry of this.entries) if (sameName(entry[0], name)) return entry[1];
    return null;
  }

  /** Values of every header of that name, in order: `Output` of a command, `ChanVariable`, `Variable`. */
  all(name: string): string[] {
    const values: string[] = [];
    for (const entry of this.entries) if (sameName(entry[0], name)) values.push(entry[1]);
    return values;
  }

  /**
   * Channel variables (manager.conf `channelvars`): `ChanVariable: NAME=VALUE`, before Asterisk 12
   * `ChanVariable(PJSIP/100-00000001): NAME=VALUE`. `prefix` chooses the channel where an event tells of several:
   * `Dest` for DestChanVariable. The first of a name counts. Names are as in the dialplan, case kept.
   */
  variables(prefix = ''): Map<string, string> {
    const wanted = `${prefix}ChanVariable`.toLowerCase();
    const found = new Map<string, string>();
    for (const [name, value] of this.entries) {
      const lower = name.toLowerCase();
      if (lower !== wanted && !lower.startsWith(`${wanted}(`)) continue;
      const equals = value.indexOf('=');
      if (equals > 0 && !found.has(value.slice(0, equals))) found.set(value.slice(0, equals), value.slice(equals + 1));
    }
    return found;
  }

  /** For logs and recordings in JSON: a list of pairs, for names repeat. */
  toJSON(): readonly AmiEntry[] {
    return this.entries;
  }
}

/** Bytes of one line without its CRLF. Asterisk takes 1,022 and cuts or refuses the rest, so this stays below. */
export const AMI_LINE_LIMIT = 1_000;
/** Lines of one action. Asterisk takes 128 and refuses the message above that. */
export const AMI_HEADER_LIMIT = 120;

/** RFC 3261's token, which is what every header of every action keeps to. */
const TOKEN = /^[\w.!%*+`'~-]+$/;

function refusal(name: string, value: string): string | null {
  if (!TOKEN.test(name)) return `"${name}" cannot be the name of an AMI header`;
  for (let i = 0; i < value.length; i++) {
    const c = value.charCodeAt(i);
    if (c === 10 || c === 13 || c === 0) return `the value of ${name} contains CR, LF or NUL`;
  }
  if (value !== '' && value.charCodeAt(0) <= 32)
    return `the value of ${name} begins with a blank, which Asterisk strips`;
  return null;
}

/**
 * Bytes of an AMI action: `Action`, then `ActionID` (second, so that Asterisk's answer names it even when it refuses a later
 * line), then the headers in their order, which UpdateConfig and the like depend on. What Asterisk would cut, strip or take
 * for another header is refused, because it would be stored or done differently from what was asked.
 */
export function encodeAmiAction(
  name: string,
  headers: readonly (readonly [string, string])[],
  actionId: string,
): Parsed<Buffer> {
  if (name === '') return refused('an AMI action needs a name');
  if (actionId === '') return refused('an AMI action needs an ActionID');
  if (headers.length + 2 > AMI_HEADER_LIMIT)
    return refused(`an AMI action of ${headers.length + 2} headers; the limit is ${AMI_HEADER_LIMIT}`);
  for (const [header] of headers)
    if (sameName(header, 'Action') || sameName(header, 'ActionID')) return refused(`a second ${header} header`);
  let text = '';
  for (const [header, value] of [['Action', name] as const, ['ActionID', actionId] as const, ...headers]) {
    const problem = refusal(header, value);
    if (problem !== null) return refused(problem);
    const line = `${header}: ${value}`;
    const length = Buffer.byteLength(line);
    if (length > AMI_LINE_LIMIT)
      return refused(`the line of ${header} is ${length} bytes long; the limit is ${AMI_LINE_LIMIT}`);
    text += `${line}\r\n`;
  }
  const bytes = Buffer.from(`${text}\r\n`);
  // A lone surrogate has no UTF-8 and would arrive as another character.
  if (bytes.toString() !== `${text}\r\n`) return refused('a value is not well-formed Unicode');
  return parsed(bytes);
}
