/** Every benchmark of this folder that needs no PBX, one after the other, each in a process of its own. `npm run bench -- hep` runs those whose name has `hep` in it. */
import { spawnSync } from 'node:child_process';
import { cpus, loadavg, release } from 'node:os';
import { join } from 'node:path';

const BENCHMARKS = [
  'hep-stages',
  'hep-udp',
  'hep-run',
  'cdr-scan',
  'habits',
  'memory',
  'sip',
  'keys',
  'smime',
  'console',
  'csc',
];
const wanted = process.argv.slice(2);

console.log(`node ${process.version}, Linux ${release()}, ${cpus().length} x ${cpus()[0]?.model ?? 'unknown'}, load ${loadavg()[0]?.toFixed(1) ?? '?'}`); // prettier-ignore
let failed = 0;
for (const name of BENCHMARKS) {
  if (wanted.length > 0 && !wanted.some((part) => name.includes(part))) continue;
  console.log(`\n== ${name}`);
  const args = ['--expose-gc', '--import', 'tsx', join(import.meta.dirname, `${name}.ts`)];
  if (spawnSync(process.execPath, args, { stdio: 'inherit' }).status !== 0) failed++;
}
process.exitCode = failed === 0 ? 0 : 1;
