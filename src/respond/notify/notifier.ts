import { setTimeout as sleep } from 'node:timers/promises';
import type { Counters } from '../../counters.ts';
import { messageOf, PeerError, StoreError } from '../../errors.ts';
import type { Log } from '../../log.ts';
import type { Alert, Millis, Severity } from '../../model.ts';
import type { AlarmMoment } from '../../words/index.ts';
import type { Delivery, NewDelivery, Store } from '../../store/index.ts';
import { HOUR, MINUTE, SECOND } from '../../time.ts';
import { BoundedMap } from '../../windows.ts';
import { deterministicId } from '../ids.ts';
import type { Change } from '../incidents.ts';
import { TellError, type Channel, type Stuck, type Telling } from './channel.ts';
import type { Routing } from './routing.ts';
import { readStory, storyOfAlert, type StoryStore } from './story.ts';

/** The tables that telling people takes. */
export type NotifyStore = StoryStore & Pick<Store, 'alerts' | 'deliveries'>;

export interface NotifierOptions {
  readonly store: NotifyStore;
  readonly routing: Routing;
  readonly channels: readonly Channel[];
  /** a channel that delivers nothing for so long is told of by the others */
  readonly stuck: Millis;
  /** what could not be delivered for so long is given up */
  readonly giveUp: Millis;
  /** when it is made */
  readonly now: Millis;
  /** does another process tell from this store now? Nothing is begun then: it would be said twice */
  readonly held?: () => boolean;
  readonly log: Log;
  readonly counters: Counters;
}

/** How one channel does. */
export interface ChannelHealth {
  readonly name: string;
  readonly waiting: number;
  /** since when nothing could be delivered; null: it works, or has had nothing to do */
  readonly failingSince: Millis | null;
  readonly error: string;
  readonly told: number;
}

/** The first wait after a failure; it doubles up to the ceiling. */
const FIRST: Millis = 5 * SECOND;
const CEILING: Millis = 10 * MINUTE;
/** A message that the other side refuses is not what a second try mends, but a setting that somebody changes is. */
const REFUSED: Millis = HOUR;
/** What does not end by itself then is left to end when it likes. */
const CLOSE_WITHIN: Millis = SECOND;
/** One attempt, whatever the channel's own limits. */
const ATTEMPT: Millis = 15 * MINUTE;
/** Alerts that wait in memory while the store cannot be written. */
const UNSTORED = 1_000;
/** Incidents of which it is remembered that their going on is to be told. */
const UPDATES = 4_096;

interface Lane {
  readonly channel: Channel;
  busy: Promise<void> | null;
  failures: number;
  pausedUntil: Millis;
  failingSince: Millis | null;
  /** the failing that an alarm was raised about */
  alarmed: Millis | null;
  error: string;
  told: number;
}

/**
 * Tells people. What is to be told is a row of the store, made in one transaction with the alert itself (Routing.plan by the
 * recorder), and stays there until the channel's other side has it: a crash, a restart or a channel that is down lose
 * nothing, and an id that is always the same tells the other side what it has heard already. Every channel has a lane of its
 * own, so that none waits for another, and nothing here is ever waited for by detection.
 */
export class Notifier {
  readonly #options: NotifierOptions;
  readonly #lanes: readonly Lane[];
  readonly #stop = new AbortController();
  /** deliveries that the store does not have: it could not be written when they came */
  readonly #unstored = new Map<string, { readonly delivery: Delivery; readonly alert: Alert | null }>();
  /** told, and the store does not know it: it could not be written, or has yet to take the alert */
  readonly #toldUnsaved = new Map<string, Millis>();
  readonly #updates = new BoundedMap<string>(UPDATES);
  #now: Millis;
  #storeFails = false;
  #closed = false;

