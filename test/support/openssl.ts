import { spawnSync } from 'node:child_process';

export interface OpensslRun {
  readonly status: number;
  readonly stdout: Buffer;
  readonly stderr: string;
}

/** Runs the real openssl to its end. */
export function opensslRun(args: readonly string[], input: Uint8Array = Buffer.alloc(0)): OpensslRun {
  const { status, stdout, stderr, error } = spawnSync('openssl', args, { input, maxBuffer: 64 << 20 });
  if (error !== undefined && status === null) throw error;
  return { status: status ?? -1, stdout, stderr: stderr.toString() };
}

/** What openssl writes to stdout; throws with its words where it fails. */
export function openssl(args: readonly string[], input?: Uint8Array): Buffer {
  const { status, stdout, stderr } = opensslRun(args, input);
  if (status !== 0) throw new Error(`openssl ${args.join(' ')}: ${status}\n${stderr}`);
  return stdout;
}
