import { createRequire } from 'node:module';
import type Holidays from 'date-holidays';
import { parsed, refused, type Parsed } from '../parsed.ts';
import { DAY } from '../time.ts';

/**
 * Public holidays as plain local dates. date-holidays costs about 120 ms and 20 MB to load, so it is loaded only where the
 * settings name a country; its rules are worked out once a year and only dates are kept.
 */

export interface Holiday {
  readonly name: string;
  /** minute of the day at which it begins: 0, or later on a half holiday */
  readonly start: number;
}

/** Years that calendars (Easter, Islamic, Hebrew) are worked out for; outside there are no holidays. */
const FIRST_YEAR = 1950;
const LAST_YEAR = 2150;
const YEARS_KEPT = 16;

const load = createRequire(import.meta.url);

export class HolidayCalendar {
  readonly #rules: Holidays;
  readonly #years = new Map<number, ReadonlyMap<number, Holiday>>();

  constructor(rules: Holidays) {
    this.#rules = rules;
  }

  /** The public holiday on a local day (days since 1970-01-01), or null. */
  on(day: number): Holiday | null {
    const year = new Date(day * DAY).getUTCFullYear();
    let known = this.#years.get(year);
    if (known === undefined) {
      if (this.#years.size >= YEARS_KEPT) this.#years.clear();
      known = this.#work(year);
      this.#years.set(year, known);
    }
    return known.get(day) ?? null;
  }

  #work(year: number): ReadonlyMap<number, Holiday> {
    const days = new Map<number, Holiday>();
    if (year < FIRST_YEAR || year > LAST_YEAR) return days;
    // a feast of several days may have begun in the old year
    for (const from of [year - 1, year]) {
      for (const { date, start, end, name, type } of this.#rules.getHolidays(from)) {
        const at = /^(\d{4})-(\d{2})-(\d{2}) (\d{2}):(\d{2})/.exec(date)?.slice(1).map(Number);
        if (type !== 'public' || at === undefined) continue;
        const [y = 0, month = 1, d = 1, hour = 0, minute = 0] = at;
        const first = Math.floor(Date.UTC(y, month - 1, d) / DAY);
        // rounded, for a change of clocks; at most two weeks, should the rules go wrong
        const length = Math.min(14, Math.max(1, Math.round((end.getTime() - start.getTime()) / DAY)));
        for (let n = 0; n < length; n++) {
          const begins = n === 0 ? hour * 60 + minute : 0;
          const other = days.get(first + n);
          if (other === undefined || begins < other.start) days.set(first + n, { name, start: begins });
        }
      }
    }
    return days;
  }
}

/**
 * The public holidays of a country or region: ISO 3166-1 alpha-2, then the region's code and that of its part if any ("DE",
 * "DE-BE", "GB-ENG", "DE-BY-A").
 */
export function loadHolidays(code: string): Parsed<HolidayCalendar> {
  const Rules = load('date-holidays') as typeof Holidays;
  const [country = '', state, region, ...rest] = code.toUpperCase().split('-');
  const all = new Rules();
  if (!(country in all.getCountries())) return refused(`no public holidays are known for country "${country}"`);
  const states: unknown = state === undefined ? {} : all.getStates(country);
  if (state !== undefined && !has(states, state))
    return refused(`"${code}" is no region with holidays of its own; ${choices(country, states)}`);
  const regions: unknown = state === undefined || region === undefined ? {} : all.getRegions(country, state);
  if (rest.length > 0 || (region !== undefined && !has(regions, region)))
    return refused(
      `"${code}" is no part of a region with holidays of its own; ${choices(`${country}-${state ?? ''}`, regions)}`,
    );
  const options = { types: ['public' as const], languages: ['en'] };
  const rules =
    state === undefined
      ? new Rules(country, options)
      : region === undefined
        ? new Rules(country, state, options)
        : new Rules(country, state, region, options);
  // the first year costs ten times what later ones do: spent here, not while a call waits
  rules.getHolidays(FIRST_YEAR);
  return parsed(new HolidayCalendar(rules));
}

const has = (codes: unknown, code: string): boolean =>
  typeof codes === 'object' && codes !== null && Object.hasOwn(codes, code);

function choices(prefix: string, codes: unknown): string {
  const keys = typeof codes === 'object' && codes !== null ? Object.keys(codes) : [];
  return keys.length === 0 ? `use ${prefix}` : `known: ${keys.map((key) => `${prefix}-${key}`).join(', ')}`;
}
