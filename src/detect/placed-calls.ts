import {
  betterProof,
  worseProof,
  type CallAnswered,
  type CallEnded,
  type CallFacts,
  type CallRecorded,
  type CallStarted,
  type CallUpdated,
  type EvidenceDraft,
  type Loss,
  type Millis,
  type SourceProof,
  type Subject,
} from '../model.ts';
import type { DialledNumber, Site } from '../site/site.ts';
import { SECOND } from '../time.ts';
import { BoundedMap, type Packed } from '../windows.ts';
import { CallStates, HeldCall, type Placed } from './call-states.ts';
import { callerOf } from './callers.ts';
import { accountSubject, addDistinct, addressSubject, copy, unsaid, withOne, type Said } from './story.ts';

export type { Placed } from './call-states.ts';

/** The calls that somebody places, followed over all feeds: what detectors of dialling habits have in common. */

/** Kinds of events that `PlacedCalls` takes. */
export const CALL_KINDS = ['call.started', 'call.updated', 'call.answered', 'call.ended', 'cdr'] as const;
export type PlacedEvent = CallStarted | CallUpdated | CallAnswered | CallEnded | CallRecorded;

/** One who places calls: an account; else the address they come from, the trunk they came in by, or the number alone. */
export interface Caller {
  /** by which his calls name him */
  readonly key: string;
  readonly subject: Subject;
  /** keys of the calls that are held, in the order in which they were told */
  calls: string[];
  /** start of the first call of this story, and of its latest */
  readonly since: Millis;
  last: Millis;
  said: Said;
}

/** What an event changed: `at` is the event's time. */
export interface Change<T> {
  readonly key: string;
  readonly caller: Caller;
  readonly call: HeldCall<T>;
  readonly at: Millis;
}

/** What a call is to a detector; null: nothing, it is not held. */
export type Tagger<T> = (number: DialledNumber, subject: Subject, started: Millis) => T | null;

export interface PlacedOptions {
  /** a caller's calls are held for so long after they began */
  readonly span: Millis;
  /** and so many at the most, the latest */
  readonly most: number;
  /** are calls that came in by a trunk his who sent them? Else they are left out */
  readonly trunks?: boolean;
  /** states shared with other detectors */
  readonly states?: CallStates;
}

const CALLS = 20_000;
const CALLERS = 10_000;
/** Different tags held, so that like ones are one. */
const TAGS = 1_000;
const RANK = { number: 0, trunk: 0, address: 1, account: 2 } as const;

/** Calls placed, by caller. A call whose account is learnt after its start moves to whom it belongs. Bounded. */
export class PlacedCalls<T> {
  readonly #site: Site;
  readonly #tag: Tagger<T>;
  readonly #options: PlacedOptions;
  readonly #states: CallStates;
  readonly #calls = new BoundedMap<HeldCall<T>>(CALLS);
  readonly #callers = new BoundedMap<Caller>(CALLERS);
  readonly #tags = new Map<string, T>();

  constructor(site: Site, options: PlacedOptions, tag: Tagger<T>) {
    this.#site = site;
    this.#options = options;
    this.#states = options.states ?? new CallStates();
    this.#tag = tag;
  }

  get size(): number {
    return this.#calls.size + this.#callers.size;
  }

  /** Takes an event in; null where it tells nothing new of a call that is held. */
  take(event: PlacedEvent): Change<T> | null {
    return event.kind === 'cdr' ? this.#record(event) : this.#live(event);
  }

