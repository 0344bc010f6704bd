import type { Counters } from '../counters.ts';
import type { Millis } from '../model.ts';
import { SECOND } from '../time.ts';
import type { Flow } from './flows.ts';
import type { Origin, Upstream } from './upstream.ts';
import { Wheel } from './wheel.ts';

/** RFC 3261 section 17.1.1.1: an estimate of the round trip, the longest pause between retransmissions, and 64 of the first. */
export const T1: Millis = 500;
export const T2: Millis = 4 * SECOND;
export const TIMEOUT: Millis = 64 * T1;
/** Timer C (section 16.6, step 11): a call that rings for longer is given up. */
export const RINGS: Millis = 185 * SECOND;

/** A request that was sent on, and what became of it. */
export interface Transaction {
  /** ours: of the Via that we put on top */
  readonly branch: string;
  /** `out`: from a session to an upstream; `in`: from an upstream to a session */
  readonly side: 'out' | 'in';
  readonly method: string;
  readonly flow: Flow;
  /** when it was sent to where it is now */
  began: Millis;
  /** the request as it came; null: it has its final answer */
  received: Buffer | null;
  /** of `out`: as it crossed the edges, for another upstream; null likewise */
  crossed: Buffer | null;
  /** as it was sent on; null likewise, but of an INVITE, whose ACK is made of it */
  sent: Buffer | null;
  /** of `out`: where it went */
  upstream: Upstream | null;
  /** of `in`: where its answers go */
  readonly origin: Origin | null;
  /** of `in`: port to which its answers go as datagrams, by its Via */
  readonly answerPort: number;
  /** does an answer of any kind stand between it and being sent again? */
  heard: boolean;
  /** final status, 0 before */
  status: number;
  /** the last answer as it was sent back, for whoever asks again */
  answer: Buffer | null;
  /** ACK of a failed INVITE has come */
  acknowledged: boolean;
  /** CANCEL, as it goes on; null: nobody wants it cancelled */
  cancel: Buffer | null;
  cancelSent: boolean;
  /** upstreams that have been tried before this one */
  tried: number;
  /** pause between the last retransmission and the next, which is due at `resendAt`; Infinity: none is */
  pause: Millis;
  resendAt: Millis;
  /** when the next upstream is tried */
  failoverAt: Millis;
  deadline: Millis;
}

const SLOT: Millis = 50;

/** All transactions, by our branch, and when each of them is to be looked at. Bounded: a request beyond is not taken. */
export class Transactions {
  readonly #most: number;
  readonly #counters: Counters;
  readonly #all = new Map<string, Transaction>();
  readonly #ofFlow = new Map<Flow, Set<Transaction>>();
  readonly #wheel: Wheel<Transaction>;

  constructor(counters: Counters, now: Millis, most = 200_000) {
    this.#most = most;
    this.#counters = counters;
    this.#wheel = new Wheel(SLOT, now);
  }

  get size(): number {
    return this.#all.size;
  }

  get isFull(): boolean {
    return this.#all.size >= this.#most;
  }

  get(branch: string): Transaction | null {
    return this.#all.get(branch) ?? null;
  }

  /** Those of a flow, as they are now. */
  of(flow: Flow): Transaction[] {
    return [...(this.#ofFlow.get(flow) ?? [])];
  }

  add(transaction: Transaction): void {
    this.#all.set(transaction.branch, transaction);
    let own = this.#ofFlow.get(transaction.flow);
    if (own === undefined) this.#ofFlow.set(transaction.flow, (own = new Set()));
    own.add(transaction);
    transaction.flow.pending++;
    this.#counters.add(`gateway.transactions.${transaction.side}`);
  }

  /** It is to be looked at then: the earlier of a retransmission and its end. */
  at(transaction: Transaction, at: Millis): void {
    this.#wheel.set(transaction, Math.min(at, transaction.deadline));
  }

  /** It has its final answer: kept for those who ask again. */
  final(transaction: Transaction, status: number, answer: Buffer | null, now: Millis): void {
    if (transaction.status === 0) transaction.flow.pending--;
    transaction.status = status;
    transaction.answer = answer;
    transaction.received = null;
    transaction.crossed = null;
    if (transaction.method !== 'INVITE' || status < 300) transaction.sent = null;
    transaction.deadline = now + TIMEOUT;
    this.#wheel.set(transaction, transaction.deadline);
  }

  remove(transaction: Transaction): void {
    this.#all.delete(transaction.branch);
    this.#wheel.delete(transaction);
    const own = this.#ofFlow.get(transaction.flow);
    own?.delete(transaction);
    if (own?.size === 0) this.#ofFlow.delete(transaction.flow);
    if (transaction.status === 0) transaction.flow.pending--;
  }

  due(now: Millis): Transaction[] {
    return this.#wheel.take(now);
  }
}
