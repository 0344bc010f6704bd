/** A gateway and its clients on the loopback, with keys of the run. */
import { randomBytes } from 'node:crypto';
import type { Socket } from 'node:net';
import { connect, type ConnectionOptions, type SecureContext, type TLSSocket } from 'node:tls';
import { Channel } from '../../src/crypto/csc/channel.ts';
import { ClientHandshake, type ClientSide, type GatewayProven } from '../../src/crypto/csc/client.ts';
import { draw } from '../../src/crypto/csc/handshake.ts';
import type { GatewayKeys, KnownKey } from '../../src/crypto/csc/server.ts';
import { issueCertificate } from '../../src/crypto/issue.ts';
import { publicHalf, type PrivateKeyHandle } from '../../src/crypto/private-key.ts';
import { secureContextOf } from '../../src/crypto/tls-context.ts';
import { connectCsc, type CscClientOptions, type CscConnection } from '../../src/gateway/csc-client.ts';
import { driveHandshake } from '../../src/gateway/csc-drive.ts';
import { CSC_PROTOCOL, CscServer, exporterOf, type CscServerOptions } from '../../src/gateway/csc-server.ts';
import type { CloseReason, Refusal, Session, SessionHandler } from '../../src/gateway/session.ts';
import { pem, testAuthority, testKey } from './keys.ts';

/** What a handler was told, in order. */
export class Heard implements SessionHandler {
  readonly sessions: Session[] = [];
  readonly messages: string[] = [];
  readonly events: string[] = [];
  onMessage: (session: Session, bytes: Buffer) => void = () => undefined;

  opened(session: Session, inherits: string | undefined): void {
    this.sessions.push(session);
    this.events.push(`opened ${session.account ?? '-'}${inherits === undefined ? '' : ' inherits'}`);
  }

  message(session: Session, bytes: Buffer): void {
    this.messages.push(bytes.toString('latin1'));
    this.onMessage(session, bytes);
  }

  closed(_: Session, reason: CloseReason, cut: boolean): void {
    this.events.push(`closed ${reason}${cut ? ' cut' : ''}`);
  }
}

