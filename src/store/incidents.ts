import { InputError } from '../errors.ts';
import { SEVERITIES, severityRank, type Incident, type Millis, type Severity, type Subject } from '../model.ts';
import type { Connection, Statement } from './connection.ts';
import { list, packLoss, rank, severityAt, subjectOf, unlist, unpackLoss, whole } from './rows.ts';

export interface IncidentQuery {
  /** `newest` by opening time; `gravest` by severity, then by opening time. Default newest. */
  readonly order?: 'newest' | 'gravest';
  /** this severity and graver */
  readonly atLeast?: Severity;
  /** only these; default both */
  readonly acknowledged?: boolean;
  readonly subject?: Subject;
  /** opened at or after */
  readonly since?: Millis;
  /** opened before */
  readonly until?: Millis;
  /** default 50 */
  readonly limit?: number;
  /** `next` of the page before */
  readonly after?: string;
}

export interface IncidentPage {
  readonly incidents: Incident[];
  /** give it as `after` for the next page; null: this is the last */
  readonly next: string | null;
}

export interface IncidentsTable {
  /**
   * Puts an incident as it now stands. `acknowledgedAt` is not taken from it: acknowledgements come from people, and one
   * lapses when the severity rises above what was acknowledged.
   */
  put(incident: Incident): void;
  get(id: string): Incident | null;
  list(query: IncidentQuery): IncidentPage;
  /** What opened or grew since, latest first. */
  changedSince(since: Millis, limit: number): Incident[];
  /** Ids that begin so, at most `limit`. */
  startingWith(prefix: string, limit: number): string[];
  /** Numbers per severity, and how many of them nobody has acknowledged. */
  counts(): Readonly<Record<Severity, { readonly all: number; readonly open: number }>>;
  /** @returns false: there is no such incident */
  setAcknowledged(id: string, at: Millis): boolean;
  /** Last grown before `before`, and with nothing decided that still stands; oldest first. */
  outdated(before: Millis, limit: number): string[];
  delete(id: string): void;
}

/** A row of the table, as other files of this room read it. */
export interface IncidentRow {
  id: string;
  opened_at: number;
  updated_at: number;
  severity: number;
  subject_type: string;
  subject_value: string;
  detector: string;
  summary: string;
  accounts: string;
  sources: string;
  calls: string;
  evidence_count: number;
  loss: string | null;
  acknowledged_at: number | null;
}

export const INCIDENT_COLUMNS =
  'id, opened_at, updated_at, severity, subject_type, subject_value, detector, summary, accounts, sources, calls, ' +
  'evidence_count, loss, acknowledged_at';

export function incidentFromRow(path: string, row: IncidentRow): Incident {
  return {
    id: row.id,
    openedAt: row.opened_at,
    updatedAt: row.updated_at,
    severity: severityAt(path, row.severity),
    subject: subjectOf(row.subject_type, row.subject_value),
    detector: row.detector,
    summary: row.summary,
    accounts: unlist(path, row.accounts),
    sources: unlist(path, row.sources),
    calls: unlist(path, row.calls),
    evidenceCount: row.evidence_count,
    loss: unpackLoss(path, row.loss),
    acknowledgedAt: row.acknowledged_at,
  };
}

/** Where a page ended: severity rank, opening time, id. */
interface Place {
  readonly severity: number;
  readonly openedAt: number;
  readonly id: string;
}

const START: Place = { severity: SEVERITIES.length, openedAt: Number.MAX_SAFE_INTEGER, id: '' };

export function placeOf(token: string | undefined): Place {
  if (token === undefined) return START;
  const match = /^([0-4])\.(\d{1,16})\.([\w-]{1,64})$/.exec(token);
  if (match === null) throw new InputError('input-malformed', `"${token}" is not a page of the list of incidents`);
  return { severity: Number(match[1]), openedAt: Number(match[2]), id: match[3] ?? '' };
}

const earlier = (a: IncidentRow, b: IncidentRow): number => b.opened_at - a.opened_at || (a.id < b.id ? 1 : -1);

/**
 * Incidents and their listing. A page is read as one short range per severity and state of acknowledgement, so that it
 * costs the same with ten incidents and with a million, however rare the wanted ones are.
 */