  constructor(options: NotifierOptions) {
    this.#options = options;
    this.#now = options.now;
    this.#lanes = options.channels.map((channel) => ({
      ...{ channel, busy: null, failures: 0, pausedUntil: 0, failingSince: null, alarmed: null, error: '', told: 0 },
    }));
    const names = options.channels.map(({ name }) => name);
    const gone = this.#stored(() =>
      options.store.deliveries.dropOthers(names, options.now, 'the channel is no longer set'),
    );
    if (gone !== null && gone > 0)
      options.log.warn({ deliveries: gone }, 'what waited for channels that are no longer set is dropped');
  }

  /** An alert is out. Its deliveries are in the store already, save where that could not be written. */
  told(alert: Alert, now: Millis): void {
    for (const planned of this.#options.routing.plan(alert, now)) {
      if (this.#stored(() => this.#options.store.deliveries.get(planned.id)) != null) continue;
      if (this.#unstored.size >= UNSTORED) this.#options.counters.add('notify.dropped');
      else this.#unstored.set(planned.id, { delivery: fresh(planned), alert });
    }
    this.tick(now);
  }

  /** Something is wrong with ringfence itself, of that severity, or (with an end) over: told by whatever hears of such. */
  alarm(moment: AlarmMoment, severity: Severity, now: Millis): void {
    const over = moment.until !== null;
    for (const channel of this.#options.routing.forAlarms(severity)) {
      const planned: NewDelivery = {
        id: deterministicId('health', moment.alarm, String(moment.since), over ? 'over' : 'begun', channel),
        ...{
          channel,
          kind: 'alarm',
          alert: '',
          incident: '',
          severity: over ? 'info' : severity,
          at: now,
          held: false,
        },
        ...{ body: JSON.stringify(moment), nextAt: now },
      };
      if (this.#stored(() => this.#options.store.deliveries.insert(planned)) !== null) continue;
      if (this.#unstored.size >= UNSTORED) this.#options.counters.add('notify.dropped');
      else this.#unstored.set(planned.id, { delivery: fresh(planned), alert: null });
    }
    this.tick(now);
  }

  /** A piece of evidence that opened no alert: where the story was told before, its going on is told in time. */
  changed({ incident, evidence, alerts }: Change, now: Millis): void {
    if (alerts.length > 0 || incident.acknowledgedAt !== null) return;
    const planned = this.#options.routing.updates(incident.id, incident.severity, evidence.at, now);
    const [first] = planned;
    if (first === undefined || this.#updates.get(incident.id) === first.id) return;
    this.#updates.set(incident.id, first.id);
    this.#stored(() => {
      for (const update of planned)
        if (this.#options.store.deliveries.has(incident.id, update.channel))
          this.#options.store.deliveries.insert(update);
    });
  }

  /** Once a second: what is due is begun. Never waits. */
  tick(now: Millis): void {
    this.#now = now;
    if (this.#options.held?.() === true) return;
    for (const lane of this.#lanes) {
      if (lane.busy !== null || now < lane.pausedUntil || this.#stop.signal.aborted) continue;
      const due = this.#due(lane, now);
      if (due.length === 0) continue;
      lane.busy = this.#work(lane, due).finally(() => {
        lane.busy = null;
      });
    }
    this.#alarm(now);
  }

  health(): ChannelHealth[] {
    const waiting = this.#stored(() => this.#options.store.deliveries.waiting()) ?? [];
    return this.#lanes.map(({ channel: { name }, failingSince, error, told }) => ({
      ...{ name, failingSince, error, told },
      waiting:
        (waiting.find(({ channel }) => channel === name)?.count ?? 0) +
        [...this.#unstored.values()].filter(({ delivery }) => delivery.channel === name).length,
    }));
  }

  /** Resolves when nothing that is due is being told any more: for tests and for `close`. */
  async idle(): Promise<void> {
    await Promise.all(this.#lanes.flatMap(({ busy }) => busy ?? []));
  }

  /** Breaks off what is being told; it is told at the next start. The store is not asked any more when this has resolved. */
  async close(): Promise<void> {
    this.#stop.abort(new PeerError('peer-closed', 'ringfence is ending', true));
    await Promise.race([this.idle(), sleep(CLOSE_WITHIN, undefined, { ref: false })]);
    this.#closed = true;
    for (const { channel } of this.#lanes) channel.close();
  }

  #due({ channel }: Lane, now: Millis): Delivery[] {
    const stored = this.#stored(() => {
      const { deliveries } = this.#options.store;
      const found = deliveries.due(channel.name, now, channel.folds);
      const heard = found.filter(({ id }) => this.#toldUnsaved.has(id));
      if (heard.length === 0) return found;
      // told from memory, or when the store could not be told so
      for (const { id } of heard) {
        deliveries.settle(id, 'told', this.#toldUnsaved.get(id) ?? now);
        this.#toldUnsaved.delete(id);
      }
      return deliveries.due(channel.name, now, channel.folds);
    });
    const unstored = [...this.#unstored.values()].flatMap(({ delivery }) =>
      delivery.channel === channel.name && delivery.nextAt <= now ? [delivery] : [],
    );
    // what the store has taken meanwhile is no longer ours to keep
    for (const { id } of stored ?? []) this.#unstored.delete(id);
    const known = new Set((stored ?? []).map(({ id }) => id));
    return [...(stored ?? []), ...unstored.filter(({ id }) => !known.has(id))]
      .filter(({ id }) => !this.#toldUnsaved.has(id))
      .slice(0, channel.folds);
  }

  /** One lane's turn: on and on as long as something is due and the other side takes it. */
  async #work(lane: Lane, first: readonly Delivery[]): Promise<void> {
    for (let due = first; due.length > 0; due = this.#due(lane, this.#now)) {
      const tellings = next(
        due.flatMap((delivery) => this.#telling(delivery) ?? []),
        lane.channel,
      );
      if (tellings.length === 0) continue;
      try {
        const signal = AbortSignal.any([this.#stop.signal, AbortSignal.timeout(ATTEMPT)]);
        const { detail } = await lane.channel.tell(tellings, signal);
        this.#succeeded(lane, tellings, detail);
        if (this.#options.held?.() === true) return;
      } catch (error) {
        if (!this.#stop.signal.aborted) this.#failed(lane, tellings, error);
        return;
      }
    }
  }

  #succeeded(lane: Lane, tellings: readonly Telling[], detail: string): void {
    const { log, counters } = this.#options;
    if (lane.failingSince !== null)
      log.warn({ channel: lane.channel.name, failures: lane.failures }, `${lane.channel.name} delivers again`);
    lane.failures = 0;
    lane.failingSince = null;
    lane.alarmed = null;
    lane.error = '';
    lane.pausedUntil = 0;
    lane.told += tellings.length;
    counters.add(`notify.told.${lane.channel.name}`, tellings.length);
    for (const { delivery } of tellings) {
      this.#unstored.delete(delivery.id);
      this.#toldUnsaved.set(delivery.id, this.#now);
      log.debug({ channel: lane.channel.name, delivery: delivery.id, detail }, 'told');
    }
    this.#stored(() => {
      for (const { delivery } of tellings)
        if (this.#options.store.deliveries.settle(delivery.id, 'told', this.#now, detail))
          this.#toldUnsaved.delete(delivery.id);
    });
    while (this.#toldUnsaved.size > UNSTORED) {
      const [oldest] = this.#toldUnsaved.keys();
      if (oldest === undefined) break;
      this.#toldUnsaved.delete(oldest);
    }
  }

  #failed(lane: Lane, tellings: readonly Telling[], error: unknown): void {
    const { log, counters } = this.#options;
    const { name } = lane.channel;
    const text = messageOf(error);
    // a bug in one channel must not take the watch away with it
    if (!(error instanceof PeerError))
      log.error({ channel: name, error: error instanceof Error ? error.stack : text }, 'telling failed: a bug');
    counters.add(`notify.failed.${name}`);
    const how = error instanceof TellError ? error : null;
    const refused = error instanceof PeerError && !error.retryable;
    if (how?.working === true) {
      log.warn({ channel: name }, `${name}: ${text}`);
      lane.pausedUntil = this.#now + SECOND;
    } else {
      if (lane.failingSince === null) log.error({ channel: name }, `${name} cannot tell anybody: ${text}`);
      lane.failingSince ??= this.#now;
      lane.failures++;
      lane.error = text;
    }
    const backOff = how?.wait ?? Math.min(CEILING, FIRST * 2 ** Math.min(16, Math.max(0, lane.failures - 1)));
    // one message that is refused does not hold up the others
    if (how?.working !== true) lane.pausedUntil = this.#now + (refused ? FIRST : backOff);
    const nextAt = this.#now + (refused ? REFUSED : backOff);
    for (const { delivery } of tellings) this.#again(delivery, text, nextAt, how?.final === true);
  }

  /** Puts a delivery off, or gives it up. */
  #again(delivery: Delivery, error: string, nextAt: Millis, final: boolean): void {
    const { log, counters, giveUp, store } = this.#options;
    const over = final || this.#now - delivery.at > giveUp;
    const unstored = this.#unstored.get(delivery.id);
    if (unstored !== undefined) {
      if (over) this.#unstored.delete(delivery.id);
      else
        this.#unstored.set(delivery.id, {
          ...unstored,
          delivery: { ...delivery, nextAt, attempts: delivery.attempts + 1 },
        });
    }
    this.#stored(() => {
      if (over) store.deliveries.settle(delivery.id, 'given-up', this.#now, error);
      else store.deliveries.failed(delivery.id, error, nextAt);
    });
    if (!over) return;
    counters.add(`notify.given-up.${delivery.channel}`);
    log.error({ channel: delivery.channel, incident: delivery.incident }, `given up, nobody was told: ${error}`);
  }

  /** A channel that is stuck is told of by those that are not, once for each time that it is. */
  #alarm(now: Millis): void {
    for (const lane of this.#lanes) {
      const { failingSince: since, channel } = lane;
      if (since === null || lane.alarmed === since || now - since < this.#options.stuck) continue;
      this.#options.counters.add('notify.stuck');
      const waiting = this.health().find(({ name }) => name === channel.name)?.waiting ?? 0;
      if (waiting === 0) {
        lane.failingSince = null;
        continue;
      }
      lane.alarmed = since;
      const stuck: Stuck = { channel: channel.name, waiting, since, error: lane.error.slice(0, 200) };
      this.#options.log.error({ ...stuck }, `${channel.name} is stuck`);
      const others = this.#lanes.filter((other) => other.failingSince === null && other.channel.name !== 'phone');
      this.#stored(() => {
        for (const { channel: other } of others)
          this.#options.store.deliveries.insert({
            id: deterministicId('stuck', channel.name, other.name, String(since)),
            ...{ channel: other.name, kind: 'alarm', alert: '', incident: '', severity: 'high', at: now, held: false },
            ...{ body: JSON.stringify(stuck), nextAt: now },
          });
      });
    }
  }

  /** What a delivery says; null: it is no longer wanted, and settled so. */
  #telling(delivery: Delivery): Telling | null {
    if (delivery.kind === 'alarm') {
      const told = JSON.parse(delivery.body) as Stuck | AlarmMoment;
      return 'alarm' in told ? { kind: 'health', delivery, moment: told } : { kind: 'alarm', delivery, stuck: told };
    }
    const unstored = this.#unstored.get(delivery.id);
    if (unstored?.alert != null)
      return { kind: 'alert', delivery, alert: unstored.alert, story: storyOfAlert(unstored.alert), first: true };
    const { store } = this.#options;
    const drop = (why: string): null => {
      this.#stored(() => store.deliveries.settle(delivery.id, 'dropped', this.#now, why));
      return null;
    };
    return (
      this.#stored((): Telling | null => {
        const story = readStory(store, delivery.incident);
        const lines = store.alerts.of(delivery.incident);
        const alert = delivery.kind === 'alert' ? store.alerts.get(delivery.alert) : lines.at(-1);
        if (story === null || alert === null || alert === undefined) return drop('the incident is no longer kept');
        const seen = story.incident.acknowledgedAt !== null;
        if (seen && (delivery.kind === 'update' || delivery.channel === 'phone'))
          return drop('somebody has acknowledged the incident');
        return {
          kind: delivery.kind === 'update' ? 'update' : 'alert',
          delivery,
          alert,
          story,
          first: lines[0]?.id === alert.id,
        };
      }) ?? null
    );
  }

  /** Asks the store; null when it cannot be used, which is said once. Telling goes on from memory. */
  #stored<T>(ask: () => T): T | null {
    if (this.#closed) return null;
    try {
      const answer = ask();
      this.#storeFails = false;
      return answer;
    } catch (error) {
      if (!(error instanceof StoreError)) throw error;
      if (!this.#storeFails)
        this.#options.log.error({ code: error.code }, `${error.message}; people are told from memory`);
      this.#storeFails = true;
      return null;
    }
  }
}

/** So many tellings are worth a message each. */
const FEW = 10;

/** What the next message tells: one thing, or many stories at once; what was held for the night comes together. */
function next(tellings: readonly Telling[], { together }: Channel): readonly Telling[] {
  const prompt = tellings.filter(({ delivery }) => !delivery.held);
  const first = prompt[0] ?? tellings[0];
  if (first === undefined) return [];
  if (!('story' in first)) return [first];
  const stories = (prompt.length > 0 ? prompt : tellings).filter((telling) => 'story' in telling);
  return together !== true && prompt.length > 0 && stories.length <= FEW ? [first] : stories;
}

const fresh = (planned: NewDelivery): Delivery => ({
  ...planned,
  state: 'waiting',
  attempts: 0,
  doneAt: null,
  error: '',
});
