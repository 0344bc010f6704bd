import {
  chmodSync,
  existsSync,
  linkSync,
  mkdirSync,
  openSync,
  closeSync,
  fsyncSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
  type Stats,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { InputError, messageOf } from '../../errors.ts';
import { giveTo } from '../../store/file.ts';
import { unifiedDiff } from './diff.ts';

/** Who a file is to belong to, as far as we may give it away. */
export interface Owner {
  readonly uid: number;
  readonly gid: number;
}

/** A file of ours, written where there is none. What is there already stays, whatever it says. */
export interface Creation {
  readonly path: string;
  readonly text: string;
  readonly mode: number;
  readonly owner: Owner | null;
  /** what it is for, in a few words */
  readonly what: string;
  /** what of its text is not shown */
  readonly secret?: string;
}

/** A file of people's, with something put in. */
export interface Alteration {
  readonly path: string;
  readonly before: string;
  readonly after: string;
}

export const BACKUP = '.ringfence-backup';

const failed = (path: string, error: unknown): InputError =>
  new InputError('input-unreadable', `cannot write ${path}: ${messageOf(error)}; run it as root`, { cause: error });

/** Written beside, flushed and given its owner and mode, before anybody sees it. */
function prepared(path: string, text: string, mode: number, owner: Owner | null): string {
  const beside = `${path}.ringfence-${process.pid}`;
  writeFileSync(beside, text, { mode: 0o600, flag: 'wx' });
  const handle = openSync(beside, 'r');
  fsyncSync(handle);
  closeSync(handle);
  if (owner !== null) giveTo(beside, owner);
  chmodSync(beside, mode & 0o7777);
  return beside;
}

function makeFolder(folder: string, mode: number, owner: Owner | null): void {
  if (existsSync(folder)) return;
  mkdirSync(folder, { recursive: true, mode });
  if (owner !== null) giveTo(folder, owner);
}

/** Is it there already? `other`: with another text. */
export function stateOf({ path, text }: Creation): 'absent' | 'there' | 'other' {
  try {
    return readFileSync(path, 'utf8') === text ? 'there' : 'other';
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return 'absent';
    throw failed(path, error);
  }
}

/** Writes a file that is not there. @returns false: it is. @throws InputError */
export function create({ path, text, mode, owner }: Creation): boolean {
  let beside: string | null = null;
  try {
    makeFolder(dirname(path), 0o750, owner);
    beside = prepared(path, text, mode, owner);
    linkSync(beside, path); // fails where somebody was quicker: nothing is overwritten
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw failed(path, error);
  } finally {
    if (beside !== null) rmSync(beside, { force: true });
  }
}

/**
 * Puts another text in the place of a file's, keeping its owner and mode; a copy of what it was stays beside it, the first
 * that was made. A symbolic link stays one. @throws InputError, also where the file is no longer what it was
 */
export function alter({ path, before, after }: Alteration): void {
  let beside: string | null = null;
  try {
    const real = realpathSync(path);
    const stats: Stats = statSync(real);
    if (readFileSync(real, 'utf8') !== before) throw new Error('somebody has changed it meanwhile; run this again');
    const backup = `${path}${BACKUP}`;
    if (!existsSync(backup)) {
      const copy = prepared(backup, before, stats.mode, stats);
      renameSync(copy, backup);
    }
    beside = prepared(join(real), after, stats.mode, stats);
    renameSync(beside, real);
    beside = null;
  } catch (error) {
    throw failed(path, error);
  } finally {
    if (beside !== null) rmSync(beside, { force: true });
  }
}

const hidden = ({ text, secret }: Creation): string =>
  secret === undefined ? text : text.replaceAll(secret, '(a secret)');

/** What a creation would do, as a unified diff. */
export const creationDiff = (change: Creation): string =>
  stateOf(change) === 'absent' ? unifiedDiff(change.path, null, hidden(change)) : '';

export const alterationDiff = ({ path, before, after }: Alteration): string => unifiedDiff(path, before, after);
