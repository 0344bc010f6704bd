import { isIPv4, isIPv6 } from 'node:net';

/** Value of one IPv4 address in network order, 0 to 2^32-1; -1 when the text is not dotted decimal. */
export function ipv4Value(text: string): number {
  let value = 0;
  let octet = -1;
  let dots = 0;
  for (let i = 0; i < text.length; i++) {
    const c = text.charCodeAt(i);
    if (c === 46) {
      if (octet < 0 || ++dots > 3) return -1;
      value = value * 256 + octet;
      octet = -1;
    } else if (c >= 48 && c <= 57) {
      if (octet === 0) return -1; // a leading zero is octal to some readers: refuse what is read in two ways
      octet = octet < 0 ? c - 48 : octet * 10 + (c - 48);
      if (octet > 255) return -1;
    } else return -1;
  }
  return dots === 3 && octet >= 0 ? value * 256 + octet : -1;
}

const ipv4Text = (value: number): string =>
  `${Math.floor(value / 0x1000000)}.${(value >>> 16) & 255}.${(value >>> 8) & 255}.${value & 255}`;

/** The eight groups of an IPv6 address (RFC 4291 section 2.2), or null. A zone index (%eth0) is dropped. */
function ipv6Groups(text: string): number[] | null {
  const percent = text.indexOf('%');
  const bare = percent < 0 ? text : text.slice(0, percent);
  if (!isIPv6(bare)) return null;
  let tail: number[] = [];
  let head = bare;
  if (bare.includes('.')) {
    const at = bare.lastIndexOf(':') + 1;
    const v4 = ipv4Value(bare.slice(at));
    if (v4 < 0) return null;
    tail = [Math.floor(v4 / 65536), v4 % 65536];
    head = bare.slice(0, at);
    head = head.endsWith('::') ? head : head.slice(0, -1);
  }
  const [left = '', right] = head.split('::');
  const groups = (part: string): number[] => (part === '' ? [] : part.split(':').map((g) => parseInt(g, 16)));
  const before = groups(left);
  if (right === undefined) return [...before, ...tail];
  const after = [...groups(right), ...tail];
  return [...before, ...new Array<number>(8 - before.length - after.length).fill(0), ...after];
}

/** RFC 5952: lower case, no leading zeros, the longest run of two or more zero groups as `::`. */
function ipv6Text(groups: readonly number[]): string {
  let start = -1;
  let length = 1;
  for (let i = 0; i < 8; i++) {
    let n = 0;
    while (i + n < 8 && groups[i + n] === 0) n++;
    if (n > length) {
      start = i;
      length = n;
    }
    if (n > 0) i += n - 1;
  }
  const hex = (part: readonly number[]): string => part.map((g) => g.toString(16)).join(':');
  return start < 0 ? hex(groups) : `${hex(groups.slice(0, start))}::${hex(groups.slice(start + length))}`;
}

const isMapped = (g: readonly number[]): boolean => g[5] === 0xffff && g.slice(0, 5).every((x) => x === 0);

const mappedValue = (g: readonly number[]): number => (g[6] ?? 0) * 65536 + (g[7] ?? 0);

/**
 * Canonical text of an IP address, so that one address has one spelling: IPv6 by RFC 5952, IPv4-mapped IPv6
 * (::ffff:192.0.2.1) as the IPv4 address it is, brackets and zone index dropped. null: not an IP address.
 */
export function canonicalAddress(text: string): string | null {
  if (isIPv4(text)) return text;
  const groups = ipv6Groups(text.startsWith('[') && text.endsWith(']') ? text.slice(1, -1) : text);
  if (groups === null) return null;
  if (isMapped(groups)) return ipv4Text(mappedValue(groups));
  return ipv6Text(groups);
}

// The few peers of a site send nearly all packets, so a text is built once and not once a packet. Direct-mapped: no
// eviction, a fixed size, and a flood of new addresses costs each packet one text. A slot of zeros holds its own text.
const SLOTS = 4096;
const ipv4Keys = new Uint32Array(SLOTS);
const ipv4Texts = new Array<string>(SLOTS).fill('0.0.0.0');
const ipv6Keys = new Uint32Array(SLOTS * 4);
const ipv6Texts = new Array<string>(SLOTS).fill('::');

const word = (bytes: Uint8Array, at: number): number =>
  (((bytes[at] ?? 0) << 24) | ((bytes[at + 1] ?? 0) << 16) | ((bytes[at + 2] ?? 0) << 8) | (bytes[at + 3] ?? 0)) >>> 0;

const slotOf = (key: number): number => Math.imul(key, 0x9e3779b1) >>> 20;

/**
 * Canonical text (see `canonicalAddress`) of the address that stands at `at` in network order: 4 bytes of IPv4 or 16 of
 * IPv6. Bytes beyond the end count as zero: check the length first.
 */
