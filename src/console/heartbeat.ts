import { messageOf } from '../errors.ts';
import type { Log } from '../log.ts';
import type { Millis } from '../model.ts';
import { HOUR, SECOND } from '../time.ts';
import type { HeartbeatReading } from './readings.ts';

export interface HeartbeatOptions {
  readonly url: string;
  readonly every: Millis;
  /** only who is well says so */
  readonly well: () => boolean;
  readonly log: Log;
}

const PATIENCE: Millis = 10 * SECOND;

/**
 * A dead man's switch: a service outside is asked for (GET) every minute, and tells people when it no longer is. Any answer
 * of 200 to 299 counts. The address may itself be the secret, so that only its host is ever told.
 */
export class Heartbeat {
  readonly host: string;
  readonly #options: HeartbeatOptions;
  readonly #stop = new AbortController();
  readonly #timer: NodeJS.Timeout;
  #sent = 0;
  #failed = 0;
  #lastAt: Millis | null = null;
  #failing = false;
  #saidAt = -Infinity;
  #busy = false;

  constructor(options: HeartbeatOptions) {
    this.#options = options;
    this.host = new URL(options.url).host;
    this.#timer = setInterval(() => void this.beat(), options.every);
    void this.beat();
  }

  reading(): HeartbeatReading {
    return { sent: this.#sent, failed: this.#failed, lastAt: this.#lastAt };
  }

  #isStopped(): boolean {
    return this.#stop.signal.aborted;
  }

  /** One beat, unless ringfence is not well or the last one is still under way. */
  async beat(): Promise<void> {
    if (this.#busy || this.#isStopped() || !this.#options.well()) return;
    this.#busy = true;
    try {
      const signal = AbortSignal.any([this.#stop.signal, AbortSignal.timeout(Math.min(PATIENCE, this.#options.every))]);
      const answer = await fetch(this.#options.url, {
        signal,
        redirect: 'manual',
        headers: { 'User-Agent': 'ringfence' },
      });
      await answer.body?.cancel();
      if (!answer.ok) throw new Error(`it answers ${answer.status}`);
      this.#took();
    } catch (error) {
      if (!this.#isStopped()) this.#missed(error);
    } finally {
      this.#busy = false;
    }
  }

  #took(): void {
    this.#sent++;
    this.#lastAt = Date.now();
    if (this.#failing) this.#options.log.info(`the heartbeat to ${this.host} is taken again`);
    this.#failing = false;
  }

  #missed(error: unknown): void {
    this.#failed++;
    const now = performance.now();
    if (this.#failing && now - this.#saidAt < HOUR) return;
    this.#failing = true;
    this.#saidAt = now;
    this.#options.log.warn(`the heartbeat to ${this.host} is not taken: ${reasonOf(error)}`);
  }

  close(): void {
    this.#stop.abort();
    clearInterval(this.#timer);
  }
}

/** What fetch failed of stands in its cause; neither names the address beyond its host. */
function reasonOf(error: unknown): string {
  const { cause } = error as { readonly cause?: unknown };
  return messageOf(cause ?? error).slice(0, 200);
}
