import type { Millis } from '../model.ts';
import { MINUTE } from '../time.ts';
import type { FeedName, FeedReading } from './readings.ts';

/** What is usual at this site, as far as a feed's silence is judged by it (detect/habits.ts). */
export interface Usual {
  /** Has it been watched long enough to say? */
  known(): boolean;
  /** calls that are expected from `from` to `to`, placed and received */
  expected(from: Millis, to: Millis): number;
  /** probability that there is none in that time */
  silence(from: Millis, to: Millis): number;
}

/** Is the office open at this instant, and since when? null: it is closed. `since` null: longer than a year. */
export type Open = (at: Millis) => { readonly since: Millis | null } | null;

export interface FeedWatchOptions {
  readonly open: Open;
  readonly usual: () => Usual;
  /** mirrored SIP may be silent so long while the office is open */
  readonly silent: Millis;
  /** so many calls without a word of this feed are too many */
  readonly calls: number;
}

/** Why a feed is taken for dead: the office has been open for long, other feeds told of calls, calls are usual now. */
export type SilenceReason = 'open' | 'others' | 'usual';

export interface Silence {
  readonly feed: FeedName;
  readonly since: Millis;
  readonly reason: SilenceReason;
  /** calls that other feeds told of meanwhile, or that are usual in that time */
  readonly calls: number;
}

/** Call records come late where Asterisk writes them in batches. */
const LEAST: Millis = 10 * MINUTE;
/** Less likely than this is no chance (the traffic detector's measure). */
const CHANCE = 1e-6;

/** Tells a feed that has died from a quiet day. Pure: time comes in. */
export class FeedWatch {
  readonly #options: FeedWatchOptions;
  readonly #startedAt: Millis;
  /** feed -> when it was last heard, and how many calls had been told by then */
  readonly #heard = new Map<FeedName, { at: Millis; calls: number }>();

  constructor(options: FeedWatchOptions, startedAt: Millis) {
    this.#options = options;
    this.#startedAt = startedAt;
  }

  /** @param calls that all feeds have told of since the start, each once */
  look(feeds: readonly FeedReading[], calls: number, now: Millis): Silence[] {
    return feeds.flatMap(({ feed, lastAt }) => {
      const at = lastAt ?? this.#startedAt;
      const known = this.#heard.get(feed);
      const heard = known?.at === at ? known : { at, calls };
      this.#heard.set(feed, heard);
      if (now - at < LEAST) return [];
      const silent = this.#judge(feed, at, calls - heard.calls, now);
      return silent === null ? [] : [{ feed, since: at, ...silent }];
    });
  }

  #judge(feed: FeedName, since: Millis, told: number, now: Millis): Pick<Silence, 'reason' | 'calls'> | null {
    const { open, usual, silent, calls } = this.#options;
    if (told >= calls) return { reason: 'others', calls: told };
    const habits = usual();
    if (habits.known()) {
      const expected = habits.expected(since, now);
      if (expected >= calls && habits.silence(since, now) < CHANCE)
        return { reason: 'usual', calls: Math.round(expected) };
    }
    // phones register and are asked for life signs at all hours; calls are made when there is something to say
    if (feed !== 'hep') return null;
    const office = open(now);
    const longEnough = office !== null && now - Math.max(since, office.since ?? 0) >= silent;
    return longEnough ? { reason: 'open', calls: 0 } : null;
  }
}
