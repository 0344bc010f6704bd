import { randomBytes } from 'node:crypto';
import { chmodSync, existsSync, mkdirSync, readFileSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Ami } from './ami.ts';
import { pbxFiles } from './asterisk-files.ts';
import type { Account, CdrOptions, HepTarget, TrunkPlace } from './asterisk-files.ts';
import { asteriskMajor, libraryDirectory } from './packages.ts';
import type { Tree } from './packages.ts';
import { freePort } from './ports.ts';
import { logTail, pause, start } from './process.ts';
import type { Running } from './process.ts';

export interface AsteriskOptions {
  readonly tree: Tree;
  /** An own directory for configuration, logs, records and the AstDB; it is made. */
  readonly directory: string;
  readonly host?: string;
  readonly sipPort?: number;
  readonly role?: 'office' | 'carrier';
  readonly accounts?: readonly Account[];
  readonly trunk?: TrunkPlace;
  readonly cdr?: CdrOptions;
  readonly hep?: HepTarget | null;
  readonly channelVariables?: boolean;
  readonly guard?: string;
  readonly context?: string;
  readonly ipv6?: boolean;
}

// from another block in each process: two labs that run at once would take each other's ports, and answer 488
let rtpBlock = process.pid % 20;

/** A real Asterisk that runs from an unpacked tree, as this user, in a directory of its own. */
export class Asterisk {
  readonly host: string;
  readonly sipPort: number;
  readonly amiPort: number;
  /** The manager account that docs/lab.md describes. */
  readonly amiUsername = 'ringfence';
  readonly amiSecret: string;
  /** A file with that secret, readable by this user alone. */
  readonly amiSecretFile: string;
  readonly masterCsv: string;
  readonly etc: string;
  readonly log: string;
  /** Milliseconds from the start of the program to FullyBooted, of the last start. */
  bootMs = 0;
  readonly #command: readonly string[];
  readonly #directory: string;
  readonly #labSecret: string;
  #process: Running | undefined;
  #ami: Ami | undefined;

  private constructor(options: AsteriskOptions, ports: { sip: number; ami: number }) {
    this.host = options.host ?? '127.0.0.1';
    this.sipPort = ports.sip;
    this.amiPort = ports.ami;
    this.amiSecret = randomBytes(12).toString('hex');
    this.#labSecret = randomBytes(12).toString('hex');
    this.#directory = options.directory;
    this.etc = join(options.directory, 'etc');
    this.log = join(options.directory, 'asterisk.log');
    this.masterCsv = join(options.directory, 'log/cdr-csv/Master.csv');
    this.amiSecretFile = join(options.directory, 'ami.secret');
    this.#command = options.tree.command('usr/sbin/asterisk', '-f', '-C', join(this.etc, 'asterisk.conf'));
    this.#write(options);
  }

  /** Writes the configuration, starts Asterisk and waits until it has fully booted. */
  static async start(options: AsteriskOptions): Promise<Asterisk> {
    const host = options.host ?? '127.0.0.1';
    const asterisk = new Asterisk(options, {
      sip: options.sipPort ?? (await freePort(host)),
      ami: await freePort(host),
    });
    await asterisk.boot();
    return asterisk;
  }

