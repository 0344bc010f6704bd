import type { Action, Decision, DecisionState, Millis } from '../model.ts';
import type { Connection } from './connection.ts';
import { whole } from './rows.ts';

export interface DecisionsTable {
  /**
   * Puts a decision. One that is there already keeps its time; a later end and its reason are taken over, and what was
   * only observed, or had ended, becomes pending where it is now to be done. What was undone stays undone, what was done
   * stays done, and what is only observed changes nothing about what was to be done.
   * @returns true: it is new
   */
  put(decision: Decision): boolean;
  get(id: string): Decision | null;
  /** Decisions of an incident by time, oldest first. */
  of(incident: string): Decision[];
  /** In these states, oldest end first. */
  inState(state: DecisionState, limit?: number): Decision[];
  /** @returns false: there is no such decision */
  setState(id: string, state: DecisionState): boolean;
  move(younger: string, elder: string): void;
  forget(incident: string, limit: number): number;
}

interface Row {
  id: string;
  incident: string;
  at: number;
  action: string;
  target: string;
  state: string;
  until: number | null;
  why: string;
}

const fromRow = (row: Row): Decision => ({
  ...row,
  action: row.action as Action,
  state: row.state as DecisionState,
});

const end = (until: Millis | null): number | null => (until === null ? null : whole(until));

/** What was decided, and what became of it. */
export function decisionsTable(connection: Connection): DecisionsTable {
  const columns = 'id, incident, at, action, target, state, until, why';
  const has = connection.prepare('SELECT 1 FROM decisions WHERE id = ?');
  const put = connection.prepare(
    `INSERT INTO decisions (${columns}) VALUES (?, ?, ?, ?, ?, ?, ?, ?)
     ON CONFLICT (id) DO UPDATE SET until = excluded.until, why = excluded.why,
         state = CASE WHEN decisions.state IN ('observed', 'expired') THEN excluded.state ELSE decisions.state END
       WHERE (decisions.state = 'observed' AND excluded.state = 'pending')
         OR (excluded.until > decisions.until AND decisions.state <> 'undone'
           AND (decisions.state = 'observed' OR excluded.state <> 'observed'))`,
  );
  const get = connection.prepare<Row>(`SELECT ${columns} FROM decisions WHERE id = ?`);
  const of = connection.prepare<Row>(
    `SELECT ${columns} FROM decisions WHERE incident = ? ORDER BY at, rowid LIMIT 1000`,
  );
  const inState = connection.prepare<Row>(
    `SELECT ${columns} FROM decisions WHERE state = ? ORDER BY until, at, rowid LIMIT ?`,
  );
  const setState = connection.prepare('UPDATE decisions SET state = ? WHERE id = ?');
  const move = connection.prepare('UPDATE decisions SET incident = ? WHERE incident = ?');
  const forget = connection.prepare(
    'DELETE FROM decisions WHERE rowid IN (SELECT rowid FROM decisions WHERE incident = ? LIMIT ?)',
  );
  return {
    put: (d) => {
      const isNew = has.get(d.id) === undefined;
      put.run(d.id, d.incident, whole(d.at), d.action, d.target, d.state, end(d.until), d.why);
      return isNew;
    },
    get: (id) => {
      const row = get.get(id);
      return row === undefined ? null : fromRow(row);
    },
    of: (incident) => of.all(incident).map(fromRow),
    inState: (state, limit = 1000) => inState.all(state, limit).map(fromRow),
    setState: (id, state) => setState.run(state, id) > 0,
    move: (younger, elder) => void move.run(elder, younger),
    forget: (incident, limit) => forget.run(incident, limit),
  };
}
