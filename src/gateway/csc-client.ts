import { randomBytes } from 'node:crypto';
import { connect as connectTls, type TLSSocket } from 'node:tls';
import { isIP } from 'node:net';
import { canonicalAddress } from '../address.ts';
import { Channel, type GatewayKey } from '../crypto/csc/channel.ts';
import { ClientHandshake, type ClientSide, type GatewayProven } from '../crypto/csc/client.ts';
import { draw } from '../crypto/csc/handshake.ts';
import { messageOf, PeerError } from '../errors.ts';
import type { Millis } from '../model.ts';
import { SECOND } from '../time.ts';
import { driveHandshake, type HandshakeEnd, type PrivateWork } from './csc-drive.ts';
import { CSC_PROTOCOL, exporterOf } from './csc-server.ts';
import { CscSession } from './csc-session.ts';
import { HANDSHAKE_WITHIN } from './listener.ts';
import type { SessionHandler } from './session.ts';

/** An instance of a program, for `inst`: made once and kept. */
export const newInstance = (): Uint8Array => new Uint8Array(randomBytes(16));

export interface CscClientOptions extends ClientSide {
  readonly host: string;
  readonly port: number;
  /** name that its certificate must carry; default: host */
  readonly servername?: string;
  /** certificates (PEM) of the CAs that may have issued the gateway's TLS certificate; default: those of the system */
  readonly ca?: readonly string[];
  /** `opened` is called with `inherits` undefined: a client knows its own sessions */
  readonly handler: SessionHandler;
  /** answers `CscSession.askKey` */
  readonly keyTold?: (key: GatewayKey) => void;
  /** for connect, TLS and handshake together */
  readonly withinMs?: Millis;
  readonly signal?: AbortSignal;
}

export interface CscConnection {
  readonly session: CscSession;
  /** the gateway's clock minus ours, ms, at the end of the handshake */
  readonly clockOffset: Millis;
}

let sessionNumber = 0;

/**
 * Connects to a gateway and proves both sides. The handler's `opened` comes before this resolves.
 *
 * @throws PeerError: `peer-unreachable`, `peer-closed`, `peer-timeout` (retryable); `peer-refused`: a certificate that is not
 * good, no TLS 1.3 or no csc/1, another key than the pinned one (not retryable: to be looked at)
 */
export async function connectCsc(options: CscClientOptions): Promise<CscConnection> {
  const { host, port, withinMs = HANDSHAKE_WITHIN, signal } = options;
  const where = `${host}:${port}`;
  signal?.throwIfAborted();
  const servername = options.servername ?? host;
  const socket = connectTls({
    host,
    port,
    minVersion: 'TLSv1.3',
    ALPNProtocols: [CSC_PROTOCOL],
    ...(isIP(servername) === 0 ? { servername } : {}),
    ...(options.ca === undefined ? {} : { ca: [...options.ca] }),
    rejectUnauthorized: true,
  });
  socket.setNoDelay(true);
  let named = false;
  const late = new PeerError('peer-timeout', `${where} did not finish the handshake in ${withinMs} ms`, true);
  const timer = setTimeout(() => socket.destroy(late), withinMs);
  const aborted = (): void => void socket.destroy(new Error('aborted'));
  signal?.addEventListener('abort', aborted, { once: true });
  try {
    return await new Promise<CscConnection>((resolve, reject) => {
      socket.on('error', (error: Error) => reject(error === late ? late : ofTls(error, where)));
      socket.once('close', () => {
        const why = named ? ' when it had seen who we are: the key may be unknown or revoked there' : '';
        reject(new PeerError('peer-closed', `${where} closed the connection${why}`, true));
      });
      socket.once('secureConnect', () => {
        if (socket.alpnProtocol !== CSC_PROTOCOL) {
          reject(new PeerError('peer-refused', `${where} does not speak ${CSC_PROTOCOL}: not a gateway`, false));
          return;
        }
        shake(
          socket,
          options,
          () => (named = true),
          (end) => {
            if (end.kind === 'established') resolve(established(socket, options, end));
            else reject(ofEnd(end, where));
          },
        );
      });
    });
  } catch (error) {
    socket.destroy();
    signal?.throwIfAborted();
    throw error;
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener('abort', aborted);
  }
}

function shake(
  socket: TLSSocket,
  side: ClientSide,
  named: () => void,
  ended: (end: HandshakeEnd<GatewayProven>) => void,
): void {
  const machine = new ClientHandshake(exporterOf(socket), side, draw());
  const work: PrivateWork = {
    sign: (key, data) => {
      named();
      return key.signPssAsync(data);
    },
    unwrap: (key, wrapped, label) => key.decryptOaepAsync(wrapped, label),
  };
  driveHandshake(socket, machine, work, machine.start(), ended);
}

function established(socket: TLSSocket, options: CscClientOptions, end: GatewayProven): CscConnection {
  const { handler, gateway, keyTold } = options;
  const now = Date.now();
  const facts = {
    id: `csc-client-${++sessionNumber}`,
    account: undefined,
    kid: gateway.kid,
    inst: undefined,
    peer: { address: canonicalAddress(socket.remoteAddress ?? '') ?? '', port: socket.remotePort ?? options.port },
    establishedAt: now,
  };
  const ticker = setInterval(() => session.tick(Date.now()), SECOND);
  const session = new CscSession(socket, new Channel('client', end, now), facts, {
    confirmed: () => undefined,
    message: (bytes) => handler.message(session, bytes),
    ...(keyTold === undefined ? {} : { keyTold }),
    over: (reason, cut) => {
      clearInterval(ticker);
      handler.closed(session, reason, cut);
    },
  });
  handler.opened(session, undefined);
  session.start();
  return { session, clockOffset: end.now - now };
}

function ofEnd(end: Exclude<HandshakeEnd<GatewayProven>, GatewayProven>, where: string): PeerError {
  if (end.kind === 'failed') return new PeerError('peer-protocol', `own key: ${messageOf(end.error)}`, false);
  const said = {
    gateway: 'it has another key than the one that is pinned',
    proof: 'it cannot prove that it holds the pinned key: somebody else answers in its place, or its key was changed',
  } as Partial<Record<string, string>>;
  const reason = said[end.reason] ?? `what it says is no handshake (${end.reason})`;
  return new PeerError('peer-refused', `${where} is not this gateway: ${reason}`, false);
}

/** Which failures a second try may mend: those of the network and its names, not those of TLS and its certificates. */
function ofTls(error: Error & { readonly code?: string; readonly syscall?: string }, where: string): PeerError {
  const because = { cause: error };
  if (error.code === 'ECONNRESET') return new PeerError('peer-closed', `${where}: ${error.message}`, true, because);
  if (error.syscall !== undefined)
    return new PeerError('peer-unreachable', `${where}: ${error.message}`, true, because);
  return new PeerError('peer-refused', `${where}: TLS: ${error.message}`, false, because);
}
