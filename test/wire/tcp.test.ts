import assert from 'node:assert/strict';
import fc from 'fast-check';
import { TcpReassembly } from '../../src/wire/tcp.ts';
import type { StreamBytes } from '../../src/wire/tcp.ts';
import { tcp } from '../support/capture-builder.ts';
import type { TcpFields } from '../support/capture-builder.ts';

type Sent = TcpFields & { at?: number };

class Recorder {
  readonly told: StreamBytes[] = [];
  readonly tcp = new TcpReassembly((bytes) => this.told.push(bytes));

  add({ at = 0, ...fields }: Sent, source = '192.0.2.1'): void {
    assert.equal(this.tcp.add({ source, destination: '192.0.2.2', payload: tcp(fields) }, at), null);
  }

  /** `~` before a payload is a gap, `.` behind it the end. */
  get lines(): string[] {
    return this.told.map((s) => `${s.gap ? '~' : ''}${s.payload.toString('latin1')}${s.end ? '.' : ''}`);
  }
}

const HIGH = 0xfffffffe; // so that the sequence numbers wrap

describe('TCP reassembly', () => {
  const tests: [sentence: string, segments: Sent[], expected: string[]][] = [
    ['in order', [{ seq: 9, flags: 'S' }, { seq: 10, data: 'ab' }, { seq: 12, data: 'cd' }, { seq: 14, flags: 'FA' }], ['ab', 'cd', '.']],
    ['data in the SYN', [{ seq: 9, flags: 'S', data: 'ab' }, { seq: 12, data: 'cd' }], ['ab', 'cd', '.']],
    ['data in the FIN', [{ seq: 9, flags: 'S' }, { seq: 10, data: 'ab', flags: 'FA' }], ['ab', '.']],
    ['swapped', [{ seq: 9, flags: 'S' }, { seq: 12, data: 'cd' }, { seq: 10, data: 'ab' }], ['ab', 'cd', '.']],
    ['reversed', [{ seq: 9, flags: 'S' }, { seq: 14, data: 'e', flags: 'FA' }, { seq: 13, data: 'd' }, { seq: 11, data: 'bc' }, { seq: 10, data: 'a' }],
      ['a', 'bc', 'd', 'e', '.']],
    ['over the wrap of sequence numbers', [{ seq: HIGH, flags: 'S' }, { seq: 1, data: 'cd' }, { seq: HIGH + 1, data: 'ab' }, { seq: 3, data: 'e' }],
      ['ab', 'cd', 'e', '.']],
    ['a retransmission', [{ seq: 9, flags: 'S' }, { seq: 10, data: 'ab' }, { seq: 10, data: 'ab' }, { seq: 12, data: 'c' }], ['ab', 'c', '.']],
    ['a retransmission that carries more', [{ seq: 9, flags: 'S' }, { seq: 10, data: 'ab' }, { seq: 10, data: 'abcd' }], ['ab', 'cd', '.']],
    ['an overlap: the first copy counts', [{ seq: 9, flags: 'S' }, { seq: 10, data: 'abc' }, { seq: 11, data: 'XYd' }], ['abc', 'd', '.']],
    ['overlaps behind a hole', [{ seq: 9, flags: 'S' }, { seq: 12, data: 'cd' }, { seq: 13, data: 'Xe' }, { seq: 12, data: 'cd' }, { seq: 10, data: 'ab' }],
      ['ab', 'cd', 'e', '.']],
    ['a longer copy behind a hole', [{ seq: 9, flags: 'S' }, { seq: 12, data: 'cd' }, { seq: 12, data: 'cdef' }, { seq: 10, data: 'ab' }],
      ['ab', 'cd', 'ef', '.']],
    ['a keep-alive of one old byte', [{ seq: 9, flags: 'S' }, { seq: 10, data: 'ab' }, { seq: 11, data: 'b' }, { seq: 11 }], ['ab', '.']],
    ['a repeated SYN', [{ seq: 9, flags: 'S' }, { seq: 9, flags: 'S' }, { seq: 10, data: 'ab' }, { seq: 9, flags: 'S' }, { seq: 12, data: 'c' }],
      ['ab', 'c', '.']],
    ['a capture that began in the middle', [{ seq: 5000 }, { seq: 5000, data: 'ab' }, { seq: 5002, data: 'cd' }], ['~ab', 'cd', '.']],
    ['a hole that is never filled', [{ seq: 9, flags: 'S' }, { seq: 10, data: 'ab' }, { seq: 14, data: 'ef' }], ['ab', '~ef', '.']],
    ['a hole given up after 3 s', [{ seq: 9, flags: 'S' }, { seq: 12, data: 'cd' }, { seq: 14, data: 'e', at: 3000 }, { seq: 10, data: 'ab', at: 3001 }],
      ['~cd', 'e', '.']],
    ['a hole filled just before', [{ seq: 9, flags: 'S' }, { seq: 12, data: 'cd' }, { seq: 10, data: 'ab', at: 2999 }], ['ab', 'cd', '.']],
    ['two holes, each with its own 3 s',
      [{ seq: 9, flags: 'S' }, { seq: 11, data: 'b' }, { seq: 13, data: 'd' }, { seq: 10, data: 'a', at: 2000 }, { seq: 12, data: 'c', at: 4000 }],
      ['a', 'b', 'c', 'd', '.']],
    ['FIN before the data', [{ seq: 9, flags: 'S' }, { seq: 12, flags: 'FA' }, { seq: 10, data: 'ab' }], ['ab', '.']],
    ['FIN whose data never come', [{ seq: 9, flags: 'S' }, { seq: 12, flags: 'FA' }], ['~.']],
    ['RST', [{ seq: 9, flags: 'S' }, { seq: 12, data: 'cd' }, { seq: 14, flags: 'R' }, { seq: 10, data: 'ab' }], ['~cd', '.']],
    ['what comes after the end is not told', [{ seq: 9, flags: 'S' }, { seq: 10, data: 'ab', flags: 'FA' }, { seq: 10, data: 'ab', flags: 'FA' }, { seq: 9, flags: 'S' }],
      ['ab', '.']],
    ['the same ports again', [{ seq: 9, flags: 'S' }, { seq: 10, data: 'ab' }, { seq: 70_000, flags: 'S' }, { seq: 70_001, data: 'new' }],
      ['ab', '.', 'new', '.']],
    ['the same ports again after the end, SYN not captured',
      [{ seq: 9, flags: 'S' }, { seq: 10, flags: 'F' }, { seq: 900_000_000, data: 'new' }], ['.', '~new', '.']],
    ['a sequence number far away', [{ seq: 9, flags: 'S' }, { seq: 10, data: 'ab' }, { seq: 900_000_000, data: 'cd' }, { seq: 900_000_002, data: 'e' }],
      ['ab', '~cd', 'e', '.']],
    ['handshakes and acknowledgements alone', [{ seq: 9, flags: 'S' }, { seq: 10 }], ['.']],
    ['an end without a beginning', [{ seq: 9, flags: 'FA' }, { seq: 9, flags: 'R' }], []],
  ]; // prettier-ignore
  for (const [sentence, segments, expected] of tests) {
    it(sentence, () => {
      const recorder = new Recorder();
      for (const segment of segments) recorder.add(segment);
      recorder.tcp.end(10_000);
      assert.deepEqual(recorder.lines, expected);
      assert.equal(recorder.tcp.pendingBytes, 0);
    });
  }

  it('gives the bytes that were sent, however they were cut, repeated and shuffled', () => {
    const segment = fc.tuple(fc.nat(299), fc.integer({ min: 1, max: 60 }), fc.nat());
    fc.assert(
      fc.property(fc.nat(0xffffffff), fc.array(segment, { maxLength: 60 }), (first, extra) => {
        const text = Array.from({ length: 300 }, (_, i) => String.fromCharCode(33 + ((i * 7) % 90))).join('');
        const every = Array.from({ length: 30 }, (_, i) => [i * 10, 10, (i * 7919) % 31] as const);
        const sent = [...every, ...extra].sort((a, b) => a[2] - b[2]);
        const recorder = new Recorder();
        recorder.add({ seq: first, flags: 'S' });
        for (const [from, length] of sent) {
          recorder.add({ seq: first + 1 + from, data: text.slice(from, from + length) });
        }
        recorder.add({ seq: first + 301, flags: 'F' });
        assert.equal(recorder.lines.join(''), `${text}.`);
      }),
      { numRuns: 1000 },
    );
  });

  it('tells with the time at which the wait ended, never going back', () => {
    const recorder = new Recorder();
    recorder.add({ seq: 9, flags: 'S', at: 100 });
    recorder.add({ seq: 12, data: 'cd', at: 200 });
    recorder.add({ seq: 10, data: 'ab', at: 300 });
    recorder.add({ seq: 16, data: 'gh', at: 400 });
    recorder.add({ seq: 1, flags: 'S', at: 3400 }, '192.0.2.77');
    assert.deepEqual(
      recorder.told.map((s) => s.at),
      [300, 300, 3400],
    );
    assert.deepEqual(recorder.lines, ['ab', 'cd', '~gh']);
  });

  it('a hole with too much behind it is given up', () => {
    for (const [count, size] of [
      [200, 10],
      [40, 50_000],
    ] as const) {
      const recorder = new Recorder();
      recorder.add({ seq: 0, flags: 'S' });
      for (let i = 0; i < count; i++) recorder.add({ seq: 100 + i * size, data: Buffer.alloc(size) });
      assert.equal(recorder.told[0]?.gap, true);
      assert.ok(recorder.tcp.pendingBytes === 0);
      assert.equal(
        recorder.told.reduce((sum, s) => sum + s.payload.length, 0),
        count * size,
      );
    }
  });

  it('holds a bounded amount under a flood of connections, and ends what it forgets', () => {
    let told = 0;
    let ended = 0;
    const reassembly = new TcpReassembly(({ payload, end }) => {
      told += payload.length;
      if (end) ended++;
    });
    let most = 0;
    for (let i = 0; i < 120_000; i++) {
      const source = `10.${(i >> 16) & 255}.${(i >> 8) & 255}.${i & 255}`;
      const send = (fields: TcpFields): unknown =>
        reassembly.add({ source, destination: '192.0.2.2', payload: tcp(fields) }, 0);
      send({ seq: 1, flags: 'S' });
      send({ seq: 100, data: Buffer.alloc(1400) });
      most = Math.max(most, reassembly.pendingBytes);
      assert.ok(reassembly.size <= 65_536);
    }
    assert.ok(most > 31 << 20 && most <= 32 << 20, `${most} bytes`);
    reassembly.end(0);
    assert.equal(told, 120_000 * 1400);
    assert.equal(ended, 120_000);
    assert.equal(reassembly.pendingBytes, 0);
    assert.equal(reassembly.size, 0);
  });
});
