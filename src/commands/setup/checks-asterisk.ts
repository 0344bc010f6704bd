import { statSync } from 'node:fs';
import { resolve } from 'node:path';
import { readSecret, type Config } from '../../config.ts';
import { PeerError, RingfenceError } from '../../errors.ts';
import type { Millis } from '../../model.ts';
import { connectAmi, type AmiSession } from '../../pbx/ami.ts';
import { readSorcery } from '../../pbx/sorcery.ts';
import { DAY, formatDuration, SECOND } from '../../time.ts';
import { confValue, type ConfSection } from '../../wire/conf.ts';
import { amiOf } from '../acting.ts';
import type { AsteriskFound } from './asterisk.ts';
import { advice, ok, problem, unknown, type Row } from './checks.ts';
import { apart, outputOf } from './checks-local.ts';
import { dialplanListed, dialplanOf, dialplanShown, hasGuard, reachOf, type Dialplan } from './dialplan.ts';
import { isSorceryMapped, sorceryLines } from './edits.ts';

/** A look at the running Asterisk; nothing in it is changed. */
export interface Live {
  readonly session: AmiSession | null;
  /** when Asterisk was started, by our clock, at the earliest; null: it was not told */
  readonly startedAt: Millis | null;
}

const NEEDED_ACTIONS = ['DBPut', 'DBDel', 'DBGetTree', 'Hangup', 'CoreShowChannels', 'PJSIPShowEndpoints'] as const;
const NEEDED_EVENTS = ['system', 'call', 'security', 'user'] as const;
const GREETING_MS = 500;

/** Logs in as the daemon does. */
export async function amiRows(config: Config): Promise<Live & { readonly rows: readonly Row[] }> {
  const none = { session: null, startedAt: null };
  const { ami } = config.settings.asterisk;
  if (ami === undefined)
    return {
      ...none,
      rows: [problem('manager', '[asterisk.ami] is not set: nothing can be blocked', 'ringfence init --install')],
    };
  try {
    const options = amiOf(config, readSecret(ami.secret_file, config.directory, 'asterisk.ami.secret_file'));
    if (options === null) return { ...none, rows: [] };
    const live: { uptime: number | null } = { uptime: null };
    const session = await connectAmi(
      { ...options, connectMs: 3 * SECOND },
      {
        event: (event) => {
          if (event.name === 'FullyBooted') live.uptime = Number(event.get('Uptime') ?? NaN);
        },
      },
    );
    const began = Date.now();
    const pong = await session.action('Ping');
    // FullyBooted comes right behind the login
    for (let waited = 0; live.uptime === null && waited < GREETING_MS; waited += 20)
      await new Promise((done) => setTimeout(done, 20));
    const told = Number(pong.get('Timestamp') ?? NaN) * 1000;
    const rows = [
      ok('manager', `logged in at ${ami.host}:${ami.port}, protocol ${session.version}`),
      ...(Number.isFinite(told) ? [apart(told - began)] : []),
      await actionsRow(session),
    ];
    return {
      session, // whole seconds, rounded down
      startedAt: live.uptime === null ? null : Date.now() - (live.uptime + 1) * SECOND,
      rows,
    };
  } catch (error) {
    if (!(error instanceof RingfenceError)) throw error;
    return { ...none, rows: [problem('manager', error.message, mendOf(error, config))] };
  }
}

function mendOf(error: RingfenceError, { settings, directory }: Config): string {
  const { username = '', secret_file = '', port = 0 } = settings.asterisk.ami ?? {};
  if (!(error instanceof PeerError)) return /run: (.*)$/.exec(error.message)?.[1] ?? 'ringfence config check';
  return error.code === 'peer-refused'
    ? `compare the secret of [${username}] in manager.conf with ${resolve(directory, secret_file)}; then asterisk -rx 'manager reload'`
    : `is Asterisk running, and manager.conf enabled = yes with port ${port}? asterisk -rx 'manager show settings'`;
}

