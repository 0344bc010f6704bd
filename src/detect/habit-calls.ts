import type { Event, Millis } from '../model.ts';
import type { DialledNumber, Site } from '../site/site.ts';
import { SECOND } from '../time.ts';
import { BoundedMap, type Packed } from '../windows.ts';
import { callerOf } from './callers.ts';

/** What is to be counted, each call once whatever feeds tell of it. */
export interface CallSink {
  /** an account of ours placed a call to the outside */
  placed(account: string, number: DialledNumber, at: Millis): void;
  /** so much talk of such a call has become known */
  talked(account: string, number: DialledNumber, seconds: number, at: Millis): void;
  /** a call came in by a trunk */
  inbound(at: Millis): void;
}

/** A live call that is up. */
interface Open {
  /** null: nobody knows yet whose it is */
  account: string | null;
  dialled: string;
}

const OPEN = 20_000;
/** records of one call stand near to each other in the file */
const RECORDS = 2_000;

/** Which events are a call of whom. Calls between extensions, to emergency numbers and to services are not counted. */
export class CallCount {
  readonly #site: Site;
  readonly #sink: CallSink;
  readonly #open = new BoundedMap<Open>(OPEN);
  /** call of a record without a live call -> seconds of talk that were told */
  readonly #records = new BoundedMap<number>(RECORDS);

  constructor(site: Site, sink: CallSink) {
    this.#site = site;
    this.#sink = sink;
  }

  get size(): number {
    return this.#open.size + this.#records.size;
  }

  take(event: Event): void {
    switch (event.kind) {
      case 'call.started':
        if (event.trunk !== null) this.#sink.inbound(event.at);
        else this.#place(event.call, { account: null, dialled: event.dialled }, callerOf(event), event.at);
        return;
      case 'call.updated':
      case 'call.answered': {
        const open = this.#open.peek(event.call);
        if (open?.account === null) this.#place(event.call, open, callerOf(event), event.at);
        return;
      }
      case 'call.ended': {
        const open = this.#open.peek(event.call);
        if (open === undefined) return;
        this.#open.delete(event.call);
        const talk = event.answeredAt === null ? 0 : (event.lostSince ?? event.at) - event.answeredAt;
        if (open.account !== null && talk > 0)
          this.#sink.talked(open.account, this.#site.number(open.dialled), talk / SECOND, event.at);
        return;
      }
      case 'cdr':
        if (!event.live) this.#record(event);
        return;
      default:
        return;
    }
  }

  #place(call: string, open: Open, account: string | null, at: Millis): void {
    if (account !== null && this.#site.networks.isTrunk(account)) return;
    const number = this.#site.number(open.dialled);
    if (!isOutside(number)) return;
    open.account = account;
    this.#open.set(call, open);
    if (account !== null) this.#sink.placed(account, number, at);
  }

  #record({ call, account, trunk, record, at }: Event & { readonly kind: 'cdr' }): void {
    const before = this.#records.peek(call);
    if (trunk !== null) {
      if (before === undefined) this.#sink.inbound(at);
      this.#records.set(call, 0);
      return;
    }
    if (account === null || this.#site.networks.isTrunk(account)) return;
    const number = this.#site.number(record.dst);
    if (!isOutside(number)) return;
    if (before === undefined) this.#sink.placed(account, number, at);
    if (record.billsec > (before ?? 0)) this.#sink.talked(account, number, record.billsec - (before ?? 0), at);
    this.#records.set(call, Math.max(before ?? 0, record.billsec));
  }

  snapshot(): unknown {
    return { open: this.#open.snapshot((o) => ({ ...o })), records: this.#records.snapshot((n) => n) };
  }

  restore(snapshot: unknown): void {
    const s = snapshot as { open: Packed<Open>[]; records: Packed<number>[] };
    this.#open.restore(s.open, (o) => ({ ...o }));
    this.#records.restore(s.records, (n) => n);
  }
}

const INSIDE = new Set(['extension', 'emergency', 'service', 'invalid']);
const isOutside = ({ kind }: DialledNumber): boolean => !INSIDE.has(kind);
