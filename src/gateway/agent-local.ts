import { createSocket, type Socket as Datagrams } from 'node:dgram';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { canonicalAddress, CidrSet } from '../address.ts';
import type { Counters } from '../counters.ts';
import { ConfigError, messageOf } from '../errors.ts';
import type { Log } from '../log.ts';
import { hostport, type Place } from './border-edit.ts';
import { PONG, SipStream } from './stream.ts';

/** A phone, as it is reached. */
export interface LocalPeer {
  readonly transport: 'udp' | 'tcp';
  /** canonical */
  readonly address: string;
  readonly port: number;
  /** where we heard it, and where it is told to come back to */
  readonly place: Place;
  /** of TCP: by this; null: a new one is made */
  readonly connection: object | null;
}

/** The phones' side of the agent. What cannot be sent is counted: whoever waits for an answer has a timer. */
export interface Local {
  readonly places: readonly Place[];
  send(peer: LocalPeer, bytes: Buffer): void;
}

export interface LocalSettings {
  readonly listen: readonly { readonly transport: 'udp' | 'tcp'; readonly host: string; readonly port: number }[];
  /** addresses and blocks that may use the agent */
  readonly allow: readonly string[];
  readonly log: Log;
  readonly counters: Counters;
  /** @param bytes a whole message, the receiver's own */
  readonly received: (bytes: Buffer, peer: LocalPeer) => void;
}

/** What a phone may leave unread. */
const MOST_QUEUED = 4 << 20;
const MOST_STREAMS = 1_000;
const CONNECT_WITHIN = 5_000;

/** Sockets towards phones, softphones and PBXs on this side: UDP and TCP, for those alone who may. */
export class LocalSockets implements Local {
  readonly #settings: LocalSettings;
  readonly #allow: CidrSet;
  readonly #datagrams = new Map<Place, Datagrams>();
  readonly #servers: Server[] = [];
  readonly #streams = new Map<Socket, Place>();
  readonly places: Place[] = [];
  readonly #told = new Set<string>();

  private constructor(settings: LocalSettings) {
    this.#settings = settings;
    this.#allow = new CidrSet(settings.allow);
  }

  /** @throws ConfigError when it cannot listen */
  static async open(settings: LocalSettings): Promise<LocalSockets> {
    const local = new LocalSockets(settings);
    try {
      for (const one of settings.listen) await (one.transport === 'udp' ? local.#udp(one) : local.#tcp(one));
    } catch (error) {
      local.close();
      throw new ConfigError('agent', [
        {
          path: 'agent.listen',
          message: `cannot listen: ${messageOf(error)}`,
          help: 'something else may listen there',
        },
      ]);
    }
    return local;
  }

  async #udp({ host, port }: { readonly host: string; readonly port: number }): Promise<void> {
    const socket = createSocket({
      type: host.includes(':') ? 'udp6' : 'udp4',
      recvBufferSize: 4 << 20,
      sendBufferSize: 1 << 20,
    });
    await new Promise<void>((resolve, reject) => {
      socket.once('error', reject);
      socket.bind({ address: host, port, exclusive: true }, resolve);
    });
    const place: Place = { transport: 'udp', host, port: socket.address().port };
    this.#datagrams.set(place, socket);
    this.places.push(place);
    socket.on('error', (error) => this.#settings.log.warn(`phones: ${error.message}`));
    socket.on('message', (bytes, from) => {
      const address = canonicalAddress(from.address) ?? from.address;
      if (!this.#may(address)) return;
      // keep-alives of phones (RFC 5626 section 4.4 and what older ones send) are answered by nothing
      if (bytes.length <= 4) return;
      this.#settings.received(bytes, { transport: 'udp', address, port: from.port, place, connection: null });
    });
  }

  async #tcp({ host, port }: { readonly host: string; readonly port: number }): Promise<void> {
    const server = createServer({ noDelay: true });
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen({ host, port, exclusive: true }, resolve);
    });
    this.#servers.push(server);
    const address = server.address();
    const place: Place = {
      ...{ transport: 'tcp', host },
      port: typeof address === 'object' && address !== null ? address.port : port,
    };
    this.places.push(place);
    server.on('error', (error) => this.#settings.log.warn(`phones: ${error.message}`));
    server.on('connection', (socket) => {
      const peer = canonicalAddress(socket.remoteAddress ?? '') ?? '';
      if (!this.#may(peer) || this.#streams.size >= MOST_STREAMS) socket.destroy();
      else this.#stream(socket, place);
    });
  }

  /** A stranger in the same network must not speak with the key of this account. */
  #may(address: string): boolean {
    if (this.#allow.has(address)) return true;
    this.#settings.counters.add('agent.refused.address');
    if (this.#told.size < 100 && !this.#told.has(address)) {
      this.#told.add(address);
      this.#settings.log.warn(`${address} is not in [agent] allow: what it sends is dropped`);
    }
    return false;
  }

  #stream(socket: Socket, place: Place): void {
    const address = canonicalAddress(socket.remoteAddress ?? '') ?? '';
    const port = socket.remotePort ?? 0;
    const stream = new SipStream();
    this.#streams.set(socket, place);
    socket.on('error', () => undefined);
    socket.on('close', () => this.#streams.delete(socket));
    socket.on('data', (chunk: Buffer) => {
      for (const item of stream.push(chunk)) {
        if (item.kind === 'message')
          this.#settings.received(item.bytes, { transport: 'tcp', address, port, place, connection: socket });
        else if (item.kind === 'ping') socket.write(PONG);
        else {
          this.#settings.counters.add('agent.refused.malformed');
          this.#settings.log.warn(`${address}: what came by TCP is no SIP (${item.fault}); the connection is closed`);
          socket.destroy();
        }
      }
    });
  }

  send(peer: LocalPeer, bytes: Buffer): void {
    if (peer.transport === 'udp') {
      const socket = this.#datagrams.get(peer.place) ?? this.#socketAt(peer.place);
      if (socket === undefined) this.#settings.counters.add('agent.unsent');
      else
        socket.send(bytes, peer.port, peer.address, (error) => {
          if (error !== null) this.#settings.counters.add('agent.unsent');
        });
      return;
    }
    const socket = this.#streamTo(peer);
    if (socket.writableLength > MOST_QUEUED) {
      this.#settings.counters.add('agent.unsent');
      socket.destroy();
    } else socket.write(bytes);
  }

  /** A contact that was kept over a restart knows its place by address alone. */
  #socketAt({ host, port }: Place): Datagrams | undefined {
    const same = [...this.#datagrams].find(([place]) => place.host === host && place.port === port);
    return (same ?? [...this.#datagrams][0])?.[1];
  }

  #streamTo({ connection, address, port, place }: LocalPeer): Socket {
    for (const [socket] of this.#streams)
      if (
        socket === connection ||
        (socket.remotePort === port && canonicalAddress(socket.remoteAddress ?? '') === address)
      )
        return socket;
    const socket = connect({ host: address, port, noDelay: true });
    socket.setTimeout(CONNECT_WITHIN, () => {
      if (socket.connecting) socket.destroy();
    });
    this.#stream(socket, place);
    return socket;
  }

  close(): void {
    for (const socket of this.#datagrams.values()) socket.close();
    for (const server of this.#servers) server.close();
    for (const [socket] of this.#streams) socket.destroy();
  }
}

/** How a place is written, for people. */
export const placeText = (place: Place): string => `${place.transport}:${hostport(place)}`;
