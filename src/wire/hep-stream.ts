import { decodeHep, HEP_INFLATED_MAX_BYTES } from './hep.ts';
import type { HepPacket } from './hep.ts';
import { refused } from '../parsed.ts';
import type { Parsed, Refused } from '../parsed.ts';

const HEADER = 6;
const MAGIC = 0x48455033; // "HEP3"

/**
 * HEPv3 packets of a byte stream (TCP, TLS, a `.hep` file of concatenated packets), framed by their total length. Holds
 * less than one packet (64 KiB) between two chunks. v1 and v2 carry no length and cannot be streamed.
 *
 * A packet that is framed well but broken inside is refused alone, and the stream goes on. A broken frame (no "HEP3", a
 * length less than 6) is refused with the offset in the stream, and `broken` is set: nothing tells where the next
 * packet starts, so the caller closes the connection, and what is pushed later is ignored.
 */
export class HepFramer {
  /** why the stream cannot go on; null: it can */
  broken: Refused | null = null;
  readonly #inflatedMaxBytes: number;
  readonly #header = Buffer.alloc(HEADER);
  #frame: Buffer | null = null;
  #filled = 0;
  /** stream offset of the next packet's first byte */
  #offset = 0;

  constructor(inflatedMaxBytes = HEP_INFLATED_MAX_BYTES) {
    this.#inflatedMaxBytes = inflatedMaxBytes;
  }

  /** bytes held back because their packet is not whole yet */
  get pendingBytes(): number {
    return this.#filled;
  }

  /** Packets completed by `chunk`. They are views of it: the caller must not write to `chunk` again. */
  push(chunk: Buffer): Parsed<HepPacket>[] {
    const packets: Parsed<HepPacket>[] = [];
    let at = 0;
    while (at < chunk.length && this.broken === null) {
      if (this.#filled > 0 || chunk.length - at < HEADER) {
        at = this.#fill(chunk, at, packets);
        continue;
      }
      const length = this.#frameLength(chunk, at, packets);
      if (length === 0) break;
      if (length > chunk.length - at) {
        at = this.#fill(chunk, at, packets);
        continue;
      }
      packets.push(decodeHep(chunk.subarray(at, at + length), this.#inflatedMaxBytes));
      at += length;
      this.#offset += length;
    }
    return packets;
  }

  /** The stream has ended: what is left is half a packet, if anything. */
  end(): Parsed<HepPacket>[] {
    if (this.broken !== null || this.#filled === 0) return [];
    this.broken = refused(`stream ends ${this.#filled} bytes into a packet`, this.#offset);
    this.#frame = null;
    this.#filled = 0;
    return [this.broken];
  }

  /** Total length of the packet that starts at `at`; 0, and the stream is broken, if none can start there. */
  #frameLength(bytes: Buffer, at: number, packets: Parsed<HepPacket>[]): number {
    const length = bytes.readUInt16BE(at + 4);
    if (bytes.readUInt32BE(at) === MAGIC && length >= HEADER) return length;
    const reason = length >= HEADER || bytes.readUInt32BE(at) !== MAGIC ? 'no HEPv3 packet' : `length ${length}`;
    this.broken = refused(`stream cannot be framed: ${reason} here`, this.#offset);
    packets.push(this.broken);
    this.#filled = 0;
    return 0;
  }

  /** Moves bytes from `chunk` into the packet that is being collected; returns where to go on in `chunk`. */
  #fill(chunk: Buffer, at: number, packets: Parsed<HepPacket>[]): number {
    const target = this.#frame ?? this.#header;
    const taken = chunk.copy(target, this.#filled, at, at + target.length - this.#filled);
    this.#filled += taken;
    if (this.#filled < target.length) return at + taken;
    if (this.#frame === null) {
      const length = this.#frameLength(this.#header, 0, packets);
      if (length === 0) return chunk.length;
      this.#frame = Buffer.allocUnsafeSlow(length);
      this.#header.copy(this.#frame);
      if (length > HEADER) return at + taken;
    }
    packets.push(decodeHep(this.#frame, this.#inflatedMaxBytes));
    this.#offset += this.#frame.length;
    this.#frame = null;
    this.#filled = 0;
    return at + taken;
  }
}
