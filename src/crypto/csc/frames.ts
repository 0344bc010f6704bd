import { refused, type Refused } from '../../parsed.ts';
import { ByteQueue } from '../../wire/byte-queue.ts';

/**
 * A frame of CSC/1 (docs/csc.md, "Frames"):
 *
 *     0       1               5
 *     | type  | length, u32 BE | payload, `length` bytes |
 */
export const HEADER_BYTES = 5;

export const TYPE = {
  clientHello: 0x01,
  serverHello: 0x02,
  proof: 0x03,
  auth: 0x04,
  ready: 0x05,
  sip: 0x10,
  keyRequest: 0x11,
  keyResponse: 0x12,
  ping: 0x13,
  pong: 0x14,
  close: 0x1f,
} as const;

/** Lengths that a frame may have: payload, tag included. */
export interface Bounds {
  readonly least: number;
  readonly most: number;
}

/** Frames 0x01 to 0x05, 0x21 and 0x22. */
export const HANDSHAKE_BOUNDS: Bounds = { least: 1, most: 16_384 };
/** Authentication tag of ChaCha20-Poly1305, bytes. */
export const TAG_BYTES = 16;
/** Most that a record holds: one SIP message. */
export const MOST_PLAIN = 65_536;
export const RECORD_BOUNDS: Bounds = { least: TAG_BYTES, most: MOST_PLAIN + TAG_BYTES };

/** One whole frame; the bytes are views of what was received. */
export interface Frame {
  readonly type: number;
  /** the 5 bytes before the payload: what a sealed frame is bound to */
  readonly header: Buffer;
  readonly payload: Buffer;
  /** header and payload, as on the wire */
  readonly whole: Buffer;
}

export function frameHeader(type: number, length: number): Buffer {
  const header = Buffer.allocUnsafe(HEADER_BYTES);
  header[0] = type;
  header.writeUInt32BE(length, 1);
  return header;
}

export const frame = (type: number, payload: Uint8Array): Buffer =>
  Buffer.concat([frameHeader(type, payload.length), payload]);

/** Why a header cannot be: what `FrameReader` says of it. */
export type HeaderFault = 'type' | 'length';

/** Cuts a byte stream into frames. Type and length are judged before any of the payload is waited for. */
export class FrameReader {
  readonly #queue = new ByteQueue();

  push(chunk: Buffer): void {
    this.#queue.push(chunk);
  }

  /** Bytes that are here and belong to no frame yet. */
  get pending(): number {
    return this.#queue.length;
  }

  /** The next frame; null while it is not whole; refused (`reason` is a HeaderFault) as soon as it cannot be one. */
  next(accepts: (type: number) => boolean, bounds: Bounds): Frame | Refused | null {
    const queue = this.#queue;
    const type = queue.peek(1)?.[0];
    if (type === undefined) return null;
    if (!accepts(type)) return refused('type' satisfies HeaderFault, queue.offset);
    const length = queue.peek(HEADER_BYTES)?.readUInt32BE(1);
    if (length === undefined) return null;
    if (length < bounds.least || length > bounds.most) return refused('length' satisfies HeaderFault, queue.offset + 1);
    const whole = queue.peek(HEADER_BYTES + length);
    if (whole === null) return null;
    queue.skip(whole.length);
    return { type, header: whole.subarray(0, HEADER_BYTES), payload: whole.subarray(HEADER_BYTES), whole };
  }
}
