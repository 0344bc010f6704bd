import type { Binding, CallFacts, CallRecord, Event, Malformed, Millis } from '../model.ts';
import type { Site } from '../site/site.ts';
import type { AmiMessage } from '../wire/ami.ts';
import { MINUTE } from '../time.ts';
import { KEEP_ALIVE, parseSip } from '../wire/sip.ts';
import { Authentication } from './authentication.ts';
import { Calls, type CallerLeg } from './calls.ts';
import { EventClock } from './clock.ts';
import { REGISTRATION_PERIOD, stamp, type Context } from './context.ts';
import { ManagerEvents } from './manager-events.ts';
import { Records } from './records.ts';
import { Registrations } from './registrations.ts';
import { ReturnPaths } from './return-paths.ts';
import { Servers } from './servers.ts';
import { Signalling } from './signalling.ts';
import type { PacketPath } from './sip-facts.ts';
import type { StandingChannel, StandingContact } from './standing.ts';

export type { CallerLeg } from './calls.ts';
export type { PacketPath } from './sip-facts.ts';
export type { StandingChannel, StandingContact } from './standing.ts';

export interface CorrelatorOptions {
  /** true: `at` is arrival and what was before the start is unknown; false: a recording is the whole story */
  readonly live: boolean;
  /** so long a call may be silent in mirrored SIP before it is taken for ended; default 45 min, one and a half session timers (RFC 4028) */
  readonly silence?: Millis;
}

const SILENCE: Millis = 45 * MINUTE;

/**
 * Messages become registrations, calls and failures: facts, no opinion. Everything it emits is told once, whatever
 * feeds saw it and in whatever order; `at` never decreases.
 */
export class Correlator {
  readonly #clock: EventClock;
  readonly #servers: Servers;
  readonly #context: Context;
  readonly #registrations: Registrations;
  readonly #calls: Calls;
  readonly #authentication: Authentication;
  readonly #signalling: Signalling;
  readonly #manager: ManagerEvents;
  readonly #records: Records;
  #startedAt: Millis | null = null;
  readonly #silence: Millis;
  #seeded = false;

  constructor(site: Site, options: CorrelatorOptions, emit: (event: Event) => void) {
    this.#clock = new EventClock(options.live);
    this.#silence = options.silence ?? SILENCE;
    this.#servers = new Servers(site);
    this.#context = {
      site,
      clock: this.#clock,
      servers: this.#servers,
      returnPaths: new ReturnPaths(),
      emit,
      registrar: false,
      historyKnown: (at) =>
        this.#seeded ||
        (this.#context.registrar &&
          (!options.live || (this.#startedAt !== null && at - this.#startedAt >= REGISTRATION_PERIOD))),
    };
    this.#registrations = new Registrations(this.#context);
    this.#calls = new Calls(this.#context, this.#registrations);
    this.#authentication = new Authentication(this.#context);
    this.#signalling = new Signalling(this.#context, this.#registrations, this.#calls, this.#authentication);
    this.#manager = new ManagerEvents(this.#context, {
      registrations: this.#registrations,
      calls: this.#calls,
      authentication: this.#authentication,
      signalling: this.#signalling,
    });
    this.#signalling.onFirstSeen((callId) => this.#manager.sourceKnown(callId));
    this.#records = new Records(this.#context, this.#calls);
  }

  /** Event time reached so far. */
  get now(): Millis {
    return this.#clock.now;
  }

