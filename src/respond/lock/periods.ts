import type { Millis } from '../../model.ts';

/** A stretch of time in which the office lock holds: from (included) until. */
export interface Period {
  readonly from: Millis;
  readonly until: Millis;
}

/**
 * The office lock as AstDB holds it: `<from>-<until>` in epoch seconds for each period, separated by spaces; a plain
 * `<until>` holds from the beginning of time. Ends are rounded up, so that none comes early.
 */
export const lockText = (periods: readonly Period[]): string =>
  periods
    .map(({ from, until }) => {
      const end = String(Math.ceil(until / 1000));
      return from <= 0 ? end : `${Math.floor(from / 1000)}-${end}`;
    })
    .join(' ');

/** The periods of such a text; what is none is left out. */
export const lockPeriods = (text: string): Period[] =>
  text.split(' ').flatMap((item) => {
    const parts = /^(?:(\d{1,12})-)?(\d{1,12})$/.exec(item);
    return parts === null ? [] : [{ from: Number(parts[1] ?? 0) * 1000, until: Number(parts[2]) * 1000 }];
  });
