import type { TLSSocket } from 'node:tls';
import { canonicalAddress } from '../address.ts';
import type { Millis } from '../model.ts';
import type { CloseReason, Peer, Refusal, Session, SessionHandler } from './session.ts';
import { PONG, SipStream, type StreamLimits } from './stream.ts';

/** What a session may owe its peer before it is given up. */
const MOST_QUEUED = 1 << 20;
/** A phone re-registers or sends keep-alives far more often (RFC 5626 section 4.4.1: 120 s). */
const SILENCE: Millis = 3_600_000;
/** What did not end in order by then is ended. */
const LINGER: Millis = 2_000;

let count = 0;

/**
 * Plain SIP over an established TLS connection (ALPN `sip/2` or none): whole messages for the handler; keep-alives are answered here
 * (RFC 5626 section 4.4.1). What cannot be framed ends it.
 */
export function startTlsSession(
  socket: TLSSocket,
  handler: SessionHandler,
  options: { readonly limits: StreamLimits; readonly refused: (refusal: Refusal) => void; readonly now: () => Millis },
): Session {
  const session = new TlsSession(socket, options.now());
  const stream = new SipStream(options.limits);
  let ended = false;
  socket.setNoDelay(true);
  socket.setTimeout(SILENCE, () => session.close('silent'));
  handler.opened(session, undefined);
  socket.on('data', (chunk: Buffer) => {
    for (const item of stream.push(chunk)) {
      if (session.ending !== null) return;
      if (item.kind === 'message') handler.message(session, item.bytes);
      else if (item.kind === 'ping') session.write(PONG);
      else {
        options.refused({
          at: options.now(),
          peer: session.peer,
          stage: 'session',
          reason: item.fault,
          alert: true,
          session: session.id,
        });
        session.close('protocol');
      }
    }
  });
  socket.on('error', () => undefined);
  // close_notify, or a bare FIN: Node does not tell which, and SIP's own framing would show a cut
  socket.on('end', () => {
    ended = true;
    socket.end();
  });
  socket.on('close', () => {
    const reason = session.ending ?? (ended ? 'peer-closed' : 'lost');
    handler.closed(session, reason, session.ending === null && (!ended || stream.pendingBytes > 0));
  });
  return session;
}

class TlsSession implements Session {
  readonly id = `tls-${++count}`;
  readonly kind = 'tls';
  readonly account = undefined;
  readonly kid = undefined;
  readonly inst = undefined;
  readonly peer: Peer;
  readonly establishedAt: Millis;
  readonly #socket: TLSSocket;
  ending: CloseReason | null = null;

  constructor(socket: TLSSocket, now: Millis) {
    this.#socket = socket;
    this.establishedAt = now;
    const address = socket.remoteAddress ?? '';
    this.peer = { address: canonicalAddress(address) ?? address, port: socket.remotePort ?? 0 };
  }

  send(message: Buffer): boolean {
    if (this.#socket.writableLength + message.length > MOST_QUEUED) {
      this.close('stuck');
      return false;
    }
    return this.write(message);
  }

  write(bytes: Buffer): boolean {
    if (this.ending !== null || !this.#socket.writable) return false;
    this.#socket.write(bytes);
    return true;
  }

  close(reason: CloseReason): void {
    if (this.ending !== null) return;
    this.ending = reason;
    if (reason === 'stuck' || reason === 'protocol') this.#socket.destroy();
    else {
      this.#socket.end();
      setTimeout(() => this.#socket.destroy(), LINGER).unref();
    }
  }
}
