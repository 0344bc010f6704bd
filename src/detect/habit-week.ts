import { alike, faded, HOURS_OF_WEEK, smoothed, type Forecast } from '../baseline.ts';
import { MEASURES, type Measure } from './habits.ts';
import type { Places } from './habit-places.ts';

/** Hours of a span, by hour of the week, and how much of each. */
export type HourParts = readonly (readonly [hourOfWeek: number, part: number])[];

const HOURS = 24;
const MEASURE_COUNT = MEASURES.length;
/** Expected amount whose deviations weigh as much as the assumption below. */
const DISPERSION_WEIGHT = 20;
const DISPERSION_AT_FIRST = 1.5;
/** Days differ by a fifth even where nothing is the matter. */
const DAY_VARIATION_AT_FIRST = 0.04;
const DAY_VARIATION_LEARNT = 0.05;
/** A day counts for this many standard deviations above what was expected at the most. */
const WINSOR = 5;

/** The week of the site or of one group: all measures by hour, in full precision, with the present day apart. */
export class Week {
  /** faded amounts, measure by measure */
  readonly #bins = new Float64Array(MEASURE_COUNT * HOURS_OF_WEEK);
  /** the present day */
  readonly #today = new Float64Array(MEASURE_COUNT * HOURS);
  /** faded days watched, by weekday (0 = Monday) */
  readonly exposure = new Float64Array(7);
  /** per measure: squared deviations of hours, what was expected of them, variation of days */
  readonly #spread = new Float64Array(MEASURE_COUNT * 3);
  places: Places = [];
  readonly #smooth = new Map<Measure, Float64Array>();
  /** what is asked for with every forecast and changes once a day */
  readonly #days = new Map<Measure, number[]>();
  #weeks: number | null = null;

  constructor() {
    for (let m = 0; m < MEASURE_COUNT; m++) this.#spread[m * 3 + 2] = DAY_VARIATION_AT_FIRST;
  }

  add(measure: Measure, hour: number, amount: number): void {
    const i = MEASURES.indexOf(measure) * HOURS + hour;
    this.#today[i] = Math.max(0, (this.#today[i] ?? 0) + amount);
  }

  scaleToday(measure: Measure, part: number): void {
    const first = MEASURES.indexOf(measure) * HOURS;
    for (let h = first; h < first + HOURS; h++) this.#today[h] = (this.#today[h] ?? 0) * part;
  }

  /** Amount of the present day. */
  today(measure: Measure): number {
    const first = MEASURES.indexOf(measure) * HOURS;
    let sum = 0;
    for (let h = first; h < first + HOURS; h++) sum += this.#today[h] ?? 0;
    return sum;
  }

  /** The present day is over. `learn`: it was a day like others of its weekday, to be learned. */
  endDay(weekday: number, learn: boolean): void {
    const forecasts = learn
      ? MEASURES.map((m) => Array.from({ length: HOURS }, (_, h) => this.forecast(m, [[weekday * 24 + h, 1]])))
      : [];
    const left = faded(1);
    for (const values of [this.#bins, this.exposure]) values.forEach((value, i) => (values[i] = value * left));
    if (learn) {
      const watched = (this.exposure[weekday] ?? 0) > 0.5;
      for (const [m, hours] of forecasts.entries()) this.#learn(m, weekday, hours, watched);
      this.exposure[weekday] = (this.exposure[weekday] ?? 0) + 1;
    }
    this.#today.fill(0);
    this.#changed();
  }

  #changed(): void {
    this.#smooth.clear();
    this.#days.clear();
    this.#weeks = null;
  }

  #learn(m: number, weekday: number, hours: readonly Forecast[], watched: boolean): void {
    let total = 0;
    let mean = 0;
    let variance = 0;
    const day = this.#today.subarray(m * HOURS, (m + 1) * HOURS);
    for (const [h, forecast] of hours.entries()) {
      total += day[h] ?? 0;
      mean += forecast.mean;
      variance += forecast.variance;
    }
    const cap = watched ? mean + WINSOR * Math.sqrt(variance) + WINSOR : Infinity;
    const kept = total > cap ? cap / total : 1;
    const first = m * HOURS_OF_WEEK + weekday * HOURS;
    for (let h = 0; h < HOURS; h++) this.#bins[first + h] = (this.#bins[first + h] ?? 0) + (day[h] ?? 0) * kept;
    if (!watched) return;
    const s = m * 3;
    let squares = 0;
    for (const [h, forecast] of hours.entries()) squares += ((day[h] ?? 0) * kept - forecast.mean) ** 2;
    const left = faded(1);
    this.#spread[s] = (this.#spread[s] ?? 0) * left + squares;
    this.#spread[s + 1] = (this.#spread[s + 1] ?? 0) * left + mean;
    if (mean < 10) return;
    const beyond = ((total * kept - mean) ** 2 - this.#dispersion(m) * mean) / mean ** 2;
    const before = this.#spread[s + 2] ?? 0;
    this.#spread[s + 2] = before + DAY_VARIATION_LEARNT * (Math.min(1, Math.max(0, beyond)) - before);
  }

  #dispersion(m: number): number {
    const squares = this.#spread[m * 3] ?? 0;
    const expected = this.#spread[m * 3 + 1] ?? 0;
    return Math.max(1, (squares + DISPERSION_WEIGHT * DISPERSION_AT_FIRST) / (expected + DISPERSION_WEIGHT));
  }

