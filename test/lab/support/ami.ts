import { connect } from 'node:net';
import type { Socket } from 'node:net';

/** One AMI message: header name -> its first value, and when it arrived here (epoch ms). */
export interface AmiMessage {
  readonly at: number;
  readonly headers: ReadonlyMap<string, string>;
  /** Every header in order, for those that repeat. */
  readonly lines: readonly string[];
}

/**
 * The harness's own manager connection: just enough to watch Asterisk and to ask it questions, and independent of the code under
 * test.
 */
export class Ami {
  readonly events: AmiMessage[] = [];
  readonly #socket: Socket;
  #buffer = '';
  #id = 0;
  #banner = false;
  readonly #pending = new Map<string, (message: AmiMessage) => void>();
  readonly #watchers = new Set<() => void>();

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.setEncoding('utf8');
    socket.on('data', (text: string) => this.#receive(text));
    socket.on('error', () => undefined);
    socket.on('close', () => {
      for (const watcher of this.#watchers) watcher();
    });
  }

  /** Connects and logs in; rejects when nothing listens or the login is refused. */
  static async login(options: { host: string; port: number; username: string; secret: string }): Promise<Ami> {
    const socket = await new Promise<Socket>((resolve, reject) => {
      const attempt = connect({ host: options.host, port: options.port });
      attempt.once('error', reject);
      attempt.once('connect', () => {
        attempt.off('error', reject);
        resolve(attempt);
      });
    });
    const ami = new Ami(socket);
    const answer = await ami.action('Login', { Username: options.username, Secret: options.secret });
    if (answer.headers.get('Response') !== 'Success') {
      ami.close();
      throw new Error(`manager login refused: ${answer.headers.get('Message') ?? ''}`);
    }
    return ami;
  }

  /** Sends an action and resolves with its response (for list actions: the start of the list). */
  async action(name: string, headers: Readonly<Record<string, string>> = {}): Promise<AmiMessage> {
    const id = `lab-${++this.#id}`;
    const lines = [
      `Action: ${name}`,
      `ActionID: ${id}`,
      ...Object.entries(headers).map(([key, value]) => `${key}: ${value}`),
    ];
    return await new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(`no answer to ${name}`)), 5000);
      this.#pending.set(id, (message) => {
        clearTimeout(timer);
        resolve(message);
      });
      this.#socket.write(`${lines.join('\r\n')}\r\n\r\n`);
    });
  }

  /** Resolves with the first event, past or to come, that `matches`. */
  async event(what: string, matches: (message: AmiMessage) => boolean, timeoutMs = 5000): Promise<AmiMessage> {
    return await new Promise((resolve, reject) => {
      const check = (): boolean => {
        const found = this.events.find(matches);
        if (found === undefined) return false;
        clearTimeout(timer);
        this.#watchers.delete(check);
        resolve(found);
        return true;
      };
      const timer = setTimeout(() => {
        this.#watchers.delete(check);
        reject(new Error(`no such manager event within ${timeoutMs} ms: ${what}`));
      }, timeoutMs);
      if (!check()) this.#watchers.add(check);
    });
  }

  named(name: string): AmiMessage[] {
    return this.events.filter((message) => message.headers.get('Event') === name);
  }

  close(): void {
    this.#socket.destroy();
  }

  #receive(text: string): void {
    this.#buffer += text;
    if (!this.#banner) {
      const end = this.#buffer.indexOf('\r\n');
      if (end < 0) return;
      this.#buffer = this.#buffer.slice(end + 2);
      this.#banner = true;
    }
    for (let end = this.#buffer.indexOf('\r\n\r\n'); end >= 0; end = this.#buffer.indexOf('\r\n\r\n')) {
      const block = this.#buffer.slice(0, end);
      this.#buffer = this.#buffer.slice(end + 4);
      this.#accept(block.split('\r\n'));
    }
  }

  #accept(lines: string[]): void {
    const headers = new Map<string, string>();
    for (const line of lines) {
      const colon = line.indexOf(':');
      const name = line.slice(0, colon);
      if (colon > 0 && !headers.has(name)) headers.set(name, line.slice(colon + 1).trim());
    }
    const message = { at: Date.now(), headers, lines };
    const id = headers.get('ActionID');
    if (headers.has('Response') && id !== undefined) {
      this.#pending.get(id)?.(message);
      this.#pending.delete(id);
    } else if (headers.has('Event')) {
      this.events.push(message);
      for (const watcher of this.#watchers) watcher();
    }
  }
}
