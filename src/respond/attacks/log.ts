import { appendFile, mkdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Counters } from '../../counters.ts';
import { messageOf } from '../../errors.ts';
import type { Log } from '../../log.ts';
import { MINUTE, SECOND } from '../../time.ts';

/** Lines that wait for a slow disk. */
const WAITING = 1_000;

/**
 * Appends lines to a file, opened anew for each batch, so that logrotate needs no signal. It never holds up who writes: what a
 * slow disk has no room for is counted (`attacks.dropped`) and told.
 */
export class AttackLog {
  readonly #path: string;
  readonly #counters: Counters;
  readonly #log: Log;
  #waiting: string[] = [];
  #writing: Promise<void> | null = null;
  #toldAt = -Infinity;

  constructor(path: string, counters: Counters, log: Log) {
    this.#path = path;
    this.#counters = counters;
    this.#log = log;
  }

  write(lines: readonly string[]): void {
    for (const line of lines) {
      if (this.#waiting.length >= WAITING) this.#counters.add('attacks.dropped');
      else this.#waiting.push(line);
    }
    if (this.#waiting.length > 0) this.#writing ??= this.#drain();
  }

  async #drain(): Promise<void> {
    while (this.#waiting.length > 0) {
      const lines = this.#waiting;
      this.#waiting = [];
      try {
        await mkdir(dirname(this.#path), { recursive: true });
        await appendFile(this.#path, `${lines.join('\n')}\n`, { mode: 0o640 });
      } catch (error) {
        this.#counters.add('attacks.dropped', lines.length);
        this.#complain(messageOf(error));
      }
    }
    this.#writing = null;
  }

  #complain(why: string): void {
    if (performance.now() - this.#toldAt < MINUTE) return;
    this.#toldAt = performance.now();
    this.#log.error(`[log] attacks: ${this.#path} cannot be written, so fail2ban does not hear of attackers: ${why}`);
  }

  /** Resolves when all is written, or could not be within a second. */
  async close(): Promise<void> {
    await Promise.race([this.#writing, sleep(SECOND, undefined, { ref: false })]);
  }
}
