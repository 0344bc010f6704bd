import type { CallFacts } from '../model.ts';

/**
 * The account that placed a call, null where it is only claimed: anybody can write an account's name in From, and a PBX that
 * takes calls without a password takes his. It is certain when the password was right, when the PBX's own channel has that
 * name, or when the caller has shown that he is where the account is registered.
 */
export function callerOf({ account, authenticated, channel, registration, proof }: CallFacts): string | null {
  if (account === null || authenticated !== false) return account;
  const named = channel?.includes(`/${account}-`) === true;
  return named || (registration === 'this-source' && proof !== 'none') ? account : null;
}
