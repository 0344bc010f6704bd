import pino from 'pino';

export type Log = Pick<pino.Logger, 'debug' | 'info' | 'warn' | 'error'>;

/** The daemon's log: JSON lines on stderr (journald takes them as they are), written at once so that a crash loses none. */
export const createLog = (level: 'debug' | 'info' | 'warn' | 'error' | 'silent'): Log =>
  pino({ level, base: null, timestamp: pino.stdTimeFunctions.isoTime }, pino.destination({ dest: 2, sync: true }));
