import type { Millis } from '../model.ts';
import { WaitingLine } from './waiting-line.ts';
import { refused } from '../parsed.ts';
import type { Refused } from '../parsed.ts';

/** The next bytes of one direction of a TCP connection, in order. */
export interface StreamBytes {
  readonly kind: 'stream';
  /** when the last byte needed to tell them was captured */
  readonly at: Millis;
  /** one number for each direction of each connection, never used again */
  readonly stream: number;
  readonly source: string;
  readonly sourcePort: number;
  readonly destination: string;
  readonly destinationPort: number;
  /** may be empty when `end` is set */
  readonly payload: Buffer;
  /** bytes are missing before these: lost in the capture, or sent before it began */
  readonly gap: boolean;
  /** nothing more will be told of this stream */
  readonly end: boolean;
}

/** Addresses and bytes of one TCP segment. */
export interface Segment {
  readonly source: string;
  readonly destination: string;
  /** header and data */
  readonly payload: Buffer;
}

/**
 * How long a missing segment is waited for, in time of the capture: retransmission takes longer but seldom (RFC 6298).
 */
const WAIT: Millis = 3000;
const FLOWS_MAX = 65_536;
const HELD_SEGMENTS_MAX = 128;
const HELD_BYTES_MAX = 1 << 20;
const HELD_BYTES_MAX_ALL = 32 << 20;
/** Sequence numbers further away than this belong to another connection, or to one whose greater part is missing. */
const WINDOW = 4 << 20;

interface Held {
  readonly seq: number;
  readonly data: Buffer;
}

interface Flow {
  readonly stream: number;
  readonly source: string;
  readonly sourcePort: number;
  readonly destination: string;
  readonly destinationPort: number;
  /** sequence number of the byte that comes next */
  next: number;
  gap: boolean;
  /** sequence number of the first byte, by which a repeated SYN is told from a new connection; -1: SYN was not seen */
  readonly first: number;
  /** segments beyond a hole, by sequence number */
  held: Held[];
  heldBytes: number;
  /** when its first hole began; null: there is none */
  waitingSince: Millis | null;
  /** sequence number behind the last byte; -1: FIN has not been seen */
  fin: number;
  ended: boolean;
}

/** a - b in the circle of 2^32 (RFC 9293 section 3.4) */
const distance = (a: number, b: number): number => (a - b) | 0;

const FIN = 1;
const SYN = 2;
const RST = 4;

/**
 * Puts the segments of TCP connections (RFC 9293) in order, each direction for itself: repeated, overlapping and
 * swapped segments are sorted out; of bytes sent twice the first copy counts. A hole is given up, and told as a `gap`,
 * when it is not filled within 3 s, when too much waits behind it, or when the connection ends. A connection whose
 * beginning is missing starts with a gap. Holds 65,536 directions and 32 MiB; check sums are not looked at, for network
 * cards fill them in after the capture.
 */
export class TcpReassembly {
  readonly #emit: (bytes: StreamBytes) => void;
  // two generations, as in windows.ts; here the forgotten ones must be told
  #young = new Map<string, Flow>();
  #old = new Map<string, Flow>();
  /** flows with a hole, in the order in which their holes began */
  readonly #waiting = new WaitingLine<Flow>((flow, since) => flow.waitingSince === since);
  #heldBytes = 0;
  #streams = 0;

  constructor(emit: (bytes: StreamBytes) => void) {
    this.#emit = emit;
  }

  /** bytes that wait behind holes */
  get pendingBytes(): number {
    return this.#heldBytes;
  }

  /** directions of connections that are remembered */
  get size(): number {
    return this.#young.size + this.#old.size;
  }

  /** Takes a segment; what it completes is emitted before this returns. */
  add(segment: Segment, at: Millis): Refused | null {
    this.#expire(at);
    const { source, destination, payload } = segment;
    if (payload.length < 20) return refused('TCP: header is cut', payload.length);
    const header = (payload.readUInt8(12) >> 4) * 4;
    if (header < 20) return refused(`TCP: header of ${header} bytes`, 12);
    if (header > payload.length) return refused('TCP: header is cut', payload.length);
    const flags = payload.readUInt8(13);
    const data = payload.subarray(header);
    const key = `${source} ${payload.readUInt16BE(0)} ${destination} ${payload.readUInt16BE(2)}`;
    let seq = payload.readUInt32BE(4);
    let flow = this.#find(key);
    if ((flags & SYN) !== 0) {
      seq = (seq + 1) >>> 0;
      if (flow?.first !== seq) flow = this.#open(key, segment, seq, seq, at);
    } else if (flow === undefined || (flow.ended && Math.abs(distance(seq, flow.next)) > WINDOW)) {
      if (data.length === 0) return null;
      flow = this.#open(key, segment, seq, -1, at);
    }
    if (flow.ended) return null;
    if (data.length > 0) this.#take(flow, seq, data, at);
    if ((flags & RST) !== 0) this.#close(flow, at);
    else if ((flags & FIN) !== 0) this.#finish(flow, (seq + data.length) >>> 0, at);
    else if (flow.fin >= 0 && distance(flow.fin, flow.next) <= 0) this.#close(flow, at);
    return null;
  }

