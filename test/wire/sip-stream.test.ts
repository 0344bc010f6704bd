import assert from 'node:assert/strict';
import fc from 'fast-check';
import { SipFramer } from '../../src/wire/sip-stream.ts';
import type { Parsed } from '../../src/parsed.ts';
import { cpuTime } from '../support/cpu-time.ts';

const message = (
  name: string,
  body = '',
  length: string | null = String(body.length),
  header = 'Content-Length',
): string =>
  `MESSAGE sip:${name} SIP/2.0\r\nTo: <sip:b>\r\n${length === null ? '' : `${header}: ${length}\r\n`}\r\n${body}`;

/** The request or status of each message and its body; of a refusal, offset and reason. */
const told = (results: Parsed<Buffer>[]): string[] =>
  results.map((r) => {
    if (!r.ok) return `@${r.offset} ${r.reason}`;
    const text = r.value.toString('latin1');
    const body = /\r?\n\r?\n([^]*)$/.exec(text)?.[1] ?? '?';
    return `${/sip:(\S+)|SIP\/2.0 (\d+)/.exec(text)?.slice(1).join('') ?? '?'}|${body}`;
  });

const frame = (text: string): string[] => {
  const framer = new SipFramer();
  return [...told(framer.push(Buffer.from(text, 'latin1'))), ...told(framer.end())];
};

const one = message('one');

