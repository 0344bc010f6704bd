import type { ReportedIncident } from '../store/index.ts';
import { iso, type Zone } from '../time.ts';
import { alarmText, en, visible, weaknessText, type Report } from '../words/index.ts';

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

type Cells = Readonly<Record<(typeof COLUMNS)[number], string | number | null>>;

const line = (cells: Cells): string => `${COLUMNS.map((name) => csvCell(cells[name])).join(',')}\r\n`;

/** An incident as one line. Times are UTC, amounts have a point. */
export function csvLine({ incident: i, decisions, numbers }: ReportedIncident): string {
  const decided = decisions.map(({ action, state }) => `${action}:${state}`);
  return line({
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
  });
}

const NONE = Object.fromEntries(COLUMNS.map((name) => [name, null])) as Cells;

/** What is no incident (its column is empty): weak passwords, times in which ringfence did not see everything, keys that end. */
export function csvBeside({ passwords, gaps, keys, madeAt }: Report, zone: Zone): string[] {
  const weak = (passwords?.weak ?? []).map(({ account, weakness, at }) => ({
    ...{ detector: 'weak-password', severity: 'high', opened: iso(at), subject_type: 'account', subject: account },
    ...{ summary: `its password ${weaknessText(weakness, null)}`, accounts: account },
  }));
  const unseen = gaps.map(({ alarm, since, until, facts }) => ({
    ...{ detector: 'feed-gap', opened: iso(since), updated: until === null ? null : iso(until) },
    ...{ subject_type: 'alarm', subject: alarm },
    summary: alarmText({ alarm, facts, since, until: null }, en, zone).headline,
  }));
  const ending = (keys ?? []).map(({ name, endsAt }) => ({
    ...{ detector: 'key-ends', opened: iso(madeAt), subject_type: 'key', subject: name },
    summary: `its key ends at ${iso(endsAt)}`,
  }));
  return [...weak, ...unseen, ...ending].map((cells) => line({ ...NONE, ...cells }));
}
