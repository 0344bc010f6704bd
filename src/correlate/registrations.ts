import type { Binding, CallerRegistration, Feed, Millis, SourceProof, Transport } from '../model.ts';
import { BoundedMap } from '../windows.ts';
import { Addresses } from './addresses.ts';
import { stamp, type Context } from './context.ts';

/** Addresses-of-record held; an attacker can add one only by an accepted REGISTER. */
const MAX_AORS = 65_536;
/** Bindings held per AOR, youngest first; Kamailio's and Asterisk's own limits are far lower in practice. */
const MAX_BINDINGS = 16;
const TOLD_OTHERS = 8;
const MAX_REMOVED = 4_096;
/** The same acceptance told by the other feed arrives within this. */
const SAME_REGISTER = 2_000;

/** One Contact of a REGISTER or of its answer. `expires` in seconds; null: not said. */
export interface ContactValue {
  readonly uri: string;
  readonly expires: number | null;
  readonly instance: string;
}

/** An accepted REGISTER as a feed tells it. */
export interface Acceptance {
  readonly feed: Feed;
  readonly seenAt: Millis;
  readonly aor: string;
  readonly account: string | null;
  readonly source: string | null;
  readonly sourcePort: number;
  readonly transport: Transport;
  readonly userAgent: string;
  readonly callId: string;
  readonly authUser: string | null;
  readonly proof: SourceProof;
  /** what was asked for; '*' removes everything */
  readonly requested: readonly ContactValue[] | '*';
  /** what the registrar lists now; null: the feed does not tell */
  readonly listed: readonly ContactValue[] | null;
  /** expiry for contacts without their own, seconds */
  readonly expires: number;
}

/** A binding and the key by which the registrar lists it, which is not its Contact where the registrar rewrites contacts. */
interface Held {
  binding: Binding;
  listedAs: string;
  feed: Feed;
}

/**
 * A Contact URI reduced to what tells bindings apart: user, host and port (RFC 3261 section 19.1.4 compares more, but
 * registrars add and drop parameters of their own).
 */
export function contactKey(uri: string): string {
  const colon = uri.indexOf(':');
  const scheme = colon > 0 && colon < 5 ? colon + 1 : 0;
  let end = uri.length;
  for (const stop of [';', '?', '>']) {
    const at = uri.indexOf(stop, scheme);
    if (at >= 0 && at < end) end = at;
  }
  const core = uri.slice(scheme, end);
  const userEnd = core.lastIndexOf('@');
  const host = core.slice(userEnd + 1).toLowerCase();
  return `${core.slice(0, userEnd + 1)}${host.endsWith(':5060') ? host.slice(0, -5) : host}`;
}

const isContact = (held: Held, key: string): boolean =>
  contactKey(held.binding.contact) === key || held.listedAs === key;

/** HEP and AMI both tell an acceptance; the second within a moment is the first again. */
const isToldByOther = (previous: Held, binding: Binding, feed: Feed): boolean =>
  previous.feed !== feed &&
  binding.lastRefresh - previous.binding.lastRefresh <= SAME_REGISTER &&
  previous.binding.source === binding.source;

/** A binding that only the registrar's list tells of: it was made before we watched, from we do not know where. */
const listedOnly = (contact: ContactValue, key: string, a: Acceptance, at: Millis): Held => ({
  binding: {
    contact: contact.uri,
    source: null,
    sourcePort: 0,
    transport: a.transport,
    userAgent: '',
    instance: contact.instance,
    callId: '',
    since: at,
    lastRefresh: at,
    expiresAt: at + (contact.expires ?? a.expires) * 1000,
  },
  listedAs: key,
  feed: a.feed,
});

/** Who is registered from where: bindings per address-of-record, from REGISTERs that were accepted. */
export class Registrations {
  readonly #context: Context;
  readonly #byAor = new BoundedMap<Held[]>(MAX_AORS);
  /** AOR -> what the registrar dropped lately */
  readonly #removed = new BoundedMap<{ held: readonly Held[]; at: Millis }>(MAX_REMOVED);
  /** account that neither settings nor PBX have told -> the AOR under which its bindings stand */
  readonly #aorOf = new BoundedMap<string>(MAX_AORS);
  /** who registers from where, for callers that are no known account and for addresses that several share */
  readonly #addresses = new Addresses();

  constructor(context: Context) {
    this.#context = context;
  }

  get size(): number {
    return this.#byAor.size + this.#addresses.size;
  }

  /** Bindings of a known account whatever its AOR is spelt like; else the AOR stands for itself. */
  #key(aor: string, account: string | null): string {
    if (account === null) return aor;
    if (this.#context.site.accounts.mapped(account)) return account;
    this.#aorOf.set(account, aor);
    return aor;
  }

