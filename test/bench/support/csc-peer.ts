/**
 * Either side of the CSC benchmark, in a process of its own: a gateway's listener (CSC, or TLS with client certificates, or
 * plain SIP over TLS), or the clients of one. Runs without a loader: imports node's modules alone.
 */
import { createHash } from 'node:crypto';
import { connect, createServer, type TLSSocket } from 'node:tls';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import type * as Client from '../../../src/gateway/csc-client.ts';
import type * as Server from '../../../src/gateway/csc-server.ts';
import type * as Tls from '../../../src/gateway/tls-session.ts';
import type * as PrivateKey from '../../../src/crypto/private-key.ts';
import type * as PublicKey from '../../../src/crypto/public-key.ts';
import type * as Context from '../../../src/crypto/tls-context.ts';
import type { Session, SessionHandler } from '../../../src/gateway/session.ts';

export interface Keys {
  readonly ca: string;
  readonly tlsKey: string;
  readonly tlsCertificate: string;
  readonly gateway: string;
  readonly client: string;
  readonly clientCertificate: string;
}

export type Kind = 'csc' | 'tls' | 'mutual';

export type Question =
  | { readonly ask: 'listen'; readonly kind: Kind; readonly keys: Keys; readonly busy: number }
  | { readonly ask: 'usage' }
  | { readonly ask: 'handshakes'; readonly kind: Kind; readonly keys: Keys; readonly port: number; readonly count: number; readonly atOnce: number } // prettier-ignore
  | {
      readonly ask: 'sessions';
      readonly kind: Kind;
      readonly keys: Keys;
      readonly port: number;
      readonly count: number;
    }
  | { readonly ask: 'messages'; readonly rounds: number; readonly message: string };

export interface Usage {
  /** µs of CPU since the last question of this kind */
  readonly cpu: number;
  readonly rss: number;
  readonly heap: number;
  readonly messages: number;
}

const [, , dist = ''] = process.argv;
const load = async <T>(file: string): Promise<T> => (await import(new URL(file, dist).href)) as T;
const { connectCsc } = await load<typeof Client>('gateway/csc-client.js');
const { CscServer } = await load<typeof Server>('gateway/csc-server.js');
const { startTlsSession } = await load<typeof Tls>('gateway/tls-session.js');
const { privateKeyFromPem, publicHalf } = await load<typeof PrivateKey>('crypto/private-key.js');
const { publicKeyFromSpki } = await load<typeof PublicKey>('crypto/public-key.js');
const { secureContextOf } = await load<typeof Context>('crypto/tls-context.js');

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

function keyOf(pem: string) {
  const read = privateKeyFromPem(pem);
  if (!read.ok) throw new Error(read.reason);
  return read.value;
}

let messages = 0;
const echo = (busy: number): SessionHandler => ({
  opened: () => undefined,
  message: (session, bytes) => {
    messages++;
    for (let i = 0; i < busy; i++) createHash('sha256').update(bytes).digest();
    session.send(bytes);
  },
  closed: () => undefined,
});

async function listen(kind: Kind, keys: Keys, busy: number): Promise<{ port: number }> {
  if (kind === 'mutual') {
    const server = createServer(
      { key: keys.tlsKey, cert: keys.tlsCertificate, ca: keys.ca, requestCert: true, rejectUnauthorized: true, minVersion: 'TLSv1.3' }, // prettier-ignore
      (socket) => {
        socket.on('error', () => undefined);
        socket.write('x');
      },
    );
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return { port: (server.address() as { port: number }).port };
  }
  const gateway = keyOf(keys.gateway);
  const client = publicHalf(keyOf(keys.client));
  const context = secureContextOf(keyOf(keys.tlsKey), keys.tlsCertificate, { minVersion: 'TLSv1.3' });
  const handler = echo(busy);
  const server = await CscServer.open({
    address: '127.0.0.1',
    port: 0,
    context: () => context,
    keys: {
      own: (kid) => (kid === gateway.kid ? gateway : undefined),
      known: (kid) => (kid === client.kid ? { account: '1004', key: client, state: 'good' } : undefined),
      decoy: client,
    },
    youngestKey: () => null,
    handler,
    refused: ({ stage, reason }) => {
      if (reason !== 'closed') console.error(`refused: ${stage} ${reason}`);
    },
    plain: (socket) =>
      void startTlsSession(socket, handler, {
        limits: { messageBytes: 65_536, headerBytes: 16_384 },
        refused: ({ reason }) => console.error(`refused: ${reason}`),
        now: () => Date.now(),
      }),
    limits: {
      stranger: { burst: 1e6, perSecond: 1e6 },
      known: { burst: 1e6, perSecond: 1e6 },
      halfOpenStranger: 1e6,
      halfOpenKnown: 1e6,
      sessionsOfKey: 1e6,
      waiting: 1e6,
    },
  });
  return { port: server.port };
}

