import { createServer } from 'node:net';
import type { HepConnections } from './hep-connections.ts';
import { streamListener } from './hep-listener.ts';
import type { HepListener } from './hep-listener.ts';

/** HEP over TCP: packets framed by their own length, one after the other. */
export const listenTcp = (address: string, port: number, connections: HepConnections): Promise<HepListener> =>
  streamListener(
    'tcp',
    createServer((socket) => connections.accept(socket)),
    address,
    port,
    connections,
  );
