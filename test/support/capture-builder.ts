/** Packets and capture files by hand, for tests. Check sums are left 0: nothing reads them. */
import { addressToBytes } from '../../src/address.ts';

const u16 = (value: number): Buffer => Buffer.from([(value >> 8) & 255, value & 255]);
const u32 = (value: number): Buffer => {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value >>> 0);
  return bytes;
};
const address = (text: string): Uint8Array => {
  const bytes = addressToBytes(text);
  if (bytes === null) throw new RangeError(text);
  return bytes;
};

export const A4 = '192.0.2.1';
export const B4 = '198.51.100.2';
export const A6 = '2001:db8::1';
export const B6 = '2001:db8::2';

export const udp = (
  payload: string | Uint8Array,
  sourcePort = 5060,
  destinationPort = 5062,
  length?: number,
): Buffer => {
  const data = Buffer.from(payload as Uint8Array);
  return Buffer.concat([u16(sourcePort), u16(destinationPort), u16(length ?? data.length + 8), u16(0), data]);
};

export interface TcpFields {
  seq: number;
  data?: string | Uint8Array;
  /** any of S, F, R, A */
  flags?: string;
  sourcePort?: number;
  destinationPort?: number;
  /** bytes of TCP options, a multiple of 4 */
  options?: number;
}

export function tcp({
  seq,
  data = '',
  flags = 'A',
  sourcePort = 5060,
  destinationPort = 5062,
  options = 0,
}: TcpFields): Buffer {
  const bits = Array.from(flags).reduce((sum, flag) => sum | ({ F: 1, S: 2, R: 4, A: 16 }[flag] ?? 0), 0);
  return Buffer.concat([
    u16(sourcePort),
    u16(destinationPort),
    u32(seq),
    u32(0),
    Buffer.from([(5 + options / 4) << 4, bits]),
    Buffer.alloc(6 + options, 1),
    Buffer.from(data as Uint8Array),
  ]);
}

export interface Ipv4Fields {
  source?: string;
  destination?: string;
  protocol?: number;
  id?: number;
  /** bytes from the start of the whole payload, a multiple of 8 */
  offset?: number;
  more?: boolean;
  /** bytes of IP options, a multiple of 4 */
  options?: number;
  total?: number;
}

export function ipv4(payload: Uint8Array, fields: Ipv4Fields = {}): Buffer {
  const { source = A4, destination = B4, protocol = 17, id = 1, offset = 0, more = false, options = 0, total } = fields;
  return Buffer.concat([
    Buffer.from([0x45 + options / 4, 0]),
    u16(total ?? 20 + options + payload.length),
    u16(id),
    u16((more ? 0x2000 : 0) | (offset / 8)),
    Buffer.from([64, protocol, 0, 0]),
    address(source),
    address(destination),
    Buffer.alloc(options, 1),
    payload,
  ]);
}

/** `next` is the protocol of the first header in `payload`. */
export const ipv6 = (payload: Uint8Array, next = 17, source = A6, destination = B6): Buffer =>
  Buffer.concat([
    Buffer.from([0x60, 0, 0, 0]),
    u16(payload.length),
    Buffer.from([next, 64]),
    address(source),
    address(destination),
    payload,
  ]);

/** Hop-by-hop, routing or destination header of `units` * 8 + 8 bytes before `payload`, whose protocol is `next`. */
export const extension = (next: number, payload: Uint8Array, units = 0): Buffer =>
  Buffer.concat([Buffer.from([next, units]), Buffer.alloc(6 + units * 8), payload]);

export const fragment6 = (next: number, part: Uint8Array, offset: number, more: boolean, id = 7): Buffer =>
  Buffer.concat([Buffer.from([next, 0]), u16(offset | (more ? 1 : 0)), u32(id), part]);

export const ethernet = (packet: Uint8Array, etherType = 0x0800, tags: readonly number[] = []): Buffer =>
  Buffer.concat([Buffer.alloc(12, 0xee), ...tags.flatMap((tag) => [u16(tag), u16(100)]), u16(etherType), packet]);

export interface FrameFields {
  /** milliseconds, may have a fraction */
  at?: number;
  bytes: Uint8Array;
  /** pcapng */
  interface?: number;
}

export function pcap(
  frames: readonly FrameFields[],
  { linkType = 1, little = true, nano = false }: { linkType?: number; little?: boolean; nano?: boolean } = {},
): Buffer {
  const w = writer(little);
  const unit = nano ? 1e6 : 1e3;
  return Buffer.concat([
    w.u32(nano ? 0xa1b23c4d : 0xa1b2c3d4),
    w.u16(2),
    w.u16(4),
    Buffer.alloc(8),
    w.u32(65535),
    w.u32(linkType),
    ...frames.flatMap(({ at = 0, bytes }) => [
      w.u32(Math.floor(at / 1000)),
      w.u32(Math.round((at % 1000) * unit)),
      w.u32(bytes.length),
      w.u32(bytes.length),
      bytes,
    ]),
  ]);
}

/** Blocks of a pcapng file in one byte order. */
export function pcapng(little = true) {
  const w = writer(little);
  const pad = (bytes: Uint8Array): Buffer => Buffer.concat([bytes, Buffer.alloc((4 - (bytes.length % 4)) % 4)]);
  const block = (type: number, ...body: Uint8Array[]): Buffer => {
    const padded = pad(Buffer.concat(body));
    return Buffer.concat([w.u32(type), w.u32(padded.length + 12), padded, w.u32(padded.length + 12)]);
  };
  const option = (code: number, value: Uint8Array): Buffer =>
    Buffer.concat([w.u16(code), w.u16(value.length), pad(value)]);
  return {
    block,
    section: (): Buffer => block(0x0a0d0d0a, w.u32(0x1a2b3c4d), w.u16(1), w.u16(0), Buffer.alloc(8, 0xff)),
    /** `resolution` as if_tsresol has it: 6 is microseconds, 0x80 + n is 2^-n */
    interface: (linkType: number, resolution?: number, offsetSeconds?: number, snapLength = 0): Buffer =>
      block(
        1,
        w.u16(linkType),
        w.u16(0),
        w.u32(snapLength),
        option(2, Buffer.from('eth0')),
        resolution === undefined ? Buffer.alloc(0) : option(9, Buffer.from([resolution])),
        offsetSeconds === undefined ? Buffer.alloc(0) : option(14, w.i64(offsetSeconds)),
        option(0, Buffer.alloc(0)),
      ),
    /** `clock` in units of the interface */
    packet: (bytes: Uint8Array, interfaceId = 0, clock = 0n): Buffer =>
      block(
        6,
        w.u32(interfaceId),
        w.u32(Number(clock >> 32n)),
        w.u32(Number(clock & 0xffffffffn)),
        w.u32(bytes.length),
        w.u32(bytes.length),
        pad(bytes),
        option(0, Buffer.alloc(0)),
      ),
    simple: (bytes: Uint8Array): Buffer => block(3, w.u32(bytes.length), bytes),
  };
}

function writer(little: boolean) {
  const write = (size: number, put: (bytes: Buffer) => void): Buffer => {
    const bytes = Buffer.alloc(size);
    put(bytes);
    return bytes;
  };
  return {
    u16: (v: number) => write(2, (b) => (little ? b.writeUInt16LE(v) : b.writeUInt16BE(v))),
    u32: (v: number) => write(4, (b) => (little ? b.writeUInt32LE(v) : b.writeUInt32BE(v))),
    i64: (v: number) => write(8, (b) => (little ? b.writeBigInt64LE(BigInt(v)) : b.writeBigInt64BE(BigInt(v)))),
  };
}
