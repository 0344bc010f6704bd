/** From a frame to the IP packet in it: link layers, IPv4 (RFC 791) and IPv6 with its extension headers (RFC 8200). */
import { addressFromBytes } from '../address.ts';
import { parsed, refused } from '../parsed.ts';
import type { Parsed } from '../parsed.ts';

/** The IP packet of a frame. */
export interface IpPacket {
  readonly source: string;
  readonly destination: string;
  /** IP protocol number of `payload` (IPv6: of the last header that was passed) */
  readonly protocol: number;
  /** a view; of a fragment, its part */
  readonly payload: Buffer;
  /** bytes of the payload that were sent but not captured */
  readonly cut: number;
  /** null: a whole packet */
  readonly fragment: Fragment | null;
}

export interface Fragment {
  readonly id: number;
  /** bytes from the start of the whole payload */
  readonly offset: number;
  readonly last: boolean;
}

const IPV4 = 0x0800;
const IPV6 = 0x86dd;
const PPPOE = 0x8864;
const VLAN_TAGS: readonly number[] = [0x8100, 0x88a8, 0x9100]; // 802.1Q, 802.1ad, and QinQ before it had a number

/**
 * Where the IP header starts, by the EtherType at `typeAt` and the data behind it; -1: not IP, -2: the frame ends
 * before.
 */
function afterEtherType(bytes: Buffer, typeAt: number, data = typeAt + 2): number {
  for (let tags = 0; tags <= 4; tags++) {
    if (typeAt + 2 > bytes.length) return -2;
    const type = bytes.readUInt16BE(typeAt);
    if (type === IPV4 || type === IPV6) return data;
    if (type === PPPOE) {
      if (data + 8 > bytes.length) return -2;
      const protocol = bytes.readUInt16BE(data + 6); // RFC 2516, RFC 1332, RFC 5072
      return protocol === 0x0021 || protocol === 0x0057 ? data + 8 : -1;
    }
    if (!VLAN_TAGS.includes(type)) return -1;
    typeAt = data + 2;
    data = typeAt + 2;
  }
  return -1;
}

/**
 * Address family of a BSD loopback frame: the host's order (0) or network order (108). 2 is IPv4, IPv6 differs by
 * system.
 */
function afterFamily(bytes: Buffer): number {
  if (bytes.length < 4) return -2;
  const family = Math.min(bytes.readUInt32LE(0), bytes.readUInt32BE(0));
  return [2, 10, 24, 28, 30].includes(family) ? 4 : -1;
}

/** By LINKTYPE_ value: where the IP header starts. A cooked frame may carry VLAN tags too. */
const LINKS: ReadonlyMap<number, (bytes: Buffer) => number> = new Map([
  [0, afterFamily], // NULL
  [1, (bytes: Buffer) => afterEtherType(bytes, 12)], // ETHERNET
  [12, () => 0], // RAW on most systems
  [14, () => 0], // RAW on OpenBSD
  [101, () => 0], // RAW
  [108, afterFamily], // LOOP
  [113, (bytes: Buffer) => afterEtherType(bytes, 14)], // LINUX_SLL
  [228, () => 0], // IPV4
  [229, () => 0], // IPV6
  [276, (bytes: Buffer) => afterEtherType(bytes, 0, 20)], // LINUX_SLL2
]);

export const isKnownLinkType = (linkType: number): boolean => LINKS.has(linkType);

/** The IP packet in a frame; null: it carries none (ARP, LLDP, …), or the link type is not known. */
export function ipPacketOf(linkType: number, bytes: Buffer): Parsed<IpPacket> | null {
  const at = LINKS.get(linkType)?.(bytes) ?? -1;
  if (at === -1) return null;
  if (at < 0 || at >= bytes.length) return refused('frame ends in its link header', bytes.length);
  const version = bytes.readUInt8(at) >> 4;
  if (version === 4) return ipv4(bytes, at);
  if (version === 6) return ipv6(bytes, at);
  return refused(`IP version ${version}`, at);
}

