import type { Event } from '../model.ts';
import type { DialledNumber, Site } from '../site/site.ts';
import { SECOND } from '../time.ts';
import { BoundedMap, type Packed } from '../windows.ts';
import { callerOf } from './callers.ts';

/** What an event adds, each call once whatever feeds tell of it. */
export interface Counted {
  /** an account of ours placed a call to the outside */
  readonly placed: { readonly account: string; readonly number: DialledNumber } | null;
  /** so much talk of such a call has become known */
  readonly talked: { readonly account: string; readonly number: DialledNumber; readonly seconds: number } | null;
  /** a call came in by a trunk */
  readonly inbound: boolean;
}

const NOTHING: Counted = { placed: null, talked: null, inbound: false };
const INBOUND: Counted = { placed: null, talked: null, inbound: true };

/** A live call that is up. */
interface Open {
  /** null: nobody knows yet whose it is */
  account: string | null;
  dialled: string;
}

const OPEN = 20_000;
/** records of one call stand near to each other in the file */
const RECORDS = 2_000;

/** Which events are a call of whom, one count for all who ask. Calls between extensions, to emergency numbers and to services are not counted. */
export class CallCount {
  readonly #site: Site;
  readonly #open = new BoundedMap<Open>(OPEN);
  /** call of a record without a live call -> seconds of talk that were told */
  readonly #records = new BoundedMap<number>(RECORDS);
  /** of one event several ask in turn */
  #event: Event | null = null;
  #counted = NOTHING;

  constructor(site: Site) {
    this.#site = site;
  }

  get size(): number {
    return this.#open.size + this.#records.size;
  }

  take(event: Event): Counted {
    if (event !== this.#event) {
      this.#counted = this.#count(event);
      this.#event = event;
    }
    return this.#counted;
  }

  #count(event: Event): Counted {
    switch (event.kind) {
      case 'call.started':
        if (event.trunk !== null) return INBOUND;
        return this.#place(event.call, { account: null, dialled: event.dialled }, callerOf(event));
      case 'call.updated':
      case 'call.answered': {
        const open = this.#open.peek(event.call);
        return open?.account === null ? this.#place(event.call, open, callerOf(event)) : NOTHING;
      }
      case 'call.ended': {
        const open = this.#open.peek(event.call);
        if (open === undefined) return NOTHING;
        this.#open.delete(event.call);
        const talk = event.answeredAt === null ? 0 : (event.lostSince ?? event.at) - event.answeredAt;
        if (open.account === null || talk <= 0) return NOTHING;
        const number = this.#site.number(open.dialled);
        return { placed: null, talked: { account: open.account, number, seconds: talk / SECOND }, inbound: false };
      }
      case 'cdr':
        return event.live ? NOTHING : this.#record(event);
      default:
        return NOTHING;
    }
  }

  #place(call: string, open: Open, account: string | null): Counted {
    if (account !== null && this.#site.networks.isTrunk(account)) return NOTHING;
    const number = this.#site.number(open.dialled);
    if (!isOutside(number)) return NOTHING;
    open.account = account;
    this.#open.set(call, open);
    return account === null ? NOTHING : { placed: { account, number }, talked: null, inbound: false };
  }

  #record({ call, account, trunk, record }: Event & { readonly kind: 'cdr' }): Counted {
    if (trunk !== null) {
      const first = this.#records.peek(call) === undefined;
      this.#records.set(call, 0);
      return first ? INBOUND : NOTHING;
    }
    if (account === null || this.#site.networks.isTrunk(account)) return NOTHING;
    const number = this.#site.number(record.dst);
    if (!isOutside(number)) return NOTHING;
    const before = this.#records.peek(call);
    const seconds = record.billsec - (before ?? 0);
    this.#records.set(call, Math.max(before ?? 0, record.billsec));
    return {
      placed: before === undefined ? { account, number } : null,
      talked: seconds > 0 ? { account, number, seconds } : null,
      inbound: false,
    };
  }

  snapshot(): unknown {
    return { open: this.#open.snapshot((o) => ({ ...o })), records: this.#records.snapshot((n) => n) };
  }

  restore(snapshot: unknown): void {
    const s = snapshot as { open: Packed<Open>[]; records: Packed<number>[] };
    this.#open.restore(s.open, (o) => ({ ...o }));
    this.#records.restore(s.records, (n) => n);
    this.#event = null;
  }
}

const isOutside = ({ kind }: DialledNumber): boolean =>
  kind !== 'extension' && kind !== 'emergency' && kind !== 'service' && kind !== 'invalid';