export function incidentsTable(connection: Connection): IncidentsTable {
  const { path } = connection;
  const put = connection.prepare(
    `INSERT INTO incidents (${INCIDENT_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, NULL)
     ON CONFLICT (id) DO UPDATE SET opened_at = excluded.opened_at, updated_at = excluded.updated_at,
       severity = excluded.severity, subject_type = excluded.subject_type, subject_value = excluded.subject_value,
       detector = excluded.detector, summary = excluded.summary, accounts = excluded.accounts,
       sources = excluded.sources, calls = excluded.calls, evidence_count = excluded.evidence_count,
       loss = excluded.loss, anonymised_at = NULL,
       acknowledged_at = CASE WHEN excluded.severity > incidents.severity THEN NULL ELSE incidents.acknowledged_at END`,
  );
  const get = connection.prepare<IncidentRow>(`SELECT ${INCIDENT_COLUMNS} FROM incidents WHERE id = ?`);
  const range = connection.prepare<IncidentRow>(
    `SELECT ${INCIDENT_COLUMNS} FROM incidents WHERE severity = ? AND (acknowledged_at IS NULL) = ?
       AND (opened_at, id) < (?, ?) AND opened_at >= ? ORDER BY opened_at DESC, id DESC LIMIT ?`,
  );
  const ofSubject = connection.prepare<IncidentRow>(
    `SELECT ${INCIDENT_COLUMNS} FROM incidents WHERE subject_value = ? AND subject_type = ? AND severity = ?
       AND (acknowledged_at IS NULL) = ? AND (opened_at, id) < (?, ?) AND opened_at >= ?
       ORDER BY opened_at DESC, id DESC LIMIT ?`,
  );
  const changed = connection.prepare<IncidentRow>(
    `SELECT ${INCIDENT_COLUMNS} FROM incidents WHERE updated_at >= ? ORDER BY updated_at DESC LIMIT ?`,
  );
  const prefix = connection.prepare<{ id: string }>(
    'SELECT id FROM incidents WHERE id >= ? AND id < ? ORDER BY id LIMIT ?',
  );
  const counts = connection.prepare<{ severity: number; open: number; n: number }>(
    `SELECT severity, (acknowledged_at IS NULL) AS open, count(*) AS n FROM incidents
       GROUP BY severity, (acknowledged_at IS NULL)`,
  );
  const acknowledge = connection.prepare('UPDATE incidents SET acknowledged_at = ? WHERE id = ?');
  const outdated = connection.prepare<{ id: string }>(
    `SELECT id FROM incidents WHERE updated_at < ? AND NOT EXISTS (SELECT 1 FROM decisions
       WHERE incident = incidents.id AND state IN ('pending', 'done') AND until > ?) ORDER BY updated_at LIMIT ?`,
  );
  const remove = connection.prepare('DELETE FROM incidents WHERE id = ?');

  const read = (query: IncidentQuery, severity: number, open: number, from: Place, limit: number): IncidentRow[] => {
    const first = from.openedAt;
    // Rows opened at `until` itself are out: ids are never '' and so (until, '') is just below them.
    const [openedAt, id] =
      query.until !== undefined && query.until <= first ? [whole(query.until), ''] : [first, from.id];
    const since = whole(query.since ?? 0);
    const statement: Statement<IncidentRow> = query.subject === undefined ? range : ofSubject;
    const head = query.subject === undefined ? [] : [query.subject.value, query.subject.type];
    return statement.all(...head, severity, open, openedAt, id, since, limit);
  };

  const listing = (query: IncidentQuery): IncidentPage => {
    const limit = Math.max(1, Math.floor(query.limit ?? 50));
    const place = placeOf(query.after);
    const lowest = query.atLeast === undefined ? 0 : severityRank(query.atLeast);
    const states = query.acknowledged === undefined ? [0, 1] : [query.acknowledged ? 0 : 1];
    const rows: IncidentRow[] = [];
    for (let severity = SEVERITIES.length - 1; severity >= lowest; severity--) {
      if (query.order === 'gravest') {
        if (severity > place.severity || rows.length > limit) continue;
        const from = severity === place.severity ? place : START;
        const found = states.flatMap((open) => read(query, severity, open, from, limit + 1));
        rows.push(...found.sort(earlier));
      } else for (const open of states) rows.push(...read(query, severity, open, place, limit + 1));
    }
    if (query.order !== 'gravest') rows.sort(earlier);
    const page = rows.slice(0, limit);
    const last = page.at(-1);
    return {
      incidents: page.map((row) => incidentFromRow(path, row)),
      next: last === undefined || rows.length <= limit ? null : `${last.severity}.${last.opened_at}.${last.id}`,
    };
  };

  return {
    put: (i) =>
      void put.run(
        i.id,
        whole(i.openedAt),
        whole(i.updatedAt),
        rank(i.severity),
        i.subject.type,
        i.subject.value,
        i.detector,
        i.summary,
        list(i.accounts),
        list(i.sources),
        list(i.calls),
        i.evidenceCount,
        packLoss(i.loss),
      ),
    get: (id) => {
      const row = get.get(id);
      return row === undefined ? null : incidentFromRow(path, row);
    },
    list: listing,
    changedSince: (since, limit) => changed.all(whole(since), limit).map((row) => incidentFromRow(path, row)),
    startingWith: (start, limit) => prefix.all(start, `${start}\u{10ffff}`, limit).map((row) => row.id),
    counts: () => {
      const all = Object.fromEntries(SEVERITIES.map((s) => [s, { all: 0, open: 0 }])) as Record<
        Severity,
        { all: number; open: number }
      >;
      for (const row of counts.all()) {
        const count = all[severityAt(path, row.severity)];
        count.all += row.n;
        if (row.open === 1) count.open += row.n;
      }
      return all;
    },
    setAcknowledged: (id, at) => acknowledge.run(whole(at), id) > 0,
    outdated: (before, limit) => outdated.all(whole(before), whole(before), limit).map((row) => row.id),
    delete: (id) => void remove.run(id),
  };
}
