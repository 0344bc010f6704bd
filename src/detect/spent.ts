import type { Millis } from '../model.ts';
import { DAY, MINUTE } from '../time.ts';

/** Money spent over time, as it was and as it weighs, in slots of five minutes, kept for a day. Plain. */
export type Spent = [slot: Millis, amount: number, weighed: number][];

const SLOT = 5 * MINUTE;
const slotOf = (at: Millis): Millis => Math.floor(at / SLOT) * SLOT;

/** Adds an amount that was spent evenly from `from` to `to`; what lies more than a day before `to` is left out. */
export function spend(spent: Spent, amount: number, from: Millis, to: Millis, weight = 1): void {
  const first = slotOf(Math.max(from, to - DAY));
  const last = slotOf(to);
  const whole = to - from;
  for (let slot = first; slot <= last; slot += SLOT) {
    const within = Math.min(to, slot + SLOT) - Math.max(from, slot);
    put(spent, slot, whole <= 0 ? amount : (amount * within) / whole, weight);
  }
  while ((spent[0]?.[0] ?? last) < last - DAY) spent.shift();
}

function put(spent: Spent, slot: Millis, amount: number, weight: number): void {
  let i = spent.length - 1;
  while (i >= 0 && (spent[i]?.[0] ?? 0) > slot) i--;
  const entry = spent[i];
  if (entry?.[0] === slot) {
    entry[1] += amount;
    entry[2] += amount * weight;
  } else spent.splice(i + 1, 0, [slot, amount, amount * weight]);
}

/** What was spent within `span` before `at`, to the slot. */
export function spentWithin(spent: Spent, at: Millis, span: Millis): { sum: number; weighed: number } {
  let sum = 0;
  let weighed = 0;
  for (let i = spent.length - 1; i >= 0; i--) {
    const [slot, amount, heavy] = spent[i] ?? [0, 0, 0];
    if (slot + SLOT <= at - span) break;
    sum += amount;
    weighed += heavy;
  }
  return { sum, weighed };
}
