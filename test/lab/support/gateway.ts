import { spawn, type ChildProcess } from 'node:child_process';
import { createSocket, type Socket } from 'node:dgram';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { randomBytes } from 'node:crypto';
import { privateKeyFromPem, type PrivateKeyHandle } from '../../../src/crypto/private-key.ts';
import { publicKeyFromSpki } from '../../../src/crypto/public-key.ts';
import { connectCsc } from '../../../src/gateway/csc-client.ts';
import type { CscSession } from '../../../src/gateway/csc-session.ts';
import type { Session, SessionHandler } from '../../../src/gateway/session.ts';
import type { Alert } from '../../../src/model.ts';
import { CLI, jsonLines, ringfence } from '../../support/cli.ts';
import type { Lab } from './lab.ts';
import { freePort } from './ports.ts';
import { until } from './process.ts';
import type { Endpoint } from './sip-transport.ts';
import { UserAgent, type UserAgentOptions } from './ua.ts';

/** Where the gateway stands: outside for phones, inside for the PBX. */
export const OUTSIDE = '127.0.40.1';
export const INSIDE = '127.0.0.4';
/** Where lines take what phones say. */
export const LINE = '127.0.50.1';

export interface LabGatewayOptions {
  /** further lines of [gateway] */
  readonly settings?: readonly string[];
  /** further tables */
  readonly more?: readonly string[];
  readonly registrations?: 'contact' | 'path';
  readonly transport?: 'udp' | 'tcp';
  /** `run`: the daemon with the gateway in it; its alerts are in `alerts` */
  readonly as?: 'gateway' | 'run';
  /** where the PBX reaches it, if that must be known before */
  readonly inside?: Endpoint;
}

/** A real `ringfence gateway` before a lab's PBX (or its Kamailio), with keys of its own. */
export class LabGateway {
  readonly outside: Endpoint;
  readonly inside: Endpoint;
  readonly config: string;
  readonly directory: string;
  /** PEM of the CA */
  ca = '';
  stderr = '';
  stdout = '';
  as: 'gateway' | 'run' = 'gateway';
  #child: ChildProcess | null = null;
  readonly #closers: (() => unknown)[] = [];

  private constructor(directory: string, config: string, outside: Endpoint, inside: Endpoint) {
    this.directory = directory;
    this.config = config;
    this.outside = outside;
    this.inside = inside;
  }

  static async start(lab: Lab, options: LabGatewayOptions = {}): Promise<LabGateway> {
    const directory = join(lab.directory, `gateway-${randomBytes(3).toString('hex')}`);
    mkdirSync(directory);
    const outside = { host: OUTSIDE, port: await freePort(OUTSIDE) };
    const inside = options.inside ?? { host: INSIDE, port: await freePort(INSIDE) };
    const config = join(directory, 'ringfence.toml');
    const file = (name: string): string => join(directory, name);
    const lines = [
      '[site]\nname = "lab"\ntimezone = "UTC"\ncountry = "DE"\ncurrency = "EUR"',
      `[store]\npath = "${file('r.db')}"`,
      `[crypto]\ndomain = "lab.example"\ngateway = "${outside.host}:${outside.port}"\nkey_store = "${file('keys.json')}"\nmaster_key_file = "${file('master.key')}"`,
      '[gateway]',
      `listen = ["${outside.host}:${outside.port}"]`,
      `inside = "${inside.host}:${inside.port}"`,
      `secret_file = "${file('border.key')}"`,
      'check_every = "1s"',
      ...(options.settings ?? [
        `upstreams = [{ name = "pbx", address = "${options.transport ?? 'udp'}:${lab.edge.host}:${lab.edge.port}", registrations = "${options.registrations ?? 'contact'}" }]`,
      ]),
      ...(options.more ?? []),
    ];
    writeFileSync(config, `${lines.join('\n')}\n`, { mode: 0o600 });
    const gateway = new LabGateway(directory, config, outside, inside);
    await gateway.command('keys', 'init');
    gateway.ca = await gateway.command('keys', 'export', 'ca', '--form', 'pem');
    gateway.as = options.as ?? 'gateway';
    await gateway.boot();
    return gateway;
  }

  /** A command of ringfence with this gateway's settings. */
  async command(...args: readonly string[]): Promise<string> {
    const { status, stdout, stderr } = await ringfence([...args, '--config', this.config]);
    if (status !== 0) throw new Error(`ringfence ${args.join(' ')}: ${stderr}`);
    return stdout;
  }

