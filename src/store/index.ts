import Database from 'better-sqlite3';
import { statSync } from 'node:fs';
import { setImmediate as turn } from 'node:timers/promises';
import { resolve as absolute } from 'node:path';
import { StoreError } from '../errors.ts';
import type { Alert, Decision, Evidence, Incident, Millis } from '../model.ts';
import { acknowledgementsTable, type AcknowledgementsTable } from './acknowledgements.ts';
import { alertsTable, type AlertsTable } from './alerts.ts';
import { alarmsTable, type AlarmsTable } from './alarms.ts';
import { aliasesTable, type AliasesTable } from './aliases.ts';
import { certificatesTable, type CertificatesTable } from './certificates.ts';
import { auditTable, type AuditTable } from './audit.ts';
import { Connection, storeError } from './connection.ts';
import { decisionsTable, type DecisionsTable } from './decisions.ts';
import { enrolmentsTable, type EnrolmentsTable } from './enrolments.ts';
import { deliveriesTable, type DeliveriesTable, type NewDelivery } from './deliveries.ts';
import { digestAnswersTable, type DigestAnswersTable } from './digest-answers.ts';
import { enforcementTable, type EnforcementTable } from './enforcement.ts';
import { evidenceTable, type EvidenceTable } from './evidence.ts';
import { prepareFile } from './file.ts';
import { incidentSearch, type SearchIncidents } from './incident-search.ts';
import { incidentsTable, type IncidentsTable } from './incidents.ts';
import { metaTable, type MetaTable } from './meta.ts';
import { offsetsTable, type Cursor, type FilePosition, type OffsetsTable } from './offsets.ts';
import { passwordVerdictsTable, type PasswordVerdictsTable } from './password-verdicts.ts';
import { privacyOf, type Privacy } from './privacy.ts';
import { purgeStep, type PurgeStep } from './purge.ts';
import { reporting, type Reporting } from './reporting.ts';
import { checkFile, migrate } from './schema.ts';
import { snapshotsTable, type Snapshot, type SnapshotsTable } from './snapshots.ts';
import { toolboxAlertsTable, type ToolboxAlertsTable } from './toolbox-alerts.ts';
import { toolboxObjectsTable, type ToolboxObjectsTable } from './toolbox-objects.ts';
import { originsTable, type OriginsTable } from './toolbox-origins.ts';
import { replaysTable, type ReplaysTable } from './toolbox-replays.ts';

export type { AuditCheckpoint, AuditTable } from './audit.ts';
export type { AuditEntry, AuditHead, AuditProblem, AuditRecord, AuditRow, Json } from './audit-chain.ts';
export { canonicalJson, ChainCheck, GENESIS, hashOf, headText, readHead, recordOf } from './audit-chain.ts';
export { AuditQueue } from './audit-queue.ts';
export {
  sealedBytes,
  sealIn,
  sealTrail,
  signatureIn,
  signedDetails,
  type AuditSeal,
  type AuditSigner,
} from './audit-seal.ts';
export type { StoredAlarm } from './alarms.ts';
export type { Acknowledgement } from './acknowledgements.ts';
export {
  certificateState,
  type CertificatesTable,
  type CertificateState,
  type CertificateUse,
  type IssuedCertificate,
} from './certificates.ts';
export type { DeliveriesTable, Delivery, DeliveryState, NewDelivery } from './deliveries.ts';
export type { SealedAnswer } from './digest-answers.ts';
export type { Enforcement, EnforcementTable } from './enforcement.ts';
export type { Enrolment, EnrolmentsTable } from './enrolments.ts';
export type { FoundPage, SearchIncidents } from './incident-search.ts';
export type { IncidentPage, IncidentQuery } from './incidents.ts';
export type { MetaTable } from './meta.ts';
export type { Cursor, FilePosition, StoredPosition } from './offsets.ts';
export type { PasswordVerdict } from './password-verdicts.ts';
export type { ReportedIncident, Reporting } from './reporting.ts';
export { PERSONAL_TABLES } from './personal.ts';
export type { Erased, PersonalRow } from './privacy.ts';
export type { PurgeStep } from './purge.ts';
export type { Snapshot } from './snapshots.ts';
export type { ToolboxAlert, ToolboxAlertsTable } from './toolbox-alerts.ts';
export type { ToolboxKind, ToolboxObject, ToolboxObjectsTable } from './toolbox-objects.ts';
export type { OriginRow, OriginsTable } from './toolbox-origins.ts';
export type { ReplayRow, ReplaysTable } from './toolbox-replays.ts';
export { SCHEMA_VERSION } from './schema.ts';

