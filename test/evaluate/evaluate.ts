/**
 * `npm run evaluate`: how many attacks of the catalogue are found at sites that no threshold was set on, how soon, at what
 * cost, and how often ordinary life is taken for an attack (docs/evaluation.md). Every site runs in a process of its own;
 * interrupted once, it ends with the sites that have begun and tells of those.
 *
 *   --quick         a week of ordinary life and a few attacks, for a look
 *   --set train     the sites on which thresholds may be set (default: test)
 *   --only TEXT     attacks whose name has TEXT in it
 *   --nth N         each attack at every Nth site (default: 2)
 *   --judged N      days of ordinary life that are judged (default: 49)
 *   --jobs N        processes at once (default: one for each processor)
 *   --details       every false alarm and every missed attack, on stderr
 *   --write         puts the result into docs/evaluation.json and its tables into docs/evaluation.md
 */
import { spawn } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { severityRank } from '../../src/model.ts';
import type { Feed } from './feeds.ts';
import { SITES } from './people.ts';
import { recordedTable } from './recorded.ts';
import { summarise, tablesOf } from './report.ts';
import { FULL, QUICK, Trial, type SiteResult } from './trial.ts';

const { values } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    set: { type: 'string', default: 'test' },
    only: { type: 'string', default: '' },
    nth: { type: 'string' },
    judged: { type: 'string' },
    jobs: { type: 'string', default: String(cpus().length) },
    details: { type: 'boolean', default: false },
    write: { type: 'boolean', default: false },
    site: { type: 'string' },
    feed: { type: 'string', default: 'live' },
  },
});
const set = values.set === 'train' ? 'train' : 'test';
const usual = values.quick ? QUICK : FULL;
const extent = {
  ...usual,
  ...(values.nth === undefined ? {} : { everyNth: Number(values.nth) }),
  ...(values.judged === undefined ? {} : { judged: Number(values.judged) }),
};
const FEEDS: readonly Feed[] = ['live', 'cdr'];
const DOCS = join(import.meta.dirname, '../../docs');

/** One site in this process. */
function one(index: number): void {
  const trial = new Trial(set, index, values.feed === 'cdr' ? 'cdr' : 'live', extent);
  console.log(JSON.stringify(trial.run((kind) => `${kind.kind} ${kind.pace}`.includes(values.only))));
}

/** One site in a process of its own. */
function child(index: number, feed: Feed): Promise<SiteResult> {
  const options = ['--set', set, '--site', String(index), '--feed', feed, '--only', values.only];
  options.push(
    '--nth',
    String(extent.everyNth),
    '--judged',
    String(extent.judged),
    ...(values.quick ? ['--quick'] : []),
  );
  const args = ['--import', 'tsx', import.meta.filename, ...options];
  return new Promise((resolve, reject) => {
    const run = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'], detached: true });
    let text = '';
    run.stdout.setEncoding('utf8').on('data', (part: string) => (text += part));
    run.on('error', reject).on('close', (code) => {
      if (code === 0) resolve(JSON.parse(text) as SiteResult);
      else reject(new Error(`site ${index} on ${feed} ended with ${String(code)}`));
    });
  });
}

/** Sites of `--quick`: one of each size. */
const QUICK_SITES = [2, 4] as const;

async function all(): Promise<SiteResult[]> {
  const sites = values.quick ? [...QUICK_SITES] : SITES[set].map((_, i) => i);
  const work = sites.reverse().flatMap((index) => FEEDS.map((feed) => ({ feed, index })));
  process.once('SIGINT', () => (work.length = 0));
  const done: SiteResult[] = [];
  const worker = async (): Promise<void> => {
    for (let next = work.shift(); next !== undefined; next = work.shift()) {
      const result = await child(next.index, next.feed);
      done.push(result);
      if (values.details) details(result);
      process.stderr.write(`evaluate: ${done.length} done, ${work.length} waiting\n`);
    }
  };
  await Promise.all(Array.from({ length: Math.max(1, Number(values.jobs)) }, worker));
  return done.sort((a, b) => (a.site + a.feed < b.site + b.feed ? -1 : 1));
}

function details({ site, feed, falseAlarms, results: attacks }: SiteResult): void {
  for (const a of falseAlarms)
    if (severityRank(a.severity) >= severityRank('medium'))
      process.stderr.write(`false ${a.severity} ${feed} ${site} ${a.role} ${a.at} ${a.detector}: ${a.summary}\n`);
  for (const r of attacks)
      if (r.foundAfter === null)
        process.stderr.write(`missed ${feed} ${site} ${r.kind}, ${r.pace}: ${String(r.severity)}, loss ${r.loss.toFixed(0)}\n`); // prettier-ignore
}

const BEGIN = '<!-- tables: written by npm run evaluate -- --write -->';

async function main(): Promise<void> {
  const began = process.hrtime.bigint();
  const results = await all();
  const summaries = FEEDS.map((feed) => summarise(feed, results));
  const minutes = Number(process.hrtime.bigint() - began) / 6e10;
  const command = `npm run evaluate -- ${process.argv.slice(2).join(' ')}`;
  const tables = [
    `\`${command}\` on ${new Date().toISOString().slice(0, 10)}, node ${process.version}, ${minutes.toFixed(1)} min on ${values.jobs} processes.`,
    ...summaries.map(tablesOf),
    await recordedTable(),
  ].join('\n\n');
  console.log(tables);
  if (!values.write) return;
  writeFileSync(join(DOCS, 'evaluation.json'), `${JSON.stringify({ command, set, summaries }, null, 1)}\n`);
  const page = join(DOCS, 'evaluation.md');
  writeFileSync(page, `${readFileSync(page, 'utf8').split(BEGIN)[0] ?? ''}${BEGIN}\n\n${tables}\n`);
}

if (values.site === undefined) await main();
else one(Number(values.site));
