import { mkdirSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import type { Socket } from 'node:net';
import { join } from 'node:path';
import type { Tree } from './packages.ts';
import { freePort } from './ports.ts';
import { logTail, pause, start, until } from './process.ts';
import type { Running } from './process.ts';
import type { Endpoint } from './sip-transport.ts';

export interface BaresipOptions {
  readonly tree: Tree;
  /** An own directory; it is made. */
  readonly directory: string;
  /** The phone's own address, any of 127.0.0.0/8. */
  readonly address: string;
  readonly server: Endpoint;
  readonly username: string;
  readonly password: string;
  readonly transport?: 'udp' | 'tcp' | 'tls';
  /** Seconds that a registration is asked to last, default 3600. */
  readonly expires?: number;
}

interface BaresipEvent {
  readonly event?: boolean;
  readonly type?: string;
  readonly param?: string;
  readonly response?: boolean;
  readonly ok?: boolean;
  readonly data?: string;
  readonly token?: string;
}

/** A real softphone, baresip, without a screen: it registers at start, answers by itself, and is driven over its control socket. */
export class Baresip {
  readonly events: BaresipEvent[] = [];
  readonly #process: Running;
  readonly #socket: Socket;
  readonly #watchers = new Set<() => void>();
  #pending = Buffer.alloc(0);
  #token = 0;

  private constructor(process: Running, socket: Socket) {
    this.#process = process;
    this.#socket = socket;
    socket.on('error', () => undefined);
    socket.on('data', (data: Buffer) => this.#receive(data));
  }

  /** Starts the softphone and waits until it has registered (or was refused: see `events`). */
  static async start(options: BaresipOptions): Promise<Baresip> {
    const control = await freePort('127.0.0.1');
    mkdirSync(options.directory, { recursive: true });
    for (const [name, text] of files(options, control))
      writeFileSync(join(options.directory, name), text, { mode: 0o600 });
    const log = join(options.directory, 'baresip.log');
    const process = start(options.tree.command('usr/bin/baresip', '-4', '-f', options.directory), {
      cwd: options.directory,
      log,
    });
    const deadline = Date.now() + 10_000;
    for (;;) {
      try {
        const baresip = new Baresip(process, await open(control));
        await baresip.#registered(10_000);
        return baresip;
      } catch (error) {
        if (!process.running() || Date.now() > deadline) {
          process.signal('SIGKILL');
          throw new Error(`baresip did not come up:\n${logTail(log)}`, { cause: error });
        }
        await pause(20);
      }
    }
  }

  async #registered(timeoutMs: number): Promise<void> {
    await until('baresip has registered', timeoutMs, async () => /OK|ERR/.test(await this.command('reginfo')));
  }

  /** Sends a command of baresip's menu (`dial`, `hangup`, `uareg`, …) and resolves with its answer. */
  async command(command: string, params = ''): Promise<string> {
    const token = String(++this.#token);
    const text = JSON.stringify({ command, params, token });
    this.#socket.write(`${Buffer.byteLength(text)}:${text},`);
    return (await this.#wait(`the answer to ${command}`, (event) => event.token === token, 5000)).data ?? '';
  }

  /** Resolves with the first event, past or to come, whose type begins with `type`. */
  async event(type: string, timeoutMs = 5000): Promise<BaresipEvent> {
    return await this.#wait(`the event ${type}`, (event) => event.type?.startsWith(type) === true, timeoutMs);
  }

  async dial(number: string): Promise<void> {
    await this.command('dial', number);
  }

  async hangUp(): Promise<void> {
    await this.command('hangup');
  }

  /** An orderly end: baresip unregisters. */
  async stop(): Promise<void> {
    this.#socket.destroy();
    await this.#process.stop(3000);
  }

  /** The power fails. */
  async kill9(): Promise<void> {
    this.#socket.destroy();
    this.#process.signal('SIGKILL');
    await this.#process.exited;
  }

  async #wait(what: string, matches: (event: BaresipEvent) => boolean, timeoutMs: number): Promise<BaresipEvent> {
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
        reject(new Error(`baresip: waited in vain for ${what}:\n${logTail(this.#process.log)}`));
      }, timeoutMs);
      if (!check()) this.#watchers.add(check);
    });
  }

  /** Netstrings of JSON. */
  #receive(data: Buffer): void {
    this.#pending = Buffer.concat([this.#pending, data]);
    for (;;) {
      const colon = this.#pending.indexOf(':');
      const length = Number(this.#pending.toString('latin1', 0, colon));
      if (colon < 0 || this.#pending.length < colon + 1 + length + 1) return;
      this.events.push(JSON.parse(this.#pending.toString('utf8', colon + 1, colon + 1 + length)) as BaresipEvent);
      this.#pending = this.#pending.subarray(colon + 1 + length + 1);
      for (const watcher of this.#watchers) watcher();
    }
  }
}

async function open(port: number): Promise<Socket> {
  return await new Promise((resolve, reject) => {
    const socket = connect({ host: '127.0.0.1', port });
    socket.once('error', reject);
    socket.once('connect', () => {
      socket.off('error', reject);
      resolve(socket);
    });
  });
}

function files(options: BaresipOptions, control: number): Map<string, string> {
  const { address, directory, server, username, password, tree } = options;
  const transport = options.transport ?? 'udp';
  const account = [
    `<sip:${username}@${server.host}:${server.port};transport=${transport}>`,
    `auth_user=${username}`,
    `auth_pass=${password}`,
    `regint=${options.expires ?? 3600}`,
    'answermode=auto',
  ].join(';');
  const config = `poll_method epoll
net_interface ${address}
sip_listen ${address}:0
audio_source ausine,440
ausrc_srate 48000
ausrc_channels 2
audio_player aufile,${join(directory, 'heard.wav')}
audio_alert aufile,${join(directory, 'alert.wav')}
audio_path ${join(tree.directory, 'usr/share/baresip')}
module_path ${join(tree.directory, 'usr/lib/baresip/modules')}
module g711.so
module ausine.so
module aufile.so
module_tmp account.so
module_app menu.so
module_app ctrl_tcp.so
ctrl_tcp_listen 127.0.0.1:${control}
`;
  return new Map([
    ['config', config],
    ['accounts', `${account}\n`],
    ['contacts', ''],
  ]);
}
