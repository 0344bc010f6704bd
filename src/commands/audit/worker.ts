/** A thread that guesses: at the lowest priority, at a bounded rate, for a bounded time. It tells verdicts, never secrets. */
import { setPriority } from 'node:os';
import { parentPort, workerData } from 'node:worker_threads';
import { Guessing, type Limits, type Progress, type Task, type Verdict } from './guessing.ts';

export interface Work {
  readonly tasks: readonly Task[];
  readonly limits: Limits;
  /** candidates a second */
  readonly rate: number;
  readonly seconds: number;
}

export type Told =
  | { readonly kind: 'progress'; readonly progress: Progress }
  | { readonly kind: 'done'; readonly verdicts: readonly Verdict[] };

const LOWEST_PRIORITY = 19;
const TELL_MS = 250;

const tell = (told: Told): void => parentPort?.postMessage(told);

const pause = new Int32Array(new SharedArrayBuffer(4));

function work({ tasks, limits, rate, seconds }: Work): void {
  try {
    // 0 is the calling thread (Linux: setpriority(2)), so the rest of the program goes on as before
    setPriority(0, LOWEST_PRIORITY);
  } catch {
    // where it may not be lowered, the rate is bounded all the same
  }
  const guessing = new Guessing(tasks, limits);
  const began = performance.now();
  const end = began + seconds * 1000;
  let count = 0;
  let toldAt = began;
  for (const tried of guessing.run()) {
    count += tried;
    const now = performance.now();
    if (now >= end) break;
    if (now - toldAt >= TELL_MS) {
      toldAt = now;
      tell({ kind: 'progress', progress: guessing.progress });
    }
    const ahead = began + (count / rate) * 1000 - now;
    if (ahead > 1) Atomics.wait(pause, 0, 0, Math.min(ahead, end - now));
  }
  tell({ kind: 'done', verdicts: guessing.verdicts() });
}

work(workerData as Work);
