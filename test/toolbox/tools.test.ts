import assert from 'node:assert/strict';
import { deflateSync, gzipSync } from 'node:zlib';
import { authorisationsOf } from '../../src/toolbox/databases.ts';
import { toolboxOptions } from '../../src/toolbox/options.ts';
import type { Arrival } from '../../src/toolbox/tool.ts';
import { box, sdp, sip, type SipOptions } from './support.ts';

interface Case {
  readonly sentence: string;
  readonly steps: readonly object[];
  readonly more?: object;
  readonly message: SipOptions | Buffer;
  readonly arrival?: Partial<Arrival>;
  /** 'accept' or the reason */
  readonly expected: string;
  /** what the message that goes on has, or has not (!) */
  readonly has?: readonly string[];
}

const text = 'a session description that repeats itself '.repeat(100);
const out = { direction: 'out' };

const cases: Case[] = [
  { sentence: 'an honest message', steps: [{ tool: 'headers.check' }], message: { body: sdp() }, expected: 'accept' },
  {
    sentence: 'two From headers',
    steps: [{ tool: 'headers.check' }],
    message: { extra: ['f: <sip:eve@example.org>'] },
    expected: 'headers',
  },
  { sentence: 'two lengths', steps: [{ tool: 'headers.check' }], message: { extra: ['l: 3'] }, expected: 'headers' },
  {
    sentence: 'bytes behind the body',
    steps: [{ tool: 'headers.check' }],
    message: Buffer.concat([sip({ body: 'v=0' }), Buffer.from('INVITE')]),
    expected: 'headers',
  },
  {
    sentence: 'a body that was cut',
    steps: [{ tool: 'headers.check' }],
    message: sip({ body: 'v=0' }).subarray(0, -1),
    expected: 'headers',
  },
  {
    sentence: 'a header that is asked for',
    steps: [{ tool: 'headers.check', require: ['Date'] }],
    message: {},
    expected: 'headers',
  },
  {
    sentence: 'a message that is too large',
    steps: [{ tool: 'headers.check', max_bytes: 1_000 }],
    message: { body: text },
    expected: 'too-large',
  },
  { sentence: 'no hops left', steps: [{ tool: 'headers.check', hops: 71 }], message: {}, expected: 'headers' },
  {
    sentence: 'hops that are no number',
    steps: [{ tool: 'headers.check', hops: 1 }],
    message: Buffer.from(sip().toString().replace('Max-Forwards: 70', 'Max-Forwards: many')),
    expected: 'headers',
  },
  {
    sentence: 'an identity that a stranger asserts',
    steps: [{ tool: 'headers.strip' }],
    message: { extra: ['P-Asserted-Identity: <sip:boss@example.org>', 'p-asserted-identity: <sip:b>'] },
    expected: 'accept',
    has: ['!boss', '!sip:b>', 'Max-Forwards: 70'],
  },
  {
    sentence: 'a mark of ours that a stranger wrote',
    steps: [{ tool: 'headers.set', name: 'X-Checked', value: 'yes' }],
    message: { extra: ['X-Checked: forged', 'x-checked: twice'] },
    expected: 'accept',
    has: ['X-Checked: yes', '!forged', '!twice'],
  },
  {
    sentence: 'gzip',
    steps: [{ tool: 'compression.expand' }],
    message: { body: gzipSync(text), extra: ['Content-Encoding: gzip'] },
    expected: 'accept',
    has: [text, '!Content-Encoding', `Content-Length: ${text.length}`],
  },
  {
    sentence: 'deflate, by its compact name',
    steps: [{ tool: 'compression.expand' }],
    message: { body: deflateSync(text), extra: ['e: DEFLATE'] },
    expected: 'accept',
    has: [text],
  },
  {
    sentence: 'a body that is not compressed',
    steps: [{ tool: 'compression.expand' }],
    message: { body: text },
    expected: 'accept',
    has: [text],
  },
  {
    sentence: 'a bomb of 100 MB',
    steps: [{ tool: 'compression.expand' }],
    message: { body: gzipSync(Buffer.alloc(100_000_000)), extra: ['Content-Encoding: gzip'] },
    expected: 'too-large',
  },
  {
    sentence: 'a bomb in a bomb',
    steps: [{ tool: 'compression.expand' }],
    message: { body: gzipSync(gzipSync(text)), extra: ['Content-Encoding: gzip, gzip'] },
    expected: 'content',
  },
  {
    sentence: 'exactly as large as allowed',
    steps: [{ tool: 'compression.expand', max_bytes: 256 }],
    message: { body: gzipSync('x'.repeat(256)), extra: ['Content-Encoding: gzip'] },
    expected: 'accept',
  },
  {
    sentence: 'a byte more than allowed',
    steps: [{ tool: 'compression.expand', max_bytes: 256 }],
    message: { body: gzipSync('x'.repeat(257)), extra: ['Content-Encoding: gzip'] },
    expected: 'too-large',
  },
  {
    sentence: 'what is no gzip',
    steps: [{ tool: 'compression.expand' }],
    message: { body: text, extra: ['Content-Encoding: gzip'] },
    expected: 'content',
  },
  {
    sentence: 'half a gzip',
    steps: [{ tool: 'compression.expand' }],
    message: { body: gzipSync(text).subarray(0, 40), extra: ['Content-Encoding: gzip'] },
    expected: 'content',
  },
  {
    sentence: 'an encoding of nobody’s',
    steps: [{ tool: 'compression.expand' }],
    message: { body: text, extra: ['Content-Encoding: br'] },
    expected: 'content',
  },
  {
    sentence: 'a large body on its way out',
    steps: [{ tool: 'compression.compress' }],
    more: out,
    message: { body: text },
    expected: 'accept',
    has: ['Content-Encoding: gzip', '!repeats itself'],
  },
  {
    sentence: 'a small one stays',
    steps: [{ tool: 'compression.compress' }],
    more: out,
    message: { body: 'v=0' },
    expected: 'accept',
    has: ['!Content-Encoding'],
  },
  {
    sentence: 'an SRTP key over UDP',
    steps: [{ tool: 'confidentiality.require' }],
    message: { body: sdp() },
    arrival: { transport: 'udp' },
    expected: 'clear-keys',
  },
  {
    sentence: 'an SRTP key over TLS',
    steps: [{ tool: 'confidentiality.require' }],
    message: { body: sdp() },
    arrival: { transport: 'tls' },
    expected: 'accept',
  },
  {
    sentence: 'a description without a key',
    steps: [{ tool: 'confidentiality.require' }],
    message: { body: sdp('') },
    arrival: { transport: 'udp' },
    expected: 'accept',
  },
  {
    sentence: 'any body over UDP',
    steps: [{ tool: 'confidentiality.require', of: 'body' }],
    message: { body: sdp('') },
    arrival: { transport: 'udp' },
    expected: 'clear-keys',
  },
  { sentence: 'no proof', steps: [{ tool: 'authentication.require' }], message: {}, expected: 'proof' },
  {
    sentence: 'a session of the gateway',
    steps: [{ tool: 'authentication.require' }],
    message: {},
    arrival: { proofs: ['csc'] },
    expected: 'accept',
  },
  {
    sentence: 'another proof than the one asked for',
    steps: [{ tool: 'authentication.require', proofs: ['csc'] }],
    message: {},
    arrival: { proofs: ['digest'] },
    expected: 'proof',
  },
];

