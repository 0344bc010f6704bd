import assert from 'node:assert/strict';
import fc from 'fast-check';
import { encodeHep } from '../../src/wire/hep.ts';
import { HepFramer } from '../../src/wire/hep-stream.ts';
import type { Parsed } from '../../src/parsed.ts';
import type { HepPacket } from '../../src/wire/hep.ts';

const packetOf = (payload: string): Buffer =>
  encodeHep({
    protocol: 6,
    source: '192.0.2.1',
    sourcePort: 5060,
    destination: '2001:db8::2',
    destinationPort: 5061,
    seenAt: 1000,
    captureId: 1,
    payloadType: 1,
    payload: Buffer.from(payload),
    authKey: null,
    correlationId: payload,
    nodeName: null,
  });

const told = (results: Parsed<HepPacket>[]): string[] =>
  results.map((r) => (r.ok ? r.value.payload.toString() : `refused at ${r.offset}: ${r.reason}`));

const brokenInside = (): Buffer => {
  const bytes = packetOf('broken');
  bytes.writeUInt16BE(0, 10);
  return bytes;
};

const first = packetOf('one');

describe('HEP stream framer', () => {
  const stream = Buffer.concat([first, packetOf(''), brokenInside(), packetOf('x'.repeat(3000)), packetOf('last')]);
  const expected = ['one', '', 'refused at 10: chunk length 0 is less than its header', 'x'.repeat(3000), 'last'];

  it('tells whole packets of one chunk, and refuses alone what is broken inside', () => {
    const framer = new HepFramer();
    assert.deepEqual(told(framer.push(stream)), expected);
    assert.deepEqual(framer.end(), []);
    assert.equal(framer.broken, null);
  });

  it('tells the same byte by byte', () => {
    const framer = new HepFramer();
    assert.deepEqual(
      [...stream].flatMap((byte) => told(framer.push(Buffer.from([byte])))),
      expected,
    );
    assert.equal(framer.pendingBytes, 0);
  });

  it('tells the same wherever it is split in two', () => {
    for (let at = 0; at <= stream.length; at++) {
      const framer = new HepFramer();
      const both = [...framer.push(stream.subarray(0, at)), ...framer.push(stream.subarray(at))];
      assert.deepEqual(told(both), expected, `split at ${at}`);
    }
  });

  it('tells the same however it is cut', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(stream.length), { maxLength: 30 }), (cuts) => {
        const framer = new HepFramer();
        const edges = [0, ...cuts.sort((a, b) => a - b), stream.length];
        const parts = edges.slice(1).map((edge, i) => stream.subarray(edges[i], edge));
        assert.deepEqual(
          parts.flatMap((part) => told(framer.push(part))),
          expected,
        );
      }),
      { numRuns: 500 },
    );
  });

  it('packets told earlier do not change when more is pushed', () => {
    const framer = new HepFramer();
    const early = [...framer.push(first.subarray(0, 20)), ...framer.push(first.subarray(20))];
    framer.push(packetOf('two').subarray(0, 30));
    assert.deepEqual(told(early), ['one']);
  });

  const broken: [sentence: string, bytes: Buffer, expected: string[]][] = [
    [
      'a length below the header',
      Buffer.from('484550330005', 'hex'),
      [`refused at ${first.length}: stream cannot be framed: length 5 here`],
    ],
    [
      'something else',
      Buffer.from('OPTIONS sip:x'),
      [`refused at ${first.length}: stream cannot be framed: no HEPv3 packet here`],
    ],
    [
      'HEPv1, which has no length',
      Buffer.from('0110021113c413c5c0000201c000020241', 'hex'),
      [`refused at ${first.length}: stream cannot be framed: no HEPv3 packet here`],
    ],
  ];
  for (const [sentence, bytes, end] of broken) {
    it(`${sentence} breaks the stream for good, in one piece or byte by byte`, () => {
      const whole = Buffer.concat([first, bytes]);
      for (const parts of [[whole], [...whole].map((byte) => Buffer.from([byte]))]) {
        const framer = new HepFramer();
        assert.deepEqual(
          parts.flatMap((part) => told(framer.push(part))),
          ['one', ...end],
        );
        assert.ok(framer.broken);
        assert.deepEqual(framer.push(first), []);
        assert.deepEqual(framer.end(), []);
        assert.equal(framer.pendingBytes, 0);
      }
    });
  }

  it('says when the stream ends inside a packet', () => {
    for (const length of [1, 5, 6, 50]) {
      const framer = new HepFramer();
      framer.push(Buffer.concat([first, first.subarray(0, length)]));
      assert.deepEqual(told(framer.end()), [`refused at ${first.length}: stream ends ${length} bytes into a packet`]);
    }
  });

  it('holds less than one packet, however much is claimed and sent', () => {
    const framer = new HepFramer();
    framer.push(Buffer.from('48455033ffff', 'hex'));
    for (let i = 0; i < 65_000; i++) framer.push(Buffer.from([0]));
    assert.equal(framer.pendingBytes, 65_006);
    assert.equal(framer.push(Buffer.alloc(600)).length, 2); // the packet, refused, and the zeros behind it
    assert.equal(framer.pendingBytes, 0);
  });
});
