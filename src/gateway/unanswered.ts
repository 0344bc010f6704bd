import type { Millis } from '../model.ts';
import type { SipMessage } from '../wire/sip.ts';

/** How many messages, and how many bytes of them, one side keeps for the other. */
export interface UnansweredLimits {
  readonly messages: number;
  readonly bytes: number;
}

const LIMITS: UnansweredLimits = { messages: 512, bytes: 1 << 20 };

/** A final answer to an INVITE is repeated for this long at the most, as its sender would (RFC 3261 section 13.3.1.4: 64*T1). */
const ANSWER_KEPT: Millis = 32_000;

interface Kept {
  readonly bytes: Buffer;
  readonly at: Millis;
}

/**
 * What was sent through a session and is not known to have arrived: requests without final answer, and 2xx answers to INVITEs without
 * ACK. When the session is cut and another takes its place, both ends send the same bytes again, oldest first; whoever had them
 * knows the branch and absorbs them. Used by the gateway and by the agent.
 *
 * Bounded: what is beyond the limits is forgotten, oldest first, and counted.
 */
export class Unanswered {
  readonly #limits: UnansweredLimits;
  readonly #kept = new Map<string, Kept>();
  #bytes = 0;
  /** how many were forgotten for lack of room */
  forgotten = 0;

  constructor(limits: UnansweredLimits = LIMITS) {
    this.#limits = limits;
  }

  get size(): number {
    return this.#kept.size;
  }

  /** This message goes to the other side: keep it if it is one that wants an answer. */
  sent(bytes: Buffer, message: SipMessage, now: Millis): void {
    if (message.isRequest) {
      if (message.method === 'ACK') return;
      this.#keep(requestKey(message.branch, message.method), bytes, now);
    } else if (message.cseqMethod === 'INVITE' && message.status >= 200) {
      // what was kept of the request is settled by `received`; here only the 2xx waits for its ACK
      if (message.status < 300) this.#keep(answerKey(message), bytes, now);
    }
  }

  /** This message came from the other side: it may settle one that was kept. */
  received(message: SipMessage): void {
    if (message.isRequest) {
      if (message.method === 'ACK') this.#drop(answerKey(message));
    } else if (message.status >= 200) this.#drop(requestKey(message.branch, message.cseqMethod));
  }

  /** A request that was given up: it is not to be sent again. */
  settled(branch: string, method: string): void {
    this.#drop(requestKey(branch, method));
  }

  /** What to send again over the session that took the old one's place, oldest first. */
  again(now: Millis): Buffer[] {
    for (const [key, { at }] of this.#kept) if (key.startsWith('2 ') && now - at > ANSWER_KEPT) this.#drop(key);
    return [...this.#kept.values()].map(({ bytes }) => bytes);
  }

  clear(): void {
    this.#kept.clear();
    this.#bytes = 0;
  }

  #keep(key: string, bytes: Buffer, at: Millis): void {
    // a retransmission keeps the place of the first
    const before = this.#kept.get(key);
    if (before !== undefined) this.#bytes -= before.bytes.length;
    this.#kept.set(key, { bytes, at: before?.at ?? at });
    this.#bytes += bytes.length;
    for (const oldest of this.#kept.keys()) {
      if (this.#kept.size <= this.#limits.messages && this.#bytes <= this.#limits.bytes) break;
      this.#drop(oldest);
      this.forgotten++;
    }
  }

  #drop(key: string): void {
    const kept = this.#kept.get(key);
    if (kept === undefined) return;
    this.#kept.delete(key);
    this.#bytes -= kept.bytes.length;
  }
}

const requestKey = (branch: string, method: string): string => `r ${branch} ${method}`;
/** An ACK has another branch than its INVITE: dialog and CSeq tell which answer it is for (RFC 3261 section 13.2.2.4). */
const answerKey = ({ callId, fromTag, toTag, cseq }: SipMessage): string => `2 ${callId} ${fromTag} ${toTag} ${cseq}`;
