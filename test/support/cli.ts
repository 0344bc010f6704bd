/** The built program, as a user runs it. RINGFENCE_DIST names another build than dist/. */
import { spawn, type ChildProcessWithoutNullStreams } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Alert } from '../../src/model.ts';

const ROOT = resolve(import.meta.dirname, '../..');
export const CLI = join(resolve(ROOT, process.env['RINGFENCE_DIST'] ?? 'dist'), 'cli.js');

export interface Ran {
  /** exit status; -1: ended by a signal */
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunOptions {
  readonly cwd?: string;
  readonly input?: string;
  readonly env?: Readonly<Record<string, string>>;
  /** kills it (SIGKILL) after this time, milliseconds */
  readonly killAfter?: number;
}

const environment = (more: RunOptions['env']): NodeJS.ProcessEnv => {
  const env: NodeJS.ProcessEnv = { ...process.env, TZ: 'Europe/Berlin', LANG: 'de_DE.UTF-8', ...more };
  for (const name of ['NO_COLOR', 'FORCE_COLOR', 'NODE_OPTIONS', 'LC_ALL', 'NOTIFY_SOCKET'])
    if (more?.[name] === undefined) Reflect.deleteProperty(env, name);
  return env;
};

function start(args: readonly string[], options: RunOptions): ChildProcessWithoutNullStreams {
  if (!existsSync(CLI)) throw new Error(`${CLI} is missing: npm run build makes it`);
  const child = spawn(process.execPath, [CLI, ...args], {
    stdio: ['pipe', 'pipe', 'pipe'],
    env: environment(options.env),
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
  });
  const last = (): void => void child.kill('SIGKILL');
  process.once('exit', last);
  child.once('close', () => process.off('exit', last));
  child.stdin.on('error', () => undefined);
  return child;
}

/** Runs it to its end. */
export async function ringfence(args: readonly string[], options: RunOptions = {}): Promise<Ran> {
  const child = start(args, options);
  const out: Buffer[] = [];
  const err: Buffer[] = [];
  child.stdout.on('data', (chunk: Buffer) => out.push(chunk));
  child.stderr.on('data', (chunk: Buffer) => err.push(chunk));
  child.stdin.end(options.input ?? '');
  const timer = options.killAfter === undefined ? null : setTimeout(() => child.kill('SIGKILL'), options.killAfter);
  const status = await new Promise<number>((done) => child.on('close', (code) => done(code ?? -1)));
  if (timer !== null) clearTimeout(timer);
  return { status, stdout: Buffer.concat(out).toString(), stderr: Buffer.concat(err).toString() };
}

/** Lines of JSON, one object each; throws where a line is anything else. */
export const jsonLines = <T = Alert>(text: string): T[] =>
  text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as T);

/** Waits until `ready` holds. */
export async function until(what: string, ready: () => boolean | Promise<boolean>, limit = 10_000): Promise<void> {
  const end = Date.now() + limit;
  while (!(await ready())) {
    if (Date.now() > end) throw new Error(`waited ${limit} ms in vain: ${what}`);
    await sleep(20);
  }
}

interface DaemonOptions extends RunOptions {
  /** default: run */
  readonly command?: 'run' | 'agent';
  /** false: it is not waited for */
  readonly ready?: boolean;
}

/** A running `ringfence run`, or another command that goes on until it is ended. */
export class Daemon {
  stdout = '';
  stderr = '';
  status: number | null = null;
  readonly child: ChildProcessWithoutNullStreams;

  private constructor(args: readonly string[], options: DaemonOptions) {
    this.child = start([options.command ?? 'run', '--format', 'json', ...args], options);
    this.child.stdout.on('data', (chunk: Buffer) => (this.stdout += chunk.toString()));
    this.child.stderr.on('data', (chunk: Buffer) => (this.stderr += chunk.toString()));
    this.child.on('close', (code) => (this.status = code ?? -1));
  }

  /** Starts it and waits for `ringfence ready` (or, without, just starts it). */
  static async start(args: readonly string[], options: DaemonOptions = {}): Promise<Daemon> {
    const daemon = new Daemon(args, options);
    const { command = 'run' } = options;
    if (options.ready === false) return daemon;
    const ready = command === 'run' ? 'ringfence ready\n' : `ringfence ${command} ready\n`;
    await until(ready, () => daemon.stderr.includes(ready) || daemon.status !== null);
    if (daemon.status !== null) throw new Error(`ringfence ${command} ended with ${daemon.status}: ${daemon.stderr}`);
    return daemon;
  }

  get alerts(): Alert[] {
    return jsonLines(this.stdout);
  }

  /** Sends a signal and waits for the end. @returns exit status and how long it took, milliseconds */
  async end(signal: NodeJS.Signals = 'SIGTERM'): Promise<{ status: number; took: number }> {
    const began = Date.now();
    if (this.status === null) this.child.kill(signal);
    await until(`the end after ${signal}`, () => this.status !== null, 20_000);
    return { status: this.status ?? -1, took: Date.now() - began };
  }
}

/** A closed German office whose every file lies in `folder`. `more` are further lines of its settings. */
export function writeSettings(folder: string, more = '', name = 'ringfence.toml'): string {
  const file = join(folder, name);
  writeFileSync(
    file,
    `[site]
name = "test"
timezone = "Europe/Berlin"
country = "DE"
[dialing]
international = ["00"]
internal = "^[0-9]{3,4}$"
[hours]
open = []
${more.includes('[console]') ? '' : '[console]\nlisten = ""'}
[store]
path = "${join(folder, 'ringfence.db')}"
[asterisk.cdr]
path = "${join(folder, 'Master.csv')}"
${more}
`,
    { mode: 0o600 },
  );
  return file;
}

const wall = (at: number): string => new Date(at).toISOString().slice(0, 19).replace('T', ' ');

/** A number in Vienna, other accounts' being far from it: where several call one block of numbers, that is one story. */
const viennaOf = (account: string): string => `004315${account.replace(/\D/g, '').padStart(6, '0').slice(-6)}0001`;

/**
 * A row of Master.csv: a call of a minute abroad (`dialled`, else Vienna) at `at` (epoch ms), from account `account`. To a closed
 * office each account's first is one piece of evidence.
 */
export const row = (uniqueid: string, account: string, at: number, dialled = viennaOf(account)): string =>
  `"","${account}","${dialled}","from-internal","""A"" <${account}>","PJSIP/${account}-00000001","PJSIP/trunk-00000002",` +
  `"Dial","PJSIP/${dialled}@trunk,60","${wall(at)}","${wall(at + 1000)}","${wall(at + 61_000)}",61,60,"ANSWERED",` +
  `"DOCUMENTATION","${uniqueid}",""\n`;

/** What a store holds, read by the program itself: incidents by `alerts list`, evidence by `alerts show`. */
export async function incidents(settings: string): Promise<{ id: string; accounts: string[]; calls: string[] }[]> {
  const listed = await ringfence([
    'alerts',
    'list',
    '--limit',
    '999999',
    '--config',
    settings,
    '--format',
    'json',
    '--quiet',
  ]);
  if (listed.status !== 0) throw new Error(listed.stderr);
  return jsonLines(listed.stdout);
}

export const readText = (path: string): string => readFileSync(path, 'utf8');