  #keyOf(account: string): string {
    return this.#context.site.accounts.mapped(account) ? account : (this.#aorOf.peek(account) ?? account);
  }

  #live(key: string, at: Millis): Held[] {
    const held = this.#byAor.get(key);
    return held === undefined ? [] : held.filter((h) => h.binding.expiresAt > at);
  }

  /** Who is registered now: account (or AOR, where it is none of a known account) and its live bindings. */
  *all(): IterableIterator<readonly [name: string, bindings: readonly Binding[]]> {
    const at = this.#context.clock.now;
    for (const [key, held] of this.#byAor.entries()) {
      const live = held.flatMap(({ binding }) => (binding.expiresAt > at ? [binding] : []));
      if (live.length > 0) yield [key, live];
    }
  }

  /** Is this contact among the AOR's live bindings? */
  knows(aor: string, account: string | null, uri: string): boolean {
    const own = contactKey(uri);
    return this.#live(this.#key(aor, account), this.#context.clock.now).some((h) => isContact(h, own));
  }

  /** Takes an accepted REGISTER in and tells what it changed. */
  accept(a: Acceptance): void {
    const at = this.#context.clock.now;
    const key = this.#key(a.aor, a.account);
    const before = this.#live(key, at);
    if (a.requested === '*') {
      this.#remove(a, key, before, []);
      return;
    }
    const listed = a.listed?.map((c) => ({ ...c, key: contactKey(c.uri) })) ?? null;
    const gone = new Set<Held>();
    const kept = new Set<Held>();
    const added: { held: Held; previous: Held | null; told: boolean }[] = [];
    for (const contact of a.requested) {
      const own = contactKey(contact.uri);
      const listing = this.#listing(listed, own, a);
      const previous = before.find((h) => isContact(h, own) || h.listedAs === listing?.key) ?? null;
      const expires = listing?.expires ?? contact.expires ?? a.expires;
      if ((contact.expires ?? a.expires) === 0 || expires <= 0) {
        if (previous !== null) gone.add(previous);
        continue;
      }
      const sameInstance =
        previous ??
        (contact.instance === '' ? null : (before.find((h) => h.binding.instance === contact.instance) ?? null));
      const binding: Binding = {
        contact: contact.uri,
        source: a.source,
        sourcePort: a.sourcePort,
        transport: a.transport,
        userAgent: a.userAgent,
        instance: contact.instance,
        callId: a.callId,
        since: sameInstance?.binding.since ?? at,
        lastRefresh: at,
        expiresAt: at + expires * 1000,
      };
      const told = previous !== null && isToldByOther(previous, binding, a.feed);
      // of two tellings the mirrored SIP knows more: user agent, instance, expiry
      const held: Held = told && a.feed === 'ami' ? previous : { binding, listedAs: listing?.key ?? own, feed: a.feed };
      added.push({ held, previous: sameInstance, told });
      if (previous !== null) kept.add(previous);
    }
    const unlisted =
      listed === null || listed.length === 0
        ? []
        : before.filter((h) => !kept.has(h) && !gone.has(h) && !listed.some((l) => l.key === h.listedAs));
    const displaced = [...unlisted, ...this.#justRemoved(key, at, added)];
    const stay = before.filter((h) => !kept.has(h) && !gone.has(h) && !displaced.includes(h));
    for (const l of listed ?? []) {
      const known = added.some((x) => x.held.listedAs === l.key) || stay.some((h) => h.listedAs === l.key);
      if (!known && (l.expires ?? a.expires) > 0) stay.push(listedOnly(l, l.key, a, at));
    }
    this.#byAor.set(key, [...added.map((x) => x.held), ...stay].slice(0, MAX_BINDINGS));
    for (const { held, previous, told } of added) {
      this.#seenAt(a.source, a.account ?? a.aor, held.binding.expiresAt, at);
      if (told) continue;
      this.#context.emit({
        kind: 'register.accepted',
        at,
        seenAt: a.seenAt,
        feed: a.feed,
        account: a.account,
        aor: a.aor,
        binding: held.binding,
        previous: previous?.binding ?? null,
        others: stay
          .filter((h) => h !== previous)
          .slice(0, TOLD_OTHERS)
          .map((h) => h.binding),
        displaced: displaced.filter((h) => h !== previous).map((h) => h.binding),
        authUser: a.authUser,
        proof: a.proof,
        historyKnown: this.#context.historyKnown(at),
      });
    }
    if (gone.size > 0) this.#tellRemoved(a, [...gone]);
  }

  /** Does the registrar's list name this contact, maybe rewritten to the packet's source (rewrite_contact, NAT helpers)? */
  #listing<T extends { key: string }>(listed: readonly T[] | null, own: string, a: Acceptance): T | undefined {
    if (listed === null) return undefined;
    const exact = listed.find((l) => l.key === own);
    if (exact !== undefined) return exact;
    const rewritten = `${a.source ?? ''}:${a.sourcePort}`;
    const seen = listed.find((l) => l.key.endsWith(`@${rewritten}`) || l.key === rewritten);
    return seen ?? (listed.length === 1 && a.requested.length === 1 ? listed[0] : undefined);
  }

  /** What the registrar dropped for this REGISTER: AMI may tell that before the answer is mirrored. */
  #justRemoved(key: string, at: Millis, added: readonly { held: Held }[]): Held[] {
    const removed = this.#removed.peek(key);
    if (removed === undefined || added.length === 0 || at - removed.at > SAME_REGISTER) return [];
    return removed.held.filter((h) => !added.some((x) => isContact(h, contactKey(x.held.binding.contact))));
  }

  #remove(a: Acceptance, key: string, gone: readonly Held[], stay: Held[]): void {
    this.#byAor.set(key, stay);
    if (gone.length > 0) this.#tellRemoved(a, gone);
  }

  #tellRemoved(a: Acceptance, gone: readonly Held[]): void {
    this.#context.emit({
      kind: 'register.removed',
      ...stamp(this.#context, a.feed, a.seenAt),
      account: a.account,
      aor: a.aor,
      removed: gone.map((h) => h.binding),
      source: a.source,
      sourcePort: a.sourcePort,
    });
  }

  /** The registrar itself says that a contact went (AMI ContactStatus Removed). */
  removedByRegistrar(aor: string, account: string | null, uri: string, seenAt: Millis): void {
    const key = this.#key(aor, account);
    const before = this.#live(key, this.#context.clock.now);
    const own = contactKey(uri);
    const gone = before.filter((h) => isContact(h, own));
    if (gone.length === 0) return;
    this.#removed.set(key, { held: gone, at: this.#context.clock.now });
    this.#byAor.set(
      key,
      before.filter((h) => !gone.includes(h)),
    );
    this.#context.emit({
      kind: 'register.removed',
      ...stamp(this.#context, 'ami', seenAt),
      account,
      aor,
      removed: gone.map((h) => h.binding),
      source: null,
      sourcePort: 0,
    });
  }

  /** Start-up state read from the registrar: bindings whose source is not known are kept as such. Nothing is told. */
  seed(aor: string, account: string | null, binding: Binding): void {
    const key = this.#key(aor, account);
    const before = this.#live(key, this.#context.clock.now);
    const own = contactKey(binding.contact);
    if (before.some((h) => isContact(h, own))) return;
    this.#byAor.set(key, [...before, { binding, listedAs: own, feed: 'ami' as const }].slice(0, MAX_BINDINGS));
    if (binding.source !== null)
      this.#addresses.registered(binding.source, account ?? aor, 0, binding.expiresAt, this.#context.clock.now);
  }

  /**
   * AMI tells a refresh only as a success of authentication. Where the account has one binding and its source is not
   * known yet, this is it; where a binding has this source, it is alive.
   */
  refreshed(account: string, source: string, sourcePort: number, transport: Transport): void {
    const at = this.#context.clock.now;
    const held = this.#live(this.#keyOf(account), at);
    const match = held.find((h) => h.binding.source === source) ?? (held.length === 1 ? held[0] : undefined);
    if (match === undefined || (match.binding.source !== null && match.binding.source !== source)) return;
    match.binding = { ...match.binding, source, sourcePort, transport, lastRefresh: at };
    this.#seenAt(source, account, match.binding.expiresAt, at);
  }

  /** While what was before is not known, nobody is called new. */
  #seenAt(source: string | null, account: string, until: Millis, at: Millis): void {
    if (source === null) return;
    this.#addresses.registered(source, account, this.#context.historyKnown(at) ? at : 0, until, at);
  }

  /** Distinct accounts that live at an address: see Addresses.settled. */
  livingAt(address: string): number {
    return this.#addresses.settled(address, this.#context.clock.now);
  }

  /** Is a caller's address one that the account is registered from? */
  ofCaller(account: string | null, source: string | null, at: Millis): CallerRegistration {
    if (source === null) return 'unknown';
    if (account === null) {
      if (this.#addresses.isRegistered(source, at)) return 'this-source';
      return this.#context.historyKnown(at) ? 'none' : 'unknown';
    }
    const live = this.#live(this.#keyOf(account), at);
    if (live.some((h) => h.binding.source === source)) return 'this-source';
    if (live.some((h) => h.binding.source === null)) return 'unknown';
    if (live.length > 0) return 'other-source';
    return this.#context.historyKnown(at) ? 'none' : 'unknown';
  }

  snapshot(): unknown {
    return {
      aors: this.#byAor.snapshot((held) => held),
      addresses: this.#addresses.snapshot(),
      accounts: this.#aorOf.snapshot((aor) => aor),
    };
  }

  restore(snapshot: unknown): void {
    const s = snapshot as { aors: [string, Held[]][]; addresses: unknown; accounts: [string, string][] };
    this.#byAor.restore(s.aors, (held) => held.map((h) => ({ ...h })));
    this.#addresses.restore(s.addresses);
    this.#aorOf.restore(s.accounts, (aor) => aor);
  }
}
