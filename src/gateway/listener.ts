import { createServer, type Server, type Socket } from 'node:net';
import { TLSSocket, type SecureContext } from 'node:tls';
import { canonicalAddress } from '../address.ts';
import { PeerError } from '../errors.ts';
import type { Millis } from '../model.ts';
import { SECOND } from '../time.ts';
import type { Peer, Refusal, Stage } from './session.ts';
import { Sources, type SourceLimits } from './sources.ts';

/** From the TCP accept to the first record, TLS included. */
export const HANDSHAKE_WITHIN: Millis = 5 * SECOND;

export interface ListenerLimits extends SourceLimits {
  /** half-open connections of all sources; beyond it the oldest of a source that nobody knows is dropped */
  readonly halfOpen: number;
  readonly handshakeMs: Millis;
}

/** Words of `Refusal.reason` that a listener uses, stages connect and tls. */
export type ListenerRefusal =
  /** connect: too many of this source in a short time, or half-open at once */
  | 'rate'
  | 'half-open'
  /** it was the oldest of too many half-open connections */
  | 'crowded-out'
  /** not ready within the time for it */
  | 'deadline'
  /** it went by itself before it was ready */
  | 'closed'
  /** TLS failed: no common version or cipher, no TLS at all, a broken record */
  | 'tls';

/** A connection whose TLS stands. */
export interface Accepted {
  readonly socket: TLSSocket;
  readonly peer: Peer;
  readonly acceptedAt: Millis;
  /** the protocol that was agreed; null: none */
  readonly alpn: string | null;
  /** a source from which a known key came lately */
  readonly known: boolean;
  /** stage for a refusal that comes to a half-open connection from here on */
  stage: Stage;
  /** It is half-open no more: the deadline is lifted. */
  ready(): void;
  /** Tells of the refusal; closes it at the next whole second after the accept, so that nothing is learnt from when. */
  refuse(reason: string, more?: { readonly kid?: string; readonly account?: string; readonly alert?: boolean }): void;
}

export interface ListenerOptions {
  readonly address: string;
  readonly port: number;
  /** asked for each connection, so that a new certificate is used from the next one on; undefined: no name was sent */
  readonly context: (servername: string | undefined) => SecureContext;
  readonly protocols: readonly string[];
  readonly limits: ListenerLimits;
  readonly sources: Sources;
  readonly accepted: (connection: Accepted) => void;
  readonly refused: (refusal: Refusal) => void;
}

interface HalfOpen {
  readonly raw: Socket;
  readonly peer: Peer;
  readonly known: boolean;
  readonly acceptedAt: Millis;
  stage: Stage;
  socket: TLSSocket | null;
  timer: NodeJS.Timeout;
}

/**
 * TCP and TLS for strangers: limits before anything dear is done, TLS only when the first byte has come, a deadline for all
 * of it. What stands is handed on by its ALPN.
 */
export class Listener {
  readonly #options: ListenerOptions;
  readonly #server: Server;
  /** oldest first */
  readonly #halfOpen = new Set<HalfOpen>();

  private constructor(options: ListenerOptions) {
    this.#options = options;
    this.#server = createServer({ pauseOnConnect: false, noDelay: true }, (raw) => this.#connection(raw));
  }

