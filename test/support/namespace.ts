import { spawn, spawnSync } from 'node:child_process';

/** A network namespace of one's own: for root as it is, for others where the kernel lets them have a user namespace. */
const isRoot = process.getuid?.() === 0;
export const UNSHARE: readonly string[] = isRoot ? ['unshare', '-n'] : ['unshare', '-r', '-n'];
export const enterOf = (pid: number): string[] => [
  'nsenter',
  '-t',
  String(pid),
  ...(isRoot ? [] : ['-U', '--preserve-credentials']),
  '-n',
];

export interface Namespace {
  /** what a command begins with to run in it */
  readonly enter: readonly string[];
  /** Runs a program in it. @returns what it prints. @throws Error with its words */
  run(...command: readonly string[]): string;
  /** The same; @returns its words when it failed, null when it did not */
  try(...command: readonly string[]): string | null;
}

const firstLine = (text: string): string => text.trim().split('\n')[0] ?? '';

/** Why no namespace may be made in which `command` works; null: it may. */
export function noNamespace(command: readonly string[]): string | null {
  const [file = '', ...args] = [...UNSHARE, ...command];
  const tried = spawnSync(file, args, { encoding: 'utf8' });
  return tried.status === 0 ? null : (tried.error?.message ?? firstLine(tried.stderr));
}

/** Holds a namespace open. @returns how to enter it, and how to end it */
export async function openNamespace(): Promise<{ readonly enter: readonly string[]; readonly end: () => void }> {
  const [file = '', ...args] = UNSHARE;
  const child = spawn(file, [...args, 'sleep', '300'], { stdio: 'ignore' });
  const end = (): void => void child.kill('SIGKILL');
  process.once('exit', end);
  await new Promise((done) => setTimeout(done, 200));
  return {
    enter: enterOf(child.pid ?? 0),
    end: () => {
      end();
      process.off('exit', end);
    },
  };
}

/** In a `describe`: a namespace for its tests, which are skipped with a printed reason where `probe` does not work in one. */
export function useNamespace(probe: readonly string[]): () => Namespace {
  let opened: Awaited<ReturnType<typeof openNamespace>> | undefined;
  before(async function () {
    const why = noNamespace(probe);
    if (why !== null) {
      console.warn(`      skipped: no network namespace with ${probe.join(' ')} may be made here: ${why}`);
      this.skip();
    }
    opened = await openNamespace();
  });
  after(() => opened?.end());
  return () => {
    if (opened === undefined) throw new Error('there is no namespace');
    const { enter } = opened;
    const start = (command: readonly string[]) => {
      const [file = '', ...args] = [...enter, ...command];
      return spawnSync(file, args, { encoding: 'utf8' });
    };
    return {
      enter,
      run: (...command) => {
        const { status, stdout, stderr } = start(command);
        if (status !== 0) throw new Error(stderr);
        return stdout;
      },
      try: (...command) => {
        const { status, stderr } = start(command);
        return status === 0 ? null : firstLine(stderr);
      },
    };
  };
}
