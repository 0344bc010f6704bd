import { execFile } from 'node:child_process';
import { accessSync, constants, existsSync, readFileSync, statfsSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Config } from '../../config.ts';
import { messageOf, RingfenceError } from '../../errors.ts';
import type { Millis } from '../../model.ts';
import type { ChannelHealth } from '../../respond/notify/notifier.ts';
import { channelNames } from '../../respond/notify/options.ts';
import { formatDuration, HOUR, MINUTE } from '../../time.ts';
import { filesOf } from '../config-check.ts';
import { callControl, controlPath } from '../control.ts';
import { daemonOf } from '../lock.ts';
import { advice, ok, problem, unknown, type Row } from './checks.ts';

/** What the daemon says of itself, as far as it is looked at here. */
export interface DaemonStatus {
  readonly mode?: unknown;
  readonly ready?: unknown;
  readonly ami?: unknown;
  readonly counts?: Readonly<Record<string, number>>;
  /** when mirrored SIP came last, epoch ms */
  readonly hepAt?: number | null;
  /** of each channel by which people are told */
  readonly notify?: readonly Pick<ChannelHealth, 'name' | 'waiting' | 'failingSince' | 'error'>[];
  readonly enforcement?: {
    readonly targets?: readonly { readonly name: string; readonly state: string; readonly lastError: string | null }[];
    readonly stopped?: { readonly reason: string } | null;
  };
}

const ASK_MS: Millis = 5_000;
/** The receive buffer that the HEP socket asks for (collect/hep-udp.ts). */
const BUFFER = 16 * 1024 * 1024;
const ROOM = 200 * 1024 * 1024;

/** Runs a program for its output; null: there is none of that name, or it failed. */
export function outputOf(command: string, args: readonly string[], timeout: Millis = 10_000): Promise<string | null> {
  return new Promise((done) => {
    execFile(command, args, { encoding: 'utf8', timeout, maxBuffer: 64 * 1024 * 1024 }, (error, stdout) =>
      done(error === null ? stdout : null),
    );
  });
}

/** Secrets, certificates, tariff: everything that the settings name. */
export function settingsRows(config: Config): Row[] {
  if (config.file === null)
    return [problem('settings', 'there is no settings file; the defaults know nothing of this site', 'ringfence init')];
  const problems = filesOf(config);
  if (problems.length === 0) return [ok('settings', `${config.file} and the files that it names are right`)];
  return problems.map(({ path, message, help }) =>
    problem('settings', `${path}: ${message}`, help ?? /run: (.*)$/.exec(message)?.[1] ?? `mend ${config.file ?? ''}`),
  );
}

/** The mode comes last in what is to be done: everything else first. */
export const modeRow = ({ settings, file }: Config): Row =>
  settings.mode === 'enforce'
    ? ok('mode', 'enforce: what is decided is done')
    : problem(
        'mode',
        'observe: watching only, nothing is blocked',
        `when a week of alerts has been right: mode = "enforce" in ${file ?? 'the settings'}, then reload`,
      );

export interface DaemonFound {
  readonly rows: readonly Row[];
  /** null: there is no daemon, or it did not answer */
  readonly status: DaemonStatus | null;
}

/** Does the daemon live, does it answer, what does it say of its neighbours? */
export async function daemonRows(store: string): Promise<DaemonFound> {
  const daemon = daemonOf(store);
  if (daemon === null)
    return {
      rows: [problem('daemon', 'ringfence run is not running', 'systemctl enable --now ringfence')],
      status: null,
    };
  let status: DaemonStatus;
  try {
    status = (await callControl(controlPath(store), 'status', {}, ASK_MS)) as DaemonStatus;
  } catch (error) {
    if (!(error instanceof RingfenceError)) throw error;
    const mend = 'systemctl restart ringfence; journalctl -u ringfence says more';
    return { rows: [problem('daemon', `process ${daemon.pid} does not answer: ${error.message}`, mend)], status: null };
  }
  const rows = [
    status.ready === true
      ? ok('daemon', `ringfence run, process ${daemon.pid}, is ready`)
      : problem('daemon', `process ${daemon.pid} is not ready yet`, 'journalctl -u ringfence says what it waits for'),
  ];
  for (const { name, state, lastError } of status.enforcement?.targets ?? [])
    rows.push(
      state === 'up'
        ? ok(`pushes to ${name}`, 'what should stand there was read and compared')
        : problem(
            `pushes to ${name}`,
            `${state}${lastError === null ? '' : `: ${lastError}`}`,
            'see the check of that neighbour',
          ),
    );
  const stopped = status.enforcement?.stopped;
  if (stopped !== undefined && stopped !== null)
    rows.push(
      problem(
        'budget',
        `rules put up no more: ${stopped.reason}`,
        'ringfence blocks: is a rule or a network setting wrong?',
      ),
    );
  return { rows, status };
}

