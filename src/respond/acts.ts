import { PeerError } from '../errors.ts';
import type { Log } from '../log.ts';
import type { Millis } from '../model.ts';
import type { AmiSession } from '../pbx/ami.ts';
import { expireContacts } from '../pbx/contacts.ts';
import type { KamailioRpc } from '../pbx/kamailio.ts';
import { evictContacts } from '../pbx/kamailio-contacts.ts';
import { hangUp, isUniqueid, runningChannels } from '../pbx/hangup.ts';
import type { Site } from '../site/site.ts';
import type { Enforcement } from '../store/index.ts';
import { allowedBy } from './safeguards.ts';
import { MINUTE, SECOND } from '../time.ts';

/** Acts: what is done once, as opposed to what stands. */
const ACTS = ['hang-up', 'expire-contact', 'rotate-secret'] as const;
export type ActKind = (typeof ACTS)[number];
export const isAct = (kind: string): kind is ActKind => (ACTS as readonly string[]).includes(kind);

/** A channel of a call that is to be hung up. */
export interface CallLeg {
  readonly uniqueid: string;
  /** what was dialled; null: not known */
  readonly dialled: string | null;
  /** who placed it; null or absent: not known */
  readonly account?: string | null;
}

/** Which contacts of the account are meant: those with one of these URIs, or from one of these addresses. */
export interface ActDetail {
  readonly contacts: readonly string[];
  readonly sources: readonly string[];
  /** the account that the evidence is about, where it is about one: nothing is done because of one that is allowed */
  readonly account?: string | null;
}

export interface ActsOptions {
  readonly ami: () => AmiSession | null;
  readonly site: () => Site;
  readonly emergency: () => ReadonlySet<string>;
  /** until when a person has allowed an account; null: nobody did */
  readonly allowed: (account: string) => Millis | null;
  /** the channels of a call by ringfence's key of it; [] while they are not known */
  readonly calls: (target: string) => readonly CallLeg[];
  /** a new secret for the account; false: not proved yet */
  readonly rotate: (session: AmiSession, row: Enforcement) => Promise<boolean>;
  /** Kamailio in front, which may hold contacts too */
  readonly kamailio?: KamailioRpc;
  /** an act has another state: keep it */
  readonly changed: (row: Enforcement, tookMs: number | null) => void;
  readonly log: Log;
}

const TRIES = 3;
/** An act that waited so long is about another situation. */
const TOO_LATE: Millis = 10 * MINUTE;
/** So long the channels of a call may stay unknown (manager events come some milliseconds after the INVITE). */
const UNKNOWN_CALL: Millis = 15 * SECOND;
const AGAIN: Millis = 250;

interface Waiting {
  row: Enforcement;
  notBefore: Millis;
  running: boolean;
  /** what it waited for may have come while it was being tried */
  woken: boolean;
  readonly since: number;
}

/** It cannot be done, and trying again would not help. */
export class Refusal extends Error {
  readonly code: string;
  constructor(code: string, message: string) {
    super(message);
    this.code = code;
  }
}

/**
 * Does each act until it has succeeded, three times at the most, never again after it has; what each names is checked
 * again here: an emergency call, or a call of which nobody knows whether it is one, is never hung up.
 */
export class Acts {
  readonly #options: ActsOptions;
  readonly #waiting = new Map<string, Waiting>();

  constructor(options: ActsOptions) {
    this.#options = options;
  }

  get size(): number {
    return this.#waiting.size;
  }

