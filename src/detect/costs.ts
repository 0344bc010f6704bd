import {
  betterProof,
  type CallAnswered,
  type CallEnded,
  type CallOnward,
  type CallRecorded,
  type CallStarted,
  type CallUpdated,
  type Millis,
  type SourceProof,
} from '../model.ts';
import type { DialledNumber, Site } from '../site/site.ts';
import { MINUTE, SECOND } from '../time.ts';
import { BoundedMap, type Packed } from '../windows.ts';
import { callerOf } from './callers.ts';
import { extensionOf, type TrunkExits } from './sent-on.ts';
import { copy } from './story.ts';

/** What calls cost while they run and when they have ended, each counted once whatever feeds tell it. */

export const COST_KINDS = [
  'call.started',
  'call.updated',
  'call.answered',
  'call.ended',
  'call.onward',
  'cdr',
  'tick',
] as const;
export type CostEvent = CallStarted | CallUpdated | CallAnswered | CallEnded | CallOnward | CallRecorded;

/** One call, or leg of a call, that costs money that matters. Plain. */
export interface Cost {
  /** ringfence's key of the call */
  readonly call: string;
  /** the account that pays for it; null: none is known */
  who: string | null;
  readonly dialled: string;
  readonly started: Millis;
  readonly perMinute: number;
  readonly connection: number;
  readonly by: 'tariff' | 'estimate';
  /** what a unit of money that goes there weighs against a shipped budget */
  readonly weight: number;
  /** start of the closed period of its account in which it began; null: it was open */
  closed: Millis | null;
  /** the same of the office */
  siteClosed: Millis | null;
  answered: Millis | null;
  ended: boolean;
  /** counted so far, and until when */
  charged: number;
  counted: Millis;
  id: string;
  source: string;
  proof: SourceProof;
}

/** Money that was spent on a call from `from` to `to`. */
export type Charge = (key: string, cost: Cost, amount: number, from: Millis, to: Millis) => void;

/** What money weighs that an account (null: nobody knows whose) spends on a call that begins now. */
export type Weight = (who: string | null, number: DialledNumber, started: Millis) => number;

const CALLS = 20_000;
/** calls counted while they run; what is above it is counted when it ends */
const RUNNING = 8_192;

export class Costs {
  readonly #site: Site;
  readonly #exits: TrunkExits;
  readonly #charge: Charge;
  readonly #weight: Weight;
  readonly #calls = new BoundedMap<Cost>(CALLS);
  readonly #running = new Set<string>();
  /** calls that were sent on -> their legs: their records tell the same money again */
  readonly #sentOn = new BoundedMap<string[]>(CALLS);

  constructor(site: Site, exits: TrunkExits, weight: Weight, charge: Charge) {
    this.#site = site;
    this.#exits = exits;
    this.#weight = weight;
    this.#charge = charge;
  }

  get size(): number {
    return this.#calls.size + this.#running.size + this.#sentOn.size;
  }

  get idle(): boolean {
    return this.#running.size === 0;
  }

  get(key: string): Cost | undefined {
    return this.#calls.peek(key);
  }

  isRunning(key: string): boolean {
    return this.#running.has(key);
  }

  /** Takes an event in; the key of the call when it has just connected, else null. */
  take(event: CostEvent): string | null {
    if (event.kind === 'cdr') return this.#record(event);
    if (event.kind === 'call.onward') return this.#onward(event);
    return this.#live(event);
  }

  /** Counts what runs until now. */
  tick(at: Millis): void {
    for (const key of this.#running) {
      const cost = this.#calls.peek(key);
      if (cost === undefined) this.#running.delete(key);
      else this.#until(key, cost, at);
    }
  }

  #live(event: CallStarted | CallUpdated | CallAnswered | CallEnded): string | null {
    if (event.kind === 'call.ended')
      for (const leg of this.#sentOn.peek(event.call) ?? []) this.#end(leg, event.lostSince ?? event.at);
    const who = this.#payer(callerOf(event));
    let cost = this.#calls.get(event.call);
    if (cost === undefined) {
      if (event.kind === 'call.ended' || event.trunk !== null) return null;
      if (event.account !== null && this.#site.networks.isTrunk(event.account)) return null;
      cost = this.#open(event.call, event.call, who, event.dialled, event.startedAt);
      if (cost === undefined) return null;
    } else if (cost.who === null && who !== null) this.#own(event.call, cost, who, event.at);
    cost.id = event.uniqueid ?? event.callId ?? event.call;
    if (event.source !== null) {
      cost.proof = cost.source === event.source ? betterProof(cost.proof, event.proof) : event.proof;
      cost.source = event.source;
    }
    const connects = event.answeredAt !== null && this.#connect(event.call, cost, event.answeredAt);
    if (event.kind === 'call.ended') this.#end(event.call, event.lostSince ?? event.at);
    return connects ? event.call : null;
  }

  #onward(event: CallOnward): string | null {
    const { leg, state, at } = event;
    let cost = this.#calls.get(leg);
    if (cost === undefined) {
      if (state === 'ended') return null;
      const who = this.#payer(extensionOf(event.dialled, this.#site) ?? callerOf(event));
      cost = this.#open(leg, event.call, who, event.to, at);
      if (cost === undefined) return null;
      cost.id = event.uniqueid ?? event.call;
      this.#sentOn.set(event.call, [...(this.#sentOn.get(event.call) ?? []), leg].slice(-16));
    }
    if (state === 'ended') this.#end(leg, at);
    return state === 'answered' && this.#connect(leg, cost, at) ? leg : null;
  }

