import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { severityRank } from '../../src/model.ts';
import { jsonLines, ringfence } from '../support/cli.ts';
import { DATA_FOLDER } from '../support/data.ts';

/** Attacks that nobody generated: played on the lab's real Asterisk, or seen on the internet, judged as `replay` does. */

const SCENARIOS = join(import.meta.dirname, '../scenarios');
const FEEDS: readonly (readonly [feed: string, file: string])[] = [
  ['mirrored SIP', 'traffic.hep'],
  ['manager events', 'events.ami'],
  ['call records', 'records.csv'],
];
const CAPTURES = ['lbnl/SIP-Bruteforce-Single-IP.pcap', 'lbnl/BadUserAgent-sipvicious.pcap'];

async function row(name: string, feed: string, settings: string, file: string): Promise<string> {
  const options = ['--config', settings, '--format', 'json', '--quiet', '--fail-on', 'never'];
  const ran = await ringfence(['replay', ...options, file], { cwd: tmpdir() });
  if (ran.status !== 0) throw new Error(`${file}: ${ran.stderr}`);
  const stories = new Map(jsonLines(ran.stdout).map((alert) => [alert.incident, alert]));
  const grave = [...stories.values()].filter(({ severity }) => severityRank(severity) >= severityRank('high'));
  const by = [...new Set(grave.map(({ detector }) => detector))].join(', ');
  const actions = [...new Set(grave.flatMap(({ decisions }) => decisions.map(({ action }) => action)))];
  const told = grave.map(({ severity, subject }) => `${severity} ${subject.type} ${subject.value}`).join(', ');
  return `| ${name} | ${feed} | ${told || '–'} | ${by} | ${actions.filter((action) => action !== 'none').join(', ')} |`;
}

/** A table of all recordings there are, each by each of its feeds alone. */
export async function recordedTable(): Promise<string> {
  const rows: string[] = [];
  for (const name of readdirSync(SCENARIOS).sort())
    for (const [feed, part] of FEEDS) {
      const file = join(SCENARIOS, name, part);
      if (existsSync(file)) rows.push(await row(name, feed, join(SCENARIOS, name, 'settings.toml'), file));
    }
  const folder = mkdtempSync(join(tmpdir(), 'ringfence-evaluate-'));
  try {
    const settings = join(folder, 'ringfence.toml');
    writeFileSync(settings, '[site]\ncountry = "US"\ntimezone = "America/Los_Angeles"\n');
    for (const name of CAPTURES) {
      const file = join(DATA_FOLDER, name);
      if (existsSync(file)) rows.push(await row(name, 'mirrored SIP', settings, file));
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  return [
    '## Recorded attacks',
    "Of the lab's real Asterisk (test/scenarios; `innocents` is none), and of the internet; each by one feed alone. High or graver:",
    ['| recording | feed | told | by | would do |', '| --- | --- | --- | --- | --- |', ...rows].join('\n'),
  ].join('\n\n');
}
