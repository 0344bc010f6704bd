import { parseSip } from '../wire/sip.ts';
import { AgentContext, RESUMES, type AgentOptions } from './agent-context.ts';
import { AgentDown } from './agent-down.ts';
import type { LocalPeer } from './agent-local.ts';
import { AgentUp } from './agent-up.ts';
import type { Session, SessionHandler } from './session.ts';

/**
 * The agent as phones see it: a SIP proxy. What they send goes to the gateway through the session, what comes out of it goes to them.
 * Requests without final answer outlive the session. It opens no socket, and what its clock is it is told.
 */
export class AgentProxy implements SessionHandler {
  readonly #context: AgentContext;
  readonly #up: AgentUp;
  readonly #down: AgentDown;
  /** what waited for the last session has been told that none has come */
  #gaveUp = false;

  constructor(options: AgentOptions) {
    this.#context = new AgentContext(options);
    this.#up = new AgentUp(this.#context);
    this.#down = new AgentDown(this.#context);
  }

  /** How much waits. */
  sizes(): { readonly transactions: number; readonly unanswered: number } {
    return { transactions: this.#context.size, unanswered: this.#context.unanswered.size };
  }

  opened(session: Session): void {
    const { unanswered, now } = this.#context;
    this.#context.session = session;
    this.#gaveUp = false;
    for (const bytes of unanswered.again(now)) {
      this.#context.count('resent');
      session.send(bytes);
    }
  }

  message(session: Session, bytes: Buffer): void {
    if (this.#context.session !== session) return;
    const read = parseSip(bytes);
    if (!read.ok) return this.#context.count('gateway.malformed');
    if (read.value.isRequest) this.#down.request(bytes, read.value);
    else {
      this.#context.unanswered.received(read.value);
      this.#up.answer(bytes, read.value);
    }
  }

  closed(session: Session): void {
    if (this.#context.session !== session) return;
    this.#context.session = null;
    this.#context.lostAt = this.#context.now;
  }

  /** A phone has sent this; `bytes` are our own. */
  fromPhone(bytes: Buffer, peer: LocalPeer): void {
    this.#context.count('messages.phone');
    const read = parseSip(bytes);
    if (!read.ok) return this.#context.count('phone.malformed');
    const message = read.value;
    if (message.truncated || message.via === null || message.branch === '')
      return this.#context.count('phone.malformed');
    // what a datagram holds behind its body is no part of the message (RFC 3261 section 18.3)
    const end =
      message.contentLength === null
        ? bytes.length
        : message.body.byteOffset - bytes.byteOffset + message.contentLength;
    const whole = withLength(end < bytes.length ? bytes.subarray(0, end) : bytes, message.contentLength);
    const again = whole === bytes ? read : parseSip(whole);
    if (!again.ok) return this.#context.count('phone.malformed');
    if (again.value.isRequest) this.#up.request(whole, again.value, peer);
    else this.#down.answer(whole, again.value, peer);
  }

  /** Time passes: call it every 50 ms or so. */
  tick(): void {
    const { now, session, lostAt, unanswered } = this.#context;
    for (const transaction of this.#context.due()) (transaction.side === 'up' ? this.#up : this.#down).due(transaction);
    if (session !== null || this.#gaveUp || now - lostAt < RESUMES) return;
    this.#gaveUp = true;
    this.#up.gone();
    unanswered.clear();
  }
}

/** By UDP a phone may leave Content-Length out (RFC 3261 section 18.3); in a stream it may not. */
function withLength(bytes: Buffer, length: number | null): Buffer {
  if (length !== null) return bytes;
  const at = bytes.indexOf('\r\n\r\n');
  if (at < 0) return bytes;
  const head = bytes.subarray(0, at);
  return Buffer.concat([head, Buffer.from(`\r\nContent-Length: ${bytes.length - at - 4}`), bytes.subarray(at)]);
}
