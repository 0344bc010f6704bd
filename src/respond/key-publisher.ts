import { PeerError, StoreError } from '../errors.ts';
import type { Log } from '../log.ts';
import type { Millis } from '../model.ts';
import type { AmiSession } from '../pbx/ami.ts';
import {
  compareKeys,
  publishKeys,
  readKeys,
  rowsOf,
  type KeyDifference,
  type PublicKey,
  type PublishOutcome,
  type WantedKeys,
} from '../pbx/published-keys.ts';
import { AuditQueue, certificateState, type IssuedCertificate, type Store } from '../store/index.ts';
import { SECOND } from '../time.ts';
import { guardName } from './guard-names.ts';

/** Keys that should be published, and those that cannot be, with why. */
export interface Publishable extends WantedKeys {
  readonly notes: readonly string[];
}

/** At most so many of an account are good at a time: the one that takes over, and the one that it takes over from. */
const LIVE = 2;

const hex = (kid: string): string => Buffer.from(kid, 'base64url').toString('hex');

function groupBy<T>(items: readonly T[], keyOf: (item: T) => string): Map<string, T[]> {
  const groups = new Map<string, T[]>();
  for (const item of items) {
    const group = groups.get(keyOf(item));
    if (group === undefined) groups.set(keyOf(item), [item]);
    else group.push(item);
  }
  return groups;
}

/** What of the store's certificates should stand at the PBX now: good ones of accounts, and which keys are revoked. */
export function publishable(certificates: readonly IssuedCertificate[], now: Millis): Publishable {
  const owner = new Map<string, string>();
  const notes: string[] = [];
  const keys: PublicKey[] = [];
  const ofAccounts = certificates.filter(({ use }) => use === 'account');
  for (const [account, issued] of groupBy(ofAccounts, ({ account }) => account)) {
    const name = guardName(account);
    const other = owner.get(name);
    if (other !== undefined) {
      notes.push(`the keys of ${account} are not published: at the PBX they would be those of ${other} (${name})`);
      continue;
    }
    owner.set(name, account);
    const inOrder = issued.toSorted((a, b) => a.notBefore - b.notBefore || (a.serial < b.serial ? -1 : 1));
    const good = inOrder
      .map((certificate, i): [IssuedCertificate, number] => [certificate, i + 1])
      .filter(([certificate]) => ['live', 'retiring'].includes(certificateState(certificate, now)))
      // one that ends before its time is the former one, however young
      .toSorted(([a], [b]) => Number(b.revokedAt !== null) - Number(a.revokedAt !== null))
      .slice(-LIVE);
    for (const [certificate, version] of good) keys.push(publicKey(name, certificate, version));
  }
  return { keys, revoked: revokedKeys(ofAccounts, now), notes };
}

const publicKey = (
  account: string,
  { kid, spki, certificate, notAfter }: IssuedCertificate,
  version: number,
): PublicKey => ({
  ...{ account, kid: hex(kid), notAfter, version },
  spki: Buffer.from(spki, 'base64'),
  certificate: Buffer.from(certificate, 'base64'),
});

/** A key is revoked when no good certificate of it is left, and one did not simply come to its end. */
function revokedKeys(certificates: readonly IssuedCertificate[], now: Millis): Map<string, Millis> {
  const revoked = new Map<string, Millis>();
  for (const [kid, issued] of groupBy(certificates, ({ kid }) => kid)) {
    const states = issued.map((certificate) => certificateState(certificate, now));
    const ends = issued.flatMap(({ revokedAt }) => (revokedAt !== null && revokedAt <= now ? [revokedAt] : []));
    if (ends.length > 0 && !states.includes('live') && !states.includes('retiring'))
      revoked.set(hex(kid), Math.min(...ends));
  }
  return revoked;
}

export interface KeyPublisherOptions {
  readonly store: Pick<Store, 'certificates' | 'audit'>;
  readonly ami: () => AmiSession | null;
  readonly log: Log;
  readonly now: () => Millis;
}

/** How often what stands is compared with the store, which other processes may have changed, ... */
const COMPARE_EVERY: Millis = 5 * SECOND;
/** ... if that takes no more than this share of the time. */
const COMPARE_SHARE = 20;

/** What the store knows and the PBX holds. */
export interface KeyInventory {
  readonly accounts: number;
  readonly keys: number;
  readonly revoked: number;
  readonly differences: readonly KeyDifference[];
  readonly notes: readonly string[];
}

/**
 * Keeps the public keys at the PBX as the store has them: after every login, every few seconds, and when somebody asks. A store
 * that has never issued a certificate touches nothing there.
 */
