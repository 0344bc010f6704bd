import assert from 'node:assert/strict';
import fc from 'fast-check';
import { SipStream, type StreamItem } from '../../src/gateway/stream.ts';
import { describeWithData, listData, readData } from '../support/data.ts';

const LIMITS = { headerBytes: 400, messageBytes: 600 };
const message = (body = '', length: string | number = Buffer.byteLength(body), more = ''): string =>
  `OPTIONS sip:a@b SIP/2.0\r\nVia: SIP/2.0/TLS c;branch=z9hG4bK1\r\n${more}Content-Length: ${length}\r\n\r\n${body}`;

/** Items of a stream that comes in pieces, as text. */
function itemsOf(bytes: Buffer, cuts: readonly number[], limits = LIMITS): string[] {
  const stream = new SipStream(limits);
  const items: StreamItem[] = [];
  let from = 0;
  for (const to of [...cuts, bytes.length]) {
    items.push(...stream.push(bytes.subarray(from, to)));
    from = to;
  }
  return items.map((item) =>
    item.kind === 'message'
      ? `message ${item.bytes.toString('latin1')}`
      : item.kind === 'fault'
        ? `fault ${item.fault}`
        : 'ping',
  );
}

const cases: readonly (readonly [sentence: string, bytes: string, expected: readonly string[]])[] = [
  ['a message without body', message(), [`message ${message()}`]],
  ['a message with a body of line ends', message('\r\n\r\n'), [`message ${message('\r\n\r\n')}`]],
  ['two messages at once', message('x') + message(), [`message ${message('x')}`, `message ${message()}`]],
  ['a ping between two', `${message()}\r\n\r\n${message()}`, [`message ${message()}`, 'ping', `message ${message()}`]],
  ['a pong before one', `\r\n${message()}`, [`message ${message()}`]],
  ['three pings', '\r\n'.repeat(6), ['ping', 'ping', 'ping']],
  [
    'the compact name',
    message().replace('Content-Length', 'l  '),
    [`message ${message().replace('Content-Length', 'l  ')}`],
  ],
  ['no Content-Length', 'OPTIONS sip:a@b SIP/2.0\r\nVia: x\r\n\r\n', ['fault no-content-length']],
  ['Content-Length twice', message('', 0, 'l: 0\r\n'), ['fault bad-content-length']],
  ['a negative Content-Length', message('', '-1'), ['fault bad-content-length']],
  ['two numbers', message('', '1, 1'), ['fault bad-content-length']],
  ['one that is larger than what is taken', message('', 600), ['fault message-too-long']],
  ['one of ten digits', message('', '1000000000'), ['fault bad-content-length']],
  ['headers longer than what is taken', `OPTIONS sip:a@b SIP/2.0\r\nX: ${'y'.repeat(500)}`, ['fault header-too-long']],
  ['a line feed alone', message().replace('\r\nVia', '\nVia'), ['fault bad-line']],
  [
    'a carriage return alone, which Asterisk takes for a line end',
    message('', 0, 'X: y\rZ: 1\r\n'),
    ['fault bad-line'],
  ],
  ['a NUL', message('', 0, 'X: \0\r\n'), ['fault bad-line']],
  ['a line feed between messages', `${message()}\n`, [`message ${message()}`, 'fault bad-line']],
  ['nothing after a fault', `${message('', '-1')}${message()}`, ['fault bad-content-length']],
  ['half a message', message('abc').slice(0, -1), []],
];

describe('gateway: SIP in a stream', () => {
  for (const [sentence, text, expected] of cases)
    it(`${sentence}: the same wherever it is cut`, () => {
      const bytes = Buffer.from(text, 'latin1');
      assert.deepEqual(itemsOf(bytes, []), expected);
      assert.deepEqual(itemsOf(bytes, [...bytes.keys()]), expected, 'byte by byte');
      for (let cut = 1; cut < bytes.length; cut++) assert.deepEqual(itemsOf(bytes, [cut]), expected, `cut at ${cut}`);
    });

  it('any bytes in any pieces', () => {
    const piece = fc.oneof(
      fc.constantFrom(
        message(),
        message('body'),
        '\r\n',
        '\r',
        '\n',
        'l: 1\r\n',
        '\r\n\r\n',
        '\0',
        'INVITE x SIP/2.0\r\n',
      ),
      fc.string({ maxLength: 20 }),
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 12 }), fc.array(fc.nat(2_000), { maxLength: 6 }), (pieces, places) => {
        const bytes = Buffer.from(pieces.join(''), 'latin1');
        const cuts = places.map((place) => Math.min(place, bytes.length)).sort((a, b) => a - b);
        assert.deepEqual(itemsOf(bytes, cuts), itemsOf(bytes, []));
      }),
      { numRuns: process.env['RINGFENCE_LONG'] === '1' ? 100_000 : 2_000 },
    );
  });

  it('holds no more than a message', () => {
    const stream = new SipStream(LIMITS);
    for (let i = 0; i < 1_000; i++) stream.push(Buffer.from('OPTIONS sip:a@b SIP/2.0 '));
    assert.ok(stream.pendingBytes <= LIMITS.headerBytes);
  });

  describeWithData('the torture messages of RFC 4475', 'rfc4475', () => {
    it('are taken or refused, the same wherever they are cut', () => {
      const limits = { headerBytes: 16_384, messageBytes: 65_536 };
      const files = ['valid', 'invalid'].flatMap((part) => listData(`rfc4475/${part}`));
      assert.ok(files.length > 40);
      for (const file of files) {
        const bytes = readData(file);
        assert.deepEqual(itemsOf(bytes, [...bytes.keys()], limits), itemsOf(bytes, [], limits), file);
      }
    });
  });
});
