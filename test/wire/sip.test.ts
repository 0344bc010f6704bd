import assert from 'node:assert/strict';
import { KEEP_ALIVE, parseSip, type SipMessage } from '../../src/wire/sip.ts';

const bytes = (lines: readonly string[], end = '\r\n', body = ''): Buffer =>
  Buffer.from(lines.join(end) + end + end + body, 'latin1');

function read(message: Buffer): SipMessage {
  const result = parseSip(message);
  assert.ok(result.ok, result.ok ? '' : `${result.reason} at ${result.offset}`);
  return result.value;
}

/** The fields named in `expected`, as the message tells them. */
function fields(message: SipMessage, expected: object): Record<string, unknown> {
  return Object.fromEntries(Object.keys(expected).map((key) => [key, Reflect.get(message, key) as unknown]));
}

describe('RFC 3261 section 24: the examples', () => {
  const cases: [string, string[], string, Record<string, unknown>][] = [
    [
      '24.1 F1 REGISTER Bob -> registrar',
      [
        'REGISTER sip:registrar.biloxi.com SIP/2.0',
        'Via: SIP/2.0/UDP bobspc.biloxi.com:5060;branch=z9hG4bKnashds7',
        'Max-Forwards: 70',
        'To: Bob <sip:bob@biloxi.com>',
        'From: Bob <sip:bob@biloxi.com>;tag=456248',
        'Call-ID: 843817637684230@998sdasdh09',
        'CSeq: 1826 REGISTER',
        'Contact: <sip:bob@192.0.2.4>',
        'Expires: 7200',
        'Content-Length: 0',
      ],
      '',
      {
        isRequest: true,
        method: 'REGISTER',
        requestUri: 'sip:registrar.biloxi.com',
        requestUser: '',
        requestHost: 'registrar.biloxi.com',
        status: 0,
        reason: '',
        callId: '843817637684230@998sdasdh09',
        cseq: 1826,
        cseqMethod: 'REGISTER',
        fromUser: 'bob',
        fromHost: 'biloxi.com',
        fromTag: '456248',
        toUser: 'bob',
        toHost: 'biloxi.com',
        toTag: '',
        branch: 'z9hG4bKnashds7',
        sentBy: 'bobspc.biloxi.com',
        sentByPort: 5060,
        viaTransport: 'UDP',
        received: null,
        rport: null,
        expires: 7200,
        contentLength: 0,
        contentType: '',
        userAgent: '',
        truncated: false,
      },
    ],
    [
      '24.1 F2 200 OK registrar -> Bob',
      [
        'SIP/2.0 200 OK',
        'Via: SIP/2.0/UDP bobspc.biloxi.com:5060;branch=z9hG4bKnashds7',
        ' ;received=192.0.2.4',
        'To: Bob <sip:bob@biloxi.com>;tag=2493k59kd',
        'From: Bob <sip:bob@biloxi.com>;tag=456248',
        'Call-ID: 843817637684230@998sdasdh09',
        'CSeq: 1826 REGISTER',
        'Contact: <sip:bob@192.0.2.4>',
        'Expires: 7200',
        'Content-Length: 0',
      ],
      '',
      {
        isRequest: false,
        method: '',
        requestUri: '',
        requestUser: '',
        requestHost: '',
        status: 200,
        reason: 'OK',
        cseqMethod: 'REGISTER',
        toTag: '2493k59kd',
        branch: 'z9hG4bKnashds7',
        received: '192.0.2.4',
      },
    ],
    [
      '24.2 F1 INVITE Alice -> atlanta.com proxy',
      [
        'INVITE sip:bob@biloxi.com SIP/2.0',
        'Via: SIP/2.0/UDP pc33.atlanta.com;branch=z9hG4bKnashds8',
        'Max-Forwards: 70',
        'To: Bob <sip:bob@biloxi.com>',
        'From: Alice <sip:alice@atlanta.com>;tag=1928301774',
        'Call-ID: a84b4c76e66710',
        'CSeq: 314159 INVITE',
        'Contact: <sip:alice@pc33.atlanta.com>',
        'Content-Type: application/sdp',
        'Content-Length: 4',
      ],
      'v=0\n',
      {
        method: 'INVITE',
        requestUser: 'bob',
        requestHost: 'biloxi.com',
        callId: 'a84b4c76e66710',
        cseq: 314159,
        fromUser: 'alice',
        fromTag: '1928301774',
        sentBy: 'pc33.atlanta.com',
        sentByPort: 0,
        contentType: 'application/sdp',
        contentLength: 4,
        truncated: false,
      },
    ],
    [
      '24.2 F8 180 Ringing with three Vias',
      [
        'SIP/2.0 180 Ringing',
        'Via: SIP/2.0/UDP server10.biloxi.com;branch=z9hG4bK4b43c2ff8.1',
        ' ;received=192.0.2.3',
        'Via: SIP/2.0/UDP bigbox3.site3.atlanta.com;branch=z9hG4bK77ef4c2312983.1',
        ' ;received=192.0.2.2',
        'Via: SIP/2.0/UDP pc33.atlanta.com;branch=z9hG4bKnashds8',
        ' ;received=192.0.2.1',
        'To: Bob <sip:bob@biloxi.com>;tag=a6c85cf',
        'From: Alice <sip:alice@atlanta.com>;tag=1928301774',
        'Call-ID: a84b4c76e66710',
        'Contact: <sip:bob@192.0.2.4>',
        'CSeq: 314159 INVITE',
        'Content-Length: 0',
      ],
      '',
      { status: 180, reason: 'Ringing', branch: 'z9hG4bK4b43c2ff8.1', received: '192.0.2.3', cseqMethod: 'INVITE' },
    ],
  ];
  for (const [title, lines, body, expected] of cases) {
    it(title, () => {
      const message = read(bytes(lines, '\r\n', body));
      assert.deepEqual(fields(message, expected), expected);
      assert.equal(message.body.toString(), body);
    });
  }

  it('lists several Vias whether on lines of their own or on one', () => {
    const [, , , response] = cases;
    const three = read(bytes(response?.[1] ?? []));
    assert.equal(three.headers('via').length, 3);
    assert.equal(three.values('v')[2], 'SIP/2.0/UDP pc33.atlanta.com;branch=z9hG4bKnashds8 ;received=192.0.2.1');
  });
});

