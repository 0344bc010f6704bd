import assert from 'node:assert/strict';
import { decodeUser, parseNameAddr, parseUri, parseVia } from '../../src/wire/sip-uri.ts';

describe('parseUri', () => {
  const cases: [string, string, string, string, number, Record<string, string>, string][] = [
    ['sip:alice@atlanta.com', 'sip', 'alice', 'atlanta.com', 0, {}, ''],
    ['SIP:Alice@Atlanta.COM:5061', 'sip', 'Alice', 'atlanta.com', 5061, {}, ''],
    ['sip:alice:secretword@atlanta.com;transport=TCP', 'sip', 'alice', 'atlanta.com', 0, { transport: 'TCP' }, ''],
    [
      'sips:alice@atlanta.com?subject=project%20x&priority=urgent',
      'sips',
      'alice',
      'atlanta.com',
      0,
      {},
      'subject=project%20x&priority=urgent',
    ],
    [
      'sip:+1-212-555-1212:1234@gateway.com;user=phone',
      'sip',
      '+1-212-555-1212',
      'gateway.com',
      0,
      { user: 'phone' },
      '',
    ],
    ['sips:1212@gateway.com', 'sips', '1212', 'gateway.com', 0, {}, ''],
    ['sip:alice@192.0.2.4', 'sip', 'alice', '192.0.2.4', 0, {}, ''],
    [
      'sip:atlanta.com;method=REGISTER?to=alice%40a',
      'sip',
      '',
      'atlanta.com',
      0,
      { method: 'REGISTER' },
      'to=alice%40a',
    ],
    ['sip:alice;day=tuesday@atlanta.com', 'sip', 'alice;day=tuesday', 'atlanta.com', 0, {}, ''],
    ['sip:j%40son@[2001:DB8::1]:5060;lr', 'sip', 'j@son', '2001:db8::1', 5060, { lr: '' }, ''],
    ['sip:[::ffff:192.0.2.1]', 'sip', '', '::ffff:192.0.2.1', 0, {}, ''],
    ['sip:a@h:99999', 'sip', 'a', 'h', 0, {}, ''],
    ['tel:+49-30-1234;phone-context=x', 'tel', '+49-30-1234', '', 0, { 'phone-context': 'x' }, ''],
  ];
  for (const [text, scheme, user, host, port, parameters, headers] of cases) {
    it(text, () => {
      const result = parseUri(text);
      assert.ok(result.ok);
      assert.deepEqual(
        { ...result.value, parameters: { ...result.value.parameters } },
        { scheme, user, host, port, parameters, headers },
      );
    });
  }

  for (const text of [
    '',
    'alice@atlanta.com',
    'http://x',
    'sip:',
    'sip:alice@',
    'tel:',
    'sip:a b@c',
    'sip:a@\u0000b',
  ]) {
    it(`refuses ${JSON.stringify(text)}`, () => assert.equal(parseUri(text).ok, false));
  }
});

describe('parseNameAddr', () => {
  const cases: [string, string, string, string, Record<string, string>][] = [
    [
      '"A. G. Bell" <sip:agb@bell-telephone.com> ;tag=a48s',
      'A. G. Bell',
      'sip:agb@bell-telephone.com',
      'agb',
      { tag: 'a48s' },
    ],
    [
      'sip:+12125551212@server.phone2net.com;tag=887s',
      '',
      'sip:+12125551212@server.phone2net.com',
      '+12125551212',
      { tag: '887s' },
    ],
    [
      'Anonymous <sip:c8oqz84zk7z@privacy.org>;tag=hyh8',
      'Anonymous',
      'sip:c8oqz84zk7z@privacy.org',
      'c8oqz84zk7z',
      { tag: 'hyh8' },
    ],
    ['<sip:a@b;x=y>;X="q;\\"r"', '', 'sip:a@b;x=y', 'a', { x: 'q;"r' }],
    ['"<sip:fake@x>" <sip:real@y>', '<sip:fake@x>', 'sip:real@y', 'real', {}],
    ['"unclosed <sip:a@b>;tag=1', '"unclosed', 'sip:a@b', 'a', { tag: '1' }],
    ['sip:a@b;x="<sip:c@d>"', '', 'sip:a@b', 'a', { x: '<sip:c@d>' }],
    ['<sip:a@b', '', 'sip:a@b', 'a', {}],
    ['a;b <sip:c@d>', 'a;b', 'sip:c@d', 'c', {}],
    ['Jos\u00e9 <sip:c@d>', 'José', 'sip:c@d', 'c', {}],
  ];
  for (const [text, name, uri, user, parameters] of cases) {
    it(text, () => {
      const result = parseNameAddr(text);
      assert.ok(result.ok);
      const { value } = result;
      assert.deepEqual([value.name, value.uri, value.user, { ...value.parameters }], [name, uri, user, parameters]);
    });
  }

  it('refuses what has no URI', () => {
    for (const text of ['', '  ', '<>', '"x" <  >', ';tag=1']) assert.equal(parseNameAddr(text).ok, false, text);
  });
});

