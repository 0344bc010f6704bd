import { createHash } from 'node:crypto';
import type { Millis } from '../model.ts';

/** A value that JSON can say. Members that are undefined are left out. */
export type Json = null | boolean | number | string | readonly Json[] | JsonObject;
export type JsonObject = Readonly<Partial<{ [name: string]: Json }>>;

/** What happened, as it is told to the audit trail (docs/audit-trail.md lists the actions). No secret, no key, ever. */
export interface AuditEntry {
  /** who: `rule:<detector>`, a person (`hand:<name>`), `settings`, or `ringfence` itself */
  readonly actor: string;
  /** what, by a name of two words: `decision.made`, `enforce.done`, `key.pushed` */
  readonly action: string;
  /** to whom or what: `address/203.0.113.7`, an account, an incident */
  readonly target: string;
  /** ids of what it rests on: incident, evidence, decision */
  readonly evidence?: readonly string[];
  readonly details?: JsonObject;
}

/** A link of the chain as the store has it: texts, so that what was edited is seen as it is. */
export interface AuditRow {
  readonly seq: number;
  readonly at: Millis;
  readonly actor: string;
  readonly action: string;
  readonly target: string;
  /** JSON list */
  readonly evidence: string;
  /** canonical JSON object */
  readonly details: string;
  readonly previous: string;
  readonly hash: string;
}

/** A record as it is exported, one JSON object a line. */
export interface AuditRecord {
  readonly seq: number;
  /** UTC, ISO 8601 with milliseconds */
  readonly at: string;
  readonly actor: string;
  readonly action: string;
  readonly target: string;
  readonly evidence: readonly string[];
  readonly details: JsonObject;
  /** `hash` of the record before; 64 zeros before the first */
  readonly previous: string;
  /** SHA-256, hex, of the record without this member as canonical JSON */
  readonly hash: string;
}

/** A place in the chain that somebody can remember. */
export interface AuditHead {
  readonly seq: number;
  readonly hash: string;
}

/** Before the first record. */
export const GENESIS: AuditHead = { seq: 0, hash: '0'.repeat(64) };

/** `SEQ:HASH`, what `audit verify` prints and takes. */
export const headText = ({ seq, hash }: AuditHead): string => `${seq}:${hash}`;

/** null: not a head. */
export function readHead(text: string): AuditHead | null {
  const [, seq, hash] = /^(\d{1,15}):([0-9a-f]{64})$/.exec(text.trim()) ?? [];
  return seq === undefined || hash === undefined ? null : { seq: Number(seq), hash };
}

/** What UTF-8 cannot say (half a surrogate pair) becomes U+FFFD, as it would on its way through the store. */
const wellFormed = (text: string): string => (/[\ud800-\udfff]/.test(text) ? Buffer.from(text).toString() : text);

/** JSON that has one form only (RFC 8785): members sorted by UTF-16, no space, numbers and strings as ECMAScript writes them. */
export function canonicalJson(value: Json): string {
  if (typeof value === 'string') return JSON.stringify(wellFormed(value));
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  if (Array.isArray(value)) return `[${(value as readonly Json[]).map(canonicalJson).join(',')}]`;
  const members = Object.entries(value as Readonly<Record<string, Json | undefined>>)
    .filter((member): member is [string, Json] => member[1] !== undefined)
    .toSorted(([a], [b]) => (a < b ? -1 : 1));
  return `{${members.map(([name, member]) => `${canonicalJson(name)}:${canonicalJson(member)}`).join(',')}}`;
}

/** Hash of a record: SHA-256 of its canonical JSON without `hash`. */
export const hashOf = ({ seq, at, actor, action, target, evidence, details, previous }: Omit<AuditRecord, 'hash'>) =>
  createHash('sha256')
    .update(canonicalJson({ seq, at, actor, action, target, evidence, details, previous }))
    .digest('hex');

/** What comes after `head`. */
export function nextRow(head: AuditHead, at: Millis, entry: AuditEntry): AuditRow {
  const { actor, action, target, evidence = [], details = {} } = entry;
  const seq = head.seq + 1;
  const listed = evidence.map(wellFormed);
  const written = canonicalJson(details);
  const plain = {
    ...{ seq, at: new Date(at).toISOString(), actor: wellFormed(actor), action, target: wellFormed(target) },
    ...{ evidence: listed, details: JSON.parse(written) as AuditRecord['details'], previous: head.hash },
  };
  return {
    ...{ seq, at, actor: plain.actor, action: plain.action, target: plain.target },
    ...{ evidence: JSON.stringify(listed), details: written, previous: head.hash, hash: hashOf(plain) },
  };
}

