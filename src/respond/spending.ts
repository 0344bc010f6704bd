import type { Counters } from '../counters.ts';
import type { Log } from '../log.ts';
import type { Millis } from '../model.ts';
import type { Desired, Kind } from './enforcement.ts';
import { Budget, DEFAULT_BUDGET, type BudgetLimits, type Checked, type RefusalCode } from './safeguards.ts';

/** Rules may put up no more, since then and for this reason. */
export interface Stopped {
  readonly since: Millis;
  readonly code: RefusalCode;
  readonly reason: string;
}

interface SpendingOptions {
  readonly budget?: BudgetLimits;
  readonly accounts?: () => number | null;
  readonly log: Log;
  readonly counters: Counters;
  readonly now: () => Millis;
}

const isAccount = (kind: Kind): boolean => kind === 'account' || kind === 'international';

/** The budget of rules, and the loud stop when it is spent. */
export class Spending {
  #stopped: Stopped | null = null;
  readonly #options: SpendingOptions;
  readonly #budget: Budget;

  constructor(options: SpendingOptions) {
    this.#options = options;
    this.#budget = new Budget(options.budget ?? DEFAULT_BUDGET);
  }

  /** What was put up by rule before a restart counts as well. */
  remember(at: Millis): void {
    this.#budget.remember(at);
  }

  /** May a rule put this up? Only what does not stand yet is counted. @returns null: it may */
  take(desired: Desired, kind: Kind, value: string): Checked | null {
    if (desired.get(kind, value) !== undefined) return null;
    const { now, accounts, log, counters } = this.#options;
    const held = isAccount(kind) ? heldByRule(desired) : new Set<string>();
    // an account that is blocked already is not one more
    const more = !held.has(value);
    const refused = this.#budget.take(kind, now(), more ? held.size : 0, accounts?.() ?? null);
    if (refused === null || refused.ok) return null;
    counters.add('enforce.stopped');
    if (this.#stopped === null)
      log.error(
        { code: refused.code },
        `STOPPED: ${refused.reason}. What stands stays, rules put up no more. Look at \`ringfence blocks\`: is a rule or a network setting wrong?`,
      );
    this.#stopped ??= { since: now(), code: refused.code, reason: refused.reason };
    return refused;
  }

  /** Set while rules may put up no more: the hour has not passed, or as many accounts stand blocked as may be. */
  stopped(desired: Desired): Stopped | null {
    if (this.#stopped === null) return null;
    const { now, accounts, log } = this.#options;
    const kind = this.#stopped.code === 'budget-accounts' ? 'account' : 'address';
    const held = kind === 'account' ? heldByRule(desired).size : 0;
    if (this.#budget.refuses(kind, now(), held, accounts?.() ?? null) !== null) return this.#stopped;
    log.info('rules may put up blocks again');
    return (this.#stopped = null);
  }
}

/** Accounts that rules have blocked, wholly or abroad. */
function heldByRule(desired: Desired): Set<string> {
  const held = new Set<string>();
  for (const entry of desired.entries())
    if (isAccount(entry.kind) && entry.claims.some(({ by }) => by === 'rule')) held.add(entry.value);
  return held;
}