export interface StoreOptions {
  /** time of what has no event time: acknowledgements, offsets; default the system's clock */
  readonly clock?: () => Millis;
  /** false: a store that is not there is an error; default true */
  readonly create?: boolean;
  /** how long to wait for another process that is writing, milliseconds; default 2000 */
  readonly busy?: Millis;
}

export interface Tables {
  readonly meta: MetaTable;
  readonly offsets: OffsetsTable;
  readonly snapshots: SnapshotsTable;
  readonly evidence: EvidenceTable;
  readonly incidents: IncidentsTable;
  readonly aliases: AliasesTable;
  readonly alerts: AlertsTable;
  readonly decisions: DecisionsTable;
  readonly acknowledgements: AcknowledgementsTable;
  readonly enforcement: EnforcementTable;
  readonly alarms: AlarmsTable;
  readonly certificates: CertificatesTable;
  readonly enrolments: EnrolmentsTable;
  readonly audit: AuditTable;
  readonly deliveries: DeliveriesTable;
  readonly digestAnswers: DigestAnswersTable;
  readonly passwordVerdicts: PasswordVerdictsTable;
  readonly toolboxObjects: ToolboxObjectsTable;
  readonly toolboxAlerts: ToolboxAlertsTable;
  readonly replays: ReplaysTable;
  readonly origins: OriginsTable;
}

/** What one step of judging leads to. All of it is committed, or nothing. */
export interface Judged {
  readonly cursor: Cursor;
  /** where the call records are judged up to; absent: this step read none */
  readonly offset?: FilePosition;
  readonly snapshots?: readonly Snapshot[];
  /** each with the incident that it belongs to */
  readonly evidence?: readonly { readonly incident: string; readonly evidence: Evidence }[];
  readonly incidents?: readonly Incident[];
  readonly decisions?: readonly Decision[];
  /** decision -> who made it and on which evidence, for the audit trail */
  readonly because?: ReadonlyMap<string, Because>;
  readonly alerts?: readonly Alert[];
  /** who is to be told of these alerts; taken with those alerts that are new */
  readonly deliveries?: readonly NewDelivery[];
  /** incidents that turned out to be one story, in the order in which they were folded */
  readonly merged?: readonly { readonly younger: string; readonly elder: string }[];
}

/** Why a decision was made. */
export interface Because {
  /** `rule:<detector>` */
  readonly actor: string;
  /** ids of evidence */
  readonly evidence: readonly string[];
}

/** What was new to the store: to tell people once though it is judged twice. */
export interface Committed {
  readonly evidence: readonly string[];
  readonly decisions: readonly string[];
  readonly alerts: readonly string[];
}

export type Resolved =
  | { readonly kind: 'incident'; readonly id: string }
  | { readonly kind: 'ambiguous'; readonly ids: readonly string[] }
  | { readonly kind: 'unknown' };

export interface Store extends Tables {
  /** what reports ask */
  readonly reporting: Reporting;
  /** a text among the incidents, for people who look for something */
  readonly searchIncidents: SearchIncidents;
  /** absolute path of the file, or ':memory:' */
  readonly path: string;
  /** @throws StoreError; whatever is thrown, nothing of `work` stays */
  transaction<T>(work: () => T): T;
  /**
   * Commits what was judged and the place up to which it was judged, together: after a crash nothing is judged twice
   * and nothing is lost. Flushed to disk when it holds anything but offset and snapshots (those are judged again).
   */
  commitJudged(judged: Judged): Committed;
  /** The incident that an id means: its own, of an alert line, of a merged incident, or the unique beginning (4 characters or more) of one. */
  resolve(id: string): Resolved;
  /** @returns false: no such incident */
  acknowledge(incident: string, by: { readonly who: string; readonly note: string }): boolean;
  /** One bounded step of the purge of what last changed before `before`; call it until it is done. */
  purgeStep(before: Millis): PurgeStep;
  /** The whole purge of the audit trail, letting the event loop run. @returns how many records went */
  purgeAudit(before: Millis, signal?: AbortSignal): Promise<number>;
  /** The whole purge, letting the event loop run between its steps. @returns how many incidents went */
  purge(before: Millis, signal?: AbortSignal): Promise<number>;
  /** What is asked for one person, and what is masked with time. */
  readonly privacy: Privacy;
  /** Bytes of the file, and of the log beside it; zeros in memory. */
  size(): { readonly file: number; readonly log: number };
  /** What SQLite finds wrong with the file; [] is sound. Reads all of it. */
  check(): string[];
  close(): void;
}

