import type { Millis } from '../model.ts';
import { SECOND } from '../time.ts';

/** One failed authentication, as far as guessing is judged by it. */
export interface Failure {
  readonly name: string;
  readonly port: number;
  /** no such account here */
  readonly unknown: boolean;
  /** refused for good (403, 404): no phone with an old password, no nonce of before an outage */
  readonly final: boolean;
  /** known to be what anybody could have sent in the name of this source */
  readonly forgeable: boolean;
}

/** How often each value occurs. */
function countBy<T>(entries: readonly (readonly [Millis, T])[], of: (value: T) => string): Map<string, number> {
  const counts = new Map<string, number>();
  for (const [, value] of entries) {
    const key = of(value);
    counts.set(key, (counts.get(key) ?? 0) + 1);
  }
  return counts;
}

/** What failed, with its time, oldest first. */
export type Entries = readonly (readonly [Millis, Failure])[];

/** Accounts that were tried, and how often. */
export const namesOf = (entries: Entries): Map<string, number> => countBy(entries, (f) => f.name);

/** Most accounts that one source port tried. */
export function widestPort(entries: Entries): number {
  const byPort = new Map<number, Set<string>>();
  for (const [, { name, port }] of entries) byPort.set(port, (byPort.get(port) ?? new Set()).add(name));
  return Math.max(0, ...[...byPort.values()].map((names) => names.size));
}

/** Many phones that fail once or twice each, from a port each: an office coming back after an outage. */
export function isCrowd(entries: Entries): boolean {
  const names = namesOf(entries);
  if (names.size < 3 || Math.max(...names.values()) > 2 || entries.some(([, f]) => f.final)) return false;
  return countBy(entries, (f) => String(f.port)).size >= names.size * 0.8;
}

/** Attempts this near to each other are one try of a phone, which answers a renewed challenge once or twice. */
const ONE_TRY = 2 * SECOND;
const TRIES_LOOKED_AT = 10;
const TRIES_NEEDED = 4;

/**
 * Is this the pace of a machine that tries one password for ever: every few seconds or minutes, evenly or ever slower, at
 * most three attempts a try? Guessers are faster, or uneven.
 */
export function isSteady(entries: readonly (readonly [Millis, unknown])[]): boolean {
  const tries: { at: Millis; last: Millis; attempts: number }[] = [];
  for (const [at] of entries) {
    const current = tries.at(-1);
    if (current !== undefined && at - current.last < ONE_TRY) {
      current.last = at;
      if (++current.attempts > 3) return false;
    } else tries.push({ at, last: at, attempts: 1 });
  }
  const looked = tries.slice(-TRIES_LOOKED_AT);
  if (looked.length < TRIES_NEEDED) return false;
  let longest = 0;
  for (let i = 1; i < looked.length; i++) {
    const gap = (looked[i]?.at ?? 0) - (looked[i - 1]?.at ?? 0);
    if (gap < 0.75 * longest) return false;
    longest = Math.max(longest, gap);
  }
  return true;
}