function ipv4(bytes: Buffer, at: number): Parsed<IpPacket> {
  if (bytes.length - at < 20) return refused('IPv4: header is cut', bytes.length);
  const header = (bytes.readUInt8(at) & 15) * 4;
  if (header < 20) return refused(`IPv4: header of ${header} bytes`, at);
  // 0: the network card will cut a long segment, and writes the length later
  const total = bytes.readUInt16BE(at + 2) || bytes.length - at;
  if (total < header) return refused(`IPv4: total length ${total} is less than the header`, at + 2);
  if (bytes.length - at < header) return refused('IPv4: header is cut', bytes.length);
  const end = Math.min(at + total, bytes.length);
  const flags = bytes.readUInt16BE(at + 6);
  const offset = (flags & 0x1fff) * 8;
  const more = (flags & 0x2000) !== 0;
  return parsed({
    source: addressFromBytes(bytes, at + 12, 4),
    destination: addressFromBytes(bytes, at + 16, 4),
    protocol: bytes.readUInt8(at + 9),
    payload: bytes.subarray(at + header, end),
    cut: at + total - end,
    fragment: offset === 0 && !more ? null : { id: bytes.readUInt16BE(at + 4), offset, last: !more },
  });
}

const FRAGMENT = 44;
const AUTHENTICATION = 51;
/** hop-by-hop, routing, fragment, authentication, destination options, mobility, HIP, shim6 */
const EXTENSION_HEADERS: readonly number[] = [0, 43, FRAGMENT, AUTHENTICATION, 60, 135, 139, 140];

function ipv6(bytes: Buffer, at: number): Parsed<IpPacket> {
  if (bytes.length - at < 40) return refused('IPv6: header is cut', bytes.length);
  const length = bytes.readUInt16BE(at + 4) || bytes.length - at - 40; // 0: a jumbogram or segmentation offload
  const sent = at + 40 + length;
  const end = Math.min(sent, bytes.length);
  const upper = upperLayer(bytes.readUInt8(at + 6), bytes.subarray(at + 40, end));
  if (!upper.ok) return refused(upper.reason, at + 40 + upper.offset);
  return parsed({
    source: addressFromBytes(bytes, at + 8, 16),
    destination: addressFromBytes(bytes, at + 24, 16),
    ...upper.value,
    cut: sent - end,
  });
}

/**
 * Passes the extension headers of IPv6 that stand before `payload`'s own data, as far as a fragment header: the headers
 * behind that one belong to the whole and are passed when it is.
 */
export function upperLayer(
  protocol: number,
  payload: Buffer,
): Parsed<Pick<IpPacket, 'protocol' | 'payload' | 'fragment'>> {
  let at = 0;
  for (let headers = 0; EXTENSION_HEADERS.includes(protocol); headers++) {
    if (headers === 10) return refused('IPv6: more than 10 extension headers', at);
    if (at + 8 > payload.length) return refused('IPv6: extension header is cut', at);
    const next = payload.readUInt8(at);
    if (protocol === FRAGMENT) {
      const flags = payload.readUInt16BE(at + 2);
      const id = payload.readUInt32BE(at + 4);
      at += 8;
      // RFC 6946: offset 0 and nothing more to come is a whole packet
      if ((flags & 0xfff9) !== 0) {
        const fragment = { id, offset: flags & 0xfff8, last: (flags & 1) === 0 };
        return parsed({ protocol: next, payload: payload.subarray(at), fragment });
      }
    } else {
      const units = payload.readUInt8(at + 1);
      at += protocol === AUTHENTICATION ? (units + 2) * 4 : (units + 1) * 8;
      if (at > payload.length) return refused('IPv6: extension header is cut', payload.length);
    }
    protocol = next;
  }
  return parsed({ protocol, payload: payload.subarray(at), fragment: null });
}
