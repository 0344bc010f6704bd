import { closeSync, fchmodSync, fchownSync, fsyncSync, openSync, renameSync, rmSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';
import { InputError, messageOf } from '../../errors.ts';

/** Whom a file is for. */
export interface Owner {
  readonly uid: number;
  readonly gid: number;
}

/** A folder's entries are on disk only when the folder is. */
function syncFolder(folder: string): void {
  const fd = openSync(folder, 'r');
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}

/**
 * Writes a file that is whole or as it was, whenever the power goes: beside it, to the disk, renamed, the folder to the disk.
 * Mode 0600; when root does it, it belongs to `owner`.
 * @throws InputError that says which file
 */
export function writeWhole(path: string, bytes: Uint8Array, owner: Owner | null): void {
  const beside = `${path}.new`;
  try {
    rmSync(beside, { force: true }); // left by one that was killed
    const fd = openSync(beside, 'wx', 0o600);
    try {
      fchmodSync(fd, 0o600);
      if (owner !== null && process.geteuid?.() === 0) fchownSync(fd, owner.uid, owner.gid);
      for (let at = 0; at < bytes.length;) at += writeSync(fd, bytes, at);
      fsyncSync(fd);
    } finally {
      closeSync(fd);
    }
    renameSync(beside, path);
    syncFolder(dirname(path));
  } catch (error) {
    throw new InputError(
      'input-unreadable',
      `cannot write ${path}: ${messageOf(error)}; what was there stays as it was`,
      {
        cause: error,
      },
    );
  }
}
