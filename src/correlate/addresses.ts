import { sourceKey } from '../address.ts';
import type { Millis } from '../model.ts';
import { DAY, HOUR } from '../time.ts';
import { BoundedMap, type Packed } from '../windows.ts';

/** Addresses held; an attacker can add one only by an accepted REGISTER. */
const MAX_ADDRESSES = 65_536;
/** Accounts held per address: whether it is one or many is what matters. */
const MAX_ACCOUNTS = 32;
/**
 * So long an account must have been at an address to count as living there. A thief who registers what he stole one
 * after the other from his address, so as to look like an office, is found out well before; had he waited longer, each
 * account is blocked by itself, and only his address is not.
 */
const SETTLED: Millis = HOUR;
/** An office whose phones are away (an outage, a night) is still an office for so long after their bindings ended. */
const AWAY: Millis = DAY;

/** One account at one address: plain, for snapshots. */
interface Dweller {
  readonly account: string;
  /** first registration from there; 0: it stood before anybody watched */
  readonly since: Millis;
  until: Millis;
}

/**
 * Which accounts are registered from an address (of IPv6, from its /64): whether blocking it would hit several people,
 * and whether a caller of no known account is somebody who registered.
 */
export class Addresses {
  readonly #byAddress = new BoundedMap<Dweller[]>(MAX_ADDRESSES);

  get size(): number {
    return this.#byAddress.size;
  }

  /** An accepted registration. `since`: 0 when it may have stood before anybody watched, else now. */
  registered(address: string, account: string, since: Millis, until: Millis, now: Millis): void {
    const key = sourceKey(address);
    const dwellers = this.#byAddress.get(key);
    if (dwellers === undefined) {
      this.#byAddress.set(key, [{ account, since, until }]);
      return;
    }
    const known = dwellers.find((d) => d.account === account);
    if (known !== undefined) {
      known.until = until;
      return;
    }
    if (dwellers.length >= MAX_ACCOUNTS) {
      // who has lived there long stays: a newcomer must not push an office out
      const gone = dwellers.findIndex((d) => d.until + AWAY <= now);
      if (gone < 0) return;
      dwellers.splice(gone, 1);
    }
    dwellers.push({ account, since, until });
  }

  /** Does a registration from there stand? */
  isRegistered(address: string, now: Millis): boolean {
    return this.#byAddress.peek(sourceKey(address))?.some((d) => d.until > now) ?? false;
  }

  /** Distinct accounts that live there: for an hour at least, and away for less than a day. 32 at the most. */
  settled(address: string, now: Millis): number {
    let count = 0;
    for (const d of this.#byAddress.peek(sourceKey(address)) ?? [])
      if (now - d.since >= SETTLED && d.until + AWAY > now) count++;
    return count;
  }

  snapshot(): unknown {
    return this.#byAddress.snapshot((dwellers) => dwellers.map((d) => ({ ...d })));
  }

  restore(snapshot: unknown): void {
    this.#byAddress.restore(snapshot as Packed<Dweller[]>[], (dwellers) => dwellers.map((d) => ({ ...d })));
  }
}
