import { z } from 'zod';

export { amount, duration } from '../parameters.ts';

/** A score from 0 to 100. */
export const score = (initial: number, help: string) =>
  z.int().min(0).max(100).default(initial).describe(`${help}; score 0-100`);

/** A budget in the site's currency that has a shipped one in EUR: 0 is as much as that. */
export const budget = (euros: number, help: string) =>
  z
    .number()
    .nonnegative()
    .max(1e9)
    .default(0)
    .describe(`${help}; number of currency units, 0: as much as ${euros} EUR are`);
