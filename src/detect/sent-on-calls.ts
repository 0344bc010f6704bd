import {
  type CallAnswered,
  type CallEnded,
  type CallOnward,
  type CallRecorded,
  type CallStarted,
  type EvidenceDraft,
  type Millis,
  type SourceProof,
} from '../model.ts';
import type { DialledNumber, Site } from '../site/site.ts';
import { DAY, SECOND } from '../time.ts';
import { BoundedMap, type Packed } from '../windows.ts';
import { cited, talkOf } from './placed-calls.ts';
import { extensionOf, type TrunkExits } from './sent-on.ts';
import { copy, unsaid, type Said } from './story.ts';

/**
 * Calls that the PBX sends on by a trunk to a number that costs money, over all feeds: AMI tells it outright; a call record
 * shows a trunk's channel on its far side; mirrored SIP alone shows a call that the PBX places in the name of one who has
 * called in and is still up, and shows nothing where the PBX gives its own number as the caller's.
 */
export const SENT_ON_KINDS = ['call.started', 'call.answered', 'call.ended', 'call.onward', 'cdr'] as const;
export type SentOnEvent = CallStarted | CallAnswered | CallEnded | CallOnward | CallRecorded;

/** One call sent on. Plain. */
export interface OnCall {
  /** ringfence's key of the call that was sent on */
  readonly call: string;
  readonly to: string;
  /** who called in, '' if unknown */
  readonly from: string;
  readonly started: Millis;
  answered: Millis | null;
  ended: Millis | null;
  id: string;
  source: string;
  proof: SourceProof;
}

/** By whom calls are sent on: an extension that is forwarded, or a trunk by which they came in. */
export interface Sender {
  readonly type: 'account' | 'trunk';
  readonly value: string;
  calls: string[];
  readonly since: Millis;
  last: Millis;
  said: Said;
}

export interface Change {
  readonly key: string;
  readonly sender: Sender;
  readonly call: OnCall;
  readonly at: Millis;
}

/** A call that is in, and may be sent on. */
interface Inbound {
  readonly call: string;
  readonly trunk: string | null;
  readonly dialled: string;
  readonly from: string;
  readonly source: string | null;
  readonly proof: SourceProof;
}

const CALLS = 20_000;
const SENDERS = 5_000;
const HELD = 200;
const TAIL = 8;
/** Days on which calls were sent on to a number before it is an arrangement. */
const SETTLED_DAYS = 3;

const tailOf = (number: string): string => number.replace(/\D/g, '').slice(-TAIL);

const legKey = (call: string, to: string): string => `${call}>${tailOf(to)}`;

export class SentOnCalls {
  readonly #site: Site;
  readonly #exits: TrunkExits;
  readonly #type: Sender['type'];
  readonly #span: Millis;
  readonly #calls = new BoundedMap<OnCall & { who: string }>(CALLS);
  readonly #senders = new BoundedMap<Sender>(SENDERS);
  /** caller's number -> the call that he is in */
  readonly #inbound = new BoundedMap<Inbound>(CALLS);
  /** call and last digits of the number it was sent on to -> key of that leg */
  readonly #legs = new BoundedMap<string>(CALLS);
  /** sender and number -> days on which calls went there, and the last of them */
  readonly #targets = new BoundedMap<{ days: number; last: number }>(CALLS);

  constructor(site: Site, exits: TrunkExits, type: Sender['type'], span: Millis) {
    this.#site = site;
    this.#exits = exits;
    this.#type = type;
    this.#span = span;
  }

  get size(): number {
    return this.#calls.size + this.#senders.size + this.#inbound.size + this.#legs.size + this.#targets.size;
  }

  take(event: SentOnEvent): Change | null {
    switch (event.kind) {
      case 'call.onward':
        return this.#onward(event);
      case 'cdr':
        return this.#record(event);
      case 'call.started':
        return this.#started(event);
      default:
        return this.#later(event);
    }
  }

