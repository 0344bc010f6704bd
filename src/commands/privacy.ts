import type { Config } from '../config.ts';
import { RingfenceError } from '../errors.ts';
import { siteOf } from './site.ts';

export interface PersonOptions {
  /** further names of the same person: numbers, user names */
  readonly also?: readonly string[];
}

/** Longest name of anybody; longer ones are a mistake. */
const LONGEST = 128;

/** All names of a person: the account, what the settings call it too, and what was given. @throws RingfenceError usage */
export function namesOf(account: string, { also = [] }: PersonOptions, config: Config): string[] {
  const names = [account, ...siteOf(config).accounts.aliasesOf(account), ...also].map((name) => name.trim());
  for (const name of names)
    if (name.length < 2 || name.length > LONGEST)
      throw new RingfenceError(
        'usage',
        `"${name.slice(0, LONGEST)}" is no name of an account: an extension, a number, a user name`,
      );
  return [...new Set(names)];
}
