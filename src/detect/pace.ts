import type { Millis } from '../model.ts';
import { DAY, HOUR } from '../time.ts';
import { FadingDurations, median, type PackedDurations } from './durations.ts';

/** What is usual fades within weeks: a carrier that moves its servers is usual again in a month. */
const HALF_LIFE: Millis = 14 * DAY;
/** What is new is looked at in so many of the last hour. */
const RECENT = 32;
const SPAN: Millis = HOUR;
/** What has been slow for so long is how it is from now on. */
const RESIGNED: Millis = 3 * DAY;

/** One answer: how long it took, and whether the request had to be sent again. */
type Sample = readonly [at: Millis, ms: number, again: 0 | 1];

export interface PaceLimits {
  /** so many of the last hour say something */
  readonly samples: number;
  /** so many times as long as usual is slow */
  readonly factor: number;
  /** by so much at least */
  readonly floor: Millis;
  /** nothing is judged before so long has been watched */
  readonly learn: Millis;
}

/** How fast a peer answers now, beside how fast it usually does. */
export interface Slowness {
  readonly kind: 'slow' | 'lossy';
  /** since when */
  readonly since: Millis;
  readonly now: Millis;
  readonly usual: Millis;
  /** of a hundred requests, those that had to be sent again; now and usually */
  readonly againNow: number;
  readonly againUsual: number;
  readonly samples: number;
}

export interface PackedPace {
  readonly first: Millis;
  readonly usual: PackedDurations;
  readonly again: number;
  readonly recent: readonly Sample[];
  readonly slowSince: Millis | null;
}

/**
 * The pace of one peer in one thing (its ringing, its answers to OPTIONS). The median of the last hour is held against the
 * median of weeks: one slow answer, or a third of them, changes neither. What leaves the last hour is learnt, unless the peer is
 * slow just then: trouble of a day does not become usual.
 */
export class Pace {
  #first: Millis;
  #usual = new FadingDurations(HALF_LIFE);
  /** share of requests that had to be sent again, as an average that moves by a 256th */
  #again = 0;
  #recent: Sample[] = [];
  #slowSince: Millis | null = null;

  constructor(at: Millis) {
    this.#first = at;
  }

  /** Takes one answer in; what is to be said of the peer now, null: all is as usual. */
  add(at: Millis, ms: number, again: boolean, limits: PaceLimits): Slowness | null {
    this.#recent.push([at, ms, again ? 1 : 0]);
    let gone = Math.max(0, this.#recent.length - RECENT);
    while (gone < this.#recent.length && (this.#recent[gone]?.[0] ?? at) < at - SPAN) gone++;
    const resigned = this.#slowSince !== null && at - this.#slowSince >= RESIGNED;
    for (const [, took, repeated] of this.#recent.splice(0, gone))
      if (this.#slowSince === null || resigned) this.#learn(at, took, repeated);
    // an hour without any answer, a night say: whether it was slow all the time nobody knows
    if (this.#recent.length === 1 && !resigned) this.#slowSince = null;
    // most answers are quick, and none of them makes a peer slow
    if (this.#slowSince === null && !again && ms < limits.floor) return null;
    const judged = this.#judge(at, limits);
    // half of the hour is slow for half an hour more when it is over
    return judged !== null && (again || ms >= limits.factor * judged.usual) ? judged : null;
  }

  #learn(at: Millis, ms: number, again: 0 | 1): void {
    this.#usual.add(ms, at);
    this.#again += (again - this.#again) / 256;
  }

  #judge(at: Millis, { samples, factor, floor, learn }: PaceLimits): Slowness | null {
    if (this.#recent.length < samples) return null;
    if (at - this.#first < learn || this.#usual.total < 2 * samples) return null;
    const now = median(this.#recent.map(([, ms]) => ms));
    const usual = this.#usual.quantile(0.5);
    const againNow = this.#recent.reduce((sum, [, , again]) => sum + again, 0) / this.#recent.length;
    const slow = now >= factor * usual && now - usual >= floor && now > this.#usual.quantile(0.95);
    const lossy = againNow >= 0.25 && againNow >= factor * this.#again;
    if (!slow && !lossy) {
      this.#slowSince = null;
      return null;
    }
    // it began with the first of those that are looked at, at the latest
    this.#slowSince ??= this.#recent[this.#recent.length >> 1]?.[0] ?? at;
    const percent = (share: number): number => Math.round(share * 100);
    return {
      kind: slow ? 'slow' : 'lossy',
      since: this.#slowSince,
      now: Math.round(now),
      usual: Math.round(usual),
      againNow: percent(againNow),
      againUsual: percent(this.#again),
      samples: this.#recent.length,
    };
  }

  pack(): PackedPace {
    return {
      first: this.#first,
      usual: this.#usual.pack(),
      again: this.#again,
      recent: [...this.#recent],
      slowSince: this.#slowSince,
    };
  }

  static unpack(packed: PackedPace): Pace {
    const pace = new Pace(packed.first);
    pace.#usual = FadingDurations.unpack(HALF_LIFE, packed.usual);
    pace.#again = packed.again;
    pace.#recent = [...packed.recent];
    pace.#slowSince = packed.slowSince;
    return pace;
  }
}