  #live(event: Exclude<PlacedEvent, CallRecorded>): Change<T> | null {
    // what is dialled stays: the call of a number that does not matter is not held
    if (!this.#matters(event.dialled)) return null;
    let call = this.#calls.get(event.call);
    if (call === undefined) {
      // what had ended before it was heard of tells of a start that was not worth holding
      if (event.kind === 'call.ended' || this.#isNobodys(event.account, event.trunk)) return null;
      call = this.#open(event, event.call, this.#subjectOf(event), event.dialled, event.startedAt);
      if (call === undefined) return null;
    } else if (!this.#rehome(event.call, call, this.#subjectOf(event))) return null;
    call.id = event.uniqueid ?? event.callId ?? event.call;
    if (event.source !== null) {
      call.proof = call.source === event.source ? betterProof(call.proof, event.proof) : event.proof;
      call.source = event.source;
    }
    call.answered ??= event.answeredAt;
    if (event.kind === 'call.ended') call.ended ??= event.lostSince ?? event.at;
    return this.#change(call, event.at);
  }

  #record(event: CallRecorded): Change<T> | null {
    const { record } = event;
    // a live call is known by its key, whatever its record says was dialled
    if (!event.live && !this.#matters(record.dst)) return null;
    // one call may have led to several numbers in turn, or at once: each is a call of its own
    const known = this.#calls.get(event.call);
    const same = known === undefined || known.dialled === record.dst || event.live;
    const key = same ? event.call : `${event.call}>${record.dst}`;
    let call = same ? known : this.#calls.get(key);
    if (call === undefined) {
      if (this.#isNobodys(event.account, event.trunk) || !this.#matters(record.dst)) return null;
      const subject = this.#subject(event.account, event.trunk, null, record.dst);
      call = this.#open(event, key, subject, record.dst, record.start);
      if (call === undefined) return null;
    }
    if (record.uniqueid !== '') call.id = record.uniqueid;
    if (record.disposition === 'ANSWERED' && record.answer !== null) call.answered ??= record.answer;
    // several records of one call (forked, forwarded): the longest stands
    call.ended = Math.max(call.ended ?? record.end, record.end);
    return this.#change(call, event.at);
  }

  /** Does it cost something, and may it be refused? Most calls do not, so it is asked before anything else. */
  #matters(dialled: string): boolean {
    const { chargeable, blockable } = this.#site.number(dialled);
    return chargeable && blockable;
  }

  #subjectOf(event: CallFacts): Subject {
    return this.#subject(callerOf(event), event.trunk, event.source, event.dialled);
  }

  /** Did a trunk place it, or did it come in by one that does not matter here? */
  #isNobodys(account: string | null, trunk: string | null): boolean {
    if (trunk !== null) return this.#options.trunks !== true;
    return account !== null && this.#site.networks.isTrunk(account);
  }

