import type { Millis } from '../model.ts';
import { DAY, HOUR, MINUTE, SECOND, type Zone } from '../time.ts';

/** A wall clock reading as if it were UTC, as `Zone` takes it. */
export type Wall = number;

/** Offsets of time zones, and their changes, are multiples of this. */
const QUARTER = 15 * MINUTE;
/** Whole seconds are logged of times that have fractions, so a difference may be off by one. */
const ROUNDING = 2 * SECOND;

/** Two decimal digits; a number far below zero when there are none, so that a sum with it is below zero too. */
const two = (bytes: Buffer, at: number): number => {
  const tens = (bytes[at] ?? 0) - 48;
  const ones = (bytes[at + 1] ?? 0) - 48;
  return tens >= 0 && tens <= 9 && ones >= 0 && ones <= 9 ? tens * 10 + ones : -1_000_000;
};

let knownDay = -1;
let knownDayStart: Wall = 0;

/** `2026-11-21 18:30:03` in the 19 bytes at a place; NaN when something else stands there. Records cluster, so the last day is kept. */
export function readWall(bytes: Buffer, at: number): Wall {
  if (at + 19 > bytes.length) return NaN;
  const year = two(bytes, at) * 100 + two(bytes, at + 2);
  const month = two(bytes, at + 5);
  const day = two(bytes, at + 8);
  const hour = two(bytes, at + 11);
  const minute = two(bytes, at + 14);
  const second = two(bytes, at + 17);
  if (year + month + day + hour + minute + second < 0 || hour > 23 || minute > 59 || second > 60) return NaN;
  const blank = bytes[at + 10];
  if (bytes[at + 4] !== 45 || bytes[at + 7] !== 45 || (blank !== 32 && blank !== 84)) return NaN;
  if (bytes[at + 13] !== 58 || bytes[at + 16] !== 58) return NaN;
  const key = (year * 16 + month) * 32 + day;
  if (key !== knownDay) {
    if (year < 1970 || month < 1 || month > 12 || day < 1 || day > 31) return NaN;
    const start = Date.UTC(year, month - 1, day);
    if (new Date(start).getUTCDate() !== day) return NaN;
    knownDay = key;
    knownDayStart = start;
  }
  return knownDayStart + ((hour * 60 + minute) * 60 + second) * SECOND;
}

/**
 * When a channel was created, by its unique id: `1795285803.12` or, with a system name, `pbx-1795285803.12`. Whole seconds,
 * by the PBX's clock but in no time zone. null: another form (an ARI application or Originate may choose its own).
 */
export function uniqueidTime(uniqueid: string): Millis | null {
  let i = uniqueid.length - 1;
  const digit = (at: number): boolean => {
    const c = uniqueid.charCodeAt(at);
    return c >= 48 && c <= 57;
  };
  while (i >= 0 && digit(i)) i--;
  if (i === uniqueid.length - 1 || uniqueid.charCodeAt(i) !== 46) return null;
  const dot = i--;
  let seconds = 0;
  for (let scale = 1; i >= 0 && dot - i <= 11 && digit(i); i--, scale *= 10)
    seconds += (uniqueid.charCodeAt(i) - 48) * scale;
  const digits = dot - 1 - i;
  if (digits < 9 || digits > 10 || (i >= 0 && uniqueid.charCodeAt(i) !== 45)) return null;
  return seconds * SECOND;
}

/** A record's times as they were logged. Durations are in seconds. */
export interface LoggedTimes {
  readonly start: Wall;
  readonly answer: Wall | null;
  readonly end: Wall;
  readonly duration: number;
  readonly billsec: number;
}

export interface RecordTimes {
  readonly start: Millis;
  readonly answer: Millis | null;
  readonly end: Millis;
}

/**
 * How far clocks were set (positive: forward) between start and end: wall time that passed less the duration, which
 * Asterisk takes from instants. NaN when the record contradicts itself.
 */
function clockChange(logged: LoggedTimes): Millis {
  const rest = logged.end - logged.start - logged.duration * SECOND;
  const change = Math.round(rest / QUARTER) * QUARTER;
  return Math.abs(rest - change) <= ROUNDING && Math.abs(change) <= DAY ? change : NaN;
}

/** The times, given what is to be added to UTC at the end, and how much less it was at the start. */
export function timesAt(logged: LoggedTimes, endOffset: Millis, change: Millis): RecordTimes {
  const end = logged.end - endOffset;
  const start = logged.start - endOffset + change;
  if (logged.answer === null) return { start, answer: null, end };
  const late = logged.answer - endOffset;
  const early = late + change;
  const expected = end - logged.billsec * SECOND;
  return { start, answer: Math.abs(late - expected) <= Math.abs(early - expected) ? late : early, end };
}

const DAYS_KEPT = 4_096;