export class KeyPublisher {
  readonly #options: KeyPublisherOptions;
  readonly #trail = new AuditQueue();
  #nextAt: Millis = 0;
  #running: Promise<unknown> = Promise.resolve();
  #busy = false;
  #complaint = '';

  constructor(options: KeyPublisherOptions) {
    this.#options = options;
  }

  /** AMI is up: what stands there is compared at once. */
  loggedIn(): void {
    this.#nextAt = 0;
  }

  tick(now: Millis): void {
    if (now < this.#nextAt || this.#busy || this.#options.ami() === null) return;
    this.#nextAt = now + COMPARE_EVERY;
    const began = performance.now();
    void this.#keep().then(() => {
      const took = performance.now() - began;
      this.#nextAt = Math.max(this.#nextAt, now + took * COMPARE_SHARE);
    });
  }

  /** Nothing that goes wrong here may stop anything else: it is said once, and tried again. */
  async #keep(): Promise<void> {
    try {
      if (this.#wanted() === null) return;
      const { switched, withdrawn, left } = await this.publish('ringfence');
      if (switched.length + withdrawn.length > 0)
        this.#options.log.info({ switched, withdrawn }, 'public keys at the PBX are as the store has them again');
      this.#complain(
        left.length === 0 ? '' : `${left.length} rows of public keys at the PBX are not as they should be`,
      );
    } catch (error) {
      if (!(error instanceof PeerError) && !(error instanceof StoreError)) throw error;
      if (!(error instanceof PeerError) || !error.retryable) this.#complain(error.message);
    }
  }

  #complain(text: string): void {
    if (text !== '' && text !== this.#complaint) this.#options.log.warn(text);
    this.#complaint = text;
  }

  /** null: no certificate was ever issued to an account */
  #wanted(): Publishable | null {
    const certificates = this.#options.store.certificates.all();
    if (certificates.every(({ use }) => use !== 'account')) return null;
    return publishable(certificates, this.#options.now());
  }

  /**
   * Makes the PBX hold what the store does, one run at a time.
   * @param only these accounts alone; [] is all
   * @throws PeerError; StoreError
   */
  async publish(
    actor: string,
    only: readonly string[] = [],
  ): Promise<PublishOutcome & { readonly notes: readonly string[] }> {
    const before = this.#running;
    const run = before.catch(() => undefined).then(() => this.#publish(actor, only));
    this.#running = run;
    this.#busy = true;
    try {
      return await run;
    } finally {
      if (this.#running === run) this.#busy = false;
    }
  }

  async #publish(
    actor: string,
    only: readonly string[],
  ): Promise<PublishOutcome & { readonly notes: readonly string[] }> {
    const wanted = this.#wanted() ?? { keys: [], revoked: new Map(), notes: [] };
    const names = only.length === 0 ? null : new Set(only.map(guardName));
    const outcome = await publishKeys(this.#session(), wanted, names);
    for (const account of outcome.switched) this.#note(actor, 'key.pushed', account, keyDetails(wanted, account));
    for (const account of outcome.withdrawn) this.#note(actor, 'key.withdrawn', account, {});
    for (const kid of outcome.revoked) this.#note(actor, 'key.revocation-pushed', kid, {});
    if (outcome.cleaned > 0) this.#note('ringfence', 'key.cleaned', 'pubkey', { rows: outcome.cleaned });
    this.#tell();
    return { ...outcome, notes: wanted.notes };
  }

  /** Compares, and changes nothing. @throws PeerError; StoreError */
  async inventory(): Promise<KeyInventory> {
    const wanted = this.#wanted() ?? { keys: [], revoked: new Map(), notes: [] };
    const differences = compareKeys(await readKeys(this.#session()), rowsOf(wanted));
    const accounts = new Set(wanted.keys.map(({ account }) => account)).size;
    return { accounts, keys: wanted.keys.length, revoked: wanted.revoked.size, differences, notes: wanted.notes };
  }

  #session(): AmiSession {
    const session = this.#options.ami();
    if (session === null)
      throw new PeerError('peer-closed', 'Asterisk is away: public keys cannot be pushed now', true);
    return session;
  }

  #note(actor: string, action: string, target: string, details: Record<string, string | number>): void {
    this.#trail.take({ actor, action, target, details });
  }

  /** A full store keeps no key from being pushed; it is told when there is room. */
  #tell(): void {
    const { entries, written } = this.#trail.pending();
    try {
      this.#options.store.audit.append(entries);
      written();
    } catch (error) {
      if (!(error instanceof StoreError)) throw error;
      this.#complain(error.message);
    }
  }
}

function keyDetails({ keys }: WantedKeys, account: string): Record<string, string | number> {
  const key = keys.findLast((one) => one.account === account);
  return key === undefined ? {} : { kid: key.kid, version: key.version, until: new Date(key.notAfter).toISOString() };
}