  #onward(event: CallOnward): Change | null {
    let call = this.#calls.get(event.leg);
    if (call === undefined) {
      if (event.state === 'ended') return null;
      const { trunk, dialled, from, source, proof, at } = event;
      const number = this.#site.number(event.to);
      call = this.#open(event.leg, { call: event.call, trunk, dialled, from, source, proof }, number, event.to, at);
      if (call === undefined) return null;
      call.id = event.uniqueid ?? event.callId ?? event.call;
    }
    if (event.state === 'answered') call.answered ??= event.at;
    if (event.state === 'ended') call.ended ??= event.at;
    return this.#change(call, event.at);
  }

  #started(event: CallStarted): Change | null {
    const { trunk, account, source, dialled, from, call: key, proof } = event;
    if (trunk !== null || extensionOf(dialled, this.#site) !== null) {
      const tail = tailOf(from);
      if (tail !== '') this.#inbound.set(tail, { call: key, trunk, dialled, from, source, proof });
      return null;
    }
    // a call that the PBX places by itself, in the name of somebody who is in
    if (account !== null || source !== null || event.feed !== 'sip') return null;
    const inbound = this.#inbound.get(tailOf(from));
    if (inbound === undefined) return null;
    const call = this.#open(key, inbound, this.#site.number(dialled), dialled, event.startedAt);
    return call === undefined ? null : this.#change(call, event.at);
  }

  #later(event: CallAnswered | CallEnded): Change | null {
    const call = this.#calls.get(event.call);
    if (call !== undefined) {
      call.answered ??= event.answeredAt;
      if (event.kind === 'call.ended') call.ended ??= event.lostSince ?? event.at;
      return this.#change(call, event.at);
    }
    const tail = tailOf(event.from);
    if (event.kind === 'call.ended' && this.#inbound.peek(tail)?.call === event.call) this.#inbound.delete(tail);
    return null;
  }

  #record(event: CallRecorded): Change | null {
    const { record } = event;
    const left = this.#exits.of(record);
    if (left === null) return null;
    // a phone's own call out: what it dialled is what was dialled on the trunk
    if (event.trunk === null && left.to === record.dst && !record.channel.startsWith('Local/')) return null;
    // it may have been told while it ran
    const key = this.#legs.get(legKey(event.call, left.to)) ?? `${event.call}>${left.to}`;
    let call = this.#calls.get(key);
    if (call === undefined) {
      const inbound = {
        call: event.call,
        trunk: event.trunk,
        dialled: record.dst,
        from: record.src,
        source: null,
        proof: 'none' as const,
      };
      call = this.#open(key, inbound, left.number, left.to, record.start);
      if (call === undefined) return null;
    }
    if (record.uniqueid !== '') call.id = record.uniqueid;
    if (record.disposition === 'ANSWERED' && record.answer !== null) call.answered ??= record.answer;
    call.ended = Math.max(call.ended ?? record.end, record.end);
    return this.#change(call, event.at);
  }

  #open(
    key: string,
    inbound: Inbound,
    number: DialledNumber,
    to: string,
    started: Millis,
  ): (OnCall & { who: string }) | undefined {
    if (!number.chargeable || !number.blockable) return undefined;
    const extension = extensionOf(inbound.dialled, this.#site);
    const type = extension === null ? 'trunk' : 'account';
    const value = extension ?? inbound.trunk;
    if (type !== this.#type || value === null) return undefined;
    const call = {
      call: inbound.call,
      to,
      from: inbound.from,
      started,
      answered: null,
      ended: null,
      id: inbound.call,
      source: inbound.source ?? '',
      proof: inbound.proof,
      who: `${type}:${value}`,
    };
    let sender = this.#senders.get(call.who);
    if (sender === undefined || started - sender.last > this.#span) {
      sender = { type, value, calls: [], since: started, last: started, said: unsaid() };
      this.#senders.set(call.who, sender);
    }
    sender.calls = sender.calls.filter((k) => (this.#calls.peek(k)?.started ?? -Infinity) >= started - this.#span);
    sender.calls.push(key);
    if (sender.calls.length > HELD) sender.calls.shift();
    sender.last = Math.max(sender.last, started);
    this.#calls.set(key, call);
    this.#legs.set(legKey(inbound.call, to), key);
    this.#note(`${call.who}>${number.e164 ?? to}`, started);
    return call;
  }

  #note(target: string, started: Millis): void {
    const day = Math.floor(started / DAY);
    const known = this.#targets.get(target);
    if (known === undefined) this.#targets.set(target, { days: 1, last: day });
    else if (day > known.last) {
      known.days++;
      known.last = day;
    }
  }

  /** Were calls sent on there on several days before this one? */
  settled({ type, value }: Sender, number: DialledNumber, to: string): boolean {
    return (this.#targets.peek(`${type}:${value}>${number.e164 ?? to}`)?.days ?? 0) > SETTLED_DAYS;
  }

  #change(call: OnCall & { who: string }, at: Millis): Change | null {
    const sender = this.#senders.get(call.who);
    return sender === undefined ? null : { key: call.who, sender, call, at };
  }

  sender(key: string): Sender | undefined {
    return this.#senders.peek(key);
  }

  /** Calls that began within the span before `at`, first started first. */
  of(sender: Sender, at: Millis): OnCall[] {
    return sender.calls
      .flatMap((key) => this.#calls.peek(key) ?? [])
      .filter(({ started }) => started >= at - this.#span)
      .sort((a, b) => a.started - b.started);
  }

  snapshot(): unknown {
    return {
      calls: this.#calls.snapshot(copy),
      senders: this.#senders.snapshot(copy),
      inbound: this.#inbound.snapshot(copy),
      legs: this.#legs.snapshot(copy),
      targets: this.#targets.snapshot(copy),
    };
  }

  restore(snapshot: unknown): void {
    const s = snapshot as {
      calls: Packed<OnCall & { who: string }>[];
      senders: Packed<Sender>[];
      inbound: Packed<Inbound>[];
      legs: Packed<string>[];
      targets: Packed<{ days: number; last: number }>[];
    };
    this.#calls.restore(s.calls, copy);
    this.#senders.restore(s.senders, copy);
    this.#inbound.restore(s.inbound, copy);
    this.#legs.restore(s.legs, copy);
    this.#targets.restore(s.targets, copy);
  }
}

/** What evidence says of the calls that it rests on, with what they cost so far by tariff or estimate. */
export function citing(
  site: Site,
  calls: readonly OnCall[],
  at: Millis,
): Pick<EvidenceDraft, 'calls' | 'callKeys' | 'sources' | 'sourceProof' | 'loss'> {
  const latest = calls.slice(-50).reverse();
  let price = 0;
  for (const call of latest) {
    const talk = talkOf(call, at);
    if (talk > 0) price += site.price(site.number(call.to), talk / SECOND) ?? 0;
  }
  return {
    ...cited(latest),
    ...(price > 0 ? { loss: { amount: Math.round(price * 100) / 100, currency: site.currency, estimated: true } } : {}),
  };
}
