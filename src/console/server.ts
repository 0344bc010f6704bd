import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { isIP, type AddressInfo, type Socket } from 'node:net';
import { canonicalAddress, CidrSet } from '../address.ts';
import type { Counters } from '../counters.ts';
import { messageOf, RingfenceError } from '../errors.ts';
import type { Log } from '../log.ts';
import { SECOND } from '../time.ts';
import { isLoopback, parsePlace } from './options.ts';

/** What a page answers. Texts are ours: nothing of the request is ever told back. */
export interface Page {
  readonly status: number;
  readonly type: string;
  readonly body: string;
}

export interface PagesOptions {
  /** `127.0.0.1:8089` */
  readonly listen: string;
  /** who may ask beside this machine; null: nobody */
  readonly allow: readonly string[] | null;
  /** path -> its page; it must be cheap, whoever asks how often */
  readonly pages: ReadonlyMap<string, () => Page | Promise<Page>>;
  /** what answers every other path, by whatever method; null: nothing does */
  readonly app?: ((request: IncomingMessage, response: ServerResponse) => Promise<void>) | undefined;
  /** host names by which it may be called beside its addresses and localhost; with `app` any other is refused */
  readonly names?: readonly string[];
  /** PEM texts; absent: no TLS */
  readonly tls?: { readonly cert: string; readonly key: string } | undefined;
  readonly counters: Counters;
  readonly log: Log;
}

export interface PagesServer {
  readonly address: string;
  readonly port: number;
  close(): Promise<void>;
}

const CONNECTIONS = 32;
/** A browser opens six, of which one is open for as long as its page is. */
const CONNECTIONS_OF_APP = 256;
const REQUESTS_A_CONNECTION = 1_000;
const HEADER_BYTES = 8 * 1024;
const URL_LENGTH = 256;
const URL_LENGTH_OF_APP = 2_048;
const HEADERS_WITHIN = 3 * SECOND;
/** Whoever reads or writes nothing for so long is sent away. */
const IDLE = 15 * SECOND;

const text = (status: number, body: string): Page => ({ status, type: 'text/plain; charset=utf-8', body });

/**
 * A small HTTP/1.1 server: few connections, short waits, little that it takes. Its pages are read and nothing else: GET alone,
 * no bodies; what else is asked for goes to `app`, where there is one. On loopback, and with `app`, it answers only those who
 * call it by an address, `localhost` or a name of the settings: a web page in somebody's browser that had its own name turned
 * to this address (DNS rebinding) does not.
 * @throws RingfenceError config-invalid when it cannot listen there
 */
