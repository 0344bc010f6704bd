import {
  amountAtLeast,
  atLeast,
  atMost,
  faded,
  PriorEstimate,
  quantile,
  shrunkRate,
  smoothed,
  alike,
  type Forecast,
  type Prior,
} from '../baseline.ts';
import type { Event, Evidence, Millis } from '../model.ts';
import { severityRank } from '../model.ts';
import type { DialledNumber, Site } from '../site/site.ts';
import { priceOf } from '../site/tariff.ts';
import { DAY, HOUR, SECOND, Zone } from '../time.ts';
import { AccountWeeks, SHARD, type Day, type Slot } from './habit-accounts.ts';
import { CallCount } from './habit-calls.ts';
import { calledIn, calledOnce, countriesIn, notePlace, placeKeys } from './habit-places.ts';
import { Week, type HourParts } from './habit-week.ts';
import { MEASURES, type Called, type Habits, type Measure, type Whose } from './habits.ts';

/** Shape of the snapshot. A raise forgets what was learned: two weeks of silence. */
export const HABITS_VERSION = 1;

/** Days from the first call to first use, and days on which something happened. */
const DAYS_TO_FIRST_USE = 14;
const BUSY_DAYS = 7;
const ACCOUNTS = 100_000;
/** So many are learned as the day begins, the others in the minutes after. */
const AT_ONCE = 16 * SHARD;
const SITE_PLACES = 1_024;
const GROUP_PLACES = 512;
/** A pause longer than this was not watched; a shorter one was a quiet weekend. */
const LONGEST_QUIET = 4;
/** On a day on which so much was expected and nothing came, a feed was dead. */
const SURELY_SOME = 30;
/** Weeks of an account's own history that weigh as much as what it borrows. */
const BORROWED_WEEKS = 2;
/** Calls, as much for the shape of a group's week; for the length and price of an account's calls. */
const BORROWED_CALLS = 50;
const BORROWED_TALKS = 5;
/** Deviations weigh as the site's until so many calls were expected. */
const BORROWED_SPREAD = 20;
/** Squared length or price of a call over the square of its mean, as long calls are long. */
const CALL_SIZES = 3;
/** A day counts for this many standard deviations above the expected at the most, so that one day cannot teach. */
const WINSOR = 4;
const WINSOR_LEAST = 3;
/** Spans that are asked for are cut to this. */
const LONGEST_SPAN = 31 * DAY;
/** Answers that are kept until the next day. */
const USUAL = 4_096;

/** A part of the snapshot; `state` is made when it is asked for, `revision` is another when it changed. */
export interface HabitsPart {
  readonly name: string;
  readonly revision?: number;
  readonly state: () => unknown;
}

type Counted = 'calls' | 'chargeable';
const countOf = (measure: Measure): Counted => (measure === 'calls' || measure === 'minutes' ? 'calls' : 'chargeable');

/**
 * Learns what accounts, groups and the site usually do (src/baseline.ts says how). A day is learned when it is over: an
 * account's share of it within the time that follows, a shard a second, or when it is asked for. Against being taught by an
 * attacker: what an account did on a day on which something high or graver was told of it is forgotten (`judged`), and a day
 * far above what was expected counts only up to four standard deviations. Public holidays and closed days are not learned,
 * and are expected to be like Sundays.
 */
export class LearnedHabits implements Habits {
  readonly #site: Site;
  readonly #zone: Zone;
  readonly #accounts: AccountWeeks;
  /** which events are a call of whom */
  readonly counted: CallCount;
  #week = new Week();
  readonly #groups = new Map<string, Week>();
  readonly #priors = new Map<string, Prior | null>();
  /** day that is counted, since 1970, local; its beginning and end */
  #day = 0;
  #dayStart: Millis = 0;
  #dayEnd: Millis = 0;
  #first = 0;
  #busyDays = 0;
  /** first slot that may hold days to learn */
  #sweep = 0;
  #weekChanged = 1;
  readonly #dayKinds = new Map<number, { weekday: number; regular: boolean }>();
  /** what was asked for today, until more is learned */
  readonly #usual = new Map<string, { readonly mean: number; readonly high: number }>();

