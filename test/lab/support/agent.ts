import { spawn, type ChildProcess } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { randomBytes } from 'node:crypto';
import { CLI, ringfence } from '../../support/cli.ts';
import type { LabGateway } from './gateway.ts';
import { freePort } from './ports.ts';
import { until } from './process.ts';
import type { Endpoint } from './sip-transport.ts';

/** Where the lab's agents listen for phones. */
export const BESIDE_PHONES = '127.0.60.1';

/** A real `ringfence agent`, enrolled by a token at a lab's gateway. */
export class LabAgent {
  /** the phones' outbound proxy */
  readonly local: Endpoint;
  readonly config: string;
  stderr = '';
  #child: ChildProcess | null = null;

  private constructor(local: Endpoint, config: string) {
    this.local = local;
    this.config = config;
  }

  /** @param more further lines of [agent] */
  static async start(gateway: LabGateway, account: string, more: readonly string[] = []): Promise<LabAgent> {
    const directory = join(gateway.directory, `agent-${account}-${randomBytes(3).toString('hex')}`);
    mkdirSync(directory);
    const local = { host: BESIDE_PHONES, port: await freePort(BESIDE_PHONES) };
    const config = join(directory, 'agent.toml');
    const at = `${local.host}:${local.port}`;
    writeFileSync(
      config,
      [
        '[site]\nname = "away"\ntimezone = "UTC"\ncountry = "DE"\ncurrency = "EUR"\n[agent]',
        `listen = ["udp:${at}", "tcp:${at}"]\nallow = ["127.0.0.0/8"]\nstate = "${join(directory, 'state')}"`,
        ...more,
        '',
      ].join('\n'),
    );
    const agent = new LabAgent(local, config);
    const line = (await gateway.command('keys', 'enrol', account)).trim();
    await agent.command(...line.split(' ').slice(1));
    await agent.boot();
    return agent;
  }

  async command(...args: readonly string[]): Promise<string> {
    const { status, stdout, stderr } = await ringfence([...args, '--config', this.config]);
    if (status !== 0) throw new Error(`ringfence ${args.join(' ')}: ${stdout}${stderr}`);
    return stdout;
  }

  async boot(): Promise<void> {
    const child = spawn(process.execPath, [CLI, 'agent', '--config', this.config], {
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    const last = (): void => void child.kill('SIGKILL');
    process.once('exit', last);
    const ends = { ended: false };
    child.once('close', () => {
      ends.ended = true;
      process.off('exit', last);
    });
    child.stderr.on('data', (chunk: Buffer) => (this.stderr = (this.stderr + chunk.toString()).slice(-100_000)));
    this.#child = child;
    await until('the agent is ready', 20_000, () => this.stderr.includes('ringfence agent ready\n') || ends.ended);
    if (ends.ended) throw new Error(`ringfence agent ended: ${this.stderr}`);
  }

  async end(signal: NodeJS.Signals): Promise<number | null> {
    const child = this.#child;
    if (child?.exitCode !== null || child.signalCode !== null) return child?.exitCode ?? null;
    const closed = new Promise<number | null>((done) => child.once('close', done));
    child.kill(signal);
    return await closed;
  }
}