  #record(event: CallRecorded): string | null {
    const { record } = event;
    if (record.disposition !== 'ANSWERED' || record.answer === null) return null;
    // nearly all: nothing of it costs anything, and no cost is held under its number
    if (!event.live && this.#exits.of(record) === null && !this.#costs(record.dst)) return null;
    let key = event.call;
    let cost = this.#calls.get(key);
    // a second number that the same call led to is a call of its own
    if (cost !== undefined && !event.live && cost.dialled !== record.dst)
      cost = this.#calls.get((key += `>${record.dst}`));
    if (cost === undefined) {
      if (this.#sentOn.has(event.call)) return null;
      const left = this.#exits.of(record);
      const trunk = event.trunk !== null || (event.account !== null && this.#site.networks.isTrunk(event.account));
      if (trunk && left === null) return null;
      const sentOn = left !== null && left.to !== record.dst;
      const who = sentOn ? (extensionOf(record.dst, this.#site) ?? event.account) : event.account;
      cost = this.#open(
        key,
        event.call,
        trunk && !sentOn ? null : this.#payer(who),
        left?.to ?? record.dst,
        record.start,
      );
      if (cost === undefined) return null;
    } else if (cost.who === null && event.account !== null && event.trunk === null)
      this.#own(key, cost, event.account, event.at);
    if (record.uniqueid !== '') cost.id = record.uniqueid;
    const fresh = cost.answered === null;
    cost.answered ??= record.answer;
    this.#running.delete(key);
    // several records of one call (forked, forwarded): the longest stands; a record mends what was reckoned before
    const price = this.#price(cost, record.billsec * SECOND);
    if (price > cost.charged || !cost.ended) this.#add(key, cost, price - cost.charged, cost.counted, record.end);
    cost.ended = true;
    return fresh ? key : null;
  }

  #costs(dialled: string): boolean {
    const { chargeable, blockable } = this.#site.number(dialled);
    return chargeable && blockable;
  }

  #payer(account: string | null): string | null {
    return account === null || this.#site.networks.isTrunk(account) ? null : account;
  }

  #open(key: string, call: string, who: string | null, dialled: string, started: Millis): Cost | undefined {
    if (!this.#costs(dialled)) return undefined;
    const number = this.#site.number(dialled);
    const { perMinute, connection, by } = this.#site.rate(number);
    if (perMinute === 0 && connection === 0) return undefined;
    const cost: Cost = {
      call,
      who,
      dialled,
      started,
      perMinute,
      connection,
      by,
      weight: this.#weight(who, number, started),
      ...this.#hours(who, started),
      answered: null,
      ended: false,
      charged: 0,
      counted: started,
      id: call,
      source: '',
      proof: 'none',
    };
    this.#calls.set(key, cost);
    return cost;
  }

  /** Out of hours is judged at the start of the call. */
  #hours(who: string | null, started: Millis): { closed: Millis | null; siteClosed: Millis | null } {
    const own = this.#site.hours(started, who);
    if (own.open) return { closed: null, siteClosed: null };
    const site = who === null ? own : this.#site.hours(started, null);
    return { closed: own.since ?? 0, siteClosed: site.open ? null : (site.since ?? 0) };
  }

  /** The account is learnt after the start: what was spent is its own. */
  #own(key: string, cost: Cost, who: string, at: Millis): void {
    cost.who = this.#payer(who);
    if (cost.who === null) return;
    Object.assign(cost, this.#hours(cost.who, cost.started));
    const { charged } = cost;
    if (charged === 0) return;
    // it was nobody's before: the office has it already, by a charge that is taken back here
    this.#charge(key, { ...cost, who: null }, -charged, cost.answered ?? at, at);
    this.#charge(key, cost, charged, cost.answered ?? at, at);
  }

  #connect(key: string, cost: Cost, answered: Millis): boolean {
    if (cost.answered !== null || cost.ended) return false;
    cost.answered = answered;
    cost.counted = answered;
    if (this.#running.size < RUNNING) this.#running.add(key);
    return true;
  }

  #end(key: string, at: Millis): void {
    const cost = this.#calls.peek(key);
    if (cost === undefined || cost.ended) return;
    if (cost.answered !== null) this.#until(key, cost, at);
    cost.ended = true;
    this.#running.delete(key);
  }

  #price({ perMinute, connection }: Cost, talk: Millis): number {
    return talk <= 0 ? 0 : connection + (perMinute * talk) / MINUTE;
  }

  #until(key: string, cost: Cost, at: Millis): void {
    const amount = this.#price(cost, at - (cost.answered ?? at)) - cost.charged;
    // a call that was given up had been counted on ticks for longer than it is known to have lasted
    if (amount !== 0) this.#add(key, cost, amount, amount > 0 ? cost.counted : at, at);
  }

  #add(key: string, cost: Cost, amount: number, from: Millis, to: Millis): void {
    cost.charged += amount;
    const since = Math.min(Math.max(from, cost.answered ?? from), to);
    cost.counted = to;
    this.#charge(key, cost, amount, since, to);
  }

  snapshot(): unknown {
    return {
      calls: this.#calls.snapshot(copy),
      running: [...this.#running],
      sentOn: this.#sentOn.snapshot(copy),
    };
  }

  restore(snapshot: unknown): void {
    const s = snapshot as { calls: Packed<Cost>[]; running: string[]; sentOn: Packed<string[]>[] };
    this.#calls.restore(s.calls, copy);
    this.#sentOn.restore(s.sentOn, copy);
    this.#running.clear();
    for (const key of s.running) this.#running.add(key);
  }
}
