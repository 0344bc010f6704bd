import { z } from 'zod';
import { amount, budget, score } from './parameters.ts';

/** Budgets of money: what spend is set by, and what it ships with. */

const ownBudgets = (whose: string) =>
  z
    .record(
      z.string().min(1).max(128),
      z.strictObject({
        hour: z.number().positive().max(1e9).optional().describe('within an hour; number of currency units'),
        day: z.number().positive().max(1e9).optional().describe('within 24 hours; number of currency units'),
        closed: z.number().positive().max(1e9).optional().describe('in one closed period; number of currency units'),
      }),
    )
    .default({})
    .describe(
      `budgets of single ${whose} instead of these, by name, as in { ${whose === 'accounts' ? '"2001"' : 'sales'} = { hour = 60, day = 200, closed = 5 } }; number of currency units`,
    );

/**
 * Shipped budgets, EUR. A busy account may be worth more, which its habits tell; and money that goes, by day, to countries of
 * usual business counts a third.
 */
export const SHIPPED = {
  account_hour: 20,
  account_day: 50,
  account_closed: 10,
  group_hour: 60,
  group_day: 200,
  group_closed: 30,
  site_hour: 100,
  site_day: 400,
  site_closed: 60,
} as const;

export const parameters = z.strictObject({
  account_hour: budget(SHIPPED.account_hour, 'so much may one account spend on chargeable calls within an hour'),
  account_day: budget(SHIPPED.account_day, 'so much may it spend within 24 hours'),
  account_closed: budget(SHIPPED.account_closed, 'so much may it spend on calls that began in one closed period'),
  group_hour: budget(SHIPPED.group_hour, 'so much may the accounts of a group spend together within an hour'),
  group_day: budget(SHIPPED.group_day, 'so much within 24 hours'),
  group_closed: budget(SHIPPED.group_closed, 'so much in one closed period'),
  site_hour: budget(SHIPPED.site_hour, 'so much may all together spend within an hour'),
  site_day: budget(SHIPPED.site_day, 'so much within 24 hours'),
  site_closed: budget(SHIPPED.site_closed, 'so much in one closed period'),
  accounts: ownBudgets('accounts'),
  groups: ownBudgets('groups'),
  warn: score(70, 'told as medium at so many hundredths of a budget, 0 for never'),
  usual: amount(
    2,
    'times',
    'a shipped budget gives way to so many times what is spent on a busy day, once that is learned; 0: never. One that is set does not',
    0,
    20,
  ),
});

export const PERIODS = ['hour', 'day', 'closed'] as const;
export type Period = (typeof PERIODS)[number];
export type Scope = 'account' | 'group' | 'site';
