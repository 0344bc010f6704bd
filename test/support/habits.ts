import { amountAtLeast, atLeast, atMost, type Forecast } from '../../src/baseline.ts';
import type { Called, Habits, Measure, Seen, Whose } from '../../src/detect/habits.ts';
import { HOUR } from '../../src/time.ts';

export interface MadeHabits {
  readonly known?: boolean;
  /** countries called before, by the account or by 'site' */
  readonly countries?: Readonly<Record<string, readonly string[]>>;
  /** countries called before, though never this range of them */
  readonly elsewhere?: Readonly<Record<string, readonly string[]>>;
  /** amount an hour: `site calls`, `site inbound`, `1004 calls` */
  readonly hourly?: Readonly<Record<string, number>>;
  /** new countries a week of the site */
  readonly discoveries?: number;
}

const SEEN: Seen = { calls: 20, days: 10, last: 0 };
const NEVER: Called = { country: null, kind: null, prefix: null };

/** Habits as a test needs them: a site that has been known for long and does nothing but what is given. */
export function madeHabits(made: MadeHabits = {}): Habits {
  const { known = true, countries = {}, elsewhere = {}, hourly = {}, discoveries = 0 } = made;
  const nameOf = (whose: Whose): string =>
    whose === 'site' ? 'site' : 'account' in whose ? whose.account : whose.group;
  const forecast = (whose: Whose, measure: Measure, hours: number): Forecast => {
    const mean = (hourly[`${nameOf(whose)} ${measure}`] ?? 0.001) * hours;
    return { mean, variance: 1.5 * mean + 0.04 * mean * mean };
  };
  const hours = (from: number, to: number): number => (to - from) / HOUR;
  const isCount = (measure: Measure): boolean => measure !== 'minutes' && measure !== 'spend';
  return {
    known: () => known,
    knows: () => known,
    expected: (whose, measure, from, to) => forecast(whose, measure, hours(from, to)).mean,
    surprise: (whose, measure, amount, from, to) =>
      known ? (isCount(measure) ? atLeast : amountAtLeast)(amount, forecast(whose, measure, hours(from, to))) : 1,
    silence: (whose, measure, amount, from, to) =>
      known ? atMost(amount, forecast(whose, measure, hours(from, to))) : 1,
    usual: (whose, measure) => ({ mean: forecast(whose, measure, 24).mean, high: 0 }),
    called: (whose, { country }) => {
      const within = (named: MadeHabits['countries']): boolean =>
        country !== null && named?.[nameOf(whose)]?.includes(country) === true;
      if (within(countries)) return { country: SEEN, kind: SEEN, prefix: SEEN };
      return within(elsewhere) ? { country: SEEN, kind: SEEN, prefix: null } : NEVER;
    },
    discoveries: () => discoveries,
  };
}
