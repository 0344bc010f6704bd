import { createServer } from 'node:net';
import type { AddressInfo, Server, Socket } from 'node:net';
import { createServer as createTlsServer } from 'node:tls';

export interface FakeAction {
  readonly name: string;
  readonly id: string;
  /** the raw lines, in order */
  readonly lines: readonly string[];
  get(header: string): string;
}

/** Answers one action; the default lets everybody log in and answers Ping and the state lists as an empty PBX does. */
export type Answer = (action: FakeAction, socket: Socket) => void;

const CRLF = '\r\n';

export const lines = (...text: string[]): string => text.join(CRLF) + CRLF + CRLF;

export const response = (action: FakeAction, ...more: string[]): string =>
  lines('Response: Success', `ActionID: ${action.id}`, ...more);

/** The start, items and end of a list. */
export const list = (action: FakeAction, ...items: string[][]): string =>
  response(action, 'EventList: start', 'Message: Result will follow') +
  items.map((item) => lines(item[0] ?? '', `ActionID: ${action.id}`, ...item.slice(1))).join('') +
  lines(`Event: ${action.name}Complete`, `ActionID: ${action.id}`, 'EventList: Complete', `ListItems: ${items.length}`);

/** A local stand-in for Asterisk's manager that does what a test wants a bad one to do. The real one is in test/lab. */
export class FakeAmi {
  readonly actions: FakeAction[] = [];
  readonly sockets: Socket[] = [];
  connections = 0;
  banner: string | null = 'Asterisk Call Manager/11.0.0\r\n';
  /** seconds in FullyBooted after the login; null: it is not sent */
  uptime: number | null = 100;
  secret = 'right';
  /** answers that go before the default ones: true when it has answered */
  answers: (action: FakeAction, socket: Socket) => boolean = () => false;
  readonly #server: Server;

  private constructor(tls?: { cert: string; key: string }) {
    const accept = (socket: Socket): void => this.#accept(socket);
    this.#server = tls === undefined ? createServer(accept) : createTlsServer(tls, accept);
    this.#server.on('tlsClientError', () => undefined);
  }

  static async listen(options: { tls?: { cert: string; key: string }; port?: number } = {}): Promise<FakeAmi> {
    const fake = new FakeAmi(options.tls);
    await new Promise<void>((resolve) => fake.#server.listen(options.port ?? 0, '127.0.0.1', resolve));
    return fake;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  named(name: string): FakeAction[] {
    return this.actions.filter((action) => action.name.toLowerCase() === name.toLowerCase());
  }

  write(text: string | Buffer): void {
    this.sockets.at(-1)?.write(text);
  }

  #accept(socket: Socket): void {
    this.connections++;
    this.sockets.push(socket);
    socket.setNoDelay(true);
    socket.on('error', () => undefined);
    if (this.banner !== null) socket.write(this.banner);
    let held = '';
    socket.on('data', (bytes: Buffer) => {
      held += bytes.toString();
      for (let end = held.indexOf('\r\n\r\n'); end >= 0; end = held.indexOf('\r\n\r\n')) {
        const text = held.slice(0, end).split(CRLF);
        held = held.slice(end + 4);
        this.#action(text, socket);
      }
    });
  }

  #action(text: string[], socket: Socket): void {
    const get = (header: string): string => {
      const line = text.find((one) => one.toLowerCase().startsWith(`${header.toLowerCase()}: `));
      return line?.slice(header.length + 2) ?? '';
    };
    const action: FakeAction = { name: get('Action'), id: get('ActionID'), lines: text, get };
    this.actions.push(action);
    if (!this.answers(action, socket)) this.#default(action, socket);
  }

  #default(action: FakeAction, socket: Socket): void {
    const name = action.name.toLowerCase();
    if (name === 'login') {
      if (action.get('Secret') !== this.secret) {
        socket.end(lines('Response: Error', `ActionID: ${action.id}`, 'Message: Authentication failed'));
        return;
      }
      socket.write(response(action, 'Message: Authentication accepted'));
      if (this.uptime !== null)
        socket.write(
          lines('Event: FullyBooted', 'Privilege: system,all', `Uptime: ${this.uptime}`, 'Status: Fully Booted'),
        );
    } else if (name === 'ping') socket.write(response(action, 'Ping: Pong'));
    else if (name === 'dbgettree')
      socket.write(lines('Response: Error', `ActionID: ${action.id}`, 'Message: Database entry not found'));
    else if (name.startsWith('pjsipshow') || name === 'coreshowchannels') socket.write(list(action));
    else socket.write(lines('Response: Error', `ActionID: ${action.id}`, 'Message: Invalid/unknown command'));
  }

  /** Cuts every connection and listens no more. */
  async close(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    for (const socket of this.sockets) socket.destroy();
    await closed;
  }
}
