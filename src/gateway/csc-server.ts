import type { SecureContext, TLSSocket } from 'node:tls';
import { Channel, type ChannelFault, type GatewayKey } from '../crypto/csc/channel.ts';
import { FrameReader, frame, HANDSHAKE_BOUNDS } from '../crypto/csc/frames.ts';
import { draw } from '../crypto/csc/handshake.ts';
import { EXPORTER } from '../crypto/csc/schedule.ts';
import { ServerHandshake, type ClientProven, type GatewayKeys } from '../crypto/csc/server.ts';
import { ENROLMENT_PROTOCOL, FRAME } from '../crypto/enrolment.ts';
import { RingfenceError } from '../errors.ts';
import type { Millis } from '../model.ts';
import { DAY, SECOND } from '../time.ts';
import { BoundedMap } from '../windows.ts';
import { driveHandshake, type HandshakeEnd, type PrivateWork } from './csc-drive.ts';
import { CscSession } from './csc-session.ts';
import { HANDSHAKE_WITHIN, Listener, type Accepted, type ListenerLimits } from './listener.ts';
import type { CloseReason, Peer, Refusal, SessionHandler } from './session.ts';
import { SOURCE_LIMITS, Sources } from './sources.ts';
import { Busy, WorkQueue } from './work-queue.ts';

/** ALPN of CSC/1. */
export const CSC_PROTOCOL = 'csc/1';
/** ALPN of SIP over TLS (RFC 7118 has only WebSocket's; IANA's registry: sip/2, RFC 3261). */
export const SIP_PROTOCOL = 'sip/2';

export interface CscLimits extends ListenerLimits {
  /** sessions at a time; those who knock then are refused */
  readonly sessions: number;
  /** of one key; the oldest makes room */
  readonly sessionsOfKey: number;
  /** signatures at a time, each a thread of libuv's pool */
  readonly signers: number;
  /** signatures that may wait, of known sources and of strangers each */
  readonly waiting: number;
}

export const CSC_LIMITS: CscLimits = {
  ...SOURCE_LIMITS,
  halfOpen: 4_096,
  handshakeMs: HANDSHAKE_WITHIN,
  sessions: 20_000,
  sessionsOfKey: 16,
  signers: 2,
  waiting: 256,
};

/** What an agent's request (frame 0x21) comes to: answerEnrolment of src/commands/keys/enrolling.ts has this shape. */
export type EnrolmentResult =
  | { readonly ok: true; readonly answer: Uint8Array }
  | { readonly ok: false; readonly reason: string; readonly account: string; readonly alert: boolean };

export interface CscServerOptions {
  readonly address: string;
  readonly port: number;
  /** asked for each connection; `undefined`: the client named no host. TLS 1.3 alone, unless `plain` wants 1.2 too */
  readonly context: (servername: string | undefined) => SecureContext;
  readonly keys: GatewayKeys;
  /** what an agent is told that asks for the gateway's key; null: nothing can be told */
  readonly youngestKey: () => GatewayKey | null;
  readonly handler: SessionHandler;
  readonly refused: (refusal: Refusal) => void;
  /** plain SIP over TLS (ALPN sip/2 or none); without it such connections are refused. Its deadlines are its own */
  readonly plain?: (socket: TLSSocket, peer: Peer) => void;
  /** without it nobody can enrol here */
  readonly enrol?: (
    payload: Uint8Array,
    exporter: Uint8Array,
    peer: Peer,
  ) => EnrolmentResult | Promise<EnrolmentResult>;
  /** shared by the listeners of one gateway */
  readonly instances?: Instances;
  readonly limits?: Partial<CscLimits>;
}

interface Last {
  readonly id: string;
  session: CscSession | null;
  endedAt: Millis;
}

/** Sessions whose registrations a successor may inherit. */
const MOST_REMEMBERED = 65_536;

/** The last session of each key and instance: one for all listeners of a gateway, for a phone may come back by another. */
export class Instances {
  readonly #last = new BoundedMap<Last>(MOST_REMEMBERED);

  /** @returns the one before, if it lives or has ended within a day */
  follow(session: CscSession): Last | undefined {
    const before = this.#last.get(instanceOf(session));
    this.#last.set(instanceOf(session), { id: session.id, session, endedAt: Infinity });
    return before !== undefined && session.establishedAt - before.endedAt < DAY ? before : undefined;
  }

  ended(session: CscSession): void {
    const last = this.#last.peek(instanceOf(session));
    if (last?.session === session) Object.assign(last, { session: null, endedAt: Date.now() });
  }
}
/** An answer to an enrolment has this long to leave. */
const ENROLLED_WITHIN: Millis = 5 * SECOND;

let sessionNumber = 0;

