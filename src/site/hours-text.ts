import { parsed, refused, type Parsed } from '../parsed.ts';
import { DAY, MINUTE } from '../time.ts';

/**
 * The texts of `[hours]`: weekly windows, closures, extra openings. Wall clock readings are kept as milliseconds as if they
 * were UTC ("local" below); only the calendar knows the zone.
 */

/** Open each week on these days. */
export interface WeeklyWindow {
  /** bit n: ISO weekday n, 1 = Monday, 7 = Sunday */
  readonly days: number;
  /** minute of the day, 0-1439 */
  readonly start: number;
  /** minute counted from the same midnight; above 1440 it ends on the next day */
  readonly end: number;
}

/** A span of wall clock time, end excluded. */
export interface LocalSpan {
  readonly start: number;
  readonly end: number;
}

const DAY_MINUTES = 1440;
const DAY_NAMES = ['monday', 'tuesday', 'wednesday', 'thursday', 'friday', 'saturday', 'sunday'];
const HELP_WEEKLY = 'write it like "Mon-Fri 08:00-18:00", "Sat,Sun 10:00-12:00, 14:00-16:00" or "Fri 22:00-06:00"';
const HELP_CLOSED = 'write it like "2026-12-24..2027-01-01", "2026-12-24" or "2026-12-24 13:00-24:00"';
const HELP_OPEN = 'write it like "2026-12-27 10:00-14:00"';

/** ISO weekday of a name or its first three letters, 0 for none. */
function weekday(text: string): number {
  const name = text.trim().toLowerCase();
  return name.length < 3 ? 0 : DAY_NAMES.findIndex((day) => day === name || day.slice(0, 3) === name) + 1;
}

function parseDays(text: string): number | null {
  if (text === '' || text.toLowerCase() === 'daily') return 0b11111110;
  let days = 0;
  for (const part of text.split(',')) {
    const [from = '', to = from, ...rest] = part.split(/[-–]/);
    const first = weekday(from);
    const last = weekday(to);
    if (first === 0 || last === 0 || rest.length > 0) return null;
    for (let day = first; ; day = (day % 7) + 1) {
      days |= 1 << day;
      if (day === last) break;
    }
  }
  return days;
}

/** Minute of the day of HH:MM, up to 24:00; null: no such time. */
function minuteOf(text: string): number | null {
  const match = /^(\d{1,2}):(\d{2})$/.exec(text.trim());
  if (match === null) return null;
  const minute = Number(match[1]) * 60 + Number(match[2]);
  return Number(match[2]) < 60 && minute <= DAY_MINUTES ? minute : null;
}

/** `HH:MM-HH:MM[, …]`; an end at or before the start is the next day's. */
function parseTimes(text: string): { readonly start: number; readonly end: number }[] | null {
  const spans = [];
  for (const part of text.split(',')) {
    const [from = '', to = '', ...rest] = part.split(/[-–]/);
    const start = minuteOf(from);
    const end = minuteOf(to);
    if (start === null || end === null || rest.length > 0 || start === end || start === DAY_MINUTES) return null;
    spans.push({ start, end: end > start ? end : end + DAY_MINUTES });
  }
  return spans;
}

/** Weekly windows: days (none: every day), then one or more spans of time. */
export function parseWeekly(text: string): Parsed<readonly WeeklyWindow[]> {
  const at = text.search(/\d/);
  const days = at < 0 ? null : parseDays(text.slice(0, at).trim().replace(/,$/, '').replace(/\s+/g, ''));
  const times = at < 0 ? null : parseTimes(text.slice(at));
  if (days === null || times === null) return refused(`"${text}" is no opening time; ${HELP_WEEKLY}`);
  return parsed(times.map(({ start, end }) => ({ days, start, end })));
}

/** The local midnight that begins a date YYYY-MM-DD; null: no such day. */
function midnightOf(text: string): number | null {
  const match = /^(\d{4})-(\d{2})-(\d{2})$/.exec(text);
  if (match === null) return null;
  const at = Date.UTC(Number(match[1]), Number(match[2]) - 1, Number(match[3]));
  return new Date(at).toISOString().startsWith(text) ? at : null;
}

/** `DATE HH:MM-HH:MM[, …]`; null: not of that form. */
function parseDated(text: string): LocalSpan[] | null {
  const match = /^(\d{4}-\d{2}-\d{2})\s+(.+)$/.exec(text);
  const midnight = midnightOf(match?.[1] ?? '');
  const times = parseTimes(match?.[2] ?? '');
  if (midnight === null || times === null) return null;
  return times.map(({ start, end }) => ({ start: midnight + start * MINUTE, end: midnight + end * MINUTE }));
}

/** Closures: whole days, or hours of one day. */
export interface Closure extends LocalSpan {
  readonly wholeDays: boolean;
}

/** `DATE..DATE` (both included), `DATE`, or `DATE HH:MM-HH:MM`. */
export function parseClosure(text: string): Parsed<readonly Closure[]> {
  const trimmed = text.trim();
  const [from = '', to = from, ...rest] = trimmed.split('..').map((part) => part.trim());
  const first = midnightOf(from);
  const last = midnightOf(to);
  if (first !== null && last !== null && rest.length === 0) {
    if (last < first) return refused(`"${text}" ends before it begins`);
    return parsed([{ start: first, end: last + DAY, wholeDays: true }]);
  }
  const dated = parseDated(trimmed);
  if (dated === null) return refused(`"${text}" is no closure; ${HELP_CLOSED}`);
  return parsed(dated.map((span) => ({ ...span, wholeDays: false })));
}

/** `DATE HH:MM-HH:MM[, …]`: open then, whatever else says closed. */
export function parseOpening(text: string): Parsed<readonly LocalSpan[]> {
  const dated = parseDated(text.trim());
  return dated === null ? refused(`"${text}" is no opening; ${HELP_OPEN}`) : parsed(dated);
}