/**
 * Opens the store, making it (and its folders) where it is missing.
 * @throws StoreError store-newer (written by a newer ringfence), store-damaged (not a ringfence store),
 *   store-locked (held by another program), store-unreadable (no right to it), store-full
 */
export function openStore(path: string, options: StoreOptions = {}): Store {
  const file = path === ':memory:' ? path : absolute(path);
  if (file !== ':memory:') prepareFile(file, options.create ?? true);
  let db: Database.Database;
  try {
    db = new Database(file, { timeout: options.busy ?? 2000 });
  } catch (error) {
    throw storeError(file, error);
  }
  const connection = new Connection(db, file);
  try {
    checkFile(connection);
    const journal = connection.pragma('journal_mode=WAL');
    if (journal !== 'wal' && file !== ':memory:')
      throw new StoreError(
        'store-unreadable',
        `${file}: this file system cannot hold the store's log (WAL); put [store] path on a local disk`,
      );
    // A checkpoint runs within a commit: 250 pages at a time keep the longest commit of a purge near 10 ms (1000: 33 ms).
    for (const pragma of [
      'wal_autocheckpoint=250',
      'cache_size=-8000',
      'temp_store=MEMORY',
      'trusted_schema=OFF',
      // what is deleted or masked is overwritten, not only forgotten
      'secure_delete=ON',
      'journal_size_limit=8388608',
    ])
      connection.pragma(pragma);
    migrate(connection);
    return createStore(connection, options.clock ?? Date.now);
  } catch (error) {
    connection.close();
    throw error;
  }
}

function createStore(connection: Connection, clock: () => Millis): Store {
  const tables: Tables = {
    meta: metaTable(connection),
    offsets: offsetsTable(connection),
    snapshots: snapshotsTable(connection),
    evidence: evidenceTable(connection),
    incidents: incidentsTable(connection),
    aliases: aliasesTable(connection),
    alerts: alertsTable(connection),
    decisions: decisionsTable(connection),
    acknowledgements: acknowledgementsTable(connection),
    enforcement: enforcementTable(connection),
    alarms: alarmsTable(connection),
    certificates: certificatesTable(connection),
    enrolments: enrolmentsTable(connection),
    audit: auditTable(connection, clock),
    deliveries: deliveriesTable(connection),
    digestAnswers: digestAnswersTable(connection),
    passwordVerdicts: passwordVerdictsTable(connection),
    toolboxObjects: toolboxObjectsTable(connection),
    toolboxAlerts: toolboxAlertsTable(connection),
    replays: replaysTable(connection),
    origins: originsTable(connection),
  };
  const step = (before: Millis): PurgeStep => purgeStep(connection, tables, before);
  return {
    ...tables,
    path: connection.path,
    reporting: reporting(connection),
    searchIncidents: incidentSearch(connection),
    transaction: (work) => connection.transaction(work),
    commitJudged: (judged) => commitJudged(connection, tables, judged, clock()),
    resolve: (id) => resolve(tables, id),
    acknowledge: (id, { who, note }) =>
      connection.transaction(() => {
        const incident = tables.incidents.get(id);
        if (incident === null) return false;
        const at = clock();
        tables.acknowledgements.add(id, { at, severity: incident.severity, who, note });
        const details = { severity: incident.severity, note };
        tables.audit.append([{ actor: `hand:${who}`, action: 'incident.acknowledged', target: id, details }]);
        return tables.incidents.setAcknowledged(id, at);
      }),
    purgeStep: step,
    purge: async (before, signal) => {
      let gone = 0;
      tables.alarms.forget(before);
      tables.passwordVerdicts.forget(before);
      tables.toolboxAlerts.forget(before);
      for (;;) {
        signal?.throwIfAborted();
        const { incidents, done } = step(before);
        gone += incidents;
        if (done) return gone;
        await turn();
      }
    },
    privacy: privacyOf(connection, tables),
    size: () => ({ file: bytesOf(connection.path), log: bytesOf(`${connection.path}-wal`) }),
    purgeAudit: async (before, signal) => {
      let gone = 0;
      for (;;) {
        signal?.throwIfAborted();
        const { records, done } = tables.audit.purgeStep(before);
        gone += records;
        if (done) return gone;
        await turn();
      }
    },
    check: () =>
      connection
        .prepare<{ integrity_check: string }>('PRAGMA integrity_check(20)')
        .all()
        .map((row) => row.integrity_check)
        .filter((line) => line !== 'ok'),
    close: () => connection.close(),
  };
}

