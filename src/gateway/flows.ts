import type { Millis } from '../model.ts';
import { BoundedMap } from '../windows.ts';
import type { BorderKeys } from './border-keys.ts';
import type { Peer, Session } from './session.ts';
import { Unanswered, type UnansweredLimits } from './unanswered.ts';

/** A peer that speaks for many: another PBX, a provider. */
export interface Trunk {
  readonly name: string;
  /** whose name it may use in From: exact, or a prefix with * at its end */
  readonly identities: readonly string[];
}

/**
 * The way to one program outside: of a CSC session it outlives the connection, so that registrations and transactions go on over the
 * next one; of plain TLS it ends with it.
 */
export interface Flow {
  /** stands in Path, Record-Route and Contact (RFC 5626 section 5.2) */
  readonly token: string;
  /** whose transactions these are: the kid, or a name of the connection alone */
  readonly key: string;
  readonly kind: Session['kind'];
  /** null: plain TLS */
  readonly kid: string | null;
  /** whose it is: by its key, or since the PBX has accepted a registration over it; empty: nobody's yet */
  readonly accounts: Set<string>;
  trunk: Trunk | null;
  /** null: cut, and waiting for the next */
  session: Session | null;
  lostAt: Millis;
  /** where it spoke from last */
  peer: Peer;
  /** when something last came from it */
  heardAt: Millis;
  unanswered: Unanswered | null;
  /** how many requests in each direction have no final answer */
  pending: number;
  /** messages of which a rule outside still thinks; those behind them wait */
  waiting: (() => Promise<void> | undefined)[] | null;
}

const MOST_FLOWS = 100_000;

/** All flows, by session, token and account. */
export class Flows {
  readonly #keys: BorderKeys;
  readonly #process: string;
  readonly #bySession = new Map<string, Flow>();
  readonly #byToken = new BoundedMap<Flow>(2 * MOST_FLOWS);
  readonly #byAccount = new Map<string, Set<Flow>>();

  /** @param process differs at each start: names of plain connections must not come again */
  constructor(keys: BorderKeys, process: string) {
    this.#keys = keys;
    this.#process = process;
  }

  /** Flows with a session. */
  get live(): number {
    return this.#bySession.size;
  }

  get size(): number {
    return this.#byToken.size;
  }

  ofSession(session: Session): Flow | null {
    return this.#bySession.get(session.id) ?? null;
  }

  ofToken(token: string): Flow | null {
    return this.#byToken.get(token) ?? null;
  }

  /** The flows of an account that have a session, the one that was heard last first. */
  ofAccount(account: string): Flow[] {
    const flows = [...(this.#byAccount.get(account) ?? [])].filter(({ session }) => session !== null);
    return flows.sort((a, b) => b.heardAt - a.heardAt);
  }

  hasAccount(account: string): boolean {
    return this.#byAccount.has(account);
  }

  /** The flow of a new session: that of its forerunner of the same key and instance, or a new one. */
  open(session: Session, trunk: Trunk | null, now: Millis): Flow {
    const { kind, kid, inst, account, peer } = session;
    const key = kid ?? `tls:${this.#process}:${session.id}`;
    const token = this.#keys.token(key, inst ?? '');
    const known = this.#byToken.get(token);
    const flow: Flow = known ?? {
      ...{ token, key, kind, kid: kid ?? null, accounts: new Set<string>(), trunk, session, lostAt: 0, peer },
      ...{ heardAt: now, unanswered: null, pending: 0, waiting: null },
    };
    if (known?.session != null) this.#bySession.delete(known.session.id);
    flow.session = session;
    flow.peer = peer;
    flow.trunk = trunk;
    this.#bySession.set(session.id, flow);
    this.#byToken.set(token, flow);
    if (account !== undefined) this.bind(flow, account);
    return flow;
  }

  bind(flow: Flow, account: string): void {
    flow.accounts.add(account);
    let flows = this.#byAccount.get(account);
    if (flows === undefined) this.#byAccount.set(account, (flows = new Set()));
    flows.add(flow);
  }

  /** Its session is over. @returns the flow, unless another session has taken it over already */
  lost(session: Session, now: Millis): Flow | null {
    const flow = this.#bySession.get(session.id) ?? null;
    this.#bySession.delete(session.id);
    if (flow?.session !== session) return null;
    flow.session = null;
    flow.lostAt = now;
    return flow;
  }

  /** It will not come again. */
  forget(flow: Flow): void {
    if (flow.session !== null) this.#bySession.delete(flow.session.id);
    this.#byToken.delete(flow.token);
    for (const account of flow.accounts) {
      const flows = this.#byAccount.get(account);
      flows?.delete(flow);
      if (flows?.size === 0) this.#byAccount.delete(account);
    }
  }

  /** Keys of the sessions that stand. */
  liveKids(): Set<string> {
    return new Set([...this.#bySession.values()].flatMap(({ kid }) => (kid === null ? [] : [kid])));
  }
}

/** What is kept for the other side of a flow; a trunk holds many calls. */
export function unansweredOf(flow: Flow): Unanswered {
  const limits: UnansweredLimits | undefined = flow.trunk === null ? undefined : { messages: 8_192, bytes: 32 << 20 };
  return (flow.unanswered ??= new Unanswered(limits));
}
