/** test/vectors/csc/csc1.py, the second implementation of CSC/1, run by the lab's own Python. */
import { spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Tree } from '../lab/support/packages.ts';

const SCRIPT = join(import.meta.dirname, '../vectors/csc/csc1.py');

/** @returns what it printed, and its words when it failed */
export async function csc1(
  tree: Tree,
  command: string,
  settings: { readonly file: string; readonly value: object } | null = null,
  line: (text: string) => void = () => undefined,
): Promise<{ readonly lines: readonly string[]; readonly failed: string | null }> {
  if (settings !== null) writeFileSync(settings.file, JSON.stringify(settings.value));
  const usr = join(tree.directory, 'usr');
  const [program = '', ...args] = tree.command('usr/bin/python3', SCRIPT, command, ...(settings === null ? [] : [settings.file])); // prettier-ignore
  const child = spawn(program, args, {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { PYTHONHOME: usr, PYTHONPATH: join(usr, 'lib/python3/dist-packages'), PYTHONDONTWRITEBYTECODE: '1', PYTHONNOUSERSITE: '1' }, // prettier-ignore
    timeout: 30_000,
  });
  let errors = '';
  child.stderr.on('data', (chunk: Buffer) => (errors += chunk.toString()));
  const ended = new Promise<number | null>((resolve) => child.once('close', resolve));
  const lines: string[] = [];
  for await (const text of createInterface({ input: child.stdout })) {
    lines.push(text);
    line(text);
  }
  const status = await ended;
  return { lines, failed: status === 0 ? null : errors };
}