/** A row as a record; null: its texts are not what nextRow writes, so somebody edited them. */
export function recordOf(row: AuditRow): AuditRecord | null {
  try {
    const evidence = JSON.parse(row.evidence) as unknown;
    const details = JSON.parse(row.details) as AuditRecord['details'];
    if (!Array.isArray(evidence) || !evidence.every((id) => typeof id === 'string')) return null;
    if (canonicalJson(details) !== row.details || JSON.stringify(evidence) !== row.evidence) return null;
    return { ...row, at: new Date(row.at).toISOString(), evidence, details };
  } catch {
    return null;
  }
}

/** What is wrong with a chain, and at which record. */
export interface AuditProblem {
  readonly seq: number;
  /**
   * `edited`: the record is not what was hashed · `missing`: records before it are gone · `order`: it stands at another
   * place · `unlinked`: it does not follow from the one before · `truncated`: records at the end are gone · `purge`: the
   * beginning is gone and no purge says so · `seal`: a signature is wrong · `broken`: ringfence itself saw it change ·
   * `unguarded`: the table's own protection was removed
   */
  readonly kind: 'edited' | 'missing' | 'order' | 'unlinked' | 'truncated' | 'purge' | 'seal' | 'broken' | 'unguarded';
  readonly message: string;
}

/** So many are told; the first is the one that counts. */
const TOLD = 20;

/** Follows a chain record by record and collects what is wrong with it. */
export class ChainCheck {
  readonly problems: AuditProblem[] = [];
  records = 0;
  #last: AuditHead | null;
  readonly #remembered: AuditHead | null;

  /** `start`: what the first record must follow; null: it is taken as it is. `remembered`: a head noted earlier. */
  constructor(start: AuditHead | null, remembered: AuditHead | null = null) {
    this.#last = start;
    this.#remembered = remembered;
  }

  /** Where the chain has come to. */
  get head(): AuditHead {
    return this.#last ?? GENESIS;
  }

  problem(seq: number, kind: AuditProblem['kind'], message: string): void {
    if (this.problems.length < TOLD) this.problems.push({ seq, kind, message });
  }

  /** The next record; `unreadable`: its seq and hash, where its texts are no record. */
  take(record: AuditRecord | { readonly unreadable: AuditHead & { readonly previous: string } }): void {
    const readable = 'unreadable' in record ? null : record;
    const { seq, hash, previous } = 'unreadable' in record ? record.unreadable : record;
    const last = this.#last ?? (seq === 1 ? GENESIS : { seq: seq - 1, hash: previous });
    if (seq <= last.seq) this.problem(seq, 'order', `record ${seq} stands after record ${last.seq}`);
    else if (seq > last.seq + 1)
      this.problem(seq, 'missing', `records ${last.seq + 1} to ${seq - 1} are gone (${seq - 1 - last.seq})`);
    const isIntact = readable !== null && hashOf(readable) === hash;
    if (!isIntact) this.problem(seq, 'edited', `record ${seq} is not what was written: its hash does not fit it`);
    if (previous !== last.hash && seq === last.seq + 1)
      this.problem(
        seq,
        'unlinked',
        `record ${seq} does not follow from record ${last.seq}: one of them was put in another's place`,
      );
    if (this.#remembered?.seq === seq && this.#remembered.hash !== hash)
      this.problem(
        seq,
        'unlinked',
        `record ${seq} has another hash than was remembered: what stands here was written anew`,
      );
    if (readable?.action === 'audit.broken')
      this.problem(seq, 'broken', `ringfence itself saw the trail change under it (record ${seq})`);
    this.records++;
    this.#last = { seq, hash };
  }

  /** All was shown. */
  finish(): void {
    const { head } = this;
    if (this.#remembered !== null && head.seq < this.#remembered.seq)
      this.problem(
        head.seq,
        'truncated',
        `the trail ends at record ${head.seq}, and record ${this.#remembered.seq} is remembered: its end was cut off`,
      );
  }
}
