/** Tables of the toolbox: what it has accepted, from where identities speak, its databases, what it has told. */
export const TOOLBOX_SCHEMA = `
  CREATE TABLE toolbox_replays (
    level TEXT NOT NULL, key TEXT NOT NULL, call TEXT NOT NULL, cseq INTEGER NOT NULL, message TEXT NOT NULL,
    credentials TEXT NOT NULL, source TEXT NOT NULL, call_id TEXT NOT NULL, at INTEGER NOT NULL, until INTEGER NOT NULL,
    dated INTEGER NOT NULL, PRIMARY KEY (level, key)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX toolbox_replays_until ON toolbox_replays (level, until);

  CREATE TABLE toolbox_origins (
    identity TEXT NOT NULL, origin TEXT NOT NULL, first INTEGER NOT NULL, last INTEGER NOT NULL, proof TEXT NOT NULL,
    PRIMARY KEY (identity, origin)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX toolbox_origins_last ON toolbox_origins (last);

  CREATE TABLE toolbox_objects (
    kind TEXT NOT NULL, name TEXT NOT NULL, version INTEGER NOT NULL, source TEXT NOT NULL, digest TEXT NOT NULL,
    body TEXT NOT NULL, since INTEGER NOT NULL, ended INTEGER, PRIMARY KEY (kind, name, version)
  ) STRICT, WITHOUT ROWID;

  CREATE TABLE toolbox_alerts (
    id TEXT PRIMARY KEY, first INTEGER NOT NULL, last INTEGER NOT NULL, times INTEGER NOT NULL, severity INTEGER NOT NULL,
    template TEXT NOT NULL, reason TEXT NOT NULL, identity TEXT NOT NULL, source TEXT NOT NULL, call_id TEXT NOT NULL,
    summary TEXT NOT NULL, facts TEXT NOT NULL
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX toolbox_alerts_last ON toolbox_alerts (last);
  `;

/** Whose what is remembered is, and how much of it each holds. Nobody's: what was remembered before there were owners. */
export const TOOLBOX_SHARES = `
  ALTER TABLE toolbox_replays ADD COLUMN owner TEXT NOT NULL DEFAULT '';
  CREATE TABLE toolbox_shares (
    level TEXT NOT NULL, owner TEXT NOT NULL, held INTEGER NOT NULL, PRIMARY KEY (level, owner)
  ) STRICT, WITHOUT ROWID;
  INSERT INTO toolbox_shares SELECT level, owner, count(*) FROM toolbox_replays GROUP BY level, owner;
  `;
