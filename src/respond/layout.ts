import type { Millis } from '../model.ts';
import { AclGroups, isGroupKey, isSoundAcl } from './acl-groups.ts';
import { entryKey, expiryText, rowEnd, type Kind, type Verdict } from './enforcement.ts';
import { guardName } from './guard-names.ts';

/**
 * How one target holds the desired state: rows of text under keys of its own. Pure bookkeeping; `targets/` reads and
 * writes such rows.
 */
export interface Layout {
  /** every row that should stand now */
  readonly rows: ReadonlyMap<string, string>;
  /** the desired value of one row, without building all of them */
  row(key: string): string | undefined;
  carries(kind: Kind): boolean;
  /** An entry stands, until then, as `text` if it has one of its own. @returns keys of the rows that changed by it */
  set(kind: Kind, value: string, until: Millis | null, text?: string | null): readonly string[];
  /** An entry stands no more; its rows are remembered as ours until `until`. @returns keys of the rows that changed */
  drop(kind: Kind, value: string, until: Millis | null): readonly string[];
  /** Keys of all rows that make an entry stand. */
  keysOf(kind: Kind, value: string): readonly string[];
  /** Entries that rest on a row, as entryKey. */
  entriesOf(key: string): readonly string[];
  /** Whose a row is that stands and is not desired. */
  judge(key: string, value: string, now: Millis): Verdict;
  /** Takes over where things already stand, before what stands is compared. */
  adopt(standing: ReadonlyMap<string, string>): void;
}

/** A row that we have taken away may come back (a database restored, a commit lost): ours for so long without an end. */
const FORGET: Millis = 30 * 86_400_000;
/** Rows remembered as ours after they went. */
const GONE_LIMIT = 50_000;

/** One row an entry, its value the expiry in epoch seconds: AstDB's guard entries, Kamailio's tables, nftables' sets. */
export class FlatLayout implements Layout {
  readonly #rows = new Map<string, string>();
  /** key -> entries that rest on it, with the text that each wants; several where the target cannot tell their names apart */
  readonly #entries = new Map<string, Map<string, string>>();
  /** rows of ours that went -> until when they could come back */
  readonly #gone = new Map<string, Millis>();
  readonly #keyOf: (kind: Kind, value: string) => string | null;
  readonly #textOf: (kind: Kind, value: string, until: Millis | null) => string;
  readonly #kinds: ReadonlySet<Kind>;

  /** `keyOf`: null where this target cannot hold such a value; `textOf`: the row's text, by default its end */
  constructor(
    kinds: readonly Kind[],
    keyOf: (kind: Kind, value: string) => string | null,
    textOf: (kind: Kind, value: string, until: Millis | null) => string = (kind, _value, until) =>
      expiryText(kind, until),
  ) {
    this.#kinds = new Set(kinds);
    this.#keyOf = keyOf;
    this.#textOf = textOf;
  }

  get rows(): Map<string, string> {
    return this.#rows;
  }

  row(key: string): string | undefined {
    return this.#rows.get(key);
  }

  carries(kind: Kind): boolean {
    return this.#kinds.has(kind);
  }

  set(kind: Kind, value: string, until: Millis | null, text: string | null = null): readonly string[] {
    const key = this.#key(kind, value);
    if (key === null) return [];
    const entries = this.#entries.get(key) ?? new Map<string, string>();
    this.#entries.set(key, entries.set(entryKey(kind, value), text ?? this.#textOf(kind, value, until)));
    this.#gone.delete(key);
    return this.#write(key, entries);
  }

