/** There is too much work already. */
export class Busy extends Error {}

interface Job {
  readonly start: () => void;
  /** whoever asked has gone */
  readonly cancelled: () => boolean;
}

/**
 * Private-key operations of strangers cost us and not them: so few at a time, so many waiting, and those who come from where
 * we know somebody go first. The operations themselves run in libuv's pool, beside the event loop.
 */
export class WorkQueue {
  readonly #atOnce: number;
  readonly #most: number;
  readonly #lanes: readonly [Job[], Job[]] = [[], []];
  #running = 0;

  /** @param most jobs that may wait in each lane */
  constructor(atOnce: number, most: number) {
    this.#atOnce = atOnce;
    this.#most = most;
  }

  get waiting(): number {
    return this.#lanes[0].length + this.#lanes[1].length;
  }

  /** @returns rejected with Busy when too much waits; never settled when it was cancelled before its turn */
  run<T>(first: boolean, work: () => Promise<T>, cancelled: () => boolean): Promise<T> {
    const lane = this.#lanes[first ? 0 : 1];
    if (lane.length >= this.#most) return Promise.reject(new Busy('too much work waits'));
    return new Promise((resolve, reject) => {
      const start = (): void => {
        this.#running++;
        work()
          .then(resolve, reject)
          .finally(() => {
            this.#running--;
            this.#next();
          });
      };
      lane.push({ start, cancelled });
      this.#next();
    });
  }

  #next(): void {
    while (this.#running < this.#atOnce) {
      const job = this.#lanes[0].shift() ?? this.#lanes[1].shift();
      if (job === undefined) return;
      if (!job.cancelled()) job.start();
    }
  }
}
