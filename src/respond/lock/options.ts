import { z } from 'zod';
import type { UnknownName } from '../options.ts';

/** `[lock]`: the office lock, which refuses calls abroad while the office is closed. */
const account = z.string().min(1).max(128);

export const lockOptions = z.strictObject({
  international: z
    .boolean()
    .default(false)
    .describe(
      'while the office is closed ([hours]), the PBX refuses calls abroad of everybody who is not exempt; in observe mode too, for a person has said so',
    ),
  exempt_accounts: z
    .array(account)
    .default([])
    .describe('accounts that may call abroad all the same; those with hours of their own may while these are open'),
  exempt_groups: z.array(account).default([]).describe('groups ([groups]) whose members may call abroad all the same'),
  exempt_destinations: z
    .array(z.string().regex(/^\+[1-9]\d{0,14}$/, { error: 'write it like +43: + and the first digits of numbers' }))
    .default([])
    .describe('what everybody may call all the same: + and the first digits of numbers, +43 for Austria'),
  pin_file: z
    .string()
    .default('')
    .describe(
      'file with a PIN (4 to 20 digits, better 6 or more) that lifts the lock for one call, given to the dialplan extension *54; "" for none',
    ),
});

export type LockOptions = z.output<typeof lockOptions>;

/** Names of groups that the settings do not have. */
export const unknownGroups = ({ exempt_groups }: LockOptions, known: readonly string[]): UnknownName[] =>
  exempt_groups.flatMap((name, index) =>
    known.includes(name) ? [] : [{ path: `lock.exempt_groups.${index}`, name, what: 'group' as const, known }],
  );
