import type { Millis } from '../model.ts';
import { parsed, refused, type Parsed, type Refused } from '../parsed.ts';

/**
 * ASN.1 in DER, and in BER as far as CMS is sent in it (ITU-T X.690): indefinite lengths and strings in pieces, which `openssl cms`
 * writes. A node knows whether all of it is DER, so that what is signed can be held to that.
 */

/** Identifier octets (X.690 section 8.1.2) as they stand on the wire. */
export const TAG = {
  boolean: 0x01,
  integer: 0x02,
  bitString: 0x03,
  octetString: 0x04,
  null: 0x05,
  oid: 0x06,
  utf8String: 0x0c,
  utcTime: 0x17,
  generalizedTime: 0x18,
  sequence: 0x30,
  set: 0x31,
} as const;

const CONSTRUCTED = 0x20;

/** `[n]`, primitive or constructed. */
export const contextTag = (n: number, constructed = true): number => 0x80 | (constructed ? CONSTRUCTED : 0) | n;

/** Nothing that is read here nests deeper than twenty. */
const MOST_DEPTH = 32;
/** A certificate has about 100, a revocation list three for each certificate. */
const MOST_NODES = 200_000;

/** One value with its tag and length. Offsets are into `source`. */
export interface DerNode {
  readonly source: Buffer;
  /** identifier octet */
  readonly tag: number;
  readonly start: number;
  readonly contentStart: number;
  readonly contentEnd: number;
  readonly end: number;
  /** is every length in it definite and as short as can be, and no string in pieces? */
  readonly der: boolean;
  /** empty for primitive values */
  readonly children: readonly DerNode[];
}

/** Tag, length and content, a view. */
export const wholeOf = (node: DerNode): Buffer => node.source.subarray(node.start, node.end);
/** Content alone, a view. */
export const contentOf = (node: DerNode): Buffer => node.source.subarray(node.contentStart, node.contentEnd);

/** Goes over values without keeping them: are they well formed, where do they end, are they DER? */
class Scanner {
  readonly #source: Buffer;
  #values = 0;
  /** so far */
  der = true;
  fault: Refused | null = null;
  /** of the value whose header was read last */
  #contentStart = 0;

  constructor(source: Buffer) {
    this.#source = source;
  }

