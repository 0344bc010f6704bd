import type { Counters } from '../counters.ts';
import type { Millis } from '../model.ts';
import { parseSip, type SipMessage } from '../wire/sip.ts';
import { answerTo, type Place } from './border-edit.ts';
import type { BorderKeys } from './border-keys.ts';
import { crossAll, type Across, type Edge } from './edge.ts';
import type { Finding, FindingKind, Tell } from './findings.ts';
import { unansweredOf, type Flow, type Flows } from './flows.ts';
import type { Policy } from './policy.ts';
import type { Peer } from './session.ts';
import { Transactions, type Transaction } from './transactions.ts';
import type { Inside } from './upstream.ts';

/** One message that crossed the border, for those who listen along: `in` from the session, `out` to it. */
export type Mirror = (direction: 'in' | 'out', peer: Peer, bytes: Buffer, at: Millis) => void;

export interface BorderOptions {
  readonly keys: BorderKeys;
  readonly flows: Flows;
  readonly inside: Inside;
  /** where clients reach us */
  readonly outside: Place;
  /** names of ours beside it: listening addresses */
  readonly alsoOutside: readonly Place[];
  readonly policy: Policy;
  readonly edges: readonly Edge[];
  readonly mirror: Mirror;
  readonly tell: Tell;
  readonly counters: Counters;
  /** what messages waited here, from their last byte to being handed to the next socket, milliseconds */
  readonly latency: { add(took: Millis): void };
  readonly now: () => Millis;
  /** random text for the To tags of our own answers: the same for a retransmission need not be */
  readonly tag: () => string;
  /** '' : none */
  readonly sourceHeader: string;
  /** '' : none */
  readonly accountHeader: string;
  readonly failoverAfter: Millis;
  /** requests without final answer that an account's session may have */
  readonly pending: number;
  readonly later: (wait: Millis, work: () => void) => void;
  /** Runs work of a flow behind what waits for an edge there. */
  readonly inOrder: (flow: Flow, work: () => Promise<void> | undefined) => void;
}

/** What both directions share: sending, answering, counting, telling. */
export class BorderContext {
  readonly options: BorderOptions;
  readonly transactions: Transactions;
  /** places of ours, inside and outside */
  readonly places: readonly Place[];
  readonly #told = new Map<string, Millis>();

  constructor(options: BorderOptions) {
    this.options = options;
    this.transactions = new Transactions(options.counters, options.now());
    this.places = [options.outside, ...options.alsoOutside, ...options.inside.upstreams.map(({ inside }) => inside)];
  }

  get now(): Millis {
    return this.options.now();
  }

  count(name: string, by = 1): void {
    this.options.counters.add(`gateway.${name}`, by);
  }

  /** Takes a message over all edges. */
  cross(direction: 'in' | 'out', flow: Flow, bytes: Buffer, message: SipMessage): Across | Promise<Across> {
    return crossAll(this.options.edges, { direction, flow, bytes, message });
  }

  /** Sends to the session of a flow, or keeps it for the next one. */
  toSession(flow: Flow, bytes: Buffer, message: SipMessage): void {
    if (flow.kind === 'csc') unansweredOf(flow).sent(bytes, message, this.now);
    if (flow.session === null) return this.count('messages.kept');
    if (!flow.session.send(bytes)) return this.count('messages.untaken');
    this.count('messages.out');
    this.count('bytes.out', bytes.length);
  }

  /** An answer of ours to whoever sent the request into this transaction; it is the final one if it is not 100. */
  answerLocally(transaction: Transaction, status: number, more: readonly string[] = []): void {
    const { received, flow, origin } = transaction;
    const request = received === null ? null : parseSip(received);
    if (received === null || request?.ok !== true) return;
    const peer = origin?.peer ?? flow.peer;
    const bytes = answerTo(request.value, status, this.options.tag(), peer, more);
    if (status >= 200) this.transactions.final(transaction, status, bytes, this.now);
    if (origin === null) this.answerSession(flow, bytes, status);
    else this.answerInside(transaction, bytes);
  }

  /** An answer of ours to a request of a session: in the session's own terms, so that it crosses no edge. */
  answerSession(flow: Flow, bytes: Buffer, status: number): void {
    const message = parseSip(bytes);
    if (message.ok) this.toSession(flow, bytes, message.value);
    if (status > 100) this.options.mirror('out', flow.peer, bytes, this.now);
  }

  /** Answers whoever inside sent the request. */
  answerInside({ origin, answerPort }: Transaction, bytes: Buffer): void {
    if (origin !== null) this.options.inside.answer(origin, answerPort, bytes);
  }

  /** Refuses a request of a session before it has a transaction. */
  refuse(flow: Flow, request: SipMessage, status: number, more: readonly string[] = []): void {
    if (!request.isRequest || request.method === 'ACK') return;
    this.answerSession(flow, answerTo(request, status, this.options.tag(), flow.peer, more), status);
  }

  /** Tells people, once a minute of the same. */
  tell(flow: Flow | null, peer: Peer, what: Omit<Finding, 'at' | 'peer' | 'kid'>): void {
    const at = this.now;
    const key = `${what.kind} ${what.account} ${what.claimed} ${peer.address}`;
    this.count(`findings.${what.kind}`);
    const last = this.#told.get(key) ?? -Infinity;
    if (at - last < TOLD_EVERY) return;
    if (this.#told.size >= TOLD_KEPT) this.#told.clear();
    this.#told.set(key, at);
    this.options.tell({ ...what, at, peer, kid: flow?.kid ?? null });
  }

  tellOf(flow: Flow, message: SipMessage, kind: FindingKind, detail: string, claimed = ''): void {
    const { callId } = message;
    const method = message.isRequest ? message.method : message.cseqMethod;
    this.tell(flow, flow.peer, { kind, account: accountOf(flow), claimed, callId, method, detail });
  }
}

const TOLD_EVERY: Millis = 60_000;
const TOLD_KEPT = 10_000;

/** Whose flow it is, for a sentence; '' : nobody's yet. */
export const accountOf = (flow: Flow): string => [...flow.accounts][0] ?? '';
