import type { Millis } from '../model.ts';
import { DAY, MINUTE } from '../time.ts';

/**
 * Money spent over time, as it was and as it weighs, in slots of five minutes, kept for a day. Three numbers a slot (its begin,
 * the amount, what it weighs) in one list, for there are thousands of them. Plain.
 */
export type Spent = readonly number[];

const SLOT = 5 * MINUTE;
const WIDTH = 3;
const slotOf = (at: Millis): Millis => Math.floor(at / SLOT) * SLOT;

/** With an amount that was spent evenly from `from` to `to`; what lies more than a day before `to` is left out. */
export function spend(spent: Spent, amount: number, from: Millis, to: Millis, weight = 1): Spent {
  const first = slotOf(Math.max(from, to - DAY));
  const last = slotOf(to);
  const whole = to - from;
  let list = spent;
  for (let slot = first; slot <= last; slot += SLOT) {
    const within = Math.min(to, slot + SLOT) - Math.max(from, slot);
    list = put(list, slot, whole <= 0 ? amount : (amount * within) / whole, weight);
  }
  let old = 0;
  while ((list[old] ?? last) < last - DAY) old += WIDTH;
  return old === 0 ? list : list.slice(old);
}

function put(spent: Spent, slot: Millis, amount: number, weight: number): Spent {
  let i = spent.length - WIDTH;
  while (i >= 0 && (spent[i] ?? 0) > slot) i -= WIDTH;
  const same = i >= 0 && spent[i] === slot;
  const entry = same
    ? [slot, (spent[i + 1] ?? 0) + amount, (spent[i + 2] ?? 0) + amount * weight]
    : [slot, amount, amount * weight];
  const at = same ? i : i + WIDTH;
  return spent.slice(0, at).concat(entry, spent.slice(i + WIDTH));
}

/** What was spent within `span` before `at`, to the slot. */
export function spentWithin(spent: Spent, at: Millis, span: Millis): { sum: number; weighed: number } {
  let sum = 0;
  let weighed = 0;
  for (let i = spent.length - WIDTH; i >= 0; i -= WIDTH) {
    if ((spent[i] ?? 0) + SLOT <= at - span) break;
    sum += spent[i + 1] ?? 0;
    weighed += spent[i + 2] ?? 0;
  }
  return { sum, weighed };
}
