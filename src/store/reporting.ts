import { SEVERITIES, type Action, type DecisionState, type Incident, type Millis, type Severity } from '../model.ts';
import type { Connection } from './connection.ts';
import { severityAt, whole } from './rows.ts';
import { incidentFromRow, INCIDENT_COLUMNS, type IncidentRow } from './incidents.ts';

/** Incidents that opened in a period, by severity. */
export type SeverityCounts = Readonly<Record<Severity, { readonly all: number; readonly open: number }>>;

/** An incident as a report goes through it. */
export interface ReportedIncident {
  readonly incident: Incident;
  readonly decisions: readonly { readonly action: Action; readonly state: DecisionState; readonly at: Millis }[];
  /** numbers that its evidence names, each once, as they were dialled; 100 at the most */
  readonly numbers: readonly string[];
}

export interface ReportedAccount {
  readonly account: string;
  readonly incidents: number;
  readonly severity: Severity;
}

export interface ReportedDecision {
  readonly incident: string;
  readonly at: Millis;
  readonly action: Action;
  readonly target: string;
  readonly state: DecisionState;
  readonly why: string;
}

/** What reports ask of the store. Periods are half open: from `since`, before `until`. */
export interface Reporting {
  counts(since: Millis, until: Millis): SeverityCounts;
  /** Every incident that opened in the period, oldest first, read page by page: memory does not grow with their number. */
  incidents(since: Millis, until: Millis): IterableIterator<ReportedIncident>;
  /** Accounts of those incidents, gravest first, then by how many. */
  accounts(since: Millis, until: Millis, limit: number): ReportedAccount[];
  /** Decisions of the period, by what was decided and what became of it. */
  decisions(
    since: Millis,
    until: Millis,
  ): { readonly action: Action; readonly state: DecisionState; readonly n: number }[];
  /** Decisions of the period in one of these states, youngest first. */
  decisionsIn(since: Millis, until: Millis, states: readonly DecisionState[], limit: number): ReportedDecision[];
}

const PAGE = 500;
const NUMBERS = 100;

export function reporting(connection: Connection): Reporting {
  const { path } = connection;
  const counts = connection.prepare<{ severity: number; open: number; n: number }>(
    `SELECT severity, (acknowledged_at IS NULL) AS open, count(*) AS n FROM incidents
     WHERE opened_at >= ? AND opened_at < ? GROUP BY severity, (acknowledged_at IS NULL)`,
  );
  const page = connection.prepare<IncidentRow>(
    `SELECT ${INCIDENT_COLUMNS} FROM incidents WHERE (opened_at, id) > (?, ?) AND opened_at < ?
     ORDER BY opened_at, id LIMIT ${PAGE}`,
  );
  const decided = connection.prepare<{ action: string; state: string; at: number }>(
    'SELECT action, state, at FROM decisions WHERE incident = ? ORDER BY at, rowid LIMIT 1000',
  );
  const numbers = connection.prepare<{ value: string }>(
    `SELECT DISTINCT j.value AS value FROM evidence, json_each(evidence.facts, '$.numbers') AS j
     WHERE evidence.incident = ? AND j.type = 'text' LIMIT ${NUMBERS}`,
  );
  const accounts = connection.prepare<{ account: string; n: number; severity: number }>(
    `SELECT j.value AS account, count(*) AS n, max(severity) AS severity FROM incidents, json_each(incidents.accounts) AS j
     WHERE opened_at >= ? AND opened_at < ? GROUP BY j.value ORDER BY max(severity) DESC, n DESC, j.value LIMIT ?`,
  );
  const byState = connection.prepare<{ action: string; state: string; n: number }>(
    `SELECT action, state, count(*) AS n FROM decisions WHERE at >= ? AND at < ? AND action <> 'none'
     GROUP BY action, state ORDER BY action, state`,
  );
  const inStates = connection.prepare<ReportedDecision>(
    `SELECT incident, at, action, target, state, why FROM decisions
     WHERE at >= ? AND at < ? AND state IN (SELECT value FROM json_each(?)) ORDER BY at DESC, rowid DESC LIMIT ?`,
  );
  return {
    counts: (since, until) => {
      const all = Object.fromEntries(SEVERITIES.map((s) => [s, { all: 0, open: 0 }])) as Record<
        Severity,
        { all: number; open: number }
      >;
      for (const row of counts.all(whole(since), whole(until))) {
        const count = all[severityAt(path, row.severity)];
        count.all += row.n;
        if (row.open === 1) count.open += row.n;
      }
      return all;
    },
    *incidents(since, until) {
      // ids are never '': (since - 1, a last one) is just before the first of the period
      let at = whole(since) - 1;
      let id = '\u{10ffff}';
      for (;;) {
        const rows = page.all(at, id, whole(until));
        for (const row of rows)
          yield {
            incident: incidentFromRow(path, row),
            decisions: decided.all(row.id) as ReportedIncident['decisions'],
            numbers: numbers.all(row.id).map(({ value }) => value),
          };
        const last = rows.at(-1);
        if (last === undefined || rows.length < PAGE) return;
        ({ opened_at: at, id } = last);
      }
    },
    accounts: (since, until, limit) =>
      accounts.all(whole(since), whole(until), limit).map(({ account, n, severity }) => ({
        ...{ account, incidents: n, severity: severityAt(path, severity) },
      })),
    decisions: (since, until) => byState.all(whole(since), whole(until)) as ReturnType<Reporting['decisions']>,
    decisionsIn: (since, until, states, limit) =>
      inStates.all(whole(since), whole(until), JSON.stringify(states), limit),
  };
}
