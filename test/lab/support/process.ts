import { spawn } from 'node:child_process';
import { closeSync, existsSync, openSync, readFileSync } from 'node:fs';

/** A program that the lab started. */
export interface Running {
  readonly pid: number;
  /** Everything it wrote to stdout and stderr, as a file. */
  readonly log: string;
  /** Settles when it has ended. Never rejects. */
  readonly exited: Promise<Exit>;
  readonly running: () => boolean;
  /** Sends a signal to the program and to what it forked. Does nothing when it has ended. */
  readonly signal: (signal: NodeJS.Signals) => void;
  /** SIGTERM, then SIGKILL after `graceMs` (default 3,000 ms). */
  readonly stop: (graceMs?: number) => Promise<Exit>;
}

export interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

export interface StartOptions {
  readonly cwd: string;
  /** File that takes stdout and stderr; it is appended to. */
  readonly log: string;
  readonly env?: Readonly<Record<string, string>>;
}

const alive = new Map<number, Running>();

// A killed test run must leave nothing behind: `setpriv` has the kernel end the child when this process
// is gone, even by SIGKILL. SIGTERM, so that a child that forked (Kamailio) ends what it forked.
const SETPRIV = ['/usr/bin/setpriv', '/bin/setpriv'].find((path) => existsSync(path));

process.on('exit', () => {
  for (const child of alive.values()) child.signal('SIGKILL');
});

/** Starts a program in a process group of its own, with no standard input. */
export function start(command: readonly string[], options: StartOptions): Running {
  const words = SETPRIV === undefined ? [...command] : [SETPRIV, '--pdeathsig', 'TERM', '--', ...command];
  const [file, ...args] = words;
  if (file === undefined) throw new Error('an empty command');
  const output = openSync(options.log, 'a');
  const child = spawn(file, args, {
    cwd: options.cwd,
    env: { ...process.env, ...options.env },
    stdio: ['ignore', output, output],
    detached: true,
  });
  closeSync(output);
  const pid = child.pid;
  let ended = false;
  const exited = new Promise<Exit>((resolve) => {
    const end = (exit: Exit): void => {
      ended = true;
      if (pid !== undefined) alive.delete(pid);
      resolve(exit);
    };
    child.once('exit', (code, signal) => end({ code, signal }));
    child.once('error', () => end({ code: 127, signal: null }));
  });
  if (pid === undefined) throw new Error(`cannot start ${file}`);

  const running: Running = {
    pid,
    log: options.log,
    exited,
    running: () => !ended,
    signal: (signal) => {
      if (ended) return;
      try {
        process.kill(-pid, signal);
      } catch {
        // it ended between the check and the call
      }
    },
    stop: async (graceMs = 3000) => {
      running.signal('SIGTERM');
      const timer = setTimeout(() => running.signal('SIGKILL'), graceMs);
      const exit = await exited;
      clearTimeout(timer);
      return exit;
    },
  };
  alive.set(pid, running);
  return running;
}

/** The end of a program's log, for error messages. */
export function logTail(log: string, lines = 25): string {
  try {
    return readFileSync(log, 'utf8').split('\n').slice(-lines).join('\n');
  } catch {
    return '(no log)';
  }
}

/** Polls until `probe` returns something, or fails after `timeoutMs` with `what` in the message. */
export async function until<T>(
  what: string,
  timeoutMs: number,
  probe: () => T | undefined | false | Promise<T | undefined | false>,
  intervalMs = 20,
): Promise<T> {
  const deadline = Date.now() + timeoutMs;
  for (;;) {
    const value = await probe();
    if (value !== undefined && value !== false) return value;
    if (Date.now() > deadline) throw new Error(`waited ${timeoutMs} ms in vain: ${what}`);
    await pause(intervalMs);
  }
}

export async function pause(ms: number): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, ms));
}
