/**
 * Child processes of the benchmarks. A receiver is measured as it runs in the field: plain JavaScript under plain node,
 * without the loader that compiles on the way in, pinned to a core of its own where taskset (util-linux) is there.
 */
import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import ts from 'typescript';

export const ROOT = resolve(import.meta.dirname, '../../..');

/** The built program that is measured: dist/, or what RINGFENCE_DIST names. */
export const DIST = resolve(ROOT, process.env['RINGFENCE_DIST'] ?? 'dist');

const hasTaskset = spawnSync('taskset', ['--version']).status === 0;

/** Are sender and receiver on a core each? */
export const pinned = hasTaskset && availableParallelism() > 1;

/** A folder that is gone when the benchmark ends. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'ringfence-bench-'));
  process.once('exit', () => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

export interface NodeIo {
  readonly ipc?: boolean;
  readonly stdout?: 'pipe' | 'ignore' | 'inherit';
  readonly stderr?: 'pipe' | 'ignore' | 'inherit';
}

/** Starts `node ARGS` on one core (of two or more). */
export function startNode(core: number, args: readonly string[], io: NodeIo = {}): ChildProcess {
  const stdio = [
    'ignore',
    io.stdout ?? 'inherit',
    io.stderr ?? 'inherit',
    ...(io.ipc === true ? ['ipc' as const] : []),
  ] as const;
  const command = pinned ? 'taskset' : process.execPath;
  const all = pinned ? ['-c', String(core), process.execPath, ...args] : args;
  return spawn(command, all, { stdio: [...stdio], cwd: ROOT });
}

/** A child that answers each message with one message. */
export class Child {
  readonly #process: ChildProcess;

  /** `file` is a TypeScript file beside this one that imports node's modules alone; it is given the URL of the built program. */
  constructor(core: number, file: string, ...args: readonly string[]) {
    const script = join(temporaryFolder(), `${file}.mjs`);
    const source = readFileSync(join(import.meta.dirname, `${file}.ts`), 'utf8');
    const compilerOptions = {
      target: ts.ScriptTarget.ES2023,
      module: ts.ModuleKind.ESNext,
      verbatimModuleSyntax: true,
    };
    writeFileSync(script, ts.transpileModule(source, { compilerOptions }).outputText);
    const urls = [pathToFileURL(`${DIST}/`).href, pathToFileURL(`${ROOT}/package.json`).href];
    this.#process = startNode(core, [script, ...urls, ...args], { ipc: true });
  }

  async ask<T>(question: object): Promise<T> {
    this.#process.send(question);
    const ended = new AbortController();
    const end = (): void => ended.abort(new Error('a child of the benchmark ended'));
    this.#process.once('exit', end);
    const [answer] = (await once(this.#process, 'message', { signal: ended.signal })) as [T];
    this.#process.off('exit', end);
    return answer;
  }

  async end(): Promise<void> {
    const ended = once(this.#process, 'exit');
    this.#process.disconnect();
    await ended;
  }
}
