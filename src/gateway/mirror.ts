import { createSocket, type Socket } from 'node:dgram';
import type { Counters } from '../counters.ts';
import type { Log } from '../log.ts';
import type { Millis } from '../model.ts';
import { encodeHep } from '../wire/hep.ts';
import type { Peer } from './session.ts';

/** One message as detectors and collectors see it: the true source, and the SIP as the PBX gets it. */
export interface Mirrored {
  readonly source: Peer;
  readonly destination: Peer;
  readonly at: Millis;
  readonly payload: Buffer;
}

export interface MirrorSettings {
  readonly to: readonly { readonly host: string; readonly port: number }[];
  readonly password: string | null;
  readonly captureId: number;
  readonly counters: Counters;
  readonly log: Log;
}

/** What Kamailio marks TLS with, and ringfence and Homer read so. */
const PROTOCOL_TLS = 22;
const SIP = 1;

/** A copy of the decrypted signalling as HEPv3 over UDP. A collector that is away costs nothing and loses its copies. */
export class HepMirror {
  readonly #settings: MirrorSettings;
  readonly #sockets: { readonly socket: Socket; readonly host: string; readonly port: number }[] = [];

  constructor(settings: MirrorSettings) {
    this.#settings = settings;
    for (const { host, port } of settings.to) {
      const socket = createSocket(host.includes(':') ? 'udp6' : 'udp4');
      socket.on('error', () => settings.counters.add('gateway.mirror.unsent'));
      socket.unref();
      this.#sockets.push({ socket, host, port });
    }
  }

  send({ source, destination, at, payload }: Mirrored): void {
    if (this.#sockets.length === 0) return;
    let packet: Buffer;
    try {
      packet = encodeHep({
        ...{ protocol: PROTOCOL_TLS, source: source.address, sourcePort: source.port },
        ...{
          destination: destination.address,
          destinationPort: destination.port,
          seenAt: at,
          payloadType: SIP,
          payload,
        },
        ...{
          captureId: this.#settings.captureId,
          authKey: this.#settings.password,
          correlationId: null,
          nodeName: 'ringfence-gateway',
        },
      });
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
      return this.#settings.counters.add('gateway.mirror.too-long');
    }
    for (const { socket, host, port } of this.#sockets)
      socket.send(packet, port, host, (error) => {
        if (error !== null) this.#settings.counters.add('gateway.mirror.unsent');
      });
  }

  close(): void {
    for (const { socket } of this.#sockets) socket.close();
  }
}