/** Waits until something holds; fails with `what` when it does not in time. */
export async function until(what: string, holds: () => boolean, ms = 8_000): Promise<void> {
  const end = Date.now() + ms;
  while (!holds()) {
    if (Date.now() > end) throw new Error(`not within ${ms} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

/** TLS of the gateway: issued by the CA of the run, for 127.0.0.1. */
export function tlsContext(
  key = testKey('gateway-tls'),
  ca = testAuthority(),
  minVersion: 'TLSv1.2' | 'TLSv1.3' = 'TLSv1.3',
): SecureContext {
  const now = Date.now();
  const { der } = issueCertificate(ca, {
    use: 'gateway-tls',
    account: '',
    domain: 'example.com',
    host: '127.0.0.1',
    spki: key.spki,
    notBefore: now - 60_000,
    notAfter: now + 86_400_000,
  });
  return secureContextOf(key, pem('CERTIFICATE', der), { minVersion });
}

/** Keys as a gateway knows them, which tests change as they go. */
export class TestKeys implements GatewayKeys {
  readonly gateway: PrivateKeyHandle = testKey('gateway');
  readonly decoy = publicHalf(testKey('decoy'));
  readonly accounts = new Map<string, KnownKey>();

  add(account: string, key: PrivateKeyHandle, state: KnownKey['state'] = 'good'): void {
    this.accounts.set(key.kid, { account, key: publicHalf(key), state });
  }

  own(kid: string): PrivateKeyHandle | undefined {
    return kid === this.gateway.kid ? this.gateway : undefined;
  }

  known(kid: string): KnownKey | undefined {
    return this.accounts.get(kid);
  }
}

export interface TestGateway {
  readonly server: CscServer;
  readonly keys: TestKeys;
  readonly heard: Heard;
  readonly refusals: Refusal[];
  /** "stage reason" of each */
  readonly refused: () => string[];
}

/** Where to connect, and whose key to expect there. */
export interface At {
  readonly server: { readonly port: number };
  readonly keys: TestKeys;
}

/** A gateway that knows 1004 (key `phone`), on a free port of 127.0.0.1. */
export async function testGateway(more: Partial<CscServerOptions> = {}): Promise<TestGateway> {
  const keys = new TestKeys();
  keys.add('1004', testKey('phone'));
  const heard = new Heard();
  const refusals: Refusal[] = [];
  const context = tlsContext();
  const server = await CscServer.open({
    address: '127.0.0.1',
    port: 0,
    context: () => context,
    keys,
    youngestKey: () => ({
      kid: Buffer.from(keys.gateway.kid, 'base64url'),
      spki: keys.gateway.spki,
      crl: Buffer.from('crl'),
    }),
    handler: heard,
    refused: (refusal) => refusals.push(refusal),
    ...more,
  });
  return { server, keys, heard, refusals, refused: () => refusals.map(({ stage, reason }) => `${stage} ${reason}`) };
}

/** Connects 1004 to it, unless told otherwise. */
export const connectTo = (
  { server, keys }: At,
  handler: SessionHandler = new Heard(),
  more: Partial<CscClientOptions> = {},
): Promise<CscConnection> =>
  connectCsc({
    host: '127.0.0.1',
    port: server.port,
    ca: [pem('CERTIFICATE', testAuthority().certificate)],
    gateway: publicHalf(keys.gateway),
    key: testKey('phone'),
    account: '1004',
    inst: randomBytes(16),
    handler,
    ...more,
  });

export const OPTIONS = Buffer.from('OPTIONS sip:example.com SIP/2.0\r\nContent-Length: 0\r\n\r\n');

/** TLS to the gateway, as csc/1; whatever comes then is the test's to send. */
export const tlsTo = (
  port: number,
  more: ConnectionOptions = {},
  keylog?: (line: Buffer) => void,
): Promise<TLSSocket> =>
  new Promise((resolve, reject) => {
    const socket = connect(
      {
        host: '127.0.0.1',
        port,
        ca: pem('CERTIFICATE', testAuthority().certificate),
        ALPNProtocols: [CSC_PROTOCOL],
        ...more,
      },
      () => resolve(socket),
    );
    if (keylog !== undefined) socket.on('keylog', keylog);
    socket.on('error', reject);
  });

/** A client that has the keys and says then what the test wants, right or wrong. */
export async function bareClient(
  gateway: At,
  more: Partial<ClientSide> = {},
  keylog?: (line: Buffer) => void,
  tls: ConnectionOptions = {},
): Promise<{ readonly socket: TLSSocket; readonly ends: GatewayProven; readonly channel: Channel }> {
  const socket = await tlsTo(gateway.server.port, tls, keylog);
  const side = { gateway: publicHalf(gateway.keys.gateway), key: testKey('phone'), account: '1004', inst: randomBytes(16), ...more }; // prettier-ignore
  const machine = new ClientHandshake(exporterOf(socket), side, draw());
  const ends = await new Promise<GatewayProven>((resolve, reject) => {
    const work = {
      sign: (key: PrivateKeyHandle, data: Uint8Array) => key.signPssAsync(data),
      unwrap: (key: PrivateKeyHandle, wrapped: Uint8Array, label: Uint8Array) => key.decryptOaepAsync(wrapped, label),
    };
    socket.once('close', () => reject(new Error('closed in the handshake')));
    driveHandshake<GatewayProven>(socket, machine, work, machine.start(), (end) =>
      end.kind === 'established' ? resolve(end) : reject(new Error(`handshake: ${JSON.stringify(end)}`)),
    );
  });
  socket.resume();
  return { socket, ends, channel: new Channel('client', ends, Date.now()) };
}

/** Resolves when the socket has closed, with the time that took. */
export const closed = (socket: Socket): Promise<number> => {
  const began = Date.now();
  return new Promise((resolve) => {
    if (socket.closed) resolve(0);
    else socket.once('close', () => resolve(Date.now() - began));
    socket.resume();
  });
};
