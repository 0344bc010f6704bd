/**
 * Capture files as frames: pcapng (draft-ietf-opsawg-pcapng). A file is blocks; a section header gives the byte order
 * and clears the list of interfaces; an interface description gives link type and clock; packets name their interface.
 *
 *   block = type 32 | total length 32 | body, padded to 32 bits | total length 32
 */
import type { ByteQueue } from './byte-queue.ts';
import { FRAME_MAX_BYTES } from './pcap.ts';
import type { Frame, FrameSource } from './pcap.ts';
import type { Millis } from '../model.ts';
import { parsed, refused } from '../parsed.ts';
import type { Parsed } from '../parsed.ts';

const SECTION_HEADER = 0x0a0d0d0a;
const INTERFACE_DESCRIPTION = 1;
const OBSOLETE_PACKET = 2;
const SIMPLE_PACKET = 3;
const ENHANCED_PACKET = 6;

const BYTE_ORDER_MAGIC = 0x1a2b3c4d;
const OPTION_END = 0;
const OPTION_TIME_RESOLUTION = 9;
const OPTION_TIME_OFFSET = 14;

/** Packets and their options fit; other blocks may be longer, for they are skipped. */
const BLOCK_MAX_BYTES = FRAME_MAX_BYTES + 65536;
const INTERFACES_MAX = 4096;

interface Interface {
  readonly linkType: number;
  /** 0: no limit */
  readonly snapLength: number;
  /** clock units in a millisecond; less than 1 for a clock of seconds */
  readonly perMillisecond: number;
  readonly offset: Millis;
}

export const isPcapng = (start: Buffer): boolean => start.readUInt32BE(0) === SECTION_HEADER;

export class PcapngFrames implements FrameSource {
  broken = false;
  readonly #queue: ByteQueue;
  #little = false;
  #interfaces: Interface[] = [];
  #lastAt: Millis = 0;

  constructor(queue: ByteQueue) {
    this.#queue = queue;
  }

  next(): Parsed<Frame> | null {
    while (!this.broken) {
      const head = this.#queue.peek(12);
      if (head === null) return null;
      const at = this.#queue.offset;
      const isSection = head.readUInt32BE(0) === SECTION_HEADER;
      if (isSection && !this.#readByteOrder(head)) return this.#lost('section without byte-order magic', at + 8);
      const type = this.#u32(head, 0);
      const length = this.#u32(head, 4);
      if (length < 12 || length % 4 !== 0) return this.#lost(`block length ${length} cannot be`, at + 4);
      if (length > BLOCK_MAX_BYTES) {
        this.#queue.skip(length);
        if (type === ENHANCED_PACKET || type === SIMPLE_PACKET || type === OBSOLETE_PACKET || isSection)
          return refused(`pcapng: block of ${length} bytes skipped`, at);
        continue;
      }
      const block = this.#queue.peek(length);
      if (block === null) return null;
      this.#queue.skip(length);
      if (this.#u32(block, length - 4) !== length) {
        return refused('pcapng: the two lengths of a block differ, it is skipped', at);
      }
      const result = this.#readBlock(type, block, at);
      if (result !== null) return result;
    }
    return null;
  }

  #lost(reason: string, at: number): Parsed<Frame> {
    this.broken = true;
    return refused(`pcapng: ${reason}, the rest cannot be read`, at);
  }

  #readByteOrder(head: Buffer): boolean {
    this.#interfaces = [];
    this.#little = head.readUInt32LE(8) === BYTE_ORDER_MAGIC;
    return this.#little || head.readUInt32BE(8) === BYTE_ORDER_MAGIC;
  }

  /** null: a block that carries no frame */
  #readBlock(type: number, block: Buffer, at: number): Parsed<Frame> | null {
    const body = block.length - 12;
    switch (type) {
      case INTERFACE_DESCRIPTION:
        if (body < 8) return refused('pcapng: interface block is too short', at);
        if (this.#interfaces.length >= INTERFACES_MAX) return refused('pcapng: too many interfaces', at);
        this.#interfaces.push(this.#readInterface(block));
        return null;
      case ENHANCED_PACKET:
        if (body < 20) return refused('pcapng: packet block is too short', at);
        return this.#packet(block, at, this.#u32(block, 8));
      case OBSOLETE_PACKET:
        if (body < 20) return refused('pcapng: packet block is too short', at);
        return this.#packet(block, at, this.#u16(block, 8));
      case SIMPLE_PACKET:
        if (body < 4) return refused('pcapng: packet block is too short', at);
        return this.#simplePacket(block, at);
      default:
        return null;
    }
  }

  #readInterface(block: Buffer): Interface {
    const end = block.length - 4;
    let perMillisecond = 1000;
    let offset = 0;
    for (let at = 16; at + 4 <= end;) {
      const code = this.#u16(block, at);
      const length = this.#u16(block, at + 2);
      const value = at + 4;
      if (code === OPTION_END || value + length > end) break;
      if (code === OPTION_TIME_RESOLUTION && length === 1) {
        const resolution = block.readUInt8(value);
        perMillisecond = (resolution & 0x80 ? 2 ** (resolution & 0x7f) : 10 ** resolution) / 1000;
      } else if (code === OPTION_TIME_OFFSET && length === 8) {
        const seconds = this.#little ? block.readBigInt64LE(value) : block.readBigInt64BE(value);
        offset = Number(seconds) * 1000;
      }
      at = value + length + ((4 - (length % 4)) % 4);
    }
    return { linkType: this.#u16(block, 8), snapLength: this.#u32(block, 12), perMillisecond, offset };
  }

  #packet(block: Buffer, at: number, interfaceId: number): Parsed<Frame> {
    const from = this.#interfaces[interfaceId];
    if (from === undefined) return refused(`pcapng: packet of interface ${interfaceId}, which is not described`, at);
    const length = this.#u32(block, 20);
    if (length > block.length - 32) return refused('pcapng: packet is longer than its block', at + 20);
    this.#lastAt = from.offset + millisOf(this.#u32(block, 12), this.#u32(block, 16), from.perMillisecond);
    return parsed({
      at: this.#lastAt,
      linkType: from.linkType,
      offset: at + 28,
      bytes: block.subarray(28, 28 + length),
    });
  }

  /** A simple packet is of the first interface and has no time: it gets that of the packet before. */
  #simplePacket(block: Buffer, at: number): Parsed<Frame> {
    const from = this.#interfaces[0];
    if (from === undefined) return refused('pcapng: packet of interface 0, which is not described', at);
    const length = Math.min(this.#u32(block, 8), from.snapLength || Infinity, block.length - 16);
    return parsed({
      at: this.#lastAt,
      linkType: from.linkType,
      offset: at + 12,
      bytes: block.subarray(12, 12 + length),
    });
  }

  #u16(bytes: Buffer, at: number): number {
    return this.#little ? bytes.readUInt16LE(at) : bytes.readUInt16BE(at);
  }

  #u32(bytes: Buffer, at: number): number {
    return this.#little ? bytes.readUInt32LE(at) : bytes.readUInt32BE(at);
  }
}

/** Whole milliseconds in a 64-bit count of clock units. Exact up to nanoseconds, for which a double is too short. */
function millisOf(high: number, low: number, perMillisecond: number): Millis {
  if (!Number.isInteger(perMillisecond) || perMillisecond > 2 ** 20) {
    return Math.trunc((high * 2 ** 32 + low) / perMillisecond);
  }
  const rest = (high % perMillisecond) * 2 ** 32 + low;
  return Math.trunc(high / perMillisecond) * 2 ** 32 + Math.trunc(rest / perMillisecond);
}
