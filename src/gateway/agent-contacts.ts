import { createHmac } from 'node:crypto';
import type { Millis } from '../model.ts';
import { DAY, SECOND } from '../time.ts';
import { BoundedMap } from '../windows.ts';
import { parseUri } from '../wire/sip.ts';
import type { LocalPeer } from './agent-local.ts';
import { SECRET_MARK } from './secret-call.ts';

/** Where a name of ours leads: the phone's own URI, and the way to the phone. */
export interface Target {
  readonly uri: string;
  readonly peer: LocalPeer;
}

/** A registered target as it is kept over restarts: of TCP, the phone's address alone. */
export interface KeptContact {
  readonly token: string;
  readonly uri: string;
  readonly transport: 'udp' | 'tcp';
  readonly address: string;
  readonly port: number;
  /** address and port at which we heard it */
  readonly at: { readonly host: string; readonly port: number };
  readonly until: Millis;
}

/** Contacts that are not registered: of calls and subscriptions. */
const MOST_OF_DIALOGS = 20_000;
const MOST_REGISTERED = 5_000;
/** Nobody registers for longer. */
const LONGEST: Millis = 7 * DAY;
/** A contact outlives its registration by a little: the PBX's clock is another one. */
const GRACE: Millis = 60 * SECOND;

/**
 * Contacts of phones under names of our own, which say nothing: neither the phone's name nor its address goes out. A name is made of the
 * contact and a secret, so that a registration that is refreshed, also after a restart, is the same binding.
 */
export class AgentContacts {
  readonly #secret: Uint8Array;
  readonly #registered = new Map<string, Target & { until: Millis }>();
  readonly #ofDialogs = new BoundedMap<Target>(MOST_OF_DIALOGS);
  /** host part of our names: no address, so that it is nobody's on the way */
  readonly host: string;
  #changed = false;

  constructor(secret: Uint8Array, kept: readonly KeptContact[], now: Millis) {
    this.#secret = secret;
    this.host = `${this.#hmac('host').toString('hex').slice(0, 16)}.invalid`;
    for (const { token, uri, transport, address, port, at, until } of kept) {
      if (until <= now) continue;
      const place = { transport, ...at };
      this.#registered.set(token, { uri, peer: { transport, address, port, place, connection: null }, until });
    }
  }

  #hmac(...parts: readonly string[]): Buffer {
    return createHmac('sha256', this.#secret)
      .update(`agent\0${parts.join('\0')}`)
      .digest();
  }

  /** The name of a contact in a registration. @param expires seconds; 0 takes it back once it has been answered */
  register(uri: string, peer: LocalPeer, expires: number, now: Millis): string {
    const token = this.#token(uri, '');
    const until = now + Math.min(expires * SECOND, LONGEST) + GRACE;
    if (this.#registered.size >= MOST_REGISTERED) this.#forget(now);
    const known = this.#registered.get(token);
    this.#registered.set(token, { uri, peer: flowOf(uri, peer), until });
    this.#changed ||= known === undefined || expires > 0;
    return this.#uri(token);
  }

  /** Its name in a dialogue. @param dialog '' : the one that it has in registrations; else of this secret call alone */
  inDialog(uri: string, peer: LocalPeer, dialog: string): string {
    const token = this.#token(uri, dialog);
    this.#ofDialogs.set(token, { uri, peer: flowOf(uri, peer) });
    return dialog === '' ? this.#uri(token) : `${this.#uri(token)};${SECRET_MARK}`;
  }

  /** Whom a name of ours stands for; null: it is none, or nobody remembers. */
  target(uri: string): Target | null {
    const read = parseUri(uri);
    if (!read.ok || read.value.host !== this.host) return null;
    const { user } = read.value;
    return this.#ofDialogs.get(user) ?? this.#registered.get(user) ?? null;
  }

  /** Where to reach a program that has registered and that nothing else names: the last one that did. */
  lastRegistered(now: Millis): Target | null {
    const all = [...this.#registered.values()].filter(({ until }) => until > now);
    return all.at(-1) ?? null;
  }

  /** What is to be kept; null: nothing has changed since the last time. */
  toKeep(now: Millis): KeptContact[] | null {
    if (!this.#changed) return null;
    this.#changed = false;
    this.#forget(now);
    return [...this.#registered].map(([token, { uri, peer, until }]) => {
      const { transport, address, port, place } = peer;
      return { ...{ token, uri, transport, address, port, until }, at: { host: place.host, port: place.port } };
    });
  }

  #forget(now: Millis): void {
    for (const [token, { until }] of this.#registered) if (until <= now) this.#registered.delete(token);
  }

  #token(uri: string, dialog: string): string {
    return this.#hmac('contact', uri, dialog).toString('base64url').slice(0, 22);
  }

  #uri(token: string): string {
    return `sip:${token}@${this.host}`;
  }
}

/**
 * Whom a contact is reached at: at what it says itself where that is the address that it speaks from, else where it speaks from
 * (RFC 5626 section 5.3 asks for the latter; a phone may listen at another port than it sends from).
 */
function flowOf(uri: string, peer: LocalPeer): LocalPeer {
  const read = parseUri(uri);
  if (!read.ok || peer.transport !== 'udp' || read.value.host !== peer.address) return peer;
  return { ...peer, port: read.value.port === 0 ? 5060 : read.value.port };
}