  #write(options: AsteriskOptions): void {
    for (const name of ['etc', 'cache', 'varlib/keys', 'spool', 'run', 'log/cdr-csv', 'log/cdr-custom']) {
      mkdirSync(join(options.directory, name), { recursive: true });
    }
    const moduleDirectory = libraryDirectory(options.tree, 'asterisk/modules');
    // two ports for each leg: a forger's calls, whose answers nobody acknowledges, stay up for 32 s
    const firstRtpPort = 20_000 + (rtpBlock++ % 20) * 1_000;
    const files = pbxFiles({
      directory: options.directory,
      moduleDirectory,
      dataDirectory: dataDirectory(options),
      modules: readdirSync(moduleDirectory),
      major: asteriskMajor(options.tree),
      host: this.host,
      sipPort: this.sipPort,
      amiPort: this.amiPort,
      amiSecret: this.amiSecret,
      labSecret: this.#labSecret,
      rtpPorts: [firstRtpPort, firstRtpPort + 999],
      accounts: options.accounts ?? [],
      role: options.role ?? 'office',
      cdr: options.cdr ?? {},
      hep: options.hep ?? null,
      channelVariables: options.channelVariables ?? true,
      ...(options.trunk === undefined ? {} : { trunk: options.trunk }),
      ...(options.guard === undefined ? {} : { guard: options.guard }),
      ...(options.context === undefined ? {} : { context: options.context }),
      ...(options.ipv6 === undefined ? {} : { ipv6: options.ipv6 }),
    });
    for (const [name, text] of files) writeFileSync(join(this.etc, name), text);
    writeFileSync(this.amiSecretFile, this.amiSecret, { mode: 0o600 });
    chmodSync(this.amiSecretFile, 0o600);
  }

  /** Starts Asterisk again after `stop` or `kill9`, on the same ports, with what its AstDB then holds. */
  async boot(): Promise<void> {
    const began = Date.now();
    this.#process = start(this.#command, { cwd: this.#directory, log: this.log });
    this.#ami = await this.#login(began + 20_000);
    await this.#ami.event('FullyBooted', (message) => message.headers.get('Event') === 'FullyBooted', 20_000);
    this.bootMs = Date.now() - began;
  }

  async #login(deadline: number): Promise<Ami> {
    for (;;) {
      try {
        return await Ami.login({ host: this.host, port: this.amiPort, username: 'lab', secret: this.#labSecret });
      } catch (error) {
        if (this.#process?.running() !== true || Date.now() > deadline) {
          throw new Error(`Asterisk did not come up:\n${logTail(this.log)}`, { cause: error });
        }
        await pause(20);
      }
    }
  }

  /** The harness's own manager connection. */
  get ami(): Ami {
    if (this.#ami === undefined) throw new Error('Asterisk is not running');
    return this.#ami;
  }

  get pid(): number {
    return this.#process?.pid ?? 0;
  }

  /** Runs a command of Asterisk's console and returns its output. */
  async cli(command: string): Promise<string> {
    const answer = await this.ami.action('Command', { Command: command });
    return answer.lines
      .filter((line) => line.startsWith('Output: '))
      .map((line) => line.slice(8))
      .join('\n');
  }

  /** The lines of Master.csv so far. */
  records(): string[] {
    try {
      return readFileSync(this.masterCsv, 'utf8')
        .split('\n')
        .filter((line) => line !== '');
    } catch {
      return [];
    }
  }

  /** Ends Asterisk in an orderly way (SIGTERM): live calls get a BYE and a record. */
  async stop(): Promise<void> {
    this.#ami?.close();
    this.#ami = undefined;
    await this.#process?.stop(5000);
    this.#process = undefined;
  }

  /** SIGKILL: no BYE, no record, and the AstDB loses what it had not committed. */
  async kill9(): Promise<void> {
    this.#ami?.close();
    this.#ami = undefined;
    this.#process?.signal('SIGKILL');
    await this.#process?.exited;
    this.#process = undefined;
  }

  async restart(): Promise<void> {
    await this.stop();
    await this.boot();
  }
}

/** Asterisk's data as they are once its packages are installed: `sounds/en` is a link to the voice, which their set-up makes. */
function dataDirectory({ directory, tree }: AsteriskOptions): string {
  const shared = join(tree.directory, 'usr/share/asterisk');
  const own = join(directory, 'data');
  mkdirSync(join(own, 'sounds'), { recursive: true });
  const link = (from: string, to: string): void => {
    if (!existsSync(to)) symlinkSync(from, to);
  };
  for (const name of readdirSync(shared)) if (name !== 'sounds') link(join(shared, name), join(own, name));
  for (const name of readdirSync(join(shared, 'sounds'))) link(join(shared, 'sounds', name), join(own, 'sounds', name));
  link('en_US_f_Allison', join(own, 'sounds/en'));
  return own;
}