const bytesOf = (path: string): number => statSync(path, { throwIfNoEntry: false })?.size ?? 0;

function commitJudged(connection: Connection, tables: Tables, judged: Judged, now: Millis): Committed {
  const {
    cursor,
    offset,
    snapshots = [],
    evidence = [],
    incidents = [],
    decisions = [],
    alerts = [],
    deliveries = [],
    merged = [],
  } = judged;
  const durable = evidence.length + incidents.length + decisions.length + alerts.length + merged.length > 0;
  return connection.transaction(() => {
    if (offset !== undefined) tables.offsets.set(cursor, offset, now);
    for (const snapshot of snapshots) tables.snapshots.save(cursor, snapshot, now);
    const committed: Committed = {
      evidence: evidence.filter((e) => tables.evidence.insert(e.incident, e.evidence)).map((e) => e.evidence.id),
      decisions: decisions.filter((d) => decide(tables, d, judged.because?.get(d.id))).map((d) => d.id),
      alerts: alerts.filter((a) => tables.alerts.insert(a)).map((a) => a.id),
    };
    const fresh = new Set(committed.alerts);
    for (const delivery of deliveries) if (fresh.has(delivery.alert)) tables.deliveries.insert(delivery);
    for (const incident of incidents) tables.incidents.put(incident);
    for (const { younger, elder } of merged) {
      for (const table of [
        tables.evidence,
        tables.decisions,
        tables.alerts,
        tables.acknowledgements,
        tables.deliveries,
      ])
        table.move(younger, elder);
      tables.aliases.fold(younger, elder);
      tables.incidents.delete(younger);
    }
    return committed;
  }, durable);
}

/** Puts a decision, and tells the audit trail of one that is new or has changed. @returns true: it is new */
function decide(tables: Tables, decision: Decision, because: Because | undefined): boolean {
  const before = tables.decisions.get(decision.id);
  const isNew = tables.decisions.put(decision);
  const now = tables.decisions.get(decision.id) ?? decision;
  if (before !== null && before.state === now.state && before.until === now.until) return isNew;
  const { id, incident, action, target, state, until, why } = now;
  tables.audit.append([
    {
      actor: because?.actor ?? 'rule',
      action: before === null ? 'decision.made' : 'decision.changed',
      target,
      evidence: [id, incident, ...(because?.evidence ?? [])],
      details: { action, state, until: until === null ? null : new Date(until).toISOString(), why },
    },
  ]);
  return isNew;
}

function resolve(tables: Tables, id: string): Resolved {
  const of = (incident: string): Resolved => ({ kind: 'incident', id: incident });
  if (tables.incidents.get(id) !== null) return of(id);
  const alias = tables.aliases.get(id) ?? tables.alerts.incidentOf(id);
  if (alias !== null) return of(alias);
  if (id.length < 4) return { kind: 'unknown' };
  const ids = [...new Set([...tables.incidents.startingWith(id, 10), ...tables.alerts.incidentsOfPrefix(id, 10)])];
  const [only] = ids;
  if (only === undefined) return { kind: 'unknown' };
  return ids.length === 1 ? of(only) : { kind: 'ambiguous', ids };
}
