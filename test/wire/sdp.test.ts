import assert from 'node:assert/strict';
import fc from 'fast-check';
import { parseSdp, sdpPart, type Sdp } from '../../src/wire/sdp.ts';
import { cpuTime } from '../support/cpu-time.ts';

function read(body: string | Buffer): Sdp {
  const result = parseSdp(body);
  assert.ok(result.ok, result.ok ? '' : result.reason);
  return result.value;
}

const lines = (...all: string[]): string => all.map((line) => `${line}\r\n`).join('');

describe('parseSdp', () => {
  it('reads the example of RFC 8866 section 5', () => {
    const sdp = read(
      lines(
        'v=0',
        'o=jdoe 3724394400 3724394405 IN IP4 198.51.100.1',
        's=Call to John Smith',
        'i=SDP Offer #1',
        'u=http://www.jdoe.example.com/home.html',
        'e=Jane Doe <jane@jdoe.example.com>',
        'p=+1 617 555-6011',
        'c=IN IP4 198.51.100.1',
        't=0 0',
        'm=audio 49170 RTP/AVP 0',
        'm=audio 49180 RTP/AVP 0',
        'm=video 51372 RTP/AVP 99',
        'c=IN IP6 2001:db8::2',
        'a=rtpmap:99 h263-1998/90000',
      ),
    );
    assert.deepEqual(sdp.origin, {
      username: 'jdoe',
      sessionId: '3724394400',
      sessionVersion: '3724394405',
      netType: 'IN',
      addressType: 'IP4',
      address: '198.51.100.1',
    });
    assert.equal(sdp.name, 'Call to John Smith');
    assert.deepEqual(sdp.connection, { netType: 'IN', addressType: 'IP4', address: '198.51.100.1' });
    assert.deepEqual(
      sdp.media.map((m) => [m.kind, m.port, m.protocol, m.formats, m.connection?.address]),
      [
        ['audio', 49170, 'RTP/AVP', ['0'], undefined],
        ['audio', 49180, 'RTP/AVP', ['0'], undefined],
        ['video', 51372, 'RTP/AVP', ['99'], '2001:db8::2'],
      ],
    );
  });

  it('reads the keys of RFC 4568 section 5.1.2 and appendix', () => {
    const sdp = read(
      lines(
        'v=0',
        'o=sam 2890844526 2890842807 IN IP4 192.0.2.5',
        's=SRTP Discussion',
        'c=IN IP4 192.0.2.5',
        't=2873397496 2873404696',
        'm=audio 49170 RTP/SAVP 0',
        'a=crypto:1 AES_CM_128_HMAC_SHA1_80',
        'a=crypto:2 AES_CM_128_HMAC_SHA1_80 inline:WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz|2^20|1:4;inline:QUJjZGVmMTIzNDU2Nzg5QUJDREUwMTIzNDU2Nzg5|2^20|2:4 FEC_ORDER=FEC_SRTP',
        'a=crypto:3 AES_CM_128_HMAC_SHA1_32 inline:NzB4d1BINUAvLEw6UzF3WSJ+PSdFcGdUJShpX1Zj|1:32',
        'a=crypto:x AES_CM_128_HMAC_SHA1_32 inline:abc',
        'a=crypto:4 AES_CM_128_HMAC_SHA1_32 outline:abc',
      ),
    );
    assert.deepEqual(sdp.media[0]?.crypto, [
      {
        tag: 2,
        suite: 'AES_CM_128_HMAC_SHA1_80',
        keys: [
          { key: 'WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz', lifetime: '2^20', mki: '1:4' },
          { key: 'QUJjZGVmMTIzNDU2Nzg5QUJDREUwMTIzNDU2Nzg5', lifetime: '2^20', mki: '2:4' },
        ],
        sessionParameters: ['FEC_ORDER=FEC_SRTP'],
      },
      {
        tag: 3,
        suite: 'AES_CM_128_HMAC_SHA1_32',
        keys: [{ key: 'NzB4d1BINUAvLEw6UzF3WSJ+PSdFcGdUJShpX1Zj', lifetime: '', mki: '1:32' }],
        sessionParameters: [],
      },
    ]);
  });

  it('reads fingerprints and setup of the session and of a medium', () => {
    const sdp = read(
      lines(
        'v=0',
        'o=- 1 1 IN IP4 192.0.2.5',
        's=-',
        'a=fingerprint:SHA-256 12:df:3e',
        'a=setup:actpass',
        'm=audio 0 UDP/TLS/RTP/SAVP 0 8',
        'a=setup:active',
        'a=fingerprint:sha-1 4A:AD:B9',
      ),
    );
    assert.deepEqual(sdp.fingerprints, [{ hash: 'sha-256', value: '12:DF:3E' }]);
    assert.equal(sdp.setup, 'actpass');
    assert.deepEqual(sdp.media[0]?.fingerprints, [{ hash: 'sha-1', value: '4A:AD:B9' }]);
    assert.equal(sdp.media[0].setup, 'active');
    assert.equal(sdp.media[0].port, 0);
    assert.deepEqual(sdp.media[0].formats, ['0', '8']);
  });

  it('passes over what it cannot read', () => {
    const sdp = read(
      lines(
        '',
        'v=0',
        'nonsense',
        'o=- 1 2 IN IP4 192.0.2.5',
        'o=second 1 2 IN IP4 192.0.2.6',
        's=-',
        'c=IN',
        'm =video 3227 RTP/AVP 31',
        'm=audio 99999 RTP/AVP 0',
        'c=IN IP4 192.0.2.66',
        'm=audio 4000/2 RTP/AVP 0',
        'c=IN IP4 224.2.1.1/127/3',
        'x=y',
        '=',
      ),
    );
    assert.equal(sdp.origin.username, '-');
    assert.equal(sdp.connection, null);
    assert.equal(sdp.media.length, 1);
    assert.deepEqual([sdp.media[0]?.port, sdp.media[0]?.connection?.address], [4000, '224.2.1.1']);
  });

  it('takes LF and CR line ends and escapes control characters', () => {
    assert.equal(read('v=0\no=a\u0000b 1 2 IN IP4 h\ns=-\n').origin.username, 'a%00b');
    assert.equal(read('v=0\ro=ab 1 2 IN IP4 h\r').origin.username, 'ab');
    assert.equal(read(Buffer.from('v=0\no=\xe9 1 2 IN IP4 h\n', 'latin1')).origin.username, 'é');
  });

  const bad: [string, string][] = [
    ['nothing', ''],
    ['text', 'hello'],
    ['XML', '<audio>\n <pcmu port="443"/>\n</audio>'],
    ['version 1', 'v=1\no=a 1 2 IN IP4 h\n'],
    ['no origin', 'v=0\ns=-\n'],
    ['an origin of five parts', 'v=0\no=a 1 2 IN IP4\n'],
    ['more than 64 KiB', `v=0\no=a 1 2 IN IP4 h\n${'a=x\n'.repeat(20_000)}`],
  ];
  for (const [title, body] of bad) {
    it(`refuses ${title}`, () => {
      const result = parseSdp(body);
      assert.ok(!result.ok);
      assert.notEqual(result.reason, '');
    });
  }

  it('bounds what it holds', () => {
    const many = `v=0\no=a 1 2 IN IP4 h\n${'m=audio 1 RTP/AVP 0\n'.repeat(2_000)}`;
    assert.equal(read(many).media.length, 64);
    const crypto = `v=0\no=a 1 2 IN IP4 h\n${'a=crypto:1 S inline:k\n'.repeat(2_000)}`;
    assert.equal(read(crypto).crypto.length, 64);
  });

  it('never throws and is done in linear time, whatever the bytes', () => {
    const piece = fc.constantFrom(
      'v=0',
      'o=a 1 2 IN IP4 h',
      'a=crypto:1 S inline:k|2^2;',
      'm=audio 1 RTP/AVP ',
      'c=IN IP4 h',
      '\r\n',
      '\n',
      ' ',
      'a=',
    );
    fc.assert(
      fc.property(fc.array(fc.oneof(piece, fc.string({ unit: 'binary' })), { maxLength: 60 }), (parts) => {
        const body = parts.join('');
        const result = parseSdp(Buffer.from(body, 'utf8'));
        assert.equal(typeof result.ok, 'boolean');
      }),
      { numRuns: process.env['RINGFENCE_LONG'] === undefined ? 3_000 : 100_000 },
    );
    for (const unit of ['\n', 'a=crypto:1 S inline:', ' ', 'm=', 'o=- ', 'a=fingerprint:x ']) {
      const body = Buffer.from(`v=0\r\n${unit.repeat(65_000 / unit.length)}`);
      const began = cpuTime();
      assert.equal(parseSdp(body).ok, unit === 'o=- '); // which is an o= line of many parts
      // a quadratic reader would take seconds of the processor for these 65 kB
      assert.ok(cpuTime() - began < 500, unit);
    }
  });
});

