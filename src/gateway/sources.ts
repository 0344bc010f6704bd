import { sourceKey } from '../address.ts';
import type { Millis } from '../model.ts';
import { HOUR } from '../time.ts';
import { BoundedMap } from '../windows.ts';

/** Connections of one source: so many at once, then so many a second. */
export interface Rate {
  readonly burst: number;
  readonly perSecond: number;
}

export interface SourceLimits {
  /** of a source that nobody we know has come from */
  readonly stranger: Rate;
  /** of one from which a known key came within the last hours: a whole office may be behind it, and starts again at once */
  readonly known: Rate;
  /** half-open connections of one source at a time */
  readonly halfOpenStranger: number;
  readonly halfOpenKnown: number;
}

export const SOURCE_LIMITS: SourceLimits = {
  stranger: { burst: 60, perSecond: 10 },
  known: { burst: 2_000, perSecond: 200 },
  halfOpenStranger: 32,
  halfOpenKnown: 1_000,
};

/** Sources that are remembered; an attacker with more of them is still held by the bound on all half-open connections. */
const MOST_SOURCES = 65_536;
const KNOWN_FOR: Millis = 24 * HOUR;

interface Source {
  tokens: number;
  at: Millis;
  halfOpen: number;
}

/** Who may connect how often: counted by IPv4 address and IPv6 /64. */
export class Sources {
  readonly #limits: SourceLimits;
  readonly #sources = new BoundedMap<Source>(MOST_SOURCES);
  /** when a known key last came from there; a table of its own, so that a flood of new sources pushes nobody out */
  readonly #known = new BoundedMap<Millis>(MOST_SOURCES);

  constructor(limits: SourceLimits) {
    this.#limits = limits;
  }

  /** A key that we know came from there. */
  proven(address: string, now: Millis): void {
    this.#known.set(sourceKey(address), now);
  }

  isKnown(address: string, now: Millis): boolean {
    const at = this.#known.get(sourceKey(address));
    return at !== undefined && now - at < KNOWN_FOR;
  }

  /** May it open one more? Then it counts as half-open until `release`. */
  admit(address: string, now: Millis): 'ok' | 'rate' | 'half-open' {
    const key = sourceKey(address);
    const known = this.isKnown(address, now);
    const { burst, perSecond } = known ? this.#limits.known : this.#limits.stranger;
    const source = this.#sources.get(key) ?? { tokens: burst, at: now, halfOpen: 0 };
    source.tokens = Math.min(burst, source.tokens + ((now - source.at) / 1000) * perSecond);
    source.at = now;
    this.#sources.set(key, source);
    if (source.halfOpen >= (known ? this.#limits.halfOpenKnown : this.#limits.halfOpenStranger)) return 'half-open';
    if (source.tokens < 1) return 'rate';
    source.tokens--;
    source.halfOpen++;
    return 'ok';
  }

  /** A connection that was admitted is half-open no more. */
  release(address: string): void {
    const source = this.#sources.peek(sourceKey(address));
    if (source !== undefined && source.halfOpen > 0) source.halfOpen--;
  }
}
