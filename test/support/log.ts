import type { Log } from '../../src/log.ts';

export interface Logged {
  readonly level: 'debug' | 'info' | 'warn' | 'error';
  readonly message: string;
}

/** A log that keeps what it was told. */
export function recordingLog(): { log: Log; logged: Logged[] } {
  const logged: Logged[] = [];
  const at =
    (level: Logged['level']) =>
    (first: unknown, second?: unknown): void => {
      logged.push({ level, message: typeof first === 'string' ? first : `${String(second)} ${JSON.stringify(first)}` });
    };
  return { log: { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') }, logged };
}
