import type { Millis, Severity } from '../model.ts';
import type { Connection } from './connection.ts';
import { rank, severityAt, whole } from './rows.ts';

/** `waiting`: to be told, at `nextAt` at the earliest; `told`; `given-up`: nobody could be told; `dropped`: no longer wanted. */
export type DeliveryState = 'waiting' | 'told' | 'given-up' | 'dropped';

/** One thing to be told on one channel. */
export interface Delivery {
  /** deterministic: the same thing on the same channel always has it, so that it is told once */
  readonly id: string;
  readonly channel: string;
  /** an alert line; a story that goes on; something wrong with ringfence itself, whose text is `body` */
  readonly kind: 'alert' | 'update' | 'alarm';
  /** of the alert line, '' for other kinds */
  readonly alert: string;
  /** '' for an alarm */
  readonly incident: string;
  readonly severity: Severity;
  readonly at: Millis;
  /** true: it waits for the end of the quiet hours, to be told together with others */
  readonly held: boolean;
  readonly body: string;
  readonly state: DeliveryState;
  readonly attempts: number;
  readonly nextAt: Millis;
  readonly doneAt: Millis | null;
  /** why the last attempt failed, or why it is not wanted; '' for none */
  readonly error: string;
}

export type NewDelivery = Omit<Delivery, 'state' | 'attempts' | 'doneAt' | 'error'>;

export interface DeliveriesTable {
  /** @returns false: it is there already, in whatever state */
  insert(delivery: NewDelivery): boolean;
  get(id: string): Delivery | null;
  /** Of one channel, those whose time has come, gravest first, then oldest. */
  due(channel: string, now: Millis, limit: number): Delivery[];
  /** Of an incident, oldest first; at most 1000. */
  of(incident: string): Delivery[];
  /** What waits, by channel: how many, of when the oldest is, how many of them failed, when the first is due, and an error. */
  waiting(): {
    readonly channel: string;
    readonly count: number;
    readonly oldest: Millis;
    readonly failed: number;
    readonly next: Millis;
    readonly error: string;
  }[];
  /** Was anything of this incident told there, or is it to be? */
  has(incident: string, channel: string): boolean;
  /** @returns false: there is no such delivery that waits */
  settle(id: string, state: Exclude<DeliveryState, 'waiting'>, now: Millis, why?: string): boolean;
  /** It failed: tried again at `nextAt`. */
  failed(id: string, error: string, nextAt: Millis): void;
  /** What waits for channels that are not among these is dropped. @returns how many */
  dropOthers(channels: readonly string[], now: Millis, why: string): number;
  move(younger: string, elder: string): void;
  forget(incident: string, limit: number): number;
  /** Forgets alarms that were settled before. */
  forgetAlarms(before: Millis, limit: number): number;
}

interface Row {
  id: string;
  channel: string;
  kind: string;
  alert: string;
  incident: string;
  severity: number;
  at: number;
  held: number;
  body: string;
  state: string;
  attempts: number;
  next_at: number;
  done_at: number | null;
  error: string;
}

const COLUMNS =
  'id, channel, kind, alert, incident, severity, at, held, body, state, attempts, next_at, done_at, error';

/** Longest error text that is kept. */
const ERROR = 500;

/** Who was told of what, and who is still to be told. */
export function deliveriesTable(connection: Connection): DeliveriesTable {
  const { path } = connection;
  const insert = connection.prepare(
    `INSERT INTO deliveries (${COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, 'waiting', 0, ?, NULL, '')
     ON CONFLICT (id) DO NOTHING`,
  );
  const get = connection.prepare<Row>(`SELECT ${COLUMNS} FROM deliveries WHERE id = ?`);
  const due = connection.prepare<Row>(
    `SELECT ${COLUMNS} FROM deliveries WHERE state = 'waiting' AND channel = ? AND next_at <= ?
     ORDER BY severity DESC, at, rowid LIMIT ?`,
  );
  const of = connection.prepare<Row>(
    `SELECT ${COLUMNS} FROM deliveries WHERE incident = ? ORDER BY at, rowid LIMIT 1000`,
  );
  const waiting = connection.prepare<{
    channel: string;
    n: number;
    oldest: number;
    failed: number;
    next: number;
    error: string | null;
  }>(
    `SELECT channel, count(*) AS n, min(at) AS oldest, sum(error <> '') AS failed, min(next_at) AS next, max(error) AS error FROM deliveries
     WHERE state = 'waiting' GROUP BY channel ORDER BY channel`,
  );
  const has = connection.prepare('SELECT 1 FROM deliveries WHERE incident = ? AND channel = ? LIMIT 1');
  const settle = connection.prepare(
    "UPDATE deliveries SET state = ?, done_at = ?, error = ? WHERE id = ? AND state = 'waiting'",
  );
  const failed = connection.prepare(
    "UPDATE deliveries SET attempts = attempts + 1, error = ?, next_at = ? WHERE id = ? AND state = 'waiting'",
  );
  const dropOthers = connection.prepare(
    `UPDATE deliveries SET state = 'dropped', done_at = ?, error = ?
     WHERE state = 'waiting' AND channel NOT IN (SELECT value FROM json_each(?))`,
  );
  const move = connection.prepare('UPDATE deliveries SET incident = ? WHERE incident = ?');
  const forget = connection.prepare(
    'DELETE FROM deliveries WHERE rowid IN (SELECT rowid FROM deliveries WHERE incident = ? LIMIT ?)',
  );
  const forgetAlarms = connection.prepare(
    `DELETE FROM deliveries WHERE rowid IN
     (SELECT rowid FROM deliveries WHERE incident = '' AND state <> 'waiting' AND at < ? LIMIT ?)`,
  );
  const read = (row: Row): Delivery => ({
    id: row.id,
    channel: row.channel,
    kind: row.kind as Delivery['kind'],
    alert: row.alert,
    incident: row.incident,
    severity: severityAt(path, row.severity),
    at: row.at,
    held: row.held === 1,
    body: row.body,
    state: row.state as DeliveryState,
    attempts: row.attempts,
    nextAt: row.next_at,
    doneAt: row.done_at,
    error: row.error,
  });
  return {
    insert: (d) =>
      insert.run(
        d.id,
        d.channel,
        d.kind,
        d.alert,
        d.incident,
        rank(d.severity),
        whole(d.at),
        d.held ? 1 : 0,
        d.body,
        whole(d.nextAt),
      ) > 0,
    get: (id) => {
      const row = get.get(id);
      return row === undefined ? null : read(row);
    },
    due: (channel, now, limit) => due.all(channel, whole(now), limit).map(read),
    of: (incident) => of.all(incident).map(read),
    waiting: () => waiting.all().map(({ n, error, ...rest }) => ({ ...rest, count: n, error: error ?? '' })),
    has: (incident, channel) => has.get(incident, channel) !== undefined,
    settle: (id, state, now, why = '') => settle.run(state, whole(now), why.slice(0, ERROR), id) > 0,
    failed: (id, error, nextAt) => void failed.run(error.slice(0, ERROR), whole(nextAt), id),
    dropOthers: (channels, now, why) => dropOthers.run(whole(now), why, JSON.stringify(channels)),
    move: (younger, elder) => void move.run(elder, younger),
    forget: (incident, limit) => forget.run(incident, limit),
    forgetAlarms: (before, limit) => forgetAlarms.run(whole(before), limit),
  };
}