describe('the tools', () => {
  for (const { sentence, steps, more, message, arrival, expected, has = [] } of cases)
    it(`${(steps[0] as { tool: string }).tool}: ${sentence}`, async () => {
      const own = box();
      const bytes = Buffer.isBuffer(message) ? message : sip(message);
      const result = await own.run(own.program(steps, more), bytes, arrival);
      assert.equal(result.verdict === 'accept' ? 'accept' : result.record.reason, expected, result.record.detail);
      const sent = result.bytes.toString('latin1');
      for (const each of has)
        if (each.startsWith('!')) assert.ok(!sent.includes(each.slice(1)), each);
        else assert.ok(sent.includes(each), each);
      if (result.verdict !== 'accept') assert.deepEqual([result.code, result.bytes.length], ['refused', 0]);
    });

  it('compression: what is compressed on its way out is the same when it has come in', async () => {
    const own = box();
    const sent = await own.run(
      own.program([{ tool: 'compression.compress', encoding: 'deflate' }], out),
      sip({ body: text }),
    );
    const came = await own.run(own.program([{ tool: 'compression.expand' }]), sent.bytes);
    assert.ok(sent.bytes.length < 1_000);
    assert.ok(came.bytes.includes(text));
  });

  it('authentication.authorise: the first line that fits decides, and whom none fits the template', async () => {
    const { authorisations } = toolboxOptions.parse({
      authorisations: [
        { identity: 'eve@example.org', allow: false },
        { identity: '*@example.org', methods: ['INVITE'], to: '*@EXAMPLE.org' },
      ],
    });
    const own = box({ services: { authorisations: authorisationsOf(authorisations) } });
    const ask = async (message: SipOptions, otherwise = 'refuse'): Promise<string> =>
      (await own.run(own.program([{ tool: 'authentication.authorise', otherwise }]), sip(message))).verdict;
    assert.equal(await ask({}), 'accept');
    assert.equal(await ask({ from: 'eve@example.org' }), 'refuse');
    assert.equal(await ask({ method: 'MESSAGE' }), 'refuse');
    assert.equal(await ask({ method: 'MESSAGE' }, 'allow'), 'accept');
    assert.equal(await ask({ to: '00900@premium.example' }), 'refuse');
    assert.equal(await ask({ from: 'bob@example.com' }), 'refuse');
  });
});
