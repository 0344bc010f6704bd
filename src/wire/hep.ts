/**
 * HEP, the Homer Encapsulation Protocol: how Asterisk (res_hep) and Kamailio (siptrace) mirror signalling.
 *
 *   v3  "HEP3" | total length 16 | chunk …        chunk = vendor 16 | id 16 | length 16 (with these 6) | data
 *   v2  2 | header length | family | protocol | ports 16,16 | addresses | seconds 32, µs 32, agent 16, pad 16 | payload
 *   v1  1 | header length | family | protocol | ports 16,16 | addresses | payload
 *
 * Network order, but the last four fields of v2 are the sender's own order, little endian on every machine that we know
 * of. Sources: "HEP3 Network Protocol Specification" rev. 36 (sipcapture); v1, v2 and the chunk orders as measured.
 */
import { unzipSync } from 'node:zlib';
import { addressFromBytes, addressToBytes } from '../address.ts';
import type { Millis, Transport } from '../model.ts';
import { parsed, refused } from '../parsed.ts';
import type { Parsed } from '../parsed.ts';

/** One mirrored message. */
export interface HepPacket {
  readonly version: 1 | 2 | 3;
  /** what `protocol` means; a number that we do not know reads as `udp`, the transport that proves nothing */
  readonly transport: Transport;
  /** IP protocol number: 17, 6, 132, and 22 as Kamailio marks TLS and WebSocket. Asterisk says 6 for TLS too. */
  readonly protocol: number;
  /** canonical text, see address.ts */
  readonly source: string;
  readonly sourcePort: number;
  readonly destination: string;
  readonly destinationPort: number;
  /** the agent's clock; null: HEPv1, or no time in the packet */
  readonly seenAt: Millis | null;
  readonly captureId: number;
  /** 1 SIP, 5 RTCP as JSON, 100 log; v1 and v2 carry SIP alone */
  readonly payloadType: number;
  /** a view of the datagram, no copy (inflated payloads aside): it holds the datagram's memory */
  readonly payload: Buffer;
  /** chunk 0x0e, in clear text on the wire */
  readonly authKey: string | null;
  /** chunk 0x11; Asterisk puts the Call-ID here */
  readonly correlationId: string | null;
  /** chunk 0x13, the agent's name */
  readonly nodeName: string | null;
}

/** A whole HEPv3 packet at the most: its length field has 16 bits. */
export const HEP_MAX_BYTES = 65535;

/** A compressed payload may become this long and no longer. */
export const HEP_INFLATED_MAX_BYTES = 65536;

const MAGIC = 0x48455033; // "HEP3"
const CHUNK_HEADER = 6;

const CHUNK = {
  family: 0x01,
  protocol: 0x02,
  source4: 0x03,
  destination4: 0x04,
  source6: 0x05,
  destination6: 0x06,
  sourcePort: 0x07,
  destinationPort: 0x08,
  seconds: 0x09,
  microseconds: 0x0a,
  payloadType: 0x0b,
  captureId: 0x0c,
  authKey: 0x0e,
  payload: 0x0f,
  compressed: 0x10,
  correlationId: 0x11,
  nodeName: 0x13,
} as const;

/** Data bytes of chunk ids 0 to 0x13; 0: any number. Keep-alive (0x0d) and VLAN (0x12) are not used, so not checked. */
const WIDTHS = [0, 1, 1, 4, 4, 16, 16, 2, 2, 4, 4, 1, 4, 0, 0, 0, 0, 0, 0, 0] as const;

const AF_INET = 2;
const AF_INET6 = 10; // on Linux; 24, 28 or 30 elsewhere, so what is read as IPv6 is "not 2"

function transportOf(protocol: number): Transport {
  if (protocol === 6) return 'tcp';
  if (protocol === 22) return 'tls';
  return protocol === 132 ? 'sctp' : 'udp';
}

