import type { Millis } from '../../model.ts';
import { entryKey, entryOf, type Kind, type Verdict } from '../enforcement.ts';
import { FlatLayout, type Layout } from '../layout.ts';

/** Between an account and one of its users, in the value by which a row is known inside. */
const USER = '\0';

/**
 * Kamailio knows users, not endpoints: an account stands as a row for its own name and one for each name that leads to it
 * alone (AORs, auth usernames). These are learnt from the PBX later than the block may be put up, so they are asked for
 * again at each look.
 */
export class KamailioLayout implements Layout {
  readonly #flat: FlatLayout;
  readonly #aliases: (account: string) => readonly string[];
  /** account -> the users of its rows, and until when */
  readonly #accounts = new Map<string, { users: readonly string[]; until: Millis | null }>();

  constructor(
    kinds: readonly Kind[],
    keyOf: (kind: Kind, value: string) => string | null,
    aliases: (account: string) => readonly string[],
  ) {
    this.#flat = new FlatLayout(kinds, (kind, value) => keyOf(kind, value.slice(value.indexOf(USER) + 1)));
    this.#aliases = aliases;
  }

  get rows(): ReadonlyMap<string, string> {
    for (const [account, { users, until }] of this.#accounts)
      if (this.#users(account).join(USER) !== users.join(USER)) this.set('account', account, until);
    return this.#flat.rows;
  }

  row(key: string): string | undefined {
    return this.#flat.row(key);
  }

  carries(kind: Kind): boolean {
    return this.#flat.carries(kind);
  }

  set(kind: Kind, value: string, until: Millis | null, text: string | null = null): readonly string[] {
    if (kind !== 'account') return this.#flat.set(kind, value, until, text);
    const users = this.#users(value);
    const before = this.#accounts.get(value)?.users ?? [];
    this.#accounts.set(value, { users, until });
    return [
      ...users.flatMap((user) => this.#flat.set(kind, value + USER + user, until)),
      ...before.filter((user) => !users.includes(user)).flatMap((user) => this.#drop(value, user, until)),
    ];
  }

  drop(kind: Kind, value: string, until: Millis | null): readonly string[] {
    if (kind !== 'account') return this.#flat.drop(kind, value, until);
    const users = this.#accounts.get(value)?.users ?? this.#users(value);
    this.#accounts.delete(value);
    return users.flatMap((user) => this.#drop(value, user, until));
  }

  keysOf(kind: Kind, value: string): readonly string[] {
    if (kind !== 'account') return this.#flat.keysOf(kind, value);
    const users = this.#accounts.get(value)?.users ?? this.#users(value);
    return users.flatMap((user) => this.#flat.keysOf(kind, value + USER + user));
  }

  entriesOf(key: string): readonly string[] {
    return this.#flat.entriesOf(key).map((entry) => {
      const [kind, value] = entryOf(entry);
      return entryKey(kind, value.split(USER)[0] ?? value);
    });
  }

  judge(key: string, value: string, now: Millis): Verdict {
    return this.#flat.judge(key, value, now);
  }

  adopt(): void {
    // a row has one place only
  }

  #users(account: string): readonly string[] {
    return [account, ...this.#aliases(account)];
  }

  #drop(account: string, user: string, until: Millis | null): readonly string[] {
    return this.#flat.drop('account', account + USER + user, until);
  }
}