/** Does anybody hear of it? */
export function notifyRows({ settings }: Config, status: DaemonStatus | null): Row[] {
  const names = channelNames(settings.notify);
  if (names.length === 0)
    return [
      advice(
        'telling people',
        'nobody is told: alerts are in the log and the store alone',
        'add [notify.mail] (docs/notify.md)',
      ),
    ];
  const failing = (status?.notify ?? []).filter(({ failingSince }) => failingSince !== null);
  if (failing.length === 0) return [ok('telling people', `${names.join(', ')}; ringfence notify test proves each`)];
  return failing.map(({ name, error, waiting }) =>
    problem(`telling people by ${name}`, `${waiting} wait: ${error}`, `ringfence notify test ${name}`),
  );
}

/** Can the store be written, by its owner, and is there room? */
export function storeRows(store: string): Row[] {
  const folder = existsSync(dirname(store)) ? dirname(store) : null;
  if (folder === null)
    return [
      problem(
        'store',
        `${dirname(store)} is not there`,
        `install -d -m 700 -o ringfence -g ringfence ${dirname(store)}`,
      ),
    ];
  const rows: Row[] = [];
  try {
    accessSync(folder, constants.W_OK);
    if (existsSync(store)) {
      accessSync(store, constants.R_OK | constants.W_OK);
      const owner = statSync(store).uid;
      const own = statSync(folder).uid;
      rows.push(
        owner === own
          ? ok('store', `${store} can be written`)
          : problem('store', `${store} belongs to another than its folder`, `chown --reference=${folder} ${store}*`),
      );
    } else rows.push(ok('store', `${store} will be made at the first start`));
  } catch (error) {
    rows.push(problem('store', `${store}: ${messageOf(error)}`, `chown -R ringfence: ${folder} (or run this as root)`));
  }
  const { bavail, bsize } = statfsSync(folder);
  const free = bavail * bsize;
  rows.push(
    free >= ROOM
      ? ok('disk', `${Math.floor(free / 1024 / 1024)} MiB free`)
      : problem('disk', `${Math.floor(free / 1024 / 1024)} MiB free in ${folder}`, 'make room, or move [store] path'),
  );
  return rows;
}

