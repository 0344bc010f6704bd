import type { NetConnectOpts, OnReadOpts } from 'node:net';
import manager from 'asterisk-manager';
import type { Manager } from 'asterisk-manager';
import { messageOf, PeerError } from '../errors.ts';
import type { Millis } from '../model.ts';
import { AmiFramer, encodeAmiAction } from '../wire/ami.ts';
import type { AmiItem, AmiMessage } from '../wire/ami.ts';
import { bridgeTls } from './ami-bridge.ts';
import type { TlsBridge } from './ami-bridge.ts';

/** One header of an action. */
export type AmiHeaders = readonly (readonly [name: string, value: string])[];

export interface AmiOptions {
  readonly host: string;
  readonly port: number;
  readonly username: string;
  readonly secret: string;
  /** null or absent: plain TCP. `ca`: PEM certificates to trust instead of the system's; `servername`: the name in the certificate, if it is not `host` */
  readonly tls?: { readonly ca?: string; readonly servername?: string } | null;
  /** for the connection and the login each; default 5,000 */
  readonly connectMs?: Millis;
  /** for one action, and between two items of a list; default 5,000 */
  readonly actionMs?: Millis;
  /** between two Pings; default 15,000 */
  readonly pingMs?: Millis;
  /** ends the session, and an attempt to make one */
  readonly signal?: AbortSignal;
}

interface TransportHandlers {
  /** One message or refusal after the login, synchronously in the socket's callback. */
  item(item: AmiItem, arrival: Millis): void;
  /** Told once, when the connection is gone; nothing comes after it. */
  closed(error: PeerError): void;
}

const READ_BYTES = 65_536;
const CONNECT_MS: Millis = 5_000;

/**
 * One AMI connection, from connecting to its end, over one instance of asterisk-manager that is never used again.
 *
 * The package connects, logs in and writes. It does not read: bytes go to our own framer through the net option `onread`,
 * because its reader holds what has no end, takes seconds over long answers, glues the rest of an old connection to a new
 * one and lets events (`Event: close`, `Event: rawevent`) call its own listeners. So it hears no word from the wire, and
 * what it waits for (answers by ActionID) is told to it from here.
 */
export class AmiTransport {
  /** what the banner says, `11.0.0` */
  version = '';
  readonly #where: string;
  readonly #options: AmiOptions;
  readonly #handlers: TransportHandlers;
  readonly #manager: Manager;
  readonly #framer = new AmiFramer();
  readonly #stop = new AbortController();
  /** ActionIDs that the package still has listeners for */
  readonly #waiting = new Set<string>();
  #bridge: TlsBridge | null = null;
  #connected = false;
  #phase: 'banner' | 'login' | 'open' | 'closed' = 'banner';
  #failure: PeerError | null = null;
  #opened: { resolve(): void; reject(error: PeerError): void } | null = null;

  private constructor(options: AmiOptions, handlers: TransportHandlers) {
    this.#where = `${options.host.includes(':') ? `[${options.host}]` : options.host}:${options.port}`;
    this.#options = options;
    this.#handlers = handlers;
    this.#manager = manager(undefined, undefined, options.username, options.secret, true);
  }

  /** Connects and logs in. @throws PeerError with the reason and what to do */
  static async open(options: AmiOptions, handlers: TransportHandlers): Promise<AmiTransport> {
    const login = encodeAmiAction(
      'Login',
      [
        ['Username', options.username],
        ['Secret', options.secret],
      ],
      '0',
    );
    if (!login.ok) throw new PeerError('peer-protocol', `AMI login cannot be sent: ${login.reason}`, false);
    const transport = new AmiTransport(options, handlers);
    await transport.#open();
    return transport;
  }

  get where(): string {
    return this.#where;
  }

