import { spawn } from 'node:child_process';
import { messageOf, PeerError } from '../errors.ts';
import type { Millis } from '../model.ts';

export interface ProgramOptions {
  /** what messages call it */
  readonly name: string;
  /** what to do when it is not there */
  readonly absent: string;
  readonly timeout: Millis;
  /** bytes of output at the most */
  readonly limit: number;
}

/**
 * Runs a program of the kernel's (nft, ip) and gives what it prints. No shell, no input.
 * @throws PeerError with the program's own words
 */
export function runProgram(
  command: readonly string[],
  { name, absent, timeout, limit }: ProgramOptions,
): Promise<string> {
  const [file = '', ...args] = command;
  return new Promise((resolve, reject) => {
    const child = spawn(file, args, { stdio: ['ignore', 'pipe', 'pipe'], timeout });
    const output: Buffer[] = [];
    let size = 0;
    let words = '';
    child.stdout.on('data', (part: Buffer) => {
      size += part.length;
      if (size <= limit) output.push(part);
    });
    child.stderr.on('data', (part: Buffer) => (words = (words + part.toString()).slice(0, 1_000)));
    child.on('error', (error) => {
      const hint = 'code' in error && ['ENOENT', 'EACCES'].includes(String(error.code)) ? `: ${absent}` : '';
      reject(new PeerError('peer-unreachable', `${name} cannot be run: ${messageOf(error)}${hint}`, false));
    });
    child.on('close', (code, signal) => {
      // half of an answer would be taken for all of it
      if (size > limit) return reject(new PeerError('peer-protocol', `${name}: more than ${limit} bytes`, false));
      if (code === 0) return resolve(Buffer.concat(output).toString());
      if (signal !== null) return reject(new PeerError('peer-timeout', `${name} took longer than ${timeout} ms`, true));
      const hint = words.includes('not permitted') ? ' (it needs the capability CAP_NET_ADMIN)' : '';
      reject(new PeerError('peer-refused', `${name}: ${words.trim().split('\n')[0] ?? ''}${hint}`, false));
    });
  });
}
