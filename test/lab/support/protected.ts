import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { temporaryFolder } from '../../support/temporary.ts';
import { useLab } from './lab.ts';
import type { Lab, LabOptions } from './lab.ts';
import { repository } from './packages.ts';
import { People } from './people.ts';
import { freePort } from './ports.ts';
import { until } from './process.ts';
import { writeSettings } from './settings.ts';
import type { SettingsOptions } from './settings.ts';
import { staff } from './staff.ts';
import { Watcher } from './watcher.ts';

/** A PBX that ringfence protects: everything that an admin includes is there, and `ringfence run` acts. */
export interface Protected {
  readonly lab: () => Lab;
  readonly watcher: () => Watcher;
  /** Starts `ringfence run` again, after `watcher().kill9()` or `stop()`. */
  readonly again: () => Promise<Watcher>;
  /** People who use their phones until they are stopped, at the latest when the test is over. */
  readonly people: (...extensions: readonly string[]) => Promise<People>;
}

/** As every context of an office should be: whatever is dialled passes the guard, emergency calls and calls inside too. */
const DIALPLAN = `#include "${join(repository, 'asterisk-conf/extensions_ringfence.conf')}"
[guarded]
exten => _1XXX,1,Gosub(ringfence-guard,s,1(\${EXTEN}))
 same => n,Dial(PJSIP/\${EXTEN},30)
 same => n,Hangup()
exten => _X.,1,Gosub(ringfence-guard,s,1(\${EXTEN}))
 same => n,Dial(PJSIP/\${EXTEN}@trunk,60)
 same => n,Hangup()
exten => _+X.,1,Gosub(ringfence-guard,s,1(\${EXTEN}))
 same => n,Dial(PJSIP/\${EXTEN}@trunk,60)
 same => n,Hangup()
`;

/** The lab's Kamailio has its own mirror and JSON-RPC; a blocked address is answered, so that there is something to see. */
const EDGE = `#!define RINGFENCE_NO_MIRROR
#!define RINGFENCE_NO_RPC
#!define RINGFENCE_ANSWER_BLOCKED
include_file "${join(repository, 'kamailio-conf/ringfence.cfg')}"
`;

const PASSWORD = 'labhep';

/** With and without Kamailio in front: the sites that every scenario is played at. */
export const sites = [
  { name: 'Asterisk', kamailio: false },
  { name: 'Asterisk behind Kamailio', kamailio: true },
] as const;

/** What ringfence is told of the SIP that passes. */
export const mirrored = (port: number): { port: number; password: string } => ({ port, password: PASSWORD });

/** Options of a lab with everything in it that an admin includes; the directory takes the two files. */
export function guardedLab(directory: string, kamailio: boolean): LabOptions {
  const [guard, kamailioSnippet] = [join(directory, 'guarded.conf'), join(directory, 'edge.cfg')];
  writeFileSync(guard, DIALPLAN);
  writeFileSync(kamailioSnippet, EDGE);
  return { kamailio, guard, context: 'guarded', kamailioSnippet };
}

/** In a `describe`: such a lab, and `ringfence run` in enforce mode beside it. */
export function useProtectedLab(options: { kamailio?: boolean } & SettingsOptions = {}): Protected {
  const folder = temporaryFolder();
  let port = 0;
  let watcher: Watcher | undefined;
  const { kamailio = false, ...settings } = options;
  const lab = useLab(async () => {
    port = await freePort();
    return { ...guardedLab(folder.path, kamailio), hep: mirrored(port), trunk: 'own', accounts: staff };
  });
  const again = async (): Promise<Watcher> => {
    watcher = await Watcher.start(writeSettings(lab(), { mode: 'enforce', hep: mirrored(port), ...settings }));
    return watcher;
  };
  before('ringfence acts', async function () {
    this.timeout(30_000);
    await again();
  });
  const living: People[] = [];
  afterEach(async function () {
    for (const people of living.splice(0)) await people.stop();
    if (this.currentTest?.state === 'failed' && watcher !== undefined) await explain(lab(), watcher);
  });
  after(async () => await watcher?.stop());
  return {
    lab,
    again,
    people: async (...extensions) => {
      const people = await People.start(lab(), extensions);
      living.push(people);
      return people;
    },
    watcher: () => {
      if (watcher === undefined) throw new Error('ringfence does not run');
      return watcher;
    },
  };
}