describe('parseVia', () => {
  const cases: [string, unknown[]][] = [
    ['SIP/2.0/UDP lab.ua:5060;branch=z9hG4bK87asdks7', ['UDP', 'lab.ua', 5060, 'z9hG4bK87asdks7', null, null]],
    [
      'SIP/2.0/UDP 192.0.2.1:5060 ;received=192.0.2.207;branch=z9hG4bK77asjd',
      ['UDP', '192.0.2.1', 5060, 'z9hG4bK77asjd', '192.0.2.207', null],
    ],
    [
      'SIP / 2.0 / UDP first.example.com: 4000;ttl=16 ;maddr=224.2.0.1 ;branch=z9hG4bKa7c6a8dlze.1',
      ['UDP', 'first.example.com', 4000, 'z9hG4bKa7c6a8dlze.1', null, null],
    ],
    ['sip/2.0/wss H.Invalid;rport;branch=x,SIP/2.0/TCP b;branch=y', ['WSS', 'h.invalid', 0, 'x', null, '']],
    ['SIP/2.0/TLS-SCTP [2001:db8::9];BRANCH=x;rport=5', ['TLS-SCTP', '2001:db8::9', 0, 'x', null, '5']],
    ['SIP/2.0/UDP h;;,;,,', ['UDP', 'h', 0, '', null, null]],
    ['SIP/2.0/UDP h;branch=a;branch=b', ['UDP', 'h', 0, 'b', null, null]],
  ];
  for (const [text, expected] of cases) {
    it(text, () => {
      const result = parseVia(text);
      assert.ok(result.ok);
      const { transport, host, port, branch, received, rport } = result.value;
      assert.deepEqual([transport, host, port, branch, received, rport], expected);
    });
  }

  it('refuses what is none', () => {
    for (const text of ['', 'junk', 'SIP/2.0', 'SIP/2.0/UDP', 'SIP/2.0/UDP ;branch=x', 'SIP/7.0/UDP h', 'SIP/2.0 h']) {
      assert.equal(parseVia(text).ok, false, text);
    }
  });
});

describe('decodeUser', () => {
  const cases: [string, string, string][] = [
    ['leaves what has no escapes', 'alice', 'alice'],
    ['decodes', '%61lice', 'alice'],
    ['decodes either case', '%4a%4A', 'JJ'],
    ['decodes once', '%2561', '%61'],
    ['decodes UTF-8', 'J%C3%BCrgen', 'Jürgen'],
    ['keeps what is decoded already', 'Jürgen%20', 'Jürgen '],
    ['takes other bytes for Latin-1', 'J%FCrgen', 'Jürgen'],
    ['leaves invalid escapes', '%zz%4%', '%zz%4%'],
    ['leaves an escape cut short', 'a%6', 'a%6'],
    ['keeps NUL escaped', 'a%00b', 'a%00b'],
    ['keeps line ends escaped', 'a%0d%0Ab', 'a%0D%0Ab'],
    ['escapes raw control characters', 'a\u0007b\u0085', 'a%07b%C2%85'],
    ['escapes marks that turn the writing direction', 'a%E2%80%AEb', 'a%E2%80%AEb'],
  ];
  for (const [title, text, expected] of cases) it(title, () => assert.equal(decodeUser(text), expected));
});