/**
 * The gateway's CSC side: listens, shakes hands, keeps sessions.
 *
 * Reasons of its refusals: those of the listener (stages connect, tls), of the handshake (HandshakeRefusal; stages hello,
 * auth), `tls-version`, `protocol` (ALPN), `busy`, `full`; stage enrolment: its own, `type`, `length`; stage session:
 * `type`, `length`, `tag`, `malformed`, `unasked`, `stuck`, `revoked`.
 */
export class CscServer {
  readonly #options: CscServerOptions;
  readonly #limits: CscLimits;
  readonly #sources: Sources;
  readonly #queue: WorkQueue;
  #listener: Listener | null = null;
  readonly #sessions = new Set<CscSession>();
  /** of each key, oldest first; also those that are not confirmed yet */
  readonly #byKid = new Map<string, Set<CscSession>>();
  readonly #instances: Instances;
  #ticker: NodeJS.Timeout | null = null;
  #drained: (() => void) | null = null;

  private constructor(options: CscServerOptions) {
    this.#options = options;
    this.#limits = { ...CSC_LIMITS, ...options.limits };
    this.#sources = new Sources(this.#limits);
    this.#instances = options.instances ?? new Instances();
    this.#queue = new WorkQueue(this.#limits.signers, this.#limits.waiting);
  }

