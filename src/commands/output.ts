import { writeSync } from 'node:fs';
import { RingfenceError } from '../errors.ts';

/** Exit statuses of every command (docs/operators-guide.md). */
export const EXIT = { done: 0, found: 1, failed: 2 } as const;

/** Options that every command takes. */
export interface GlobalOptions {
  readonly config?: string;
  readonly format: 'text' | 'json';
  readonly quiet: boolean;
}

/** Results go to stdout, everything else to stderr; colour and progress only where a person looks. */
export interface Output {
  readonly json: boolean;
  readonly color: boolean;
  /** one line (or block) of results */
  result(text: string): void;
  /** one JSON object, one line */
  object(value: unknown): void;
  /** a result that is no text, as it is */
  bytes(data: Uint8Array): void;
  /** for the person at the terminal; silent with --quiet */
  note(text: string): void;
  /** what must be said even with --quiet */
  warn(text: string): void;
  /** What to do when the reader of stdout has gone (`| head`). Without it the program ends quietly. */
  onGone(then: () => void): void;
}

/** Writes all of it, however slowly a pipe takes it. @returns false: whoever read it has gone */
function write(fd: 1 | 2, data: string | Uint8Array): boolean {
  let rest = typeof data === 'string' ? Buffer.from(data) : Buffer.from(data.buffer, data.byteOffset, data.length);
  while (rest.length > 0) {
    try {
      rest = rest.subarray(writeSync(fd, rest));
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code === 'EPIPE') return false;
      if (code !== 'EAGAIN') throw error;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 5);
    }
  }
  return true;
}

export function createOutput(options: GlobalOptions): Output {
  const json = options.format === 'json';
  let gone: () => void = () => process.exit(EXIT.done);
  const tell = (text: string): void => {
    if (!write(1, `${text}\n`)) gone();
  };
  return {
    json,
    // https://no-color.org: set and not empty
    color: !json && process.stdout.isTTY && (process.env['NO_COLOR'] ?? '') === '',
    result: tell,
    object: (value) => tell(JSON.stringify(value)),
    bytes: (data) => {
      if (!write(1, data)) gone();
    },
    // nobody may read stderr: that is no reason to end
    note: (text) => {
      if (!options.quiet) write(2, `${text}\n`);
    },
    warn: (text) => void write(2, `${text}\n`),
    onGone: (then) => (gone = then),
  };
}

/** What a failing command says: the message for errors that a person can act on, the stack for bugs. */
export const failureText = (error: unknown): string => {
  if (error instanceof RingfenceError) return `ringfence: ${error.message}`;
  return `ringfence: this is a bug, please report it: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`;
};
