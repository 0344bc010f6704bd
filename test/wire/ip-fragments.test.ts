import assert from 'node:assert/strict';
import fc from 'fast-check';
import { FragmentReassembly } from '../../src/wire/ip-fragments.ts';
import type { IpPacket } from '../../src/wire/packet.ts';

const TEXT = 'abcdefghABCDEFGH01234567xyz';

const part = (from: number, to: number, change: Partial<IpPacket> = {}, text = TEXT, id = 1): IpPacket => ({
  source: '192.0.2.1',
  destination: '192.0.2.2',
  protocol: 17,
  payload: Buffer.from(text.slice(from, to)),
  cut: 0,
  fragment: { id, offset: from, last: to >= text.length },
  ...change,
});

/** Feeds fragments a millisecond apart; what comes of each: the whole, the refusal, or '-'. */
function feed(parts: readonly IpPacket[], lost: string[] = []): string[] {
  const reassembly = new FragmentReassembly((reason) => lost.push(reason));
  const out = parts.map((p, at) => {
    const result = reassembly.add(p, at);
    if (result === null) return '-';
    return result.ok ? result.value.payload.toString() : result.reason;
  });
  reassembly.end();
  assert.equal(reassembly.pendingBytes, 0);
  return out;
}

function* orders<T>(items: readonly T[]): Generator<T[]> {
  if (items.length === 0) yield [];
  for (const [i, item] of items.entries()) for (const rest of orders(items.toSpliced(i, 1))) yield [item, ...rest];
}

describe('fragment reassembly', () => {
  const four = [part(0, 8), part(8, 16), part(16, 24), part(24, 27)];

  it('gives the whole in all 24 orders of 4 fragments', () => {
    let count = 0;
    for (const order of orders(four)) {
      assert.deepEqual(feed(order), ['-', '-', '-', TEXT]);
      count++;
    }
    assert.equal(count, 24);
  });

  it('gives the whole of any packet cut anywhere in any order', () => {
    const cuts = fc.uniqueArray(fc.integer({ min: 1, max: 400 }), { maxLength: 20 });
    fc.assert(
      fc.property(fc.integer({ min: 9, max: 3208 }), cuts, fc.infiniteStream(fc.nat()), (length, eighths, random) => {
        const text = Array.from({ length }, (_, i) => String.fromCharCode(33 + (i % 90))).join('');
        const inner = eighths.map((e) => e * 8).filter((at) => at < length);
        const edges = [0, ...inner.sort((a, b) => a - b), length];
        const parts = edges.slice(1).map((to, i) => part(edges[i] ?? 0, to, {}, text));
        const shuffled = parts.map((p) => ({ p, key: Number(random.next().value) })).sort((a, b) => a.key - b.key);
        const out = feed(shuffled.map(({ p }) => p)); // prettier-ignore
        assert.deepEqual(out, [...Array<string>(parts.length - 1).fill('-'), text]);
      }),
      { numRuns: 500 },
    );
  });

  const tests: [sentence: string, parts: IpPacket[], expected: string[], lost?: string[]][] = [
    ['a repeated fragment changes nothing', [four[0]!, four[0]!, four[1]!, four[3]!, four[3]!, four[2]!], ['-', '-', '-', '-', '-', TEXT]],
    ['two packets at once, by id', [part(0, 16), part(0, 16, {}, TEXT.toUpperCase(), 2), part(16, 27, {}, TEXT.toUpperCase(), 2), part(16, 27)],
      ['-', '-', TEXT.toUpperCase(), TEXT]],
    ['two packets at once, by source', [part(0, 16), part(0, 16, { source: '192.0.2.9' }), part(16, 27)], ['-', '-', TEXT], ['missing']],
    ['an id used again after the whole', [part(0, 16), part(16, 27), part(0, 16), part(16, 27)], ['-', TEXT, '-', TEXT]],
    ['an overlap drops the packet, and its rest silently', [part(0, 16), part(8, 24), part(16, 27)], ['-', 'fragments overlap', '-']],
    ['the same place with other bytes is an overlap', [part(0, 16), part(0, 16, { payload: Buffer.alloc(16) })], ['-', 'fragments overlap']],
    ['two ends', [part(16, 27), part(8, 11, { fragment: { id: 1, offset: 8, last: true } })], ['-', 'fragments disagree on the length of the whole']],
    ['a fragment beyond the end', [part(16, 27), part(0, 8, { fragment: { id: 1, offset: 64, last: false } })],
      ['-', 'fragments disagree on the length of the whole']],
    ['an end before what is there', [part(16, 24), part(0, 8, { fragment: { id: 1, offset: 0, last: true } })],
      ['-', 'fragments disagree on the length of the whole']],
    ['an odd length in the middle', [part(0, 9)], ['fragment of 9 bytes is not a multiple of 8']],
    ['an empty fragment', [part(8, 8)], ['fragment of 0 bytes is not a multiple of 8']],
    ['beyond 65535 bytes: the ping of death', [part(0, 27, { fragment: { id: 1, offset: 65528, last: true } })], ['fragment goes beyond 65535 bytes']],
    ['a fragment cut by the capture', [part(0, 8, { cut: 8 })], ['fragment was not captured whole']],
    ['the last alone', [part(24, 27)], ['-'], ['missing']],
    ['no fragment at all', [part(0, 27, { fragment: null })], [TEXT]],
  ]; // prettier-ignore
  for (const [sentence, parts, expected, lost = []] of tests) {
    it(sentence, () => {
      const gone: string[] = [];
      assert.deepEqual(feed(parts, gone), expected);
      assert.equal(gone.length, lost.length);
      for (const [i, reason] of lost.entries()) assert.match(gone[i] ?? '', new RegExp(reason));
    });
  }

  it('waits a minute for the rest', () => {
    for (const [wait, expected] of [
      [59_999, true],
      [60_000, false],
    ] as const) {
      const lost: string[] = [];
      const reassembly = new FragmentReassembly((reason) => lost.push(reason));
      reassembly.add(part(0, 16), 0);
      assert.equal(reassembly.add(part(16, 27), wait) !== null, expected);
      assert.equal(lost.length, expected ? 0 : 1);
    }
  });

  it('holds a bounded amount under a flood of first fragments', () => {
    let lost = 0;
    const reassembly = new FragmentReassembly(() => lost++);
    let most = 0;
    for (let id = 0; id < 20_000; id++) {
      const offset = id % 2 === 0 ? 0 : 65_000;
      reassembly.add(part(0, 8, { fragment: { id, offset, last: false } }), 0);
      most = Math.max(most, reassembly.pendingBytes);
    }
    assert.ok(most > 8 << 20 && most <= 16 << 20, `${most} bytes`);
    assert.ok(lost > 15_000);
    reassembly.end();
    assert.equal(lost, 20_000);
    assert.equal(reassembly.pendingBytes, 0);
  });
});