  constructor(site: Site, accounts = ACCOUNTS) {
    this.#site = site;
    this.#zone = new Zone(site.timezone);
    this.#accounts = new AccountWeeks(accounts);
    this.counted = new CallCount(site);
  }

  // ------------------------------------------------------------------------------------------------------- learning

  /** Every event, after the detectors have judged it. */
  take(event: Event): void {
    if (event.at >= this.#dayEnd) this.#turn(event.at);
    else if (this.#sweep < this.#accounts.slots) this.#sweepUntil(event.at);
    const { placed, talked, inbound } = this.counted.take(event);
    if (inbound) this.#week.add('inbound', this.#hour(event.at), 1);
    if (placed !== null) this.#placed(placed.account, placed.number, event.at);
    if (talked !== null) this.#talked(talked.account, talked.number, talked.seconds, event.at);
  }

  /** What was told of an account: what it did today must not become usual. */
  judged({ severity, subject, accounts, at }: Evidence): void {
    if (severityRank(severity) < severityRank('high') || this.#day === 0) return;
    const names = subject.type === 'account' ? [subject.value, ...accounts] : accounts;
    for (const name of names) {
      const slot = this.#accounts.slotOf(name);
      if (slot === undefined || at < this.#dayStart) continue;
      this.#learnAccount(slot);
      const today = this.#accounts.present(slot);
      if (today?.quarantined === true) continue;
      // the weeks of site and groups do without it too
      if (today !== null) for (const week of this.#weeksOf(name)) takeBack(week, today);
      this.#accounts.quarantine(slot, this.#day);
    }
  }

  #hour(at: Millis): number {
    return Math.floor((at - this.#dayStart + this.#skew(at)) / HOUR) % 24;
  }
  /** On a day when clocks change the hour is that of the wall. */
  #skew(at: Millis): Millis {
    return this.#zone.offsetAt(at) - this.#zone.offsetAt(this.#dayStart);
  }

  #weeksOf(account: string): Week[] {
    const weeks = [this.#week];
    for (const group of this.#site.accounts.groupsOf(account)) {
      let week = this.#groups.get(group);
      if (week === undefined) this.#groups.set(group, (week = new Week()));
      weeks.push(week);
    }
    return weeks;
  }

  /** The account's slot, its former day learned. */
  #slot(account: string): Slot {
    const known = this.#accounts.slotOf(account);
    if (known === undefined) return this.#accounts.open(account, this.#day, this.#watched());
    this.#learnAccount(known);
    return known;
  }

  #placed(account: string, number: DialledNumber, at: Millis): void {
    const slot = this.#slot(account);
    const hour = this.#hour(at);
    this.#accounts.place(slot, this.#day, hour, number.chargeable ? placeKeys(number) : null);
    if (this.#accounts.isQuarantined(slot)) return;
    for (const week of this.#weeksOf(account)) {
      week.add('calls', hour, 1);
      if (number.chargeable) week.add('chargeable', hour, 1);
    }
  }

  #talked(account: string, number: DialledNumber, seconds: number, at: Millis): void {
    const slot = this.#slot(account);
    const spend = number.chargeable ? this.#price(number, seconds) : 0;
    this.#accounts.talk(slot, this.#day, seconds / 60, spend);
    if (this.#accounts.isQuarantined(slot)) return;
    const hour = this.#hour(at);
    for (const week of this.#weeksOf(account)) {
      week.add('minutes', hour, seconds / 60);
      if (spend > 0) week.add('spend', hour, spend);
    }
  }

  /** By the tariff, else by our estimate, as budgets are reckoned. */
  #price(number: DialledNumber, seconds: number): number {
    return seconds <= 0 ? 0 : priceOf(this.#site.rate(number), seconds);
  }

  /** A new day. */
  #turn(at: Millis): void {
    const day = Math.floor((at + this.#zone.offsetAt(at)) / DAY);
    if (this.#day === 0) this.#first = day;
    else {
      while (this.#sweep < this.#accounts.slots) this.#learnAccount(this.#sweep++);
      const pause = day - this.#day - 1;
      this.#endDay(this.#day, true);
      for (let d = this.#day + 1; d < day && d <= this.#day + 400; d++) this.#endDay(d, pause <= LONGEST_QUIET);
      this.#estimatePriors(day - 1);
      this.#weekChanged++;
    }
    this.#usual.clear();
    this.#day = day;
    this.#dayStart = this.#zone.instant(day * DAY);
    this.#dayEnd = this.#zone.instant((day + 1) * DAY);
    this.#sweep = 0;
    while (this.#sweep < Math.min(this.#accounts.slots, AT_ONCE)) this.#learnAccount(this.#sweep++);
  }

  #endDay(day: number, watched: boolean): void {
    const { weekday, regular } = this.#kind(day);
    const total = this.#week.today('calls') + this.#week.today('inbound');
    const dead = total === 0 && this.#known(day) && this.#dayForecast(weekday) > SURELY_SOME;
    const learn = watched && regular && !dead;
    if (total > 0) this.#busyDays++;
    this.#dayKinds.set(day, { weekday, regular: learn });
    for (const week of [this.#week, ...this.#groups.values()]) week.endDay(weekday, learn);
  }

  #dayForecast(weekday: number): number {
    const parts = hoursOfDay(weekday);
    return this.#week.forecast('calls', parts).mean + this.#week.forecast('inbound', parts).mean;
  }

  /** Weekday (0 = Monday; a holiday is a Sunday), and whether the day can teach what is usual. */
  #kind(day: number): { weekday: number; regular: boolean } {
    const known = this.#dayKinds.get(day);
    if (known !== undefined) return known;
    const { reason } = this.#site.hours(this.#zone.instant(day * DAY + DAY / 2), null);
    const off = reason === 'holiday' || reason === 'closed';
    const kind = { weekday: off ? 6 : weekdayOf(day), regular: !off };
    if (this.#dayKinds.size > 1_000) this.#dayKinds.clear();
    this.#dayKinds.set(day, kind);
    return kind;
  }

  /** Faded days watched so far. */
  #watched(): number {
    return this.#week.weeks * 7;
  }

  /** A shard a second of the new day, so that no packet waits for a hundred thousand accounts. */
  #sweepUntil(at: Millis): void {
    const end = Math.min(this.#accounts.slots, AT_ONCE + Math.floor((at - this.#dayStart) / SECOND) * SHARD);
    const most = Math.min(end, this.#sweep + SHARD);
    while (this.#sweep < most) this.#learnAccount(this.#sweep++);
  }

  /** Learns the former day of an account, if there is one. */
  #learnAccount(slot: Slot): void {
    const counted = this.#accounts.dayOf(slot);
    if (counted === 0 || counted >= this.#day) return;
    const today = this.#accounts.present(slot);
    if (today === null) return;
    for (const measure of MEASURES) this.#usual.delete(`${measure}|account:${this.#accounts.nameOf(slot) ?? ''}`);
    const { weekday, regular } = this.#kind(today.day);
    if (!regular || today.quarantined) {
      this.#accounts.learn(slot, weekday, 0, { missed: regular ? 1 : 0 });
      return;
    }
    const name = this.#accounts.nameOf(slot) ?? '';
    let kept = 1;
    let expected = 0;
    let squares = 0;
    if (this.#known(today.day)) {
      const forecast = this.#forecastOf(name, slot, 'calls');
      const forecasts = hoursOfDay(weekday).map((part) => forecast([part]));
      expected = forecasts.reduce((sum, f) => sum + f.mean, 0);
      const deviation = Math.sqrt(forecasts.reduce((sum, f) => sum + f.variance, 0));
      const total = today.calls.reduce((sum, n) => sum + n, 0);
      const cap = expected + WINSOR * deviation + WINSOR_LEAST;
      if (total > cap) kept = cap / total;
      for (const [h, f] of forecasts.entries()) squares += ((today.calls[h] ?? 0) * kept - f.mean) ** 2;
    }
    const { day, places } = today;
    for (const week of this.#weeksOf(name))
      for (const key of places) notePlace(week.places, key, 1, day, week === this.#week ? SITE_PLACES : GROUP_PLACES);
    if (places.length > 0) this.#weekChanged++;
    this.#accounts.learn(slot, weekday, kept, { expected, squares });
  }

  /** How accounts differ, from all of them, once a day. */
  #estimatePriors(day: number): void {
    this.#priors.clear();
    for (const measure of ['calls', 'chargeable'] as const) {
      const site = new PriorEstimate();
      const groups = new Map<string, PriorEstimate>();
      for (let slot = 0; slot < this.#accounts.slots; slot++) {
        const name = this.#accounts.nameOf(slot);
        if (name === null) continue;
        const count = this.#accounts.get(slot, measure) * faded(day - this.#accounts.learned(slot));
        const weeks = this.#weeksWatched(slot, day);
        site.add(count, weeks);
        const group = this.#site.accounts.groupsOf(name)[0];
        if (group === undefined) continue;
        let estimate = groups.get(group);
        if (estimate === undefined) groups.set(group, (estimate = new PriorEstimate()));
        estimate.add(count, weeks);
      }
      const prior = site.prior(null);
      this.#priors.set(measure, prior);
      for (const [group, estimate] of groups) this.#priors.set(`${measure}|${group}`, estimate.prior(prior));
    }
  }

  /** Faded weeks for which an account has been watched, on a day. */
  #weeksWatched(slot: Slot, day: number): number {
    const missed = this.#accounts.get(slot, 'missed') * faded(day - this.#accounts.learned(slot));
    return Math.max(0, this.#watched() - missed) / 7;
  }

  // --------------------------------------------------------------------------------------------------------- asking

  #known(day: number): boolean {
    return this.#day > 0 && day - this.#first >= DAYS_TO_FIRST_USE && this.#busyDays >= BUSY_DAYS;
  }

  known(): boolean {
    return this.#known(this.#day);
  }

  knows(account: string): boolean {
    const slot = this.#accounts.slotOf(account);
    return slot !== undefined && this.known() && this.#day - this.#accounts.since(slot) >= DAYS_TO_FIRST_USE;
  }

  expected(whose: Whose, measure: Measure, from: Millis, to: Millis): number {
    return this.#of(whose, measure, this.#parts(from, to, true)).mean;
  }

  surprise(whose: Whose, measure: Measure, amount: number, from: Millis, to: Millis): number {
    if (!this.known()) return 1;
    return Math.max(
      ...this.#weeklike(from, to).map((parts) => {
        const forecast = this.#of(whose, measure, parts);
        return isCount(measure) ? atLeast(amount, forecast) : amountAtLeast(amount, forecast);
      }),
    );
  }

  silence(whose: Whose, measure: Measure, amount: number, from: Millis, to: Millis): number {
    if (!this.known()) return 1;
    return Math.max(
      ...this.#weeklike(from, to).map((parts) => {
        // what is smoothed into the hour before opening is not missed there
        const forecast = whose === 'site' ? this.#week.forecast(measure, parts, true) : this.#of(whose, measure, parts);
        return isCount(measure) ? atMost(amount, forecast) : 1 - amountAtLeast(amount, forecast);
      }),
    );
  }

  usual(whose: Whose, measure: Measure): { mean: number; high: number } {
    // asked while calls cost money, for each of them
    const key = `${measure}|${nameOf(whose)}`;
    const slot = typeof whose === 'object' && 'account' in whose ? this.#accounts.slotOf(whose.account) : undefined;
    if (slot !== undefined) this.#learnAccount(slot);
    let usual = this.#usual.get(key);
    if (usual === undefined) {
      usual = this.#usualDay(whose, measure);
      if (this.#usual.size >= USUAL) this.#usual.clear();
      this.#usual.set(key, usual);
    }
    return usual;
  }

  #usualDay(whose: Whose, measure: Measure): { mean: number; high: number } {
    const days = [0, 1, 2, 3, 4, 5, 6].map((day) => this.#of(whose, measure, hoursOfDay(day)));
    const mean = days.reduce((sum, f) => sum + f.mean, 0) / 7;
    const busiest = days.reduce((a, b) => (b.mean > a.mean ? b : a));
    return { mean, high: quantile(0.01, busiest) };
  }

  called(whose: Whose, number: DialledNumber): Called {
    return calledIn(this.#placesOf(whose), number, this.#day);
  }

  discoveries(whose: Whose): number {
    return calledOnce(this.#placesOf(whose), this.#day) / Math.max(this.watched(whose) ?? 0, 1);
  }

  #placesOf(whose: Whose): readonly number[] | null {
    if (whose === 'site') return this.#week.places;
    if ('group' in whose) return this.#groups.get(whose.group)?.places ?? null;
    const slot = this.#accounts.slotOf(whose.account);
    if (slot === undefined) return null;
    this.#learnAccount(slot);
    return this.#accounts.places(slot);
  }

  /** Countries called, most often first. */
  countries(whose: Whose): { place: string; calls: number; last: Millis }[] {
    return countriesIn(this.#placesOf(whose), this.#day);
  }

  /** What is expected of each hour of the week (0 = Monday, midnight). */
  week(whose: Whose, measure: Measure): number[] {
    return Array.from({ length: 168 }, (_, hour) => this.#of(whose, measure, [[hour, 1]]).mean);
  }

  /** Faded weeks of watching that this rests on; null: nobody of that name. */
  watched(whose: Whose): number | null {
    if (whose === 'site') return this.#day === 0 ? null : this.#week.weeks;
    if ('group' in whose) return this.#groups.get(whose.group)?.weeks ?? null;
    const slot = this.#accounts.slotOf(whose.account);
    if (slot === undefined) return null;
    this.#learnAccount(slot);
    return this.#weeksWatched(slot, this.#day - 1);
  }

  /** A holiday may be like a Sunday or, where people work all the same, like its weekday: neither is unusual. */
  #weeklike(from: Millis, to: Millis): HourParts[] {
    const asSunday = this.#parts(from, to, true);
    const asIs = this.#parts(from, to, false);
    return asSunday.every(([hour], i) => hour === asIs[i]?.[0]) ? [asSunday] : [asSunday, asIs];
  }

  /** The hours of the week within a span. */
  #parts(from: Millis, to: Millis, holidays: boolean): HourParts {
    const parts: [number, number][] = [];
    const end = Math.min(to, from + LONGEST_SPAN);
    // offsets are whole quarters nearly everywhere, so an hour of the wall ends within an hour of UTC
    for (let at = from; at < end;) {
      const local = at + this.#zone.offsetAt(at);
      const next = Math.min(end, at + HOUR - (local % HOUR));
      const day = Math.floor(local / DAY);
      const weekday = holidays ? this.#kind(day).weekday : weekdayOf(day);
      parts.push([weekday * 24 + (Math.floor(local / HOUR) % 24), (next - at) / HOUR]);
      at = next;
    }
    return parts;
  }

  #of(whose: Whose, measure: Measure, parts: HourParts): Forecast {
    if (whose === 'site') return this.#week.forecast(measure, parts);
    if ('group' in whose) return this.#groups.get(whose.group)?.forecast(measure, parts) ?? NOTHING;
    if (measure === 'inbound') return NOTHING;
    const slot = this.#accounts.slotOf(whose.account);
    if (slot !== undefined) this.#learnAccount(slot);
    const counts = this.#ofAccount(whose.account, slot, countOf(measure), parts);
    if (isCount(measure)) return counts;
    // a sum of calls, each of its own length or price (compound distribution)
    const each = this.#each(slot, measure);
    return {
      mean: counts.mean * each,
      variance: counts.variance * each * each + counts.mean * (CALL_SIZES - 1) * each * each,
    };
  }

  /** Minutes or money of one call of an account. */
  #each(slot: Slot | undefined, measure: 'minutes' | 'spend'): number {
    const count = countOf(measure);
    const site = this.#week.total(measure) / Math.max(this.#week.total(count), 1);
    if (slot === undefined) return site;
    const calls = this.#accounts.get(slot, count);
    return (this.#accounts.get(slot, measure) + BORROWED_TALKS * site) / (calls + BORROWED_TALKS);
  }

  #ofAccount(name: string, slot: Slot | undefined, measure: Counted, parts: HourParts): Forecast {
    return this.#forecastOf(name, slot, measure)(parts);
  }

  /** What is expected of an account, to be asked for many spans. */
  #forecastOf(name: string, slot: Slot | undefined, measure: Counted): (parts: HourParts) => Forecast {
    const group = this.#site.accounts.groupsOf(name)[0];
    const prior = this.#priors.get(`${measure}|${group ?? ''}`) ?? this.#priors.get(measure) ?? null;
    if (prior === null) return () => NOTHING;
    const left = slot === undefined ? 0 : faded(this.#day - 1 - this.#accounts.learned(slot));
    const count = slot === undefined ? 0 : this.#accounts.get(slot, measure) * left;
    const weeks = slot === undefined ? 0 : this.#weeksWatched(slot, this.#day - 1);
    const rate = shrunkRate(count, weeks, prior);
    const shape = this.#shape(measure, group);
    const own = slot === undefined || count === 0 ? () => 0 : this.#ownHours(slot, measure);
    const denominator = BORROWED_WEEKS + weeks;
    const rateUnsure = (BORROWED_WEEKS / denominator) ** 2 / (prior.shape + count);
    const days = this.#week.dayVariation(measure) + rateUnsure;
    const spread = this.#spread(slot, left);
    return (parts) => {
      let mean = 0;
      let unsure = 0;
      for (const [hour, part] of parts) {
        const amount = BORROWED_WEEKS * rate * shape(hour) + (count === 0 ? 0 : left * own(hour));
        mean += (part * amount) / denominator;
        unsure += (part * part * amount) / denominator ** 2;
      }
      return { mean, variance: spread * (mean + unsure) + days * mean * mean };
    };
  }

  /** Variance over mean of an account's hours. */
  #spread(slot: Slot | undefined, left: number): number {
    const site = this.#week.dispersion('calls');
    if (slot === undefined) return site;
    const squares = this.#accounts.get(slot, 'squares') * left + BORROWED_SPREAD * site;
    return Math.max(1, squares / (this.#accounts.get(slot, 'expected') * left + BORROWED_SPREAD));
  }

  /** Which part of a week's calls an hour usually holds: as in the group, which borrows from the site. */
  #shape(measure: Counted, group: string | undefined): (hour: number) => number {
    const site = this.#week.smoothed(measure);
    const total = this.#week.total(measure);
    const ofSite = (hour: number): number => (total <= 0 ? 1 / 168 : (site[hour] ?? 0) / total);
    const week = group === undefined ? undefined : this.#groups.get(group);
    if (week === undefined) return ofSite;
    const hours = week.smoothed(measure);
    const all = week.total(measure) + BORROWED_CALLS;
    return (hour) => ((hours[hour] ?? 0) + BORROWED_CALLS * ofSite(hour)) / all;
  }

  #ownHours(slot: Slot, measure: Counted): (hour: number) => number {
    const weekdays = this.#week.days('calls');
    const balances = [0, 1, 2, 3, 4, 5, 6].map((day) => this.#week.balance(day));
    const like: (readonly number[] | undefined)[] = [];
    const balance = (hour: number): number => balances[Math.floor(hour / 24)] ?? 1;
    const at =
      measure === 'calls'
        ? (hour: number) => this.#accounts.calls(slot, hour) * balance(hour)
        : (hour: number) => (this.#accounts.chargeable(slot, Math.floor(hour / 3)) / 3) * balance(hour);
    return (hour) => {
      const day = Math.floor(hour / 24);
      return smoothed(at, hour, (like[day] ??= alike(weekdays, day)));
    };
  }

  // ------------------------------------------------------------------------------------------------------ snapshots

  size(): number {
    return this.#accounts.size + this.counted.size + this.#groups.size;
  }

  /** The state in parts, of which most change seldom. */
  parts(): HabitsPart[] {
    const weeks = (): [string, Week][] => [['', this.#week], ...this.#groups];
    return [
      {
        name: '',
        state: () => ({
          day: this.#day,
          first: this.#first,
          busyDays: this.#busyDays,
          sweep: this.#sweep,
          count: this.counted.snapshot(),
          accounts: this.#accounts.head(),
          irregular: [...this.#dayKinds].filter(([day]) => day >= this.#day - 2),
          priors: [...this.#priors],
          today: weeks().map(([group, week]) => [group, week.present()]),
        }),
      },
      {
        name: '.site',
        revision: this.#weekChanged,
        state: () => weeks().map(([group, week]) => [group, week.learned()]),
      },
      ...this.#accounts.parts().map((part) => ({ ...part, name: `.${part.name}` })),
    ];
  }

  /** Goes on from `parts`, as they were given, by name. */
  restore(part: (name: string) => { readonly state: unknown; readonly revision: number } | undefined): boolean {
    const head = part('');
    const site = part('.site');
    if (head === undefined || site === undefined) return false;
    const s = head.state as Stored;
    this.#day = s.day;
    this.#first = s.first;
    this.#busyDays = s.busyDays;
    this.#sweep = s.sweep;
    this.#dayStart = this.#zone.instant(s.day * DAY);
    this.#dayEnd = s.day === 0 ? 0 : this.#zone.instant((s.day + 1) * DAY);
    this.counted.restore(s.count);
    this.#usual.clear();
    this.#dayKinds.clear();
    for (const [day, kind] of s.irregular) this.#dayKinds.set(day, kind);
    this.#priors.clear();
    for (const [name, prior] of s.priors) this.#priors.set(name, prior);
    this.#weekChanged = site.revision;
    const today = new Map(s.today);
    this.#groups.clear();
    for (const [group, learned] of site.state as [string, unknown][]) {
      const week = group === '' ? this.#week : new Week();
      week.restore(learned, today.get(group) ?? []);
      if (group !== '') this.#groups.set(group, week);
    }
    this.#accounts.restore(s.accounts, (name) => part(`.${name}`));
    return true;
  }
}

interface Stored {
  readonly day: number;
  readonly first: number;
  readonly busyDays: number;
  readonly sweep: number;
  readonly count: unknown;
  readonly accounts: unknown;
  readonly irregular: [number, { weekday: number; regular: boolean }][];
  readonly priors: [string, Prior | null][];
  readonly today: [string, number[]][];
}

const NOTHING: Forecast = { mean: 0, variance: 0 };
const nameOf = (whose: Whose): string =>
  whose === 'site' ? 'site' : 'group' in whose ? `group:${whose.group}` : `account:${whose.account}`;
const isCount = (measure: Measure): measure is 'calls' | 'chargeable' | 'inbound' =>
  measure !== 'minutes' && measure !== 'spend';
/** 0 = Monday; 1970-01-01 was a Thursday. */
const weekdayOf = (day: number): number => (day + 3) % 7;
const hoursOfDay = (weekday: number): (readonly [number, number])[] =>
  Array.from({ length: 24 }, (_, hour) => [weekday * 24 + hour, 1] as const);

/** Takes a day of one account out of the present day of a week. */
function takeBack(week: Week, today: Day): void {
  for (let hour = 0; hour < 24; hour++) {
    week.add('calls', hour, -(today.calls[hour] ?? 0));
    week.add('chargeable', hour, -(today.chargeable[hour] ?? 0));
  }
  for (const measure of MEASURES)
    if (measure === 'minutes' || measure === 'spend') {
      // minutes are kept by the day alone: taken out where the week has them
      const share = today[measure] / Math.max(week.today(measure), today[measure], 1e-9);
      week.scaleToday(measure, 1 - share);
    }
}