  /** @throws PeerError where the address cannot be had */
  static async open(options: CscServerOptions): Promise<CscServer> {
    const server = new CscServer(options);
    server.#listener = await Listener.open({
      address: options.address,
      port: options.port,
      context: options.context,
      protocols: [
        CSC_PROTOCOL,
        ...(options.enrol === undefined ? [] : [ENROLMENT_PROTOCOL]),
        ...(options.plain === undefined ? [] : [SIP_PROTOCOL]),
      ],
      limits: server.#limits,
      sources: server.#sources,
      accepted: (connection) => server.#accept(connection),
      refused: options.refused,
    });
    server.#ticker = setInterval(() => server.#tick(Date.now()), SECOND);
    return server;
  }

  get port(): number {
    return this.#listener?.port ?? this.#options.port;
  }

  /** For metrics. */
  get counts(): { readonly sessions: number; readonly halfOpen: number; readonly signaturesWaiting: number } {
    return {
      sessions: this.#sessions.size,
      halfOpen: this.#listener?.halfOpen ?? 0,
      signaturesWaiting: this.#queue.waiting,
    };
  }

  /** A key is good no more: its sessions end at once. */
  revoked(kid: string, reason: 'revoked' | 'expired' = 'revoked'): void {
    for (const session of [...(this.#byKid.get(kid) ?? [])]) {
      session.cut(reason);
      if (reason === 'revoked') this.#tell(session, reason, true);
    }
  }

  /** Takes no more connections and closes the sessions in order; done when the last has ended. */
  async close(): Promise<void> {
    this.#listener?.close();
    const drained = new Promise<void>((resolve) => {
      this.#drained = resolve;
    });
    for (const session of [...this.#sessions]) session.close('shutdown');
    if (this.#sessions.size > 0) await drained;
    if (this.#ticker !== null) clearInterval(this.#ticker);
  }

  #tick(now: Millis): void {
    for (const session of this.#sessions) session.tick(now);
  }

  #accept(connection: Accepted): void {
    const { alpn, socket, peer } = connection;
    const { plain, enrol } = this.#options;
    if (alpn === null || alpn === SIP_PROTOCOL) {
      if (plain === undefined) connection.refuse('protocol');
      else {
        connection.ready();
        plain(socket, peer);
      }
      return;
    }
    // the exporter of TLS 1.2 is not bound to the whole handshake (RFC 7627, 1)
    if (socket.getProtocol() !== 'TLSv1.3') connection.refuse('tls-version');
    else if (alpn === CSC_PROTOCOL) this.#handshake(connection);
    else if (enrol !== undefined) this.#enrol(connection, enrol);
  }

  #handshake(connection: Accepted): void {
    const { socket, known } = connection;
    const machine = new ServerHandshake(exporterOf(socket), this.#options.keys, draw());
    connection.stage = 'hello';
    const noted = <T>(steps: T): T => {
      connection.stage = machine.stage;
      return steps;
    };
    const work: PrivateWork = {
      sign: (key, data) =>
        this.#queue.run(
          known,
          () => key.signPssAsync(data),
          () => socket.destroyed,
        ),
      unwrap: () => Promise.reject(new TypeError('the gateway opens nothing here')),
    };
    driveHandshake<ClientProven>(
      socket,
      {
        receive: (chunk) => noted(machine.receive(chunk, Date.now())),
        signed: (signature) => noted(machine.signed(signature, Date.now())),
        unwrapped: () => [],
      },
      work,
      [],
      (end) => this.#shaken(connection, end),
    );
  }

  #shaken(connection: Accepted, end: HandshakeEnd<ClientProven>): void {
    if (end.kind === 'failed') {
      if (!(end.error instanceof Busy)) throw end.error; // a key that cannot sign is a bug
      connection.refuse('busy');
      return;
    }
    if (end.kind === 'refused') {
      const { reason, kid, account } = end;
      // whoever names a key and does not hold it, or holds one that is good no more, is to be looked at
      const alert = kid !== undefined && reason !== 'expired-key';
      connection.refuse(reason, {
        ...(kid === undefined ? {} : { kid }),
        ...(account === undefined ? {} : { account }),
        alert,
      });
      return;
    }
    if (this.#sessions.size >= this.#limits.sessions) {
      connection.refuse('full', { kid: end.kid, account: end.account, alert: true });
      return;
    }
    this.#establish(connection, end);
  }

  #establish(connection: Accepted, end: ClientProven): void {
    const { peer, socket } = connection;
    const now = Date.now();
    this.#sources.proven(peer.address, now);
    const { account, kid, inst } = end;
    const facts = { id: `csc-${++sessionNumber}`, account, kid, inst, peer, establishedAt: now };
    let opened = false;
    const session = new CscSession(socket, new Channel('gateway', end, now), facts, {
      confirmed: () => {
        connection.ready();
        opened = true;
        this.#opened(session);
      },
      message: (bytes) => this.#options.handler.message(session, bytes),
      gatewayKey: () => this.#options.youngestKey(),
      over: (reason, cut, fault) => {
        connection.ready();
        this.#over(session, reason, fault);
        if (opened) this.#options.handler.closed(session, reason, cut);
      },
    });
    this.#sessions.add(session);
    this.#byKid.set(kid, (this.#byKid.get(kid) ?? new Set()).add(session));
    session.start();
  }

  #opened(session: CscSession): void {
    const before = this.#instances.follow(session);
    this.#options.handler.opened(session, before?.id);
    before?.session?.close('replaced');
    const ofKey = this.#byKid.get(session.kid);
    const [oldest] = ofKey ?? [];
    if ((ofKey?.size ?? 0) > this.#limits.sessionsOfKey && oldest !== session) oldest?.close('replaced');
  }

  #over(session: CscSession, reason: CloseReason, fault: ChannelFault | undefined): void {
    this.#sessions.delete(session);
    const ofKey = this.#byKid.get(session.kid);
    ofKey?.delete(session);
    if (ofKey?.size === 0) this.#byKid.delete(session.kid);
    this.#instances.ended(session);
    if (fault !== undefined) this.#tell(session, fault, true);
    else if (reason === 'stuck') this.#tell(session, reason, false);
    if (this.#sessions.size === 0) this.#drained?.();
  }

  #tell(session: CscSession, reason: string, alert: boolean): void {
    const { peer, kid, account = '', id } = session;
    this.#options.refused({ at: Date.now(), peer, stage: 'session', reason, kid, account, alert, session: id });
  }

  /** One frame 0x21, one answer. */
  #enrol(connection: Accepted, enrol: NonNullable<CscServerOptions['enrol']>): void {
    const { socket } = connection;
    const reader = new FrameReader();
    connection.stage = 'enrolment';
    socket.on('data', (chunk: Buffer) => {
      reader.push(chunk);
      const request = reader.next((type) => type === FRAME.request, HANDSHAKE_BOUNDS);
      if (request === null) return;
      if ('ok' in request) {
        connection.refuse(request.reason);
        return;
      }
      socket.removeAllListeners('data').pause();
      void this.#answer(connection, request.payload, enrol);
    });
    socket.resume();
  }

  async #answer(
    connection: Accepted,
    payload: Uint8Array,
    enrol: NonNullable<CscServerOptions['enrol']>,
  ): Promise<void> {
    const { socket, peer } = connection;
    let result: EnrolmentResult;
    try {
      result = await enrol(payload, exporterOf(socket), peer);
    } catch (error) {
      // a store that is locked or full; anything else is a bug
      if (!(error instanceof RingfenceError)) throw error;
      result = { ok: false, reason: error.code, account: '', alert: true };
    }
    if (!result.ok) {
      const { reason, account, alert } = result;
      connection.refuse(reason, { alert, ...(account === '' ? {} : { account }) });
      return;
    }
    this.#sources.proven(peer.address, Date.now());
    connection.ready();
    socket.end(frame(FRAME.answer, result.answer));
    setTimeout(() => socket.destroy(), ENROLLED_WITHIN).unref();
  }
}

const instanceOf = ({ kid, inst }: CscSession): string => `${kid} ${inst ?? ''}`;

/** 32 bytes that only the two ends of this TLS connection know (RFC 8446, 7.5). */
export const exporterOf = (socket: TLSSocket): Buffer =>
  socket.exportKeyingMaterial(EXPORTER.bytes, EXPORTER.label, Buffer.alloc(0));
