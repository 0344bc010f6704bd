import {
  copyFileSync,
  existsSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { createInterface } from 'node:readline/promises';
import { readRecordings } from '../collect/recordings.ts';
import { loadConfig, type Config, type Settings } from '../config.ts';
import { InputError, RingfenceError } from '../errors.ts';
import { severityRank, type Event, type Incident, type Millis } from '../model.ts';
import { Pipeline } from '../pipeline.ts';
import { DAY, iso, Zone } from '../time.ts';
import { en, visible } from '../words/index.ts';
import { EXIT, type GlobalOptions, type Output } from './output.ts';
import { readConfig, siteOf } from './site.ts';
import { Learner } from './tune/learn.ts';
import { LEAST_WEEKS, partnersOf, propose, riskyPartners, type Proposal, type SettingLine } from './tune/propose.ts';
import { withLines } from './tune/settings-edit.ts';

interface TuneOptions {
  /** records before this are left out */
  readonly since?: Millis;
  readonly write: boolean;
  readonly yes: boolean;
}

/** What would have been told, medium or graver. */
type Told = readonly Incident[];

/** A proposal with what it would have changed. */
interface Weighed extends Proposal {
  readonly before: number;
  readonly after: number;
  readonly gone: readonly Incident[];
  readonly added: readonly Incident[];
}

const SHOWN = 5;
const RECORDS = '/var/log/asterisk/cdr-csv/Master.csv';

/** `ringfence tune`: what the site's own call records suggest for hours, groups, partners and budgets; nothing is changed unasked. */
export default async function tune(
  args: readonly string[],
  options: TuneOptions & GlobalOptions,
  output: Output,
): Promise<number> {
  const config = readConfig(options, output);
  const files = args.length > 0 ? args : recordFiles(config, output);
  const site = siteOf(config);
  const learner = new Learner(site);
  const before = await judge(config, files, options, (event) => {
    if (event.kind === 'cdr') learner.take(event);
  });
  if (learner.records === 0)
    throw new InputError('input-missing', `${files.join(', ')}: no call records to learn from`);
  const weighed: Weighed[] = [];
  // each on top of the ones before it: who works late is seen against the hours that are proposed
  let { settings } = config;
  let was = before;
  for (const proposal of propose(learner, presentOf(settings))) {
    settings = overlaid(settings, proposal.lines);
    const told = await judge({ ...config, settings }, files, options);
    const counts = { before: was.length, after: told.length };
    weighed.push({ ...proposal, ...counts, gone: missing(was, told), added: missing(told, was) });
    was = told;
  }
  if (output.json) tellObjects(learner, weighed, output);
  else tellText(learner, before, weighed, new Zone(site.timezone), output);
  return options.write ? await write(config, weighed, options, output) : EXIT.done;
}

/** Master.csv and what log rotation left of it, but for what is compressed. @throws InputError */
function recordFiles({ settings, directory }: Config, output: Output): string[] {
  const path = resolve(directory, settings.asterisk.cdr?.path ?? RECORDS);
  const folder = dirname(path);
  const names = existsSync(folder) ? readdirSync(folder).filter((name) => name.startsWith(basename(path))) : [];
  const packed = names.filter((name) => /\.(?:gz|xz|bz2|zst|lz4|lzo|Z)$/.test(name));
  if (packed.length > 0)
    output.note(`ringfence: left out, for they are compressed (unpack them and name them): ${packed.join(', ')}`);
  const files = names.filter((name) => !packed.includes(name)).map((name) => join(folder, name));
  const filled = files.filter((file) => statSync(file).isFile() && statSync(file).size > 0);
  if (filled.length === 0)
    throw new InputError(
      'input-missing',
      `there are no call records at ${path}: set [asterisk.cdr] path, or name files`,
    );
  return filled.sort();
}

/** Those of whom, within a day, nothing as grave is told in the other list. */
const missing = (of: Told, from: Told): Incident[] =>
  of.filter(
    (one) =>
      !from.some(
        (other) =>
          (other.subject.value === one.subject.value || other.accounts.includes(one.subject.value)) &&
          Math.max(one.openedAt, other.openedAt) - Math.min(one.updatedAt, other.updatedAt) <= DAY &&
          severityRank(other.severity) >= severityRank(one.severity),
      ),
  );

/** Replays the records with these settings. @returns incidents of medium or graver */
async function judge(
  config: Config,
  files: readonly string[],
  { since = -Infinity }: TuneOptions,
  watch?: (event: Event) => void,
): Promise<Told> {
  const { settings } = config;
  const site = siteOf(config);
  const found = new Map<string, Incident>();
  const pipeline = new Pipeline({
    live: false,
    ...{ detect: settings.detect, respond: settings.respond, site },
    amiRecords: false,
    changed: ({ incident, merged }) => {
      for (const { younger } of merged) found.delete(younger);
      found.set(incident.id, incident);
    },
    ...(watch === undefined ? {} : { watch }),
  });
  const times = { zone: new Zone(site.timezone), utc: settings.asterisk.cdr?.utc ?? true };
  for await (const item of readRecordings(files, times)) {
    if (item.kind !== 'cdr' || item.at < since) continue;
    pipeline.advance(item.at);
    pipeline.correlator.cdr(item.record, Infinity);
  }
  pipeline.finish();
  return [...found.values()].filter(({ severity }) => severityRank(severity) >= severityRank('medium'));
}

function presentOf({ hours, accounts, groups, detect }: Settings): Parameters<typeof propose>[1] {
  const grouped = Object.values(groups).flatMap(({ members, hours: own }) => (own === undefined ? [] : members));
  return {
    open: hours.open,
    ownHours: (account) => accounts[account]?.hours !== undefined || grouped.includes(account),
    groups: new Set(Object.keys(groups)),
    budgets: (detect as Record<string, Record<string, unknown>>)['spend'] ?? {},
  };
}

/** The settings with these lines in them. */
function overlaid(settings: Settings, lines: readonly SettingLine[]): Settings {
  const tree = { ...settings } as Record<string, unknown>;
  for (const { section, key, value } of lines) {
    let at = tree;
    for (const name of section.split('.')) {
      const inner = { ...(at[name] as Record<string, unknown> | undefined) };
      at[name] = inner;
      at = inner;
    }
    at[key] = JSON.parse(value);
  }
  return tree as unknown as Settings;
}

const linesOf = (lines: readonly SettingLine[]): string[] => withLines('', lines).trimEnd().split('\n');
const plural = (count: number, what: string): string => `${count} ${what}${count === 1 ? '' : 's'}`;

function tellText(learner: Learner, before: Told, weighed: readonly Weighed[], zone: Zone, output: Output): void {
  const day = (at: Millis): string => en.minute(at, zone).slice(0, 11);
  const weeks = learner.weeks.size;
  const tell = (i: Incident): string => `${day(i.openedAt)}  ${i.severity.padEnd(8)}  ${visible(i.summary, 100)}`;
  output.result(
    `${plural(learner.records, 'call record')}, ${day(learner.first)} to ${day(learner.last)}, people's calls in ${plural(weeks, 'week')}. ` +
      `With the settings as they are: ${plural(before.length, 'alert')} of medium or graver.`,
  );
  if (weeks < LEAST_WEEKS) output.result(`\nThat is too little to learn from: ${LEAST_WEEKS} weeks are the least.`);
  else if (weighed.length === 0) output.result('\nHours, groups and budgets fit what was called: nothing to propose.');
  for (const [index, { kind, because, lines, before: was, after, gone, added }] of weighed.entries()) {
    output.result(`\n${index + 1}. ${kind}: ${because}.`);
    output.result(`   ${plural(was, 'alert')} would have been ${after}: ${gone.length} not told, ${added.length} new.`);
    const graves = [...gone].sort((a, b) => severityRank(b.severity) - severityRank(a.severity));
    if (gone.length > 0) output.result('   Not told any more (make sure that these were innocent):');
    for (const i of graves.slice(0, SHOWN)) output.result(`     ${tell(i)}`);
    if (gone.length > SHOWN) output.result(`     ${en.more(gone.length - SHOWN)}`);
    if (added.length > 0) output.result('   Told in addition:');
    for (const i of added.slice(0, SHOWN)) output.result(`     ${tell(i)}`);
    if (added.length > SHOWN) output.result(`     ${en.more(added.length - SHOWN)}`);
    output.result(['', ...linesOf(lines)].map((line) => `   ${line}`.trimEnd()).join('\n'));
  }
  tellPartners(learner, output);
}

/** Partners are learned by the detectors; only where a table holds a range against its callers there is something to write. */
function tellPartners(learner: Learner, output: Output): void {
  const partners = learner.weeks.size < LEAST_WEEKS ? [] : partnersOf(learner);
  if (partners.length === 0) return;
  output.result('\nCalled regularly (baselines learn this by themselves):');
  for (const { digits, place, calls, weeks, accounts } of partners.slice(0, 10))
    output.result(
      `  +${digits}….  ${visible(place, 40)}: ${plural(calls, 'call')} in ${plural(weeks.size, 'week')} by ${plural(accounts.size, 'account')}`,
    );
  const risky = riskyPartners(learner).slice(0, 20);
  if (risky.length === 0) return;
  output.result(
    '\nSome of them are held against whoever calls. If they are partners, put this into the file of [numbers] risk_file:',
  );
  for (const { digits } of risky) output.result(`  ${digits},0,a partner that is called regularly`);
}

function tellObjects(learner: Learner, weighed: readonly Weighed[], output: Output): void {
  const brief = ({ id, openedAt, severity, detector, subject, summary }: Incident): unknown => ({
    ...{ id, at: iso(openedAt), severity, detector, subject, summary },
  });
  for (const { kind, because, lines, before, after, gone, added } of weighed)
    output.object({
      ...{ kind, because, before, after },
      gone: gone.map(brief),
      added: added.map(brief),
      settings: linesOf(lines),
    });
  if (learner.weeks.size < LEAST_WEEKS) return;
  for (const { digits, place, calls, risk, weeks, accounts } of partnersOf(learner))
    output.object({ kind: 'partners', digits, place, calls, risk, weeks: weeks.size, accounts: accounts.size });
}

/** Asks on a terminal; elsewhere only --yes is a yes. */
async function agreed(question: string, yes: boolean): Promise<boolean> {
  if (yes) return true;
  if (!process.stdin.isTTY || !process.stderr.isTTY) return false;
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  try {
    return /^y(?:es)?$/i.test((await terminal.question(`${question} [y/N] `)).trim());
  } finally {
    terminal.close();
  }
}

/** Writes what was agreed to into the settings file, the former one beside it; what does not read as meant is not written. */
async function write(
  config: Config,
  weighed: readonly Weighed[],
  options: TuneOptions,
  output: Output,
): Promise<number> {
  const { file } = config;
  if (file === null) throw new RingfenceError('usage', '--write: there is no settings file to write to (--config)');
  const lines: SettingLine[] = [];
  for (const [index, { kind, lines: own }] of weighed.entries())
    if (await agreed(`Write ${index + 1}. ${kind} into ${file}?`, options.yes)) lines.push(...own);
  if (lines.length === 0) {
    output.note('ringfence: nothing was written (without a terminal --write needs --yes)');
    return EXIT.done;
  }
  const fresh = `${file}.new`;
  writeFileSync(fresh, withLines(readFileSync(file, 'utf8'), lines), { mode: statSync(file).mode & 0o777, flag: 'wx' });
  try {
    const meant = overlaid(config.settings, lines);
    const read = loadConfig(fresh).settings;
    const at = (tree: unknown, path: string): unknown =>
      path.split('.').reduce<unknown>((inner, name) => (inner as Record<string, unknown> | undefined)?.[name], tree);
    const wrong = lines.find(
      ({ section, key }) =>
        JSON.stringify(at(read, `${section}.${key}`)) !== JSON.stringify(at(meant, `${section}.${key}`)),
    );
    if (wrong !== undefined)
      throw new RingfenceError(
        'config-invalid',
        `[${wrong.section}] ${wrong.key} is written in a way that is not understood; paste the lines by hand`,
      );
    const backup = `${file}.${iso(Date.now()).replaceAll(/[-:]/g, '').slice(0, 15)}.bak`;
    copyFileSync(file, backup);
    renameSync(fresh, file);
    output.note(`ringfence: written; the former settings are in ${backup}`);
    output.note('ringfence: a running daemon takes them on SIGHUP (systemctl reload ringfence)');
  } finally {
    rmSync(fresh, { force: true });
  }
  return EXIT.done;
}
