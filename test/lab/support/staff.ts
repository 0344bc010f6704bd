import { accounts } from './asterisk-files.ts';
import type { Account } from './asterisk-files.ts';

/** Home workers 1101 to 1140 beside the office's six: their phones are at addresses that may be blocked. */
export const staff: readonly Account[] = [
  ...accounts,
  ...Array.from({ length: 40 }, (_, index) => ({
    extension: String(1101 + index),
    password: `Home-${String(7_919 * (index + 13))}-kLm`,
    name: `Home ${String(index + 1)}`,
    // the first ten have a softphone beside the phone
    maxContacts: index < 10 ? 3 : 1,
  })),
];

/** Where extension 1101 lives: 127.0.31.1, and so on. Not in `network.local`, so that a block of it is possible. */
export const homeAddress = (extension: string): string => `127.0.31.${String(Number(extension) - 1100)}`;
