import type { Alert, Fact, Millis } from '../model.ts';
import { fromJson, type Connection } from './connection.ts';
import type { Tables } from './index.ts';
import { Masker } from './masking.ts';
import { PERSONAL_TABLES } from './personal.ts';
import { whole } from './rows.ts';

type Value = string | number | null;
type Row = Readonly<Record<string, Value>>;

/** A row that tells of a person, with the table that it is in. */
export interface PersonalRow {
  readonly table: string;
  readonly row: Readonly<Record<string, unknown>>;
}

export interface Erased {
  /** rows deleted, by table */
  readonly deleted: Readonly<Record<string, number>>;
  /** stories of others too, in which the name was masked */
  readonly masked: number;
  /** what stays, and why */
  readonly kept: readonly { readonly table: string; readonly rows: number; readonly why: string }[];
}

export interface Privacy {
  /** Everything that tells of one of these names, row by row. */
  exportOf(names: readonly string[]): PersonalRow[];
  /**
   * Deletes what can be deleted, in one transaction. Nobody else may be writing: what a daemon remembers would come back.
   * `forgetting`: the state of a snapshot without these names, null where only all of it can go.
   */
  erase(names: readonly string[], now: Millis, forgetting: (name: string, state: unknown) => unknown): Erased;
  /**
   * Masks one story that has not changed since `before` and in which nothing stands, or some of what the toolbox told until
   * then. @returns how many (0: there is none left)
   */
  anonymiseStep(before: Millis, now: Millis): number;
  /** What was deleted leaves the file and the log beside it too. */
  scrub(): void;
}

/** How a column of a story is masked. `note`: a person's own words, which no rule can mask. */
type Masking = 'value' | 'list' | 'facts' | 'text' | 'alert' | 'note';

/** Columns of the tables that hang on an incident; values before texts, which are searched for them. */
export const MASKED_COLUMNS: Readonly<Record<string, Readonly<Record<string, Masking>>>> = {
  incidents: { subject_value: 'value', accounts: 'list', sources: 'list', calls: 'list', summary: 'text' },
  evidence: {
    ...{ key: 'value', subject_value: 'value', facts: 'facts', calls: 'list', call_keys: 'list', sources: 'list' },
    ...{ accounts: 'list', summary: 'text' },
  },
  decisions: { target: 'value', why: 'text' },
  acknowledgements: { who: 'value', note: 'note' },
  deliveries: { body: 'text', error: 'text' },
  alerts: { line: 'alert' },
};

/** The rows of a story's tables, by the column that names the incident. */
const keyOf = (table: string): string => (table === 'incidents' ? 'id' : 'incident');

const TRAIL_KEPT = 'the trail is append-only and proves who decided what; it goes after [audit] trail_keep';
const CERTIFICATES_KEPT = 'a certificate has to be known to be revoked; ringfence keys revoke ends it';
const STANDS = 'it stands at the PBX; ringfence unblock takes it away, then delete again';

