import type { Alert, Incident } from '../model.ts';
import type { Zone } from '../time.ts';
import { fit, plain, wrap, type Painter } from './layout.ts';
import { visible } from './visible.ts';
import type { Words } from './words.ts';

export interface TextOptions {
  readonly words: Words;
  /** the site's */
  readonly zone: Zone;
  readonly paint?: Painter;
  /** of the terminal; default 100 */
  readonly columns?: number;
}

/** Characters of an id in a list: enough to name an incident, for any unique beginning does. */
export const SHORT_ID = 8;

const shortId = (id: string): string => visible(id, 64).slice(0, SHORT_ID);

/** Lines that one incident may take in the table. */
const LINES = 3;

/** Incidents as a table, none of its lines wider than `columns` (40 at the least). */
export function incidentTable(incidents: readonly Incident[], options: TextOptions): string {
  const { words, zone, paint = plain, columns = 100 } = options;
  const { headings } = words;
  if (incidents.length === 0) return headings.noAlerts;
  const room = Math.max(20, columns - SHORT_ID - 17 - 8 - 6);
  const indent = ' '.repeat(SHORT_ID + 17 + 8 + 6);
  const lines = [
    paint.bold(
      `${fit(headings.id, SHORT_ID)}  ${fit(headings.when, 17)}  ${fit(headings.severity, 8)}  ${headings.what}`,
    ),
  ];
  for (const i of incidents) {
    const seen = i.acknowledgedAt === null ? '' : '✓ ';
    const cost = i.loss === null ? '' : ` (${words.loss(i.loss)})`;
    const all = wrap(`${seen}${visible(words.headline(i, []), 400)}${cost}`, room);
    const [first = '', ...rest] =
      all.length <= LINES ? all : [...all.slice(0, LINES - 1), fit(all.slice(LINES - 1).join(' '), room)];
    const severity = paint.severity(i.severity, fit(words.severity(i.severity), 8));
    const text = (line: string): string => (i.acknowledgedAt === null ? line : paint.dim(line));
    lines.push(
      `${fit(shortId(i.id), SHORT_ID)}  ${fit(words.minute(i.openedAt, zone), 17)}  ${severity}  ${text(first)}`,
    );
    lines.push(...rest.map((line) => indent + text(line)));
  }
  return lines.join('\n');
}

/** An alert as one line, as `replay`, `scan` and the log of `run` print it. */
export function alertLine(alert: Alert, options: TextOptions): string {
  const { words, zone, paint = plain } = options;
  const severity = paint.severity(alert.severity, fit(words.severity(alert.severity), 8));
  const at = Date.parse(alert.at);
  const cost = alert.loss === undefined ? '' : ` (${words.loss(alert.loss)})`;
  const id = paint.dim(`[${shortId(alert.incident)}]`);
  return `${words.minute(at, zone).slice(0, 11)} ${words.clock(at, zone)}  ${severity}  ${words.summary(alert)}${cost} ${id}`;
}