const REQUEST = {
  start: 'OPTIONS sip:600@192.0.2.1 SIP/2.0',
  via: 'Via: SIP/2.0/UDP 192.0.2.9:5062;branch=z9hG4bK1',
  from: 'From: <sip:1001@lab.example>;tag=f1',
  to: 'To: <sip:1001@lab.example>',
  callId: 'Call-ID: c1',
  cseq: 'CSeq: 1 OPTIONS',
  other: 'Max-Forwards: 70',
  contact: 'Contact: <sip:1001@192.0.2.9:5062>',
  length: 'Content-Length: 0',
};
type Part = keyof typeof REQUEST;

/** A good request with some of its lines replaced, several or left out. */
function variant(changes: Partial<Record<Part, string | string[]>>, end = '\r\n', last = '\r\n\r\n'): Buffer {
  const lines = Object.entries({ ...REQUEST, ...changes }).flatMap(([, line]) => line);
  return Buffer.from(lines.join(end) + (end === '\r\n' ? last : end + end), 'latin1');
}

/**
 * What Asterisk 22.10 (A) and Kamailio 5.6.3 (K) answered when these were sent to them. Whatever one of them answers must be
 * read, and read as that one reads it.
 */
describe('reads what a PBX answers', () => {
  const cases: [string, Buffer, Record<string, unknown>][] = [
    ['a plain request (A K)', variant({}), { method: 'OPTIONS', fromUser: '1001', callId: 'c1', cseq: 1 }],
    ['LF line ends (A K)', variant({}, '\n'), { fromUser: '1001', branch: 'z9hG4bK1', contentLength: 0 }],
    ['CR line ends (A)', variant({}, '\r'), { fromUser: '1001', branch: 'z9hG4bK1', contentLength: 0 }],
    ['line ends before the start line (A K)', variant({ start: `\r\n\r\n${REQUEST.start}` }), { requestUser: '600' }],
    ['blanks before the start line (A K)', variant({ start: ` ${REQUEST.start}` }), { method: 'OPTIONS' }],
    ['blanks after it (A K)', variant({ start: `${REQUEST.start}  ` }), { requestUri: 'sip:600@192.0.2.1' }],
    ['two blanks (A)', variant({ start: 'OPTIONS  sip:600@192.0.2.1  SIP/2.0' }), { requestUser: '600' }],
    ['tabs (A)', variant({ start: 'OPTIONS\tsip:600@192.0.2.1\tSIP/2.0' }), { requestUser: '600' }],
    ['SIP / 2.0 (A)', variant({ start: 'OPTIONS sip:600@192.0.2.1 SIP / 2.0' }), { requestUser: '600' }],
    ['sip/2.0 (A K)', variant({ start: 'OPTIONS sip:600@192.0.2.1 sip/2.0' }), { requestUser: '600' }],
    [
      'a lower-case method, which Asterisk obeys (A K)',
      variant({ start: 'register sip:192.0.2.1 SIP/2.0', cseq: 'CSeq: 7 register' }),
      { method: 'REGISTER', cseqMethod: 'REGISTER' },
    ],
    [
      'an unknown method as sent (A K)',
      variant({ start: 'Opt%49ONS sip:600@192.0.2.1 SIP/2.0', cseq: 'CSeq: 1 Opt%49ONS' }),
      { method: 'Opt%49ONS', cseqMethod: 'Opt%49ONS' },
    ],
    [
      'another method in CSeq (A K)',
      variant({ cseq: 'CSeq: 1 REGISTER' }),
      { method: 'OPTIONS', cseqMethod: 'REGISTER' },
    ],
    ['CSeq 1OPTIONS (A)', variant({ cseq: 'CSeq: 1OPTIONS' }), { cseq: 1, cseqMethod: 'OPTIONS' }],
    ['two blanks in CSeq (A K)', variant({ cseq: 'CSeq: 1  ACK' }), { cseq: 1, cseqMethod: 'ACK' }],
    ['CSeq 4294967295 (K)', variant({ cseq: 'CSeq: 4294967295 OPTIONS' }), { cseq: 4294967295 }],
    [
      'headers twice: the first counts (A)',
      variant({
        from: [REQUEST.from, 'From: <sip:1002@lab.example>;tag=second'],
        to: [REQUEST.to, 'To: <sip:1002@lab.example>'],
        callId: [REQUEST.callId, 'Call-ID: second'],
        cseq: [REQUEST.cseq, 'CSeq: 99 INVITE'],
        length: [REQUEST.length, 'Content-Length: 5'],
      }),
      {
        fromUser: '1001',
        fromTag: 'f1',
        toUser: '1001',
        callId: 'c1',
        cseq: 1,
        cseqMethod: 'OPTIONS',
        contentLength: 0,
      },
    ],
    ['two tags: the last counts (A K)', variant({ from: 'From: <sip:1001@lab>;tag=a;tag=b' }), { fromTag: 'b' }],
    [
      'FROM, blank, tab, colon (A K)',
      variant({ from: 'FROM \t: <sip:1001@lab>;tag=x' }),
      { fromUser: '1001', fromTag: 'x' },
    ],
    [
      'a fold before the colon (A)',
      variant({ from: 'FROM\r\n : <sip:1001@lab>;tag=x' }),
      { fromUser: '1001', fromTag: 'x' },
    ],
    [
      'a folded From (A K)',
      variant({ from: 'From:\r\n <sip:1001@lab>\r\n\t;tag=x' }),
      { fromUser: '1001', fromTag: 'x' },
    ],
    ['a folded LF (A K)', variant({ from: 'From:\n\t<sip:1001@lab>;tag=x' }), { fromUser: '1001', fromTag: 'x' }],
    ['a folded quoted name (K)', variant({ from: 'From: "a\r\n b" <sip:1001@lab>;tag=x' }), { fromUser: '1001' }],
    ['a lone CR in a quoted name (A)', variant({ from: 'From: "a\rb" <sip:1001@lab>;tag=x' }), { fromUser: '1001' }],
    [
      'a header after a lone CR (A): it must not hide',
      variant({ other: 'X-A: y\rUser-Agent: hidden' }),
      { userAgent: 'hidden' },
    ],
    [
      'compact names (A K)',
      variant({ from: 'f: <sip:1001@lab>;tag=x', callId: 'I: c9' }),
      { fromUser: '1001', callId: 'c9' },
    ],
    ['NUL in a display name (A K)', variant({ from: 'From: "a\0b" <sip:1001@lab>;tag=x' }), { fromUser: '1001' }],
    ['NUL in a user (K)', variant({ from: 'From: <sip:10\x0001@lab>;tag=x' }), { fromUser: '10%0001' }],
    ['a control character in Call-ID (A K)', variant({ callId: 'Call-ID: c\x01z\x7f' }), { callId: 'c%01z%7F' }],
    ['8-bit Call-ID (A K), not UTF-8', variant({ callId: 'Call-ID: c\xff\xe9' }), { callId: 'cÿé' }],
    ['8-bit Call-ID (A K), UTF-8', variant({ callId: 'Call-ID: c\xc3\xa9' }), { callId: 'cé' }],
    ['a blank in Call-ID (A K)', variant({ callId: 'Call-ID: c1 zz ' }), { callId: 'c1 zz' }],
    [
      'a tel: From (A K)',
      variant({ from: 'From: <tel:+491234;x=y>;tag=x' }),
      { fromUser: '+491234', fromHost: '', fromTag: 'x' },
    ],
    [
      'an http: From (A K)',
      variant({ from: 'From: <http://www.example>;tag=x' }),
      { fromUser: '', fromHost: '', fromTag: 'x' },
    ],
    ['an unquoted comma (A K)', variant({ from: 'From: Bell, A <sip:1001@lab>;tag=x' }), { fromUser: '1001' }],
    ['blanks around a URI (A K)', variant({ to: 'To: < sip:1001@LAB >' }), { toUser: '1001', toHost: 'lab' }],
    ['%61lice (K registers alice)', variant({ to: 'To: <sip:%61lice@lab>' }), { toUser: 'alice' }],
    ['junk in From (K)', variant({ from: 'From: junk' }), { fromUser: '', fromHost: '', fromTag: '' }],
    ['an empty From (K)', variant({ from: 'From:' }), { fromUser: '', fromTag: '' }],
    ['junk in Contact (K)', variant({ contact: 'Contact: <<<>>>,,;;' }), { fromUser: '1001' }],
    [
      'a URI in <> (K)',
      variant({ start: 'OPTIONS <sip:600@192.0.2.1> SIP/2.0' }),
      { requestUser: '', requestHost: '' },
    ],
    [
      'an unknown URI scheme (K)',
      variant({ start: 'OPTIONS foo:bar SIP/2.0' }),
      { requestUri: 'foo:bar', requestUser: '' },
    ],
    [
      'URI headers (A K)',
      variant({ start: 'OPTIONS sip:600@h?Route=%3Csip:x%3E SIP/2.0' }),
      { requestUser: '600', requestHost: 'h' },
    ],
    ['no Content-Length (A K)', variant({ length: [] }), { contentLength: null, truncated: false }],
    [
      'a body shorter than that (A K)',
      variant({ length: 'Content-Length: 9999' }),
      { contentLength: 9999, truncated: true },
    ],
    ['a huge Expires (A K)', variant({ other: 'Expires: 100000000000000000000000' }), { expires: 4294967295 }],
    ['no empty line at the end (A K)', variant({}, '\r\n', '\r\n'), { contentLength: 0 }],
    ['no line end at the end (A)', variant({}, '\r\n', ''), { contentLength: 0, fromUser: '1001' }],
    ['an empty line of LF (A K)', variant({}, '\r\n', '\r\n\n'), { contentLength: 0 }],
    ['a blank line at the end (A K)', variant({}, '\r\n', '\r\n \r\n'), { contentLength: 0 }],
    [
      '2,000 headers (A K)',
      variant({ other: Array.from({ length: 2000 }, (_, i) => `X-${i}: y`) }),
      { contentLength: 0 },
    ],
    ['a header of 60,000 bytes (A K)', variant({ other: `X-A: ${'y'.repeat(60_000)}` }), { contentLength: 0 }],
    [
      'junk in Via (neither)',
      variant({ via: 'Via: junk' }),
      { branch: '', sentBy: '', viaTransport: '', received: null },
    ],
    ['a folded empty header (K)', variant({ other: 'Subject: a\r\n \r\n b' }), { contentLength: 0 }],
  ];
  for (const [title, message, expected] of cases) {
    it(title, () => assert.deepEqual(fields(read(message), expected), expected));
  }
});

