import type { Alert, Millis, Severity } from '../model.ts';
import { fromJson, type Connection } from './connection.ts';
import { rank, whole } from './rows.ts';

export interface AlertsTable {
  /** @returns false: this line is already there */
  insert(alert: Alert): boolean;
  get(id: string): Alert | null;
  /** The incident that a line is about, after any merge. */
  incidentOf(id: string): string | null;
  /** Incidents of the lines whose id begins so, each once, at most `limit`. */
  incidentsOfPrefix(prefix: string, limit: number): string[];
  /** The lines of an incident, oldest first. */
  of(incident: string): Alert[];
  /** Every line at or above `severity` since `since`, oldest first, read page by page. */
  since(since: Millis, severity: Severity): IterableIterator<Alert>;
  /** The lines keep the incident that they were sent with in their text; they are found by the elder one. */
  move(younger: string, elder: string): void;
  forget(incident: string, limit: number): number;
}

const PAGE = 500;

/** The alert lines as they were given out (contracts.md, "An alert, as JSON"). */
export function alertsTable(connection: Connection): AlertsTable {
  const insert = connection.prepare(
    'INSERT INTO alerts (id, incident, at, severity, line) VALUES (?, ?, ?, ?, ?) ON CONFLICT (id) DO NOTHING',
  );
  const get = connection.prepare<{ line: string }>('SELECT line FROM alerts WHERE id = ?');
  const incidentOf = connection.prepare<{ incident: string }>('SELECT incident FROM alerts WHERE id = ?');
  const prefixed = connection.prepare<{ incident: string }>(
    'SELECT DISTINCT incident FROM alerts WHERE id >= ? AND id < ? LIMIT ?',
  );
  const of = connection.prepare<{ line: string }>(
    'SELECT line FROM alerts WHERE incident = ? ORDER BY at, rowid LIMIT 1000',
  );
  const page = connection.prepare<{ id: string; at: number; line: string }>(
    `SELECT id, at, line FROM alerts WHERE (at, id) > (?, ?) AND severity >= ? ORDER BY at, id LIMIT ${PAGE}`,
  );
  const move = connection.prepare('UPDATE alerts SET incident = ? WHERE incident = ?');
  const forget = connection.prepare(
    'DELETE FROM alerts WHERE rowid IN (SELECT rowid FROM alerts WHERE incident = ? LIMIT ?)',
  );
  const read = (row: { line: string }): Alert => fromJson(connection.path, 'an alert', row.line) as Alert;
  return {
    insert: (a) => insert.run(a.id, a.incident, whole(Date.parse(a.at)), rank(a.severity), JSON.stringify(a)) > 0,
    get: (id) => {
      const row = get.get(id);
      return row === undefined ? null : read(row);
    },
    incidentOf: (id) => incidentOf.get(id)?.incident ?? null,
    incidentsOfPrefix: (prefix, limit) => prefixed.all(prefix, `${prefix}\u{10ffff}`, limit).map((row) => row.incident),
    of: (incident) => of.all(incident).map(read),
    *since(since, severity) {
      let at = whole(since);
      let id = '';
      for (;;) {
        const rows = page.all(at, id, rank(severity));
        for (const row of rows) yield read(row);
        const last = rows.at(-1);
        if (last === undefined || rows.length < PAGE) return;
        ({ at, id } = last);
      }
    },
    move: (younger, elder) => void move.run(elder, younger),
    forget: (incident, limit) => forget.run(incident, limit),
  };
}
