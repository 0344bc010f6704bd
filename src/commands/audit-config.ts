import { readFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { loadConfig, readSecret, type Config } from '../config.ts';
import { InputError, messageOf, RingfenceError } from '../errors.ts';
import { severityRank } from '../model.ts';
import { connectAmi, type AmiSession } from '../pbx/ami.ts';
import { SECOND } from '../time.ts';
import { amiOf } from './acting.ts';
import { CONFIG_RULES, type Finding } from './audit/finding.ts';
import { channelFindings } from './audit/rules-channels.ts';
import { dialplanFindings } from './audit/rules-dialplan.ts';
import { fileFindings } from './audit/rules-files.ts';
import { managerFindings, processFindings } from './audit/rules-manager.ts';
import { pjsipFindings } from './audit/rules-pjsip.ts';
import { readRunning, type Running } from './audit/running.ts';
import { versionFindings } from './audit/versions.ts';
import type { View } from './audit/view.ts';
import { EXIT, type GlobalOptions, type Output } from './output.ts';
import { findEtc, lookAtAsterisk, type AsteriskFound } from './setup/asterisk.ts';
import { dialplanNow } from './setup/checks-asterisk.ts';
import { outputOf } from './setup/checks-local.ts';

export interface AuditConfigOptions {
  /** where Asterisk's configuration lies */
  readonly etc?: string;
  /** how Asterisk's console is called */
  readonly asterisk: string;
}

const NOTHING: Running = { version: null, chanSip: null, pjsip: [] };

/** `ringfence audit config`: settings of the PBX that open it to fraud, each with the line that mends it. Changes nothing. */
export default async function auditConfig(
  _args: readonly string[],
  options: AuditConfigOptions & GlobalOptions,
  output: Output,
): Promise<number> {
  const etc = findEtc(options.etc);
  if (etc === null)
    throw new InputError(
      'input-missing',
      `${options.etc ?? '/etc/asterisk'} is no folder with Asterisk's configuration; say where it is with --etc DIR`,
    );
  const config = settings(options, output);
  const found = lookAtAsterisk(etc);
  const session = config === null ? null : await login(config, output);
  let view: View;
  try {
    view = await viewOf(found, config, session, options);
  } finally {
    session?.close();
  }
  for (const problem of found.problems.slice(0, 20))
    output.warn(`ringfence: not understood, and so not judged: ${problem}`);
  for (const { file, line } of found.conf('pjsip.conf')?.programs ?? [])
    output.warn(`ringfence: ${file}:${line}: what the program behind #exec prints is not judged`);
  const findings = unique([
    ...pjsipFindings(view),
    ...channelFindings(view),
    ...dialplanFindings(view),
    ...managerFindings(view),
    ...processFindings(view),
    ...fileFindings(view),
    ...versionFindings(view),
  ]).sort((a, b) => severityRank(b.severity) - severityRank(a.severity));
  if (output.json) for (const one of findings) output.object(forFreepbx(one, found));
  else tell(findings, found, output);
  const beside = session === null ? 'files alone (no manager interface)' : 'files and the running Asterisk';
  output.note(
    `ringfence: looked at ${etc}, ${beside}: ${findings.length === 0 ? 'nothing to mend' : `${findings.length} to mend`}`,
  );
  return findings.length === 0 ? EXIT.done : EXIT.found;
}

/** ringfence's own settings, where there are any that can be used: the audit needs none. */
function settings(options: GlobalOptions, output: Output): Config | null {
  try {
    return loadConfig(options.config);
  } catch (error) {
    if (!(error instanceof RingfenceError) || options.config !== undefined) throw error;
    output.note(`ringfence: ${error.message}; only the files are looked at`);
    return null;
  }
}

async function login(config: Config, output: Output): Promise<AmiSession | null> {
  const { ami } = config.settings.asterisk;
  if (ami === undefined) return null;
  try {
    const connection = amiOf(config, readSecret(ami.secret_file, config.directory, 'asterisk.ami.secret_file'));
    if (connection === null) return null;
    return await connectAmi({ ...connection, connectMs: 3 * SECOND }, { event: () => undefined });
  } catch (error) {
    if (!(error instanceof RingfenceError)) throw error;
    output.warn(`ringfence: the running Asterisk was not asked: ${messageOf(error)}`);
    return null;
  }
}

async function viewOf(
  found: AsteriskFound,
  config: Config | null,
  session: AmiSession | null,
  options: AuditConfigOptions,
): Promise<View> {
  const running = session === null ? NOTHING : await readRunning(session, new Set(found.endpoints));
  const { plan } = await dialplanNow(
    { session, startedAt: null },
    session === null ? null : options.asterisk.split(/\s+/),
    found,
  );
  const site = config?.settings.site.name ?? '';
  return {
    found,
    pjsip: [...(found.conf('pjsip.conf')?.sections ?? []), ...running.pjsip],
    dialplan: plan,
    version: running.version ?? (await installed(options.asterisk)),
    chanSip: running.chanSip,
    sites: [site, hostname()].filter((name) => name !== '' && name !== 'pbx'),
    pinDigits: config?.settings.audit.pin_digits ?? 6,
    now: Date.now(),
  };
}

/** What the program that is installed says: where the manager interface does not. */
async function installed(command: string): Promise<string | null> {
  const [program = 'asterisk', ...args] = command.split(/\s+/);
  const told = await outputOf(program, [...args, '-V']);
  return /^Asterisk\s+(\S+)/.exec(told ?? '')?.[1] ?? null;
}

function unique(findings: readonly Finding[]): Finding[] {
  const seen = new Set<string>();
  return findings.filter(({ rule, where, what }) => {
    const key = `${rule} ${where} ${what}`;
    if (seen.has(key)) return false;
    seen.add(key);
    return true;
  });
}

/** FreePBX writes its files anew at each "Apply Config". */
const forFreepbx = (one: Finding, { freepbx }: AsteriskFound): Finding =>
  freepbx && /\.conf(?::\d+)?$/.test(one.where) && !/_custom\.conf(?::\d+)?$/.test(one.where)
    ? { ...one, fix: `in FreePBX's own pages, which write this file (else it comes back): ${one.fix}` }
    : one;

const SEVERITY_SIGN = { critical: 'CRITICAL', high: 'HIGH', medium: 'medium', low: 'low', info: 'info' } as const;

/** Findings of one rule together, the graver rules first; each place with the line as it stands and as it should be. */
function tell(findings: readonly Finding[], found: AsteriskFound, output: Output): void {
  const groups = new Map<string, Finding[]>();
  for (const one of findings)
    groups.set(`${one.severity} ${one.rule}`, [...(groups.get(`${one.severity} ${one.rule}`) ?? []), one]);
  for (const group of groups.values()) {
    const [first] = group;
    if (first === undefined) continue;
    output.result(`${SEVERITY_SIGN[first.severity]}  ${first.rule}: ${CONFIG_RULES[first.rule][1]}`);
    for (const one of group) {
      const { fix } = forFreepbx(one, found);
      const now = lineAt(one.where);
      output.result(`  ${one.where}  ${one.what}`);
      if (now !== null) output.result(`      now: ${now}`);
      output.result(`      mend: ${fix}`);
    }
  }
}

const SECRET = /^(\s*(?:[\w/-]*(?:secret|password|pass|cred|digest|match_header)[\w-]*|\d+)\s*=>?\s*).*$/i;

/** The line as it is written, a secret left out; null: the place is no line of a file. */
function lineAt(where: string): string | null {
  const [, file = '', number = ''] = /^(\/.*):(\d+)$/.exec(where) ?? [];
  if (file === '') return null;
  try {
    const line = readFileSync(file, 'utf8').split('\n')[Number(number) - 1] ?? '';
    return line.replace(SECRET, '$1…').trim().slice(0, 200);
  } catch {
    return null;
  }
}
