import type { Millis } from '../model.ts';

/**
 * A rate over a sliding window at the cost of three numbers: what is counted in this window and the one before it, of which
 * the part that still lies within `window` counts (a usual approximation: exact while all came within one window, else as if
 * the earlier ones had come evenly). Plain.
 */
export interface Rate {
  from: Millis;
  before: number;
  now: number;
}

export const rateFrom = (at: Millis): Rate => ({ from: at, before: 0, now: 0 });

/** Adds `n` (taken away if negative; no window falls below 0) and returns the count within the window that ends at `at`. */
export function addTo(rate: Rate, window: Millis, at: Millis, n: number): number {
  const passed = Math.floor((at - rate.from) / window);
  if (passed > 0) {
    rate.before = passed === 1 ? rate.now : 0;
    rate.now = 0;
    rate.from += passed * window;
  }
  const left = rate.now + n;
  rate.now = Math.max(0, left);
  if (left < 0) rate.before = Math.max(0, rate.before + left);
  return rate.now + rate.before * (1 - (at - rate.from) / window);
}
