import assert from 'node:assert/strict';
import { scanChallenge, scanCredentials } from '../../src/wire/digest.ts';
import { parseSip } from '../../src/wire/sip.ts';

const credentialsOf = (value: string) => {
  const bytes = Buffer.from(value, 'utf8');
  return scanCredentials(bytes, 0, bytes.length, false, 'authorization');
};
const challengeOf = (value: string) => {
  const bytes = Buffer.from(value, 'utf8');
  return scanChallenge(bytes, 0, bytes.length, false);
};

const NONE = {
  scheme: 'Digest',
  username: '',
  realm: '',
  nonce: '',
  uri: '',
  response: '',
  nc: null,
  ncText: '',
  cnonce: '',
  qop: '',
  algorithm: '',
  opaque: '',
  header: 'authorization',
};

describe('credentials', () => {
  const cases: [string, string, object | null][] = [
    [
      'RFC 3261 section 20.7',
      'Digest username="Alice", realm="atlanta.com",\r\n nonce="84a4cc6f3082121f32b42a2187831a9e",\r\n response="7587245234b3434cc3412213e5f113a5432"',
      {
        username: 'Alice',
        realm: 'atlanta.com',
        nonce: '84a4cc6f3082121f32b42a2187831a9e',
        response: '7587245234b3434cc3412213e5f113a5432',
      },
    ],
    [
      'RFC 7616 section 3.9.1',
      'Digest username="Mufasa", realm="http-auth@example.org", uri="/dir/index.html", algorithm=SHA-256, nonce="7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v", nc=00000001, cnonce="f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ", qop=auth, response="753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1", opaque="FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS"',
      {
        username: 'Mufasa',
        realm: 'http-auth@example.org',
        uri: '/dir/index.html',
        algorithm: 'SHA-256',
        nonce: '7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v',
        nc: 1,
        ncText: '00000001',
        cnonce: 'f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ',
        opaque: 'FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS',
        qop: 'auth',
        response: '753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1',
      },
    ],
    [
      'RFC 7616 section 3.9.2: username*',
      'Digest username*=UTF-8\'\'J%C3%A4s%C3%B8n%20Doe, realm="api@example.org", userhash=true',
      { username: 'Jäsøn Doe', realm: 'api@example.org' },
    ],
    [
      'any case, any blanks',
      'dIGEST  Username = "a" ,NC=0000000A,qop="auth"',
      { username: 'a', nc: 10, ncText: '0000000A', qop: 'auth' },
    ],
    ['escaped quotes', 'Digest username="a\\"b\\\\c", realm="x"', { username: 'a"b\\c', realm: 'x' }],
    ['commas in quotes', 'Digest username="a, realm=no", realm="x,y"', { username: 'a, realm=no', realm: 'x,y' }],
    ['an unclosed quote', 'Digest username="a, realm=x', { username: 'a, realm=x' }],
    ['the last of two usernames, which Asterisk checks', 'Digest username="a", username="b"', { username: 'b' }],
    ['nc that is no number', 'Digest username="a", nc=xyz', { username: 'a', ncText: 'xyz' }],
    ['nc of nine digits', 'Digest username="a", nc=000000001', { username: 'a', ncText: '000000001' }],
    ['nothing but the scheme and a pair', 'Digest x=y', {}],
    ['control characters', 'Digest username="a\u0000b\u0007"', { username: 'a%00b%07' }],
    ['Basic', 'Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==', null],
    ['no scheme', 'username="a"', null],
    ['Digest alone', 'Digest', null],
    ['Digestive', 'Digestive username="a"', null],
  ];
  for (const [title, value, expected] of cases) {
    it(title, () => assert.deepEqual(credentialsOf(value), expected === null ? null : { ...NONE, ...expected }));
  }
});

describe('challenges', () => {
  const cases: [string, string, object | null][] = [
    [
      'RFC 3261 section 20.27',
      'Digest realm="atlanta.com",\r\n domain="sip:boxesbybob.com", qop="auth",\r\n nonce="f84f1cec41e6cbe5aea9c8e88d359",\r\n opaque="", stale=FALSE, algorithm=MD5',
      { realm: 'atlanta.com', nonce: 'f84f1cec41e6cbe5aea9c8e88d359', stale: false, algorithm: 'MD5' },
    ],
    ['stale', 'Digest realm="r",nonce="n",stale=true', { realm: 'r', nonce: 'n', stale: true, algorithm: '' }],
    ['quoted stale', 'Digest stale="TRUE"', { realm: '', nonce: '', stale: true, algorithm: '' }],
    [
      'the first of two on a line',
      'Digest realm="a", nonce="1", algorithm=SHA-256, Digest realm="b", nonce="2"',
      { realm: 'a', nonce: '1', stale: false, algorithm: 'SHA-256' },
    ],
    [
      'opaque',
      'Digest realm="asterisk",nonce="1795404684/aa",opaque="7c380c0673e9ba63",algorithm=MD5,qop="auth"',
      { realm: 'asterisk', nonce: '1795404684/aa', stale: false, algorithm: 'MD5', opaque: '7c380c0673e9ba63' },
    ],
    ['another scheme', 'Bearer realm="a"', null],
  ];
  for (const [title, value, expected] of cases) {
    it(title, () =>
      assert.deepEqual(challengeOf(value), expected === null ? null : { scheme: 'Digest', opaque: '', ...expected }),
    );
  }
});

describe('credentials and challenges of a message', () => {
  const message = (start: string, ...lines: string[]) => {
    const head = [start, 'v: SIP/2.0/UDP h;branch=z', 'f: <sip:a@b>', 't: <sip:a@b>', 'i: c', 'CSeq: 1 REGISTER'];
    const result = parseSip(Buffer.from([...head, ...lines, '', ''].join('\r\n')));
    assert.ok(result.ok);
    return result.value;
  };
  const request = 'REGISTER sip:b SIP/2.0';

  it('come from Authorization before Proxy-Authorization, Digest alone counts', () => {
    const both = message(
      request,
      'Proxy-Authorization: Digest username="proxy"',
      'Authorization: Basic abc',
      'authorization: Digest username="own"',
    );
    assert.equal(both.credentials()?.username, 'own');
    assert.equal(both.credentials()?.header, 'authorization');
    assert.deepEqual(
      both.allCredentials().map((c) => [c.username, c.header]),
      [
        ['own', 'authorization'],
        ['proxy', 'proxy-authorization'],
      ],
    );
    assert.equal(
      message(request, 'Proxy-Authorization: Digest username="p"').credentials()?.header,
      'proxy-authorization',
    );
    assert.equal(message(request).credentials(), null);
    assert.deepEqual(message(request, 'Authorization: Basic abc').allCredentials(), []);
  });

  it('come from WWW-Authenticate before Proxy-Authenticate', () => {
    const start = 'SIP/2.0 401 Unauthorized';
    const two = message(
      start,
      'Proxy-Authenticate: Digest realm="p"',
      'WWW-Authenticate: Digest realm="w", stale=true',
    );
    assert.deepEqual([two.challenge()?.realm, two.challenge()?.stale], ['w', true]);
    assert.equal(message(start, 'Proxy-Authenticate: Digest realm="p"').challenge()?.realm, 'p');
    assert.equal(message(start).challenge(), null);
  });
});
