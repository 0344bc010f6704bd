import { createSocket } from 'node:dgram';
import type { Socket as UdpSocket } from 'node:dgram';
import { connect, createServer } from 'node:net';
import type { Server, Socket as TcpSocket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { format, frames, header, isRequest, parse } from './sip-message.ts';
import type { SipMessage } from './sip-message.ts';

export interface Endpoint {
  readonly host: string;
  readonly port: number;
}

/** `host:port` as it stands in SIP: an IPv6 address in brackets (RFC 3261 25.1, hostport). */
export function hostport(host: string, port: number): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}

/** One SIP message on the wire, with the moment it left or came (epoch ms). */
export interface Packet {
  readonly at: number;
  readonly direction: 'sent' | 'received';
  readonly peer: Endpoint;
  /** `REGISTER` or `401 REGISTER`. */
  readonly label: string;
  readonly message: SipMessage;
}

export interface TransportOptions {
  readonly protocol: 'udp' | 'tcp' | 'tls';
  /** PEM of the CA that tls trusts. */
  readonly ca?: string;
  /** Source address: any address of 127.0.0.0/8, or ::1. */
  readonly address: string;
  /** Source port; 0 or none: any free one. */
  readonly port?: number;
  /** Where requests go; TCP connects to it at once. Without it only incoming TCP connections are used. */
  readonly server?: Endpoint;
}

/** SIP over UDP, TCP or TLS from one address: sends, receives, and keeps a record of both. */
export class SipTransport {
  readonly protocol: 'udp' | 'tcp' | 'tls';
  readonly address: string;
  port = 0;
  readonly packets: Packet[] = [];
  onMessage: (message: SipMessage, peer: Endpoint) => void = () => undefined;
  /** When set, what it returns false for is neither sent nor received: a cut cable, a lossy network. */
  filter: ((packet: Packet) => boolean) | undefined;
  #udp: UdpSocket | undefined;
  #server: Server | undefined;
  readonly #streams = new Map<string, TcpSocket>();
  #closed = false;

  private constructor(options: TransportOptions) {
    this.protocol = options.protocol;
    this.address = options.address;
  }

  static async open(options: TransportOptions): Promise<SipTransport> {
    const transport = new SipTransport(options);
    if (options.protocol === 'udp') await transport.#openUdp(options.port ?? 0);
    else if (options.server === undefined) await transport.#listenTcp(options.port ?? 0);
    else await transport.#connectTcp(options.server, options.port, options.protocol === 'tls' ? options.ca : undefined);
    return transport;
  }

  async #openUdp(port: number): Promise<void> {
    const socket = createSocket(this.address.includes(':') ? 'udp6' : 'udp4');
    this.#udp = socket;
    socket.on('message', (data, from) => {
      this.#receive(data.toString('utf8'), { host: from.address, port: from.port });
    });
    await new Promise<void>((resolve, reject) => {
      socket.once('error', reject);
      socket.bind({ address: this.address, port, exclusive: true }, () => {
        socket.off('error', reject);
        socket.on('error', () => undefined); // ICMP errors: the retransmission timers deal with silence
        resolve();
      });
    });
    this.port = socket.address().port;
  }

  async #listenTcp(port: number): Promise<void> {
    const server = createServer((stream) => this.#adopt(stream));
    this.#server = server;
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen({ host: this.address, port, exclusive: true }, resolve);
    });
    const bound = server.address();
    this.port = bound !== null && typeof bound !== 'string' ? bound.port : port;
  }

  async #connectTcp(server: Endpoint, port: number | undefined, ca: string | undefined): Promise<void> {
    const raw = connect({
      ...server,
      localAddress: this.address,
      ...(port === undefined ? {} : { localPort: port }),
    });
    const stream = ca === undefined ? raw : connectTls({ socket: raw, ca, checkServerIdentity: () => undefined });
    await new Promise<void>((resolve, reject) => {
      stream.once('error', reject);
      stream.once(ca === undefined ? 'connect' : 'secureConnect', () => {
        stream.off('error', reject);
        resolve();
      });
    });
    this.port = raw.localPort ?? 0;
    this.#adopt(stream);
  }

  #adopt(stream: TcpSocket): void {
    const peer = { host: stream.remoteAddress ?? '', port: stream.remotePort ?? 0 };
    const key = `${peer.host}:${peer.port}`;
    this.#streams.set(key, stream);
    let pending = '';
    stream.setNoDelay(true);
    stream.setEncoding('latin1');
    stream.on('error', () => undefined);
    stream.on('close', () => this.#streams.delete(key));
    stream.on('data', (text: string) => {
      const { messages, rest } = frames(pending + text);
      pending = rest;
      for (const message of messages) this.#receive(message, peer);
    });
  }

  #receive(text: string, peer: Endpoint): void {
    const message = parse(text);
    if (message === undefined || this.#closed) return;
    if (this.#record('received', peer, message)) this.onMessage(message, peer);
  }

  /** Sends at once. */
  send(message: SipMessage, peer: Endpoint): void {
    if (this.#closed || !this.#record('sent', peer, message)) return;
    const bytes = format(message);
    if (this.#udp !== undefined) this.#udp.send(bytes, peer.port, peer.host);
    else (this.#streams.get(`${peer.host}:${peer.port}`) ?? [...this.#streams.values()][0])?.write(bytes);
  }

  #record(direction: Packet['direction'], peer: Endpoint, message: SipMessage): boolean {
    const method = header(message, 'CSeq').split(/\s+/)[1] ?? '';
    const label = isRequest(message) ? message.method : `${message.status ?? 0} ${method}`;
    const packet = { at: Date.now(), direction, peer, label, message };
    if (this.filter?.(packet) === false) return false;
    this.packets.push(packet);
    return true;
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#udp?.close();
    this.#server?.close();
    for (const stream of this.#streams.values()) stream.destroy();
  }
}
