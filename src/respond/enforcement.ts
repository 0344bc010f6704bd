import type { Millis } from '../model.ts';
import { SlidingCount, BoundedMap } from '../windows.ts';
import { MINUTE } from '../time.ts';
import { lockPeriods, lockText } from './lock/periods.ts';

/**
 * The desired state: what should stand at the PBX and its neighbours, whatever stands there now. An entry is one thing
 * that is refused (or, for emergency and exempt, let through), whoever asked for it and how often; each who asked is a
 * claim with an end of its own, and the entry stands until its last claim ends.
 */
export const KINDS = [
  'address',
  'account',
  'international',
  'number',
  'emergency',
  'lock',
  'exempt',
  'allow',
  // how numbers are dialled here, and the PIN of the office lock: texts that the settings want there
  'dialplan',
  'pin',
  // an auth object of PJSIP whose secret was changed
  'secret',
  // an endpoint with another encryption of media than pjsip.conf says
  'endpoint',
  // an endpoint that PJSIP refuses wholly, registrations and emergency calls too
  'maintenance',
] as const;
export type Kind = (typeof KINDS)[number];

/** Kinds that refuse something, as opposed to those that let through. */
export const REFUSING: ReadonlySet<Kind> = new Set([
  'address',
  'account',
  'international',
  'number',
  'lock',
  'maintenance',
]);

/** Kinds that no target ends by itself: what we took back or saw end is ours to take away wherever it is found. */
export const STAYING: ReadonlySet<Kind> = new Set(['secret', 'endpoint', 'maintenance']);

/** Does a row (`account/1004`, `acl/a1`, `auth/1004`) refuse something? The panic switch takes away no other. */
export const refuses = (key: string): boolean => {
  const branch = key.slice(0, key.indexOf('/'));
  return branch === 'acl' || branch === 'auth' || REFUSING.has(branch as Kind);
};

/** Who asked: a detector by rule, a person, or the settings (emergency numbers, exemptions, the office lock). */
export type Claimant = 'rule' | 'hand' | 'settings';

export interface Claim {
  /** id of the decision, or a name of the settings' own */
  readonly id: string;
  /** null: for as long as it is claimed; emergency numbers only */
  readonly until: Millis | null;
  readonly since: Millis;
  readonly by: Claimant;
  readonly why: string;
  /** what is to stand in place of the end; of the lock its periods (lock/periods.ts) */
  readonly text?: string;
}

export interface Entry {
  readonly kind: Kind;
  /** canonical address, endpoint id, E.164 digits without +, emergency number, `international` (lock) */
  readonly value: string;
  /** end of the claim that ends last; null: none has an end */
  readonly until: Millis | null;
  /** what stands in place of the end; null: the end does */
  readonly text: string | null;
  readonly claims: readonly Claim[];
}

/** One name for an entry: `address/203.0.113.7`. */
export const entryKey = (kind: Kind, value: string): string => `${kind}/${value}`;

/** Kind and value of an entryKey. */
export const entryOf = (key: string): [kind: Kind, value: string] => {
  const slash = key.indexOf('/');
  return [key.slice(0, slash) as Kind, key.slice(slash + 1)];
};

/** What one step changed about one entry. */
export interface EntryChange {
  readonly kind: Kind;
  readonly value: string;
  /** as it stands now; null: nobody wants it any more */
  readonly entry: Entry | null;
  /** its end is another one, or it came or went: targets have to be told */
  readonly moved: boolean;
  /** claims that ended by this step */
  readonly ended: readonly Claim[];
}

const endOf = (claims: readonly Claim[]): Millis | null => {
  let end: Millis | null = 0;
  for (const { until } of claims) end = end === null || until === null ? null : Math.max(end, until);
  return end;
};

/** The lock holds whenever one of its claims does; of other texts the youngest counts. */
function textOf(kind: Kind, claims: readonly Claim[]): string | null {
  if (claims.every(({ text }) => text === undefined)) return null;
  if (kind !== 'lock') return claims.findLast(({ text }) => text !== undefined)?.text ?? null;
  const plain = claims.flatMap(({ text, until }) => (text === undefined && until !== null ? [{ from: 0, until }] : []));
  return [lockText(plain), ...claims.flatMap(({ text }) => text ?? [])].filter((text) => text !== '').join(' ');
}

/** All entries that should stand. No clock: every step is told the time. */
export class Desired {
  readonly #entries = new Map<string, Entry>();
  /** claim id -> keys of its entries */
  readonly #byClaim = new Map<string, Set<string>>();
  /** no claim ends before this */
  #next: Millis = Infinity;

  get size(): number {
    return this.#entries.size;
  }

  entries(): IterableIterator<Entry> {
    return this.#entries.values();
  }

  get(kind: Kind, value: string): Entry | undefined {
    return this.#entries.get(entryKey(kind, value));
  }

