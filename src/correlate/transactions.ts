import type { Millis, RequestFacts, RequestRepeated, SessionFacts } from '../model.ts';
import type { SipMessage } from '../wire/sip.ts';
import { BoundedMap } from '../windows.ts';
import { stamp, type Context } from './context.ts';
import type { ContactValue } from './registrations.ts';
import type { PacketPath } from './sip-facts.ts';

/** Requests that wait for an answer; one is forgotten only when half as many newer ones wait. */
const MAX_OPEN = 32_768;
/** Answered ones, held to know what comes again: a retransmission within seconds, a second mirror within milliseconds. */
const MAX_ANSWERED = 16_384;
/** Answers that came before their request, see below. */
const MAX_EARLY = 2_048;
const EARLY_FOR = 2_000;

/** The same packet mirrored twice is no retransmission, which comes half a second later at the earliest (RFC 3261 T1). */
export const SAME_PACKET: Millis = 200;
/** No timer of RFC 3261 sends a request so often. */
const MOST_REPEATS = 16;

/** One request outside a dialog and what has been answered so far. */
export interface Transaction {
  readonly key: string;
  /** digest response offered; a guesser who keeps branch and CSeq still changes this */
  readonly offered: string;
  /** where it came from first, when by the clock of whoever mirrored it, and in whose name */
  readonly source: string;
  readonly firstSeen: Millis;
  readonly account: string | null;
  /** when it was last seen, by the clock of whoever mirrored it */
  lastSeen: Millis;
  /** times that it came again */
  repeats: number;
  /** null: it has its final answer */
  request: OpenRequest | null;
}

/** A request that waits for its final answer. */
export interface OpenRequest {
  readonly facts: RequestFacts;
  readonly account: string | null;
  readonly trunk: string | null;
  /** REGISTER only */
  readonly contacts: readonly ContactValue[] | '*';
  readonly expires: number | null;
  readonly at: Millis;
  /** when it was seen, by the clock of whoever mirrored it */
  readonly seenAt: Millis;
  /** when it first rang (180-199), by that clock */
  rangAt: Millis | null;
  retransmissions: number;
  /** has a provisional answer been taken in? */
  provisional: boolean;
  /** has it been told that the credentials were taken? */
  authenticated: boolean;
  /** INVITE: did the PBX take the call on? */
  taken: boolean;
}

/** What of an answer is needed to judge it, kept when it came before its request. */
export interface Answer {
  readonly status: number;
  readonly stale: boolean;
  readonly challenges: boolean;
  /** of a challenge, what only its receiver knows: see `secretsOf` */
  readonly secrets: readonly string[];
  readonly contacts: readonly ContactValue[] | null;
  readonly expires: number | null;
  /** of the 2xx to an INVITE */
  readonly session: SessionFacts | null;
  readonly seenAt: Millis;
}

/**
 * Requests waiting for their answers. RFC 3261 section 17.1.3 tells a transaction by branch and method; Call-ID and
 * CSeq are taken in too, so that somebody who keeps one branch for everything is not taken for a retransmission.
 * The HEP stream is not in wire order, so an answer may come first: it is held for two seconds.
 */
export class Transactions {
  readonly #open = new BoundedMap<Transaction>(MAX_OPEN);
  readonly #answered = new BoundedMap<Transaction>(MAX_ANSWERED);
  readonly #early = new BoundedMap<{ answers: Answer[]; at: Millis }>(MAX_EARLY);

  static key(callId: string, cseq: number, method: string, branch: string): string {
    return `${branch} ${cseq} ${method} ${callId}`;
  }

  get size(): number {
    return this.#open.size + this.#answered.size + this.#early.size;
  }

  find(key: string): Transaction | undefined {
    return this.#open.get(key) ?? this.#answered.get(key);
  }

  open(transaction: Transaction): void {
    this.#answered.delete(transaction.key);
    this.#open.set(transaction.key, transaction);
  }

  /** It has its final answer: what was asked is let go. */
  close(transaction: Transaction): void {
    transaction.request = null;
    this.#open.delete(transaction.key);
    this.#answered.set(transaction.key, transaction);
  }

  hold(key: string, answer: Answer, at: Millis): void {
    const held = this.#early.get(key);
    if (held === undefined) this.#early.set(key, { answers: [answer], at });
    else if (held.answers.length < 4) held.answers.push(answer);
  }

  /** Answers that were waiting for this request. */
  takeEarly(key: string, at: Millis): readonly Answer[] {
    if (this.#early.size === 0) return [];
    const held = this.#early.peek(key);
    if (held === undefined) return [];
    this.#early.delete(key);
    return at - held.at <= EARLY_FOR ? held.answers : [];
  }
}

/** A request that is known came again: a retransmission, the same packet mirrored twice (null), or a copy that somebody sends. */
export function repetition(
  context: Context,
  transaction: Transaction,
  path: PacketPath,
  message: SipMessage,
  seenAt: Millis,
): RequestRepeated | null {
  const { request, source: firstSource, firstSeen: firstSeenAt, account } = transaction;
  if (request !== null && seenAt - transaction.lastSeen >= SAME_PACKET) request.retransmissions++;
  transaction.lastSeen = seenAt;
  const repeats = ++transaction.repeats;
  const tooOften = repeats >= MOST_REPEATS && (repeats & (repeats - 1)) === 0;
  if (path.source === firstSource && !tooOften) return null;
  const { method, callId, cseq, branch } = message;
  const { source, sourcePort, transport } = path;
  return {
    kind: 'request.repeated',
    ...stamp(context, 'sip', seenAt),
    method,
    callId,
    cseq,
    branch,
    source,
    sourcePort,
    transport,
    trunk: context.site.networks.trunkOf(source),
    firstSource,
    firstSeenAt,
    account,
    repeats,
    offersCredentials: transaction.offered !== '',
  };
}
