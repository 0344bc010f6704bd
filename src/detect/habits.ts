import type { Millis } from '../model.ts';
import type { DialledNumber } from '../site/site.ts';

/**
 * What accounts, groups and the site usually do, as detectors ask for it. What is told here was learned from days that
 * are over; the present day is not in it, so a story under way does not become usual by going on.
 */
export interface Habits {
  /** Has the site been watched for two weeks? Before that nothing is known to be unusual: stay silent or mild. */
  known(): boolean;
  /** Has this account been watched for two weeks? Its expectations lean on its group and the site until then. */
  knows(account: string): boolean;
  /** How much is expected from `from` to `to` (an hour or a few days, say), in the measure's unit. */
  expected(whose: Whose, measure: Measure, from: Millis, to: Millis): number;
  /**
   * Probability of at least `amount` from `from` to `to`, by what was learned: near 1 is ordinary, 1e-6 is once in a
   * million such spans. 1 while nothing is known.
   */
  surprise(whose: Whose, measure: Measure, amount: number, from: Millis, to: Millis): number;
  /** Probability of at most `amount`: small where less happened than should. 1 while nothing is known. */
  silence(whose: Whose, measure: Measure, amount: number, from: Millis, to: Millis): number;
  /** Mean of a day (over all weekdays) and what one day in a hundred exceeds. */
  usual(whose: Whose, measure: Measure): { readonly mean: number; readonly high: number };
  /** What is known of calls to where this number is. Only destinations that cost money (`chargeable`) are remembered. */
  called(whose: Whose, number: DialledNumber): Called;
  /**
   * How many countries a week are called for the first time: those that were called on one day alone, over the weeks
   * watched (Good 1953; Good and Toulmin 1956). A hotel finds several a week, an office one a year.
   */
  discoveries(whose: Whose): number;
}

/** Of whom something is asked. */
export type Whose = { readonly account: string } | { readonly group: string } | 'site';

/**
 * `calls`: placed by an account of ours to the outside, answered or not · `chargeable`: those of them that cost money that
 * matters · `minutes`: talk of placed calls · `spend`: by the tariff, else by our estimate, in the site's currency · `inbound`: calls that came in
 * by a trunk (site only; 0 for others)
 */
export const MEASURES = ['calls', 'chargeable', 'minutes', 'spend', 'inbound'] as const;
export type Measure = (typeof MEASURES)[number];

/** How often and when last; `calls` fades with a half-life of six weeks, `days` counts up to 255. */
export interface Seen {
  readonly calls: number;
  readonly days: number;
  /** start of the last day on which it was called */
  readonly last: Millis;
}

/** Null: never, or so long ago that it is forgotten. */
export interface Called {
  readonly country: Seen | null;
  /** the same country and kind of number (a Latvian mobile) */
  readonly kind: Seen | null;
  /** the same first six digits of E.164 */
  readonly prefix: Seen | null;
}

const NEVER: Called = { country: null, kind: null, prefix: null };

/** Habits of whom nobody has watched yet. */
export const noHabits: Habits = {
  known: () => false,
  knows: () => false,
  expected: () => 0,
  surprise: () => 1,
  silence: () => 1,
  usual: () => ({ mean: 0, high: 0 }),
  called: () => NEVER,
  discoveries: () => 0,
};
