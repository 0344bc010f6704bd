import { FixedOffsetZone, IANAZone } from 'luxon';
import type { Millis } from './model.ts';
import { parsed, refused, type Parsed } from './parsed.ts';

export const SECOND = 1_000;
export const MINUTE = 60 * SECOND;
export const HOUR = 60 * MINUTE;
export const DAY = 24 * HOUR;

const UNITS: Readonly<Record<string, number>> = { ms: 1, s: SECOND, m: MINUTE, h: HOUR, d: DAY, w: 7 * DAY };

/** Reads `30s`, `15m`, `2h`, `7d`, `2w`, `250ms`, or several together (`1h30m`); milliseconds. */
export function parseDuration(text: string): Parsed<Millis> {
  const whole = /^(?:\d+(?:ms|s|m|h|d|w))+$/;
  if (!whole.test(text)) return refused(`"${text}" is not a duration; write it like 30s, 15m, 2h or 7d`);
  let total = 0;
  for (const [, amount, unit] of text.matchAll(/(\d+)(ms|s|m|h|d|w)/g))
    total += Number(amount) * (UNITS[unit ?? ''] ?? 0);
  return Number.isSafeInteger(total) ? parsed(total) : refused(`"${text}" is too long a duration`);
}

/** A duration as `parseDuration` reads it, exactly: `1h30m`, `7d`, `250ms`. Whole milliseconds. */
export function writeDuration(duration: Millis): string {
  let rest = duration;
  let text = '';
  for (const unit of ['d', 'h', 'm', 's', 'ms']) {
    const size = UNITS[unit] ?? 1;
    const count = Math.floor(rest / size);
    if (count > 0) text += `${count}${unit}`;
    rest -= count * size;
  }
  return text === '' ? '0s' : text;
}

/** A duration as people say it, to two units: `9 min`, `2 h 5 min`, `3 d`, `40 s`. */
export function formatDuration(duration: Millis): string {
  if (duration < SECOND) return `${Math.max(0, Math.round(duration))} ms`;
  const seconds = Math.round(duration / SECOND);
  const parts: [number, string][] = [
    [Math.floor(seconds / 86_400), 'd'],
    [Math.floor((seconds % 86_400) / 3_600), 'h'],
    [Math.floor((seconds % 3_600) / 60), 'min'],
    [seconds % 60, 's'],
  ];
  const first = parts.findIndex(([n]) => n > 0);
  return parts
    .slice(first, first + 2)
    .filter(([n]) => n > 0)
    .map(([n, unit]) => `${n} ${unit}`)
    .join(' ');
}

/** ISO 8601, UTC, milliseconds: the one form in which times leave ringfence. */
export const iso = (at: Millis): string => new Date(at).toISOString();

/** A wall clock reading; month 1-12, day 1-31. */
export interface WallTime {
  readonly year: number;
  readonly month: number;
  readonly day: number;
  readonly hour: number;
  readonly minute: number;
  readonly second: number;
  /** ISO weekday, 1 = Monday, 7 = Sunday */
  readonly weekday: number;
}

/** Nearly all offsets change on whole quarters of an hour, so one look-up serves a quarter. */
const SLOT = 15 * MINUTE;
const CACHE_LIMIT = 4096;

/** An IANA time zone with its offsets cached: a CDR file of a million rows asks millions of times. */
export class Zone {
  readonly name: string;
  readonly #zone: IANAZone | FixedOffsetZone;
  /** quarter -> its offset; NaN: it changes within the quarter (St. John's did so at 00:01 until 2011). One for all of this name. */
  readonly #offsets: Map<number, Millis>;
  /** asked for last: records and packets come in the order of time */
  #slot = NaN;
  #offset: Millis = 0;
  static readonly #known = new Map<string, Map<number, Millis>>();

  /** @throws RangeError when the tz database has no such zone; check with `Zone.isValid` first */
  constructor(name: string) {
    const utc = name === 'UTC' || name === 'Etc/UTC';
    if (!utc && !IANAZone.isValidZone(name)) throw new RangeError(`no such time zone: ${name}`);
    this.name = name;
    let offsets = Zone.#known.get(name);
    if (offsets === undefined) Zone.#known.set(name, (offsets = new Map<number, Millis>()));
    this.#offsets = offsets;
    this.#zone = utc ? FixedOffsetZone.utcInstance : IANAZone.create(name);
  }

  static isValid(name: string): boolean {
    return name === 'UTC' || IANAZone.isValidZone(name);
  }

  /** Milliseconds to add to UTC to get local time at the instant `at`. */
  offsetAt(at: Millis): Millis {
    const slot = Math.floor(at / SLOT);
    if (slot === this.#slot) return this.#offset;
    const cached = this.#offsets.get(slot);
    if (cached !== undefined) return Number.isNaN(cached) ? this.#exact(at) : this.#note(slot, cached);
    const offset = this.#exact(slot * SLOT);
    const steady = this.#exact((slot + 1) * SLOT - 1) === offset;
    if (this.#offsets.size >= CACHE_LIMIT) this.#offsets.clear();
    this.#offsets.set(slot, steady ? offset : NaN);
    return steady ? this.#note(slot, offset) : this.#exact(at);
  }

  #note(slot: number, offset: Millis): Millis {
    this.#slot = slot;
    this.#offset = offset;
    return offset;
  }

  #exact(at: Millis): Millis {
    return Math.round(this.#zone.offset(at) * MINUTE);
  }

  /** The wall clock at an instant. */
  wall(at: Millis): WallTime {
    const local = new Date(at + this.offsetAt(at));
    return {
      year: local.getUTCFullYear(),
      month: local.getUTCMonth() + 1,
      day: local.getUTCDate(),
      hour: local.getUTCHours(),
      minute: local.getUTCMinutes(),
      second: local.getUTCSeconds(),
      weekday: local.getUTCDay() === 0 ? 7 : local.getUTCDay(),
    };
  }

  /**
   * The instants at which a wall clock showed this reading: one normally; two, earlier first, where clocks were set back;
   * none where they were set forward over it. `local` is the reading as if it were UTC (Date.UTC(...)).
   */
  instants(local: Millis): Millis[] {
    const found: Millis[] = [];
    // A zone's offset lies within 15 h of UTC, and a transition moves it by at most a day on either side.
    for (const offset of new Set([
      this.offsetAt(local - DAY),
      this.offsetAt(local + DAY),
      this.offsetAt(local - this.offsetAt(local)),
    ])) {
      const at = local - offset;
      if (this.offsetAt(at) === offset) found.push(at);
    }
    return found.sort((a, b) => a - b);
  }

  /**
   * The instant of a wall clock reading. Ambiguous readings take the earlier instant unless `later`; a reading that was
   * skipped (clocks set forward) is taken as if the clock had not been set, as RFC 5545 section 3.3.5 does.
   */
  instant(local: Millis, later = false): Millis {
    const guess = local - this.offsetAt(local - this.offsetAt(local));
    const slack = Math.abs(this.offsetAt(guess - 3 * HOUR) - this.offsetAt(guess + 3 * HOUR));
    if (slack === 0 && this.offsetAt(guess) === local - guess) return guess;
    const found = this.instants(local);
    const first = found[0];
    if (first === undefined) return local - this.offsetAt(local - DAY);
    return later ? (found.at(-1) ?? first) : first;
  }
}