/** What ringfence told and did, for a test that failed. */
async function explain(lab: Lab, watcher: Watcher): Promise<void> {
  for (const { at, alert } of watcher.alerts.slice(-12)) {
    const done = alert.decisions.map(({ action, state }) => `${action} ${state}`).join(', ');
    console.log(`      ${clock(at)} ${alert.severity} ${alert.detector}: ${alert.summary} [${done}]`);
  }
  for (const [key, value] of await standing(lab)) console.log(`      stands: ${key} = ${value}`);
  console.log(watcher.stderr.split('\n').slice(-15).join('\n'));
}

const clock = (at: number): string => new Date(at).toISOString().slice(11, 23);

/** What refuses somebody, where it stands: `asterisk international/1005`, `kamailio address/127.66.0.1` -> its value. */
export async function standing(lab: Lab): Promise<Map<string, string>> {
  const found = new Map<string, string>();
  for (const line of (await lab.asterisk.cli('database show ringfence')).split('\n')) {
    const [, key, value] = /^\/ringfence\/(\S+)\s*: (.*)$/.exec(line) ?? [];
    if (key === undefined || value === undefined || !REFUSES.test(key)) continue;
    if (!key.startsWith('acl/')) found.set(`asterisk ${key}`, value.trim());
    else
      for (const address of (JSON.parse(value) as { deny: string }).deny.split(',')) {
        const denied = `asterisk acl/${address}`;
        found.set(found.has(denied) ? `${denied} twice` : denied, key);
      }
  }
  if (lab.kamailio !== undefined)
    for (const table of ['address', 'account', 'international', 'number'])
      for (const [key, value] of await rows(lab, table)) found.set(`kamailio ${table}/${key}`, value);
  return found;
}

const REFUSES = /^(?:address|account|international|number|acl|lock)\//;

/** The entries of one of Kamailio's tables. */
async function rows(lab: Lab, table: string): Promise<[string, string][]> {
  const dump = (await lab.kamailio?.rpc('htable.dump', [`rf_${table}`])) as {
    slot: { name: string; value: unknown }[];
  }[];
  if (!Array.isArray(dump)) return []; // an empty table is told as an error
  return dump.flatMap(({ slot }) => slot.map(({ name, value }): [string, string] => [name, String(value)]));
}

/** What stands of what is not expected: `allowed` names accounts, numbers and addresses that may. */
export async function unexpected(lab: Lab, allowed: readonly string[]): Promise<string[]> {
  return [...(await standing(lab)).keys()].filter((key) => !allowed.includes(key.slice(key.indexOf('/') + 1)));
}

/** Waits until something refuses: an address, an account, an account's calls abroad. */
export async function stands(lab: Lab, kind: string, value: string, limit = 5_000): Promise<void> {
  const edge = lab.kamailio !== undefined && kind === 'address' ? 'kamailio' : 'asterisk';
  const wanted = edge === 'asterisk' && kind === 'address' ? `asterisk acl/${value}` : `${edge} ${kind}/${value}`;
  await until(`${wanted} stands`, limit, async () => (await standing(lab)).has(wanted));
}

/** The addresses of the contacts that an account has at the registrar. */
export async function contactsOf(lab: Lab, extension: string): Promise<string[]> {
  const lines = (await lab.asterisk.cli('database show registrar')).split('\n');
  return lines
    .filter((line) => line.startsWith(`/registrar/contact/${extension};`))
    .map((line) => /"uri":"sip:[^@"]*@([^:;"]+)/.exec(line)?.[1] ?? line);
}
