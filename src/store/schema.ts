import { StoreError } from '../errors.ts';
import { AUDIT_SCHEMA } from './audit.ts';
import type { Connection } from './connection.ts';
import { TOOLBOX_SCHEMA, TOOLBOX_SHARES } from './toolbox-schema.ts';

/** "RFNC": tells our file from any other SQLite database (https://www.sqlite.org/pragma.html#pragma_application_id). */
export const APPLICATION_ID = 0x52464e43;

/**
 * Each entry takes the schema one version up; `user_version` counts them. An entry that was released is never edited.
 * Severities are ranks (0 info to 4 critical), times are milliseconds UTC, lists and objects JSON.
 */
const MIGRATIONS: readonly string[] = [
  `
  CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;

  CREATE TABLE offsets (
    cursor TEXT PRIMARY KEY, path TEXT NOT NULL, device TEXT NOT NULL, inode TEXT NOT NULL, offset INTEGER NOT NULL,
    head TEXT NOT NULL, updated_at INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID;

  CREATE TABLE snapshots (
    cursor TEXT NOT NULL, name TEXT NOT NULL, version INTEGER NOT NULL, state TEXT NOT NULL,
    updated_at INTEGER NOT NULL, PRIMARY KEY (cursor, name)
  ) STRICT;

  CREATE TABLE incidents (
    id TEXT PRIMARY KEY, opened_at INTEGER NOT NULL, updated_at INTEGER NOT NULL, severity INTEGER NOT NULL,
    subject_type TEXT NOT NULL, subject_value TEXT NOT NULL, detector TEXT NOT NULL, summary TEXT NOT NULL,
    accounts TEXT NOT NULL, sources TEXT NOT NULL, calls TEXT NOT NULL, evidence_count INTEGER NOT NULL, loss TEXT,
    acknowledged_at INTEGER
  ) STRICT;
  CREATE INDEX incidents_listing ON incidents (severity, acknowledged_at IS NULL, opened_at, id);
  CREATE INDEX incidents_updated ON incidents (updated_at);
  CREATE INDEX incidents_subject ON incidents (subject_value, opened_at, id);

  CREATE TABLE aliases (alias TEXT PRIMARY KEY, incident TEXT NOT NULL) STRICT, WITHOUT ROWID;
  CREATE INDEX aliases_incident ON aliases (incident);

  CREATE TABLE evidence (
    id TEXT PRIMARY KEY, incident TEXT NOT NULL, at INTEGER NOT NULL, detector TEXT NOT NULL, key TEXT NOT NULL,
    severity INTEGER NOT NULL, subject_type TEXT NOT NULL, subject_value TEXT NOT NULL, summary TEXT NOT NULL,
    facts TEXT NOT NULL, calls TEXT NOT NULL, call_keys TEXT NOT NULL, sources TEXT NOT NULL,
    source_proof TEXT NOT NULL, accounts TEXT NOT NULL, loss TEXT
  ) STRICT;
  CREATE INDEX evidence_incident ON evidence (incident, at);
  CREATE INDEX evidence_at ON evidence (at);

  CREATE TABLE alerts (
    id TEXT PRIMARY KEY, incident TEXT NOT NULL, at INTEGER NOT NULL, severity INTEGER NOT NULL, line TEXT NOT NULL
  ) STRICT;
  CREATE INDEX alerts_incident ON alerts (incident, at);
  CREATE INDEX alerts_at ON alerts (at, id);

  CREATE TABLE decisions (
    id TEXT PRIMARY KEY, incident TEXT NOT NULL, at INTEGER NOT NULL, action TEXT NOT NULL, target TEXT NOT NULL,
    state TEXT NOT NULL, until INTEGER, why TEXT NOT NULL
  ) STRICT;
  CREATE INDEX decisions_incident ON decisions (incident, at);
  CREATE INDEX decisions_state ON decisions (state, until);

  CREATE TABLE acknowledgements (
    number INTEGER PRIMARY KEY, incident TEXT NOT NULL, at INTEGER NOT NULL, severity INTEGER NOT NULL,
    who TEXT NOT NULL, note TEXT NOT NULL
  ) STRICT;
  CREATE INDEX acknowledgements_incident ON acknowledgements (incident, at);
  `,
  `
  CREATE TABLE enforcement (
    kind TEXT NOT NULL, value TEXT NOT NULL, claim TEXT NOT NULL, "by" TEXT NOT NULL, since INTEGER NOT NULL,
    until INTEGER, why TEXT NOT NULL, state TEXT NOT NULL, code TEXT NOT NULL, proof TEXT NOT NULL,
    tries INTEGER NOT NULL, detail TEXT NOT NULL, PRIMARY KEY (kind, value, claim)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX enforcement_claim ON enforcement (claim);
  CREATE INDEX enforcement_until ON enforcement (until);
  `,
  `
  CREATE TABLE certificates (
    serial TEXT PRIMARY KEY, kid TEXT NOT NULL, use TEXT NOT NULL, account TEXT NOT NULL, issuer TEXT NOT NULL,
    bits INTEGER NOT NULL, not_before INTEGER NOT NULL, not_after INTEGER NOT NULL, revoked_at INTEGER, reason TEXT,
    certificate TEXT NOT NULL, spki TEXT NOT NULL
  ) STRICT;
  CREATE INDEX certificates_kid ON certificates (kid);
  CREATE INDEX certificates_account ON certificates (account, not_before);

  CREATE TABLE enrolments (
    tid TEXT PRIMARY KEY, account TEXT NOT NULL, secret TEXT NOT NULL, expires_at INTEGER NOT NULL, used_at INTEGER,
    csr TEXT, serial TEXT
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX enrolments_account ON enrolments (account);
  `,
  AUDIT_SCHEMA,
  `
  CREATE TABLE deliveries (
    id TEXT PRIMARY KEY, channel TEXT NOT NULL, kind TEXT NOT NULL, alert TEXT NOT NULL, incident TEXT NOT NULL,
    severity INTEGER NOT NULL, at INTEGER NOT NULL, held INTEGER NOT NULL, body TEXT NOT NULL, state TEXT NOT NULL,
    attempts INTEGER NOT NULL, next_at INTEGER NOT NULL, done_at INTEGER, error TEXT NOT NULL
  ) STRICT;
  CREATE INDEX deliveries_waiting ON deliveries (channel, next_at) WHERE state = 'waiting';
  CREATE INDEX deliveries_incident ON deliveries (incident, at);
  `,
  `
  CREATE TABLE alarms (
    alarm TEXT NOT NULL, since INTEGER NOT NULL, until INTEGER, facts TEXT NOT NULL, PRIMARY KEY (alarm, since)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX alarms_since ON alarms (since);
  `,
  // reports go through a period by time
  `
  CREATE INDEX incidents_opened ON incidents (opened_at, id);
  CREATE INDEX decisions_at ON decisions (at);
  `,
  `
  CREATE TABLE digest_answers (account TEXT PRIMARY KEY, at INTEGER NOT NULL, sealed TEXT NOT NULL) STRICT, WITHOUT ROWID;
  CREATE INDEX digest_answers_at ON digest_answers (at);
  `,
  TOOLBOX_SCHEMA,
  `
  ALTER TABLE incidents ADD COLUMN anonymised_at INTEGER;
  CREATE INDEX incidents_masking ON incidents (updated_at) WHERE anonymised_at IS NULL;
  `,
  `
  CREATE TABLE password_verdicts (account TEXT PRIMARY KEY, at INTEGER NOT NULL, weakness TEXT) STRICT, WITHOUT ROWID;
  `,
  TOOLBOX_SHARES,
];

