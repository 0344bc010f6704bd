import { spawn } from 'node:child_process';
import type { Log } from '../log.ts';
import type { Millis } from '../model.ts';

/**
 * What systemd is told (sd_notify(3)). Node has no unix datagram sockets, so systemd's own program systemd-notify says it,
 * which the unit allows by NotifyAccess=all; it waits until systemd has read it, and so is known as one of the unit's.
 */
export function tellSystemd(message: '--ready' | 'WATCHDOG=1', log: Log): void {
  if (process.env['NOTIFY_SOCKET'] === undefined) return;
  spawn('systemd-notify', [message], { stdio: 'ignore' }).on('error', (error) =>
    log.warn(`systemd-notify: ${error.message}`),
  );
}

/** How often the watchdog is to be fed (sd_watchdog_enabled(3): half of its time); null: there is none, or it is another process's. */
export function watchdogEvery(env: NodeJS.ProcessEnv = process.env): Millis | null {
  const microseconds = Number(env['WATCHDOG_USEC'] ?? '');
  const pid = env['WATCHDOG_PID'];
  if (env['NOTIFY_SOCKET'] === undefined || !Number.isSafeInteger(microseconds) || microseconds <= 0) return null;
  return pid === undefined || Number(pid) === process.pid ? Math.max(100, microseconds / 2_000) : null;
}