  /** @throws PeerError where the address cannot be had */
  static async open(options: ListenerOptions): Promise<Listener> {
    const listener = new Listener(options);
    const { address, port } = options;
    await new Promise<void>((resolve, reject) => {
      listener.#server.once('error', (error) =>
        reject(new PeerError('peer-refused', `cannot listen on ${address}:${port}: ${error.message}`, false)),
      );
      listener.#server.listen({ host: address, port, backlog: 4_096 }, resolve);
    });
    return listener;
  }

  /** Where it listens: the port that was given, or that the system chose for 0. */
  get port(): number {
    const address = this.#server.address();
    return typeof address === 'object' && address !== null ? address.port : this.#options.port;
  }

  get halfOpen(): number {
    return this.#halfOpen.size;
  }

  /** Takes no more; what is half-open goes, what stands is its owner's. */
  close(): void {
    this.#server.close();
    for (const one of this.#halfOpen) this.#drop(one);
  }

  #connection(raw: Socket): void {
    raw.on('error', () => undefined); // told by 'close'
    const acceptedAt = Date.now();
    const { sources, limits } = this.#options;
    const peer = { address: canonicalAddress(raw.remoteAddress ?? '') ?? '', port: raw.remotePort ?? 0 };
    if (peer.address === '') {
      raw.destroy(); // gone already
      return;
    }
    const known = sources.isKnown(peer.address, acceptedAt);
    const admitted = sources.admit(peer.address, acceptedAt);
    if (admitted !== 'ok') {
      raw.destroy();
      this.#tell(peer, 'connect', admitted);
      return;
    }
    const one: HalfOpen = {
      raw,
      peer,
      known,
      acceptedAt,
      stage: 'tls',
      socket: null,
      timer: setTimeout(() => this.#fail(one, 'deadline'), limits.handshakeMs),
    };
    this.#halfOpen.add(one);
    raw.once('close', () => this.#fail(one, 'closed'));
    // a TLS engine is 30 times as large as a socket: nobody gets one for nothing
    raw.once('readable', () => this.#secure(one));
    if (this.#halfOpen.size > limits.halfOpen) this.#makeRoom();
  }

  #secure(one: HalfOpen): void {
    if (!this.#halfOpen.has(one)) return;
    const { context, protocols } = this.#options;
    const socket = new TLSSocket(one.raw, {
      isServer: true,
      secureContext: context(undefined),
      ALPNProtocols: [...protocols],
      SNICallback: (name, done) => done(null, context(name)),
    });
    one.socket = socket;
    socket.on('error', () => this.#fail(one, 'tls')); // later ones are told by 'close' of whoever has it then
    socket.once('secure', () => this.#secured(one, socket));
  }

  #secured(one: HalfOpen, socket: TLSSocket): void {
    if (!this.#halfOpen.has(one)) return;
    // Node's types know false alone for none; it is null where the client offered none
    const alpn = socket.alpnProtocol || null;
    const accepted: Accepted = {
      socket,
      peer: one.peer,
      acceptedAt: one.acceptedAt,
      alpn,
      known: one.known,
      get stage() {
        return one.stage;
      },
      set stage(stage) {
        one.stage = stage;
      },
      ready: () => this.#release(one),
      refuse: (reason, { alert = false, ...more } = {}) => {
        if (!this.#halfOpen.has(one)) return;
        socket.removeAllListeners('data').pause();
        this.#release(one);
        this.#tell(one.peer, one.stage, reason, { ...more, alert });
        const since = Date.now() - one.acceptedAt;
        setTimeout(() => socket.destroy(), SECOND - (since % SECOND));
      },
    };
    this.#options.accepted(accepted);
  }

  #makeRoom(): void {
    for (const one of this.#halfOpen)
      if (!one.known) {
        this.#fail(one, 'crowded-out');
        return;
      }
  }

  #release(one: HalfOpen): void {
    if (!this.#halfOpen.delete(one)) return;
    clearTimeout(one.timer);
    this.#options.sources.release(one.peer.address);
  }

  #drop(one: HalfOpen): void {
    this.#release(one);
    (one.socket ?? one.raw).destroy();
    one.raw.destroy();
  }

  #fail(one: HalfOpen, reason: ListenerRefusal): void {
    if (!this.#halfOpen.has(one)) return;
    this.#drop(one);
    this.#tell(one.peer, one.stage, reason);
  }

  #tell(
    peer: Peer,
    stage: Stage,
    reason: string,
    more: { readonly kid?: string; readonly account?: string; readonly alert?: boolean } = {},
  ): void {
    this.#options.refused({ at: Date.now(), peer, stage, reason, alert: false, ...more });
  }
}