/** Mirrored SIP: does it arrive, and can the kernel hold a burst? */
export function hepRows(config: Config, status: DaemonStatus | null): Row[] {
  if (config.settings.hep === undefined)
    return [
      advice(
        'mirrored SIP',
        '[hep] is not set: attacks are seen by manager events and call records alone',
        'ringfence init --install',
      ),
    ];
  const rows: Row[] = [];
  const counts = status?.counts;
  if (counts === undefined) rows.push(unknown('mirrored SIP', 'whether any arrives: the daemon counts it'));
  else {
    const arrived = ['udp', 'tcp', 'tls'].reduce((sum, name) => sum + (counts[`hep.packets.${name}`] ?? 0), 0);
    const refused = (name: string): number => counts[`hep.refused.${name}`] ?? 0;
    const silent = Date.now() - (status?.hepAt ?? Date.now());
    if (arrived > 0 && silent > HOUR)
      rows.push(
        advice(
          'mirrored SIP',
          `none for ${formatDuration(silent)}`,
          "is it still switched on? asterisk -rx 'module show like hep'",
        ),
      );
    else if (arrived > 0) rows.push(ok('mirrored SIP', `${arrived} packets so far`));
    else if (refused('key') > 0)
      rows.push(
        problem(
          'mirrored SIP',
          `${refused('key')} packets with another password`,
          'make capture_password in hep.conf and [hep] password_file the same',
        ),
      );
    else if (refused('source') > 0)
      rows.push(
        problem(
          'mirrored SIP',
          `${refused('source')} packets from addresses that [hep] allow does not name`,
          'name the capture agent in [hep] allow',
        ),
      );
    else
      rows.push(
        problem(
          'mirrored SIP',
          'none has arrived since the daemon was started',
          "asterisk -rx 'module reload res_hep.so' (hep.conf: enabled = yes, capture_address as [hep] listen), then one call",
        ),
      );
    const lost = counts['hep.lost.kernel'] ?? 0;
    if (lost > 0)
      rows.push(
        problem(
          'packets lost',
          `${lost} by the kernel, for want of room`,
          `sysctl -w net.core.rmem_max=${BUFFER}, then restart ringfence`,
        ),
      );
  }
  const most = Number(readText('/proc/sys/net/core/rmem_max') ?? NaN);
  if (Number.isFinite(most))
    rows.push(
      most >= BUFFER
        ? ok('receive buffer', `${most} bytes are granted`)
        : advice(
            'receive buffer',
            `the kernel grants ${most} bytes; a burst of packets may be lost`,
            `echo net.core.rmem_max=${BUFFER} > /etc/sysctl.d/60-ringfence.conf && sysctl --system`,
          ),
    );
  return rows;
}

export function readText(path: string): string | null {
  try {
    return readFileSync(path, 'utf8').trim();
  } catch {
    return null;
  }
}

/** Is the machine's clock kept by somebody? */
export async function clockRow(): Promise<Row> {
  const told = await outputOf('timedatectl', ['show', '--property=NTPSynchronized', '--value']);
  if (told === null) return unknown('clock', 'whether it is kept by NTP: there is no timedatectl');
  return told.trim() === 'yes'
    ? ok('clock', 'kept by NTP')
    : advice('clock', 'not kept by NTP: hours and ends of blocks go by it', 'timedatectl set-ntp true');
}

/** Something has to end ACLs and secrets when the daemon is dead. */
export async function expiryRow(): Promise<Row> {
  const timer = await outputOf('systemctl', ['is-enabled', 'ringfence-expire.timer']);
  if (timer?.trim() === 'enabled') return ok('expiry timer', 'ringfence-expire.timer is enabled');
  const crontabs = ['/etc/cron.d/ringfence', '/etc/crontab'].some((file) =>
    readText(file)?.includes('blocks --expire'),
  );
  if (crontabs) return ok('expiry timer', 'cron runs ringfence blocks --expire');
  const systemd = existsSync('/run/systemd/system');
  return advice(
    'expiry timer',
    'nothing ends blocked addresses and new secrets in Asterisk while the daemon is dead',
    systemd ? 'systemctl enable --now ringfence-expire.timer' : 'scripts/cron/ringfence.cron to /etc/cron.d/ringfence',
  );
}

/** AstDB holds what is blocked, and whatever else the PBX keeps there. */
export function databaseRow(folder: string): Row {
  const file = join(folder, 'astdb.sqlite3');
  const stats = statSync(file, { throwIfNoEntry: false });
  if (stats === undefined) return unknown('AstDB file', `${file} is not there`);
  return (stats.mode & 0o007) === 0
    ? ok('AstDB file', `${file} is closed to others`)
    : advice('AstDB file', `${file} can be read by every user of this machine`, `chmod 640 ${file}`);
}

/** How far two clocks are apart, for people. */
export const apart = (difference: Millis): Row =>
  Math.abs(difference) < MINUTE / 6
    ? ok('Asterisk’s clock', 'goes as this machine’s does')
    : problem(
        'Asterisk’s clock',
        `${formatDuration(Math.abs(difference))} ${difference < 0 ? 'behind' : 'ahead of'} this machine's: blocks end too ${difference < 0 ? 'late' : 'early'}`,
        'set both clocks by NTP',
      );
