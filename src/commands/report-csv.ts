import type { ReportedIncident } from '../store/index.ts';
import { iso } from '../time.ts';
import { visible } from '../words/index.ts';

/** Where a spreadsheet would take a cell for a formula, or for a command of its own (OWASP, "CSV Injection"); wide forms too. */
const FORMULA = /^[=+\-@\t\r\n\uff1d\uff0b\uff0d\uff20]/;

/**
 * One cell (RFC 4180): quoted, quotes doubled, and with a ' before what a spreadsheet would run. What cannot be seen is
 * spelled out, so that no line of a table can be made up by a caller id.
 */
export function csvCell(value: string | number | null): string {
  if (value === null) return '';
  if (typeof value === 'number') return String(value);
  const shown = visible(value, 1_000);
  return `"${(FORMULA.test(value) || FORMULA.test(shown) ? `'${shown}` : shown).replaceAll('"', '""')}"`;
}

const COLUMNS = [
  'incident',
  'opened',
  'updated',
  'severity',
  'detector',
  'subject_type',
  'subject',
  'summary',
  'accounts',
  'sources',
  'numbers',
  'evidence',
  'loss',
  'currency',
  'acknowledged',
  'decisions',
] as const;

/** The first line, with the mark by which Excel knows UTF-8. */
export const CSV_HEAD = `\ufeff${COLUMNS.join(',')}\r\n`;

const joined = (values: readonly string[]): string => values.join(' ');

/** An incident as one line. Times are UTC, amounts have a point. */
export function csvLine({ incident: i, decisions, numbers }: ReportedIncident): string {
  const decided = decisions.map(({ action, state }) => `${action}:${state}`);
  const cells: Readonly<Record<(typeof COLUMNS)[number], string | number | null>> = {
    incident: i.id,
    opened: iso(i.openedAt),
    updated: iso(i.updatedAt),
    severity: i.severity,
    detector: i.detector,
    subject_type: i.subject.type,
    subject: i.subject.value,
    summary: i.summary,
    accounts: joined(i.accounts),
    sources: joined(i.sources),
    numbers: joined(numbers),
    evidence: i.evidenceCount,
    loss: i.loss?.amount ?? null,
    currency: i.loss?.currency ?? null,
    acknowledged: i.acknowledgedAt === null ? null : iso(i.acknowledgedAt),
    decisions: joined([...new Set(decided)]),
  };
  return `${COLUMNS.map((name) => csvCell(cells[name])).join(',')}\r\n`;
}
