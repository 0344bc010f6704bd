import type { Config } from '../config.ts';
import type { AlarmNotice } from '../console/alarms.ts';
import { Metrics } from '../console/metrics.ts';
import type { FeedReading, Readings } from '../console/readings.ts';
import { servePages, type Page, type PagesOptions, type PagesServer } from '../console/server.ts';
import { Tally } from '../console/tally.ts';
import type { Web } from '../console/web.ts';
import type { CdrFollower } from '../collect/cdr-file.ts';
import type { HepCollector } from '../collect/hep.ts';
import type { Counters } from '../counters.ts';
import { detectors } from '../detect/index.ts';
import { messageOf } from '../errors.ts';
import type { Log } from '../log.ts';
import type { Event } from '../model.ts';
import type { AmiKeeper } from '../pbx/ami.ts';
import type { Enforcer } from '../respond/enforcer.ts';
import type { Change } from '../respond/incidents.ts';
import type { ChannelHealth } from '../respond/notify/notifier.ts';
import type { JudgementStore, Recorder } from '../respond/recorder.ts';
import type { Store } from '../store/index.ts';
import { MINUTE, SECOND } from '../time.ts';
import type { Target } from './feeds.ts';
import { RunConsole } from './run-console.ts';
import { RunAlarms } from './run-alarms.ts';
import { tellSystemd, watchdogEvery } from './systemd.ts';
import { version } from './version.ts';

export interface RunHealthOptions {
  readonly config: Config;
  readonly store: Store;
  readonly counters: Counters;
  readonly log: Log;
  /** what is judged by, now */
  readonly target: () => Target;
  readonly mode: () => 'observe' | 'enforce';
  readonly recorder: () => Recorder;
  readonly enforcer: () => Enforcer;
  readonly hep: () => HepCollector | null;
  readonly cdr: () => CdrFollower | null;
  readonly ami: () => AmiKeeper | null;
  /** has it become ready? */
  readonly ready: () => boolean;
  /** the channels by which people are told */
  readonly channels: () => readonly ChannelHealth[];
  /** the crypto gateway, here or in a process of its own */
  readonly gateway: () => Readings['gateway'];
  /** the web page; null: there is none */
  readonly web?: () => Web | null;
  /** tells people that something is wrong with ringfence itself, or well again */
  readonly told?: (notice: AlarmNotice) => void;
}

/** The pipeline's clock ticks four times a second; so late it stands still. */
const TICK_WITHIN = 10 * SECOND;
/** What is judged is tried at the store at once, and every second while that refuses; so late nobody tries. */
const STORE_WITHIN = 30 * SECOND;
const COUNT_INCIDENTS_EVERY = MINUTE;

/** What the daemon tells of itself: metrics, whether it lives and is ready, and systemd's watchdog. */
export class RunHealth {
  readonly tally: Tally;
  readonly #options: RunHealthOptions;
  readonly #metrics: Metrics;
  readonly #startedAt = Date.now() - performance.now();
  readonly #servers: PagesServer[] = [];
  readonly #timers: NodeJS.Timeout[] = [];
  #tickedAt = performance.now();
  #alarms: RunAlarms | null = null;
  /** calls that any feed told of, each once */
  #calls = 0;
  #ami: { readonly events: number; readonly at: number | null } = { events: 0, at: null };
  #incidents: Readings['store']['incidents'] = [];
  #countedAt = -Infinity;
  #closed = false;

  constructor(options: RunHealthOptions) {
    this.#options = options;
    const names = detectors.map(({ name }) => name);
    this.tally = new Tally(names, options.config.settings.site.currency);
    this.#metrics = new Metrics(() => this.readings(), this.#startedAt);
  }

