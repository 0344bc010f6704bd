import { PeerError } from '../../errors.ts';
import type { AmiSession } from '../../pbx/ami.ts';
import { applyKeys, readTree } from '../../pbx/astdb.ts';
import { inMaintenance, setMaintenance } from '../../pbx/maintenance.ts';
import { endpointNotInForce, unusedEndpoints } from '../../pbx/endpoint-object.ts';
import { notInForce, secretsInForce } from '../../pbx/secrets.ts';
import { entryKey, expiryText } from '../enforcement.ts';
import { FlatLayout } from '../layout.ts';
import type { RowChange, RowOutcome, Target } from './target.ts';

const AUTH = 'auth/';
const ENDPOINT = 'endpoint/';
const MAINTENANCE = 'maintenance/';

/**
 * Rows are `auth/<auth id>`, the value a sorcery object (`texts` holds it by auth id), `endpoint/<endpoint>`
 * likewise (the claim has its text), and `maintenance/<endpoint>`.
 */
export const pjsipLayout = (texts: ReadonlyMap<string, string>): FlatLayout =>
  new FlatLayout(
    ['secret', 'endpoint', 'maintenance'],
    (kind, value) => (kind === 'secret' ? `${AUTH}${value}` : entryKey(kind, value)),
    (kind, value, until) => (kind === 'secret' ? (texts.get(value) ?? '') : expiryText(kind, until)),
  );

/**
 * What PJSIP itself holds for an endpoint: rotated secrets, as objects in AstDB that stand before pjsip.conf's, and
 * maintenance mode, in memory alone. Neither ends by itself. A secret counts as standing only when Asterisk uses it: an
 * object that it cannot read, or has no mapping for, it passes over without a word.
 */
export class PjsipTarget implements Target {
  readonly name = 'pjsip';
  readonly overAmi = true;
  readonly #ami: () => AmiSession | null;
  /** our secrets as they were last seen to stand */
  readonly #secrets = new Map<string, string>();

  constructor(ami: () => AmiSession | null) {
    this.#ami = ami;
  }

  get isUp(): boolean {
    return this.#ami() !== null;
  }

  async read(expected: ReadonlyMap<string, string>): Promise<ReadonlyMap<string, string>> {
    const session = this.#session();
    const [rows, endpoints, maintained] = await Promise.all([
      readTree(session, 'auth'),
      readTree(session, 'endpoint'),
      inMaintenance(session),
    ]);
    const ours = new Map([...rows].filter(([key, value]) => expected.get(key) === value));
    this.#secrets.clear();
    for (const [key, value] of ours) this.#secrets.set(key, value);
    for (const key of await this.#unused(session, ours)) rows.delete(key);
    // what others put there may hold a password, and is shown and logged
    for (const key of rows.keys()) if (!ours.has(key)) rows.set(key, 'an auth object');
    const changed = new Map([...endpoints].filter(([key, value]) => expected.get(key) === value));
    for (const key of endpoints.keys()) if (!changed.has(key)) rows.set(key, 'an endpoint object');
    for (const [key, value] of changed) rows.set(key, value);
    for (const key of await this.#passedOver(session, changed)) rows.delete(key);
    // it has no end of its own, so it stands for whatever end it should have; switched on by others it has none
    for (const endpoint of maintained ?? []) {
      const key = `${MAINTENANCE}${endpoint}`;
      rows.set(key, expected.get(key) ?? 'on');
    }
    return rows;
  }

  /** Where a secret of ours is broken or gone the old one, which a thief has, is good: looked for more often than the rest. */
  async pulse(): Promise<'same' | 'changed'> {
    if (this.#secrets.size === 0) return 'same';
    const rows = await readTree(this.#session(), 'auth');
    return [...this.#secrets].every(([key, value]) => rows.get(key) === value) ? 'same' : 'changed';
  }

  async apply(changes: readonly RowChange[]): Promise<ReadonlyMap<string, RowOutcome>> {
    const session = this.#session();
    const outcomes = new Map<string, RowOutcome>();
    const secrets = changes.filter(({ key }) => key.startsWith(AUTH));
    for (const { key } of secrets) this.#secrets.delete(key);
    for (const [key, outcome] of await applyKeys(session, secrets)) outcomes.set(key, outcome);
    const put = secrets.flatMap(({ key, value }): [string, string][] => (value === null ? [] : [[key, value]]));
    for (const key of await this.#unused(session, new Map(put)))
      if (outcomes.get(key)?.ok === true) outcomes.set(key, { ok: false, error: notInForce(key.slice(AUTH.length)) });
    for (const [key, value] of put) if (outcomes.get(key)?.ok === true) this.#secrets.set(key, value);
    const objects = changes.filter(({ key }) => key.startsWith(ENDPOINT));
    for (const [key, outcome] of await applyKeys(session, objects)) outcomes.set(key, outcome);
    const wanted = objects.flatMap(({ key, value }): [string, string][] => (value === null ? [] : [[key, value]]));
    for (const key of await this.#passedOver(session, new Map(wanted)))
      if (outcomes.get(key)?.ok === true)
        outcomes.set(key, { ok: false, error: endpointNotInForce(key.slice(ENDPOINT.length)) });
    const rest = changes.filter(({ key }) => key.startsWith(MAINTENANCE));
    for (const change of rest) outcomes.set(change.key, await maintain(session, change));
    if (rest.length > 0) await this.#proveMaintenance(session, rest, outcomes);
    return outcomes;
  }

  /** Of these rows, the secrets that Asterisk does not use. */
  async #unused(session: AmiSession, rows: ReadonlyMap<string, string>): Promise<string[]> {
    const values = new Map([...rows].map(([key, value]) => [key.slice(AUTH.length), value]));
    const used = await secretsInForce(session, values);
    return [...values.keys()].filter((id) => !used.has(id)).map((id) => `${AUTH}${id}`);
  }

  /** Of these rows, the endpoints that Asterisk uses otherwise. */
  async #passedOver(session: AmiSession, rows: ReadonlyMap<string, string>): Promise<string[]> {
    const values = new Map([...rows].map(([key, value]) => [key.slice(ENDPOINT.length), value]));
    return (await unusedEndpoints(session, values)).map((endpoint) => `${ENDPOINT}${endpoint}`);
  }

  async #proveMaintenance(
    session: AmiSession,
    changes: readonly RowChange[],
    outcomes: Map<string, RowOutcome>,
  ): Promise<void> {
    const stands = await inMaintenance(session);
    for (const { key, value } of changes) {
      if (outcomes.get(key)?.ok !== true) continue;
      const on = stands?.has(key.slice(MAINTENANCE.length)) === true;
      outcomes.set(key, { ok: true, standing: on ? (value ?? 'on') : null });
    }
  }

  #session(): AmiSession {
    const session = this.#ami();
    if (session === null) throw new PeerError('peer-closed', 'there is no AMI session', true);
    return session;
  }
}

async function maintain(session: AmiSession, { key, value }: RowChange): Promise<RowOutcome> {
  try {
    await setMaintenance(session, key.slice(MAINTENANCE.length), value !== null);
    return { ok: true, standing: value };
  } catch (error) {
    if (!(error instanceof PeerError) || error.retryable) throw error;
    return { ok: false, error };
  }
}
