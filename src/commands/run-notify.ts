import type { Config } from '../config.ts';
import { ALARMS, type AlarmNotice } from '../console/alarms.ts';
import type { Counters } from '../counters.ts';
import type { Log } from '../log.ts';
import type { Alert } from '../model.ts';
import type { Enforcer } from '../respond/enforcer.ts';
import type { Change } from '../respond/incidents.ts';
import { Notifier, type ChannelHealth } from '../respond/notify/notifier.ts';
import { millis } from '../respond/notify/options.ts';
import { Routing } from '../respond/notify/routing.ts';
import type { Site } from '../site/index.ts';
import type { NewDelivery, Store } from '../store/index.ts';
import { daemonOf, tellingName } from './lock.ts';
import { openChannels } from './notify-channels.ts';
import { phoneActs } from './phone-acts.ts';

export interface RunNotifyOptions {
  readonly config: Config;
  readonly site: Site;
  readonly store: Store;
  readonly enforcer: () => Enforcer;
  readonly counters: Counters;
  readonly log: Log;
}

/** The daemon's way to people: channels and routes by the settings, other ones after a reload. */
export class RunNotify {
  readonly #options: RunNotifyOptions;
  #routing: Routing;
  #notifier: Notifier;

  /** @throws RingfenceError when a file that the settings name cannot be used */
  constructor(options: RunNotifyOptions) {
    this.#options = options;
    this.#routing = new Routing(options.config.settings.notify, options.site);
    this.#notifier = this.#open(options.config, this.#routing);
  }

  #open(config: Config, routing: Routing): Notifier {
    const { store, log, counters, enforcer } = this.#options;
    const { stuck, give_up } = config.settings.notify;
    return new Notifier({
      ...{ store, routing, log, counters },
      channels: openChannels(config, phoneActs(store, enforcer, log)),
      stuck: millis(stuck),
      giveUp: millis(give_up),
      now: Date.now(),
      // a scan that began before us ends with what it is at
      held: () => daemonOf(tellingName(store.path)) !== null,
    });
  }

  /** Who is to be told of an alert: stored with it by the recorder. */
  plan(alert: Alert): NewDelivery[] {
    return this.#routing.plan(alert, Date.now());
  }

  told(alert: Alert): void {
    this.#notifier.told(alert, Date.now());
  }

  /** Something wrong with ringfence itself. That a channel is stuck the others tell by themselves. */
  alarm({ alarm, since, until, facts }: AlarmNotice): void {
    if (alarm !== 'notify-stuck') this.#notifier.alarm({ alarm, since, until, facts }, ALARMS[alarm], Date.now());
  }

  changed(change: Change): void {
    this.#notifier.changed(change, Date.now());
  }

  tick(now: number): void {
    this.#notifier.tick(now);
  }

  health(): ChannelHealth[] {
    return this.#notifier.health();
  }

  /**
   * Other settings. What the old channels are at is broken off, and told by the new ones.
   * @throws RingfenceError when a file that they name cannot be used: nothing has changed then
   */
  useConfig(config: Config, site: Site): void {
    const routing = new Routing(config.settings.notify, site);
    const notifier = this.#open(config, routing);
    void this.#notifier.close();
    this.#routing = routing;
    this.#notifier = notifier;
  }

  close(): Promise<void> {
    return this.#notifier.close();
  }
}
