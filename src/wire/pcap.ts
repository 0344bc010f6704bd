/**
 * Capture files as frames: the classic format, "PCAP Capture File Format" (draft-ietf-opsawg-pcap), with time stamps in
 * microseconds or nanoseconds, either byte order, and Kuznetzov's longer record headers.
 *
 *   magic 32 | major 16 | minor 16 | 8 unused | snapshot length 32 | link type 32      then, for each frame:
 *   seconds 32 | fraction 32 | captured length 32 | length on the wire 32 | bytes
 */
import type { ByteQueue } from './byte-queue.ts';
import type { Millis } from '../model.ts';
import { parsed, refused } from '../parsed.ts';
import type { Parsed } from '../parsed.ts';

/** One frame as the interface saw it. */
export interface Frame {
  readonly at: Millis;
  /** LINKTYPE_ value of https://www.tcpdump.org/linktypes.html */
  readonly linkType: number;
  /** offset of `bytes` in the file */
  readonly offset: number;
  /** what was captured: a view */
  readonly bytes: Buffer;
}

/** Frames out of the bytes in a queue. */
export interface FrameSource {
  /** The next frame, or why a piece of the file was passed over; null: more bytes are needed, or it cannot go on. */
  next(): Parsed<Frame> | null;
  /** true: the framing is lost, nothing that follows can be read */
  readonly broken: boolean;
}

/** No interface of ours sends longer frames; libpcap's own limit is 262,144. */
export const FRAME_MAX_BYTES = 1 << 20;

export const PCAP_HEADER_BYTES = 24;

const MAGICS: readonly { readonly magic: number; readonly perMillisecond: number; readonly recordHeader: number }[] = [
  { magic: 0xa1b2c3d4, perMillisecond: 1000, recordHeader: 16 },
  { magic: 0xa1b23c4d, perMillisecond: 1_000_000, recordHeader: 16 },
  { magic: 0xa1b2cd34, perMillisecond: 1000, recordHeader: 24 },
];

/** Do these 4 bytes start a pcap file? */
export const isPcap = (start: Buffer): boolean =>
  MAGICS.some(({ magic }) => magic === start.readUInt32BE(0) || magic === start.readUInt32LE(0));

export class PcapFrames implements FrameSource {
  broken = false;
  readonly #queue: ByteQueue;
  #little = false;
  #perMillisecond = 1000;
  #recordHeader = 16;
  /** -1: the file header has not been read */
  #linkType = -1;

  constructor(queue: ByteQueue) {
    this.#queue = queue;
  }

  next(): Parsed<Frame> | null {
    if (this.broken) return null;
    if (this.#linkType < 0) {
      const header = this.#queue.peek(PCAP_HEADER_BYTES);
      if (header === null) return null;
      if (!this.#readHeader(header)) {
        this.broken = true;
        return refused('pcap: unknown version', 4);
      }
      this.#queue.skip(PCAP_HEADER_BYTES);
    }
    const header = this.#queue.peek(this.#recordHeader);
    if (header === null) return null;
    const length = this.#u32(header, 8);
    if (length > FRAME_MAX_BYTES) {
      this.broken = true;
      return refused(`pcap: a frame of ${length} bytes cannot be, the rest cannot be read`, this.#queue.offset + 8);
    }
    const record = this.#queue.peek(this.#recordHeader + length);
    if (record === null) return null;
    const offset = this.#queue.offset + this.#recordHeader;
    this.#queue.skip(record.length);
    const at = this.#u32(record, 0) * 1000 + Math.trunc(this.#u32(record, 4) / this.#perMillisecond);
    return parsed({ at, linkType: this.#linkType, offset, bytes: record.subarray(this.#recordHeader) });
  }

  #readHeader(header: Buffer): boolean {
    this.#little = MAGICS.some(({ magic }) => magic === header.readUInt32LE(0));
    const form = MAGICS.find(({ magic }) => magic === this.#u32(header, 0));
    if (form === undefined) return false;
    this.#perMillisecond = form.perMillisecond;
    this.#recordHeader = form.recordHeader;
    this.#linkType = this.#u32(header, 20) & 0x0fffffff; // the upper four bits tell the length of the check sequence
    return (this.#little ? header.readUInt16LE(4) : header.readUInt16BE(4)) === 2;
  }

  #u32(bytes: Buffer, at: number): number {
    return this.#little ? bytes.readUInt32LE(at) : bytes.readUInt32BE(at);
  }
}