  /** How much more than by chance the hours of this measure differ: variance over mean. */
  dispersion(measure: Measure): number {
    return this.#dispersion(MEASURES.indexOf(measure));
  }

  /** Variance of whole days against each other, relative to the square of their mean. */
  dayVariation(measure: Measure): number {
    return Math.max(DAY_VARIATION_AT_FIRST / 2, this.#spread[MEASURES.indexOf(measure) * 3 + 2] ?? 0);
  }

  /** Faded amount of a whole week's hours, smoothed; made anew once a day. */
  smoothed(measure: Measure): Float64Array {
    const known = this.#smooth.get(measure);
    if (known !== undefined) return known;
    const first = MEASURES.indexOf(measure) * HOURS_OF_WEEK;
    // days are compared as they would be had all been watched equally long
    const at = (hour: number): number => (this.#bins[first + hour] ?? 0) * this.balance(Math.floor(hour / 24));
    const totals = this.days(measure);
    const made = new Float64Array(HOURS_OF_WEEK);
    for (let day = 0; day < 7; day++) {
      const days = alike(totals, day).filter((d) => (this.exposure[d] ?? 0) > 0);
      const back = 1 / this.balance(day);
      for (let hour = day * 24; hour < day * 24 + 24; hour++) made[hour] = smoothed(at, hour, days) * back;
    }
    this.#smooth.set(measure, made);
    return made;
  }

  /** Faded amount of one hour of the week, as it was counted. */
  #own(measure: Measure, hour: number): number {
    return this.#bins[MEASURES.indexOf(measure) * HOURS_OF_WEEK + hour] ?? 0;
  }

  /** What a weekday's amounts are to be multiplied by to be compared with others: one was watched more than another. */
  balance(day: number): number {
    const watched = this.exposure[day] ?? 0;
    return watched < 0.01 || this.weeks === 0 ? 1 : this.weeks / watched;
  }

  /** Faded amount of each weekday. */
  days(measure: Measure): readonly number[] {
    const known = this.#days.get(measure);
    if (known !== undefined) return known;
    const first = MEASURES.indexOf(measure) * HOURS_OF_WEEK;
    const made = [0, 1, 2, 3, 4, 5, 6].map((day) => {
      let sum = 0;
      for (let h = 0; h < 24; h++) sum += this.#bins[first + day * 24 + h] ?? 0;
      return sum;
    });
    this.#days.set(measure, made);
    return made;
  }

  total(measure: Measure): number {
    return this.days(measure).reduce((a, b) => a + b, 0);
  }

  /** Faded weeks watched. */
  get weeks(): number {
    return (this.#weeks ??= this.exposure.reduce((a, b) => a + b, 0) / 7);
  }

  /** `least`: no more than the very hour had, and not what was smoothed into it from the hours beside it. */
  forecast(measure: Measure, parts: HourParts, least = false): Forecast {
    const week = this.smoothed(measure);
    let mean = 0;
    let unsure = 0;
    for (const [hour, part] of parts) {
      const watched = Math.max(this.exposure[Math.floor(hour / 24)] ?? 0, 0.5);
      const amount = least ? Math.min(week[hour] ?? 0, this.#own(measure, hour)) : (week[hour] ?? 0);
      mean += (part * amount) / watched;
      unsure += (part * part * amount) / watched ** 2;
    }
    const dispersion = this.dispersion(measure);
    return { mean, variance: dispersion * (mean + unsure) + this.dayVariation(measure) * mean * mean };
  }

  /** The learned part, which changes once a day. */
  learned(): unknown {
    return {
      bins: encode(this.#bins),
      exposure: [...this.exposure],
      spread: [...this.#spread],
      places: [...this.places],
    };
  }

  restore(learned: unknown, today: readonly number[]): void {
    const s = learned as { bins: string; exposure: number[]; spread: number[]; places: number[] };
    decode(s.bins, this.#bins);
    this.exposure.set(s.exposure);
    this.#spread.set(s.spread);
    this.places = [...s.places];
    this.#today.set(today);
    this.#changed();
  }

  present(): number[] {
    return [...this.#today];
  }
}

/** A typed array as base64 text (little endian, as every machine that runs Node is), and back. */
export const encode = (array: ArrayBufferView): string =>
  Buffer.from(array.buffer, array.byteOffset, array.byteLength).toString('base64');
export function decode(text: string, into: ArrayBufferView): void {
  const bytes = Buffer.from(text, 'base64');
  new Uint8Array(into.buffer, into.byteOffset, into.byteLength).set(bytes.subarray(0, into.byteLength));
}
