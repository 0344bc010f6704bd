import { existsSync, readFileSync, renameSync } from 'node:fs';
import { openBackup } from '../crypto/backup.ts';
import { openKey } from '../crypto/key-store.ts';
import { MasterKey } from '../crypto/master-key.ts';
import type { Config } from '../config.ts';
import { InputError, messageOf, RingfenceError } from '../errors.ts';
import type { IssuedCertificate } from '../store/index.ts';
import { iso } from '../time.ts';
import { readBackup, type BackupContent } from './keys/backup-content.ts';
import { BACKED_UP, KeyRoom } from './keys/key-room.ts';
import { askPassphrase } from './keys/passphrase.ts';
import { keyStorePath, masterKeyPath, readMasterKey, saveKeyStore } from './keys/private-files.ts';
import { EXIT, type GlobalOptions, type Output } from './output.ts';
import { readConfig } from './site.ts';

interface RestoreOptions {
  readonly passphraseFile?: string;
  readonly check: boolean;
  readonly force: boolean;
}

/** `ringfence keys restore FILE`: puts back what `keys backup` has saved. */
export default async function keysRestore(
  [file = '']: readonly string[],
  options: RestoreOptions & GlobalOptions,
  output: Output,
): Promise<number> {
  const config = readConfig(options, output);
  const content = await contentOf(file, options.passphraseFile);
  const at = iso(content.madeAt);
  const summary = {
    file,
    madeAt: at,
    domain: content.domain,
    keys: content.keys.keys.length,
    certificates: content.certificates.length,
  };
  if (options.check) {
    content.masterKey.fill(0);
    if (output.json) output.object({ ...summary, restored: false });
    else
      output.result(
        `A sound backup of ${content.domain}, made ${at}: ${summary.keys} keys, ${summary.certificates} certificates`,
      );
    return EXIT.done;
  }
  const kept = makeRoom(config, content, options.force);
  const room = KeyRoom.open(config, true);
  try {
    if (!masterKeyPath(config).credential) room.writeMaster(content.masterKey);
    saveKeyStore(config, content.keys, room.owner);
    room.store.transaction(() => {
      // they are told latest first, and of one second the later is the one that was put in later
      for (const row of [...content.certificates].reverse()) merge(room, row);
      room.store.meta.set(BACKED_UP, JSON.stringify(content.keys.keys.map(({ kid }) => kid)));
      room.note('key.restored', 'keys', { madeAt: at });
    });
  } finally {
    room.store.close();
  }
  for (const path of kept) output.note(`ringfence: what was there is kept as ${path}`);
  if (output.json) output.object({ ...summary, restored: true });
  else
    output.result(
      `Restored ${summary.keys} keys and ${summary.certificates} certificates of ${content.domain}, as of ${at}`,
    );
  output.note('ringfence: what was issued or revoked since then is not known here: ringfence keys list --all');
  return EXIT.done;
}

/** Reads a backup and tries every key in it. @throws InputError */
async function contentOf(file: string, passphraseFile: string | undefined): Promise<BackupContent> {
  let sealed: Buffer;
  try {
    sealed = readFileSync(file);
  } catch (error) {
    throw new InputError('input-unreadable', `cannot read ${file}: ${messageOf(error)}`, { cause: error });
  }
  const passphrase = await askPassphrase(passphraseFile, `Passphrase of ${file}: `, { twice: false });
  const opened = openBackup(passphrase, sealed);
  if (!opened.ok) throw new InputError('input-malformed', `${file}: ${opened.reason}`);
  const read = readBackup(opened.value);
  opened.value.fill(0);
  if (!read.ok) throw new InputError('input-malformed', `${file}: ${read.reason}`);
  const master = new MasterKey(read.value.masterKey);
  for (const stored of read.value.keys.keys) {
    const key = openKey(master, stored);
    if (!key.ok)
      throw new InputError('input-malformed', `${file}: the ${stored.role} key ${stored.kid}: ${key.reason}`);
  }
  return read.value;
}

/** Moves away what is there, if that is wished. @returns where it is now. @throws RingfenceError refused when it is not wished */
function makeRoom(config: Config, { masterKey, keys }: BackupContent, force: boolean): string[] {
  const { path, credential } = masterKeyPath(config);
  // what systemd hands over cannot be written: it must be the right one
  const own = keys.keys[0];
  if (credential && own !== undefined && !openKey(readMasterKey(config), own).ok) {
    masterKey.fill(0);
    throw new RingfenceError(
      'refused',
      `the systemd credential ${path} is another master key than the backup's; take it out of the unit first`,
    );
  }
  const there = [keyStorePath(config), ...(credential ? [] : [path])].filter((one) => existsSync(one));
  if (there.length > 0 && !force)
    throw new RingfenceError(
      'refused',
      `there are keys here already (${there.join(', ')}); with --force the backup takes their place and they are kept beside it`,
    );
  const stamp = iso(Date.now()).replaceAll(/[:.]/g, '-');
  return there.map((one) => {
    renameSync(one, `${one}.${stamp}`);
    return `${one}.${stamp}`;
  });
}

/** What is not known here is taken over; what was revoked there is revoked here. */
function merge({ store }: KeyRoom, row: IssuedCertificate): void {
  const known = store.certificates.get(row.serial);
  if (known === null) store.certificates.add(row);
  else if (row.revokedAt !== null) store.certificates.revoke(row.serial, row.revokedAt, row.reason ?? 'unspecified');
}
