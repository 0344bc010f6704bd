import type { Config } from '../config.ts';
import type { GatewayReading } from '../console/readings.ts';
import type { Counters } from '../counters.ts';
import type { Finding } from '../gateway/index.ts';
import type { Log } from '../log.ts';
import type { Millis } from '../model.ts';
import type { Recorder } from '../respond/recorder.ts';
import type { Store } from '../store/index.ts';
import { MINUTE } from '../time.ts';
import type { Target } from './feeds.ts';
import type { RunningGateway } from './gateway-parts.ts';
import { judgeFinding } from './gateway-evidence.ts';

/** A gateway of its own process that has not told anything for so long is none. */
const SILENT: Millis = MINUTE;

export interface RunGatewayOptions {
  readonly config: Config;
  readonly store: Store;
  readonly counters: Counters;
  readonly log: Log;
  readonly target: () => Target;
  readonly recorder: () => Recorder;
}

/** The gateway within the daemon where [gateway] is set, and what one in a process of its own tells the daemon. */
export class RunGateway {
  readonly #options: RunGatewayOptions;
  #own: RunningGateway | null = null;
  #other: { readonly reading: GatewayReading; readonly at: number } | null = null;

  constructor(options: RunGatewayOptions) {
    this.#options = options;
  }

  /** @throws RingfenceError when it cannot start */
  async start(): Promise<void> {
    const { config, store, counters, log, target } = this.#options;
    const { gateway } = config.settings;
    if (!gateway?.in_run) return;
    // loaded where it is used: it brings TLS and the toolbox
    const { runGateway } = await import('./gateway-parts.ts');
    this.#own = await runGateway(
      {
        ...{ config, store, counters, log, site: () => target().site },
        tell: (finding) => this.judge(finding),
        heard: ({ source, destination, at, payload }) => {
          const path = {
            source: source.address,
            sourcePort: source.port,
            destination: destination.address,
            destinationPort: destination.port,
          };
          target().pipeline.correlator.sip({ ...path, transport: 'tls' }, payload, at, at);
        },
      },
      gateway,
    );
  }

  /** What was refused, here or there, becomes evidence. */
  judge(finding: Finding): void {
    judgeFinding(this.#options.target().pipeline, finding, Date.now());
    this.#options.recorder().touched();
  }

  /** The other process tells of itself. */
  told(reading: GatewayReading): void {
    this.#other = { reading, at: performance.now() };
  }

  reading(): GatewayReading | null {
    if (this.#own !== null) return readingOf(this.#own, this.#options.counters);
    return this.#other !== null && performance.now() - this.#other.at < SILENT ? this.#other.reading : null;
  }

  async use({ settings }: Config): Promise<void> {
    if (this.#own === null || settings.gateway === undefined) return;
    const { emergencyOf } = await import('./gateway-parts.ts');
    this.#own.use(settings.gateway, emergencyOf({ ...this.#options.config, settings }));
  }

  async close(): Promise<void> {
    await this.#own?.close();
  }
}

/** What a gateway says of itself. */
export function readingOf(gateway: RunningGateway, counters: Counters): GatewayReading {
  const { median, p99 } = gateway.latencies.summary();
  const counts = Object.entries(counters.all()).filter(([name]) => name.startsWith('gateway.'));
  return { ...gateway.reading(), median, p99, counts: Object.fromEntries(counts) };
}
