import type { Output } from '../../src/commands/output.ts';

export interface Told {
  readonly output: Output;
  readonly results: string[];
  readonly notes: string[];
  readonly objects: unknown[];
}

/** An output that keeps what it was told. */
export function recordingOutput(json = false): Told {
  const results: string[] = [];
  const notes: string[] = [];
  const objects: unknown[] = [];
  const output: Output = {
    json,
    color: false,
    result: (text) => void results.push(text),
    object: (value) => void objects.push(value),
    bytes: (data) => void results.push(Buffer.from(data).toString('latin1')),
    note: (text) => void notes.push(text),
    warn: (text) => void notes.push(text),
    onGone: () => undefined,
  };
  return { output, results, notes, objects };
}
