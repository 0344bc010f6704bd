import type { Accounts } from './site.ts';

export interface AccountOptions {
  /** accounts that the settings name, with the user names that lead to them */
  readonly accounts: Readonly<Record<string, { readonly aliases: readonly string[] }>>;
  readonly groups: Readonly<Record<string, { readonly members: readonly string[] }>>;
  /** trunk endpoints: accounts too, though no phone's */
  readonly trunks: readonly string[];
}

/** Longer than any endpoint id that Asterisk's object names allow in practice. */
const LONGEST_NAME = 128;

/** May this be somebody's name? Not empty, not longer than 128 characters, no control characters. */
function plausible(name: string): boolean {
  if (name.length === 0 || name.length > LONGEST_NAME) return false;
  for (let i = 0; i < name.length; i++) {
    const c = name.charCodeAt(i);
    if (c < 0x20 || c === 0x7f) return false;
  }
  return true;
}

/** A name that leads to two endpoints leads to none: nobody may be blamed for another's calls. */
function addAlias(aliases: Map<string, string | null>, alias: string, endpoint: string): void {
  const known = aliases.get(alias);
  aliases.set(alias, known === undefined || known === endpoint ? endpoint : null);
}

/** The accounts of this PBX, from the settings first and then as the PBX tells them. */
export function createAccounts(options: AccountOptions): Accounts {
  const own = new Set([...Object.keys(options.accounts), ...options.trunks]);
  const ownAliases = new Map<string, string | null>();
  for (const [name, { aliases }] of Object.entries(options.accounts))
    for (const alias of aliases) addAlias(ownAliases, alias, name);
  const groups = new Map<string, string[]>();
  for (const [group, { members }] of Object.entries(options.groups))
    for (const member of new Set(members)) groups.set(member, [...(groups.get(member) ?? []), group]);
  const none: readonly string[] = [];

  let told = new Set<string>();
  let toldAliases = new Map<string, string | null>();
  let toldNames = new Map<string, readonly string[]>();

  const resolve = (user: string): string | null => {
    if (own.has(user) || told.has(user)) return user;
    const alias = ownAliases.has(user) ? ownAliases.get(user) : toldAliases.get(user);
    if (alias !== undefined) return alias;
    return told.size === 0 && plausible(user) ? user : null;
  };

  return {
    resolve,
    mapped: (account) => own.has(account) || told.has(account),
    learn(endpoints) {
      told = new Set(endpoints.map(({ endpoint }) => endpoint));
      toldAliases = new Map();
      toldNames = new Map(endpoints.map(({ endpoint, aliases }) => [endpoint, aliases]));
      for (const { endpoint, aliases } of endpoints)
        for (const alias of aliases) addAlias(toldAliases, alias, endpoint);
    },
    groupsOf: (account) => groups.get(account) ?? none,
    aliasesOf: (account) => {
      const names = [...(options.accounts[account]?.aliases ?? []), ...(toldNames.get(account) ?? [])];
      return [...new Set(names)].filter((name) => name !== account && resolve(name) === account);
    },
  };
}