  #reach(seenAt: Millis, arrival: Millis): void {
    this.#clock.reach(seenAt, arrival);
    this.#startedAt ??= this.#clock.now;
  }

  /** One SIP datagram or stream message as it was mirrored or recorded. */
  sip(path: PacketPath, payload: Buffer, seenAt: Millis, arrival: Millis): void {
    this.#reach(seenAt, arrival);
    const parsed = parseSip(payload);
    if (parsed.ok) this.#signalling.message(path, parsed.value, seenAt);
    else if (parsed.reason !== KEEP_ALIVE && !isStun(payload))
      this.#malformed('sip', path.source, parsed.reason, seenAt);
  }

  /** Bytes that a decoder before us refused. */
  malformed(
    protocol: Malformed['protocol'],
    source: string | null,
    reason: string,
    seenAt: Millis,
    arrival: Millis,
  ): void {
    this.#reach(seenAt, arrival);
    this.#malformed(protocol, source, reason, seenAt);
  }

  #malformed(protocol: Malformed['protocol'], source: string | null, reason: string, seenAt: Millis): void {
    const feed = protocol === 'ami' || protocol === 'cdr' ? protocol : 'sip';
    this.#context.emit({ kind: 'malformed', ...stamp(this.#context, feed, seenAt), protocol, source, reason });
  }

  /** One AMI event; `seenAt` is its own Timestamp where it has one, else its arrival. */
  ami(event: AmiMessage, seenAt: Millis, arrival: Millis): void {
    this.#reach(seenAt, arrival);
    this.#manager.event(event, seenAt);
  }

  pbx(state: 'up' | 'restarted' | 'down', arrival: Millis): void {
    this.#reach(arrival, arrival);
    this.#manager.state(state, arrival);
  }

  cdr(record: CallRecord, arrival: Millis): void {
    this.#clock.reachRecord(record.end, arrival);
    this.#startedAt ??= this.#clock.now;
    this.#records.record(record, record.end);
  }

  /** Time passes; at least once a second live, and before every jump of a recording's clock. */
  tick(now: Millis): void {
    this.#reach(now, now);
    this.#signalling.tick();
    this.#manager.tick();
    this.#calls.giveUpSilent(this.#silence);
    this.#context.emit({ kind: 'tick', ...stamp(this.#context, 'clock', now) });
  }

  /** What stood when ringfence connected to the PBX: contacts are history, channels with a dialled number are calls. */
  seed(state: { contacts: readonly StandingContact[]; channels: readonly StandingChannel[] }, arrival: Millis): void {
    this.#reach(arrival, arrival);
    const { accounts } = this.#context.site;
    for (const c of state.contacts) {
      const account = accounts.resolve(c.endpoint);
      this.#registrations.seed(c.aor, account, bindingOf(c, arrival));
    }
    this.#seeded = true;
    this.#records.forgetOwners();
    this.#calls.keepOnly(new Set(state.channels.map((c) => c.uniqueid)));
    for (const c of state.channels) this.#manager.standing(c);
  }

  /** What is known of a call by ringfence's key of it; null: nothing, or no more. */
  call(key: string): CallFacts | null {
    return this.#calls.byKey(key) ?? null;
  }

  /** Calls that are up, the last to show life first; at most `limit`, and how many there are. */
  callsUp(limit: number): { readonly calls: readonly CallFacts[]; readonly all: number } {
    return this.#calls.up(limit);
  }

  /** Who is registered now, and by which bindings. */
  registered(): IterableIterator<readonly [name: string, bindings: readonly Binding[]]> {
    return this.#registrations.all();
  }

  /**
   * Channels by which the caller is in a call, for hanging up: `target` is ringfence's key of the call, a uniqueid or a Call-ID.
   * [] while the PBX has not told them, or when the call is forgotten.
   */
  legsOf(target: string): readonly CallerLeg[] {
    return this.#calls.legsOf(target);
  }

  /**
   * Distinct accounts that live at this address (IPv6: in its /64): registered from there for an hour at least, now or until
   * less than a day ago; those that stood there before anybody watched count too. Whoever blocks it hits them all.
   */
  registrationsFrom(address: string): number {
    return this.#registrations.livingAt(address);
  }

  /** Entries held over all parts, for the memory bound. */
  size(): number {
    return (
      this.#registrations.size +
      this.#context.returnPaths.size +
      this.#calls.size +
      this.#authentication.size +
      this.#signalling.size +
      this.#manager.size
    );
  }

  /** Registrations, calls and servers as plain JSON; requests that wait for their answer are not kept. */
  snapshot(): unknown {
    return {
      now: this.#clock.now,
      startedAt: this.#startedAt,
      registrar: this.#context.registrar,
      servers: this.#servers.snapshot(),
      registrations: this.#registrations.snapshot(),
      calls: this.#calls.snapshot(),
      dialogs: this.#signalling.snapshot(),
    };
  }

  restore(snapshot: unknown): void {
    const s = snapshot as {
      now: Millis;
      startedAt: Millis | null;
      registrar: boolean;
      servers: string[];
      registrations: unknown;
      calls: unknown;
      dialogs?: unknown;
    };
    this.#clock.restore(s.now);
    this.#startedAt = s.startedAt;
    this.#context.registrar = s.registrar;
    this.#servers.restore(s.servers);
    this.#registrations.restore(s.registrations);
    this.#calls.restore(s.calls);
    this.#signalling.restore(s.dialogs);
  }
}

const bindingOf = (c: StandingContact, now: Millis): Binding => ({
  contact: c.contact,
  source: c.source,
  sourcePort: c.sourcePort,
  transport: 'udp',
  userAgent: c.userAgent,
  instance: '',
  callId: c.callId,
  since: now,
  lastRefresh: now,
  expiresAt: c.expiresAt,
});

/** STUN beside SIP on one port (RFC 8489 section 5: two zero bits, magic cookie). */
const isStun = (payload: Buffer): boolean =>
  payload.length >= 20 && (payload[0] ?? 0xff) < 4 && payload.readUInt32BE(4) === 0x2112a442;
