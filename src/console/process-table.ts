import { readdirSync } from 'node:fs';
import { monitorEventLoopDelay, type IntervalHistogram } from 'node:perf_hooks';
import { SECOND } from '../time.ts';

/** A metric of the process itself. */
export interface ProcessRow {
  readonly name: string;
  readonly type: 'counter' | 'gauge';
  readonly help: string;
  readonly read: () => number | null;
}

const NANOSECONDS = 1e9;
const MICROSECONDS = 1e6;

/** Files, sockets and pipes that are open; null where /proc does not tell. */
function openFiles(): number | null {
  try {
    return readdirSync('/proc/self/fd').length - 1;
  } catch {
    return null;
  }
}

/** The event loop's lag since it was last asked; what lagged is lost to packets, which wait in the kernel meanwhile. */
class Lag {
  readonly #histogram: IntervalHistogram = monitorEventLoopDelay({ resolution: 10 });
  #kept = { mean: 0, p99: 0, max: 0 };
  #takenAt = 0;

  constructor() {
    this.#histogram.enable();
  }

  /** seconds; one reading for all three, whoever asks first */
  of(what: 'mean' | 'p99' | 'max'): number {
    if (performance.now() - this.#takenAt > SECOND) {
      const h = this.#histogram;
      const size = (value: number): number => (Number.isFinite(value) ? value / NANOSECONDS : 0);
      this.#kept = { mean: size(h.mean), p99: size(h.percentile(99)), max: size(h.max) };
      h.reset();
      this.#takenAt = performance.now();
    }
    return this.#kept[what];
  }

  stop(): void {
    this.#histogram.disable();
  }
}

/** Process metrics under their usual names, of those that say something about ringfence. `stop` ends the lag's timer. */
export function processTable(startedAt: number): { readonly rows: readonly ProcessRow[]; stop(): void } {
  const lag = new Lag();
  const rows: ProcessRow[] = [
    {
      name: 'process_cpu_seconds_total',
      type: 'counter',
      help: 'CPU time, user and system',
      read: () => {
        const { user, system } = process.cpuUsage();
        return (user + system) / MICROSECONDS;
      },
    },
    { name: 'process_start_time_seconds', type: 'gauge', help: 'Start of the process', read: () => startedAt / SECOND },
    {
      name: 'process_resident_memory_bytes',
      type: 'gauge',
      help: 'Resident memory',
      read: () => process.memoryUsage.rss(),
    },
    { name: 'process_open_fds', type: 'gauge', help: 'Open files and sockets', read: openFiles },
    {
      name: 'nodejs_heap_used_bytes',
      type: 'gauge',
      help: 'JavaScript heap in use',
      read: () => process.memoryUsage().heapUsed,
    },
    ...(['mean', 'p99', 'max'] as const).map((what): ProcessRow => ({
      name: `nodejs_eventloop_lag_${what}_seconds`,
      type: 'gauge',
      help: `How late the event loop was since it was last asked: ${what === 'p99' ? 'the 99th percentile' : what}`,
      read: () => lag.of(what),
    })),
  ];
  return { rows, stop: () => lag.stop() };
}