  #stop(reason: string, offset: number): -1 {
    this.fault ??= refused(reason, offset);
    return -1;
  }

  /** @returns where the value ends; -1: it is none, and `fault` says why */
  value(start: number, limit: number, depth: number): number {
    if (depth > MOST_DEPTH) return this.#stop('nested too deeply', start);
    if (++this.#values > MOST_NODES) return this.#stop('too many values', start);
    const end = this.#header(start, limit);
    if (end < 0) return end === INDEFINITE ? this.#indefinite(start, limit, depth) : -1;
    const tag = this.#source[start] ?? 0;
    if ((tag & CONSTRUCTED) === 0) return end;
    if (tag === (TAG.octetString | CONSTRUCTED) || tag === (TAG.bitString | CONSTRUCTED)) this.der = false;
    for (let at = this.#contentStart; at < end;) {
      at = this.value(at, end, depth + 1);
      if (at < 0) return -1;
    }
    return end;
  }

  /** The end by the length that is stated; INDEFINITE, or -1 for what is none. */
  #header(start: number, limit: number): number {
    if (start + 2 > limit) return this.#stop('ends within a tag or length', start);
    if (((this.#source[start] ?? 0) & 0x1f) === 0x1f) return this.#stop('a tag above 30', start);
    let length = this.#source[start + 1] ?? 0;
    this.#contentStart = start + 2;
    if (length === 0x80) return INDEFINITE;
    if (length > 0x80) {
      const count = length & 0x7f;
      if (count > 4 || this.#contentStart + count > limit)
        return this.#stop('ends within a length, or is too long', start);
      length = this.#source.readUIntBE(this.#contentStart, count);
      if (length < 0x80 || length < 2 ** (8 * (count - 1))) this.der = false;
      this.#contentStart += count;
    }
    const end = this.#contentStart + length;
    return end > limit ? this.#stop('a value is longer than what holds it', start) : end;
  }

  #indefinite(start: number, limit: number, depth: number): number {
    if (((this.#source[start] ?? 0) & CONSTRUCTED) === 0)
      return this.#stop('an indefinite length on a primitive value', start);
    this.der = false;
    for (let at = start + 2; at >= 0;) {
      if (at + 2 > limit) return this.#stop('no end of an indefinite length', start);
      if (this.#source[at] === 0 && this.#source[at + 1] === 0) return at + 2;
      at = this.value(at, limit, depth + 1);
    }
    return -1;
  }

  /** The node of a value that was found well formed before. */
  node(start: number, limit: number): DerNode {
    const stated = this.#header(start, limit);
    const contentStart = this.#contentStart;
    if (stated >= 0) return new Node(this.#source, start, contentStart, stated, stated);
    const end = this.#indefinite(start, limit, 0);
    return new Node(this.#source, start, contentStart, end - 2, end);
  }
}

/** What `#header` says of an indefinite length. */
const INDEFINITE = -2;

/** A well-formed value. What is in it is looked at when it is asked for: of a certificate that is known nobody asks. */
class Node implements DerNode {
  readonly source: Buffer;
  readonly tag: number;
  readonly start: number;
  readonly contentStart: number;
  readonly contentEnd: number;
  readonly end: number;
  #children: readonly DerNode[] | null = null;

  constructor(source: Buffer, start: number, contentStart: number, contentEnd: number, end: number) {
    this.source = source;
    this.tag = source[start] ?? 0;
    this.start = start;
    this.contentStart = contentStart;
    this.contentEnd = contentEnd;
    this.end = end;
  }

  get der(): boolean {
    const scanner = new Scanner(this.source);
    return scanner.value(this.start, this.end, 0) === this.end && scanner.der;
  }

  get children(): readonly DerNode[] {
    if (this.#children !== null) return this.#children;
    const children: DerNode[] = [];
    if ((this.tag & CONSTRUCTED) !== 0) {
      const scanner = new Scanner(this.source);
      for (let at = this.contentStart; at < this.contentEnd;) {
        const child = scanner.node(at, this.contentEnd);
        children.push(child);
        at = child.end;
      }
    }
    return (this.#children = children);
  }
}

function read(bytes: Uint8Array, wantsDer: boolean): Parsed<DerNode> {
  const source = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const scanner = new Scanner(source);
  const end = scanner.value(0, source.length, 0);
  if (end < 0) return scanner.fault ?? refused('not ASN.1');
  if (end !== source.length) return refused('bytes after the end', end);
  if (wantsDer && !scanner.der) return refused('not DER: a length is indefinite or too long');
  return parsed(scanner.node(0, source.length));
}

/** Reads one value in BER that takes up all of `bytes`. Bounded in depth and number; time linear in the length. */
export const readBer = (bytes: Uint8Array): Parsed<DerNode> => read(bytes, false);

/** The same for what must be DER. */
export const readDer = (bytes: Uint8Array): Parsed<DerNode> => read(bytes, true);

/** The octets of a primitive string or of one in pieces (X.690 section 8.7.3); `tag` is the identifier octet of the primitive form. */
export function octetsOf(node: DerNode, tag: number): Buffer | null {
  if (node.tag === tag) return contentOf(node);
  if (node.tag !== (tag | CONSTRUCTED)) return null;
  const pieces: Buffer[] = [];
  for (const child of node.children) {
    const piece = octetsOf(child, TAG.octetString);
    if (piece === null) return null;
    pieces.push(piece);
  }
  return Buffer.concat(pieces);
}

/**
 * Walks the fields of structures. The first thing that is not as it should be is kept and everything after it comes out empty, so a
 * reader is written without an `if` after each field and asks once, at its end.
 */
export class Faults {
  #first: Refused | null = null;

  get first(): Refused | null {
    return this.#first;
  }

  add(reason: string, at: number): void {
    this.#first ??= refused(reason, at);
  }

  /** The fields of a constructed value; `what` is its name in a refusal. */
  fields(node: DerNode, tag: number, what: string): Fields {
    if (node.tag !== tag) this.add(`${what}: another type`, node.start);
    return new Fields(node.tag === tag ? node.children : [], what, node.start, this);
  }

  /** What was read, or the first thing that was wrong. */
  give<T>(value: T): Parsed<T> {
    return this.#first ?? parsed(value);
  }
}

const NOTHING: DerNode = {
  source: Buffer.alloc(0),
  tag: 0,
  start: 0,
  contentStart: 0,
  contentEnd: 0,
  end: 0,
  der: true,
  children: [],
};

export class Fields {
  readonly #nodes: readonly DerNode[];
  readonly #what: string;
  readonly #start: number;
  readonly #faults: Faults;
  #at = 0;

  constructor(nodes: readonly DerNode[], what: string, start: number, faults: Faults) {
    this.#nodes = nodes;
    this.#what = what;
    this.#start = start;
    this.#faults = faults;
  }

  /** The next field, whatever it is; null at the end. */
  any(): DerNode | null {
    const node = this.#nodes[this.#at];
    if (node === undefined) return null;
    this.#at++;
    return node;
  }

  /** The next field, if it has one of these tags. */
  optional(...tags: readonly number[]): DerNode | null {
    const node = this.#nodes[this.#at];
    return node !== undefined && tags.includes(node.tag) ? this.any() : null;
  }

  /** The next field, which must have one of these tags. */
  take(...tags: readonly number[]): DerNode {
    const node = this.optional(...tags);
    if (node !== null) return node;
    this.#faults.add(
      `${this.#what}: a field is missing or of another type`,
      this.#nodes[this.#at]?.start ?? this.#start,
    );
    return NOTHING;
  }

  /** Fields of the next field. */
  open(tag: number, what = this.#what): Fields {
    const node = this.take(tag);
    return new Fields(node.children, what, node.start, this.#faults);
  }

  /** The one field within the next field, `[n] EXPLICIT`. */
  explicit(n: number): DerNode | null {
    const node = this.optional(contextTag(n));
    if (node === null) return null;
    const [inner] = node.children;
    if (inner === undefined || node.children.length !== 1) {
      this.#faults.add(`${this.#what}: [${n}] holds not one value`, node.start);
      return NOTHING;
    }
    return inner;
  }

  /** All further fields. */
  rest(): readonly DerNode[] {
    const rest = this.#nodes.slice(this.#at);
    this.#at = this.#nodes.length;
    return rest;
  }

  /** Nothing more may follow. */
  end(): void {
    const node = this.#nodes[this.#at];
    if (node !== undefined) this.#faults.add(`${this.#what}: a field too many`, node.start);
  }

  /** Content of an OBJECT IDENTIFIER in hex, as `oid` gives it. */
  oid(): string {
    return contentOf(this.take(TAG.oid)).toString('hex');
  }

  /** Content of an INTEGER of the shortest form (X.690 section 8.3.2). */
  integer(): Buffer {
    const node = this.take(TAG.integer);
    const content = contentOf(node);
    if (!isShortest(content))
      this.#faults.add(`${this.#what}: an integer that is not of the shortest form`, node.start);
    return content;
  }

  /** An INTEGER from 0 to 2^31-1. */
  small(): number {
    const content = this.integer();
    if (content.length > 4 || (content[0] ?? 0) > 127) {
      this.#faults.add(`${this.#what}: a number out of its range`, this.#start);
      return 0;
    }
    return content.length === 0 ? 0 : content.readUIntBE(0, content.length);
  }

  /** A BIT STRING of whole octets, without the count of unused bits. */
  bits(): Buffer {
    const content = contentOf(this.take(TAG.bitString));
    if (content[0] !== 0) this.#faults.add(`${this.#what}: a bit string that is not of whole octets`, this.#start);
    return content.subarray(1);
  }
}

const isShortest = (content: Buffer): boolean => {
  const [first = 0, second = 0] = content;
  if (content.length < 2) return content.length === 1;
  return !((first === 0 && second < 128) || (first === 255 && second >= 128));
};

/** UTCTime or GeneralizedTime as RFC 5280 section 4.1.2.5 has them: with seconds, in UTC, without fractions; null for others. */
export function timeOf(node: DerNode): Millis | null {
  const text = contentOf(node).toString('latin1');
  const form = node.tag === TAG.utcTime ? /^(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)Z$/ : GENERALIZED;
  if (node.tag !== TAG.utcTime && node.tag !== TAG.generalizedTime) return null;
  const found = form.exec(text);
  if (found === null) return null;
  const [short = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0] = found.slice(1).map(Number);
  const year = node.tag === TAG.utcTime ? short + (short < 50 ? 2000 : 1900) : short;
  const at = new Date(0);
  at.setUTCFullYear(year, month - 1, day);
  at.setUTCHours(hour, minute, second);
  const same = at.getUTCMonth() === month - 1 && at.getUTCDate() === day && at.getUTCHours() === hour;
  return same && at.getUTCMinutes() === minute && at.getUTCSeconds() === second ? at.getTime() : null;
}
const GENERALIZED = /^(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)Z$/;

/** Content of an OBJECT IDENTIFIER in hex, from its dotted form: what nodes are compared with. */
export function oid(dotted: string): string {
  const [first = 0, second = 0, ...arcs] = dotted.split('.').map(Number);
  const bytes: number[] = [];
  for (const arc of [first * 40 + second, ...arcs]) {
    const groups = [arc % 128];
    for (let rest = Math.floor(arc / 128); rest > 0; rest = Math.floor(rest / 128)) groups.unshift((rest % 128) | 128);
    bytes.push(...groups);
  }
  return Buffer.from(bytes).toString('hex');
}

// Writing: each function gives one whole value.

/** Tag and shortest length of a value whose content has so many octets. */
function derHeader(tag: number, length: number): Buffer {
  if (length < 0x80) {
    const short = Buffer.allocUnsafe(2);
    short[0] = tag;
    short[1] = length;
    return short;
  }
  let size = 0;
  for (let rest = length; rest > 0; rest = Math.floor(rest / 256)) size++;
  const header = Buffer.allocUnsafe(2 + size);
  header[0] = tag;
  header[1] = 0x80 | size;
  header.writeUIntBE(length, 2, size);
  return header;
}

/** A value in pieces: what is wrapped several times is copied once, when all of it is joined. */
export function derPieces(tag: number, content: readonly Uint8Array[]): Uint8Array[] {
  let length = 0;
  for (const part of content) length += part.length;
  return [derHeader(tag, length), ...content];
}

/** Tag, shortest length, content. */
export const derValue = (tag: number, ...content: readonly Uint8Array[]): Buffer =>
  Buffer.concat(derPieces(tag, content));

export const derSequence = (...parts: readonly Uint8Array[]): Buffer => derValue(TAG.sequence, ...parts);
/** SET OF: its members in the order of their encodings (X.690 section 11.6). */
export const derSetOf = (...parts: readonly Uint8Array[]): Buffer => derValue(TAG.set, ...inSetOrder(parts));
export const inSetOrder = (parts: readonly Uint8Array[]): readonly Uint8Array[] =>
  parts.length < 2 ? parts : [...parts].sort((a, b) => Buffer.compare(a, b));
/** Each is one of ours, so there are few: made once. */
const oids = new Map<string, Buffer>();
export function derOid(hex: string): Buffer {
  let value = oids.get(hex);
  if (value === undefined) oids.set(hex, (value = derValue(TAG.oid, Buffer.from(hex, 'hex'))));
  return value;
}
export const derOctets = (bytes: Uint8Array): Buffer => derValue(TAG.octetString, bytes);
export const derNull = (): Buffer => derValue(TAG.null);
/** From 0 to 255. */
export const derSmall = (n: number): Buffer => SMALL[n] ?? derValue(TAG.integer, Buffer.from(n > 127 ? [0, n] : [n]));
/** Versions: no message is without. */
const SMALL = [0, 1, 2, 3].map((n) => derValue(TAG.integer, Buffer.from([n])));
/** An INTEGER by its content, as `Fields.integer` gives it. */
export const derInteger = (content: Uint8Array): Buffer => derValue(TAG.integer, content);
export const derContext = (n: number, ...content: readonly Uint8Array[]): Buffer => derValue(contextTag(n), ...content);

/** The last time that was written: messages of one second have the same. */
let written: { readonly second: number; readonly der: Buffer } = { second: NaN, der: Buffer.alloc(0) };

/** UTCTime before 2050, else GeneralizedTime (RFC 5280 section 4.1.2.5). */
export function derTime(at: Millis): Buffer {
  const second = Math.floor(at / 1000);
  if (written.second !== second) written = { second, der: timeValue(at) };
  return written.der;
}

function timeValue(at: Millis): Buffer {
  const digits = new Date(at).toISOString().replace(/\.\d+|[^\d]/g, '');
  const year = Number(digits.slice(0, 4));
  return year >= 1950 && year < 2050
    ? derValue(TAG.utcTime, Buffer.from(`${digits.slice(2)}Z`))
    : derValue(TAG.generalizedTime, Buffer.from(`${digits}Z`));
}
