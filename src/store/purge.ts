import type { Millis } from '../model.ts';
import type { Connection } from './connection.ts';
import type { Tables } from './index.ts';

/** Rows that one transaction forgets at the most; between two the event loop runs. */
const BATCH = 64;

export interface PurgeStep {
  /** incidents forgotten in this step */
  readonly incidents: number;
  /** true: nothing outdated is left */
  readonly done: boolean;
}

/**
 * Forgets outdated incidents with all that hangs on them, a bounded number of rows in one short transaction. An
 * incident goes last, so that a step that was cut short is taken up again.
 */
export function purgeStep(connection: Connection, tables: Tables, before: Millis): PurgeStep {
  // Not durable: a purge that a power cut takes back is done again.
  return connection.transaction(() => {
    let room = BATCH;
    let incidents = 0;
    const outdated = tables.incidents.outdated(before, BATCH / 4);
    for (const id of outdated) {
      for (const table of [
        tables.evidence,
        tables.alerts,
        tables.decisions,
        tables.acknowledgements,
        tables.deliveries,
        tables.aliases,
      ]) {
        room -= table.forget(id, room);
        if (room <= 0) return { incidents, done: false };
      }
      tables.incidents.delete(id);
      incidents++;
      if (--room <= 0) return { incidents, done: false };
    }
    const alarms = tables.deliveries.forgetAlarms(before, room);
    return { incidents, done: outdated.length < BATCH / 4 && alarms < room };
  }, false);
}
