import { severityRank, type Millis, type Severity, type SourceProof, type Subject } from '../model.ts';
import { HOUR } from '../time.ts';

/** What every detector needs to say a thing once per escalation and not once per event. */

/** How gravely and at what count a story was told last. Plain, so that it can stand in a snapshot. */
export interface Said {
  severity: Severity | null;
  /** count at which it is told again though it has not become graver */
  next: number;
}

export const unsaid = (): Said => ({ severity: null, next: 0 });

/**
 * The severity at which a story is to be told now, or null when there is nothing new: it is told when it becomes graver,
 * and again at `threshold` and each time the count has doubled since. A story never becomes milder.
 */
export function escalate(said: Said, severity: Severity, count: number, threshold: number): Severity | null {
  const graver = said.severity === null || severityRank(severity) > severityRank(said.severity);
  if (!graver && count < said.next) return null;
  if (graver) said.severity = severity;
  said.next = count < threshold ? threshold : count * 2;
  return said.severity;
}

/** Stories about addresses that nobody had heard of before, told one by one up to this many in an hour and severity. */
const FRESH_PER_HOUR = 20;
const CRITICAL_PER_HOUR = 100;

/**
 * Holds back a flood of stories, one for each spoofed source or random number: of one severity the first twenty of an hour
 * are told (a hundred critical ones), then the 40th, the 80th and so on. What is held back is told when it becomes graver.
 */
export class FloodGate {
  #since: Millis = -Infinity;
  readonly #counts: Partial<Record<Severity, number>> = {};

  admits(at: Millis, severity: Severity): boolean {
    if (at - this.#since >= HOUR) {
      this.#since = at;
      for (const key of Object.keys(this.#counts) as Severity[]) this.#counts[key] = 0;
    }
    const count = (this.#counts[severity] ?? 0) + 1;
    this.#counts[severity] = count;
    const limit = severity === 'critical' ? CRITICAL_PER_HOUR : FRESH_PER_HOUR;
    return count <= limit || Number.isInteger(Math.log2(count / limit));
  }

  snapshot(): unknown {
    return { since: Number.isFinite(this.#since) ? this.#since : null, counts: { ...this.#counts } };
  }

  restore(snapshot: unknown): void {
    const { since, counts } = snapshot as { since: Millis | null; counts: Partial<Record<Severity, number>> };
    this.#since = since ?? -Infinity;
    Object.assign(this.#counts, counts);
  }
}

/** Adds a value to a short list of distinct ones, keeping at most `limit`; true if it was new. */
export function addDistinct(list: string[], value: string, limit: number): boolean {
  if (value === '' || list.length >= limit || list.includes(value)) return false;
  list.push(value);
  return true;
}

/**
 * The list with one value more, in no more memory than it needs: `push` makes room for sixteen that lists which are held for
 * thousands of accounts seldom use.
 */
export const withOne = <T>(list: readonly T[], value: T): T[] => list.concat([value]);

/** As `addDistinct`, in no more memory than it needs; gives the same list where nothing was added. */
export const withDistinct = (list: string[], value: string, limit: number): string[] =>
  value === '' || list.length >= limit || list.includes(value) ? list : withOne(list, value);

/**
 * Where a story about a source is kept: what certainly came from there apart from what anybody could have sent in its
 * name, so that a forger cannot add to what an innocent address is blamed for, and one packet that is really its own
 * does not vouch for forged ones.
 */
export const storyKey = (source: string, proof: SourceProof | null): string =>
  proof === null || proof === 'none' ? `${source}?` : source;
/** Both keys of a source. */
export const storyKeys = (source: string): readonly string[] => [source, `${source}?`];
/** The source of a story's key. */
export const sourceOf = (key: string): string => (key.endsWith('?') ? key.slice(0, -1) : key);

export const accountSubject = (value: string): Subject => ({ type: 'account', value });
export const addressSubject = (value: string): Subject => ({ type: 'address', value });

/**
 * A copy that shares nothing: states are plain values, made of objects with fixed keys, arrays and primitives. (Not by
 * structuredClone, which writes and reads a byte stream for each: packets wait while a snapshot is made.)
 */
export function copy<T>(value: T): T {
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map(copy) as T;
  const fresh: Record<string, unknown> = {};
  for (const key of Object.keys(value)) fresh[key] = copy((value as Record<string, unknown>)[key]);
  return fresh as T;
}
