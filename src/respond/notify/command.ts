import { spawn } from 'node:child_process';
import { messageOf as errorText, PeerError } from '../../errors.ts';
import type { Millis } from '../../model.ts';
import { messageText, visible } from '../../words/index.ts';
import { messageFor, messageOptions, objectFor, type Channel, type Rendering, type Told } from './channel.ts';

export interface CommandChannelOptions extends Rendering {
  readonly run: readonly string[];
  readonly timeout: Millis;
}

/** Of what the program says, for the error text. */
const OUTPUT = 2_048;

/**
 * A program of the site's own. No shell is between: what an attacker wrote into a caller id is data on its standard input,
 * one JSON object: the alert, with `text`, the message as people read it. Exit status 0: told; anything else: tried again.
 */
export function commandChannel(options: CommandChannelOptions): Channel {
  return {
    name: 'command',
    folds: 1,
    tell: async ([telling], signal): Promise<Told> => {
      if (telling === undefined) throw new RangeError('nothing to tell');
      const { words } = messageOptions(options);
      const text = messageText(messageFor([telling], 'command', options), words);
      const input = JSON.stringify({ ...objectFor(telling, options.site), text });
      await runProgram(
        options,
        input,
        { RINGFENCE_ID: telling.delivery.id, RINGFENCE_SEVERITY: telling.delivery.severity },
        signal,
      );
      return { detail: 'exit status 0' };
    },
    close: () => undefined,
  };
}

async function runProgram(
  { run, timeout }: CommandChannelOptions,
  input: string,
  own: Readonly<Record<string, string>>,
  signal: AbortSignal,
): Promise<void> {
  const [program = '', ...args] = run;
  const { PATH = '/usr/bin:/bin', HOME, LANG } = process.env;
  const env = { PATH, ...(HOME === undefined ? {} : { HOME }), ...(LANG === undefined ? {} : { LANG }), ...own };
  await new Promise<void>((resolve, reject) => {
    // a group of its own, so that what it has started ends with it
    const child = spawn(program, args, { env, detached: true, stdio: ['pipe', 'pipe', 'pipe'] });
    let said = '';
    let ended: string | null = null;
    const end = (why: string): void => {
      ended = why;
      if (child.pid === undefined) return;
      try {
        process.kill(-child.pid, 'SIGKILL');
      } catch {
        // it has ended meanwhile
      }
    };
    const timer = setTimeout(() => end(`it did not end within ${timeout} ms`), timeout);
    const stop = (): void => end('ringfence is ending');
    signal.addEventListener('abort', stop, { once: true });
    for (const stream of [child.stdout, child.stderr])
      stream.on('data', (bytes: Buffer) => {
        said = (said + bytes.toString('latin1')).slice(-OUTPUT);
      });
    const done = (): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', stop);
    };
    child.on('error', (error) => {
      done();
      reject(
        new PeerError('peer-unreachable', `${program} cannot be run: ${errorText(error)}`, true, { cause: error }),
      );
    });
    child.on('close', (code, killed) => {
      done();
      if (code === 0) resolve();
      else {
        const last = visible(said.trim().split('\n').at(-1) ?? '', 200);
        const how = ended ?? (code === null ? `ended by ${String(killed)}` : `exit status ${code}`);
        reject(new PeerError('peer-refused', `${program}: ${how}${last === '' ? '' : `: ${last}`}`, true));
      }
    });
    // a program that does not read its input may still do its work
    child.stdin.on('error', () => undefined);
    child.stdin.end(input);
  });
}
