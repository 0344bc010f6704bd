import type { Millis } from '../model.ts';
import { HOUR, MINUTE } from '../time.ts';
import type { AlarmName, Condition, Conditions } from './alarms.ts';
import type { Silence } from './feed-watch.ts';
import type { Readings } from './readings.ts';

export interface ConditionLimits {
  /** a neighbour that is away for so long is told */
  readonly away: Millis;
  /** a store or a channel that takes nothing for so long is told */
  readonly stuck: Millis;
  /** how often the heartbeat is sent; null: it is not */
  readonly heartbeatEvery: Millis | null;
}

/** Losses are told of until none has come for so long. */
const LOSSES_LAST: Millis = HOUR;
/** Heartbeats that may be missed: one is a hiccup of the network. */
const BEATS = 3;
/** What Asterisk holds is away while Asterisk is: told once. */
const OF_ASTERISK = ['asterisk', 'pjsip'];

/** What is wrong now, by what the daemon reads of itself. Remembers only since when. Pure: time comes in. */
export class Conditioning {
  readonly #limits: ConditionLimits;
  readonly #startedAt: Millis;
  readonly #since = new Map<AlarmName, Millis>();
  #drops = 0;
  #dropsAt: Millis | null = null;
  /** lost since it was last well */
  #lost = 0;

  constructor(limits: ConditionLimits, startedAt: Millis) {
    this.#limits = limits;
    this.#startedAt = startedAt;
  }

  look(readings: Readings, silences: readonly Silence[], cdrProblem: string | null, now: Millis): Conditions {
    const found = new Map<AlarmName, Condition>();
    const { away, stuck } = this.#limits;
    /** `problem` null: all is well. It is told of when it has lasted for `hold`. */
    const held = (alarm: AlarmName, problem: Condition['facts'] | null, hold: Millis, since?: Millis): void => {
      if (problem === null) {
        this.#since.delete(alarm);
        return;
      }
      const began = since ?? this.#since.get(alarm) ?? now;
      this.#since.set(alarm, began);
      if (now - began >= hold) found.set(alarm, { since: began, facts: problem });
    };
    for (const { feed, since, reason, calls } of silences)
      found.set(`${feed}-silent`, { since, facts: { reason, calls } });
    const { ami, enforcement, store, queues, notifiers } = readings;
    held('ami-away', ami !== null && ami.state !== 'up' ? { state: ami.state } : null, away, ami?.since);
    const gone = enforcement.targets.filter(
      ({ name, state }) => state !== 'up' && state !== 'new' && (ami?.state === 'up' || !OF_ASTERISK.includes(name)),
    );
    held('target-away', gone.length > 0 ? { targets: gone.map(({ name }) => name) } : null, away);
    held('cdr-unreadable', cdrProblem === null ? null : { problem: cdrProblem }, away);
    held('limit-reached', enforcement.stopped ? {} : null, 0);
    const waiting = queues.find(({ queue }) => queue === 'store')?.length ?? 0;
    held('store-stuck', store.failing || !readings.progress ? { waiting } : null, stuck);
    const mute = notifiers.filter(({ up, waiting: messages }) => !up && messages > 0);
    held('notify-stuck', mute.length > 0 ? { channels: mute.map(({ channel }) => channel) } : null, stuck);
    this.#beat(readings, found, now);
    this.#losses(readings, found, now);
    return found;
  }

  #beat({ heartbeat }: Readings, found: Map<AlarmName, Condition>, now: Millis): void {
    const { heartbeatEvery } = this.#limits;
    if (heartbeat === null || heartbeatEvery === null) return;
    const since = heartbeat.lastAt ?? this.#startedAt;
    if (now - since >= Math.max(5 * MINUTE, BEATS * heartbeatEvery))
      found.set('heartbeat-missed', { since, facts: { failed: heartbeat.failed } });
  }

  #losses({ hep }: Readings, found: Map<AlarmName, Condition>, now: Millis): void {
    const drops = hep?.kernelDrops ?? 0;
    if (drops > this.#drops) {
      if (this.#dropsAt === null) this.#since.set('packets-lost', now);
      this.#dropsAt = now;
      this.#lost += drops - this.#drops;
    }
    this.#drops = drops;
    if (this.#dropsAt === null) return;
    if (now - this.#dropsAt < LOSSES_LAST)
      found.set('packets-lost', { since: this.#since.get('packets-lost') ?? now, facts: { lost: this.#lost } });
    else {
      this.#dropsAt = null;
      this.#lost = 0;
      this.#since.delete('packets-lost');
    }
  }
}
