import type { Socket } from 'node:net';
import { createServer } from 'node:tls';
import type { Counters } from '../counters.ts';
import type { HepConnections } from './hep-connections.ts';
import type { HepGate } from './hep-gate.ts';
import { streamListener } from './hep-listener.ts';
import type { HepListener } from './hep-listener.ts';

/** PEM texts. With `ca` capture agents must show a certificate that it signed. */
export interface HepTlsOptions {
  readonly cert: string;
  readonly key: string;
  readonly ca?: string;
}

const HANDSHAKE_MS = 10_000;

/**
 * HEP over TLS 1.2 or newer. Whoever is not allowed is cut off before the handshake, which is the dear part. With `ca`
 * agents must show a certificate that it signed.
 */
export function listenTls(
  address: string,
  port: number,
  options: HepTlsOptions,
  connections: HepConnections,
  gate: HepGate,
  counters: Counters,
): Promise<HepListener> {
  const server = createServer({
    cert: options.cert,
    key: options.key,
    ...(options.ca === undefined ? {} : { ca: options.ca, requestCert: true, rejectUnauthorized: true }),
    minVersion: 'TLSv1.2',
    handshakeTimeout: HANDSHAKE_MS,
  });
  server.prependListener('connection', (socket: Socket) => {
    socket.on('error', () => undefined);
    if (!gate.admits(socket.remoteAddress ?? '', 'tls')) socket.destroy();
  });
  server.on('secureConnection', (socket) => connections.accept(socket));
  server.on('tlsClientError', (error, socket) => {
    if (socket.remoteAddress === undefined) return; // cut off by us, above
    counters.add('hep.refused.handshake');
    gate.refuse(socket.remoteAddress, 'tls', `TLS handshake failed: ${error.message}`, Date.now());
    socket.destroy();
  });
  return streamListener('tls', server, address, port, connections);
}
