import { closeSync, existsSync, fstatSync, openSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import type { Config } from '../../config.ts';
import { EMPTY_KEY_STORE, readKeyStore, writeKeyStore, type KeyStore } from '../../crypto/key-store.ts';
import { MASTER_KEY_BYTES, MasterKey } from '../../crypto/master-key.ts';
import { InputError, messageOf, RingfenceError } from '../../errors.ts';
import { writeWhole, type Owner } from './whole-file.ts';

/** Name of the systemd credential (LoadCredentialEncrypted=ringfence-master-key: in the unit). */
const CREDENTIAL = 'ringfence-master-key';

interface MasterKeyPath {
  readonly path: string;
  readonly credential: boolean;
}

/** Where the master key is: the systemd credential of this service if there is one, else [crypto] master_key_file. */
export const masterKeyPath = ({ settings, directory }: Config): MasterKeyPath =>
  masterKeyAt(resolve(directory, settings.crypto.master_key_file));

/** The same for a master key whose file is `file`. */
export function masterKeyAt(file: string): MasterKeyPath {
  const folder = process.env['CREDENTIALS_DIRECTORY'] ?? '';
  const credential = folder === '' ? '' : join(folder, CREDENTIAL);
  if (credential !== '' && existsSync(credential)) return { path: credential, credential: true };
  return { path: file, credential: false };
}

export const keyStorePath = ({ settings, directory }: Config): string => resolve(directory, settings.crypto.key_store);

/**
 * Reads a file that nobody else may read or change: a regular file of ours (or of root), mode 0600 at the most. What is
 * checked is what is read: the open file, not its name.
 */
export function readPrivate(path: string, what: string, forbidden: number): Buffer {
  let fd: number;
  try {
    fd = openSync(path, 'r');
  } catch (error) {
    throw new InputError('input-unreadable', `cannot read ${what} ${path}: ${messageOf(error)}`, { cause: error });
  }
  try {
    const { mode, uid } = fstatSync(fd);
    const own = process.geteuid?.() ?? 0;
    if ((mode & 0o170000) !== 0o100000)
      throw new InputError('input-unreadable', `${what} ${path} is not a regular file`);
    if ((mode & forbidden) !== 0)
      throw new RingfenceError(
        'secret-unsafe',
        `${what} ${path} can be read or changed by others (mode ${(mode & 0o777).toString(8)}); run: chmod 600 ${path}. ` +
          'If they should not have, make new keys: it may have been copied',
      );
    if (own !== 0 && uid !== own && uid !== 0)
      throw new RingfenceError('secret-unsafe', `${what} ${path} belongs to user ${uid}, who could change it`);
    return readFileSync(fd);
  } finally {
    closeSync(fd);
  }
}

/** The master key. @throws RingfenceError that says which file and what to do */
export function readMasterKey(config: Config): MasterKey {
  const where = masterKeyPath(config);
  if (!where.credential && !existsSync(where.path))
    throw new InputError(
      'input-missing',
      `there is no master key at ${where.path}: ringfence keys init makes it, ringfence keys restore brings it back from a backup`,
    );
  return readMasterKeyAt(where);
}

/** Reads the one that is there. @throws RingfenceError that says what is wrong with it */
export function readMasterKeyAt({ path, credential }: MasterKeyPath): MasterKey {
  // systemd hands credentials over by a group or an ACL that is the service's alone
  const bytes = readPrivate(path, 'the master key', credential ? 0o007 : 0o077);
  try {
    if (bytes.length !== MASTER_KEY_BYTES)
      throw new InputError(
        'input-malformed',
        `the master key ${path} has ${bytes.length} bytes; it must have ${MASTER_KEY_BYTES}, as they come (no text)`,
      );
    return new MasterKey(bytes);
  } finally {
    bytes.fill(0);
  }
}

/** The key store, empty where there is none. @throws RingfenceError that says what is wrong with it */
export function loadKeyStore(config: Config): KeyStore {
  const path = keyStorePath(config);
  if (!existsSync(path)) return EMPTY_KEY_STORE;
  // encrypted, so that who reads it learns nothing; who changes it must be us
  const read = readKeyStore(readPrivate(path, 'the key store', 0o022).toString());
  if (read.ok) return read.value;
  throw new InputError(
    'input-malformed',
    `the key store ${path}: ${read.reason}; ringfence keys restore brings it back`,
  );
}

export const saveKeyStore = (config: Config, keys: KeyStore, owner: Owner): void =>
  writeWhole(keyStorePath(config), Buffer.from(writeKeyStore(keys)), owner);