export function addressFromBytes(bytes: Uint8Array, at: number, length: 4 | 16): string {
  const a = word(bytes, at);
  if (length === 4) {
    const slot = slotOf(a);
    if (ipv4Keys[slot] !== a) {
      ipv4Keys[slot] = a;
      ipv4Texts[slot] = ipv4Text(a);
    }
    return ipv4Texts[slot] ?? '';
  }
  const b = word(bytes, at + 4);
  const c = word(bytes, at + 8);
  const d = word(bytes, at + 12);
  const slot = slotOf(a ^ Math.imul(b, 31) ^ Math.imul(c, 961) ^ Math.imul(d, 29791));
  const k = slot * 4;
  if (ipv6Keys[k] !== a || ipv6Keys[k + 1] !== b || ipv6Keys[k + 2] !== c || ipv6Keys[k + 3] !== d) {
    ipv6Keys.set([a, b, c, d], k);
    const groups = [a, b, c, d].flatMap((w) => [w >>> 16, w & 0xffff]);
    ipv6Texts[slot] = isMapped(groups) ? ipv4Text(d) : ipv6Text(groups);
  }
  return ipv6Texts[slot] ?? '';
}

/** The 4 bytes of an IPv4 address or the 16 of an IPv6 address in network order; null: not an IP address. */
export function addressToBytes(text: string): Uint8Array | null {
  const v4 = ipv4Value(text);
  if (v4 >= 0) return Uint8Array.of(v4 >>> 24, (v4 >>> 16) & 255, (v4 >>> 8) & 255, v4 & 255);
  const groups = ipv6Groups(text);
  return groups?.length === 8 ? Uint8Array.from(groups.flatMap((g) => [g >>> 8, g & 255])) : null;
}

/**
 * Whom an address stands for when sources are counted: an IPv4 address itself, of an IPv6 address the /64, for one host
 * owns a whole /64 (RFC 4291 section 2.5.4) and could count as 2^64 sources.
 */
export function sourceKey(address: string): string {
  if (!address.includes(':')) return address;
  const groups = ipv6Groups(address);
  return groups === null ? address : `${ipv6Text([...groups.slice(0, 4), 0, 0, 0, 0])}/64`;
}

interface Block {
  readonly bits: number;
  readonly groups: readonly number[];
}

const maskTo = (groups: readonly number[], bits: number): number[] =>
  groups.map((g, i) => {
    const keep = Math.min(16, Math.max(0, bits - i * 16));
    return g & ((0xffff << (16 - keep)) & 0xffff);
  });

const v4Groups = (value: number): number[] => [0, 0, 0, 0, 0, 0xffff, Math.floor(value / 65536), value % 65536];

function parseBlock(text: string): Block | null {
  const [base = '', prefix, ...rest] = text.split('/');
  if (rest.length > 0 || (prefix !== undefined && !/^\d{1,3}$/.test(prefix))) return null;
  const v4 = ipv4Value(base);
  const groups = v4 >= 0 ? v4Groups(v4) : ipv6Groups(base);
  if (groups?.length !== 8) return null;
  const width = v4 >= 0 ? 32 : 128;
  const length = prefix === undefined ? width : Number(prefix);
  if (length > width) return null;
  const bits = v4 >= 0 ? 96 + length : length;
  return { bits, groups: maskTo(groups, bits) };
}

/** Is this an address or a CIDR block (RFC 4632, RFC 4291 section 2.3)? */
export const isAddressOrBlock = (text: string): boolean => parseBlock(text) !== null;

/**
 * A set of addresses and CIDR blocks; one look-up costs one hash probe per distinct prefix length. IPv4 is matched by
 * IPv4 blocks (and by blocks within ::ffff:0:0/96, which are the same thing), never by an IPv6 block such as ::/0.
 */
export class CidrSet {
  /** netmask -> network addresses, both unsigned 32 bit */
  readonly #v4 = new Map<number, Set<number>>();
  /** prefix length -> masked groups as text */
  readonly #v6 = new Map<number, Set<string>>();

  /** Entries that are neither address nor block are ignored: settings are checked by `isAddressOrBlock` first. */
  constructor(entries: Iterable<string>) {
    for (const entry of entries) {
      const block = parseBlock(entry);
      if (block === null) continue;
      if (block.bits >= 96 && isMapped(block.groups)) {
        const mask = block.bits === 96 ? 0 : (0xffffffff << (128 - block.bits)) >>> 0;
        const set = this.#v4.get(mask) ?? new Set<number>();
        this.#v4.set(mask, set.add(mappedValue(block.groups)));
      } else {
        const set = this.#v6.get(block.bits) ?? new Set<string>();
        this.#v6.set(block.bits, set.add(block.groups.join(':')));
      }
    }
  }

  get isEmpty(): boolean {
    return this.#v4.size === 0 && this.#v6.size === 0;
  }

  has(address: string): boolean {
    const v4 = ipv4Value(address);
    if (v4 >= 0) return this.#hasV4(v4);
    if (this.isEmpty) return false;
    const groups = ipv6Groups(address);
    if (groups === null) return false;
    if (isMapped(groups)) return this.#hasV4(mappedValue(groups));
    for (const [bits, set] of this.#v6) if (set.has(maskTo(groups, bits).join(':'))) return true;
    return false;
  }

  #hasV4(value: number): boolean {
    for (const [mask, set] of this.#v4) if (set.has((value & mask) >>> 0)) return true;
    return false;
  }
}