/** Asterisk lists the actions that this account may use. */
async function actionsRow(session: AmiSession): Promise<Row> {
  const list = await session.action('ListCommands');
  if (list.name !== 'Success') return unknown('privileges', 'Asterisk does not list the actions that it allows');
  const missing = NEEDED_ACTIONS.filter((name) => list.get(name) === null && !(name.startsWith('PJSIP') && list.get('SIPpeers') !== null)); // prettier-ignore
  if (missing.length > 0)
    return problem(
      'privileges',
      `not allowed: ${missing.join(', ')}`,
      'write = system for this account in manager.conf (asterisk-conf/manager_ringfence.conf), manager reload',
    );
  const more = ['Originate', 'Command', 'UpdateConfig'].filter((name) => list.get(name) !== null);
  return more.length === 0
    ? ok('privileges', 'what ringfence does is allowed, and no dialling, no commands, no files')
    : advice(
        'privileges',
        `more is allowed than is needed: ${more.join(', ')}`,
        'write = system alone in manager.conf',
      );
}

const words = (text: string | null): string[] => (text ?? '').split(',').map((word) => word.trim().toLowerCase());

/** The account as manager.conf has it: which events it may hear. */
export function accountRows(config: Config, found: AsteriskFound): Row[] {
  const name = config.settings.asterisk.ami?.username ?? '';
  const conf = found.conf('manager.conf');
  const section = (fits: (one: ConfSection) => boolean): ConfSection | undefined => conf?.sections.find(fits);
  const account = section((one) => one.name === name);
  const general = section((one) => one.name.toLowerCase() === 'general');
  if (conf === null || account === undefined) return [unknown('events', `[${name}] was not found in manager.conf`)];
  const read = words(confValue(account, 'read'));
  const needed = [...NEEDED_EVENTS, ...(config.settings.asterisk.cdr === undefined ? ['cdr'] : [])];
  const missing = read.includes('all') ? [] : needed.filter((one) => !read.includes(one));
  const variables = words(confValue(general, 'channelvars')).includes('ringfence_src');
  return [
    missing.length === 0
      ? ok('events', 'the account hears all that is needed')
      : problem(
          'events',
          `the account does not hear: ${missing.join(', ')}`,
          `read = ${needed.join(',')} for [${name}] in ${account.file}, manager reload`,
        ),
    variables
      ? ok('channel variables', 'events of calls carry the true source')
      : advice(
          'channel variables',
          'events of calls do not carry the caller’s address',
          'channelvars = RINGFENCE_SRC,RINGFENCE_CALLID in [general] of manager.conf, manager reload',
        ),
  ];
}

/**
 * The dialplan that is loaded now, as far as somebody tells it; else as the files have it. `console`: how Asterisk's console
 * is called; null: it is not asked.
 */
export async function dialplanNow(
  live: Live,
  console: readonly string[] | null,
  found: AsteriskFound,
): Promise<{ plan: Dialplan; from: 'live' | 'files' }> {
  const [command = 'asterisk', ...args] = console ?? [];
  const shown = console === null ? null : await outputOf(command, [...args, '-rx', 'dialplan show']);
  if (shown?.includes("[ Context '") === true) return { plan: dialplanShown(shown), from: 'live' };
  if (live.session !== null) {
    const steps = await live.session.list('ShowDialPlan').catch(() => []);
    if (steps.length > 0) return { plan: dialplanListed(steps), from: 'live' };
  }
  return { plan: dialplanOf(found.conf('extensions.conf')?.sections ?? []), from: 'files' };
}

/** Is the guard loaded, and asked wherever calls can leave? */
export async function guardRows(live: Live, console: readonly string[], found: AsteriskFound): Promise<Row[]> {
  const { plan, from } = await dialplanNow(live, console, found);
  const source = from === 'live' ? 'loaded' : 'in the files (what is loaded was not told; run this as root to see)';
  if (!hasGuard(plan))
    return [
      found.guard
        ? problem('dialplan guard', 'it is in the files and not loaded', "asterisk -rx 'dialplan reload'")
        : problem('dialplan guard', `it is not ${source}: no call is ever refused`, 'ringfence init --install'),
    ];
  const rows = [ok('dialplan guard', source)];
  const reach = reachOf(plan, found.entries, new Set(found.trunks.map(({ name }) => name)));
  if (reach.outgoing.length === 0)
    rows.push(unknown('guard is asked', 'no context was seen from which phones reach a trunk'));
  else if (reach.unguarded.length === 0)
    rows.push(ok('guard is asked', `before calls leave from ${reach.outgoing.join(', ')}`));
  for (const { context, extension, step } of reach.unguarded.slice(0, 10))
    rows.push(
      problem(
        'guard is asked',
        `not in [${context}], extension ${extension}, before ${step.application}(${step.data.slice(0, 60)}) at ${step.at}`,
        'Gosub(ringfence-guard,s,1(${EXTEN})) before it: ringfence init shows the lines',
      ),
    );
  if (reach.unguarded.length > 10)
    rows.push(
      problem('guard is asked', `not at ${reach.unguarded.length - 10} more places`, 'ringfence init shows them'),
    );
  return rows;
}

