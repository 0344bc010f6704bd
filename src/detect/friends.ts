import { sourceKey } from '../address.ts';
import type { AuthSucceeded, Event, Millis, RegisterAccepted } from '../model.ts';
import { BoundedMap, type Packed } from '../windows.ts';
import { copy, withDistinct } from './story.ts';

const SOURCES = 30_000;
/** Accounts held of one address; an office has more, and then each of its accounts is at home there. */
const ACCOUNTS = 16;

interface Friend {
  last: Millis;
  accounts: string[];
}

/** Addresses that somebody has logged in from, and who: one memory for all detectors, which the pipeline feeds. */
export class Friends {
  readonly #bySource = new BoundedMap<Friend>(SOURCES);
  /** who was asked for last: of one event several detectors ask in turn */
  #asked: string | null = null;
  #found: Friend | undefined;

  get size(): number {
    return this.#bySource.size;
  }

  /** Takes in what tells of a login; to be called after the detectors have judged the event. */
  take(event: Event): void {
    if (event.kind === 'auth.succeeded' || event.kind === 'register.accepted') this.#note(event);
  }

  #peek(source: string): Friend | undefined {
    if (source !== this.#asked) {
      this.#found = this.#bySource.peek(sourceKey(source));
      this.#asked = source;
    }
    return this.#found;
  }

  #note(event: AuthSucceeded | RegisterAccepted): void {
    const source = event.kind === 'auth.succeeded' ? event.source : event.binding.source;
    if (source === null) return;
    // without a password anybody could be let in from anywhere
    if (event.kind === 'register.accepted' && event.authUser === null && event.proof === 'none') return;
    this.#asked = null;
    const key = sourceKey(source);
    let friend = this.#bySource.get(key);
    if (friend === undefined) {
      friend = { last: event.at, accounts: [] };
      this.#bySource.set(key, friend);
    }
    friend.last = event.at;
    friend.accounts = withDistinct(friend.accounts, event.account ?? '', ACCOUNTS);
  }

  /** Has somebody logged in from there, `within` so long before? */
  has(source: string, at: Millis, within: Millis = Infinity): boolean {
    const friend = this.#peek(source);
    return friend !== undefined && at - friend.last <= within;
  }

  /** Has this account logged in from there, and anybody `within` so long before? */
  isHome(source: string, account: string, at: Millis, within: Millis): boolean {
    const friend = this.#peek(source);
    if (friend === undefined || at - friend.last > within) return false;
    return friend.accounts.includes(account) || friend.accounts.length >= ACCOUNTS;
  }

  snapshot(): unknown {
    return this.#bySource.snapshot(copy);
  }

  restore(snapshot: unknown): void {
    this.#asked = null;
    this.#bySource.restore(snapshot as Packed<Friend>[], copy);
  }
}