  /** The store, with each commit timed. */
  watched(store: Store): JudgementStore {
    return { commitJudged: (judged) => this.#metrics.commit(() => store.commitJudged(judged)) };
  }

  event(event: Event): void {
    this.tally.event(event);
    if (event.kind === 'call.ended' || (event.kind === 'cdr' && !event.live)) this.#calls++;
  }

  changed(change: Change): void {
    this.tally.change(change);
  }

  /** The pipeline's clock has moved, on the clock of performance.now(). */
  ticked(at = performance.now()): void {
    this.#tickedAt = at;
  }

  /** @throws RingfenceError when a file that the settings name cannot be used */
  async start(): Promise<void> {
    const { console: own, metrics } = this.#options.config.settings;
    this.#alarms = new RunAlarms({
      ...this.#options,
      readings: () => this.readings(),
      progress: () => this.progress(),
      calls: () => this.#calls,
    });
    if (own.listen !== '') {
      const web = this.#options.web?.() ?? null;
      const app = web === null ? {} : { app: web.handle.bind(web), tls: RunConsole.tlsOf(this.#options.config) };
      await this.#serve({ ...app, listen: own.listen, allow: own.allow, names: own.names }, web !== null);
    }
    if (metrics.listen !== '') await this.#serve({ listen: metrics.listen, allow: metrics.allow }, false);
    const every = watchdogEvery();
    if (every !== null) this.#every(every, () => this.#feed());
  }

  #every(interval: number, work: () => void): void {
    this.#timers.push(setInterval(work, interval));
  }

  /** The dog is fed while something is really done. What waits behind a store that refuses would be lost by a restart: see docs/metrics.md. */
  #feed(): void {
    if (this.#options.ready() && this.progress()) tellSystemd('WATCHDOG=1', this.#options.log);
  }