/** One connection, ready for messages; `received` is told of whole ones. */
async function open(kind: Kind, keys: Keys, port: number, received: () => void): Promise<Session | TLSSocket> {
  if (kind === 'csc') {
    const gateway = publicKeyFromSpki(keyOf(keys.gateway).spki);
    if (!gateway.ok) throw new Error(gateway.reason);
    const handler: SessionHandler = { opened: () => undefined, message: received, closed: () => undefined };
    const own = { key: keyOf(keys.client), account: '1004', inst: crypto.getRandomValues(new Uint8Array(16)) };
    const { session } = await connectCsc({ host: '127.0.0.1', port, ca: [keys.ca], gateway: gateway.value, handler, withinMs: 60_000, ...own }); // prettier-ignore
    return session;
  }
  const mine = kind === 'mutual' ? { key: keys.client, cert: keys.clientCertificate } : { ALPNProtocols: ['sip/2'] };
  const socket = connect({ host: '127.0.0.1', port, ca: keys.ca, minVersion: 'TLSv1.3', ...mine });
  socket.setNoDelay(true);
  // a server that wants a certificate says so after the client thinks that all is done: its first byte tells
  await new Promise<void>((resolve, reject) => {
    socket.once('error', reject);
    if (kind === 'mutual') socket.once('data', () => resolve());
    else socket.once('secureConnect', resolve);
  });
  socket.on('data', received);
  return socket;
}

let sessions: (Session | TLSSocket)[] = [];
let received = 0;
let wake = (): void => undefined;

async function handshakes(kind: Kind, keys: Keys, port: number, count: number, atOnce: number): Promise<object> {
  let left = count;
  const began = performance.now();
  await Promise.all(
    Array.from({ length: atOnce }, async () => {
      while (left-- > 0) {
        const one = await open(kind, keys, port, () => undefined);
        if ('cut' in one) (one as unknown as { cut: (reason: string) => void }).cut('shutdown');
        else if ('destroy' in one) one.destroy();
      }
    }),
  );
  return { ms: performance.now() - began };
}

async function openAll(kind: Kind, keys: Keys, port: number, count: number): Promise<object> {
  for (const one of sessions) if ('destroy' in one) one.destroy();
    else one.close('shutdown'); // prettier-ignore
  sessions = [];
  const told = (): void => {
    if (++received === sessions.length) wake();
  };
  while (sessions.length < count)
    sessions.push(...(await Promise.all(Array.from({ length: Math.min(20, count - sessions.length) }, () => open(kind, keys, port, told))))); // prettier-ignore
  return {};
}

/** One message on each session, all answers, and again. */
async function send(rounds: number, message: string): Promise<object> {
  const bytes = Buffer.from(message, 'latin1');
  const began = performance.now();
  for (let round = 0; round < rounds; round++) {
    received = 0;
    const all = new Promise<void>((resolve) => (wake = resolve));
    for (const one of sessions)
      if ('destroy' in one) one.write(bytes);
      else one.send(bytes);
    await all;
  }
  return { ms: performance.now() - began };
}

let last = process.cpuUsage();
function usage(): Usage {
  const { user, system } = process.cpuUsage(last);
  collect();
  collect();
  last = process.cpuUsage();
  const { rss, heapUsed, external } = process.memoryUsage();
  return { cpu: user + system, rss, heap: heapUsed + external, messages };
}

process.on('disconnect', () => process.exit(0));
process.on('message', (question: Question) => {
  const answer = async (): Promise<object> => {
    switch (question.ask) {
      case 'listen':
        return listen(question.kind, question.keys, question.busy);
      case 'usage':
        return usage();
      case 'handshakes':
        return handshakes(question.kind, question.keys, question.port, question.count, question.atOnce);
      case 'sessions':
        return openAll(question.kind, question.keys, question.port, question.count);
      case 'messages':
        return send(question.rounds, question.message);
    }
  };
  void answer().then((value) => process.send?.(value));
});
