import { linkSync, readFileSync, realpathSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { messageOf, StoreError } from '../errors.ts';

/** Who watches: written beside the store while `ringfence run` lives. */
export interface DaemonLock {
  readonly pid: number;
  /** start of that process in clock ticks since boot, by which a pid that another process got is told apart */
  readonly started: string;
  /** the call records it follows; null: none */
  readonly cdr: string | null;
}

const pathOf = (store: string): string => `${store}.lock`;

/** Field 22 of /proc/PID/stat (proc(5)); null: there is no such process. */
function startOf(pid: number): string | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? null;
  } catch {
    return null;
  }
}

/** Do both names lead to the same file? */
export function isSameFile(a: string, b: string): boolean {
  try {
    return a === b || realpathSync(a) === realpathSync(b);
  } catch {
    return false;
  }
}

/** The lock under which a scan tells people, beside the daemon's own. */
export const tellingName = (store: string): string => `${store}.scan`;

/** The daemon that uses this store now; null: none does (a lock left by a killed one does not count). */
export function daemonOf(store: string): DaemonLock | null {
  return readLock(pathOf(store));
}

function readLock(path: string): DaemonLock | null {
  try {
    const lock = JSON.parse(readFileSync(path, 'utf8')) as DaemonLock;
    return startOf(lock.pid) === lock.started ? lock : null;
  } catch {
    return null;
  }
}

/**
 * Takes the store for this daemon; the lock goes with `release`. The lock appears whole (a link to a finished file), and
 * one that a killed daemon left is moved away and looked at again before it is thrown away, so that of two daemons that
 * start at once one gets it.
 * @throws StoreError store-locked when another daemon has it
 */
export function lockStore(store: string, cdr: string | null): { release(): void } {
  const path = pathOf(store);
  const own = `${path}.${process.pid}`;
  const left = `${own}.left`;
  const mine: DaemonLock = { pid: process.pid, started: startOf(process.pid) ?? '', cdr };
  try {
    writeFileSync(own, JSON.stringify(mine), { mode: 0o640 });
    for (let attempt = 0; attempt < 3; attempt++) {
      try {
        linkSync(own, path);
        return { release: () => rmSync(path, { force: true }) };
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
      }
      const other = readLock(path);
      if (other !== null) throw taken(store, other);
      renameSync(path, left);
      const moved = readLock(left);
      if (moved === null) continue;
      linkSync(left, path);
      throw taken(store, moved);
    }
  } catch (error) {
    if (error instanceof StoreError) throw error;
    throw new StoreError(
      'store-unreadable',
      `${path} cannot be written: ${messageOf(error)}; check who owns its folder`,
      {
        cause: error,
      },
    );
  } finally {
    rmSync(own, { force: true });
    rmSync(left, { force: true });
  }
  throw new StoreError('store-locked', `another ringfence takes the store ${store} right now; try again`);
}

const taken = (store: string, by: DaemonLock): StoreError =>
  new StoreError(
    'store-locked',
    `ringfence run (process ${by.pid}) uses the store ${store} already; stop it first, or set another [store] path`,
  );
