import { chmodSync, chownSync, closeSync, existsSync, mkdirSync, openSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { messageOf, StoreError } from '../errors.ts';

const isRoot = (): boolean => process.geteuid?.() === 0;

/** What root makes belongs to whom it is made for; nobody else may give a file away, and then nothing happens. */
export const giveTo = (path: string, owner: { readonly uid: number; readonly gid: number }): void => {
  if (isRoot()) chownSync(path, owner.uid, owner.gid);
};

/** Makes the folders that are missing, for us alone; when root does it they belong to the owner of what was there. */
function makeFolders(folder: string): void {
  if (existsSync(folder)) return;
  const parent = dirname(folder);
  makeFolders(parent);
  mkdirSync(folder, { mode: 0o700 });
  giveTo(folder, statSync(parent));
}

/**
 * Gets the file ready before SQLite opens it: folders 0700, file 0600, and when root runs a command, owned by the owner
 * of the folder, so that the service can still use what root has made. SQLite gives its -wal and -shm files the mode,
 * and under root the owner, of the database file.
 * @throws StoreError store-unreadable
 */
export function prepareFile(path: string, create: boolean): void {
  try {
    if (create) makeFolders(dirname(path));
    if (!existsSync(path)) {
      if (!create) throw new Error('there is no such file; `ringfence run` or `ringfence scan` makes it');
      closeSync(openSync(path, 'a', 0o600));
      giveTo(path, statSync(dirname(path)));
    }
    const stats = statSync(path);
    if (!stats.isFile()) throw new Error('not a regular file');
    // A store holds numbers that people dialled: nobody else may read it.
    if ((stats.mode & 0o077) !== 0 && (isRoot() || stats.uid === process.geteuid?.())) chmodSync(path, 0o600);
  } catch (error) {
    throw new StoreError(
      'store-unreadable',
      `${path}: the store cannot be opened: ${messageOf(error)}; check [store] path and who owns its folder`,
      { cause: error },
    );
  }
}