  /** The capture has ended: tells what waits behind holes and ends all streams. */
  end(at: Millis): void {
    for (const flow of [...this.#old.values(), ...this.#young.values()]) this.#close(flow, at);
    this.#old.clear();
    this.#young.clear();
  }

  #take(flow: Flow, seq: number, data: Buffer, at: Millis): void {
    const ahead = distance(seq, flow.next);
    if (Math.abs(ahead) > WINDOW) {
      this.#flush(flow, at);
      flow.next = seq;
      flow.gap = true;
    }
    if (ahead > 0 && ahead <= WINDOW) {
      this.#hold(flow, seq, data, at);
      return;
    }
    this.#tell(flow, seq, data, at);
    if (flow.held.length > 0) this.#drain(flow, at);
  }

  /** Emits what of a segment at or before `next` is new. */
  #tell(flow: Flow, seq: number, data: Buffer, at: Millis): void {
    const known = distance(flow.next, seq);
    if (known >= data.length) return;
    const payload = known > 0 ? data.subarray(known) : data;
    flow.next = (flow.next + payload.length) >>> 0;
    this.#send(flow, at, payload, false);
  }

  #send(flow: Flow, at: Millis, payload: Buffer, end: boolean): void {
    const { stream, source, sourcePort, destination, destinationPort, gap } = flow;
    flow.gap = false;
    this.#emit({ kind: 'stream', at, stream, source, sourcePort, destination, destinationPort, payload, gap, end });
  }

  #hold(flow: Flow, seq: number, data: Buffer, at: Millis): void {
    let place = flow.held.length;
    while (place > 0 && distance(flow.held[place - 1]?.seq ?? 0, seq) > 0) place--;
    const before = flow.held[place - 1];
    if (before?.seq === seq && before.data.length >= data.length) return;
    // a copy: a view would hold the whole piece of file that it came in
    flow.held.splice(place, 0, { seq, data: Buffer.from(data) });
    flow.heldBytes += data.length;
    this.#heldBytes += data.length;
    if (flow.waitingSince === null) this.#wait(flow, at);
    if (flow.held.length > HELD_SEGMENTS_MAX || flow.heldBytes > HELD_BYTES_MAX) this.#flush(flow, at);
    if (this.#heldBytes <= HELD_BYTES_MAX_ALL) return;
    const oldest = this.#waiting.first();
    if (oldest !== null) this.#giveUp(oldest.item, at);
  }

  /** Tells what is no longer behind a hole. */
  #drain(flow: Flow, at: Millis): void {
    let drained = 0;
    for (const { seq, data } of flow.held) {
      if (distance(seq, flow.next) > 0) break;
      this.#tell(flow, seq, data, at);
      this.#account(flow, data);
      drained++;
    }
    if (drained > 0) flow.held.splice(0, drained);
    if (drained === 0) return;
    flow.waitingSince = null;
    if (flow.held.length > 0) this.#wait(flow, at); // the next hole has its own three seconds
  }

  #account(flow: Flow, data: Buffer): void {
    flow.heldBytes -= data.length;
    this.#heldBytes -= data.length;
  }

  /** Gives up the holes: tells everything that waits, with gaps. */
  #flush(flow: Flow, at: Millis): void {
    flow.waitingSince = null;
    const held = flow.held;
    flow.held = [];
    for (const { seq, data } of held) {
      this.#account(flow, data);
      if (distance(seq, flow.next) > 0) {
        flow.next = seq;
        flow.gap = true;
      }
      this.#tell(flow, seq, data, at);
    }
  }

  #finish(flow: Flow, fin: number, at: Millis): void {
    if (Math.abs(distance(fin, flow.next)) > WINDOW) return;
    flow.fin = fin;
    if (distance(fin, flow.next) <= 0) this.#close(flow, at);
    else if (flow.waitingSince === null) this.#wait(flow, at);
  }

  #close(flow: Flow, at: Millis): void {
    if (flow.ended) return;
    this.#flush(flow, at);
    flow.ended = true;
    if (flow.fin >= 0 && flow.fin !== flow.next) flow.gap = true;
    this.#send(flow, at, Buffer.alloc(0), true);
  }

  #wait(flow: Flow, since: Millis): void {
    flow.waitingSince = since;
    this.#waiting.add(flow, since);
  }

  #expire(now: Millis): void {
    for (let first = this.#waiting.first(); first !== null; first = this.#waiting.first()) {
      if (first.since + WAIT > now) return;
      this.#giveUp(first.item, now);
    }
  }

  #giveUp(flow: Flow, at: Millis): void {
    if (flow.fin < 0) this.#flush(flow, at);
    else this.#close(flow, at);
  }

  #find(key: string): Flow | undefined {
    const young = this.#young.get(key);
    if (young !== undefined) return young;
    const old = this.#old.get(key);
    if (old !== undefined) {
      this.#old.delete(key);
      this.#young.set(key, old);
    }
    return old;
  }

  #open(key: string, { source, destination, payload }: Segment, next: number, first: number, at: Millis): Flow {
    const before = this.#find(key);
    if (before !== undefined) this.#close(before, at);
    if (this.#young.size >= FLOWS_MAX / 2) {
      for (const forgotten of this.#old.values()) this.#close(forgotten, at);
      this.#old = this.#young;
      this.#young = new Map();
    }
    const flow: Flow = {
      stream: ++this.#streams,
      source,
      sourcePort: payload.readUInt16BE(0),
      destination,
      destinationPort: payload.readUInt16BE(2),
      next,
      first,
      gap: first < 0,
      held: [],
      heldBytes: 0,
      waitingSince: null,
      fin: -1,
      ended: false,
    };
    this.#young.set(key, flow);
    return flow;
  }
}
