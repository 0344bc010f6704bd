import { existsSync, readFileSync, rmdirSync, rmSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { createInterface } from 'node:readline/promises';
import { loadConfig, readSecret, type Config } from '../config.ts';
import { InputError, PeerError, RingfenceError } from '../errors.ts';
import { connectAmi, type AmiSession } from '../pbx/ami.ts';
import { applyKeys, FAMILY, readTree } from '../pbx/astdb.ts';
import { tableDelete, tableDump, type KamailioRpc } from '../pbx/kamailio.ts';
import { NFT_TABLE } from '../pbx/nft.ts';
import { KAMAILIO_TABLES } from '../respond/targets/kamailio.ts';
import { SECOND } from '../time.ts';
import { amiOf, kamailioOf } from './acting.ts';
import { usersPath } from './console-users.ts';
import { directly, storePath } from './direct.ts';
import { reason } from './hand-command.ts';
import { keptFolder } from './kept-secrets.ts';
import { keyStorePath } from './keys/private-files.ts';
import { daemonOf } from './lock.ts';
import { EXIT, type GlobalOptions, type Output } from './output.ts';
import { findEtc, FOLDER, lookAtAsterisk, type AsteriskFound } from './setup/asterisk.ts';
import { alter, BACKUP } from './setup/changes.ts';
import { outputOf } from './setup/checks-local.ts';
import { takenOut } from './setup/edits.ts';
import { lookAtKamailio } from './setup/kamailio.ts';

export interface UninstallOptions {
  readonly asteriskEtc?: string;
  readonly kamailio?: string;
  readonly leavePbx: boolean;
  readonly purge: boolean;
  readonly yes: boolean;
}

interface Done {
  readonly removed: string[];
  readonly byHand: string[];
}

/** `ringfence uninstall`: leaves nothing of ringfence's in Asterisk, Kamailio and their files. Refused while the daemon runs. */
export default async function uninstall(
  _args: readonly string[],
  options: UninstallOptions & GlobalOptions,
  output: Output,
): Promise<number> {
  const config = loadConfig(options.config);
  const store = storePath(config);
  const daemon = daemonOf(store);
  if (daemon !== null)
    throw new RingfenceError(
      'store-locked',
      `ringfence run (process ${daemon.pid}) would put it all up again: systemctl disable --now ringfence ringfence-expire.timer, then this once more`,
    );
  const etc = findEtc(options.asteriskEtc);
  if (options.asteriskEtc !== undefined && etc === null)
    throw new InputError('input-missing', `${options.asteriskEtc} is no folder with Asterisk's configuration`);
  if (
    options.purge &&
    !(await agreed(`Delete ${store}, ${config.file ?? 'no settings'} and the keys of the CA for good?`, options))
  )
    throw new RingfenceError('usage', 'nothing was done: --purge wants a yes (or --yes)');

  const done: Done = { removed: [], byHand: [] };
  if (!options.leavePbx)
    try {
      await leavePbx(config, output, done);
    } catch (error) {
      if (!(error instanceof PeerError)) throw error;
      const hint =
        'nothing was taken out of the files yet; --leave-pbx does that without Asterisk, whose database then keeps what stands';
      throw new PeerError(error.code, `${error.message} (${hint})`, error.retryable, { cause: error });
    }
  if (etc !== null) leaveFiles(etc, done);
  leaveKamailioFiles(options.kamailio, done);
  if (options.purge) purge(config, store, done);
  else
    done.byHand.push(`the store ${store} and the settings ${config.file ?? '(none)'} are kept: --purge deletes them`);
  if (output.json) output.object(done);
  else {
    output.result(['Taken away:', ...indented(done.removed, 'nothing was there')].join('\n'));
    output.result(['Left to do:', ...indented(done.byHand, 'nothing')].join('\n'));
  }
  return EXIT.done;
}

const indented = (lines: readonly string[], none: string): string[] =>
  (lines.length === 0 ? [none] : lines).map((line) => `  ${line}`);

async function agreed(question: string, options: UninstallOptions): Promise<boolean> {
  if (options.yes) return true;
  if (!process.stdin.isTTY || !process.stdout.isTTY) return false;
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  try {
    return /^y(?:es)?$/i.test((await terminal.question(`${question} [y/N] `)).trim());
  } finally {
    terminal.close();
  }
}

/** How long the decisions of the store may take to be taken back. */
const SETTLE = 10 * SECOND;
const ROUNDS = 5;

/**
 * First what the store knows of is taken back, so that nothing puts it up again (and calls, maintenance and secrets go back
 * by their own ways); then whatever is still there, key by key.
 */
async function leavePbx(config: Config, output: Output, done: Done): Promise<void> {
  if (existsSync(storePath(config)))
    await directly(config, output, { needsAsterisk: true }, async ({ enforcer }) => {
      const why = reason('uninstall');
      const taken = [...enforcer.unblock({ all: true }, why)];
      for (const { value } of enforcer.standing().entries.filter(({ kind }) => kind === 'endpoint'))
        taken.push(...enforcer.unblock({ kind: 'endpoint', value }, why));
      const secrets = enforcer.standing().entries.filter(({ kind }) => kind === 'secret');
      for (const { value } of secrets) taken.push(...enforcer.unblock({ kind: 'secret', value }, why));
      await enforcer.settled(SETTLE);
      if (taken.length > 0) done.removed.push(`${taken.length} entries that the store knew of`);
      for (const { value } of secrets)
        done.byHand.push(`${value}: the SIP password of pjsip.conf is good again; was it stolen, then change it there`);
    });
  await clearAsterisk(config, done);
  const kamailio = kamailioOf(config.settings);
  if (kamailio !== null) await clearKamailio(kamailio, done);
  await clearNft(config, done);
}

/** @throws PeerError when Asterisk cannot be reached, or somebody else keeps writing there */
async function clearAsterisk(config: Config, done: Done): Promise<void> {
  const { ami } = config.settings.asterisk;
  if (ami === undefined) return;
  const connection = amiOf(config, readSecret(ami.secret_file, config.directory, 'asterisk.ami.secret_file'));
  if (connection === null) return;
  const session = await connectAmi({ ...connection, connectMs: 3 * SECOND }, { event: () => undefined });
  try {
    const removed = await clearFamily(session);
    if (removed > 0) done.removed.push(`${removed} keys ${FAMILY}/… of Asterisk's database`);
  } finally {
    session.close();
  }
}

async function clearFamily(session: AmiSession): Promise<number> {
  let removed = 0;
  for (let round = 0; round < ROUNDS; round++) {
    const standing = await readTree(session);
    if (standing.size === 0) return removed;
    const outcomes = await applyKeys(
      session,
      [...standing.keys()].map((key) => ({ key, value: null })),
    );
    for (const outcome of outcomes.values()) {
      if (!outcome.ok) throw outcome.error;
      removed++;
    }
  }
  const left = [...(await readTree(session)).keys()];
  if (left.length === 0) return removed;
  throw new PeerError(
    'peer-refused',
    `somebody keeps writing ${FAMILY}/${left[0] ?? ''}: is another ringfence running?`,
    false,
  );
}

async function clearKamailio(rpc: KamailioRpc, done: Done): Promise<void> {
  let removed = 0;
  try {
    for (const table of KAMAILIO_TABLES.values())
      for (const key of (await tableDump(rpc, table)).keys()) {
        await tableDelete(rpc, table, key);
        removed++;
      }
    if (removed > 0) done.removed.push(`${removed} rows of Kamailio's tables`);
  } catch (error) {
    if (!(error instanceof PeerError)) throw error;
    done.byHand.push(`Kamailio's tables (${error.message}): they are gone when it is restarted`);
  } finally {
    rpc.close();
  }
}

async function clearNft({ settings: { nftables } }: Config, done: Done): Promise<void> {
  if (nftables === undefined) return;
  const [command = 'nft', ...args] = nftables.command;
  const shown = await outputOf(command, [...args, 'list', 'table', 'inet', NFT_TABLE]);
  if (shown === null) return;
  const gone = await outputOf(command, [...args, 'delete', 'table', 'inet', NFT_TABLE]);
  if (gone === null) done.byHand.push(`nft delete table inet ${NFT_TABLE}`);
  else done.removed.push(`table inet ${NFT_TABLE} of nftables`);
}

/** Steps of people's dialplan that call the guard. */
const callsOf = ({ dialplan }: AsteriskFound): string[] =>
  [...dialplan].flatMap(([name, { extensions }]) =>
    name.startsWith('ringfence-')
      ? []
      : [...extensions.values()].flat().flatMap(({ data, at }) => (data.includes('ringfence-') ? [at] : [])),
  );

const FILES = ['manager', 'manager_custom', 'hep', 'cdr_manager', 'sorcery'];
const DIALPLANS = ['extensions', 'extensions_custom'];

/** Takes out what `init --install` has put into people's files, and deletes its own. */
function leaveFiles(etc: string, done: Done): void {
  const calls = callsOf(lookAtAsterisk(etc));
  // a Gosub into a context that is not there ends the call: as long as one is left, the guard stays
  if (calls.length > 0)
    done.byHand.push(
      `take the Gosub(ringfence-…) out of ${calls.join(', ')}, dialplan reload, then ringfence uninstall once more: until then the guard stays in place (it refuses nothing now)`,
    );
  const sorcery = join(etc, 'sorcery.conf');
  const mapped = existsSync(sorcery) && /astdb,\s*ringfence|ringfence\//.test(readFileSync(sorcery, 'utf8'));
  for (const name of [...FILES, ...(calls.length > 0 ? [] : DIALPLANS)]) leaveFile(join(etc, `${name}.conf`), done);
  leaveSnippets(join(etc, FOLDER), calls.length > 0, done);
  done.byHand.push(
    "asterisk -rx 'manager reload'; asterisk -rx 'dialplan reload'; asterisk -rx 'module reload res_hep.so'",
  );
  if (mapped) done.byHand.push("asterisk -rx 'core restart when convenient': sorcery.conf is read at start only");
}

function leaveFile(path: string, done: Done): void {
  if (!existsSync(path)) return;
  const before = readFileSync(path, 'utf8');
  const after = takenOut(before);
  if (after !== before) {
    alter({ path, before, after });
    done.removed.push(`the lines of init --install in ${path}`);
    // the copy has done its work when the file is again what it was
    const backup = `${path}${BACKUP}`;
    if (readFileSync(backup, 'utf8') === after) rmSync(backup);
  }
  if (/astdb,\s*ringfence|"ringfence\//.test(after)) done.byHand.push(`${path} still names ringfence: take that out`);
}

const SNIPPETS = [
  ...['manager', 'extensions', 'hep', 'cdr_manager', 'sorcery'].map((name) => `${name}_ringfence.conf`),
  ...['manager', 'extensions'].map((name) => `${name}_ringfence_notify.conf`),
];

function leaveSnippets(folder: string, guardStays: boolean, done: Done): void {
  if (!existsSync(folder)) return;
  for (const name of SNIPPETS) {
    const path = join(folder, name);
    if (!existsSync(path) || (guardStays && name.startsWith('extensions'))) continue;
    rmSync(path);
    done.removed.push(path);
  }
  try {
    rmdirSync(folder);
  } catch {
    if (!guardStays) done.byHand.push(`${folder} has files that are not ringfence's`);
  }
}

function leaveKamailioFiles(given: string | undefined, done: Done): void {
  const found = lookAtKamailio(given);
  if (found === null) return;
  const snippet = join(dirname(found.file), 'ringfence.cfg');
  if (found.included || found.called)
    done.byHand.push(
      `${found.file}: take out route(RINGFENCE) and the include_file of ${snippet}, restart Kamailio, delete it`,
    );
  else if (existsSync(snippet)) {
    rmSync(snippet);
    done.removed.push(snippet);
  }
}

/** The store with all that SQLite and the daemon put beside it, the CA's keys, the settings and the secrets that they name. */
function purge(config: Config, store: string, done: Done): void {
  const { hep, asterisk, notify, console } = config.settings;
  const secrets = [asterisk.ami?.secret_file, hep?.password_file, notify.phone?.secret_file, console.proxy_secret_file];
  const named = secrets.flatMap((file) => (file === undefined ? [] : [resolve(config.directory, file)]));
  const keys = [
    keyStorePath(config),
    resolve(config.directory, config.settings.crypto.master_key_file),
    usersPath(config),
  ];
  const files = ['', '-wal', '-shm', '.lock', '.sock', '.audit.key', '.scan.lock'].map((ending) => `${store}${ending}`);
  for (const path of [...files, ...keys, ...named, ...(config.file === null ? [] : [config.file])]) {
    if (!existsSync(path)) continue;
    rmSync(path);
    done.removed.push(path);
  }
  if (!existsSync(keptFolder(store))) return;
  rmSync(keptFolder(store), { recursive: true });
  done.removed.push(keptFolder(store));
}