export async function servePages(options: PagesOptions): Promise<PagesServer> {
  const { counters, log, pages } = options;
  const place = parsePlace(options.listen);
  if (place === null) throw new RingfenceError('config-invalid', `"${options.listen}" is no address to listen on`);
  const allow = options.allow === null ? null : new CidrSet(options.allow);
  const { app, tls } = options;
  const named = app !== undefined || isLoopback(place.address);
  const names = new Set((options.names ?? []).map((name) => name.toLowerCase()));
  const limits = {
    maxHeaderSize: HEADER_BYTES,
    headersTimeout: HEADERS_WITHIN,
    requestTimeout: HEADERS_WITHIN,
    keepAliveTimeout: IDLE,
    connectionsCheckingInterval: SECOND,
    requireHostHeader: true,
  };
  const server =
    tls === undefined
      ? createServer(limits)
      : createTlsServer({ ...limits, ...tls, minVersion: 'TLSv1.2', handshakeTimeout: HEADERS_WITHIN });
  server.maxConnections = app === undefined ? CONNECTIONS : CONNECTIONS_OF_APP;
  server.maxRequestsPerSocket = REQUESTS_A_CONNECTION;
  server.setTimeout(IDLE, (socket) => socket.destroy());
  server.on('connection', (socket: Socket) => {
    const from = canonicalAddress(socket.remoteAddress ?? '') ?? '';
    if (isLoopback(from) || allow?.has(from) === true) return;
    counters.add('console.refused.source');
    socket.destroy();
  });
  server.on('tlsClientError', (_error, socket: Socket) => {
    counters.add('console.refused.handshake');
    socket.destroy();
  });
  server.on('drop', () => counters.add('console.refused.connection'));
  server.on('clientError', (_error, socket) => {
    counters.add('console.refused.malformed');
    if (socket.writable) socket.end('HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: 0\r\n\r\n');
    else socket.destroy();
  });
  for (const event of ['upgrade', 'connect'] as const)
    server.on(event, (_request: IncomingMessage, socket: Socket) => {
      counters.add('console.refused.request');
      socket.destroy();
    });
  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    if (app !== undefined && isForApp(request, pages)) {
      if (isOwnName(request.headers.host ?? '', names) && (request.url ?? '').length <= URL_LENGTH_OF_APP) {
        counters.add('console.answered');
        await app(request, response);
        return;
      }
    }
    const page = await pageFor(request, pages, named ? names : null);
    counters.add(page.status < 400 || page.status === 503 ? 'console.answered' : 'console.refused.request');
    send(request, response, page);
  };
  for (const event of ['request', 'checkContinue', 'checkExpectation'] as const)
    server.on(event, (request: IncomingMessage, response: ServerResponse) => {
      answer(request, response).catch((error: unknown) => {
        log.error(`a page of the console failed: ${messageOf(error)}`);
        response.destroy();
      });
    });
  await listening(server, place);
  server.on('error', (error) => log.error(`console: ${error.message}`));
  const bound = server.address() as AddressInfo;
  return {
    address: bound.address,
    port: bound.port,
    close: async () => {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      server.closeAllConnections();
      await closed;
    },
  };
}

async function listening(server: Server, { address, port }: { address: string; port: number }): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      const help =
        error.code === 'EADDRINUSE'
          ? 'another program has this port (a second ringfence?); stop it, or choose another port, or ""'
          : error.code === 'EADDRNOTAVAIL'
            ? 'this machine has no such address'
            : error.message;
      reject(new RingfenceError('config-invalid', `cannot listen on ${address} port ${port}: ${help}`));
    });
    server.listen({ host: address, port, exclusive: true }, resolve);
  });
}

const pathOf = (url: string): string => url.replace(/\?.*$/s, '');
const isForApp = ({ url = '' }: IncomingMessage, pages: PagesOptions['pages']): boolean => !pages.has(pathOf(url));

/** @param names by which it may be called; null: by any */
async function pageFor(
  request: IncomingMessage,
  pages: PagesOptions['pages'],
  names: ReadonlySet<string> | null,
): Promise<Page> {
  const { method, url = '', headers } = request;
  if (names !== null && !isOwnName(headers.host ?? '', names)) return text(421, 'call it by its address\n');
  if (method !== 'GET') return text(405, 'GET only\n');
  if (headers['transfer-encoding'] !== undefined || (headers['content-length'] ?? '0') !== '0')
    return text(400, 'no body, please\n');
  const page = url.length > URL_LENGTH ? undefined : pages.get(pathOf(url));
  return page === undefined ? text(404, 'there is no such page\n') : await page();
}

/** `127.0.0.1:8089`, `[::1]`, `localhost:8089`: no name that a stranger could have pointed here. */
function isOwnName(host: string, names: ReadonlySet<string>): boolean {
  const name = host
    .replace(/:\d{1,5}$/, '')
    .replace(/^\[(.*)\]$/, '$1')
    .toLowerCase();
  return name === 'localhost' || isIP(name) !== 0 || names.has(name);
}

function send(request: IncomingMessage, response: ServerResponse, { status, type, body }: Page): void {
  // what was refused may have more to say: it is not read
  if (status === 400 || status === 405 || status === 421) response.setHeader('Connection', 'close');
  if (status === 405) response.setHeader('Allow', 'GET');
  response.writeHead(status, {
    'Content-Type': type,
    'Content-Length': Buffer.byteLength(body),
    'Cache-Control': 'no-store',
    'X-Content-Type-Options': 'nosniff',
    'Content-Security-Policy': "default-src 'none'; frame-ancestors 'none'",
  });
  response.end(request.method === 'HEAD' ? '' : body);
}
