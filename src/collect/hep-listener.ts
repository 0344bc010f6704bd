import type { AddressInfo, Server } from 'node:net';
import type { HepConnections } from './hep-connections.ts';
import type { HepTransport } from './hep-gate.ts';

export interface HepListenerHealth {
  readonly listener: string;
  /** bytes; null for TCP and TLS, where back-pressure does its work */
  readonly receiveBuffer: { readonly asked: number; readonly given: number } | null;
  /** datagrams that the kernel dropped since the socket was opened; null: not UDP, or the kernel does not tell */
  readonly kernelDrops: number | null;
  /** null: UDP */
  readonly connections: number | null;
}

export interface HepListener {
  readonly transport: HepTransport;
  readonly address: string;
  readonly port: number;
  health(): HepListenerHealth;
  close(): Promise<void>;
}

/** Binds a TCP or TLS server and wraps it as a listener. Rejects with the system's error when it cannot listen. */
export async function streamListener(
  transport: 'tcp' | 'tls',
  server: Server,
  address: string,
  port: number,
  connections: HepConnections,
): Promise<HepListener> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen({ host: address, port, exclusive: true }, () => {
      server.off('error', reject);
      resolve();
    });
  });
  server.on('error', () => undefined); // accept(2) failing for want of descriptors: the next one is tried
  const bind = server.address() as AddressInfo;
  const name = `${transport}:${bind.family === 'IPv6' ? `[${bind.address}]` : bind.address}:${bind.port}`;
  return {
    transport,
    address: bind.address,
    port: bind.port,
    health: () => ({ listener: name, receiveBuffer: null, kernelDrops: null, connections: connections.size }),
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        connections.close();
      }),
  };
}