const RESTART = "asterisk -rx 'core restart when convenient'";

/**
 * Does PJSIP look into AstDB? Asterisk itself is asked (a probe object that belongs to no endpoint comes and goes in a
 * breath); where it does not tell, the file is looked at, and whether Asterisk was started since.
 */
export async function sorceryRow(live: Live, found: AsteriskFound): Promise<Row> {
  const check = 'address blocks';
  const conf = found.conf('sorcery.conf');
  const missing = (): Row =>
    problem(
      check,
      'sorcery.conf does not look into AstDB: a REGISTER of a blocked address is not refused, secrets cannot be changed',
      `ringfence init --install, or by hand: ${sorceryLines().join(' / ')}; then restart Asterisk`,
    );
  const right = (): Row => ok(check, 'PJSIP looks into AstDB for ACLs and secrets');
  const told = live.session === null ? null : await readSorcery(live.session).catch(() => null);
  if (told?.acl === false || told?.auth === false || !isSorceryMapped(conf)) return missing();
  if (told?.loaded === true) return right();
  const late = problem(
    check,
    'sorcery.conf was changed since Asterisk was started, and is read at its start only',
    RESTART,
  );
  if (told?.loaded === false) return late;
  if (live.startedAt === null) return unknown(check, 'whether Asterisk was started since sorcery.conf was changed');
  const changed = Math.max(...(conf?.files ?? []).map((file) => statSync(file).mtimeMs));
  return changed <= live.startedAt ? right() : late;
}

/** Call records: there, fresh, in the time zone that the settings say? */
export function recordRows(config: Config, found: AsteriskFound | null): Row[] {
  const { cdr } = config.settings.asterisk;
  if (cdr === undefined) {
    if (found === null) return [];
    const on = confValue(
      found.conf('cdr_manager.conf')?.sections.find(({ name }) => name === 'general'),
      'enabled',
    );
    return [
      on === 'yes'
        ? ok('call records', 'come by the manager interface')
        : advice('call records', 'none: neither [asterisk.cdr] nor cdr_manager', 'ringfence init --install'),
    ];
  }
  const path = resolve(config.directory, cdr.path);
  const stats = statSync(path, { throwIfNoEntry: false });
  const rows: Row[] = [];
  if (stats === undefined)
    rows.push(
      advice(
        'call records',
        `${path} is not there yet: the first call makes it`,
        "asterisk -rx 'cdr show status' lists cdr_csv where it is loaded",
      ),
    );
  else {
    const age = Date.now() - stats.mtimeMs;
    rows.push(
      age < 3 * DAY
        ? ok('call records', `${path}, the last ${formatDuration(Math.max(SECOND, age))} ago`)
        : advice(
            'call records',
            `${path}: nothing new for ${formatDuration(age)}`,
            'is it the right file? [asterisk.cdr] path',
          ),
    );
  }
  if (found !== null) {
    if (found.records.utc !== cdr.utc)
      rows.push(
        problem(
          'time of records',
          `cdr.conf says usegmtime = ${found.records.utc ? 'yes' : 'no'}, the settings utc = ${cdr.utc}: every call is judged at a wrong hour`,
          `utc = ${found.records.utc} in [asterisk.cdr]`,
        ),
      );
    else rows.push(ok('time of records', cdr.utc ? 'UTC, as cdr.conf says' : 'local time, as cdr.conf says'));
    if (found.records.batch)
      rows.push(
        advice(
          'call records',
          'cdr.conf has batch = yes: they come minutes late',
          'batch = no in cdr.conf, cdr reload',
        ),
      );
  }
  return rows;
}
