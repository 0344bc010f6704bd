import type { Millis, Severity } from '../model.ts';
import { fromJson, type Connection } from './connection.ts';
import { rank, severityAt, whole } from './rows.ts';

/** Something that a template refused, or let pass, and that somebody should know; the same thing within an hour is one row. */
export interface ToolboxAlert {
  readonly id: string;
  readonly first: Millis;
  readonly last: Millis;
  readonly times: number;
  readonly severity: Severity;
  readonly template: string;
  readonly reason: string;
  readonly identity: string;
  readonly source: string;
  readonly callId: string;
  readonly summary: string;
  readonly facts: Readonly<Record<string, string | number | boolean | null>>;
}

export interface ToolboxAlertsTable {
  /** Adds an alert, or counts it to the one of the same id. @returns how often it has happened by now */
  add(alert: Omit<ToolboxAlert, 'times' | 'last'>): number;
  /** The latest first. */
  list(limit: number): ToolboxAlert[];
  /** Keeps the latest `most`. @returns how many went */
  trim(most: number): number;
  /** Forgets what happened last before. @returns how many */
  forget(before: Millis): number;
}

interface Row {
  id: string;
  first: number;
  last: number;
  times: number;
  severity: number;
  template: string;
  reason: string;
  identity: string;
  source: string;
  call_id: string;
  summary: string;
  facts: string;
}

export function toolboxAlertsTable(connection: Connection): ToolboxAlertsTable {
  const columns = 'id, first, last, times, severity, template, reason, identity, source, call_id, summary, facts';
  const add = connection.prepare<{ times: number }>(
    `INSERT INTO toolbox_alerts (${columns}) VALUES (?, ?, ?, 1, ?, ?, ?, ?, ?, ?, ?, ?)
     ON CONFLICT (id) DO UPDATE SET last = max(last, excluded.last), times = times + 1,
       severity = max(severity, excluded.severity) RETURNING times`,
  );
  const list = connection.prepare<Row>(`SELECT ${columns} FROM toolbox_alerts ORDER BY last DESC, id LIMIT ?`);
  const trim = connection.prepare(
    'DELETE FROM toolbox_alerts WHERE id IN (SELECT id FROM toolbox_alerts ORDER BY last DESC, id LIMIT -1 OFFSET ?)',
  );
  const forget = connection.prepare('DELETE FROM toolbox_alerts WHERE last < ?');
  return {
    add: ({ id, first, severity, template, reason, identity, source, callId, summary, facts }) => {
      const at = whole(first);
      const own = [template, reason, identity, source, callId, summary, JSON.stringify(facts)];
      return add.get(id, at, at, rank(severity), ...own)?.times ?? 1;
    },
    list: (limit) =>
      list.all(limit).map(({ call_id, severity, facts, ...same }) => ({
        ...same,
        callId: call_id,
        severity: severityAt(connection.path, severity),
        facts: fromJson(connection.path, 'an alert of the toolbox', facts) as ToolboxAlert['facts'],
      })),
    trim: (most) => trim.run(most),
    forget: (before) => forget.run(whole(before)),
  };
}
