import {
  betterProof,
  type CallFacts,
  type EventKind,
  type Feed,
  type Millis,
  type RequestFacts,
  type SourceProof,
} from '../model.ts';
import { BoundedMap } from '../windows.ts';
import type { Context } from './context.ts';
import type { Registrations } from './registrations.ts';

/** Calls held, running and lately ended; an attacker adds one only where the PBX takes a call on. */
const MAX_CALLS = 32_768;
/** Calls to numbers of one ending that are kept for joining feeds. */
const SAME_NUMBER = 32;
/** Call-IDs that several calls carry, and how many of those calls are kept. */
const MAX_ALIKE = 2_048;
const ALIKE = 16;
/** The same call told by another feed starts within this. */
export const SAME_CALL = 3_000;
/** Calls followed for a sign of life. */
const MAX_RUNNING = 16_384;
/** A call that began so shortly before the PBX's channels were listed may have begun after. */
const JUST_BEGUN = 5_000;
/** Two spellings of a number (00371…, +371…, 9011371…) agree in the last digits. */
const TAIL = 7;

/** One call, growing as feeds add what they know. Plain, so that a snapshot is a copy. */
export interface Call extends Mutable<CallFacts> {
  started: boolean;
  answered: boolean;
  ended: boolean;
  recorded: boolean;
  /** feed that told it first */
  feed: Feed;
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

/** What a feed knows of a call; what it does not know is left out or null. */
export interface CallSighting extends Omit<CallFacts, 'call' | 'registration' | 'answeredAt'> {
  readonly feed: Feed;
  readonly seenAt: Millis;
}

/** Where the first packet of a Call-ID came from, and what later ones from there have proved. */
export type FirstHop = Pick<RequestFacts, 'source' | 'sourcePort' | 'transport' | 'proof'>;

/** The channel by which a caller is in a call. */
export interface CallerLeg {
  readonly uniqueid: string;
  /** as dialled; null: not known, so that it may be an emergency call */
  readonly dialled: string | null;
  /** who placed it; null: not known */
  readonly account: string | null;
}

/** The last digits of a dialled number, or all of it where it is no number. */
export function numberTail(dialled: string): string {
  let digits = '';
  for (let i = dialled.length - 1; i >= 0 && digits.length < TAIL; i--) {
    const c = dialled.charCodeAt(i);
    if (c >= 48 && c <= 57) digits = String.fromCharCode(c) + digits;
  }
  return digits === '' ? dialled : digits;
}

/** Calls of all feeds, each told once. */
export class Calls {
  readonly #context: Context;
  readonly #registrations: Registrations;
  readonly #byKey = new BoundedMap<Call>(MAX_CALLS);
  readonly #byCallId = new BoundedMap<Call>(MAX_CALLS);
  readonly #byUniqueid = new BoundedMap<Call>(MAX_CALLS);
  readonly #byNumber = new BoundedMap<Call[]>(MAX_CALLS);
  /** last digits of a number to which a call was sent on -> when; its leg by the trunk is nobody's own call */
  readonly #onward = new BoundedMap<Millis>(MAX_ALIKE);
  /** Call-ID -> further channels that carry it, for one who gives several calls one Call-ID */
  readonly #alike = new BoundedMap<Call[]>(MAX_ALIKE);
  /** calls that are up, by key -> when their last sign of life was seen; longest silent first */
  readonly #running = new Map<string, Millis>();

  constructor(context: Context, registrations: Registrations) {
    this.#context = context;
    this.#registrations = registrations;
  }

  get size(): number {
    return this.#byKey.size;
  }

  byCallId(callId: string): Call | undefined {
    return this.#byCallId.get(callId);
  }

  byUniqueid(uniqueid: string): Call | undefined {
    return this.#byUniqueid.get(uniqueid);
  }

  byKey(key: string): Call | undefined {
    return this.#byKey.peek(key);
  }