describe('refuses, with a reason', () => {
  const cases: [string, Buffer, RegExp][] = [
    ['nothing', Buffer.alloc(0), new RegExp(KEEP_ALIVE)],
    ['a keep-alive', Buffer.from('\r\n\r\n'), new RegExp(KEEP_ALIVE)],
    ['a keep-alive of NULs', Buffer.from([0, 0, 0, 0]), new RegExp(KEEP_ALIVE)],
    ['HTTP', Buffer.from('GET / HTTP/1.1\r\nHost: x\r\n\r\n'), /SIP\/2\.0/],
    ['a STUN request', Buffer.from('000100002112a442b7e7a701bc34d686fa87dfae', 'hex'), /start line/],
    ['SIP/7.0', variant({ start: 'OPTIONS sip:600@192.0.2.1 SIP/7.0' }), /SIP\/2\.0/],
    ['SIP/2.1', variant({ start: 'OPTIONS sip:600@192.0.2.1 SIP/2.1' }), /SIP\/2\.0/],
    ['no version', variant({ start: 'OPTIONS sip:600@192.0.2.1' }), /SIP\/2\.0/],
    ['a blank in the URI', variant({ start: 'OPTIONS sip:600@192.0.2.1; lr SIP/2.0' }), /SIP\/2\.0/],
    ['junk before the start line', variant({ start: `junk\r\n${REQUEST.start}` }), /start line/],
    ['no line end at all', Buffer.from(REQUEST.start), /line end/],
    ['status 4294967301', variant({ start: 'SIP/2.0 4294967301 too big' }), /status/],
    ['status 99', variant({ start: 'SIP/2.0 99 small' }), /status/],
    ['status 700', variant({ start: 'SIP/2.0 700 big' }), /status/],
    ['status 0200', variant({ start: 'SIP/2.0 0200 OK' }), /status/],
    ['no status', variant({ start: 'SIP/2.0' }), /status/],
    ['a line without colon', variant({ other: 'Foobar roobar' }), /colon/],
    ['a header without name', variant({ other: ': x' }), /colon/],
    ['a fold before the first header', variant({ start: `${REQUEST.start}\r\n folded` }), /colon/],
    ['no From', variant({ from: [] }), /no From/],
    ['no To', variant({ to: [] }), /no To/],
    ['no Call-ID', variant({ callId: [] }), /no Call-ID/],
    ['an empty Call-ID', variant({ callId: 'Call-ID: \t' }), /empty Call-ID/],
    ['no CSeq', variant({ cseq: [] }), /no CSeq/],
    ['no Via', variant({ via: [] }), /no Via/],
    ['CSeq 4294967296', variant({ cseq: 'CSeq: 4294967296 OPTIONS' }), /CSeq/],
    ['CSeq -1', variant({ cseq: 'CSeq: -1 OPTIONS' }), /CSeq/],
    ['CSeq x', variant({ cseq: 'CSeq: x OPTIONS' }), /CSeq/],
    ['CSeq without method', variant({ cseq: 'CSeq: 1' }), /method/],
    ['Content-Length -999', variant({ length: 'Content-Length: -999' }), /Content-Length/],
    ['Content-Length abc', variant({ length: 'Content-Length: abc' }), /Content-Length/],
    ['Content-Length of 20 digits', variant({ length: 'l: 99999999999999999999' }), /Content-Length/],
    ['headers of 70,000 bytes', variant({ other: `X-A: ${'y'.repeat(70_000)}` }), /65535/],
    ['a request line of 70,000 bytes', variant({ start: `OPTIONS sip:${'y'.repeat(70_000)} SIP/2.0` }), /65535/],
  ];
  for (const [title, message, reason] of cases) {
    it(title, () => {
      const result = parseSip(message);
      assert.ok(!result.ok);
      assert.match(result.reason, reason);
      assert.ok(result.offset >= 0 && result.offset <= message.length);
    });
  }
});

