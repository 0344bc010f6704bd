import { z } from 'zod';

export { amount, duration } from '../parameters.ts';

/** A score from 0 to 100. */
export const score = (initial: number, help: string) =>
  z.int().min(0).max(100).default(initial).describe(`${help}; score 0-100`);

/** An amount of money, in the site's currency. */
export const money = (initial: number, help: string) =>
  z.number().positive().max(1e9).default(initial).describe(`${help}; number of currency units`);
