import type { Millis } from '../model.ts';
import { DAY, MINUTE, type Zone } from '../time.ts';
import type { HolidayCalendar } from './holidays.ts';
import type { Closure, LocalSpan, WeeklyWindow } from './hours-text.ts';
import type { Hours } from './site.ts';

/**
 * Opening hours. A moment is open when the clock on the wall shows a time within a window: on the night when clocks are set
 * forward the skipped hour is missing from its window, on the night when they are set back both passes of the repeated hour
 * count. A window that runs over midnight belongs to the day on which it begins: a holiday or closed day takes away the
 * windows that begin on it, the early hours that follow included, and leaves the shift that began the evening before.
 * Closures that name hours cut exactly these hours. Extra openings override all of that.
 */
export interface HoursSpec {
  /** every hour of every day, instead of windows */
  readonly always: boolean;
  readonly windows: readonly WeeklyWindow[];
  readonly holidays: HolidayCalendar | null;
  readonly closures: readonly Closure[];
  readonly openings: readonly LocalSpan[];
}

interface Interval {
  readonly start: Millis;
  end: Millis;
}

const ROUND_THE_CLOCK: readonly WeeklyWindow[] = [{ days: 0b11111110, start: 0, end: 1440 }];
/** Days looked at on either side, widened until the ends of the period are found; a year is as far as Hours tells. */
const HORIZONS = [6, 30, 370];

const dayOf = (local: number): number => Math.floor(local / DAY);
/** ISO weekday of a day number; 1970-01-01 was a Thursday. */
const weekdayOf = (day: number): number => ((((day + 3) % 7) + 7) % 7) + 1;

/** Sorted, and what touches or overlaps made one. */
function joined(intervals: readonly Interval[]): Interval[] {
  const sorted = [...intervals].sort((a, b) => a.start - b.start);
  const result: Interval[] = [];
  for (const { start, end } of sorted) {
    const last = result.at(-1);
    if (last !== undefined && start <= last.end) last.end = Math.max(last.end, end);
    else result.push({ start, end });
  }
  return result;
}

/** `from` without `cuts`; both sorted and disjoint. */
function without(from: readonly Interval[], cuts: readonly Interval[]): Interval[] {
  let left: Interval[] = [...from];
  for (const cut of cuts)
    left = left.flatMap(({ start, end }) => {
      if (cut.end <= start || cut.start >= end) return [{ start, end }];
      return [
        { start, end: cut.start },
        { start: cut.end, end },
      ].filter((part) => part.end > part.start);
    });
  return left;
}

const containing = (intervals: readonly Interval[], at: Millis): Interval | undefined =>
  intervals.find(({ start, end }) => start <= at && at < end);

/** The hours of one site, group or account. Asked again within the same stretch of time it answers from memory. */
export class OpeningHours {
  readonly #zone: Zone;
  readonly #spec: HoursSpec;
  readonly #windows: readonly WeeklyWindow[];
  /** weekdays that have a window */
  readonly #days: number;
  #from: Millis = Infinity;
  #to: Millis = -Infinity;
  #hours: Hours = { open: true, reason: 'always', holiday: null, since: null, until: null };

  constructor(zone: Zone, spec: HoursSpec) {
    this.#zone = zone;
    this.#spec = spec;
    this.#windows = spec.always ? ROUND_THE_CLOCK : spec.windows;
    this.#days = this.#windows.reduce((days, window) => days | window.days, 0);
    const constant = spec.holidays === null && spec.closures.length === 0;
    if (spec.always && constant) this.#from = -Infinity;
    if (spec.always && constant) this.#to = Infinity;
  }

