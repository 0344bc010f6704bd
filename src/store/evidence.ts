import type { Evidence, Fact, SourceProof } from '../model.ts';
import { fromJson, type Connection } from './connection.ts';
import { list, packLoss, rank, severityAt, subjectOf, unlist, unpackLoss, whole } from './rows.ts';

export interface EvidenceTable {
  /** @returns false: this evidence is already there, and nothing was changed */
  insert(incident: string, evidence: Evidence): boolean;
  get(id: string): Evidence | null;
  /** The evidence of an incident by time, oldest first; at most `limit`. */
  of(incident: string, limit?: number): Evidence[];
  count(): number;
  /** Evidence of a merged incident goes to the elder one. */
  move(younger: string, elder: string): void;
  /** Forgets at most `limit` rows of an incident. @returns how many */
  forget(incident: string, limit: number): number;
}

interface Row {
  id: string;
  at: number;
  detector: string;
  key: string;
  severity: number;
  subject_type: string;
  subject_value: string;
  summary: string;
  facts: string;
  calls: string;
  call_keys: string;
  sources: string;
  source_proof: string;
  accounts: string;
  loss: string | null;
}

const COLUMNS =
  'id, at, detector, key, severity, subject_type, subject_value, summary, facts, calls, call_keys, sources, ' +
  'source_proof, accounts, loss';

const toRow = (e: Evidence): (string | number | null)[] => [
  e.id,
  whole(e.at),
  e.detector,
  e.key,
  rank(e.severity),
  e.subject.type,
  e.subject.value,
  e.summary,
  JSON.stringify(e.facts),
  list(e.calls),
  list(e.callKeys),
  list(e.sources),
  e.sourceProof,
  list(e.accounts),
  packLoss(e.loss),
];

function fromRow(path: string, row: Row): Evidence {
  const loss = unpackLoss(path, row.loss);
  return {
    id: row.id,
    detector: row.detector,
    key: row.key,
    at: row.at,
    severity: severityAt(path, row.severity),
    subject: subjectOf(row.subject_type, row.subject_value),
    summary: row.summary,
    facts: fromJson(path, 'facts', row.facts) as Readonly<Record<string, Fact>>,
    calls: unlist(path, row.calls),
    callKeys: unlist(path, row.call_keys),
    sources: unlist(path, row.sources),
    sourceProof: row.source_proof as SourceProof,
    accounts: unlist(path, row.accounts),
    ...(loss === null ? {} : { loss }),
  };
}

/** What detectors saw. Ids are deterministic, so that what is judged twice after a crash is kept once. */
export function evidenceTable(connection: Connection): EvidenceTable {
  const { path } = connection;
  const marks = COLUMNS.split(', ')
    .map(() => '?')
    .join(', ');
  const insert = connection.prepare(
    `INSERT INTO evidence (${COLUMNS}, incident) VALUES (${marks}, ?) ON CONFLICT (id) DO NOTHING`,
  );
  const get = connection.prepare<Row>(`SELECT ${COLUMNS} FROM evidence WHERE id = ?`);
  const of = connection.prepare<Row>(`SELECT ${COLUMNS} FROM evidence WHERE incident = ? ORDER BY at, rowid LIMIT ?`);
  const count = connection.prepare<{ n: number }>('SELECT count(*) AS n FROM evidence');
  const move = connection.prepare('UPDATE evidence SET incident = ? WHERE incident = ?');
  const forget = connection.prepare(
    'DELETE FROM evidence WHERE rowid IN (SELECT rowid FROM evidence WHERE incident = ? LIMIT ?)',
  );
  return {
    insert: (incident, evidence) => insert.run(...toRow(evidence), incident) > 0,
    get: (id) => {
      const row = get.get(id);
      return row === undefined ? null : fromRow(path, row);
    },
    of: (incident, limit = 1000) => of.all(incident, limit).map((row) => fromRow(path, row)),
    count: () => count.get()?.n ?? 0,
    move: (younger, elder) => void move.run(elder, younger),
    forget: (incident, limit) => forget.run(incident, limit),
  };
}