describe('SIP stream framer', () => {
  const tests: [sentence: string, stream: string, expected: string[]][] = [
    ['two messages', one + message('two', 'body'), ['one|', 'two|body']],
    ['a response', `SIP/2.0 200 OK\r\nContent-Length: 2\r\n\r\nok${one}`, ['200|ok', 'one|']],
    ['a response without reason', `SIP/2.0 200\r\nl:0\r\n\r\n${one}`, ['200|', 'one|']],
    ['compact Content-Length', message('a', 'xy', '2', 'l') + one, ['a|xy', 'one|']],
    ['Content-Length in capitals, with blanks', message('a', 'xy', '  2\t', 'CONTENT-LENGTH \t') + one, ['a|xy', 'one|']],
    ['no Content-Length: no body', message('a', '', null) + one, ['a|', 'one|']],
    ['keep-alives between messages', `\r\n\r\n${one}\r\n\r\n\r\n${one}\r\n\r\n`, ['one|', 'one|']],
    ['nothing but keep-alives', '\r\n\r\n\r\n\r\n', []],
    ['line ends of LF alone', message('a', 'x\ny').replaceAll('\r', '') + one, ['a|x\ny', 'one|']],
    ['an empty line in the body', message('a', '\r\n\r\nx') + one, ['a|\r\n\r\nx', 'one|']],
    ['a SIP message as body', message('a', one) + one, [`a|${one}`, 'one|']],
    ['two Content-Lengths that agree', message('a', 'xy', '2\r\nl: 2') + one, ['a|xy', 'one|']],
    ['two that differ', message('a', 'xy', '2\r\nl: 0') + one, ['@0 SIP: Content-Length is not one number', 'one|']],
    ['a negative one', message('a', '\r\n', '-1') + one, ['@0 SIP: Content-Length is not one number', 'one|']],
    ['one in words', message('a', '', 'four') + one, ['@0 SIP: Content-Length is not one number', 'one|']],
    ['an empty one', message('a', '', '') + one, ['@0 SIP: Content-Length is not one number', 'one|']],
    ['one of twenty digits', message('a', '', '99999999999999999999') + one, ['@0 SIP: Content-Length is not one number', 'one|']],
    ['a message too long is passed over', message('a', 'x'.repeat(200_000)) + one, ['@0 SIP: message of 200062 bytes, 131072 are the most', 'one|']],
    ['another protocol, told once', `GET / HTTP/1.1\r\nHost: a\r\n\r\n${'GET / HTTP/1.1\r\n'.repeat(9)}`, ['@0 SIP: no message starts here']],
    ['junk before a message', `junk\r\nmore junk\r\n${one}${one}`, ['@0 SIP: no message starts here', 'one|', 'one|']],
    ['junk between messages', `${one}junk\r\n${one}`, ['one|', `@${one.length} SIP: no message starts here`, 'one|']],
    ['a Content-Length too small: the rest of the body is junk', `${message('a', 'v=0\r\ns=x\r\n', '5')}${one}`,
      ['a|v=0\r\n', `@${message('a', 'v=0\r\n').length} SIP: no message starts here`, 'one|']],
    ['a line without end', 'x'.repeat(300_000), ['@0 SIP: no message starts here']],
    ['a start line too long', `INVITE sip:${'a'.repeat(9000)} SIP/2.0\r\n\r\n${one}`, ['@0 SIP: no message starts here', 'one|']],
    ['a header without end', `OPTIONS sip:a SIP/2.0\r\n${'A: b\r\n'.repeat(50_000)}`, ['@0 SIP: header of more than 131072 bytes']],
    ['an end within the start line', 'OPTIONS sip', ['@0 SIP: stream ends within a message']],
    ['an end within the header', `${one}OPTIONS sip:a SIP/2.0\r\nTo: b\r\n\r`, ['one|', `@${one.length} SIP: stream ends within a message`]],
    ['an end within the body', message('a', 'xy', '3'), ['@0 SIP: stream ends within a message']],
  ]; // prettier-ignore
  for (const [sentence, stream, expected] of tests) {
    it(sentence, () => assert.deepEqual(frame(stream), expected));
  }

  it('tells the same however the stream is cut, byte by byte too', () => {
    for (const [sentence, stream, expected] of tests) {
      const bytes = Buffer.from(stream, 'latin1');
      for (const step of bytes.length > 50_000 ? [7, 1000, 70_000] : [1, 2, 3, 7, 100]) {
        const framer = new SipFramer();
        const out: string[] = [];
        for (let at = 0; at < bytes.length; at += step) out.push(...told(framer.push(bytes.subarray(at, at + step))));
        assert.deepEqual([...out, ...told(framer.end())], expected, `${sentence} by ${step}`);
      }
    }
  });

  it('tells the messages that were sent, whatever their bodies and the cuts', () => {
    const body = fc.string({ maxLength: 60, unit: fc.constantFrom('\r', '\n', 'a', ' ', ':', 'S') });
    fc.assert(
      fc.property(fc.array(body, { maxLength: 8 }), fc.array(fc.nat(600), { maxLength: 9 }), (bodies, cuts) => {
        const sent = bodies.map((b, i) => message(String(i), b));
        const bytes = Buffer.from(sent.join('\r\n'), 'latin1');
        const edges = [0, ...cuts.sort((a, b) => a - b), bytes.length];
        const framer = new SipFramer();
        const out = edges
          .slice(1)
          .flatMap((to, i) => framer.push(bytes.subarray(edges[i], Math.max(to, edges[i] ?? 0))));
        assert.deepEqual(
          out.map((r) => (r.ok ? r.value.toString('latin1') : r.reason)),
          sent,
        );
      }),
      { numRuns: 1000 },
    );
  });

  describe('after a gap', () => {
    const gaps: [sentence: string, before: string, after: string, expected: string[]][] = [
      ['between messages nothing is lost', one, one, ['one|', 'one|']],
      ['a message cut is told, its rest passed over', message('a', 'x', '20'), `rest\r\n${one}`, ['@0 SIP: message is cut by a gap', 'one|']],
      ['a start line cut', 'OPTIONS si', `:5060\r\nl: 3\r\n\r\nabc\r\n${one}`, ['@0 SIP: message is cut by a gap', 'one|']],
      ['within a message too long, told before', message('a', 'x', '200000'), `rest\r\n${one}`,
        ['@0 SIP: message of 200062 bytes, 131072 are the most', 'one|']],
      ['a capture that began in the middle', '', `tent-Length: 0\r\n\r\n${one}`, ['one|']],
    ]; // prettier-ignore
    for (const [sentence, before, after, expected] of gaps) {
      it(sentence, () => {
        for (const step of [after.length, 1]) {
          const framer = new SipFramer();
          const out = told(framer.push(Buffer.from(before)));
          for (let at = 0; at < after.length; at += step) {
            out.push(...told(framer.push(Buffer.from(after.slice(at, at + step)), at === 0)));
          }
          assert.deepEqual([...out, ...told(framer.end())], expected);
        }
      });
    }
  });

  it('holds nothing between messages, and one message at the most', () => {
    const framer = new SipFramer(1000);
    framer.push(Buffer.from(one));
    assert.equal(framer.pendingBytes, 0);
    let most = 0;
    for (const text of [
      message('a', 'x'.repeat(900)),
      'x'.repeat(50_000),
      `OPTIONS sip:a SIP/2.0\r\n${'a'.repeat(9000)}`,
    ]) {
      for (let at = 0; at < text.length; at += 10) {
        framer.push(Buffer.from(text.slice(at, at + 10)));
        most = Math.max(most, framer.pendingBytes);
      }
    }
    assert.ok(most <= 8192 + 1000, `${most} bytes`);
  });

  it('messages told earlier do not change when more is pushed', () => {
    const framer = new SipFramer();
    const early = [
      ...framer.push(Buffer.from(one.slice(0, 20))),
      ...framer.push(Buffer.from(one.slice(20) + one.slice(0, 30))),
    ];
    framer.push(Buffer.from('x'.repeat(500)));
    assert.deepEqual(told(early), ['one|']);
  });

  it('is not slowed down by what an attacker sends', () => {
    const blanks = message('a', '', `5${' '.repeat(100_000)}x`);
    const versions = `OPTIONS ${' SIP/2.0'.repeat(1000)} x\r\n`.repeat(40);
    const lengths = `OPTIONS sip:a SIP/2.0\r\n${'l: 5\r\n'.repeat(20_000)}\r\n12345`;
    for (const stream of [blanks, versions, lengths]) {
      const started = cpuTime();
      const framer = new SipFramer();
      for (const byte of Buffer.from(stream)) framer.push(Buffer.from([byte]));
      assert.ok(cpuTime() - started < 1500);
    }
  });
});