  at(at: Millis): Hours {
    if (at >= this.#from && at < this.#to) return this.#hours;
    return this.#work(at);
  }

  #work(at: Millis): Hours {
    const today = dayOf(at + this.#zone.offsetAt(at));
    for (const horizon of HORIZONS) {
      const first = today - horizon;
      const last = today + horizon;
      const regular = this.#regular(first, last);
      const extra = joined(this.#spec.openings.flatMap((span) => this.#instants(span)));
      const open = joined([...regular, ...extra]);
      const now = containing(open, at);
      const since = now?.start ?? open.findLast(({ end }) => end <= at)?.end ?? -Infinity;
      const until = now?.end ?? open.find(({ start }) => start > at)?.start ?? Infinity;
      // windows that begin before the horizon may reach two days into it
      const early = this.#zone.instant((first + 2) * DAY);
      const late = this.#zone.instant((last - 1) * DAY);
      const complete = since > early && until < late;
      if (!complete && horizon !== HORIZONS.at(-1)) continue;
      const period = { since: since > early ? since : null, until: until < late ? until : null };
      this.#hours =
        now === undefined
          ? { open: false, ...this.#whyClosed(at, today), ...period }
          : { open: true, reason: this.#whyOpen(regular, at), holiday: null, ...period };
      this.#remember(at, today, [regular, extra], period);
      break;
    }
    return this.#hours;
  }

  /** Windows of the days from `first` to `last`, less what holidays and closures take away. */
  #regular(first: number, last: number): Interval[] {
    const windows: Interval[] = [];
    const cuts: Interval[] = [];
    for (let day = first; day <= last; day++) {
      const holiday = this.#spec.holidays?.on(day) ?? null;
      if (holiday !== null && holiday.start > 0)
        cuts.push(...this.#instants({ start: day * DAY + holiday.start * MINUTE, end: (day + 1) * DAY }));
      if (holiday?.start === 0 || this.#closedDay(day)) continue;
      for (const { days, start, end } of this.#windows)
        if ((days & (1 << weekdayOf(day))) !== 0)
          windows.push(...this.#instants({ start: day * DAY + start * MINUTE, end: day * DAY + end * MINUTE }));
    }
    for (const closure of this.#spec.closures) if (!closure.wholeDays) cuts.push(...this.#instants(closure));
    return without(joined(windows), joined(cuts));
  }

  #closedDay(day: number): boolean {
    const local = day * DAY;
    return this.#spec.closures.some((closure) => closure.wholeDays && closure.start <= local && local < closure.end);
  }

  /** The instants at which the wall clock shows a time within the span: one interval, two where clocks change within it. */
  #instants({ start, end }: LocalSpan): Interval[] {
    let low = start - DAY;
    let high = end + DAY;
    const before = this.#zone.offsetAt(low);
    const after = this.#zone.offsetAt(high);
    if (before === after) return [{ start: start - before, end: end - before }];
    while (high - low > MINUTE) {
      const middle = Math.floor((low + high) / 2 / MINUTE) * MINUTE;
      if (this.#zone.offsetAt(middle) === before) low = middle;
      else high = middle;
    }
    return [
      { start: start - before, end: Math.min(high, end - before) },
      { start: Math.max(high, start - after), end: end - after },
    ].filter((interval) => interval.end > interval.start);
  }

  #whyOpen(regular: readonly Interval[], at: Millis): Hours['reason'] {
    if (containing(regular, at) === undefined) return 'opened';
    return this.#spec.always ? 'always' : 'hours';
  }

  #whyClosed(at: Millis, today: number): Pick<Hours, 'reason' | 'holiday'> {
    const local = at + this.#zone.offsetAt(at);
    if (this.#spec.closures.some(({ start, end }) => start <= local && local < end))
      return { reason: 'closed', holiday: null };
    const holiday = this.#spec.holidays?.on(today) ?? null;
    if (holiday !== null && local >= today * DAY + holiday.start * MINUTE)
      return { reason: 'holiday', holiday: holiday.name };
    return { reason: this.#isWeekend(weekdayOf(today)) ? 'weekend' : 'outside-hours', holiday: null };
  }

  /** A day without hours at the week's end: Saturday or Sunday, or Friday where Sunday is worked. */
  #isWeekend(weekday: number): boolean {
    const worked = (day: number): boolean => (this.#days & (1 << day)) !== 0;
    return !worked(weekday) && (weekday >= 6 || (weekday === 5 && worked(7)));
  }

  /** The answer holds until something could change it: a window, closure or opening begins or ends, or the day does. */
  #remember(
    at: Millis,
    today: number,
    sets: readonly (readonly Interval[])[],
    period: Pick<Hours, 'since' | 'until'>,
  ): void {
    const limits = [period.since ?? -Infinity, period.until ?? Infinity];
    limits.push(this.#zone.instant(today * DAY), this.#zone.instant((today + 1) * DAY));
    for (const set of sets) for (const { start, end } of set) limits.push(start, end);
    for (const closure of this.#spec.closures)
      for (const { start, end } of this.#instants(closure)) limits.push(start, end);
    const holiday = this.#spec.holidays?.on(today) ?? null;
    if (holiday !== null) limits.push(this.#zone.instant(today * DAY + holiday.start * MINUTE));
    let from = -Infinity;
    let to = Infinity;
    for (const limit of limits) {
      if (limit <= at) from = Math.max(from, limit);
      else to = Math.min(to, limit);
    }
    this.#from = from;
    this.#to = to;
  }
}
