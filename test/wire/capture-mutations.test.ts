import assert from 'node:assert/strict';
import { CaptureReader } from '../../src/wire/capture.ts';
import { SipFramer } from '../../src/wire/sip-stream.ts';
import { ethernet, fragment6, ipv4, ipv6, pcap, pcapng, tcp, udp } from '../support/capture-builder.ts';
import { listData, readData } from '../support/data.ts';
import { cpuTime } from '../support/cpu-time.ts';

const RUNS = process.env['RINGFENCE_LONG'] === '1' ? 200_000 : 20_000;

/** The same numbers in every run. */
function generator(seed: number): (below: number) => number {
  return (below) => {
    seed = (Math.imul(seed, 1103515245) + 12345) >>> 0;
    return (seed >>> 8) % below;
  };
}

/** A capture of everything that the reader knows: datagrams, fragments and a SIP message over swapped TCP segments. */
function frames(): Buffer[] {
  const text = 'OPTIONS sip:a SIP/2.0\r\nTo: <sip:b>\r\nContent-Length: 4\r\n\r\nbody';
  const inTcp = { protocol: 6 };
  return [
    ipv4(udp(text), { options: 4 }),
    ipv4(udp(text).subarray(32), { offset: 32 }),
    ipv4(udp(text).subarray(0, 32), { more: true }),
    ipv6(fragment6(17, udp(text).subarray(0, 40), 0, true), 44),
    ipv6(fragment6(17, udp(text).subarray(40), 40, false), 44),
    ipv4(tcp({ seq: 9, flags: 'S' }), inTcp),
    ipv4(tcp({ seq: 50, data: text.slice(40) }), inTcp),
    ipv4(tcp({ seq: 10, data: text.slice(0, 40) }), inTcp),
    ipv4(tcp({ seq: 10 + text.length, flags: 'FA' }), inTcp),
  ];
}

function originals(): Buffer[] {
  const [little, big] = [pcapng(true), pcapng(false)];
  const raw = frames();
  const ng = (f: ReturnType<typeof pcapng>): Buffer =>
    Buffer.concat([
      f.section(),
      f.interface(101, 9, 5),
      f.interface(1),
      ...raw.map((bytes, i) => f.packet(bytes, 0, BigInt(i) << 30n)),
      f.packet(ethernet(raw[0] ?? Buffer.alloc(0), 0x0800, [0x8100]), 1),
      f.simple(raw[0] ?? Buffer.alloc(0)),
    ]);
  const recorded = ['suricata-verify', 'zeek'].flatMap((folder) => listData(folder, '.pcap')).map(readData);
  return [
    ...[1, 101, 113, 276, 0].map((linkType) => pcap(raw.map((bytes, at) => ({ bytes, at })), { linkType })), // prettier-ignore
    pcap(raw.map((bytes, at) => ({ bytes: ethernet(bytes), at })), { little: false, nano: true }), // prettier-ignore
    ng(little),
    ng(big),
    ...recorded.filter((file) => file.length < 8192),
  ];
}

/** Changes bytes, cuts, doubles or swaps pieces. */
function mutate(original: Buffer, next: (below: number) => number): Buffer {
  let bytes = Buffer.from(original);
  for (let changes = next(6); changes >= 0; changes--) {
    const at = next(bytes.length);
    const kind = next(12);
    if (kind < 7) bytes[at] = next(256);
    else if (kind < 9) bytes[at] = [0, 1, 0x7f, 0xff][next(4)] ?? 0;
    else if (kind === 9) bytes = bytes.subarray(0, Math.max(1, at));
    else if (kind === 10) bytes = Buffer.concat([bytes.subarray(0, at), bytes.subarray(Math.max(0, at - next(200)))]);
    else bytes = Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + next(60))]);
    if (bytes.length === 0) return Buffer.from([0]);
  }
  return bytes;
}

describe('mutated captures', () => {
  it(`${RUNS} of them: nothing throws, streams stay in order, and none takes long`, function () {
    this.timeout(300_000);
    const seeds = originals();
    const next = generator(2026);
    const found = { datagram: 0, stream: 0, refused: 0, messages: 0 };
    let slowest = 0;
    for (let run = 0; run < RUNS; run++) {
      const bytes = mutate(seeds[run % seeds.length] ?? Buffer.alloc(1), next);
      const started = cpuTime();
      const reader = new CaptureReader();
      const step = 1 + next(bytes.length);
      const framers = new Map<number, SipFramer>();
      const ended = new Set<number>();
      for (let at = 0; at <= bytes.length; at += step) {
        const last = at + step > bytes.length;
        const captured = [...reader.push(bytes.subarray(at, at + step)), ...(last ? reader.end() : [])];
        for (const c of captured) {
          found[c.kind]++;
          if (c.kind === 'refused') assert.ok(c.offset >= 0 && Number.isInteger(c.offset), c.reason);
          if (c.kind !== 'stream') continue;
          assert.ok(!ended.has(c.stream), 'nothing after the end');
          if (c.end) ended.add(c.stream);
          const framer = framers.get(c.stream) ?? new SipFramer();
          framers.set(c.stream, framer);
          found.messages += framer.push(c.payload, c.gap).filter((message) => message.ok).length;
        }
      }
      assert.equal(ended.size, framers.size, 'every stream ends');
      slowest = Math.max(slowest, cpuTime() - started);
    }
    assert.ok(slowest < 200, `${slowest} ms`);
    for (const [kind, count] of Object.entries(found)) assert.ok(count > RUNS / 10, `${count} of ${kind}`);
  });
});
