import type { IpPacket } from './packet.ts';
import { WaitingLine } from './waiting-line.ts';
import type { Millis } from '../model.ts';
import { parsed, refused } from '../parsed.ts';
import type { Parsed } from '../parsed.ts';

/** RFC 8200 section 4.5 waits 60 s, RFC 1122 section 3.3.2 60 to 120 s. */
const WAIT: Millis = 60_000;
const DATAGRAMS_MAX = 4096;
const BYTES_MAX = 16 << 20;
const PAYLOAD_MAX = 65_535;
/** Fragments begin at multiples of 8 bytes, so bytes are accounted for in eights. */
const UNIT = 8;

interface Datagram {
  readonly key: string;
  /** null: whole, or given up */
  waitingSince: Millis | null;
  bytes: Buffer;
  /** 1 for each unit of `bytes` that is here */
  units: Uint8Array;
  received: number;
  /** -1: the last fragment has not come */
  total: number;
  /** its fragments contradict each other; the rest of them is dropped without another word */
  dead: boolean;
}

/**
 * Puts the fragments of IPv4 (RFC 791) and IPv6 (RFC 8200) packets together, in whatever order they come. Fragments
 * that overlap (other than an exact repetition) drop the packet, as RFC 5722 has it for IPv6: receivers differ in which
 * bytes they would keep, so nobody can say what was received. Holds 16 MiB and 4096 unfinished packets; the oldest goes
 * first.
 */
export class FragmentReassembly {
  readonly #datagrams = new Map<string, Datagram>();
  readonly #waiting = new WaitingLine<Datagram>((datagram, since) => datagram.waitingSince === since);
  readonly #onLost: (reason: string) => void;
  #bytes = 0;

  /** `onLost` is told of each packet that is given up unfinished. */
  constructor(onLost: (reason: string) => void) {
    this.#onLost = onLost;
  }

  get pendingBytes(): number {
    return this.#bytes;
  }

  /**
   * The whole packet if this fragment was the last that it lacked; null: not yet. Anything but a fragment is returned
   * as it is.
   */
  add(packet: IpPacket, at: Millis): Parsed<IpPacket> | null {
    this.#expire(at);
    const { fragment, payload } = packet;
    if (fragment === null) return parsed(packet);
    const end = fragment.offset + payload.length;
    if (packet.cut > 0) return refused('fragment was not captured whole');
    if (end > PAYLOAD_MAX) return refused('fragment goes beyond 65535 bytes');
    if (payload.length === 0 || (!fragment.last && payload.length % UNIT !== 0)) {
      return refused(`fragment of ${payload.length} bytes is not a multiple of 8`);
    }
    // before the packet is looked up, lest it be given up itself; it adds 64 KiB at the most
    while (this.#bytes > BYTES_MAX - 65_536) this.#giveUpOldest('too many bytes in unfinished packets');
    if (this.#datagrams.size >= DATAGRAMS_MAX) this.#giveUpOldest('too many unfinished packets');
    const key = `${packet.source} ${packet.destination} ${fragment.id} ${packet.protocol}`;
    const datagram = this.#datagrams.get(key) ?? this.#open(key, at);
    if (datagram.dead) return null;
    const conflict = this.#place(datagram, packet, end);
    if (conflict !== null) {
      datagram.dead = true;
      this.#release(datagram);
      return refused(conflict);
    }
    if (datagram.received !== datagram.total) return null;
    const whole = datagram.bytes.subarray(0, datagram.total);
    this.#forget(datagram);
    return parsed({ ...packet, payload: whole, fragment: null });
  }

  /** Gives up what is unfinished. */
  end(): void {
    this.#expire(Infinity);
  }

  /** Enters a fragment; text: how it contradicts those before. */
  #place(datagram: Datagram, packet: IpPacket, end: number): string | null {
    const { fragment, payload } = packet;
    if (fragment === null) return null;
    if (datagram.total >= 0 && (end > datagram.total || (fragment.last && end !== datagram.total))) {
      return 'fragments disagree on the length of the whole';
    }
    this.#grow(datagram, end);
    const from = fragment.offset / UNIT;
    const units = datagram.units.subarray(from, Math.ceil(end / UNIT));
    if (fragment.last && datagram.total < 0) {
      if (datagram.units.subarray(from + units.length).includes(1))
        return 'fragments disagree on the length of the whole';
      datagram.total = end;
    }
    if (units.includes(1)) {
      const same = !units.includes(0) && datagram.bytes.compare(payload, 0, payload.length, fragment.offset, end) === 0;
      return same ? null : 'fragments overlap';
    }
    units.fill(1);
    payload.copy(datagram.bytes, fragment.offset);
    datagram.received += payload.length;
    return null;
  }

  #open(key: string, at: Millis): Datagram {
    const datagram: Datagram = {
      key,
      waitingSince: at,
      bytes: Buffer.alloc(0),
      units: new Uint8Array(0),
      received: 0,
      total: -1,
      dead: false,
    };
    this.#datagrams.set(key, datagram);
    this.#waiting.add(datagram, at);
    return datagram;
  }

  #grow(datagram: Datagram, end: number): void {
    if (end <= datagram.bytes.length) return;
    let size = 4096;
    while (size < end) size *= 2;
    const bytes = Buffer.alloc(size);
    datagram.bytes.copy(bytes);
    const units = new Uint8Array(size / UNIT);
    units.set(datagram.units);
    this.#bytes += size - datagram.bytes.length;
    datagram.bytes = bytes;
    datagram.units = units;
  }

  #release(datagram: Datagram): void {
    this.#bytes -= datagram.bytes.length;
    datagram.bytes = Buffer.alloc(0);
    datagram.units = new Uint8Array(0);
  }

  #forget(datagram: Datagram): void {
    datagram.waitingSince = null;
    this.#datagrams.delete(datagram.key);
    this.#release(datagram);
  }

  #giveUpOldest(why: string): void {
    const oldest = this.#waiting.first();
    if (oldest === null) return;
    if (!oldest.item.dead) this.#onLost(`fragmented packet given up: ${why}`);
    this.#forget(oldest.item);
  }

  #expire(now: Millis): void {
    for (let first = this.#waiting.first(); first !== null; first = this.#waiting.first()) {
      if (first.since + WAIT > now) return;
      this.#giveUpOldest('fragments are missing');
    }
  }
}