  /** Starts at once. `since`: performance.now() of the decision. */
  take(row: Enforcement, now: Millis, since: number): void {
    const key = `${row.kind}/${row.value}/${row.claim}`;
    if (this.#waiting.has(key)) return;
    const waiting: Waiting = { row, notBefore: 0, running: false, woken: false, since };
    this.#waiting.set(key, waiting);
    this.#try(key, waiting, now);
  }

  /** Something that was waited for is there (a login, the channels of a call): all are tried now. */
  wake(now: Millis): void {
    for (const waiting of this.#waiting.values()) {
      waiting.notBefore = 0;
      waiting.woken = true;
    }
    this.tick(now);
  }

  tick(now: Millis): void {
    for (const [key, waiting] of [...this.#waiting]) this.#try(key, waiting, now);
  }

  /** What has not begun is not done any more: rules may not act, or a person has taken everything back. */
  callOff(): void {
    for (const [key, waiting] of [...this.#waiting])
      if (!waiting.running) this.#end(key, waiting, 'failed', 'called-off');
  }

  #try(key: string, waiting: Waiting, now: Millis): void {
    if (waiting.running || now < waiting.notBefore) return;
    if (now - waiting.row.since > TOO_LATE) {
      this.#end(key, waiting, 'failed', 'too-late');
      return;
    }
    const session = this.#options.ami();
    if (session === null) return;
    waiting.running = true;
    waiting.woken = false;
    void this.#run(session, key, waiting, now);
  }

  async #run(session: AmiSession, key: string, waiting: Waiting, now: Millis): Promise<void> {
    const { row } = waiting;
    try {
      const done = await this.#do(session, row, now);
      waiting.running = false;
      if (done) this.#end(key, waiting, 'done', '');
      else if (waiting.woken) this.#try(key, waiting, now);
      else waiting.notBefore = now + AGAIN;
    } catch (error) {
      waiting.running = false;
      this.#failed(key, waiting, error, now);
    }
  }

  #do(session: AmiSession, row: Enforcement, now: Millis): Promise<boolean> {
    if (row.kind === 'hang-up') return this.#hangUp(session, row, now);
    return row.kind === 'rotate-secret' ? this.#options.rotate(session, row) : this.#expire(session, row);
  }

  #failed(key: string, waiting: Waiting, error: unknown, now: Millis): void {
    if (error instanceof Refusal) {
      this.#options.log.warn({ code: error.code, target: waiting.row.value }, error.message);
      this.#end(key, waiting, 'failed', error.code);
      return;
    }
    if (!(error instanceof PeerError)) throw error;
    // a connection that broke is not a try: it goes on after the next login
    const tries = waiting.row.tries + (error.code === 'peer-closed' ? 0 : 1);
    waiting.row = { ...waiting.row, tries };
    this.#options.log.warn({ code: error.code, target: waiting.row.value, tries }, error.message);
    if (!error.retryable || tries >= TRIES) this.#end(key, waiting, 'failed', error.code);
    else {
      waiting.notBefore = now + AGAIN * 2 ** tries;
      this.#options.changed(waiting.row, null);
    }
  }

  #end(key: string, waiting: Waiting, state: 'done' | 'failed', code: string): void {
    this.#waiting.delete(key);
    this.#options.changed({ ...waiting.row, state, code }, state === 'done' ? performance.now() - waiting.since : null);
  }

  /** @returns false: the channels of this call are not known yet */
  async #hangUp(session: AmiSession, row: Enforcement, now: Millis): Promise<boolean> {
    const known = this.#options.calls(row.value);
    const legs = known.length > 0 ? known : isUniqueid(row.value) ? [{ uniqueid: row.value, dialled: null }] : [];
    if (legs.length === 0) {
      if (now - row.since < UNKNOWN_CALL) return false;
      throw new Refusal('unknown-call', `call ${row.value} has no channel that is known: it cannot be hung up`);
    }
    const running = legs.some(({ dialled }) => dialled === null) ? await runningChannels(session) : null;
    for (const { uniqueid, dialled, account } of legs) {
      if (dialled === null && running?.has(uniqueid) === false) continue; // ended meanwhile
      const until = account == null ? null : this.#options.allowed(account);
      if (until !== null) throw new Refusal('allowed', allowedBy(account ?? '', until).reason);
      this.#checkNumber(uniqueid, dialled ?? running?.get(uniqueid) ?? '');
      await hangUp(session, uniqueid);
    }
    return true;
  }

  #checkNumber(uniqueid: string, dialled: string): void {
    if (!/\d/.test(dialled))
      throw new Refusal('unknown-number', `nobody knows what call ${uniqueid} dialled: it may be an emergency call`);
    if (this.#options.emergency().has(dialled) || !this.#options.site().number(dialled).blockable)
      throw new Refusal('emergency-number', `call ${uniqueid} goes to ${dialled}, an emergency number: never hung up`);
  }

  async #expire(session: AmiSession, row: Enforcement): Promise<boolean> {
    const { contacts = [], sources = [] } = (row.detail ?? {}) as Partial<ActDetail>;
    if (contacts.length + sources.length === 0)
      throw new Refusal('no-contact-named', `which contact of ${row.value} to end is not known: its owner's stays too`);
    const ended = await expireContacts(session, { account: row.value, contacts, sources });
    if (this.#options.kamailio !== undefined) {
      const users = [row.value, ...this.#options.site().accounts.aliasesOf(row.value)];
      ended.push(...(await evictContacts(this.#options.kamailio, { users, contacts, sources })));
    }
    if (ended.length > 0) this.#options.log.info({ account: row.value, contacts: ended }, 'ended at the registrar');
    return true;
  }
}
