import type { Millis } from '../model.ts';
import { AclGroups, isGroupKey, isSoundAcl } from './acl-groups.ts';
import { entryKey, expiryText, type Kind, type Verdict } from './enforcement.ts';

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
  /** An entry stands, until then. @returns keys of the rows that changed by it */
  set(kind: Kind, value: string, until: Millis | null): readonly string[];
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
  readonly #entryOf = new Map<string, string>();
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

  set(kind: Kind, value: string, until: Millis | null): readonly string[] {
    const key = this.#key(kind, value);
    const text = this.#textOf(kind, value, until);
    if (key === null || this.#rows.get(key) === text) return [];
    this.#gone.delete(key);
    this.#rows.set(key, text);
    this.#entryOf.set(key, entryKey(kind, value));
    return [key];
  }

  drop(kind: Kind, value: string, until: Millis | null): readonly string[] {
    const key = this.#key(kind, value);
    if (key === null) return [];
    this.#rows.delete(key);
    this.#entryOf.set(key, entryKey(kind, value));
    if (this.#gone.size >= GONE_LIMIT) this.#forgetOldest();
    this.#gone.set(key, until ?? Infinity);
    return [key];
  }

  keysOf(kind: Kind, value: string): readonly string[] {
    const key = this.#key(kind, value);
    return key === null ? [] : [key];
  }

  entriesOf(key: string): readonly string[] {
    const entry = this.#entryOf.get(key);
    return entry === undefined ? [] : [entry];
  }

  judge(key: string, value: string, now: Millis): Verdict {
    const gone = this.#gone.get(key);
    if (gone !== undefined) {
      if (gone === Infinity) this.#gone.set(key, now + FORGET);
      if (gone > now) return 'ours';
      this.#forget(key);
    }
    // 1 is "there" (an emergency number); anything else that is a time tells its own end
    return /^\d{2,13}$/.test(value) && Number(value) * 1000 <= now ? 'over' : 'foreign';
  }

  adopt(_standing: ReadonlyMap<string, string>): void {
    // a row has one place only
  }

  #key(kind: Kind, value: string): string | null {
    return this.#kinds.has(kind) ? this.#keyOf(kind, value) : null;
  }

  #forgetOldest(): void {
    const [oldest] = this.#gone.keys();
    if (oldest !== undefined) this.#forget(oldest);
  }

  #forget(key: string): void {
    this.#gone.delete(key);
    if (!this.#rows.has(key)) this.#entryOf.delete(key);
  }
}

/** Kinds that the dialplan guard reads from AstDB. */
const GUARDED: readonly Kind[] = ['address', 'account', 'international', 'number', 'emergency', 'lock', 'exempt'];

/** AstDB: guard entries, and addresses in ACL objects as well, the only ones of these that stop a REGISTER. */
export class AsteriskLayout implements Layout {
  readonly #guard = new FlatLayout(GUARDED, entryKey);
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

  set(kind: Kind, value: string, until: Millis | null): readonly string[] {
    this.#all = null;
    const keys = this.#guard.set(kind, value, until);
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