export const SCHEMA_VERSION = MIGRATIONS.length;

/**
 * Is this file ours, or empty? Reads only, so that a database of another program is left as it is.
 * @throws StoreError store-newer, store-damaged
 */
export function checkFile(connection: Connection): void {
  const version = Number(connection.pragma('user_version'));
  const ours = connection.pragma('application_id') === APPLICATION_ID;
  const tables = connection.prepare<{ n: number }>('SELECT count(*) AS n FROM sqlite_schema').get()?.n ?? 0;
  if (!ours && (tables > 0 || version !== 0))
    throw new StoreError(
      'store-damaged',
      `${connection.path}: this is the database of another program; set [store] path to a file of ringfence's own`,
    );
  if (version > SCHEMA_VERSION)
    throw new StoreError(
      'store-newer',
      `${connection.path}: written by a newer ringfence (schema ${version}, this one knows ${SCHEMA_VERSION}); ` +
        'install that version again, or move the file away to start afresh. It was left as it is',
    );
}

/** Brings the file to SCHEMA_VERSION in one transaction; two processes that start together do it once. */
export function migrate(connection: Connection): void {
  if (Number(connection.pragma('user_version')) === SCHEMA_VERSION) return;
  connection.transaction(() => {
    const version = Number(connection.pragma('user_version'));
    for (const sql of MIGRATIONS.slice(version)) connection.exec(sql);
    connection.exec(`PRAGMA application_id=${APPLICATION_ID}; PRAGMA user_version=${SCHEMA_VERSION}`);
  });
}
