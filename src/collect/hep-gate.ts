import { timingSafeEqual } from 'node:crypto';
import { canonicalAddress, CidrSet } from '../address.ts';
import type { Counters } from '../counters.ts';
import type { Log } from '../log.ts';
import type { Millis } from '../model.ts';
import type { Parsed } from '../parsed.ts';
import { BoundedMap } from '../windows.ts';
import type { HepPacket } from '../wire/hep.ts';

export type HepTransport = 'udp' | 'tcp' | 'tls';

/** Something that an allowed capture agent sent and that was not taken. */
export interface HepRefusal {
  readonly at: Millis;
  readonly transport: HepTransport;
  /** the capture agent, canonical address text */
  readonly source: string;
  readonly reason: string;
}

/** Packets that reached this machine and were lost before they reached us. */
export interface FeedLoss {
  readonly at: Millis;
  /** as in the settings, with the port really bound: `udp:127.0.0.1:9060` */
  readonly listener: string;
  /** datagrams lost since the last report */
  readonly lost: number;
}

/** Called synchronously, in the socket's own callback. */
export interface HepHandlers {
  packet(packet: HepPacket, arrival: Millis): void;
  refused(refusal: HepRefusal): void;
  lost?(loss: FeedLoss): void;
}

const KEY_BYTES = 256;
const VERDICTS = 1024;
const LOG_EVERY: Millis = 60_000;

/** Who may feed us, and with which key. One gate serves all listeners. */
export class HepGate {
  lastPacketAt: Millis | null = null;
  readonly #allow: CidrSet;
  readonly #password: Buffer | null;
  readonly #passwordLength: number;
  readonly #scratch = Buffer.alloc(KEY_BYTES);
  readonly #verdicts = new BoundedMap<boolean>(VERDICTS);
  readonly #told = new BoundedMap<Millis>(VERDICTS);
  readonly #handlers: HepHandlers;
  readonly #counters: Counters;
  readonly #log: Log;
  /** the agent of the last datagram: there is mostly one, and comparing is cheaper than looking up */
  #last = '';
  #lastAllowed = false;

  /** @throws RangeError for a password that no packet could carry within 256 bytes */
  constructor(allow: readonly string[], password: string | null, handlers: HepHandlers, counters: Counters, log: Log) {
    this.#allow = new CidrSet(allow);
    this.#handlers = handlers;
    this.#counters = counters;
    this.#log = log;
    this.#password = password === null ? null : Buffer.alloc(KEY_BYTES);
    this.#passwordLength = password === null ? 0 : Buffer.byteLength(password);
    if (this.#passwordLength > KEY_BYTES) throw new RangeError(`a HEP password has ${KEY_BYTES} bytes at the most`);
    if (password !== null) this.#password?.write(password);
  }

  /** May this address feed us? What may not is counted; nothing else is done for it. */
  admits(address: string, transport: HepTransport): boolean {
    if (address !== this.#last) {
      this.#last = address;
      this.#lastAllowed = this.#isAllowed(address);
    }
    if (this.#lastAllowed) return true;
    this.#counters.add('hep.refused.source');
    this.#warn(`source ${address}`, `HEP from ${address} over ${transport} dropped: it is not in hep.allow`);
    return false;
  }

  #isAllowed(address: string): boolean {
    const known = this.#verdicts.get(address);
    if (known !== undefined) return known;
    const allowed = this.#allow.has(canonicalAddress(address) ?? address);
    this.#verdicts.set(address, allowed);
    return allowed;
  }

  /** Hands on one decoded packet of an admitted agent, or its refusal. false: it was not taken. */
  take(decoded: Parsed<HepPacket>, source: string, transport: HepTransport, arrival: Millis): boolean {
    if (!decoded.ok) {
      this.#counters.add('hep.refused.malformed');
      this.refuse(source, transport, decoded.reason, arrival);
      return false;
    }
    if (this.#password !== null && !this.#isKey(decoded.value.authKey)) {
      this.#counters.add('hep.refused.key');
      const reason = decoded.value.authKey === null ? 'no key' : 'wrong key';
      this.#warn(
        `key ${source}`,
        `HEP from ${source} dropped: ${reason}; compare the agent's password with hep.password_file`,
      );
      this.refuse(source, transport, reason, arrival);
      return false;
    }
    this.#counters.add(COUNTED[transport]);
    this.lastPacketAt = arrival;
    this.#handlers.packet(decoded.value, arrival);
    return true;
  }

  refuse(source: string, transport: HepTransport, reason: string, at: Millis): void {
    this.#handlers.refused({ at, transport, source: canonicalAddress(source) ?? source, reason });
  }

  lost(loss: FeedLoss): void {
    this.#counters.add('hep.lost.kernel', loss.lost);
    this.#handlers.lost?.(loss);
  }

  /** Compares in time that depends on neither key: both fill a buffer of one size. */
  #isKey(key: string | null): boolean {
    if (this.#password === null) return true;
    this.#scratch.fill(0);
    const written = this.#scratch.write(key ?? '');
    const same = timingSafeEqual(this.#scratch, this.#password);
    return same && key !== null && written === this.#passwordLength && Buffer.byteLength(key) === written;
  }

  #warn(topic: string, message: string): void {
    const now = Date.now();
    if (now - (this.#told.get(topic) ?? -LOG_EVERY) < LOG_EVERY) return;
    this.#told.set(topic, now);
    this.#log.warn(message);
  }
}

const COUNTED = { udp: 'hep.packets.udp', tcp: 'hep.packets.tcp', tls: 'hep.packets.tls' } as const;
