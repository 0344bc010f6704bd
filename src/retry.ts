import { setTimeout as sleep } from 'node:timers/promises';
import { PeerError } from './errors.ts';
import type { Millis } from './model.ts';

export interface RetryOptions {
  /** wait before the second try; doubles up to `ceiling`, with up to a quarter of jitter */
  readonly first: Millis;
  readonly ceiling: Millis;
  readonly signal: AbortSignal;
  /** told of every failure and the wait that follows */
  readonly failed?: (error: PeerError, wait: Millis) => void;
}

/**
 * Calls `connect` until it succeeds. Only a retryable PeerError is tried again; everything else, and an abort, is thrown.
 */
export async function retry<T>(connect: () => Promise<T>, options: RetryOptions): Promise<T> {
  let wait = options.first;
  for (;;) {
    options.signal.throwIfAborted();
    try {
      return await connect();
    } catch (error) {
      if (!(error instanceof PeerError) || !error.retryable) throw error;
      const pause = wait * (1 + Math.random() / 4);
      options.failed?.(error, pause);
      await sleep(pause, undefined, { signal: options.signal });
      wait = Math.min(options.ceiling, wait * 2);
    }
  }
}
