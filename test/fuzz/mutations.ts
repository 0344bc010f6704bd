/** Random and mutated inputs that are the same in every run with the same seed. */

/** A number from 0 to below `limit`. */
export type Random = (limit: number) => number;

/** mulberry32: 32 bits of state, good enough to choose bytes. */
export function randomFrom(seed: number): Random {
  let state = seed >>> 0;
  return (limit) => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return Math.floor((((t ^ (t >>> 14)) >>> 0) / 4294967296) * limit);
  };
}

/** What breaks readers: ends of lines, fields and strings, numbers at the edge of their types, text that is more than it seems. */
const TOKENS: readonly Buffer[] = [
  ...['\r\n', '\n', '\r', '\r\n\r\n', '\r\n ', '\0', '%00', '%', '%zz', '"', '""', '\\', '<', '>', ';', ',', '=', ':'],
  ...['@', '*', '/', ' ', '\t', '-1', '0', '4294967296', '99999999999999999999', '1e309', '0x7f', 'NaN', 'null'],
  ...[
    '__proto__',
    'constructor',
    'toString',
    '[::1]',
    '[',
    '127.0.0.1',
    '999.1.1.1',
    '+',
    '00371',
    '9999-99-99 99:99:99',
  ],
  ...['\u001b[31m', '\u202e', 'ü', '😀', 'sip:', 'tel:+1', 'Contact: *', 'Expires: 0', 'Content-Length: 70000'],
  ...['SIP/2.0 200 OK\r\n', 'INVITE sip:x SIP/2.0\r\n', 'Event: Newchannel\r\n', ';'.repeat(300), 'a'.repeat(3_000)],
  ...[',<sip:a@b>'.repeat(200), ' \r\n'.repeat(300), '%41'.repeat(500), '"'.repeat(501)],
].map((text) => Buffer.from(text));
const EDGES = [0, 1, 5, 6, 0x0a, 0x0d, 0x20, 0x22, 0x7f, 0x80, 0xc3, 0xff];

const LONGEST = 65_535;

const joined = (...parts: readonly Buffer[]): Buffer => Buffer.concat(parts).subarray(0, LONGEST);

/** One change; `other` is another input of the same kind to take a piece from. */
function changed(bytes: Buffer, other: Buffer, random: Random): Buffer {
  const at = random(bytes.length + 1);
  const length = random(random(4) === 0 ? bytes.length + 1 : 24);
  switch (random(9)) {
    case 0:
    case 1: {
      const copy = Buffer.from(bytes);
      if (copy.length > 0)
        copy[random(copy.length)] = random(2) === 0 ? random(256) : (EDGES[random(EDGES.length)] ?? 0);
      return copy;
    }
    case 2: {
      // one bit
      const copy = Buffer.from(bytes);
      const byte = random(copy.length);
      if (copy.length > 0) copy[byte] = (copy[byte] ?? 0) ^ (1 << random(8));
      return copy;
    }
    case 3:
      return bytes.subarray(0, at);
    case 4:
      return joined(bytes.subarray(0, at), bytes.subarray(at + length));
    case 5:
      return joined(bytes.subarray(0, at), bytes.subarray(Math.max(0, at - length)));
    case 6:
    case 7:
      return joined(bytes.subarray(0, at), TOKENS[random(TOKENS.length)] ?? bytes, bytes.subarray(at));
    default: {
      const from = random(other.length + 1);
      return joined(
        bytes.subarray(0, at),
        other.subarray(from, from + length),
        bytes.subarray(at + random(length + 1)),
      );
    }
  }
}

/** One to six changes of an input; one in sixteen is nothing but noise behind the first bytes of a real one. */
export function mutated(corpus: readonly Buffer[], random: Random): Buffer {
  const pick = (): Buffer => corpus[random(corpus.length)] ?? Buffer.alloc(0);
  const original = pick();
  if (random(16) === 0) {
    const noise = Buffer.from(Array.from({ length: random(200) }, () => random(256)));
    return joined(original.subarray(0, random(12)), noise);
  }
  let bytes = original;
  for (let changes = random(6); changes >= 0; changes--) bytes = changed(bytes, pick(), random);
  return bytes;
}
