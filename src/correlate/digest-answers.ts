import type { Millis } from '../model.ts';
import { BoundedMap } from '../windows.ts';
import { scanChallenge } from '../wire/digest.ts';
import { digestAnswer, type DigestAnswer } from '../wire/digest-proof.ts';
import { parseNameAddr, parseSip, type SipMessage } from '../wire/sip.ts';
import type { PacketPath } from './sip-facts.ts';

/** A digest response that the PBX took: whoever made it knew the secret. */
export interface AcceptedAnswer {
  readonly at: Millis;
  readonly answer: DigestAnswer;
  /** display name in From, '' without one */
  readonly displayName: string;
}

interface Open {
  readonly accepted: AcceptedAnswer;
  /** two different answers in one transaction: nobody can tell which of them was taken */
  ambiguous: boolean;
}

const MOST_OPEN = 8_192;
const MOST_CHALLENGES = 16_384;
/** The mirror is not in wire order: a 2xx that came before its request is kept for so long. */
const EARLY_FOR: Millis = 2_000;
const MOST_EARLY = 2_048;
/** In the place of the time of an early answer: this transaction is over. */
const OVER: Millis = -Infinity;
/** A nonce is no longer than this anywhere; what is longer is somebody's invention. */
const LONGEST = 1_024;

/** Requests for which a PBX asks who they are from. */
const METHODS = new Set(['REGISTER', 'INVITE', 'SUBSCRIBE', 'PUBLISH', 'MESSAGE']);

/**
 * Finds the digest responses that were accepted. A guess must never count as an account's secret, so an answer counts only where
 * all of this was seen: the PBX challenged this sender in this Call-ID, for this method and this From, with the nonce that is answered;
 * and the very transaction (RFC 3261 section 17.1.3), between the same two addresses, was answered with 2xx. Without the challenge a
 * request that needs no password at all could carry an answer of its own making.
 */
export class DigestAnswers {
  readonly #accepted: (answer: AcceptedAnswer) => void;
  readonly #challenges = new BoundedMap<true>(MOST_CHALLENGES);
  readonly #open = new BoundedMap<Open>(MOST_OPEN);
  readonly #early = new BoundedMap<Millis>(MOST_EARLY);
  /** answers that were taken, but to a challenge that was not seen */
  unproved = 0;

  constructor(accepted: (answer: AcceptedAnswer) => void) {
    this.#accepted = accepted;
  }

  get size(): number {
    return this.#challenges.size + this.#open.size + this.#early.size;
  }

  /** One SIP packet. What is no SIP message is passed over. */
  take(path: PacketPath, payload: Buffer, at: Millis): void {
    // nearly all messages end here, unread
    const success = payload.length > 12 && payload.toString('latin1', 0, 9) === 'SIP/2.0 2';
    if (!success && !payload.includes('igest')) {
      if (this.#open.size > 0 && payload.toString('latin1', 0, 8) === 'SIP/2.0 ') this.#final(path, payload);
      return;
    }
    const read = parseSip(payload);
    if (!read.ok) return;
    const message = read.value;
    if (message.isRequest) this.#request(path, message, at);
    else this.#response(path, message, at);
  }

  /** Answers without a challenge, which only close what was open. */
  #final(path: PacketPath, payload: Buffer): void {
    const read = parseSip(payload);
    if (read.ok && !read.value.isRequest && read.value.status >= 300) this.#open.delete(keyOf(read.value, path.destination, path.source)); // prettier-ignore
  }

  #request(path: PacketPath, message: SipMessage, at: Millis): void {
    if (!METHODS.has(message.method)) return;
    for (const credentials of message.allCredentials()) {
      const answer = digestAnswer(credentials, message.method, message.body);
      if (answer === null || answer.nonce === '' || answer.nonce.length > LONGEST) continue;
      const challenged = this.#challenges.get(challengeKey(message, answer.nonce, path.source, path.destination));
      if (challenged === undefined) {
        this.unproved++;
        continue;
      }
      const from = parseNameAddr(message.header('from') ?? '');
      const displayName = from.ok ? from.value.name : '';
      this.#offer(keyOf(message, path.source, path.destination), { at, answer, displayName });
      return;
    }
  }

  #offer(key: string, accepted: AcceptedAnswer): void {
    const early = this.#early.peek(key);
    if (early !== undefined) {
      if (Math.abs(accepted.at - early) <= EARLY_FOR) this.#done(key, accepted);
      return;
    }
    const open = this.#open.get(key);
    if (open === undefined) this.#open.set(key, { accepted, ambiguous: false });
    else if (open.accepted.answer.response !== accepted.answer.response) open.ambiguous = true;
  }

  #response(path: PacketPath, message: SipMessage, at: Millis): void {
    const { status } = message;
    if (status < 200 || !METHODS.has(message.cseqMethod)) return;
    const key = keyOf(message, path.destination, path.source);
    if (status === 401 || status === 407) {
      this.#open.delete(key);
      for (const line of [...message.headers('www-authenticate'), ...message.headers('proxy-authenticate')]) {
        const bytes = Buffer.from(line);
        const nonce = scanChallenge(bytes, 0, bytes.length, false)?.nonce ?? '';
        if (nonce !== '' && nonce.length <= LONGEST)
          this.#challenges.set(challengeKey(message, nonce, path.destination, path.source), true);
      }
      return;
    }
    const open = this.#open.peek(key);
    this.#open.delete(key);
    if (status >= 300) return;
    if (open !== undefined && !open.ambiguous) this.#done(key, open.accepted);
    else if (!this.#early.has(key)) this.#early.set(key, open === undefined ? at : OVER);
  }

  /** Whatever comes in the name of this transaction now is a retransmission, or somebody's invention. */
  #done(key: string, accepted: AcceptedAnswer): void {
    this.#early.set(key, OVER);
    this.#accepted(accepted);
  }
}

/** `client` and `server`: addresses; a response goes the other way than its request. */
const keyOf = (message: SipMessage, client: string, server: string): string =>
  JSON.stringify([client, server, message.branch, message.cseq, message.cseqMethod, message.callId]);

const challengeKey = (message: SipMessage, nonce: string, client: string, server: string): string =>
  JSON.stringify([client, server, message.cseqMethod, message.callId, message.fromUser, nonce]);
