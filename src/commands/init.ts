import { randomBytes } from 'node:crypto';
import { lookup } from 'node:dns/promises';
import { existsSync, readFileSync } from 'node:fs';
import { isIP } from 'node:net';
import { hostname, networkInterfaces } from 'node:os';
import { resolve } from 'node:path';
import { createInterface } from 'node:readline/promises';
import { isAddressOrBlock } from '../address.ts';
import { checkSettings, CONFIG_PATHS, loadConfig, machineSite, type Settings } from '../config.ts';
import { InputError, RingfenceError } from '../errors.ts';
import { COUNTRIES } from '../site/numbering-plan.ts';
import { EXIT, type GlobalOptions, type Output } from './output.ts';
import { findEtc, lookAtAsterisk, type AsteriskFound, type TrunkFound } from './setup/asterisk.ts';
import { alter, alterationDiff, create, creationDiff, stateOf, type Creation } from './setup/changes.ts';
import { lookAtKamailio, type KamailioFound } from './setup/kamailio.ts';
import { Planner, type Plan } from './setup/plan.ts';
import { serviceGroup } from './setup/service-user.ts';
import { internalPattern, type Answers } from './setup/settings-text.ts';
import { foundText } from './setup/found-text.ts';
import { parse as parseToml } from 'smol-toml';

export interface InitOptions {
  readonly asteriskEtc?: string;
  readonly kamailio?: string | false;
  readonly install: boolean;
  readonly dryRun: boolean;
  readonly yes: boolean;
}

/** Snippets are shipped beside the program. */
const shipped = (path: string): string => readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8');

/** Looking up a carrier's name must not hold the set-up long. */
const LOOKUP_MS = 3_000;

/** A carrier by addresses, for that is how packets come; names are looked up as Asterisk does when it starts. */
async function withAddresses(trunk: TrunkFound): Promise<Answers['trunks'][number]> {
  const names = trunk.hosts.filter((host) => !isAddressOrBlock(host));
  const found = await Promise.all(
    names.map(async (name) => {
      const late = new Promise<null>((done) => setTimeout(() => done(null), LOOKUP_MS).unref());
      const asked = lookup(name, { all: true }).catch(() => null);
      return (await Promise.race([asked, late]))?.map(({ address }) => address) ?? [];
    }),
  );
  const hosts = [...new Set([...trunk.hosts.filter((host) => isAddressOrBlock(host)), ...found.flat()])];
  const unknown = names.filter((_, index) => found[index]?.length === 0);
  const notes = [
    ...(names.length > unknown.length
      ? [`of ${names.join(', ')} today: better the networks that the carrier tells`]
      : []),
    ...(unknown.length > 0 ? [`the addresses of ${unknown.join(', ')} are not known: put them here`] : []),
  ];
  return { name: trunk.name, hosts, note: notes.join('; ').replaceAll(/[\r\n]/g, ' ') };
}

/** Addresses of this machine, which is the PBX when its configuration is here. */
const ownAddresses = (): string[] =>
  Object.values(networkInterfaces())
    .flatMap((addresses) => addresses ?? [])
    .filter(({ internal, address }) => !internal && isIP(address) !== 0 && !address.startsWith('fe80'))
    .map(({ address }) => address);

async function answersOf(
  asterisk: AsteriskFound | null,
  kamailio: KamailioFound | null,
): Promise<Omit<Answers, 'records' | 'ami' | 'hep' | 'kamailio'>> {
  const machine = machineSite();
  const told = asterisk?.country ?? null;
  const country = told !== null && COUNTRIES.includes(told) ? told : machine.country;
  const pbx = [...(asterisk?.addresses ?? []), ...(kamailio?.addresses ?? []), ...ownAddresses()];
  return {
    name: hostname().split('.')[0]?.slice(0, 64) || 'pbx',
    timezone: machine.timezone,
    country,
    guessedFrom: told === country ? "this machine's time zone, the country of indications.conf" : "this machine's own",
    outside: asterisk?.outside ?? '',
    internal: internalPattern(asterisk?.endpoints ?? []),
    pbx: [...new Set(['127.0.0.1', ...pbx])].filter((address) => isAddressOrBlock(address)),
    local: (asterisk?.localNetworks ?? []).filter((block) => isAddressOrBlock(block)),
    trunks: await Promise.all((asterisk?.trunks ?? []).map(withAddresses)),
    store: '/var/lib/ringfence/ringfence.db',
  };
}

/** Settings that stand already are kept. @throws RingfenceError where they are wrong: they have to be mended first */
function existingSettings(file: string): Settings | null {
  return existsSync(file) ? loadConfig(file).settings : null;
}

function secretIn(path: string): string | null {
  try {
    return readFileSync(path, 'utf8').replace(/\r?\n$/, '');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw new InputError('input-unreadable', `cannot read ${path}; run it as root`, { cause: error });
  }
}

