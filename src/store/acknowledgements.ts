import type { Millis, Severity } from '../model.ts';
import type { Connection } from './connection.ts';
import { rank, severityAt, whole } from './rows.ts';

/** Somebody has seen an incident as it then was. It stands until the incident grows worse. */
export interface Acknowledgement {
  readonly at: Millis;
  /** how grave the incident was when it was acknowledged */
  readonly severity: Severity;
  readonly who: string;
  readonly note: string;
}

export interface AcknowledgementsTable {
  add(incident: string, acknowledgement: Acknowledgement): void;
  /** oldest first */
  of(incident: string): Acknowledgement[];
  move(younger: string, elder: string): void;
  forget(incident: string, limit: number): number;
}

export function acknowledgementsTable(connection: Connection): AcknowledgementsTable {
  const add = connection.prepare(
    'INSERT INTO acknowledgements (incident, at, severity, who, note) VALUES (?, ?, ?, ?, ?)',
  );
  const of = connection.prepare<{ at: number; severity: number; who: string; note: string }>(
    'SELECT at, severity, who, note FROM acknowledgements WHERE incident = ? ORDER BY at, number LIMIT 1000',
  );
  const move = connection.prepare('UPDATE acknowledgements SET incident = ? WHERE incident = ?');
  const forget = connection.prepare(
    'DELETE FROM acknowledgements WHERE number IN (SELECT number FROM acknowledgements WHERE incident = ? LIMIT ?)',
  );
  return {
    add: (incident, a) => void add.run(incident, whole(a.at), rank(a.severity), a.who, a.note),
    of: (incident) => of.all(incident).map((row) => ({ ...row, severity: severityAt(connection.path, row.severity) })),
    move: (younger, elder) => void move.run(elder, younger),
    forget: (incident, limit) => forget.run(incident, limit),
  };
}
