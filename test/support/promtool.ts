import { spawnSync } from 'node:child_process';
import { resolve } from 'node:path';

const FETCH = resolve(import.meta.dirname, '../../scripts/lab/fetch');

/** How promtool is called here: the one that RINGFENCE_PROMTOOL names, the machine's, or the Debian package's in the lab's cache. */
function find(): readonly string[] | string {
  for (const command of [process.env['RINGFENCE_PROMTOOL'], 'promtool'])
    if (command !== undefined && spawnSync(command, ['--version']).status === 0) return [command];
  const { status, stdout, stderr } = spawnSync('bash', [FETCH, 'prometheus'], { encoding: 'utf8', timeout: 120_000 });
  const tree = stdout.split('\t')[1];
  if (status === 0 && tree !== undefined) return [`${tree}/exec`, 'usr/bin/promtool'];
  return `there is no promtool (RINGFENCE_PROMTOOL names one): ${stderr.trim().split('\n').at(-1) ?? ''}`;
}

let found: ReturnType<typeof find> | undefined;

/** Runs promtool; a test on a machine that cannot have it is skipped, saying why. */
export function promtool(
  test: Mocha.Context,
  args: readonly string[],
  input = '',
): { readonly status: number | null; readonly said: string } {
  found ??= find();
  if (typeof found === 'string') {
    console.error(`      skipped: ${found}`);
    return test.skip();
  }
  const [command = '', ...before] = found;
  const { status, stdout, stderr } = spawnSync(command, [...before, ...args], { input, encoding: 'utf8' });
  return { status, said: `${stdout}${stderr}` };
}
