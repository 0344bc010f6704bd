import { closeSync, openSync, readFileSync, rmSync, writeSync } from 'node:fs';
import { StoreError } from '../errors.ts';

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

/** The daemon that uses this store now; null: none does (a lock left by a killed one does not count). */
export function daemonOf(store: string): DaemonLock | null {
  try {
    const lock = JSON.parse(readFileSync(pathOf(store), 'utf8')) as DaemonLock;
    return startOf(lock.pid) === lock.started ? lock : null;
  } catch {
    return null;
  }
}

/**
 * Takes the store for this daemon; the lock goes with `release`.
 * @throws StoreError store-locked when another daemon has it
 */
export function lockStore(store: string, cdr: string | null): { release(): void } {
  const path = pathOf(store);
  const mine: DaemonLock = { pid: process.pid, started: startOf(process.pid) ?? '', cdr };
  for (let attempt = 0; attempt < 2; attempt++) {
    try {
      const fd = openSync(path, 'wx', 0o640);
      writeSync(fd, JSON.stringify(mine));
      closeSync(fd);
      return { release: () => rmSync(path, { force: true }) };
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
      const other = daemonOf(store);
      if (other !== null && other.pid !== process.pid)
        throw new StoreError(
          'store-locked',
          `ringfence run (process ${other.pid}) uses the store ${store} already; stop it first, or set another [store] path`,
        );
      rmSync(path, { force: true });
    }
  }
  throw new StoreError('store-locked', `another ringfence takes the store ${store} right now; try again`);
}
