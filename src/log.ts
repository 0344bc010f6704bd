import { fstatSync, writeSync } from 'node:fs';
import pino from 'pino';
import { spelledOut } from './spelled.ts';

export type Log = Pick<pino.Logger, 'debug' | 'info' | 'warn' | 'error'>;
export type LogLevel = 'debug' | 'info' | 'warn' | 'error' | 'silent';

/**
 * `json`: a line of JSON each, for programs · `text`: a line for people at a terminal · `journal`: the same with the priority
 * that journald reads from it (sd-daemon(3)), so that `journalctl -p warning` works
 */
export type LogForm = 'json' | 'text' | 'journal';

/** What stderr is: a terminal, journald's own stream (JOURNAL_STREAM, systemd.exec(5)), or something that a program reads. */
export function logForm(isTerminal: boolean, env: NodeJS.ProcessEnv = process.env, fd = 2): LogForm {
  if (isTerminal) return 'text';
  try {
    // an inode of a socket may be more than a number holds exactly
    const { dev, ino } = fstatSync(fd, { bigint: true });
    return env['JOURNAL_STREAM'] === `${dev}:${ino}` ? 'journal' : 'json';
  } catch {
    return 'json';
  }
}

/** pino's levels: as a word, as a priority (RFC 5424 section 6.2.1), as a colour (ECMA-48 SGR). */
const LEVELS: Readonly<Record<number, readonly [word: string, priority: number, colour: string]>> = {
  20: ['debug', 7, '2'],
  30: ['info', 6, '32'],
  40: ['warn', 4, '33'],
  50: ['error', 3, '1;31'],
};

/** Names and texts from the network stand in log lines too: none may write a line of its own. */
function fieldText(value: unknown): string {
  if (typeof value === 'number' || typeof value === 'boolean' || value === null) return String(value);
  if (typeof value === 'string' && /^[\w.:/@+-]{1,200}$/.test(value)) return value;
  return spelledOut(JSON.stringify(value));
}

/** A line that pino made, for people: message first, then what belongs to it as name=value. */
export function readable(line: string, form: Exclude<LogForm, 'json'>, colour: boolean): string {
  const { level, time, msg = '', ...fields } = JSON.parse(line) as Record<string, unknown>;
  const [word, priority, sgr] = LEVELS[Number(level)] ?? ['info', 6, '0'];
  const rest = Object.entries(fields).map(([name, value]) => ` ${name}=${fieldText(value)}`);
  const said = spelledOut(String(msg));
  // journald has the time itself
  if (form === 'journal') return `<${priority}>${said}${rest.join('')}\n`;
  const paint = (codes: string, text: string): string => (colour ? `\u001b[${codes}m${text}\u001b[0m` : text);
  const clock = String(time).slice(11, 19);
  return `${paint('2', clock)} ${paint(sgr, word.padEnd(5))} ${said}${paint('2', rest.join(''))}\n`;
}

/** The daemon's log on stderr, written at once so that a crash loses none. Times of `text` and `json` are UTC. */
export function createLog(level: LogLevel, form: LogForm = 'json'): Log {
  const options = { level, base: null, timestamp: pino.stdTimeFunctions.isoTime };
  if (form === 'json') return pino(options, pino.destination({ dest: 2, sync: true }));
  const colour = form === 'text' && (process.env['NO_COLOR'] ?? '') === '';
  return pino(options, { write: (line: string) => writeAll(readable(line, form, colour)) });
}

/** All of it, however slowly a terminal takes it; a log that nobody reads any more stops nothing. */
function writeAll(text: string): void {
  let rest = Buffer.from(text);
  while (rest.length > 0) {
    try {
      rest = rest.subarray(writeSync(2, rest));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') return;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 5);
    }
  }
}