describe('SipMessage', () => {
  const message = read(
    bytes([
      'REGISTER sips:example.com;transport=tls SIP/2.0',
      'Via: SIP/2.0/TLS [2001:DB8::9]:5061;rport=3344;branch=z9hG4bK77, SIP/2.0/UDP 192.0.2.7;branch=z9hG4bK78',
      'v: SIP/2.0/tcp second.example',
      'From: "Jos\xc3\xa9 \\"x\\", <not:this>; y" <sip:jos%C3%A9;x=1:secret@Example.COM:5070>;x="a;tag=no";tag=abc',
      'To: sip:%31%30%30%34@[2001:db8::1]:5060;tag=t;x',
      'Call-ID: id@host',
      'CSeq: 3 REGISTER',
      'Contact: "A, B" <sip:1004@192.0.2.4:5062;ob>;q=0.5;expires=120;+sip.instance="<urn:uuid:1-2>", sip:1004@[2001:db8::4];expires=x',
      'm: <sip:1004@phone.example>;EXPIRES=99999999999;reg-id=1',
      'User-Agent: Phone\tof\r\n   two lines ',
      'X-Thing: a, "b, c", <d, e>, f',
      'x-thing: second',
      'Supported: path',
      'k: outbound',
      'Expires: 3600',
    ]),
  );

  it('tells users, hosts and tags', () => {
    const expected = {
      requestUri: 'sips:example.com;transport=tls',
      requestUser: '',
      requestHost: 'example.com',
      fromUser: 'josé;x=1',
      fromHost: 'example.com',
      fromTag: 'abc',
      toUser: '1004',
      toHost: '2001:db8::1',
      toTag: 't',
      userAgent: 'Phone of two lines',
      expires: 3600,
    };
    assert.deepEqual(fields(message, expected), expected);
  });

  it('tells the topmost Via', () => {
    const expected = {
      sentBy: '2001:db8::9',
      sentByPort: 5061,
      viaTransport: 'TLS',
      branch: 'z9hG4bK77',
      rport: '3344',
      received: null,
    };
    assert.deepEqual(fields(message, expected), expected);
    assert.deepEqual(message.via, {
      transport: 'TLS',
      host: '2001:db8::9',
      port: 5061,
      branch: 'z9hG4bK77',
      received: null,
      rport: '3344',
    });
  });

  it('finds headers by long or compact name in any case, known and unknown ones', () => {
    assert.equal(message.header('CALL-ID'), 'id@host');
    assert.equal(message.header('i'), 'id@host');
    assert.equal(message.header('x-THING'), 'a, "b, c", <d, e>, f');
    assert.equal(message.header('supported'), 'path');
    assert.equal(message.header('nothing'), null);
    assert.equal(message.header('server'), null);
    assert.deepEqual(message.headers('X-Thing'), ['a, "b, c", <d, e>, f', 'second']);
    assert.deepEqual(message.headers('k'), ['path', 'outbound']);
    assert.deepEqual(message.headers('Supported'), ['path', 'outbound']);
    assert.deepEqual(message.values('x-thing'), ['a', '"b, c"', '<d, e>', 'f', 'second']);
    assert.deepEqual(message.headers('nothing'), []);
    assert.equal(message.values('via').length, 3);
    assert.equal(message.header('__proto__'), null);
    assert.equal(message.header('constructor'), null);
  });

  it('lists contacts', () => {
    const contacts = message.contacts();
    assert.ok(contacts !== '*');
    assert.deepEqual(
      contacts.map(({ uri, user, host, port, expires, instance }) => [uri, user, host, port, expires, instance]),
      [
        ['sip:1004@192.0.2.4:5062;ob', '1004', '192.0.2.4', 5062, 120, 'urn:uuid:1-2'],
        ['sip:1004@[2001:db8::4]', '1004', '2001:db8::4', 0, null, ''],
        ['sip:1004@phone.example', '1004', 'phone.example', 0, 4294967295, ''],
      ],
    );
    assert.equal(contacts[0]?.params['q'], '0.5');
    assert.equal(contacts[2]?.params['reg-id'], '1');
  });

  it('tells Contact: * and no Contact apart', () => {
    assert.equal(read(variant({ contact: 'Contact: *' })).contacts(), '*');
    assert.equal(read(variant({ contact: 'm:*' })).contacts(), '*');
    assert.deepEqual(read(variant({ contact: [] })).contacts(), []);
  });

  it('keeps a parameter named __proto__ a parameter', () => {
    const contacts = read(variant({ contact: 'Contact: <sip:a@b>;__proto__=x;constructor=y' })).contacts();
    assert.ok(contacts !== '*');
    assert.deepEqual(Object.entries(contacts[0]?.params ?? {}), [
      ['__proto__', 'x'],
      ['constructor', 'y'],
    ]);
  });

  it('takes Server for the agent of a response, else its User-Agent', () => {
    const start = 'SIP/2.0 200 OK';
    assert.equal(read(variant({ start, other: ['Server: S', 'User-Agent: U'] })).userAgent, 'S');
    assert.equal(read(variant({ start, other: 'User-Agent: U' })).userAgent, 'U');
    assert.equal(read(variant({ other: ['Server: S', 'User-Agent: U'] })).userAgent, 'U');
  });

  it('gives as much body as Content-Length says', () => {
    const cut = read(Buffer.concat([variant({ length: 'Content-Length: 4' }), Buffer.from('v=0\n\nmore')]));
    assert.equal(cut.body.toString(), 'v=0\n');
    const short = read(Buffer.concat([variant({ length: 'Content-Length: 40' }), Buffer.from('v=0')]));
    assert.equal(short.body.toString(), 'v=0');
    assert.ok(short.truncated);
    const unsaid = read(Buffer.concat([variant({ length: [] }), Buffer.from('v=0')]));
    assert.equal(unsaid.body.toString(), 'v=0');
  });

  it('reads a message that stands inside a larger buffer', () => {
    const inner = variant({});
    const outer = Buffer.concat([Buffer.from('HEP3....'), inner, Buffer.from('tail')]);
    assert.equal(read(outer.subarray(8, 8 + inner.length)).callId, 'c1');
  });

  it('keeps control characters out of every text, whatever the bytes', () => {
    const odd = Array.from({ length: 256 }, (_, c) => c).filter((c) => ![0, 10, 13, 32, 9].includes(c));
    for (const c of [0, ...odd]) {
      const x = String.fromCharCode(c);
      const result = parseSip(
        variant({
          from: `From: "${x}" <sip:a${x}b@c${x}d>;tag=e${x}f`,
          callId: `Call-ID: g${x}h`,
          via: `Via: SIP/2.0/UDP i${x}j;branch=k${x}l`,
          other: `User-Agent: m${x}n`,
          contact: `Contact: <sip:o${x}p@q>;r=s${x}t`,
        }),
      );
      if (!result.ok) continue;
      const m = result.value;
      const texts = [m.fromUser, m.fromHost, m.fromTag, m.callId, m.sentBy, m.branch, m.userAgent, m.header('From')];
      const contacts = m.contacts();
      assert.ok(contacts !== '*');
      const parts = contacts.flatMap((k) => [k.uri, k.user, k.host, ...Object.entries(k.params).flat()]);
      const seen = [...texts, ...parts, ...m.values('contact')].join(' ');
      // eslint-disable-next-line no-control-regex
      assert.doesNotMatch(seen, /[\u0000-\u001f\u007f-\u009f]/, `byte ${c}`);
    }
  });
});