  /** A port that another program has keeps nobody from being watched: it is said, and tried again. */
  async #serve(place: Omit<PagesOptions, 'pages' | 'counters' | 'log'>, console: boolean): Promise<void> {
    const { counters, log } = this.#options;
    const origin = `${place.tls === undefined ? 'http' : 'https'}://${place.listen.replace(/:\d+$/, '')}`;
    const attempt = async (): Promise<boolean> => {
      try {
        const server = await servePages({ ...place, pages: this.#pages(), counters, log });
        if (this.#closed) await server.close();
        else this.#servers.push(server);
        if (console) log.info(`the console at ${origin}:${server.port}/`);
        log.info(`metrics and health at ${origin}:${server.port}/metrics`);
        return true;
      } catch (error) {
        log.error(`no metrics and health there, trying again every minute: ${messageOf(error)}`);
        return false;
      }
    };
    if (await attempt()) return;
    let trying = false;
    const timer = setInterval(() => {
      if (trying) return;
      trying = true;
      void attempt().then((serves) => {
        trying = false;
        if (serves) clearInterval(timer);
      });
    }, MINUTE);
    this.#timers.push(timer);
  }

  #pages(): ReadonlyMap<string, () => Page | Promise<Page>> {
    const said = (good: boolean, yes: string, no: string): Page => ({
      status: good ? 200 : 503,
      type: 'text/plain; charset=utf-8',
      body: `${good ? yes : no}\n`,
    });
    return new Map<string, () => Page | Promise<Page>>([
      ['/metrics', () => this.#metrics.page()],
      ['/healthz', () => said(this.progress(), 'ok', 'not ok')],
      ['/readyz', () => said(this.ready(), 'ready', 'not ready')],
    ]);
  }

  /** Is what is received judged, and does what is judged go to the store? */
  progress(): boolean {
    const now = performance.now();
    return now - this.#tickedAt < TICK_WITHIN && now - this.#options.recorder().triedAt < STORE_WITHIN;
  }

  /** Logged in to Asterisk now, where that is asked for, and listening. */
  ready(): boolean {
    const ami = this.#options.ami();
    return this.#options.ready() && (ami === null || ami.health().state === 'up');
  }

  readings(): Readings {
    const { store, counters, target, mode, recorder, ami } = this.#options;
    const enforcement = this.#options.enforcer().health();
    const amiHealth = ami()?.health() ?? null;
    return {
      ...{ version, mode: mode(), ready: this.ready(), progress: this.progress(), startedAt: this.#startedAt },
      gateway: this.#options.gateway(),
      ...{ counts: counters.all(), tally: this.tally, feeds: this.#feeds(), hep: this.#hepReading() },
      ami:
        amiHealth === null ? null : { state: amiHealth.state, since: amiHealth.since, roundTrip: amiHealth.roundTrip },
      enforcement: {
        ...{ entries: enforcement.entries, acts: enforcement.acts, stopped: enforcement.stopped !== null },
        targets: enforcement.targets.map(({ name, state, since, rows, unproved, foreign, contested, latency }) => ({
          ...{ name, state, since, rows, unproved, foreign: foreign.length, contested: contested.length },
          ...{ median: latency.median, p99: latency.p99 },
        })),
      },
      queues: [
        { queue: 'store', length: recorder().waiting },
        { queue: 'enforcement-store', length: enforcement.unsaved },
      ],
      store: { ...store.size(), failing: this.#isRefused(), incidents: this.#kept() },
      sizes: target().pipeline.sizes(),
      notifiers: this.#channels(),
      heartbeat: this.#alarms?.heartbeat() ?? null,
      alarms: this.#alarms?.names() ?? [],
    };
  }

  #channels(): Readings['notifiers'] {
    const { channels, counters } = this.#options;
    return channels().map(({ name, waiting, failingSince }) => ({
      ...{ channel: name, up: failingSince === null, waiting },
      delivered: counters.get(`notify.told.${name}`),
      failed: counters.get(`notify.failed.${name}`),
    }));
  }

  #isRefused(): boolean {
    return this.#options.recorder().failing || this.#alarms?.storeRefuses === true;
  }

  #feeds(): FeedReading[] {
    const { hep, cdr, ami, counters } = this.#options;
    const feeds: FeedReading[] = [];
    const [collector, follower] = [hep(), cdr()];
    if (collector !== null) feeds.push({ feed: 'hep', lastAt: collector.health().lastPacketAt });
    if (ami() !== null) {
      // every event counts as a sign of life, also those that mean nothing to the correlator
      const events = counters.get('ami.events');
      if (events !== this.#ami.events) this.#ami = { events, at: Date.now() };
      feeds.push({ feed: 'ami', lastAt: this.#ami.at });
    }
    if (follower !== null) feeds.push({ feed: 'cdr', lastAt: follower.health().lastRecordAt });
    return feeds;
  }

  #hepReading(): Readings['hep'] {
    const listeners = this.#options.hep()?.health().listeners;
    if (listeners === undefined) return null;
    const drops = listeners.flatMap(({ kernelDrops }) => kernelDrops ?? []);
    const buffers = listeners.flatMap(({ receiveBuffer }) => receiveBuffer?.given ?? []);
    return {
      kernelDrops: drops.length === 0 ? null : drops.reduce((a, b) => a + b, 0),
      receiveBuffer: buffers.length === 0 ? null : Math.min(...buffers),
      connections: listeners.reduce((sum, { connections }) => sum + (connections ?? 0), 0),
    };
  }

  /** Counting reads an index of all incidents: once a minute is enough. */
  #kept(): Readings['store']['incidents'] {
    if (performance.now() - this.#countedAt < COUNT_INCIDENTS_EVERY) return this.#incidents;
    this.#countedAt = performance.now();
    try {
      this.#incidents = Object.entries(this.#options.store.incidents.counts()).map(([severity, { all, open }]) => ({
        ...{ severity, all, open },
      }));
    } catch (error) {
      this.#options.log.warn(`incidents could not be counted for the metrics: ${messageOf(error)}`);
    }
    return this.#incidents;
  }

  async close(): Promise<void> {
    this.#closed = true;
    for (const timer of this.#timers) clearInterval(timer);
    this.#metrics.stop();
    this.#alarms?.close();
    await Promise.all(this.#servers.map((server) => server.close()));
  }
}