  drop(kind: Kind, value: string, until: Millis | null): readonly string[] {
    const key = this.#key(kind, value);
    if (key === null) return [];
    const entries = this.#entries.get(key);
    entries?.delete(entryKey(kind, value));
    if (entries !== undefined && entries.size > 0) return this.#write(key, entries);
    this.#entries.delete(key);
    this.#rows.delete(key);
    if (this.#gone.size >= GONE_LIMIT) this.#forgetOldest();
    this.#gone.set(key, until ?? Infinity);
    return [key];
  }

  keysOf(kind: Kind, value: string): readonly string[] {
    const key = this.#key(kind, value);
    return key === null ? [] : [key];
  }

  entriesOf(key: string): readonly string[] {
    return [...(this.#entries.get(key)?.keys() ?? [])];
  }

  judge(key: string, value: string, now: Millis): Verdict {
    const gone = this.#gone.get(key);
    if (gone !== undefined) {
      if (gone === Infinity) this.#gone.set(key, now + FORGET);
      if (gone > now) return 'ours';
      this.#gone.delete(key);
    }
    const end = rowEnd(key, value);
    return end !== null && end <= now ? 'over' : 'foreign';
  }

  adopt(_standing: ReadonlyMap<string, string>): void {
    // a row has one place only
  }

  #key(kind: Kind, value: string): string | null {
    return this.#kinds.has(kind) ? this.#keyOf(kind, value) : null;
  }

  #forgetOldest(): void {
    const [oldest] = this.#gone.keys();
    if (oldest !== undefined) this.#gone.delete(oldest);
  }

  /** Of several entries the one that ends last counts: nothing that somebody wants may end early. */
  #write(key: string, entries: ReadonlyMap<string, string>): readonly string[] {
    const text = [...entries.values()].reduce((a, b) => (Number(b) > Number(a) ? b : a));
    if (this.#rows.get(key) === text) return [];
    this.#rows.set(key, text);
    return [key];
  }
}

/** Kinds that the dialplan guard reads from AstDB. */
const GUARDED: readonly Kind[] = [
  'emergency',
  'dialplan',
  'exempt',
  'pin',
  'address',
  'account',
  'international',
  'number',
  'lock',
];

/** Where the guard looks for an entry: endpoints as it writes them. */
const guardKey = (kind: Kind, value: string): string =>
  entryKey(kind, kind === 'account' || kind === 'international' || kind === 'exempt' ? guardName(value) : value);

/** AstDB: guard entries, and addresses in ACL objects as well, the only ones of these that stop a REGISTER. */
export class AsteriskLayout implements Layout {
  readonly #guard = new FlatLayout(GUARDED, guardKey);
  readonly #groups: AclGroups | null;
  readonly #acl = new Map<string, string>();
  #all: ReadonlyMap<string, string> | null = null;

  /** `acl`: does sorcery.conf map acl to AstDB? Without it addresses stand in the guard alone. */
  constructor(acl: boolean) {
    this.#groups = acl ? new AclGroups() : null;
  }

  get rows(): ReadonlyMap<string, string> {
    return (this.#all ??= new Map([...this.#guard.rows, ...this.#acl]));
  }

  carries(kind: Kind): boolean {
    return this.#guard.carries(kind);
  }

  row(key: string): string | undefined {
    return this.#guard.rows.get(key) ?? this.#acl.get(key);
  }

  set(kind: Kind, value: string, until: Millis | null, text: string | null = null): readonly string[] {
    this.#all = null;
    const keys = this.#guard.set(kind, value, until, text);
    if (kind !== 'address' || this.#groups === null || this.#groups.keyOf(value) !== null) return keys;
    return [...keys, ...this.#write(this.#groups.place(value))];
  }

  drop(kind: Kind, value: string, until: Millis | null): readonly string[] {
    this.#all = null;
    const keys = this.#guard.drop(kind, value, until);
    if (kind !== 'address' || this.#groups === null) return keys;
    return [...keys, ...this.#write(this.#groups.remove(value))];
  }

  keysOf(kind: Kind, value: string): readonly string[] {
    const group = kind === 'address' ? (this.#groups?.keyOf(value) ?? null) : null;
    return [...this.#guard.keysOf(kind, value), ...(group === null ? [] : [group])];
  }

  entriesOf(key: string): readonly string[] {
    return isGroupKey(key)
      ? (this.#groups?.membersOf(key) ?? []).map((address) => entryKey('address', address))
      : this.#guard.entriesOf(key);
  }

  judge(key: string, value: string, now: Millis): Verdict {
    if (!key.startsWith('acl/')) return this.#guard.judge(key, value, now);
    if (isGroupKey(key)) return 'ours';
    return isSoundAcl(value) ? 'foreign' : 'broken';
  }

  adopt(standing: ReadonlyMap<string, string>): void {
    if (this.#groups === null) return;
    const acl = new Map([...standing].filter(([key]) => isGroupKey(key)));
    this.#groups.adopt(acl);
    const keys = new Set([...this.#acl.keys(), ...acl.keys()]);
    this.#acl.clear();
    this.#all = null;
    for (const [kind, value] of addressesOf(this.#guard.rows)) keys.add(this.#groups.keyOf(value) ?? `${kind}/`);
    for (const key of keys) if (isGroupKey(key)) this.#write(key);
  }

  #write(key: string | null): readonly string[] {
    if (key === null || this.#groups === null) return [];
    const value = this.#groups.valueOf(key);
    if (value === null) this.#acl.delete(key);
    else this.#acl.set(key, value);
    return [key];
  }
}

function* addressesOf(rows: ReadonlyMap<string, string>): IterableIterator<[kind: 'address', value: string]> {
  for (const key of rows.keys()) if (key.startsWith('address/')) yield ['address', key.slice('address/'.length)];
}
