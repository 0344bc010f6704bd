/** Capture files (pcap, pcapng) as what the transport layer carried: UDP datagrams and the bytes of TCP streams. */
import { ByteQueue } from './byte-queue.ts';
import { FragmentReassembly } from './ip-fragments.ts';
import { ipPacketOf, isKnownLinkType, upperLayer } from './packet.ts';
import type { IpPacket } from './packet.ts';
import { isPcap, PcapFrames } from './pcap.ts';
import type { Frame, FrameSource } from './pcap.ts';
import { isPcapng, PcapngFrames } from './pcapng.ts';
import { TcpReassembly } from './tcp.ts';
import type { StreamBytes } from './tcp.ts';
import type { Millis } from '../model.ts';

/** A UDP datagram (RFC 768). Addresses are canonical text. */
export interface Datagram {
  readonly kind: 'datagram';
  readonly at: Millis;
  readonly source: string;
  readonly sourcePort: number;
  readonly destination: string;
  readonly destinationPort: number;
  readonly payload: Buffer;
}

/** Part of a capture that could not be read. `offset` is in the file. */
export interface Unreadable {
  readonly kind: 'refused';
  readonly reason: string;
  readonly offset: number;
}

export type Captured = Datagram | StreamBytes | Unreadable;

const TCP = 6;
const UDP = 17;

/** Do these first 4 bytes start a capture file? */
export const isCapture = (start: Buffer): boolean => start.length >= 4 && (isPcap(start) || isPcapng(start));

/**
 * Reads a capture file pushed in chunks of any size; payloads are views of them, so a chunk must not be written to
 * again. What is held is bounded (some 70 MiB at the very worst), however long the file. What waited for a missing
 * piece is told with the time at which the wait ended, so that times run as they do in the file.
 */
export class CaptureReader {
  readonly #queue = new ByteQueue();
  readonly #fragments: FragmentReassembly;
  readonly #tcp: TcpReassembly;
  readonly #unknownLinks = new Set<number>();
  #source: FrameSource | null = null;
  #out: Captured[] = [];
  #at: Millis = 0;
  #offset = 0;
  #broken = false;
  /** frames read */
  frames = 0;
  /** frames that carry neither UDP nor TCP over IP */
  ignored = 0;

  constructor() {
    this.#fragments = new FragmentReassembly((reason) => this.#refuse(reason, this.#offset));
    this.#tcp = new TcpReassembly((bytes) => this.#out.push(bytes));
  }

  /** true: it is no capture file, or its framing is lost; what is pushed from here on is ignored */
  get broken(): boolean {
    return this.#broken;
  }

  /** What these bytes complete, in the order of the file. */
  push(chunk: Buffer): Captured[] {
    if (this.#broken) return [];
    this.#queue.push(chunk);
    this.#source ??= this.#detect();
    for (;;) {
      const frame = this.#source?.next() ?? null;
      if (frame === null) break;
      if (frame.ok) this.#frame(frame.value);
      else this.#refuse(frame.reason, frame.offset);
    }
    if (this.#source?.broken === true) this.#broken = true;
    return this.#taken();
  }

  /** The file has ended: tells what was still waited for, and whether the file was cut. */
  end(): Captured[] {
    if (!this.#broken && (this.#queue.length > 0 || this.#queue.missing > 0)) {
      this.#refuse('file ends in the middle of a record', this.#queue.offset);
    } else if (!this.#broken && this.#source === null) this.#refuse('file is empty', 0);
    this.#broken = true;
    this.#fragments.end();
    this.#tcp.end(this.#at);
    return this.#taken();
  }

  #taken(): Captured[] {
    const out = this.#out;
    this.#out = [];
    return out;
  }

  #refuse(reason: string, offset: number): void {
    this.#out.push({ kind: 'refused', reason, offset });
  }

  #detect(): FrameSource | null {
    const start = this.#queue.peek(4);
    if (start === null) return null;
    if (isPcap(start)) return new PcapFrames(this.#queue);
    if (isPcapng(start)) return new PcapngFrames(this.#queue);
    this.#refuse('neither pcap nor pcapng', 0);
    this.#broken = true;
    return null;
  }

  #frame(frame: Frame): void {
    this.frames++;
    this.#at = frame.at;
    this.#offset = frame.offset;
    const packet = ipPacketOf(frame.linkType, frame.bytes);
    if (packet === null) {
      this.ignored++;
      if (!isKnownLinkType(frame.linkType) && !this.#unknownLinks.has(frame.linkType)) {
        this.#unknownLinks.add(frame.linkType);
        this.#refuse(`link type ${frame.linkType} is not known, its frames are passed over`, frame.offset);
      }
    } else if (!packet.ok) this.#refuse(packet.reason, frame.offset + packet.offset);
    else if (packet.value.fragment === null) this.#transport(packet.value, frame);
    else this.#fragment(packet.value, frame);
  }

  #fragment(fragment: IpPacket, frame: Frame): void {
    const whole = this.#fragments.add(fragment, frame.at);
    if (whole === null) return;
    if (!whole.ok) {
      this.#refuse(whole.reason, frame.offset);
      return;
    }
    const upper = upperLayer(whole.value.protocol, whole.value.payload);
    if (!upper.ok) this.#refuse(upper.reason, frame.offset);
    else if (upper.value.fragment === null) this.#transport({ ...whole.value, ...upper.value }, frame);
    else this.#refuse('IPv6: fragment within a fragment', frame.offset);
  }

  #transport(packet: IpPacket, frame: Frame): void {
    if (packet.protocol === TCP) {
      const refusal = this.#tcp.add(packet, frame.at);
      if (refusal !== null) this.#refuse(refusal.reason, frame.offset);
    } else if (packet.protocol === UDP) this.#datagram(packet, frame);
    else this.ignored++;
  }

  #datagram({ source, destination, payload, cut }: IpPacket, frame: Frame): void {
    if (payload.length < 8) {
      this.#refuse('UDP: header is cut', frame.offset);
      return;
    }
    const length = payload.readUInt16BE(4) || payload.length; // 0: an IPv6 jumbogram (RFC 2675)
    if (length < 8) this.#refuse(`UDP: length ${length} is less than the header`, frame.offset);
    else if (length > payload.length) {
      const why = cut > 0 ? `was captured to ${payload.length} of ${length} bytes` : 'is longer than its IP packet';
      this.#refuse(`UDP: datagram ${why}`, frame.offset);
    } else {
      this.#out.push({
        kind: 'datagram',
        at: frame.at,
        source,
        sourcePort: payload.readUInt16BE(0),
        destination,
        destinationPort: payload.readUInt16BE(2),
        payload: payload.subarray(8, length),
      });
    }
  }
}