export function privacyOf(connection: Connection, tables: Tables): Privacy {
  const { path } = connection;
  const all = (sql: string, ...values: Value[]): Row[] => connection.prepare<Row>(sql).all(...values);

  const maskedColumn = (masker: Masker, how: Masking, value: string, only: boolean): string => {
    switch (how) {
      case 'value':
        return masker.value(value);
      case 'list':
        return JSON.stringify(masker.list(fromJson(path, 'a list', value) as string[]));
      case 'facts':
        return JSON.stringify(masker.facts(fromJson(path, 'facts', value) as Record<string, Fact>));
      case 'alert':
        return JSON.stringify(maskedAlert(masker, fromJson(path, 'an alert', value) as Alert));
      case 'note':
        return only ? masker.text(value) : '';
      case 'text':
        return masker.text(value);
    }
  };

  /** `passes`: the values first, for sentences are searched for them. */
  const maskStory = (id: string, masker: Masker, only: boolean): void => {
    const isText = (how: Masking): boolean => how === 'text' || how === 'note' || how === 'alert';
    for (const texts of [false, true])
      for (const [table, columns] of Object.entries(MASKED_COLUMNS)) {
        const names = Object.keys(columns).filter((name) => isText(columns[name] ?? 'text') === texts);
        if (names.length === 0) continue;
        const update = connection.prepare(`UPDATE ${table} SET ${names.map((name) => `"${name}" = ?`).join(', ')} WHERE rowid = ?`); // prettier-ignore
        const open = table === 'deliveries' ? " AND state <> 'waiting'" : '';
        for (const row of all(`SELECT rowid AS place, * FROM ${table} WHERE ${keyOf(table)} = ?${open}`, id)) {
          const values = names.map((name) => maskedColumn(masker, columns[name] ?? 'text', String(row[name]), only));
          update.run(...values, Number(row['place']));
        }
      }
    // the id of evidence is a hash of its key: whoever tries all extensions would find it again
    if (!only) connection.prepare('UPDATE evidence SET id = lower(hex(randomblob(8))) WHERE incident = ?').run(id);
  };

  const standing = (id: string, now: Millis): boolean =>
    all(`SELECT 1 AS n FROM decisions WHERE incident = ? AND state IN ('pending', 'done') AND until > ? LIMIT 1`, id, whole(now)).length > 0; // prettier-ignore

  /** Stories in which one of these names is involved. */
  const storiesOf = (names: ReadonlySet<string>): Row[] =>
    all('SELECT * FROM incidents ORDER BY opened_at').filter((row) => {
      const accounts = fromJson(path, 'a list', String(row['accounts'])) as string[];
      return accounts.some((one) => names.has(one)) || names.has(String(row['subject_value']));
    });

  const trailOf = (names: readonly string[]): Row[] =>
    all('SELECT * FROM audit ORDER BY seq').filter(
      (row) => names.includes(String(row['target'])) || names.some((one) => mentions(String(row['details']), one)),
    );

  const memoryOf = (names: readonly string[]): Row[] =>
    all('SELECT * FROM snapshots').filter((row) => names.some((one) => mentions(String(row['state']), one)));

  /** The name itself, or `name@host` as SIP identities are written. */
  const byColumn = (names: readonly string[]): { table: string; column: string; rows: Row[] }[] =>
    Object.entries(PERSONAL_TABLES).flatMap(([table, { column }]) => {
      if (column === undefined) return [];
      const fits = names.map(() => `${column} = ? OR substr(${column}, 1, length(?) + 1) = ? || '@'`).join(' OR ');
      const values = names.flatMap((name) => [name, name, name]);
      return [{ table, column, rows: all(`SELECT * FROM ${table} WHERE ${fits}`, ...values) }];
    });

  /** What the toolbox told until then; a Call-ID that was masked tells what is done. */
  const maskToolbox = (before: Millis): number => {
    const update = connection.prepare(
      'UPDATE toolbox_alerts SET identity = ?, source = ?, call_id = ?, facts = ?, summary = ? WHERE id = ?',
    );
    const rows = all("SELECT * FROM toolbox_alerts WHERE last < ? AND call_id NOT LIKE '~%' LIMIT 64", whole(before));
    for (const row of rows) {
      const masker = new Masker();
      masker.value(String(row['identity']).replace(/@.*$/, ''));
      const [identity, source] = [masker.value(String(row['identity'])), masker.value(String(row['source']))];
      const callId = masker.value(`call ${String(row['call_id'])}`);
      const facts = maskedColumn(masker, 'facts', String(row['facts']), false);
      update.run(identity, source, callId, facts, masker.text(String(row['summary'])), String(row['id']));
    }
    return rows.length;
  };

  return {
    exportOf: (names) => {
      const stories = storiesOf(new Set(names)).flatMap(({ id }) =>
        Object.keys(MASKED_COLUMNS).flatMap((table) =>
          all(`SELECT * FROM ${table} WHERE ${keyOf(table)} = ?`, String(id)).map((row) => ({
            table,
            row: readable(row),
          })),
        ),
      );
      const own = byColumn(names).flatMap(({ table, rows }) => rows.map((row) => ({ table, row: readable(row) })));
      const trail = trailOf(names).map((row) => ({ table: 'audit', row: readable(row) }));
      // the memory of detectors holds others too: of those parts only that he is in them
      const memory = memoryOf(names).map(({ state: _, ...rest }) => ({ table: 'snapshots', row: rest }));
      return [...stories, ...own, ...trail, ...memory];
    },

    erase: (names, now, forgetting) =>
      connection.transaction(() => {
        const wanted = new Set(names);
        const deleted: Record<string, number> = {};
        const kept: { table: string; rows: number; why: string }[] = [];
        const count = (table: string, rows: number): void => {
          if (rows > 0) deleted[table] = (deleted[table] ?? 0) + rows;
        };
        const keep = (table: string, rows: number, why: string): void => {
          if (rows > 0) kept.push({ table, rows, why });
        };
        let masked = 0;
        let held = 0;
        for (const { id: raw, accounts, subject_value: subject } of storiesOf(wanted)) {
          const id = String(raw);
          const involved = [...(fromJson(path, 'a list', String(accounts)) as string[]), String(subject)];
          if (standing(id, now)) held++;
          else if (involved.every((one) => wanted.has(one) || !isSomebody(one))) {
            for (const table of [
              'evidence',
              'alerts',
              'decisions',
              'acknowledgements',
              'deliveries',
              'aliases',
            ] as const)
              count(table, tables[table].forget(id, Number.MAX_SAFE_INTEGER));
            tables.incidents.delete(id);
            count('incidents', 1);
          } else {
            maskStory(id, new Masker(wanted), true);
            masked++;
          }
        }
        keep('incidents', held, STANDS);
        for (const { table, column, rows } of byColumn(names)) {
          if (table === 'certificates') keep(table, rows.length, CERTIFICATES_KEPT);
          else {
            const stands = (row: Row): boolean => table === 'enforcement' && ['pending', 'done'].includes(String(row['state'])) && (row['until'] === null || Number(row['until']) > now); // prettier-ignore
            keep(table, rows.filter(stands).length, STANDS);
            for (const row of rows.filter((one) => !stands(one)))
              count(table, removeRow(connection, table, column, row));
          }
        }
        for (const { cursor = '', name = '', state } of memoryOf(names)) {
          const left = forgetting(String(name), fromJson(path, `the snapshot of ${String(name)}`, String(state)));
          const rest = left === null ? null : JSON.stringify(left);
          if (rest === null || names.some((one) => mentions(rest, one)))
            connection.prepare('DELETE FROM snapshots WHERE cursor = ? AND name = ?').run(cursor, name);
          else
            connection.prepare('UPDATE snapshots SET state = ? WHERE cursor = ? AND name = ?').run(rest, cursor, name);
          count('snapshots', 1);
        }
        keep('audit', trailOf(names).length, TRAIL_KEPT);
        return { deleted, masked, kept };
      }),

    anonymiseStep: (before, now) =>
      connection.transaction(() => {
        const told = maskToolbox(before);
        if (told > 0) return told;
        const [row] = all(
          `SELECT id FROM incidents WHERE anonymised_at IS NULL AND updated_at < ? AND NOT EXISTS (SELECT 1 FROM decisions
             WHERE incident = incidents.id AND state IN ('pending', 'done') AND until > ?) ORDER BY updated_at LIMIT 1`,
          whole(before),
          whole(now),
        );
        if (row === undefined) return 0;
        const id = String(row['id']);
        maskStory(id, new Masker(), false);
        connection.prepare('UPDATE incidents SET anonymised_at = ? WHERE id = ?').run(whole(now), id);
        return 1;
      }),

    scrub: () => {
      connection.pragma('wal_checkpoint(TRUNCATE)');
    },
  };
}

