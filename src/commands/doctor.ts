import { resolve } from 'node:path';
import { loadConfig, type Config } from '../config.ts';
import { InputError, RingfenceError } from '../errors.ts';
import { EXIT, type GlobalOptions, type Output } from './output.ts';
import { findEtc, lookAtAsterisk } from './setup/asterisk.ts';
import { accountRows, amiRows, guardRows, recordRows, sorceryRow, type Live } from './setup/checks-asterisk.ts';
import { kamailioRows } from './setup/checks-kamailio.ts';
import { keyRows } from './setup/checks-keys.ts';
import {
  clockRow,
  daemonRows,
  databaseRow,
  expiryRow,
  hepRows,
  modeRow,
  notifyRows,
  settingsRows,
  storeRows,
} from './setup/checks-local.ts';
import { problem, unknown, type Row } from './setup/checks.ts';
import { phoneRows } from './setup/checks-phone.ts';
import { lookAtKamailio } from './setup/kamailio.ts';
import { rowLine } from './setup/row-line.ts';
import { serviceRows } from './setup/service-user.ts';

export interface DoctorOptions {
  readonly asteriskEtc?: string;
  readonly kamailio?: string;
  /** how Asterisk's console is called */
  readonly asterisk: string;
}

/** `ringfence doctor`: is each feed alive, each push possible? Changes nothing; 0 = protected, 1 = not yet. */
export default async function doctor(
  _args: readonly string[],
  options: DoctorOptions & GlobalOptions,
  output: Output,
): Promise<number> {
  const rows: Row[] = [];
  const tell = (more: readonly Row[]): void => {
    for (const row of more) {
      rows.push(row);
      if (output.json) output.object(row);
      else output.result(rowLine(row, output.color));
    }
  };
  const config = read(options, tell);
  if (config !== null) await look(config, options, tell);
  const first = rows.find(({ state }) => state === 'problem');
  const verdict = first === undefined ? 'protected' : `next step: ${first.mend ?? first.text}`;
  if (output.json) output.object({ protected: first === undefined, next: first?.mend ?? null });
  else output.result(`\n${verdict}`);
  return first === undefined ? EXIT.done : EXIT.found;
}

/** Wrong settings are a finding too. */
function read(options: GlobalOptions, tell: (rows: readonly Row[]) => void): Config | null {
  try {
    return loadConfig(options.config);
  } catch (error) {
    if (!(error instanceof RingfenceError)) throw error;
    tell([problem('settings', error.message, 'ringfence config check; without a file: ringfence init')]);
    return null;
  }
}

async function look(config: Config, options: DoctorOptions, tell: (rows: readonly Row[]) => void): Promise<void> {
  const store = resolve(config.directory, config.settings.store.path);
  const etc = findEtc(options.asteriskEtc);
  if (options.asteriskEtc !== undefined && etc === null)
    throw new InputError('input-missing', `${options.asteriskEtc} is no folder with Asterisk's configuration`);
  const found = etc === null ? null : lookAtAsterisk(etc);
  tell([...settingsRows(config), ...serviceRows(config)]);
  const live = await amiRows(config);
  try {
    tell(live.rows);
    if (found === null) tell([unknown('Asterisk’s files', '--asterisk-etc DIR says where they are')]);
    else await lookAtPbx(config, options, live, found, tell);
  } finally {
    live.session?.close();
  }
  tell(await kamailioRows(config, lookAtKamailio(options.kamailio)));
  tell(recordRows(config, found));
  tell(storeRows(store));
  tell(keyRows(config));
  const daemon = await daemonRows(store);
  tell(daemon.rows);
  tell(hepRows(config, daemon.status));
  tell(notifyRows(config, daemon.status));
  tell([await clockRow(), await expiryRow()]);
  tell([modeRow(config)]);
}

async function lookAtPbx(
  config: Config,
  options: DoctorOptions,
  live: Live,
  found: ReturnType<typeof lookAtAsterisk>,
  tell: (rows: readonly Row[]) => void,
): Promise<void> {
  if (config.settings.asterisk.ami !== undefined) {
    tell(accountRows(config, found));
    tell(await guardRows(live, options.asterisk.split(/\s+/), found));
    tell([await sorceryRow(live, found)]);
    tell(await phoneRows(config, live, options.asterisk.split(/\s+/), found));
  }
  tell([databaseRow(found.directories.database)]);
  if (found.tellsNames)
    tell([problem('chan_sip', 'tells strangers which names exist', 'alwaysauthreject = yes in [general] of sip.conf')]);
}
