import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { addresses } from './lab.ts';
import type { Lab } from './lab.ts';

export interface SettingsOptions {
  /** The collector's port and password, as the lab was started with. */
  readonly hep?: { readonly port: number; readonly password?: string } | null;
  /** Which of Asterisk's feeds ringfence gets; default both. */
  readonly ami?: boolean;
  readonly cdr?: boolean;
  /** Whether the office is open or closed at this moment; default closed. */
  readonly office?: 'open' | 'closed';
  readonly mode?: 'observe' | 'enforce';
  /** Where the store lies; default a file in the lab's directory. */
  readonly store?: string;
  /** Further tables, as they stand in TOML. */
  readonly more?: readonly string[];
}

/** Writes ringfence's settings for a lab (a TOML file and the secrets it names) and returns the file's path. */
export function writeSettings(lab: Lab, options: SettingsOptions = {}): string {
  const file = join(lab.directory, 'ringfence.toml');
  const parts = [
    `mode = "${options.mode ?? 'observe'}"`,
    '[site]\nname = "lab"\ntimezone = "UTC"\ncountry = "DE"\ncurrency = "EUR"',
    '[dialing]\ninternational = ["00"]\ninternal = "^1[0-9]{3}$"\nemergency = ["110", "112"]',
    `[hours]\nopen = ["${officeHours(options.office ?? 'closed', new Date())}"]\nholidays = ""`,
    `[network]\nlocal = ["${addresses.office}"]\npbx = [${pbxAddresses(lab)}]\ntrunks = [{ name = "trunk", addresses = ["${addresses.carrier}"] }]`,
    `[store]\npath = "${options.store ?? join(lab.directory, 'ringfence.db')}"`,
    '[console]\nlisten = ""',
  ];
  if (options.cdr !== false) parts.push(`[asterisk.cdr]\npath = "${lab.asterisk.masterCsv}"\nutc = true`);
  if (options.ami !== false) {
    const { host, amiPort, amiUsername, amiSecretFile } = lab.asterisk;
    parts.push(
      `[asterisk.ami]\nhost = "${host}"\nport = ${amiPort}\nusername = "${amiUsername}"\nsecret_file = "${amiSecretFile}"`,
    );
  }
  if (options.hep !== undefined && options.hep !== null) parts.push(hepSection(lab, options.hep));
  if (lab.kamailio !== undefined) parts.push(`[kamailio]\nrpc = "udp:127.0.0.1:${lab.kamailio.rpcPort}"`);
  parts.push(...(options.more ?? []));
  writeFileSync(file, `${parts.join('\n')}\n`, { mode: 0o600 });
  return file;
}

function pbxAddresses(lab: Lab): string {
  return [addresses.pbx, ...(lab.kamailio === undefined ? [] : [addresses.edge])]
    .map((address) => `"${address}"`)
    .join(', ');
}

function hepSection(lab: Lab, hep: { port: number; password?: string }): string {
  const lines = [
    '[hep]',
    `listen = ["udp:127.0.0.1:${hep.port}"]`,
    `allow = ["${addresses.pbx}", "${addresses.edge}"]`,
  ];
  if (hep.password !== undefined) {
    const file = join(lab.directory, 'hep.password');
    writeFileSync(file, hep.password, { mode: 0o600 });
    lines.push(`password_file = "${file}"`);
  }
  return lines.join('\n');
}

/** An opening time, in UTC, that holds now or is twelve hours away. */
function officeHours(office: 'open' | 'closed', now: Date): string {
  if (office === 'open') return 'Mon-Sun 00:00-24:00';
  const hour = String((now.getUTCHours() + 12) % 24).padStart(2, '0');
  return `Mon-Sun ${hour}:00-${hour}:59`;
}