/** Other parties of a story: an address is nobody's name, an account or number is somebody's. */
const isSomebody = (name: string): boolean => !/[.:]/.test(name) && name !== '';

function maskedAlert(masker: Masker, alert: Alert): Alert {
  const subject = { ...alert.subject, value: masker.value(alert.subject.value) };
  const calls = masker.list(alert.calls);
  const sources = masker.list(alert.sources);
  const facts = masker.facts(alert.facts);
  return { ...alert, subject, calls, sources, facts, summary: masker.text(alert.summary) };
}

/** Is it one of the JSON's texts, or the name of one of its fields? */
const mentions = (json: string, name: string): boolean => json.includes(JSON.stringify(name));

/** JSON of columns as what it is; what is encrypted, or a key, is not shown. */
function readable(row: Row): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(row).map(([name, value]): [string, unknown] => {
      if (name === 'sealed' || name === 'secret') return [name, '(encrypted)'];
      if (typeof value !== 'string' || !/^[[{]/.test(value)) return [name, value];
      try {
        return [name, JSON.parse(value) as unknown];
      } catch {
        return [name, value];
      }
    }),
  );
}

/** Primary keys where the column that names somebody is not the whole of it. */
const KEYS: Readonly<Record<string, readonly string[]>> = {
  enforcement: ['kind', 'value', 'claim'],
  enrolments: ['tid'],
  toolbox_origins: ['identity', 'origin'],
  toolbox_alerts: ['id'],
};

/** By its primary key: tables without rowid have nothing else to go by. */
function removeRow(connection: Connection, table: string, column: string, row: Row): number {
  const names = KEYS[table] ?? [column];
  const where = names.map((name) => `"${name}" = ?`).join(' AND ');
  return connection.prepare(`DELETE FROM ${table} WHERE ${where}`).run(...names.map((name) => row[name] ?? null));
}
