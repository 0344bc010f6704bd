/**
 * Claim: `ringfence scan` judges 300,000 call records a second, from the file to the incidents in the store.
 *
 * Controls in the same run: node's readline with a split at commas (which is wrong for quoted fields, and judges nothing),
 * the reader alone, and the reader with correlation and detectors but no store.
 * Limits: the file is in the page cache; one office's mix (support/records.ts), of which one call in ten is placed while the
 * office is closed. The command's time is that from its start to its exit, half a second of which node takes to load it.
 */
import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { Child, DIST, startNode, temporaryFolder } from './support/child.ts';
import { grouped, mebibytes, median, table } from './support/print.ts';
import { writeRecords } from './support/records.ts';
import { BENCH_SETTINGS, settingsFile } from './support/settings.ts';
import type { Done, Work } from './support/worker.ts';

const ROWS = 1_000_000;
const ROUNDS = 5;

const folder = temporaryFolder();
const path = join(folder, 'Master.csv');
writeRecords(path, ROWS);
const hours = { ...BENCH_SETTINGS.hours, open: ['Mon-Fri 08:00-18:00', 'Sat 09:00-13:00'] };

interface Measured {
  readonly seconds: number;
  readonly cpuSeconds: number;
  readonly rss: number;
}

const proc = (pid: number, file: string): string => {
  try {
    return readFileSync(`/proc/${pid}/${file}`, 'utf8');
  } catch {
    return ''; // it has ended
  }
};
const TICKS = Number(spawnSync('getconf', ['CLK_TCK']).stdout.toString());

/** The whole command with a new store; processor time and highest RSS are the kernel's, seen a moment before it ended. */
async function scan(round: number): Promise<Measured> {
  const config = settingsFile(folder, `[asterisk.cdr]\npath = "${path}"\n`, { store: String(round), open: hours.open });
  const started = performance.now();
  const child = startNode(0, [join(DIST, 'cli.js'), 'scan', '--config', config], { stdout: 'ignore', stderr: 'pipe' });
  let rss = 0;
  let cpuSeconds = 0;
  let said = '';
  child.stderr?.setEncoding('utf8').on('data', (text: string) => (said += text));
  const watch = setInterval(() => {
    const pid = child.pid ?? 0;
    rss = Math.max(rss, Number(/^VmHWM:\s+(\d+)/m.exec(proc(pid, 'status'))?.[1] ?? 0) * 1024);
    const fields = proc(pid, 'stat').split(') ')[1]?.split(' ') ?? [];
    cpuSeconds = Math.max(cpuSeconds, (Number(fields[11] ?? 0) + Number(fields[12] ?? 0)) / TICKS);
  }, 20);
  const [code] = (await once(child, 'exit')) as [number];
  clearInterval(watch);
  if (code > 1 || !said.includes(`${ROWS} call records`)) throw new Error(`scan ended with ${code}: ${said}`);
  return { seconds: (performance.now() - started) / 1000, cpuSeconds, rss };
}

const rows: string[][] = [['', 'rows/s', 'seconds', 'CPU s', 'rows/CPU s', 'RSS']];
async function measure(name: string, work: (round: number) => Promise<Measured>): Promise<number> {
  const rounds: Measured[] = [];
  for (let round = 0; round < ROUNDS; round++) rounds.push(await work(round));
  const seconds = median(rounds.map((m) => m.seconds));
  const cpu = median(rounds.map((m) => m.cpuSeconds));
  const rss = Math.max(...rounds.map((m) => m.rss));
  rows.push([name, grouped(ROWS / seconds), seconds.toFixed(2), cpu.toFixed(2), grouped(ROWS / cpu), rss === 0 ? '' : mebibytes(rss)]); // prettier-ignore
  return ROWS / seconds;
}

const worker = new Child(0, 'worker', path, JSON.stringify({ ...BENCH_SETTINGS, hours }));
const inside = (work: Work['work']) => async (): Promise<Measured> => {
  const { seconds, cpuSeconds } = await worker.ask<Done>({ work } satisfies Work);
  return { seconds, cpuSeconds, rss: 0 };
};

console.log(`Master.csv, ${grouped(ROWS)} rows, ${mebibytes(statSync(path).size)}, median of ${ROUNDS}`);
await measure('readline and split', inside('split'));
await measure('the reader alone', inside('read'));
await measure('reader, correlation, detectors', inside('judge'));
await worker.end();
const whole = await measure('ringfence scan, start to exit', scan);
console.log(table(rows));
console.log(`ringfence scan: ${grouped(whole)} call records/s`);
