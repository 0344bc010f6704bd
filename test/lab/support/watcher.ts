import { spawn, type ChildProcess } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Alert } from '../../../src/model.ts';
import { repository } from './packages.ts';
import { until } from './process.ts';

/** One alert line of a running ringfence and when it was read, epoch ms. */
export interface SeenAlert {
  readonly at: number;
  readonly alert: Alert;
}

const CLI = join(repository, 'dist', 'cli.js');

/** `node dist/cli.js` with arguments, run to its end. */
export async function ringfence(args: readonly string[]): Promise<{ status: number; stdout: string; stderr: string }> {
  const child = spawn(process.execPath, [CLI, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
  const output = { stdout: '', stderr: '' };
  child.stdout.on('data', (chunk: Buffer) => (output.stdout += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (output.stderr += chunk.toString()));
  const status = await new Promise<number>((done) => child.on('close', (code) => done(code ?? -1)));
  return { status, ...output };
}

/** A real `ringfence run`, watching. */
export class Watcher {
  readonly alerts: SeenAlert[] = [];
  readonly settings: string;
  readonly #child: ChildProcess;
  #stderr = '';
  #ended = false;

  private constructor(settings: string, child: ChildProcess) {
    this.settings = settings;
    this.#child = child;
    child.on('close', () => (this.#ended = true));
    child.stderr?.on('data', (chunk: Buffer) => (this.#stderr = (this.#stderr + chunk.toString()).slice(-100_000)));
    if (child.stdout !== null)
      createInterface({ input: child.stdout }).on('line', (line) => {
        this.alerts.push({ at: Date.now(), alert: JSON.parse(line) as Alert });
      });
  }

  /** Starts it and waits until it says that it is ready: listening, and logged in to Asterisk. */
  static async start(settings: string): Promise<Watcher> {
    if (!existsSync(CLI)) throw new Error(`${CLI} is missing: npm run build makes it`);
    const child = spawn(process.execPath, [CLI, 'run', '--config', settings, '--format', 'json'], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const watcher = new Watcher(settings, child);
    const last = (): void => void child.kill('SIGKILL');
    process.once('exit', last);
    child.once('close', () => process.off('exit', last));
    await until('ringfence ready', 15_000, () => watcher.#stderr.includes('ringfence ready\n') || watcher.#ended);
    if (watcher.#ended) throw new Error(`ringfence run ended: ${watcher.#stderr}`);
    return watcher;
  }

  get stderr(): string {
    return this.#stderr;
  }

  get pid(): number {
    return this.#child.pid ?? -1;
  }

  /** The first alert that fits, once it is there. */
  async alert(fits: (alert: Alert) => boolean, what: string, limit = 10_000): Promise<SeenAlert> {
    const find = (): SeenAlert | undefined => this.alerts.find((seen) => fits(seen.alert));
    const found = await until(what, limit, () => find() ?? this.#ended).catch(() => undefined);
    if (typeof found === 'object') return found;
    const told = this.alerts.map(({ alert }) => `${alert.severity} ${alert.detector}: ${alert.summary}`).join('\n');
    throw new Error(`no alert: ${what}. Told were:\n${told}\n${this.#stderr.slice(-3_000)}`);
  }

  hangup(): void {
    this.#child.kill('SIGHUP');
  }

  kill9(): Promise<void> {
    return this.#end('SIGKILL');
  }

  stop(): Promise<void> {
    return this.#end('SIGTERM');
  }

  async #end(signal: NodeJS.Signals): Promise<void> {
    if (this.#ended) return;
    const closed = new Promise<void>((done) => this.#child.once('close', () => done()));
    this.#child.kill(signal);
    await closed;
  }
}