  #subject(account: string | null, trunk: string | null, source: string | null, dialled: string): Subject {
    if (trunk !== null) return { type: 'trunk', value: trunk };
    if (account !== null) return accountSubject(account);
    if (source !== null && !this.#site.networks.isPbx(source)) return addressSubject(source);
    return { type: 'number', value: this.#site.number(dialled).e164 ?? dialled };
  }

  #open(event: PlacedEvent, key: string, subject: Subject, dialled: string, started: Millis): HeldCall<T> | undefined {
    const tag = this.#same(this.#tag(this.#site.number(dialled), subject, started));
    if (tag === null) return undefined;
    const call = new HeldCall(this.#states.open(event, key, event.call, dialled, started), tag);
    this.#join(key, call, subject);
    this.#calls.set(key, call);
    return call;
  }

  #join(key: string, call: HeldCall<T>, subject: Subject): void {
    const { key: who, subject: named } = this.#states.named(subject);
    let caller = this.#callers.get(who);
    // a late record of an earlier time starts no story anew
    if (caller === undefined || call.started - caller.last > this.#options.span) {
      caller = { key: who, subject: named, calls: [], since: call.started, last: call.started, said: unsaid() };
      this.#callers.set(who, caller);
    }
    // one text for all of his calls
    call.who = caller.key;
    caller.calls = withOne(caller.calls, key);
    caller.last = Math.max(caller.last, call.started);
    const from = caller.last - this.#options.span;
    if (caller.calls.length > this.#options.most) caller.calls.shift();
    const first = this.#calls.peek(caller.calls[0] ?? '');
    if (caller.calls[0] !== key && (first === undefined || (first.started < from && first.ended !== null)))
      caller.calls = caller.calls.filter((k) => k === key || (this.#calls.peek(k)?.started ?? -Infinity) >= from);
  }

  /** The account or source was learnt after the start. False: to this detector the call is nothing any more. */
  #rehome(key: string, call: HeldCall<T>, subject: Subject): boolean {
    const before = this.#callers.get(call.who);
    if (before === undefined || RANK[subject.type] <= RANK[before.subject.type]) return true;
    before.calls = before.calls.filter((k) => k !== key);
    const tag = this.#same(this.#tag(this.#site.number(call.dialled), subject, call.started));
    if (tag === null) {
      this.#calls.delete(key);
      return false;
    }
    call.tag = tag;
    this.#join(key, call, subject);
    return true;
  }

  /** Tags that are alike are one: thousands of calls have the same. */
  #same<U extends T | null>(tag: U): U | T {
    if (typeof tag !== 'object' || tag === null) return tag;
    const key = JSON.stringify(tag);
    const known = this.#tags.get(key);
    if (known !== undefined) return known;
    if (this.#tags.size >= TAGS) this.#tags.clear();
    this.#tags.set(key, tag);
    return tag;
  }

  #change(call: HeldCall<T>, at: Millis): Change<T> | null {
    const caller = this.#callers.get(call.who);
    return caller === undefined ? null : { key: call.who, caller, call, at };
  }

  caller(key: string): Caller | undefined {
    return this.#callers.peek(key);
  }

  /** A caller's calls that are still held, first started first. Records tell of calls in the order of their ends. */
  of(caller: Caller): HeldCall<T>[] {
    const held: HeldCall<T>[] = [];
    for (const key of caller.calls) {
      const call = this.#calls.peek(key);
      if (call !== undefined) held.push(call);
    }
    return held.sort((a, b) => a.started - b.started);
  }

  snapshot(): unknown {
    return { calls: this.#calls.snapshot((call) => copy(call.plain())), callers: this.#callers.snapshot(copy) };
  }

  restore(snapshot: unknown): void {
    const s = snapshot as { calls: Packed<Placed<T>>[]; callers: Packed<Caller>[] };
    this.#callers.restore(s.callers, copy);
    this.#calls.restore(s.calls, (call) =>
      HeldCall.from({ ...call, who: this.#callers.peek(call.who)?.key ?? call.who, tag: this.#same(call.tag) }),
    );
  }
}

type AnyCall = Placed<unknown>;

/** Talk so far, in milliseconds. */
export const talkOf = ({ answered, ended }: Pick<AnyCall, 'answered' | 'ended'>, at: Millis): Millis =>
  answered === null ? 0 : Math.max(0, (ended ?? at) - answered);

/** Talk of them all together so far, in milliseconds. */
export const talkOfAll = (calls: readonly Pick<AnyCall, 'answered' | 'ended'>[], at: Millis): Millis =>
  calls.reduce((sum, call) => sum + talkOf(call, at), 0);

/**
 * Without redials: who dials a number again that did not answer places one call, not many. `calls` first started first.
 */
export function withoutRedials<C extends AnyCall>(calls: readonly C[]): C[] {
  const failed = new Map<string, Millis>();
  return calls.filter((call) => {
    const redial = (failed.get(call.dialled) ?? Infinity) <= call.started;
    if (call.answered === null && call.ended !== null) failed.set(call.dialled, call.ended);
    return !redial;
  });
}

/** The most calls that began within any `span`; `calls` first started first. */
export function mostWithin(calls: readonly AnyCall[], span: Millis): number {
  let most = 0;
  let first = 0;
  for (const [i, { started }] of calls.entries()) {
    while ((calls[first]?.started ?? started) < started - span) first++;
    most = Math.max(most, i - first + 1);
  }
  return most;
}

/** The most calls that were connected at one time, `at` at the latest. One that ends as another begins is not beside it. */
export function mostAtOnce(calls: readonly AnyCall[], at: Millis): number {
  const turns: (readonly [Millis, 1 | -1])[] = [];
  for (const { answered, ended } of calls)
    if (answered !== null && (ended ?? at) >= answered) turns.push([answered, 1], [ended ?? at + 1, -1]);
  turns.sort((a, b) => a[0] - b[0] || a[1] - b[1]);
  let up = 0;
  let most = 0;
  for (const [, turn] of turns) most = Math.max(most, (up += turn));
  return most;
}

/** Ids and keys of calls, and their sources with what is certain of these; as many as evidence may name. */
export function cited(
  calls: readonly Pick<AnyCall, 'call' | 'id' | 'source' | 'proof'>[],
): Pick<EvidenceDraft, 'calls' | 'callKeys' | 'sources' | 'sourceProof'> {
  const ids: string[] = [];
  const keys: string[] = [];
  const proofs = new Map<string, SourceProof>();
  for (const call of calls) {
    addDistinct(keys, call.call, 50);
    addDistinct(ids, call.id, 20);
    if (call.source !== '' && (proofs.size < 8 || proofs.has(call.source)))
      proofs.set(call.source, betterProof(proofs.get(call.source) ?? 'none', call.proof));
  }
  return {
    calls: ids,
    callKeys: keys,
    sources: [...proofs.keys()],
    // what is not certain of one is not certain of what is told of all
    sourceProof: proofs.size === 0 ? 'none' : [...proofs.values()].reduce(worseProof),
  };
}

/** What evidence says of the calls that it rests on: the latest fifty, with their sources and what they cost so far. */
export function citing(
  site: Site,
  calls: readonly AnyCall[],
  at: Millis,
): Pick<EvidenceDraft, 'calls' | 'callKeys' | 'sources' | 'sourceProof' | 'loss'> {
  let price = 0;
  for (const call of calls) {
    const talk = talkOf(call, at);
    if (talk > 0) price += site.price(site.number(call.dialled), talk / SECOND) ?? 0;
  }
  const loss: Loss = { amount: Math.round(price * 100) / 100, currency: site.currency, estimated: true };
  return { ...cited(calls.slice(-50)), ...(loss.amount > 0 ? { loss } : {}) };
}
