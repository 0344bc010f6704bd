import { setTimeout as sleep } from 'node:timers/promises';
import type { Config } from '../config.ts';
import { Counters } from '../counters.ts';
import { StoreError } from '../errors.ts';
import { createLog } from '../log.ts';
import type { Alert, Millis } from '../model.ts';
import type { Enforcer } from '../respond/enforcer.ts';
import type { Change } from '../respond/incidents.ts';
import { Notifier } from '../respond/notify/notifier.ts';
import { millis } from '../respond/notify/options.ts';
import { Routing } from '../respond/notify/routing.ts';
import type { Site } from '../site/index.ts';
import type { NewDelivery, Store } from '../store/index.ts';
import { DAY, MINUTE, SECOND, Zone } from '../time.ts';
import { en } from '../words/index.ts';
import { daemonOf, lockStore, tellingName } from './lock.ts';
import { openChannels } from './notify-channels.ts';
import type { Output } from './output.ts';
import { phoneActs } from './phone-acts.ts';

/** So long a scan goes on with what is due; cron's next one takes up what is left. */
const BEGINS_WITHIN: Millis = MINUTE;
/** What was begun by then may end: a telephone rings, and somebody listens. */
const ENDS_WITHIN: Millis = 5 * MINUTE;
/** A channel that fails is tried again for so long, in case its server was just starting. */
const TRIES: Millis = 12 * SECOND;
/** What is due that soon is waited for: decisions are told with their outcome. */
const SOON: Millis = 4 * SECOND;
/** What is older when a scan sees a file for the first time (or all of it again) is history. */
const HISTORY: Millis = DAY;

export interface ScanNotifyOptions {
  readonly config: Config;
  readonly site: Site;
  readonly store: Store;
  /** null: nothing can be lifted by a digit on the telephone */
  readonly enforcer: (() => Enforcer) | null;
}

/**
 * A scan's way to people. Deliveries are stored with their alerts; the scan tells what is due, and what it could not is told by the
 * next scan, or by a daemon that uses the same store. Of all these processes one tells at a time.
 */
export class ScanNotify {
  readonly #options: ScanNotifyOptions;
  readonly #routing: Routing;
  readonly #notifier: Notifier;
  readonly #counters = new Counters();
  #history = 0;

  /** @throws RingfenceError when a file that the settings name cannot be used */
  constructor(options: ScanNotifyOptions) {
    const { config, site, store, enforcer } = options;
    const { stuck, give_up } = config.settings.notify;
    const log = createLog('silent');
    this.#options = options;
    this.#routing = new Routing(config.settings.notify, site);
    this.#notifier = new Notifier({
      ...{ store, routing: this.#routing, log, counters: this.#counters },
      channels: openChannels(config, phoneActs(store, enforcer, log)),
      stuck: millis(stuck),
      giveUp: millis(give_up),
      now: Date.now(),
      held: () => daemonOf(store.path) !== null,
    });
  }

  /** Who is to be told of an alert. `first`: the file is seen for the first time, and most of it is history. */
  plan(alert: Alert, first: boolean): NewDelivery[] {
    const now = Date.now();
    const planned = this.#routing.plan(alert, now);
    if (!first || Date.parse(alert.at) >= now - HISTORY) return planned;
    if (planned.length > 0) this.#history++;
    return [];
  }

  changed(change: Change): void {
    this.#notifier.changed(change, Date.now());
  }

  /** Tells what is due, now or since an earlier run, and says on stderr what became of it. */
  async tell(output: Output): Promise<void> {
    if (this.#history > 0)
      output.note(
        `ringfence: nobody is told of ${this.#history} alert${this.#history === 1 ? '' : 's'} of more than a day ago (ringfence alerts list)`,
      );
    if (this.#routing.channels.length === 0) return;
    const lock = this.#lock();
    if (lock !== null)
      try {
        await this.#work();
      } finally {
        await this.#notifier.close();
        lock.release();
        this.#say(output);
      }
    else await this.#notifier.close();
  }

  /** null: another process tells now, and tells what is ours as well, or the next scan does. */
  #lock(): { release(): void } | null {
    const { path } = this.#options.store;
    if (daemonOf(path) !== null) return null;
    try {
      return lockStore(tellingName(path), null);
    } catch (error) {
      if (error instanceof StoreError && error.code === 'store-locked') return null;
      throw error;
    }
  }

  async #work(): Promise<void> {
    const started = performance.now();
    const ends = sleep(ENDS_WITHIN, undefined, { ref: false });
    do {
      this.#notifier.tick(Date.now());
      await Promise.race([this.#notifier.idle(), ends]);
      if (!this.#isDue(Date.now())) return;
      await sleep(200);
    } while (performance.now() - started < BEGINS_WITHIN);
  }

  /** Is anything due on a channel that works, or that failed only just now? */
  #isDue(now: Millis): boolean {
    const { store } = this.#options;
    if (daemonOf(store.path) !== null) return false;
    return this.#notifier
      .health()
      .some(
        ({ name, failingSince }) =>
          (failingSince === null || now - failingSince < TRIES) && store.deliveries.due(name, now + SOON, 1).length > 0,
      );
  }

  #say(output: Output): void {
    const { store, site } = this.#options;
    const counts = this.#counters.all();
    const told = this.#routing.channels.flatMap((name) => {
      const count = counts[`notify.told.${name}`] ?? 0;
      return count === 0 ? [] : [`${name} of ${count}`];
    });
    if (told.length > 0) output.note(`ringfence: told ${told.join(', ')}`);
    for (const name of this.#routing.channels) {
      const lost = counts[`notify.given-up.${name}`] ?? 0;
      if (lost > 0)
        output.warn(`ringfence: ${name}: given up, nobody was told of ${lost} (ringfence alerts show says why)`);
    }
    const zone = new Zone(site.timezone);
    for (const { channel, failed, error, next } of store.deliveries.waiting())
      if (failed > 0 && this.#routing.channels.includes(channel))
        output.warn(
          `ringfence: ${channel}: ${failed} not told yet: ${error}; a scan tries again from ${en.minute(next, zone).trim()} on`,
        );
  }
}
