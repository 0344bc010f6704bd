import { setImmediate as turn } from 'node:timers/promises';
import { severityRank, type Incident } from '../model.ts';
import type { Connection } from './connection.ts';
import {
  incidentFromRow,
  INCIDENT_COLUMNS,
  placeOf,
  type IncidentPage,
  type IncidentQuery,
  type IncidentRow,
} from './incidents.ts';
import { whole } from './rows.ts';

/** A page of what was found; `searched`: how many incidents were looked at for it. */
export interface FoundPage extends IncidentPage {
  readonly searched: number;
}

export type SearchIncidents = (text: string, query: IncidentQuery) => Promise<FoundPage>;

/** Rows between which everything else has its turn: some milliseconds. */
const BATCH = 1_000;
/** Rows that one page looks through at the most; `next` goes on from there. */
const MOST = 30_000;

/**
 * Incidents in which a text occurs (id, subject, accounts, sources, calls, detector, summary), youngest first. Upper and lower case
 * of ASCII letters are the same. It goes through the incidents batch by batch and lets packets be judged in between.
 */
export function incidentSearch(connection: Connection): SearchIncidents {
  const { path } = connection;
  const batch = connection.prepare<IncidentRow & { hit: number }>(
    `SELECT ${INCIDENT_COLUMNS}, instr(lower(id || ' ' || subject_value || ' ' || accounts || ' ' || sources || ' ' || calls
       || ' ' || detector || ' ' || summary), ?) AS hit
     FROM incidents WHERE (opened_at, id) < (?, ?) AND opened_at >= ? ORDER BY opened_at DESC, id DESC LIMIT ${BATCH}`,
  );
  return async (text, { after, atLeast = 'info', acknowledged, since = 0, limit = 50 }) => {
    const wanted = text.toLowerCase();
    const incidents: Incident[] = [];
    let { openedAt, id } = placeOf(after);
    let searched = 0;
    while (searched < MOST) {
      const rows = batch.all(wanted, whole(openedAt), id, whole(since));
      for (const row of rows) {
        searched++;
        ({ opened_at: openedAt, id } = row);
        const fits =
          row.hit > 0 &&
          row.severity >= severityRank(atLeast) &&
          (acknowledged === undefined || acknowledged === (row.acknowledged_at !== null));
        if (!fits) continue;
        incidents.push(incidentFromRow(path, row));
        if (incidents.length >= limit) return { incidents, searched, next: `${row.severity}.${openedAt}.${id}` };
      }
      if (rows.length < BATCH) return { incidents, searched, next: null };
      await turn();
    }
    return { incidents, searched, next: `0.${openedAt}.${id}` };
  };
}
