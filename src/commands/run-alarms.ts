import { readSecret, type Config } from '../config.ts';
import type { CdrFollower } from '../collect/cdr-file.ts';
import { AlarmBook, ALARM_NAMES, type AlarmNotice } from '../console/alarms.ts';
import { Conditioning } from '../console/conditions.ts';
import { FeedWatch, type Usual } from '../console/feed-watch.ts';
import { Heartbeat } from '../console/heartbeat.ts';
import type { HeartbeatReading, Readings } from '../console/readings.ts';
import { RingfenceError, StoreError } from '../errors.ts';
import type { Log } from '../log.ts';
import type { Millis } from '../model.ts';
import type { Store, StoredAlarm } from '../store/index.ts';
import { formatDuration, MINUTE, parseDuration, SECOND, Zone } from '../time.ts';
import { alarmText, en } from '../words/index.ts';
import type { Target } from './feeds.ts';

export interface RunAlarmsOptions {
  readonly config: Config;
  readonly store: Store;
  readonly log: Log;
  readonly target: () => Target;
  readonly cdr: () => CdrFollower | null;
  readonly readings: () => Readings;
  /** is what is received judged and stored? */
  readonly progress: () => boolean;
  /** calls that the feeds have told of, each once */
  readonly calls: () => number;
  /** tells people; the log has it already */
  readonly told?: (notice: AlarmNotice) => void;
}

const LOOK_EVERY = 5 * SECOND;
/** The store is written this often whatever happens: that it can be is known on a quiet night too, and until when ringfence ran. */
const ALIVE_EVERY = MINUTE;
const ALIVE = 'run.alive';
/** Who was away for longer has missed something. */
const GAP = 3 * MINUTE;

const millis = (text: string): Millis => {
  const read = parseDuration(text);
  return read.ok ? read.value : 0;
};

/** What is wrong with ringfence itself, and the dead man's switch: looked at, logged, stored and told, each once. */
export class RunAlarms {
  readonly #options: RunAlarmsOptions;
  readonly #zone: Zone;
  readonly #book: AlarmBook;
  readonly #conditions: Conditioning;
  readonly #feeds: FeedWatch;
  readonly #heartbeat: Heartbeat | null;
  readonly #timers: NodeJS.Timeout[];
  /** what the store has not taken yet */
  readonly #unsaved = new Map<string, StoredAlarm>();
  #refuses = false;

  /** @throws RingfenceError when the file of [heartbeat] cannot be used; StoreError */
  constructor(options: RunAlarmsOptions) {
    const { config, store, target } = options;
    const { health, heartbeat } = config.settings;
    const now = Date.now();
    this.#options = options;
    this.#zone = new Zone(config.settings.site.timezone);
    this.#book = new AlarmBook(store.alarms.standing());
    this.#conditions = new Conditioning(
      {
        ...{ away: millis(health.away), stuck: millis(health.stuck) },
        heartbeatEvery: heartbeat === undefined ? null : millis(heartbeat.every),
      },
      now,
    );
    this.#feeds = new FeedWatch(
      {
        open: (at) => {
          const { open, since } = target().site.hours(at, null);
          return open ? { since } : null;
        },
        usual: () => usualOf(target()),
        ...{ silent: millis(health.silent), calls: health.calls },
      },
      now,
    );
    this.#heartbeat = heartbeatOf(options);
    this.#noteGap(now);
    this.#timers = [
      setInterval(() => this.look(Date.now()), LOOK_EVERY),
      setInterval(() => this.#alive(Date.now()), ALIVE_EVERY),
    ];
  }

  /** The store refused the last write that was tried only to see whether it can be written. */
  get storeRefuses(): boolean {
    return this.#refuses;
  }

  names(): Readings['alarms'] {
    return ALARM_NAMES.map((alarm) => ({ alarm, raised: this.#book.stands(alarm) }));
  }

  heartbeat(): HeartbeatReading | null {
    return this.#heartbeat?.reading() ?? null;
  }

  look(now: Millis): void {
    const { readings, calls, cdr } = this.#options;
    const read = readings();
    const silences = this.#feeds.look(read.feeds, calls(), now);
    const conditions = this.#conditions.look(read, silences, cdr()?.health().problem ?? null, now);
    for (const notice of this.#book.look(conditions, now)) this.#tell(notice);
    if (this.#unsaved.size > 0) this.#save();
  }

  #tell(notice: AlarmNotice): void {
    const { log, told } = this.#options;
    const { alarm, since, until, facts, state, severity } = notice;
    const { headline, body } = alarmText(notice, en, this.#zone);
    const level = state === 'cleared' ? 'info' : severity === 'high' ? 'error' : 'warn';
    log[level]({ alarm, ...facts }, `${headline}. ${body}`);
    this.#unsaved.set(`${alarm} ${since}`, { alarm, since, until, facts });
    told?.(notice);
  }

  #save(): void {
    this.#tried(() => {
      for (const [key, alarm] of this.#unsaved) {
        this.#options.store.alarms.put(alarm);
        this.#unsaved.delete(key);
      }
    });
  }

  /** From when to when did ringfence not run? Said once, and kept for reports. */
  #noteGap(now: Millis): void {
    const { store, log } = this.#options;
    const last = Number(store.meta.get(ALIVE) ?? Number.NaN);
    if (now - last > GAP) {
      log.warn(
        `ringfence did not run for ${formatDuration(now - last)}: mirrored SIP and AMI events of that time were not seen`,
      );
      this.#unsaved.set('away', { alarm: 'ringfence-away', since: last, until: now, facts: {} });
    }
    this.#alive(now);
    this.#save();
  }

  #alive(now: Millis): void {
    this.#tried(() => this.#options.store.meta.set(ALIVE, String(now)));
  }

  #tried(write: () => void): void {
    try {
      write();
      this.#refuses = false;
    } catch (error) {
      if (!(error instanceof StoreError)) throw error;
      if (!this.#refuses) this.#options.log.error({ code: error.code }, `${error.message}; detection goes on`);
      this.#refuses = true;
    }
  }

  close(): void {
    for (const timer of this.#timers) clearInterval(timer);
    this.#heartbeat?.close();
    if (this.#unsaved.size > 0) this.#save();
    this.#alive(Date.now());
  }
}

const usualOf = ({ pipeline: { habits } }: Target): Usual => ({
  known: () => habits.known(),
  expected: (from, to) => habits.expected('site', 'calls', from, to) + habits.expected('site', 'inbound', from, to),
  silence: (from, to) => habits.silence('site', 'calls', 0, from, to) * habits.silence('site', 'inbound', 0, from, to),
});

/** @throws RingfenceError when its file cannot be used */
function heartbeatOf({ config, progress, log }: RunAlarmsOptions): Heartbeat | null {
  const { heartbeat } = config.settings;
  if (heartbeat === undefined) return null;
  const { url_file: file, every } = heartbeat;
  const url = file === undefined ? heartbeat.url : readSecret(file, config.directory, 'heartbeat.url_file');
  if (url === undefined || !URL.canParse(url) || !/^https?:$/.test(new URL(url).protocol))
    throw new RingfenceError(
      'config-invalid',
      'heartbeat.url_file: what stands in it is no http:// or https:// address',
    );
  return new Heartbeat({ url, every: Math.max(SECOND, millis(every)), well: progress, log });
}