  count(kind: Kind): number {
    let count = 0;
    for (const entry of this.#entries.values()) if (entry.kind === kind) count++;
    return count;
  }

  /** Adds a claim; a claim of the same id is replaced by the newer one. */
  put(kind: Kind, value: string, claim: Claim): EntryChange {
    const before = this.get(kind, value);
    const others = before?.claims.filter(({ id }) => id !== claim.id) ?? [];
    const keys = this.#byClaim.get(claim.id) ?? new Set<string>();
    this.#byClaim.set(claim.id, keys.add(entryKey(kind, value)));
    if (claim.until !== null) this.#next = Math.min(this.#next, claim.until);
    return this.#set(kind, value, [...others, claim], []);
  }

  /** Takes a claim back, wherever it stands. */
  undo(id: string): EntryChange[] {
    const keys = [...(this.#byClaim.get(id) ?? [])];
    return keys.flatMap((key) => {
      const entry = this.#entries.get(key);
      return entry === undefined ? [] : [this.#end(entry, (claim) => claim.id === id)];
    });
  }

  /** Takes back every claim of an entry that `which` holds for; by default all. */
  clear(kind: Kind, value: string, which: (claim: Claim) => boolean = () => true): EntryChange | null {
    const entry = this.get(kind, value);
    if (entry === undefined) return null;
    return entry.claims.some(which) ? this.#end(entry, which) : null;
  }

  /** Ends what has reached its end. */
  expire(now: Millis): EntryChange[] {
    if (now < this.#next) return [];
    const past = ({ until }: Claim): boolean => until !== null && until <= now;
    const changes = [...this.#entries.values()]
      .filter((entry) => entry.claims.some(past))
      .map((entry) => this.#end(entry, past));
    this.#next = Infinity;
    for (const { claims } of this.#entries.values())
      for (const { until } of claims) if (until !== null && until < this.#next) this.#next = until;
    return changes;
  }

  #end(entry: Entry, which: (claim: Claim) => boolean): EntryChange {
    const ended = entry.claims.filter(which);
    const key = entryKey(entry.kind, entry.value);
    for (const { id } of ended) {
      const keys = this.#byClaim.get(id);
      keys?.delete(key);
      if (keys?.size === 0) this.#byClaim.delete(id);
    }
    const rest = entry.claims.filter((claim) => !which(claim));
    return this.#set(entry.kind, entry.value, rest, ended);
  }

  #set(kind: Kind, value: string, claims: readonly Claim[], ended: readonly Claim[]): EntryChange {
    const key = entryKey(kind, value);
    const before = this.#entries.get(key);
    if (claims.length === 0) {
      this.#entries.delete(key);
      return { kind, value, entry: null, moved: before !== undefined, ended };
    }
    const entry: Entry = { kind, value, until: endOf(claims), text: textOf(kind, claims), claims };
    this.#entries.set(key, entry);
    return { kind, value, entry, moved: before?.until !== entry.until || before.text !== entry.text, ended };
  }
}

/** 2100-01-01: what has no end has this one. */
const NEVER = '4102444800';

/**
 * An end as targets hold it: epoch seconds, rounded up, so that nothing ends early and nothing more than a second late.
 * Of an emergency number the guard asks only whether it is there.
 */
export const expiryText = (kind: Kind, until: Millis | null): string => {
  if (kind === 'emergency') return '1';
  return until === null ? NEVER : String(Math.ceil(until / 1000));
};

/** Branches whose rows are texts and no ends. */
const TEXTS = new Set(['emergency', 'dialplan', 'pin']);

/** When a row that stands somewhere ends by what it says itself; null: it says no end. */
export function rowEnd(key: string, value: string): Millis | null {
  const branch = key.slice(0, key.indexOf('/'));
  if (TEXTS.has(branch)) return null;
  if (branch === 'lock') {
    const ends = lockPeriods(value).map(({ until }) => until);
    return ends.length === 0 ? null : Math.max(...ends);
  }
  return /^\d{2,13}$/.test(value) ? Number(value) * 1000 : null;
}

/**
 * Whose a row is that stands and should not: `ours` (put by us, wanted no more), `over` (its end has passed, whoever put
 * it), `broken` (harms what stands beside it), `foreign` (somebody else's: shown, left alone).
 */
export type Verdict = 'ours' | 'over' | 'broken' | 'foreign';

export interface Foreign {
  readonly key: string;
  readonly value: string;
}

export interface Difference {
  /** keys of desired rows that are missing or have another value */
  readonly put: readonly string[];
  readonly remove: readonly string[];
  readonly foreign: readonly Foreign[];
}

/** What has to be done so that `standing` becomes `desired`. Keys that `skip` names are on their way just now. */
export function diff(
  desired: ReadonlyMap<string, string>,
  standing: ReadonlyMap<string, string>,
  judge: (key: string, value: string) => Verdict,
  skip: (key: string) => boolean = () => false,
): Difference {
  const put: string[] = [];
  const remove: string[] = [];
  const foreign: Foreign[] = [];
  for (const [key, value] of desired) if (standing.get(key) !== value && !skip(key)) put.push(key);
  for (const [key, value] of standing) {
    if (desired.has(key) || skip(key)) continue;
    if (judge(key, value) === 'foreign') foreign.push({ key, value });
    else remove.push(key);
  }
  return { put, remove, foreign };
}

/** How often one key is put back against somebody else's will before that is reported instead. */
export const RESTORATIONS = 5;
export const RESTORATION_SPAN = 10 * MINUTE;
/** Keys whose restorations are counted. */
const FOUGHT = 4_096;

/** Keeps a fight over a key from going on for ever: so many restorations in so long, then it is left and told. */
export class Contest {
  readonly #counts = new BoundedMap<SlidingCount>(FOUGHT);
  readonly #given = new Set<string>();

  /** May this key be restored once more? */
  restore(key: string, now: Millis): boolean {
    let count = this.#counts.get(key);
    if (count === undefined) this.#counts.set(key, (count = new SlidingCount(RESTORATION_SPAN, RESTORATIONS)));
    if (count.count(now) >= RESTORATIONS) {
      if (this.#given.size < FOUGHT) this.#given.add(key);
      return false;
    }
    this.#given.delete(key);
    count.add(now);
    return true;
  }

  /** Agreed again: nobody holds against it. */
  settled(key: string): void {
    this.#given.delete(key);
  }

  isContested(key: string): boolean {
    return this.#given.has(key);
  }

  /** Keys that somebody else keeps changing: given up for now. */
  contested(): string[] {
    return [...this.#given];
  }
}
