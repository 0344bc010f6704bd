import type { Millis } from '../model.ts';
import { runProgram } from './program.ts';

/** The kernel's IPsec as iproute2 prints it (ip-xfrm(8)): read, never changed. Keys of associations are not asked for. */
export interface XfrmText {
  readonly states: string;
  readonly policies: string;
}

const TIMEOUT: Millis = 5_000;
const OUTPUT_LIMIT = 16 * 1024 * 1024;

/** Asks `ip` (or how it is called) for associations and policies. @throws PeerError with ip's own words */
export async function readXfrm(command: readonly string[] = ['ip']): Promise<XfrmText> {
  const ask = (...args: readonly string[]): Promise<string> =>
    runProgram([...command, 'xfrm', ...args], {
      name: 'ip xfrm',
      absent: 'install iproute2',
      timeout: TIMEOUT,
      limit: OUTPUT_LIMIT,
    });
  const states = await ask('state', 'list', 'nokeys');
  return { states, policies: await ask('policy', 'list') };
}
