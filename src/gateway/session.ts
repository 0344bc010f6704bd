import type { Millis } from '../model.ts';

/**
 * The seam between who carries SIP (CSC/1 or plain TLS, server or client side) and who understands it (border proxy, agent).
 * A transport makes sessions and calls a handler; the handler sends whole SIP messages and never sees a byte of framing.
 */

/** Why a session came to its end. */
export type CloseReason =
  /** the other side closed it in order (CSC: frame 0x1f; TLS: close_notify) */
  | 'peer-closed'
  /** the connection ended without that: reset, FIN, a dead path */
  | 'lost'
  /** no pong within 10 s, or nothing at all within the time that the transport allows */
  | 'silent'
  /** bytes that cannot be: a bad tag, a wrong type, length or order, no SIP framing */
  | 'protocol'
  /** it does not take what it is sent: its queue stayed full */
  | 'stuck'
  /** a newer session of the same kid and inst took its place */
  | 'replaced'
  /** its key was revoked */
  | 'revoked'
  /** 24 h are over, or its certificate */
  | 'expired'
  /** the handler wants it gone: an identity, method or size that its policy refuses */
  | 'refused'
  /** this process stops, or its settings no longer hold the listener */
  | 'shutdown';

/** Where the other side of a connection is. `address` is canonical (src/address.ts). */
export interface Peer {
  readonly address: string;
  readonly port: number;
}

/** A connection that carries SIP messages both ways, after its handshake. */
export interface Session {
  /** unique in this process, not secret, never used again */
  readonly id: string;
  readonly kind: 'csc' | 'tls';
  /** the account (gateway side) or gateway (client side: undefined) whose key was proven; undefined: nobody proved anything */
  readonly account: string | undefined;
  /** the other side's key: SHA-256 of its SPKI DER, base64url; undefined for plain TLS */
  readonly kid: string | undefined;
  /** the instance of the other side's program, 16 bytes as base64url: it stays over reconnects and starts */
  readonly inst: string | undefined;
  readonly peer: Peer;
  readonly establishedAt: Millis;

  /**
   * Sends one whole SIP message, Content-Length exact. The bytes may not be changed afterwards.
   * @returns false: it was not taken, because the session is closing, its queue is full, or (CSC) the message is longer
   * than a record holds (65,536 bytes). What was taken may still be lost when the session ends.
   */
  send(message: Buffer): boolean;

  /** Ends it in order: what was taken is sent, then the transport's own closing. `closed` follows. A second call does nothing. */
  close(reason: CloseReason): void;
}

/** Who understands what sessions carry. Called from socket callbacks: it returns soon and does not throw. */
export interface SessionHandler {
  /**
   * @param inherits id of the last session of the same kid and inst, live or ended within the last 24 h: its registrations
   * and transactions are this one's now. Where it still lives, its `closed` (reason `replaced`) comes after this call.
   */
  opened(session: Session, inherits: string | undefined): void;
  /** One whole SIP message, or (plain TLS) keep-alives are answered before. `bytes` are the handler's own. */
  message(session: Session, bytes: Buffer): void;
  /** The last call for a session. `cut`: it ended without the transport's own closing, so that messages may have been lost. */
  closed(session: Session, reason: CloseReason, cut: boolean): void;
}

/** How far a connection got that was refused. */
export type Stage =
  /** before TLS: limits */
  | 'connect'
  | 'tls'
  /** CSC frames 1 to 3: nobody is named yet */
  | 'hello'
  /** CSC frame 4: somebody claims a key */
  | 'auth'
  /** frames 0x21, 0x22 */
  | 'enrolment'
  /** in a session that stood */
  | 'session';

/** A connection or session that was refused or cut for a fault of the other side: for metrics, alerts, evidence. */
export interface Refusal {
  readonly at: Millis;
  readonly peer: Peer;
  readonly stage: Stage;
  /** one of a fixed set of words each transport documents: a metric's label, never text from the network */
  readonly reason: string;
  /** the key that was claimed (stage auth: not proven unless `account` is set) */
  readonly kid?: string;
  /** the account, where its key was proven */
  readonly account?: string;
  /** somebody should look, not only count */
  readonly alert: boolean;
  /** id of the session that ended by it */
  readonly session?: string;
}
