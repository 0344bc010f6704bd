import { Counter, Gauge, Histogram, Registry } from 'prom-client';
import { SECOND } from '../time.ts';
import { METRICS, type Sample } from './metric-table.ts';
import { processTable } from './process-table.ts';
import type { Readings } from './readings.ts';
import type { Page } from './server.ts';

/** Series of one metric at the most: far above what settings and program can name. What is beyond is left out and counted. */
const SERIES = 500;
/** A scrape that comes sooner gets the same text: however often it is asked for, it costs little. */
const FRESH = SECOND;

const COMMIT_BUCKETS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5];
export const COMMIT_METRIC = {
  name: 'ringfence_store_commit_seconds',
  help: 'How long commits of what was judged took; packets wait while one runs',
  labels: ['outcome'],
} as const;
export const LEFT_OUT_METRIC = {
  name: 'ringfence_series_left_out',
  help: `Series beyond ${SERIES} of one metric, which are not told`,
} as const;

/** The daemon's metrics, in a registry of their own: nothing global, so that two daemons of one process stay apart. */
export class Metrics {
  readonly #registry = new Registry();
  readonly #commits: Histogram;
  readonly #read: () => Readings;
  readonly #table: ReturnType<typeof processTable>;
  #page: Promise<Page> | null = null;
  #madeAt = -Infinity;

  constructor(read: () => Readings, startedAt: number) {
    const registers = [this.#registry];
    this.#read = read;
    this.#commits = new Histogram({
      ...{ name: COMMIT_METRIC.name, help: COMMIT_METRIC.help, labelNames: COMMIT_METRIC.labels },
      ...{ buckets: COMMIT_BUCKETS, registers },
    });
    this.#table = processTable(startedAt);
    for (const { name, type, help } of this.#table.rows)
      if (type === 'counter') new Counter({ name, help, registers });
      else new Gauge({ name, help, registers });
    for (const { name, type, help, labels } of METRICS)
      if (type === 'counter') new Counter({ name, help, labelNames: [...labels], registers });
      else new Gauge({ name, help, labelNames: [...labels], registers });
    new Gauge({ ...LEFT_OUT_METRIC, registers });
  }

  /** Runs a commit, and counts it and the time that it took. */
  commit<T>(work: () => T): T {
    const started = performance.now();
    let outcome = 'refused';
    try {
      const result = work();
      outcome = 'stored';
      return result;
    } finally {
      this.#commits.observe({ outcome }, (performance.now() - started) / SECOND);
    }
  }

  /** The exposition text (Prometheus text format 0.0.4). */
  page(): Promise<Page> {
    const now = performance.now();
    if (this.#page === null || now - this.#madeAt > FRESH) {
      this.#madeAt = now;
      this.#page = this.#make();
      // what failed is tried again by the next who asks
      this.#page.catch(() => (this.#page = null));
    }
    return this.#page;
  }

  async #make(): Promise<Page> {
    const readings = this.#read();
    let leftOut = 0;
    for (const { name, read } of this.#table.rows) {
      const value = read();
      this.#set(name, [], value === null ? [] : [[[], value]]);
    }
    for (const { name, labels, read } of METRICS) {
      const samples = read(readings);
      leftOut += Math.max(0, samples.length - SERIES);
      this.#set(name, labels, samples.slice(0, SERIES));
    }
    this.#set(LEFT_OUT_METRIC.name, [], [[[], leftOut]]);
    return { status: 200, type: this.#registry.contentType, body: await this.#registry.metrics() };
  }

  /** A counter of prom-client only adds: as what it counts is counted elsewhere, it begins anew at each reading. */
  #set(name: string, labels: readonly string[], samples: readonly Sample[]): void {
    const metric = this.#registry.getSingleMetric(name) as Counter | Gauge | undefined;
    metric?.reset();
    // prom-client puts a 0 for a metric without labels when it is reset: absent is not 0
    if (labels.length === 0 && samples.length === 0) metric?.remove();
    for (const [values, value] of samples) {
      const named = Object.fromEntries(labels.map((label, i) => [label, values[i] ?? '']));
      metric?.inc(named, value);
    }
  }

  stop(): void {
    this.#table.stop();
  }
}
