import assert from 'node:assert/strict';
import fc from 'fast-check';
import { ByteQueue } from '../../src/wire/byte-queue.ts';
import { cpuTime } from '../support/cpu-time.ts';

describe('byte queue', () => {
  it('gives the bytes of the input in order, however pushed, peeked and skipped', () => {
    const step = fc.record({ push: fc.nat(40), take: fc.nat(50), skip: fc.boolean() });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const input = Buffer.from(Array.from({ length: 3000 }, (_, i) => (i * 7) & 255));
        const queue = new ByteQueue();
        let pushed = 0;
        let offset = 0;
        for (const { push, take, skip } of steps) {
          queue.push(input.subarray(pushed, pushed + push));
          pushed += push;
          const bytes = queue.peek(take);
          if (offset + take > pushed) assert.equal(take === 0 ? null : bytes, null);
          else assert.deepEqual(bytes, input.subarray(offset, offset + take));
          if (skip) {
            queue.skip(take);
            offset += take;
          }
          assert.equal(queue.offset, offset);
          assert.equal(queue.length, Math.max(0, pushed - offset));
          assert.equal(queue.missing, Math.max(0, offset - pushed));
        }
      }),
      { numRuns: 1000 },
    );
  });

  it('costs a piece its own length when that comes byte by byte', () => {
    const queue = new ByteQueue();
    const started = cpuTime();
    for (let i = 0; i < 500_000; i++) {
      queue.push(Buffer.from([i & 255]));
      queue.peek(500_000);
    }
    assert.equal(queue.peek(500_000)?.[499_999], 499_999 & 255);
    assert.ok(cpuTime() - started < 2000);
  });
});