  async boot(): Promise<void> {
    const child = spawn(process.execPath, [CLI, this.as, '--config', this.config, '--format', 'json'], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const last = (): void => void child.kill('SIGKILL');
    process.once('exit', last);
    const ends = { ended: false };
    child.once('close', () => {
      ends.ended = true;
      process.off('exit', last);
    });
    this.stderr = '';
    child.stdout.on('data', (chunk: Buffer) => (this.stdout += chunk.toString()));
    child.stderr.on('data', (chunk: Buffer) => (this.stderr = (this.stderr + chunk.toString()).slice(-200_000)));
    this.#child = child;
    await until('the gateway is ready', 20_000, () => this.stderr.includes('ringfence ready\n') || ends.ended);
    if (ends.ended) throw new Error(`ringfence gateway ended: ${this.stderr}`);
  }

  /** Alerts of the daemon. */
  get alerts(): Alert[] {
    return jsonLines(this.stdout.slice(0, this.stdout.lastIndexOf('\n') + 1));
  }

  get pid(): number {
    return this.#child?.pid ?? 0;
  }

  hangup(): void {
    this.#child?.kill('SIGHUP');
  }

  async end(signal: NodeJS.Signals): Promise<number | null> {
    const child = this.#child;
    if (child?.exitCode !== null || child.signalCode !== null) return child?.exitCode ?? null;
    const closed = new Promise<number | null>((done) => child.once('close', done));
    child.kill(signal);
    return await closed;
  }

  /** A phone that speaks SIP over TLS. */
  async phone(lab: Lab, extension: string, more: Partial<UserAgentOptions> = {}): Promise<UserAgent> {
    const agent = await lab.phone(extension, { protocol: 'tls', ca: this.ca, server: this.outside, ...more });
    this.#closers.push(() => agent.close());
    return agent;
  }

  /** Issues a key for an account. */
  async key(account: string): Promise<PrivateKeyHandle> {
    const key = join(this.directory, `${account}.pem`);
    const csr = join(this.directory, `${account}.csr`);
    const { openssl } = await import('../../support/openssl.ts');
    openssl(['req', '-new', '-newkey', 'rsa:2048', '-nodes', '-subj', `/CN=${account}`, '-keyout', key, '-out', csr]);
    await this.command('keys', 'issue', account, '--csr', csr, '--out', `${csr}.crt`);
    const read = privateKeyFromPem(readFileSync(key));
    if (!read.ok) throw new Error(read.reason);
    return read.value;
  }

  /** The CSC side of a phone that knows UDP alone: what comes from it goes through a session, and back. */
  async line(
    account: string,
    key: PrivateKeyHandle,
    { phone = null, port = 0 }: { readonly phone?: Endpoint | null; readonly port?: number } = {},
  ): Promise<CscLine> {
    const inst = randomBytes(16);
    const spki = (await this.command('keys', 'export', 'gateway', '--form', 'spki')).replaceAll(
      /-----[^-]*-----|\s/g,
      '',
    );
    const gateway = publicKeyFromSpki(Buffer.from(spki, 'base64'));
    if (!gateway.ok) throw new Error(gateway.reason);
    const line = await CscLine.open(
      async (handler) => {
        const { session } = await connectCsc({
          ...{
            host: this.outside.host,
            port: this.outside.port,
            ca: [this.ca],
            gateway: gateway.value,
            key,
            account,
            inst,
            handler,
          },
        });
        return session;
      },
      phone,
      port,
    );
    this.#closers.push(() => line.close());
    return line;
  }

  async stop(): Promise<void> {
    for (const close of this.#closers.splice(0)) await close();
    await this.end('SIGTERM');
  }
}

/** Joins a phone's datagrams to a CSC session, as an agent does, but keeps nothing. */
export class CscLine implements SessionHandler {
  readonly local: Endpoint;
  session: Session | null = null;
  readonly ends: string[] = [];
  readonly #socket: Socket;
  readonly #connect: (handler: SessionHandler) => Promise<Session>;
  #phone: Endpoint | null = null;

  private constructor(socket: Socket, connect: (handler: SessionHandler) => Promise<Session>) {
    this.#socket = socket;
    this.#connect = connect;
    this.local = { host: socket.address().address, port: socket.address().port };
    socket.on('message', (bytes, { address, port }) => {
      this.#phone = { host: address, port };
      this.session?.send(Buffer.from(bytes));
    });
  }

  /** @param phone where messages go before it has said anything */
  static async open(
    connect: (handler: SessionHandler) => Promise<Session>,
    phone: Endpoint | null = null,
    port = 0,
  ): Promise<CscLine> {
    const socket = createSocket('udp4');
    await new Promise<void>((done) => socket.bind({ address: LINE, port }, done));
    const line = new CscLine(socket, connect);
    line.#phone = phone;
    await line.connect();
    return line;
  }

  async connect(): Promise<void> {
    await this.#connect(this);
  }

  opened(session: Session): void {
    this.session = session;
  }

  message(_session: Session, bytes: Buffer): void {
    if (this.#phone !== null) this.#socket.send(bytes, this.#phone.port, this.#phone.host);
  }

  closed(session: Session, reason: string): void {
    this.ends.push(reason);
    if (this.session === session) this.session = null;
  }

  /** The connection is cut as by a reset, without a word. */
  cut(): void {
    (this.session as CscSession | null)?.cut('lost');
  }

  close(): void {
    this.session?.close('shutdown');
    this.#socket.close();
  }
}
