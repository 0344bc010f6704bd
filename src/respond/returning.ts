import type { Millis, RegisterAccepted } from '../model.ts';
import type { Enforcement } from '../store/index.ts';
import { SECOND } from '../time.ts';
import type { ActDetail } from './acts.ts';

/** Accounts whose ended contacts are remembered; of more the longest ended is forgotten. */
const MAX_ACCOUNTS = 1_024;
/** Stories of one account. */
const MOST_ROWS = 8;
/** So often at the most the contacts of one account are ended again: at first, and when somebody keeps coming for long. */
const SOON: Millis = SECOND;
const LATER: Millis = 5 * SECOND;
const LONG = 60;

interface Ended {
  readonly row: Enforcement;
  /** times that it was done again */
  times: number;
  /** not done again before */
  notBefore: Millis;
  /** he has registered since it was done */
  due: boolean;
}

export interface ReturningOptions {
  /** is what was decided about the account still in force: does a block that a rule put on it stand? */
  readonly contained: (account: string) => boolean;
  /** the contact is to be ended once more */
  readonly again: (row: Enforcement, now: Millis) => void;
}

/**
 * A thief whose address may not be blocked (it is local, or others live behind it) simply registers again after his contact was
 * ended, and gets the owner's calls. So it is ended again each time, as long as calls of the account stay blocked for what he did:
 * who takes that block back takes this back too. Which contacts are meant was settled with the evidence: never the owner's.
 */
export class Returning {
  readonly #options: ReturningOptions;
  readonly #byAccount = new Map<string, Ended[]>();

  constructor(options: ReturningOptions) {
    this.#options = options;
  }

  get size(): number {
    return this.#byAccount.size;
  }

  /** A contact was ended, now or before a restart. */
  ended(row: Enforcement): void {
    const known = this.#byAccount.get(row.value);
    const same = known?.find((each) => each.row.claim === row.claim);
    if (same !== undefined) return;
    if (this.#byAccount.size >= MAX_ACCOUNTS && known === undefined)
      for (const oldest of this.#byAccount.keys()) {
        this.#byAccount.delete(oldest);
        break;
      }
    const fresh: Ended = { row, times: 0, notBefore: 0, due: false };
    this.#byAccount.set(row.value, [...(known ?? []), fresh].slice(-MOST_ROWS));
  }

  /** Somebody registered; asked for every registration, most of which are of accounts of which nothing was ended. */
  registered({ account, binding }: RegisterAccepted, now: Millis): void {
    const all = account === null ? undefined : this.#byAccount.get(account);
    if (all === undefined) return;
    let found = false;
    for (const ended of all) {
      const { contacts = [], sources = [] } = (ended.row.detail ?? {}) as Partial<ActDetail>;
      if (!contacts.includes(binding.contact) && (binding.source === null || !sources.includes(binding.source)))
        continue;
      ended.due = true;
      found = true;
    }
    if (found) this.#settle(account ?? '', all, now);
  }

  tick(now: Millis): void {
    for (const [account, all] of this.#byAccount) if (all.some(({ due }) => due)) this.#settle(account, all, now);
  }

  #settle(account: string, all: readonly Ended[], now: Millis): void {
    if (!this.#options.contained(account)) {
      this.#byAccount.delete(account);
      return;
    }
    for (const ended of all) {
      if (!ended.due || now < ended.notBefore) continue;
      ended.due = false;
      ended.times++;
      ended.notBefore = now + (ended.times < LONG ? SOON : LATER);
      this.#options.again(ended.row, now);
    }
  }
}