/** `ringfence init`: looks, tells, writes its own files; with --install the inclusions in people's files too. */
export default async function init(
  _args: readonly string[],
  options: InitOptions & GlobalOptions,
  output: Output,
): Promise<number> {
  const etc = findEtc(options.asteriskEtc);
  if (options.asteriskEtc !== undefined && etc === null)
    throw new InputError('input-missing', `${options.asteriskEtc} is no folder with Asterisk's configuration`);
  const asterisk = etc === null ? null : lookAtAsterisk(etc);
  const kamailio = options.kamailio === false ? null : lookAtKamailio(options.kamailio);
  if (typeof options.kamailio === 'string' && kamailio === null)
    throw new InputError('input-missing', `${options.kamailio} is not there`);
  if (asterisk === null && kamailio === null)
    throw new InputError(
      'input-missing',
      'neither Asterisk nor Kamailio was found: --asterisk-etc DIR or --kamailio FILE says where they are',
    );
  const settingsFile = resolve(options.config ?? CONFIG_PATHS[0]);
  const planned = new Planner({
    asterisk,
    kamailio,
    settingsFile,
    existing: existingSettings(settingsFile),
    answers: await answersOf(asterisk, kamailio),
    shipped,
    newSecret: () => randomBytes(24).toString('hex'),
    secretIn,
    group: serviceGroup(),
  }).plan();
  const made = planned.creations.find(({ path }) => path === settingsFile);
  if (made !== undefined && !existsSync(settingsFile)) checkSettings(parseToml(made.text), settingsFile);
  if (!output.json) output.note(foundText(asterisk, kamailio));
  if (options.dryRun) return showDiff(planned, output);
  return await carryOut(planned, options, output);
}

function showDiff(plan: Plan, output: Output): number {
  const diffs = [...plan.creations.map(creationDiff), ...plan.alterations.map(alterationDiff)].filter(
    (one) => one !== '',
  );
  if (output.json) output.object({ diff: diffs.join(''), byHand: plan.byHand, then: plan.then, notes: plan.notes });
  else if (diffs.length === 0) output.note('Nothing to write: everything is in place.');
  else output.result(diffs.join('').trimEnd());
  return EXIT.done;
}

/** Asks on a terminal; elsewhere, and with --yes, the answer is yes: to be asked, one has to be there. */
async function agreed(question: string, options: InitOptions): Promise<boolean> {
  if (options.yes || !process.stdin.isTTY || !process.stdout.isTTY) return true;
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  try {
    return /^y(?:es)?$/i.test((await terminal.question(`${question} [y/N] `)).trim());
  } finally {
    terminal.close();
  }
}

async function carryOut(plan: Plan, options: InitOptions, output: Output): Promise<number> {
  const missing = plan.creations.filter((creation) => stateOf(creation) === 'absent');
  const other = plan.creations.filter((creation) => stateOf(creation) === 'other');
  const altered = options.install ? plan.alterations : [];
  if (missing.length + altered.length > 0) {
    const files = [...missing, ...altered].map(({ path }) => `  ${path}`);
    if (!output.json) output.note(`To be written:\n${files.join('\n')}`);
    if (!(await agreed('Write these files?', options)))
      throw new RingfenceError('usage', 'nothing was written, as you wished');
  }
  const written = missing.filter(create).map(({ path }) => path);
  for (const alteration of altered) alter(alteration);
  const notes = [...plan.notes, ...other.map(differs)];
  if (output.json)
    output.object({
      written,
      altered: altered.map(({ path }) => path),
      wouldAlter: options.install ? [] : plan.alterations.map(({ path }) => path),
      byHand: plan.byHand,
      then: plan.then,
      notes,
    });
  else output.result(outcomeText(plan, { written, altered: altered.length, install: options.install, notes }));
  return EXIT.done;
}

const differs = ({ path, what }: Creation): string =>
  what === 'the settings'
    ? `${path} is kept as it is (ringfence config check says whether it is right)`
    : `${path} is kept as it is; this version would write another (ringfence init --dry-run in an empty place shows it)`;

function outcomeText(
  plan: Plan,
  {
    written,
    altered,
    install,
    notes,
  }: { written: readonly string[]; altered: number; install: boolean; notes: string[] },
): string {
  const lines: string[] = [];
  const block = (title: string, body: readonly string[]): void => {
    if (body.length > 0) lines.push(...(lines.length === 0 ? [] : ['']), title, ...body.map((line) => `  ${line}`));
  };
  block('Written:', written);
  if (install) {
    block(
      'Put into files of yours (the former ones end in .ringfence-backup):',
      plan.alterations.map(({ path }) => path),
    );
  } else
    block(
      'To be put into files of yours (`ringfence init --install` does it, `--dry-run --install` shows it):',
      plan.alterations.map(({ path }) => path),
    );
  for (const { what, lines: hand } of plan.byHand) block(`By hand, ${what}:`, hand);
  const changed = written.length + altered > 0;
  const waiting = changed || (!install && plan.alterations.length > 0);
  if (waiting) block('Then:', [...plan.then, 'ringfence doctor']);
  block('Worth knowing:', notes);
  if (!waiting) lines.unshift('Nothing to write: everything is in place.', ...(lines.length === 0 ? [] : ['']));
  return lines.join('\n');
}