  /** Calls that were answered and have not ended, the last to show life first; at most `limit`, and how many there are. */
  up(limit: number): { readonly calls: readonly CallFacts[]; readonly all: number } {
    const keys = [...this.#running.keys()].slice(-limit).reverse();
    return { calls: keys.flatMap((key) => this.#byKey.peek(key) ?? []), all: this.#running.size };
  }

  /** The PBX took a call on, says one feed. Told as started once; what a second feed adds is told as an update. */
  start(s: CallSighting): Call {
    const known =
      (s.callId === null ? undefined : this.#byCallId.get(s.callId)) ??
      (s.uniqueid === null ? undefined : this.#byUniqueid.get(s.uniqueid)) ??
      this.#fromOtherFeed(s);
    if (known !== undefined) {
      this.#add(known, s);
      return known;
    }
    const registration =
      s.trunk === null ? this.#registrations.ofCaller(s.account, s.source, this.#context.clock.now) : 'unknown';
    const call: Call = {
      call: s.callId ?? s.uniqueid ?? `${s.from}>${s.dialled}@${s.startedAt}`,
      account: s.account,
      trunk: s.trunk,
      from: s.from,
      dialled: s.dialled,
      callId: s.callId,
      uniqueid: s.uniqueid,
      linkedid: s.linkedid,
      channel: s.channel,
      source: s.source,
      sourcePort: s.sourcePort,
      transport: s.transport,
      userAgent: s.userAgent,
      authenticated: s.authenticated,
      proof: s.proof,
      registration,
      startedAt: s.startedAt,
      answeredAt: null,
      started: true,
      answered: false,
      ended: false,
      recorded: false,
      feed: s.feed,
    };
    this.#byKey.set(call.call, call);
    this.#index(call);
    const tail = numberTail(call.dialled);
    // what the main map has forgotten is forgotten here too, so that all lists together stay within its bound
    const same = (this.#byNumber.get(tail) ?? []).filter((other) => this.#byKey.has(other.call));
    this.#byNumber.set(tail, [call, ...same.slice(0, SAME_NUMBER - 1)]);
    this.#context.emit(told(this.#context, 'call.started', call, s.feed, s.seenAt));
    return call;
  }

  /** A call to the same number, by the same caller, a moment ago, that the other feed told and this one has not. */
  #fromOtherFeed(s: CallSighting): Call | undefined {
    return this.#byNumber.get(numberTail(s.dialled))?.find((call) => {
      if (call.ended || Math.abs(s.startedAt - call.startedAt) > SAME_CALL) return false;
      if (s.uniqueid !== null ? call.uniqueid !== null : call.callId !== null) return false;
      if (call.account !== null && s.account !== null && this.#mapped(call.account, s.account))
        return call.account === s.account;
      return call.from === s.from || (call.trunk !== null && call.trunk === s.trunk);
    });
  }

  /** Two accounts can be compared only where both are endpoints; behind a proxy AMI sees the proxy's endpoint. */
  #mapped(a: string, b: string): boolean {
    const { accounts, networks } = this.#context.site;
    return accounts.mapped(a) === accounts.mapped(b) && !networks.isTrunk(a) && !networks.isTrunk(b);
  }

  #add(call: Call, s: CallSighting): void {
    const { uniqueid, source, account, registration, callId, proof, userAgent } = call;
    call.callId ??= s.callId;
    call.uniqueid ??= s.uniqueid;
    call.linkedid ??= s.linkedid;
    call.channel ??= s.channel;
    call.authenticated ??= s.authenticated;
    call.trunk ??= s.trunk;
    call.account ??= s.account;
    if (call.userAgent === '') call.userAgent = s.userAgent;
    if (call.from === '') call.from = s.from;
    // the first hop's address is the caller's; AMI behind a proxy knows the proxy's only and says nothing then
    if (s.source !== null && (call.source === null || s.feed === 'sip')) {
      call.source = s.source;
      call.sourcePort = s.sourcePort;
      call.transport = s.transport;
      if (call.source !== source) call.proof = s.proof;
    }
    if (s.source !== null && s.source === call.source) call.proof = betterProof(call.proof, s.proof);
    if (call.registration === 'unknown' && call.trunk === null)
      call.registration = this.#registrations.ofCaller(call.account, call.source, this.#context.clock.now);
    this.#index(call);
    const same =
      call.uniqueid === uniqueid &&
      call.source === source &&
      call.account === account &&
      call.registration === registration &&
      call.callId === callId &&
      call.userAgent === userAgent &&
      call.proof === proof;
    if (same) return;
    this.#context.emit(told(this.#context, 'call.updated', call, s.feed, s.seenAt));
  }

  #index(call: Call): void {
    if (call.callId !== null) this.#byCallId.set(call.callId, call);
    if (call.uniqueid !== null) this.#byUniqueid.set(call.uniqueid, call);
  }

  /** AMI tells the Call-ID of a channel after its start, by the guard's channel variable. */
  nameCallId(call: Call, callId: string, hop: FirstHop | undefined, seenAt: Millis): void {
    if (call.callId === callId) return;
    const twin = this.#byCallId.get(callId);
    if (twin !== undefined && twin !== call) {
      // told apart already, joining them now would tell neither right; but who hangs one up means both
      const alike = this.#alike.get(callId) ?? [];
      if (alike.length < ALIKE && !alike.includes(call)) this.#alike.set(callId, [...alike, call]);
      return;
    }
    this.#add(call, { ...call, ...(call.source === null ? hop : {}), feed: 'ami', seenAt, callId });
  }

  /** The caller has shown that he is where his packets say. */
  proved(call: Call, proof: SourceProof, seenAt: Millis): void {
    if (call.ended || betterProof(call.proof, proof) === call.proof) return;
    call.proof = proof;
    this.#context.emit(told(this.#context, 'call.updated', call, 'sip', seenAt));
  }

  answer(call: Call, feed: Feed, seenAt: Millis): void {
    if (call.answered || call.ended) return;
    call.answered = true;
    call.answeredAt = this.#context.clock.now;
    if (this.#running.size < MAX_RUNNING) this.#running.set(call.call, this.#context.clock.now);
    this.#context.emit(told(this.#context, 'call.answered', call, feed, seenAt));
  }

  end(call: Call, status: number, feed: Feed, seenAt: Millis, lostSince: Millis | null = null): void {
    if (call.ended) return;
    call.ended = true;
    this.#running.delete(call.call);
    this.#context.emit(Object.assign(told(this.#context, 'call.ended', call, feed, seenAt), { status, lostSince }));
  }

  /** Its record was written, which tells of the end by itself. */
  recorded(call: Call): void {
    call.ended = true;
    this.#running.delete(call.call);
  }

  /** A request within the dialog: the call is up. */
  alive(callId: string): void {
    const key = this.#byCallId.peek(callId)?.call;
    if (key === undefined || !this.#running.delete(key)) return;
    this.#running.set(key, this.#context.clock.now);
  }

  /**
   * Mirrored SIP alone may lose the BYE. A call of which nothing is heard for so long is given up, unless the PBX itself
   * tells of its channel: then it tells of the end too.
   */
  giveUpSilent(silence: Millis): void {
    const { now } = this.#context.clock;
    for (const [key, since] of this.#running) {
      if (now - since < silence) return;
      this.#running.delete(key);
      const call = this.#byKey.peek(key);
      if (call === undefined || call.ended) continue;
      if (call.uniqueid === null) this.end(call, 0, 'clock', now, since);
      else this.#running.set(key, now);
    }
  }

  /** The PBX has told all its channels: calls of other channels have ended while nobody could tell. */
  keepOnly(uniqueids: ReadonlySet<string>): void {
    const { now } = this.#context.clock;
    for (const [key, since] of [...this.#running]) {
      const call = this.#byKey.peek(key);
      if (call === undefined || call.uniqueid === null || now - call.startedAt < JUST_BEGUN) continue;
      if (!uniqueids.has(call.uniqueid)) this.end(call, 0, 'ami', now, since);
    }
  }

  /**
   * Channels of the caller of a call, named by our key of it, its uniqueid or its Call-ID: what is hung up to end it. Several
   * where one Call-ID served for several. Ended ones are told too: the PBX may know better than we. [] while none is known.
   */
  legsOf(target: string): CallerLeg[] {
    const call = this.#byKey.peek(target) ?? this.#byUniqueid.peek(target) ?? this.#byCallId.peek(target);
    const all = call === undefined ? [] : [call];
    for (const other of this.#alike.peek(call?.callId ?? target) ?? []) if (other !== call) all.push(other);
    return all.flatMap(({ uniqueid, dialled, account }) =>
      uniqueid === null ? [] : [{ uniqueid, dialled: dialled === '' ? null : dialled, account }],
    );
  }

  /** A call is sent on to this number. */
  sentOn(number: string): void {
    this.#onward.set(numberTail(number), this.#context.clock.now);
  }

  /** The PBX's own INVITE towards a trunk: is it the second leg of a call that we know? */
  isSecondLeg(dialled: string, at: Millis): boolean {
    const tail = numberTail(dialled);
    if (Math.abs(at - (this.#onward.get(tail) ?? -Infinity)) <= SAME_CALL) return true;
    return this.#byNumber.get(tail)?.some((call) => Math.abs(at - call.startedAt) <= SAME_CALL) ?? false;
  }

  /** The call that a record describes: by uniqueid or linkedid, else by account, number and start. */
  ofRecord(
    uniqueid: string,
    linkedid: string,
    account: string | null,
    dialled: string,
    start: Millis,
  ): Call | undefined {
    const named = (uniqueid === '' ? undefined : this.#byUniqueid.get(uniqueid)) ?? this.#byUniqueid.get(linkedid);
    if (named !== undefined) return named;
    let best: Call | undefined;
    for (const call of this.#byNumber.get(numberTail(dialled)) ?? []) {
      const off = Math.abs(start - call.startedAt);
      if (off > SAME_CALL || call.recorded || call.uniqueid !== null) continue;
      if (call.account !== null && account !== null && call.account !== account) continue;
      if (best === undefined || off < Math.abs(start - best.startedAt)) best = call;
    }
    if (best !== undefined && uniqueid !== '') {
      best.uniqueid = uniqueid;
      this.#byUniqueid.set(uniqueid, best);
    }
    return best;
  }

  snapshot(): unknown {
    return this.#byKey.snapshot((call) => call);
  }

  restore(snapshot: unknown): void {
    this.#running.clear();
    for (const map of [this.#byKey, this.#byCallId, this.#byUniqueid, this.#byNumber, this.#alike, this.#onward])
      map.clear();
    for (const [key, stored] of snapshot as [string, Call][]) {
      const call = { ...stored };
      this.#byKey.set(key, call);
      this.#index(call);
      if (call.answered && !call.ended && this.#running.size < MAX_RUNNING)
        this.#running.set(key, this.#context.clock.now);
      const tail = numberTail(call.dialled);
      this.#byNumber.set(tail, [call, ...(this.#byNumber.peek(tail) ?? [])].slice(0, SAME_NUMBER));
    }
  }
}

/**
 * What is told of a call. Field by field: to spread a stamp and the call's facts into an event measured fifty times dearer, and
 * there are two or three of these a call.
 */
export function told<K extends EventKind, F extends Feed>(
  context: Context,
  kind: K,
  call: Call,
  feed: F,
  seenAt: Millis,
): { readonly kind: K; readonly at: Millis; readonly seenAt: Millis; readonly feed: F } & CallFacts {
  return {
    kind,
    at: context.clock.now,
    seenAt,
    feed,
    call: call.call,
    account: call.account,
    trunk: call.trunk,
    from: call.from,
    dialled: call.dialled,
    callId: call.callId,
    uniqueid: call.uniqueid,
    linkedid: call.linkedid,
    channel: call.channel,
    source: call.source,
    sourcePort: call.sourcePort,
    transport: call.transport,
    userAgent: call.userAgent,
    authenticated: call.authenticated,
    proof: call.proof,
    registration: call.registration,
    startedAt: call.startedAt,
    answeredAt: call.answeredAt,
  };
}