  /** Answers that the package still waits for. */
  get waiting(): number {
    return this.#waiting.size;
  }
  async #open(): Promise<void> {
    const { signal } = this.#options;
    const stopped = (): void => this.#fail(new PeerError('peer-closed', 'the AMI session was closed by us', true));
    signal?.addEventListener('abort', stopped, { signal: this.#stop.signal });
    const target = await this.#target();
    if (signal?.aborted === true) stopped();
    if (this.#failure !== null) throw this.#failure;
    const limit = this.#options.connectMs ?? CONNECT_MS;
    const timer = setTimeout(() => {
      const missing =
        this.#phase === 'login' ? 'did not answer the login' : this.#connected ? NO_BANNER : NO_CONNECTION;
      this.#fail(new PeerError('peer-timeout', `AMI at ${this.#where} ${missing} within ${limit} ms`, true));
    }, limit);
    try {
      await new Promise<void>((resolve, reject) => {
        this.#opened = { resolve, reject };
        this.#manager.on('error', (error) => (this.#failure ??= this.#unreachable(error)));
        this.#manager.on('close', () => this.#closed());
        this.#manager.connect({ ...target, ...this.#socketOptions() }, undefined, () => (this.#connected = true));
      });
    } finally {
      clearTimeout(timer);
      this.#opened = null;
    }
  }
  async #target(): Promise<NetConnectOpts> {
    const { host, port, tls } = this.#options;
    if (tls === undefined || tls === null) return { host, port };
    this.#bridge = await bridgeTls({ host, port, ...tls }, this.#options.connectMs ?? CONNECT_MS);
    return { path: this.#bridge.path };
  }

  #socketOptions(): { onread: OnReadOpts; signal: AbortSignal } {
    const callback = (bytes: number, buffer: Uint8Array): boolean => {
      this.#read(Buffer.from(buffer.buffer, buffer.byteOffset, bytes));
      return true;
    };
    return { onread: { buffer: Buffer.allocUnsafeSlow(READ_BYTES), callback }, signal: this.#stop.signal };
  }

  #read(bytes: Buffer): void {
    const arrival = Date.now();
    for (const item of this.#framer.push(bytes)) {
      if (this.#phase === 'closed') return;
      if (this.#phase === 'open') this.#handlers.item(item, arrival);
      else if (this.#phase === 'login') this.#loginAnswer(item, arrival);
      else this.#banner(item);
    }
    // a peer that is no AMI may send a line without an end: what is held for it is small, but it is no banner
    if (this.#phase === 'banner' && this.#framer.pending > BANNER_BYTES) this.#fail(this.#noAmi());
  }

  #banner(item: AmiItem): void {
    if (item.kind !== 'banner') {
      this.#fail(this.#noAmi());
      return;
    }
    this.version = item.version;
    this.#phase = 'login';
    this.#manager.login(() => undefined);
  }

  #loginAnswer(item: AmiItem, arrival: Millis): void {
    if (item.kind === 'message' && item.message.kind === 'response') {
      const id = item.message.get('ActionID') ?? '';
      // the package's own ActionID is made of digits: anything else could be the name of one of its events
      if (item.message.name === 'Success' && /^\d+$/.test(id) && this.#manager.listeners(id).length === 1) {
        this.#phase = 'open';
        this.#manager.emit(id);
        this.#opened?.resolve();
      } else this.#fail(this.#loginRefused(item.message));
    } else if (item.kind === 'message') this.#handlers.item(item, arrival);
  }

  /**
   * Sends an action. The caller tells `answered` when it waits no longer, whatever the outcome.
   * @throws PeerError when it cannot be sent as it is
   */
  send(name: string, headers: AmiHeaders, actionId: string): void {
    if (this.#phase !== 'open') throw this.#failure ?? this.#gone();
    const problem = unsendable(name, headers, actionId);
    if (problem !== null) throw new PeerError('peer-protocol', `AMI action ${name} was not sent: ${problem}`, false);
    this.#waiting.add(actionId);
    const named: Record<string, string> = { action: name, actionid: actionId };
    for (const [header, value] of headers) named[header.toLowerCase()] = value;
    this.#manager.action(named);
  }

  /** Frees what the package keeps for an action; without this it would keep it for ever. */
  answered(actionId: string): void {
    if (this.#waiting.delete(actionId)) this.#manager.emit(actionId);
  }

  /** Ends the connection. `closed` is told with the reason. */
  close(reason: PeerError): void {
    this.#fail(reason);
  }

  #fail(error: PeerError): void {
    this.#failure ??= error;
    this.#stop.abort();
    this.#closed();
  }

  #closed(): void {
    if (this.#phase === 'closed') return;
    const wasOpen = this.#phase === 'open';
    const before = this.#phase;
    this.#phase = 'closed';
    this.#failure = this.#bridge?.failure ?? this.#failure ?? this.#gone(before);
    this.#stop.abort();
    this.#bridge?.close();
    for (const id of [...this.#waiting]) this.answered(id);
    if (wasOpen) this.#handlers.closed(this.#failure);
    else this.#opened?.reject(this.#failure);
  }

  #gone(phase: string = this.#phase): PeerError {
    const when =
      phase === 'banner'
        ? ' before its banner (deny/permit in manager.conf?)'
        : phase === 'login'
          ? ' during the login'
          : '';
    return new PeerError('peer-closed', `AMI at ${this.#where} closed the connection${when}`, true);
  }

  #unreachable(error: Error): PeerError {
    const code = 'code' in error ? String(error.code) : '';
    const hint = code === 'ECONNREFUSED' ? ': is Asterisk running, and enabled = yes in manager.conf?' : '';
    return new PeerError('peer-unreachable', `AMI at ${this.#where}: ${messageOf(error)}${hint}`, true, {
      cause: error,
    });
  }

  #noAmi(): PeerError {
    return new PeerError(
      'peer-protocol',
      `what answers at ${this.#where} is no Asterisk Manager: check asterisk.ami.host, port and tls (bindport, tlsbindaddr in manager.conf)`,
      true,
    );
  }

  #loginRefused(answer: AmiMessage): PeerError {
    const { username } = this.#options;
    return new PeerError(
      'peer-refused',
      `AMI at ${this.#where} refuses user "${username}" (${answer.get('Message') ?? answer.name}): compare asterisk.ami.secret_file with secret in [${username}] of manager.conf, and its deny/permit lines`,
      false,
    );
  }
}

const BANNER_BYTES = 256;
const NO_BANNER = 'sent no banner (is this the manager port, and is tls right?)';
const NO_CONNECTION = 'could not be reached';

/**
 * Why this action cannot be sent, or null. To the wire's rules come the package's: it keeps one header of a name, and sorts
 * the lines, so that a header before "ActionID" would take the second place from it.
 */
function unsendable(name: string, headers: AmiHeaders, actionId: string): string | null {
  const encoded = encodeAmiAction(name, headers, actionId);
  if (!encoded.ok) return encoded.reason;
  const seen = new Set<string>();
  for (const [header] of headers) {
    const lower = header.toLowerCase();
    if (seen.has(lower)) return `${header} comes twice`;
    if (lower === '__proto__') return `${header} cannot be sent`;
    if (`${lower.charAt(0).toUpperCase()}${lower.slice(1)}` < 'ActionID')
      return `${header} would stand before ActionID`;
    seen.add(lower);
  }
  return null;
}