/**
 * Turns logged local time into instants. On nearly every day there is one reading; on those about a clock change:
 *
 *  - the duration tells whether the change lies within the call, so that one unambiguous end settles the other;
 *  - of two readings, one in which the call began before its channel was created (unique id) is out, and one in which it
 *    began just then is right;
 *  - else records are written in the order in which calls end: the first reading that is not before the record ahead of it;
 *  - else the earlier one. A reading that no clock showed (skipped hour: the PBX is not in this zone) is taken as if the
 *    clock had not been set.
 */
export class LocalTimes {
  readonly #zone: Zone;
  readonly #steady = new Map<number, Millis>();
  #day = NaN;
  #dayOffset: Millis = NaN;
  /** End of the latest record. */
  lastEnd: Millis;

  constructor(zone: Zone, lastEnd: Millis = -Infinity) {
    this.#zone = zone;
    this.lastEnd = lastEnd;
  }

  /** What is to be added to UTC on the days of both readings, where nothing changes on them nor the day before or after; else NaN. */
  steadyOffset(start: Wall, end: Wall): Millis {
    const offset = this.#offsetOf(Math.floor(start / DAY));
    return offset === this.#offsetOf(Math.floor(end / DAY)) ? offset : NaN;
  }

  resolve(logged: LoggedTimes, created: Millis | null): RecordTimes {
    const change = clockChange(logged);
    const zone = this.#zone;
    const found = zone.instants(logged.end);
    const ends = found.length > 0 ? found : [zone.instant(logged.end)];
    const readings = (Number.isNaN(change) ? [] : ends)
      .map((end) => timesAt(logged, logged.end - end, change))
      .filter(({ start }) => zone.offsetAt(start) === logged.start - start);
    const times = readings.length > 0 ? this.#choose(readings, created) : this.#apart(logged);
    this.lastEnd = times.end;
    return times;
  }

  #choose(readings: readonly RecordTimes[], created: Millis | null): RecordTimes {
    const possible = created === null ? [] : readings.filter(({ start }) => start >= created - ROUNDING);
    const [first = readings[0], ...others] = possible.length > 0 ? possible : readings;
    if (first === undefined) throw new RangeError('no reading to choose from');
    if (others.length === 0 || (created !== null && Math.abs(first.start - created) <= ROUNDING)) return first;
    // Batches are written a little out of order.
    return [first, ...others].find(({ end }) => end >= this.lastEnd - 5 * MINUTE) ?? others.at(-1) ?? first;
  }

  /** Start and end contradict the duration or the zone: each for itself. */
  #apart(logged: LoggedTimes): RecordTimes {
    const { start, answer, end } = logged;
    return {
      start: this.#zone.instant(start),
      answer: answer === null ? null : this.#zone.instant(answer),
      end: this.#zone.instant(end),
    };
  }

  #offsetOf(day: number): Millis {
    if (day === this.#day) return this.#dayOffset;
    let offset = this.#steady.get(day);
    if (offset === undefined) {
      offset = this.#zone.offsetAt(day * DAY);
      for (let at = (day - 1) * DAY; at <= (day + 2) * DAY; at += 3 * HOUR)
        if (this.#zone.offsetAt(at) !== offset) offset = NaN;
      if (this.#steady.size >= DAYS_KEPT) this.#steady.clear();
      this.#steady.set(day, offset);
    }
    this.#day = day;
    this.#dayOffset = offset;
    return offset;
  }
}

/** Asterisk tells of a record within milliseconds, unless cdr.conf has batch=yes. */
const PROMPT = 5 * SECOND;

/**
 * Turns logged local time of an unknown zone into instants, by what is known of the record from elsewhere: `created`, when
 * its channel was created (nothing starts before), and `told`, when Asterisk told of it (nothing ends after). Offsets are
 * whole quarters of an hour, so that a record which ends right before it was told, or else starts right at `created`, has
 * one reading in any zone. Where neither is so (a later part of a call, told in a batch) `zone` is asked if it is possible
 * at all; the offset by which the record ended last before it was told comes next.
 */
export function timesByEvidence(
  logged: LoggedTimes,
  created: Millis | null,
  told: Millis | null,
  zone: Zone,
): RecordTimes {
  const own = new LocalTimes(zone).resolve(logged, created);
  const change = clockChange(logged);
  if (Number.isNaN(change)) return own;
  const least = told === null ? -Infinity : Math.ceil((logged.end - told - ROUNDING) / QUARTER) * QUARTER;
  const most =
    created === null ? Infinity : Math.floor((logged.start + change - created + ROUNDING) / QUARTER) * QUARTER;
  if (least > most || Math.max(least, -most) > 15 * HOUR) return own;
  const byEnd = least > -Infinity ? timesAt(logged, least, change) : null;
  const byStart = most < Infinity ? timesAt(logged, most, change) : null;
  if (byEnd !== null && told !== null && told - byEnd.end <= PROMPT) return byEnd;
  if (byStart !== null && created !== null && byStart.start - created <= ROUNDING) return byStart;
  const ownOffset = logged.end - own.end;
  const possible = ownOffset >= least && ownOffset <= most;
  if (byEnd !== null && byStart !== null) return possible ? own : byEnd;
  return byEnd ?? (possible ? own : (byStart ?? own));
}
