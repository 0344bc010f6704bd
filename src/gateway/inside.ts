import { createSocket, type Socket as Datagrams } from 'node:dgram';
import { lookup } from 'node:dns/promises';
import { connect, createServer, isIP, type Server, type Socket } from 'node:net';
import { connect as connectTls, TLSSocket, type SecureContext } from 'node:tls';
import { randomBytes } from 'node:crypto';
import { canonicalAddress, CidrSet } from '../address.ts';
import type { Counters } from '../counters.ts';
import { ConfigError, messageOf } from '../errors.ts';
import type { Log } from '../log.ts';
import type { Millis } from '../model.ts';
import { parseSip } from '../wire/sip.ts';
import { hostport, viaValue, type Place } from './border-edit.ts';
import { MAGIC_COOKIE } from './border-keys.ts';
import type { Peer } from './session.ts';
import { PONG, SipStream } from './stream.ts';
import type { Inside, Origin, Upstream } from './upstream.ts';

export interface UpstreamSettings {
  readonly name: string;
  readonly transport: 'udp' | 'tcp' | 'tls';
  readonly host: string;
  readonly port: number;
  readonly registrations: 'contact' | 'path';
  readonly domain: string;
  /** PEM; null: the system's */
  readonly ca: string | null;
}

export interface InsideSettings {
  readonly at: { readonly host: string; readonly port: number };
  readonly upstreams: readonly UpstreamSettings[];
  /** further addresses that may send requests */
  readonly allow: readonly string[];
  readonly checkEvery: Millis;
  /** for a PBX that comes by TLS */
  readonly context: () => SecureContext;
  readonly log: Log;
  readonly counters: Counters;
  /** @param bytes a whole message, the receiver's own */
  readonly received: (bytes: Buffer, origin: Origin) => void;
}

/** An upstream that did not answer so many times in a row is taken for gone; one answer of any kind brings it back. */
const MISSES = 2;
/** A check is answered by then, or was missed. */
const CHECK_WITHIN: Millis = 2_000;
/** What a stream may owe its peer before it is given up: a PBX that does not read. */
const MOST_QUEUED = 8 << 20;
const TLS_HANDSHAKE = 22;
/** Names of upstreams are looked up again so often. */
const NAMES_KEPT: Millis = 60_000;

interface Neighbour extends Upstream {
  readonly settings: UpstreamSettings;
  /** as it was looked up last */
  address: string;
  stream: Socket | null;
  misses: number;
  checking: string | null;
  checkedAt: number;
}

/** The sockets towards the PBX: one for datagrams, a listener and a stream each for TCP and TLS, and the checks by OPTIONS (RFC 3261 section 11). */
export class InsideSockets implements Inside {
  readonly #settings: InsideSettings;
  readonly #neighbours: readonly Neighbour[];
  readonly #allow: CidrSet;
  readonly #place: { readonly host: string; readonly port: number };
  readonly #datagrams: Datagrams;
  readonly #server: Server;
  readonly #streams = new Set<Socket>();
  readonly #timers: NodeJS.Timeout[] = [];
  #sequence = 0;
  #closed = false;

  private constructor(
    settings: InsideSettings,
    datagrams: Datagrams,
    server: Server,
    neighbours: readonly Neighbour[],
  ) {
    this.#settings = settings;
    this.#datagrams = datagrams;
    this.#server = server;
    this.#neighbours = neighbours;
    this.#place = settings.at;
    this.#allow = new CidrSet(settings.allow);
  }

  /** Opens the sockets and asks every upstream. @throws ConfigError when it cannot listen, PeerError when a name cannot be found */
  static async open(settings: InsideSettings): Promise<InsideSockets> {
    const host = canonicalAddress(settings.at.host) ?? settings.at.host;
    const datagrams = createSocket({
      type: host.includes(':') ? 'udp6' : 'udp4',
      recvBufferSize: 4 << 20,
      sendBufferSize: 1 << 20,
    });
    const server = createServer();
    try {
      await listening(datagrams, () => datagrams.bind({ address: host, port: settings.at.port, exclusive: true }));
      const { port } = datagrams.address();
      await listening(server, () => server.listen({ host, port, exclusive: true }));
      const neighbours = await Promise.all(
        settings.upstreams.map(async (upstream): Promise<Neighbour> => ({
          ...upstream,
          settings: upstream,
          inside: { transport: upstream.transport, host, port },
          ...{
            up: true,
            address: await addressOf(upstream.host),
            stream: null,
            misses: 0,
            checking: null,
            checkedAt: -Infinity,
          },
        })),
      );
      const inside = new InsideSockets({ ...settings, at: { host, port } }, datagrams, server, neighbours);
      inside.#start();
      return inside;
    } catch (error) {
      datagrams.close();
      server.close();
      if ((error as NodeJS.ErrnoException).syscall === 'bind' || (error as NodeJS.ErrnoException).syscall === 'listen')
        throw new ConfigError('gateway', [
          { path: 'gateway.inside', message: `cannot listen at ${hostport(settings.at)}: ${messageOf(error)}` },
        ]);
      throw error;
    }
  }

