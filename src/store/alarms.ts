import type { Fact, Millis } from '../model.ts';
import { fromJson, type Connection } from './connection.ts';
import { whole } from './rows.ts';

/** Something that was wrong with ringfence itself; `until` null while it is. */
export interface StoredAlarm {
  readonly alarm: string;
  readonly since: Millis;
  readonly until: Millis | null;
  readonly facts: Readonly<Record<string, Fact>>;
}

export interface AlarmsTable {
  /** Puts one that has begun or ended; there is one of a name and a beginning. */
  put(alarm: StoredAlarm): void;
  /** Those that stand, oldest first. */
  standing(): StoredAlarm[];
  /** Those that stood at any moment from `since` to `until`, oldest first. */
  within(since: Millis, until: Millis, limit: number): StoredAlarm[];
  /** Forgets what was over before. @returns how many */
  forget(before: Millis): number;
}

interface Row {
  alarm: string;
  since: number;
  until: number | null;
  facts: string;
}

/** What was wrong with ringfence itself, and when: told once, and the gaps of reports. */
export function alarmsTable(connection: Connection): AlarmsTable {
  const put = connection.prepare(
    `INSERT INTO alarms (alarm, since, until, facts) VALUES (?, ?, ?, ?)
     ON CONFLICT (alarm, since) DO UPDATE SET until = excluded.until, facts = excluded.facts`,
  );
  const standing = connection.prepare<Row>('SELECT * FROM alarms WHERE until IS NULL ORDER BY since, alarm');
  const within = connection.prepare<Row>(
    'SELECT * FROM alarms WHERE since < ? AND (until IS NULL OR until >= ?) ORDER BY since, alarm LIMIT ?',
  );
  const forget = connection.prepare('DELETE FROM alarms WHERE until < ?');
  const fromRow = (row: Row): StoredAlarm => ({
    ...row,
    facts: fromJson(connection.path, "an alarm's facts", row.facts) as StoredAlarm['facts'],
  });
  return {
    put: ({ alarm, since, until, facts }) =>
      void put.run(alarm, whole(since), until === null ? null : whole(until), JSON.stringify(facts)),
    standing: () => standing.all().map(fromRow),
    within: (since, until, limit) => within.all(whole(until), whole(since), limit).map(fromRow),
    forget: (before) => forget.run(whole(before)),
  };
}