describe('sdpPart', () => {
  const sdp = lines('v=0', 'o=- 1 1 IN IP4 192.0.2.5', 's=-');
  const multipart = (boundary: string, ...parts: string[]): Buffer =>
    Buffer.from(`preamble\r\n${parts.map((part) => `--${boundary}\r\n${part}\r\n`).join('')}--${boundary}--\r\n`);

  const cases: [string, string, Buffer, string | null][] = [
    ['the body itself', 'application/sdp', Buffer.from(sdp), sdp],
    ['any case, parameters', 'Application/SDP ; charset=utf-8', Buffer.from(sdp), sdp],
    ['another type', 'text/plain', Buffer.from(sdp), null],
    ['no type', '', Buffer.from(sdp), null],
    [
      'the second part',
      'multipart/mixed;boundary=b1',
      multipart(
        'b1',
        'Content-Type: text/plain\r\n\r\nHello',
        `Content-Disposition: session\r\ncontent-type : application/sdp\r\n\r\n${sdp}`,
      ),
      sdp,
    ],
    [
      'a quoted boundary',
      'multipart/mixed; x=y; Boundary="a b;c"',
      multipart('a b;c', `Content-Type:\r\n application/sdp\r\n\r\n${sdp}`),
      sdp,
    ],
    [
      'a part within a part',
      'multipart/mixed;boundary=out',
      multipart(
        'out',
        `Content-Type: multipart/alternative;boundary=in\r\n\r\n${multipart('in', `Content-Type: application/sdp\r\n\r\n${sdp}`).toString()}`,
      ),
      sdp,
    ],
    ['no boundary', 'multipart/mixed', multipart('b', `Content-Type: application/sdp\r\n\r\n${sdp}`), null],
    [
      'a boundary of 71 characters',
      `multipart/mixed;boundary=${'b'.repeat(71)}`,
      multipart('b'.repeat(71), `Content-Type: application/sdp\r\n\r\n${sdp}`),
      null,
    ],
    [
      'a part after the closing delimiter',
      'multipart/mixed;boundary=b',
      Buffer.from(`--b--\r\n--b\r\nContent-Type: application/sdp\r\n\r\n${sdp}`),
      null,
    ],
    ['a part without headers', 'multipart/mixed;boundary=b', multipart('b', `\r\n${sdp}`), null],
    [
      'a part that never ends',
      'multipart/mixed;boundary=b',
      Buffer.from(`--b\r\nContent-Type: application/sdp\r\n\r\n${sdp}`),
      sdp.slice(0, -2),
    ],
  ];
  for (const [title, contentType, body, expected] of cases) {
    it(title, () => assert.equal(sdpPart(contentType, body)?.toString() ?? null, expected));
  }

  it('costs little on a body of nothing but delimiters', () => {
    const body = Buffer.from('--b\r\n'.repeat(13_000));
    const began = cpuTime();
    assert.equal(sdpPart('multipart/mixed;boundary=b', body), null);
    assert.equal(sdpPart('multipart/mixed;boundary=b', Buffer.from('--b'.repeat(21_000))), null);
    assert.ok(cpuTime() - began < 50);
  });
});