  get upstreams(): readonly Upstream[] {
    return this.#neighbours;
  }

  /** Where the PBX reaches us. */
  get place(): { readonly host: string; readonly port: number } {
    return this.#place;
  }

  #start(): void {
    const { log } = this.#settings;
    this.#datagrams.on('message', (bytes, { address, port }) =>
      this.#datagram(bytes, { address: canonicalAddress(address) ?? address, port }),
    );
    this.#datagrams.on('error', (error) => log.warn(`inside: ${error.message}`));
    this.#server.on('connection', (socket) => this.#accepted(socket));
    this.#server.on('error', (error) => log.warn(`inside: ${error.message}`));
    const check = (): void => {
      for (const neighbour of this.#neighbours) this.#check(neighbour);
    };
    check();
    this.#timers.push(
      setInterval(check, this.#settings.checkEvery),
      setInterval(() => void this.#lookUp(), NAMES_KEPT),
    );
  }

  async #lookUp(): Promise<void> {
    for (const neighbour of this.#neighbours)
      try {
        neighbour.address = await addressOf(neighbour.host);
      } catch (error) {
        this.#settings.log.warn(`upstream ${neighbour.name}: ${messageOf(error)}; its last address stays`);
      }
  }

  #datagram(bytes: Buffer, peer: Peer): void {
    // a keep-alive of nothing but line ends (RFC 5626 section 4.4.1)
    if (bytes.length <= 4) return;
    const upstream = this.#neighbours.find(
      ({ address, transport, port }) => transport === 'udp' && address === peer.address && port === peer.port,
    );
    this.#received(bytes, peer, 'udp', null, upstream ?? null);
  }

  #received(
    bytes: Buffer,
    peer: Peer,
    transport: Origin['transport'],
    connection: Socket | null,
    exact: Neighbour | null,
  ): void {
    const upstream = exact ?? this.#neighbours.find(({ address }) => address === peer.address) ?? null;
    if (upstream === null && !this.#allow.has(peer.address))
      return this.#settings.counters.add('gateway.inside.refused');
    if (upstream !== null && this.#isCheck(upstream, bytes)) return;
    this.#settings.received(bytes, { upstream, transport, peer, connection });
  }

  #accepted(socket: Socket): void {
    const peer = peerOf(socket);
    const known = this.#neighbours.some(({ address }) => address === peer.address) || this.#allow.has(peer.address);
    if (!known) {
      this.#settings.counters.add('gateway.inside.refused');
      socket.destroy();
      return;
    }
    socket.on('error', () => undefined);
    // one port for both: a TLS record of a handshake begins with 22 (RFC 8446 section 5.1), no SIP message does
    socket.once('readable', () => {
      const first = socket.read(1) as Buffer | null;
      if (first === null) return;
      socket.unshift(first);
      if (first[0] !== TLS_HANDSHAKE) this.#read(socket, 'tcp', null);
      else this.#read(new TLSSocket(socket, { isServer: true, secureContext: this.#settings.context() }), 'tls', null);
    });
  }

  /** Messages of a stream, until it breaks its framing or ends. */
  #read(socket: Socket, transport: 'tcp' | 'tls', upstream: Neighbour | null): void {
    const stream = new SipStream();
    const peer = peerOf(socket);
    this.#streams.add(socket);
    socket.setNoDelay(true);
    socket.on('data', (chunk: Buffer) => {
      for (const item of stream.push(chunk))
        if (item.kind === 'message') this.#received(item.bytes, peer, transport, socket, upstream);
        else if (item.kind === 'ping') socket.write(PONG);
        else {
          this.#settings.counters.add('gateway.inside.malformed');
          socket.destroy();
        }
    });
    socket.on('error', () => undefined);
    socket.on('close', () => {
      this.#streams.delete(socket);
      if (upstream?.stream === socket) upstream.stream = null;
    });
  }

  send(upstream: Upstream, bytes: Buffer): void {
    const neighbour = this.#neighbours.find(({ name }) => name === upstream.name);
    if (neighbour === undefined || this.#closed) return;
    if (neighbour.transport === 'udp')
      this.#datagrams.send(bytes, neighbour.port, neighbour.address, (error) => this.#unsent(error));
    else this.#write((neighbour.stream ??= this.#connect(neighbour)), bytes);
  }

  answer({ transport, peer, connection, upstream }: Origin, port: number, bytes: Buffer): void {
    if (this.#closed) return;
    if (transport === 'udp') this.#datagrams.send(bytes, port, peer.address, (error) => this.#unsent(error));
    else if (connection !== null && this.#streams.has(connection as Socket)) this.#write(connection as Socket, bytes);
    // its connection is gone: by ours (RFC 3261 section 18.2.2)
    else if (upstream !== null) this.send(upstream, bytes);
    else this.#settings.counters.add('gateway.inside.unsent');
  }

  #unsent(error: Error | null): void {
    if (error !== null) this.#settings.counters.add('gateway.inside.unsent');
  }

  #connect(neighbour: Neighbour): Socket {
    const { port, address, settings, transport } = neighbour;
    const socket =
      transport === 'tls'
        ? connectTls({
            host: address,
            port,
            ...(isIP(settings.host) === 0 ? { servername: settings.host } : {}),
            minVersion: 'TLSv1.2',
            ...(settings.ca === null ? {} : { ca: settings.ca }),
          })
        : connect({ host: address, port });
    socket.on('error', (error: Error) => this.#settings.log.warn(`upstream ${neighbour.name}: ${error.message}`));
    this.#read(socket, transport === 'tls' ? 'tls' : 'tcp', neighbour);
    return socket;
  }

  #write(socket: Socket, bytes: Buffer): void {
    if (socket.writableLength > MOST_QUEUED) {
      this.#settings.counters.add('gateway.inside.stuck');
      socket.destroy();
    } else socket.write(bytes);
  }

  suspect(upstream: Upstream): void {
    const neighbour = this.#neighbours.find(({ name }) => name === upstream.name);
    if (neighbour !== undefined && performance.now() - neighbour.checkedAt > CHECK_WITHIN) this.#check(neighbour);
  }

  /** Asks an upstream whether it is there. What it answers does not matter, but 503 (RFC 3261 section 21.5.4). */
  #check(neighbour: Neighbour): void {
    if (neighbour.checking !== null || this.#closed) return;
    const branch = MAGIC_COOKIE + randomBytes(9).toString('base64url');
    neighbour.checking = branch;
    neighbour.checkedAt = performance.now();
    const { host, port } = neighbour.settings;
    const own: Place = neighbour.inside;
    const lines = [
      `OPTIONS sip:${hostport({ host, port })} SIP/2.0`,
      `Via: ${viaValue(own, branch)}`,
      'Max-Forwards: 1',
      `From: <sip:ringfence@${hostport(own)}>;tag=${branch.slice(-8)}`,
      `To: <sip:${hostport({ host, port })}>`,
      `Call-ID: ${randomBytes(9).toString('base64url')}`,
      `CSeq: ${++this.#sequence % 2 ** 31} OPTIONS`,
      'User-Agent: ringfence',
      'Content-Length: 0',
    ];
    const request = Buffer.from(`${lines.join('\r\n')}\r\n\r\n`);
    this.send(neighbour, request);
    // a lost datagram is no proof
    if (neighbour.transport === 'udp')
      setTimeout(() => neighbour.checking === branch && this.send(neighbour, request), 500).unref();
    setTimeout(() => this.#missed(neighbour, branch), CHECK_WITHIN).unref();
  }

  #missed(neighbour: Neighbour, branch: string): void {
    if (neighbour.checking !== branch || this.#closed) return;
    neighbour.checking = null;
    neighbour.misses++;
    neighbour.stream?.destroy();
    if (neighbour.misses < MISSES) this.#check(neighbour);
    else if (neighbour.up) this.#turn(neighbour, false);
  }

  #turn(neighbour: Neighbour, up: boolean): void {
    neighbour.up = up;
    this.#settings.counters.add(up ? 'gateway.upstream.up' : 'gateway.upstream.down');
    const { name, settings } = neighbour;
    const where = `${settings.transport}:${hostport(settings)}`;
    if (up) this.#settings.log.info(`upstream ${name} (${where}) answers again`);
    else this.#settings.log.error(`upstream ${name} (${where}) does not answer OPTIONS; new requests go to the next`);
  }

  #isCheck(neighbour: Neighbour, bytes: Buffer): boolean {
    if (neighbour.checking === null) return false;
    const message = parseSip(bytes);
    if (!message.ok || message.value.isRequest || message.value.branch !== neighbour.checking) return false;
    if (message.value.status < 200) return true;
    neighbour.checking = null;
    if (message.value.status === 503) {
      if (neighbour.up) this.#turn(neighbour, false);
    } else {
      neighbour.misses = 0;
      if (!neighbour.up) this.#turn(neighbour, true);
    }
    return true;
  }

  close(): void {
    this.#closed = true;
    for (const timer of this.#timers) clearInterval(timer);
    for (const socket of this.#streams) socket.destroy();
    this.#datagrams.close();
    this.#server.close();
  }
}

const peerOf = (socket: Socket): Peer => {
  const address = socket.remoteAddress ?? '';
  return { address: canonicalAddress(address) ?? address, port: socket.remotePort ?? 0 };
};

async function addressOf(host: string): Promise<string> {
  const address = canonicalAddress(host);
  return address ?? (await lookup(host)).address;
}

async function listening(socket: Datagrams | Server, listen: () => void): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    socket.once('error', reject);
    socket.once('listening', () => {
      socket.off('error', reject);
      resolve();
    });
    listen();
  });
}