/** A decoded packet: numbers are read at once, text and views are made when asked for. Offsets are 0 when absent. */
class Mirrored implements HepPacket {
  readonly #bytes: Buffer;
  #payload: Buffer | null = null;
  version: 1 | 2 | 3 = 3;
  protocol = 0;
  sourcePort = 0;
  destinationPort = 0;
  seenAt: Millis | null = null;
  captureId = 0;
  payloadType = 0;
  sourceAt = 0;
  destinationAt = 0;
  addressLength: 4 | 16 = 4;
  payloadAt = 0;
  payloadEnd = 0;
  authAt = 0;
  correlationAt = 0;
  nodeAt = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  get transport(): Transport {
    return transportOf(this.protocol);
  }
  get source(): string {
    return addressFromBytes(this.#bytes, this.sourceAt, this.addressLength);
  }
  get destination(): string {
    return addressFromBytes(this.#bytes, this.destinationAt, this.addressLength);
  }
  get payload(): Buffer {
    return (this.#payload ??= this.#bytes.subarray(this.payloadAt, this.payloadEnd));
  }
  set payload(inflated: Buffer) {
    this.#payload = inflated;
  }
  get authKey(): string | null {
    return this.#text(this.authAt);
  }
  get correlationId(): string | null {
    return this.#text(this.correlationAt);
  }
  get nodeName(): string | null {
    return this.#text(this.nodeAt);
  }

  /** Text of the chunk whose data begin at `at`. */
  #text(at: number): string | null {
    if (at === 0) return null;
    return this.#bytes.toString('utf8', at, chunkEnd(this.#bytes, at));
  }
}

/**
 * Decodes one datagram (v3, v2 or v1, told by its first bytes). Bytes after a v3 packet's own end are ignored; of a
 * chunk that comes twice the last one counts, as in other collectors. `inflatedMaxBytes` bounds a compressed payload
 * (0: none taken).
 */
export function decodeHep(bytes: Buffer, inflatedMaxBytes = HEP_INFLATED_MAX_BYTES): Parsed<HepPacket> {
  if (bytes.length >= CHUNK_HEADER && bytes.readUInt32BE(0) === MAGIC) return decodeV3(bytes, inflatedMaxBytes);
  if (bytes[0] === 1 || bytes[0] === 2) return decodeOld(bytes, bytes[0]);
  return refused('not HEP: starts with neither "HEP3" nor version 2 or 1');
}

// Plain indexing: four times as fast here as Buffer's read methods, which check their arguments each time.
const u16 = (bytes: Uint8Array, at: number): number => ((bytes[at] ?? 0) << 8) | (bytes[at + 1] ?? 0);
const u32 = (bytes: Uint8Array, at: number): number => u16(bytes, at) * 65536 + u16(bytes, at + 2);

/**
 * Where the data of the standard chunks of the packet in hand begin, by id; 0: absent. Reused, for it is read at once.
 */
const found = new Uint32Array(WIDTHS.length);

function decodeV3(bytes: Buffer, inflatedMaxBytes: number): Parsed<HepPacket> {
  const end = u16(bytes, 4);
  if (end > bytes.length) return refused(`truncated: ${bytes.length} of ${end} bytes`, bytes.length);
  if (end < CHUNK_HEADER) return refused(`total length ${end} is less than the header`, 4);
  found.fill(0);
  for (let at = CHUNK_HEADER; at < end;) {
    if (end - at < CHUNK_HEADER) return refused('chunk header goes beyond the end of the packet', at);
    const length = u16(bytes, at + 4);
    if (length < CHUNK_HEADER) return refused(`chunk length ${length} is less than its header`, at + 4);
    if (length > end - at) return refused(`chunk of ${length} bytes goes beyond the end of the packet`, at + 4);
    const id = u16(bytes, at + 2);
    // a vendor's chunks are skipped: their ids mean something else
    if (id < WIDTHS.length && u16(bytes, at) === 0) {
      const width = WIDTHS[id] ?? 0;
      if (width !== 0 && length !== CHUNK_HEADER + width) {
        return refused(`chunk ${id} holds ${length - CHUNK_HEADER} bytes instead of ${width}`, at + 4);
      }
      found[id] = at + CHUNK_HEADER;
    }
    at += length;
  }
  return assemble(bytes, end, inflatedMaxBytes);
}

const chunkAt = (id: number): number => found[id] ?? 0;
/** Where the chunk ends whose data begin at `data`: its length field stands two bytes before. */
const chunkEnd = (bytes: Buffer, data: number): number => data - CHUNK_HEADER + u16(bytes, data - 2);

/** The packet that the chunks in `found` make. */
function assemble(bytes: Buffer, end: number, inflatedMaxBytes: number): Parsed<HepPacket> {
  const packet = new Mirrored(bytes);
  const has4 = chunkAt(CHUNK.source4) !== 0 && chunkAt(CHUNK.destination4) !== 0;
  const has6 = chunkAt(CHUNK.source6) !== 0 && chunkAt(CHUNK.destination6) !== 0;
  if (!has4 && !has6) return refused('no source and destination address', end);
  const family = chunkAt(CHUNK.family);
  const is4 = has4 && (!has6 || (family !== 0 && (bytes[family] ?? 0) === AF_INET));
  packet.addressLength = is4 ? 4 : 16;
  packet.sourceAt = chunkAt(is4 ? CHUNK.source4 : CHUNK.source6);
  packet.destinationAt = chunkAt(is4 ? CHUNK.destination4 : CHUNK.destination6);
  const type = chunkAt(CHUNK.payloadType);
  if (type === 0) return refused('no payload type', end);
  packet.payloadType = bytes[type] ?? 0;
  const protocol = chunkAt(CHUNK.protocol);
  if (protocol !== 0) packet.protocol = bytes[protocol] ?? 0;
  const sourcePort = chunkAt(CHUNK.sourcePort);
  if (sourcePort !== 0) packet.sourcePort = u16(bytes, sourcePort);
  const destinationPort = chunkAt(CHUNK.destinationPort);
  if (destinationPort !== 0) packet.destinationPort = u16(bytes, destinationPort);
  const captureId = chunkAt(CHUNK.captureId);
  if (captureId !== 0) packet.captureId = u32(bytes, captureId);
  const seconds = chunkAt(CHUNK.seconds);
  const microseconds = chunkAt(CHUNK.microseconds);
  if (seconds !== 0) {
    packet.seenAt = u32(bytes, seconds) * 1000;
    if (microseconds !== 0) packet.seenAt += Math.trunc(u32(bytes, microseconds) / 1000);
  }
  packet.authAt = chunkAt(CHUNK.authKey);
  packet.correlationAt = chunkAt(CHUNK.correlationId);
  packet.nodeAt = chunkAt(CHUNK.nodeName);
  const payload = chunkAt(CHUNK.payload);
  const compressed = chunkAt(CHUNK.compressed);
  if (payload !== 0) {
    packet.payloadAt = payload;
    packet.payloadEnd = chunkEnd(bytes, payload);
  } else if (compressed !== 0) {
    const inflated = inflate(bytes.subarray(compressed, chunkEnd(bytes, compressed)), inflatedMaxBytes);
    if (inflated === null) return refused('compressed payload is broken or too long', compressed);
    packet.payload = inflated;
  } else return refused('no payload', end);
  return parsed(packet);
}

/** zlib (RFC 1950) or gzip (RFC 1952) data, null when broken or longer than `maxBytes`. */
function inflate(data: Buffer, maxBytes: number): Buffer | null {
  if (data.length < 2 || maxBytes <= 0) return null;
  const head = data.readUInt16BE(0);
  // a wrong header is told here for little: what zlib throws costs far more
  if (head !== 0x1f8b && ((head & 0x0f00) !== 0x0800 || head % 31 !== 0)) return null;
  try {
    return unzipSync(data, { maxOutputLength: maxBytes });
  } catch {
    return null;
  }
}

function decodeOld(bytes: Buffer, version: 1 | 2): Parsed<HepPacket> {
  const name = `HEPv${version}`;
  if (bytes.length < 8) return refused(`${name}: truncated header`, bytes.length);
  const addressLength = bytes[2] === AF_INET ? 4 : 16;
  const time = 8 + 2 * addressLength;
  const payload = version === 1 ? time : time + 12;
  // v2 senders count the 12 bytes of time and agent, or (Kamailio) do not
  if (bytes[1] !== time && bytes[1] !== payload) return refused(`${name}: header length does not fit the family`, 1);
  if (bytes.length < payload) return refused(`${name}: truncated header`, bytes.length);
  if (bytes.length === payload) return refused(`${name}: no payload`, payload);
  const packet = new Mirrored(bytes);
  packet.version = version;
  packet.protocol = bytes.readUInt8(3);
  packet.sourcePort = bytes.readUInt16BE(4);
  packet.destinationPort = bytes.readUInt16BE(6);
  packet.addressLength = addressLength;
  packet.sourceAt = 8;
  packet.destinationAt = 8 + addressLength;
  packet.payloadType = 1;
  packet.payloadAt = payload;
  packet.payloadEnd = bytes.length;
  if (version === 2) {
    packet.seenAt = bytes.readUInt32LE(time) * 1000 + Math.trunc(bytes.readUInt32LE(time + 4) / 1000);
    packet.captureId = bytes.readUInt16LE(time + 8);
  }
  return parsed(packet);
}

/**
 * Encodes a packet as HEPv3, chunks in Kamailio's order. Throws RangeError for what no packet can hold: an address that
 * is none, or more than `HEP_MAX_BYTES` in all (headers, texts and a payload: 65,535 bytes).
 */
export function encodeHep(packet: Omit<HepPacket, 'version' | 'transport'>): Buffer {
  const source = addressToBytes(packet.source);
  const destination = addressToBytes(packet.destination);
  if (source === null || destination === null) throw new RangeError('HEP needs two IP addresses');
  const is4 = source.length === 4 && destination.length === 4;
  const chunks: Buffer[] = [
    chunkOf(CHUNK.family, integer(1, is4 ? AF_INET : AF_INET6)),
    chunkOf(CHUNK.protocol, integer(1, packet.protocol)),
    chunkOf(is4 ? CHUNK.source4 : CHUNK.source6, is4 ? source : widened(source)),
    chunkOf(is4 ? CHUNK.destination4 : CHUNK.destination6, is4 ? destination : widened(destination)),
    chunkOf(CHUNK.sourcePort, integer(2, packet.sourcePort)),
    chunkOf(CHUNK.destinationPort, integer(2, packet.destinationPort)),
  ];
  if (packet.seenAt !== null) {
    const seconds = Math.floor(packet.seenAt / 1000);
    chunks.push(chunkOf(CHUNK.seconds, integer(4, seconds)));
    chunks.push(chunkOf(CHUNK.microseconds, integer(4, Math.trunc((packet.seenAt - seconds * 1000) * 1000))));
  }
  chunks.push(chunkOf(CHUNK.payloadType, integer(1, packet.payloadType)));
  chunks.push(chunkOf(CHUNK.captureId, integer(4, packet.captureId)));
  if (packet.correlationId !== null) chunks.push(chunkOf(CHUNK.correlationId, Buffer.from(packet.correlationId)));
  if (packet.authKey !== null) chunks.push(chunkOf(CHUNK.authKey, Buffer.from(packet.authKey)));
  if (packet.nodeName !== null) chunks.push(chunkOf(CHUNK.nodeName, Buffer.from(packet.nodeName)));
  chunks.push(chunkOf(CHUNK.payload, packet.payload));
  const total = chunks.reduce((sum, chunk) => sum + chunk.length, CHUNK_HEADER);
  if (total > HEP_MAX_BYTES) throw new RangeError(`HEP packet of ${total} bytes: ${HEP_MAX_BYTES} are the most`);
  const header = Buffer.alloc(CHUNK_HEADER);
  header.writeUInt32BE(MAGIC, 0);
  header.writeUInt16BE(total, 4);
  return Buffer.concat([header, ...chunks], total);
}

function integer(width: 1 | 2 | 4, value: number): Buffer {
  const bytes = Buffer.alloc(width);
  bytes.writeUIntBE(value, 0, width);
  return bytes;
}

function chunkOf(id: number, data: Uint8Array): Buffer {
  const chunk = Buffer.alloc(CHUNK_HEADER + data.length);
  chunk.writeUInt16BE(id, 2);
  chunk.writeUInt16BE(Math.min(chunk.length, HEP_MAX_BYTES), 4); // too long a packet is refused as a whole
  chunk.set(data, CHUNK_HEADER);
  return chunk;
}

/** An IPv4 address as IPv4-mapped IPv6 (RFC 4291 section 2.5.5.2), for a packet of mixed families. */
const widened = (address: Uint8Array): Uint8Array =>
  address.length === 16 ? address : Buffer.concat([Buffer.alloc(10), Buffer.from([255, 255]), address]);
