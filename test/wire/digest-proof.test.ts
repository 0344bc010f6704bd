import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { scanCredentials } from '../../src/wire/digest.ts';
import { digestAnswer, digestTester, type DigestAnswer } from '../../src/wire/digest-proof.ts';

const answerOf = (value: string, method: string, body = ''): DigestAnswer => {
  const bytes = Buffer.from(value, 'utf8');
  const credentials = scanCredentials(bytes, 0, bytes.length, false, 'authorization');
  assert.ok(credentials !== null);
  const answer = digestAnswer(credentials, method, Buffer.from(body));
  assert.ok(answer !== null);
  return answer;
};

/** Computed by another program. */
const openssl = (algorithm: string, text: string): string =>
  execFileSync('openssl', ['dgst', `-${algorithm}`, '-r'], { input: text })
    .toString()
    .split(' ')[0] ?? '';

const MUFASA = 'Digest username="Mufasa", realm="http-auth@example.org", uri="/dir/index.html", nonce="7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v", nc=00000001, cnonce="f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ", qop=auth, '; // prettier-ignore

describe('digest proof', () => {
  const VECTORS: readonly (readonly [name: string, value: string, method: string, secret: string])[] = [
    ['RFC 2617 section 3.5', 'Digest username="Mufasa", realm="testrealm@host.com", nonce="dcd98b7102dd2f0e8b11d0f600bfb0c093", uri="/dir/index.html", qop=auth, nc=00000001, cnonce="0a4f113b", response="6629fae49393a05397450978507c4ef1"', 'GET', 'Circle Of Life'], // prettier-ignore
    ['RFC 7616 section 3.9.1, MD5', `${MUFASA}algorithm=MD5, response="8ca523f5e9506fed4657c9700eebdbec"`, 'GET', 'Circle of Life'], // prettier-ignore
    ['RFC 7616 section 3.9.1, SHA-256', `${MUFASA}algorithm=SHA-256, response="753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"`, 'GET', 'Circle of Life'], // prettier-ignore
    ['RFC 7616 section 3.9.2, SHA-512-256, as erratum 4897 has it', 'Digest username*=UTF-8\'\'J%C3%A4s%C3%B8n%20Doe, realm="api@example.org", uri="/doe.json", algorithm=SHA-512-256, nonce="5TsQWLVdgBdmrQ0XsxbDODV+57QdFR34I9HAbC/RVvkK", nc=00000001, cnonce="NTg6RKcb9boFIAS3KrFK9BGeh+iDa/sm6jUMp2wds69v", qop=auth, response="3798d4131c277846293534c3edc11bd8a5e4cdcbff78b05db9d95eeb1cec68a5"', 'GET', 'Secret, or not?'], // prettier-ignore
  ];
  for (const [name, value, method, secret] of VECTORS)
    it(name, () => {
      const test = digestTester(answerOf(value, method));
      assert.ok(test !== null);
      assert.ok(test(secret));
      assert.ok(!test(secret.toLowerCase()) && !test(''));
    });

  const ALGORITHMS = { MD5: 'md5', 'SHA-256': 'sha256', 'SHA-512-256': 'sha512-256' };
  for (const [algorithm, name] of Object.entries(ALGORITHMS))
    for (const qop of ['', 'auth', 'auth-int'])
      for (const session of ['', '-sess'])
        it(`${algorithm}${session}, qop ${qop === '' ? 'none' : qop}: as openssl computes it`, () => {
          const h = (text: string): string => openssl(name, text);
          const [secret, nonce, cnonce, nc, uri, body] = ['gehe!m ü', 'n/0=', 'c+1', '0000000A', 'sip:pbx.example;transport=tcp', 'v=0\r\n']; // prettier-ignore
          let a1 = h(`1004:asterisk:${secret}`);
          if (session !== '') a1 = h(`${a1}:${nonce}:${cnonce}`);
          const a2 = h(`REGISTER:${uri}${qop === 'auth-int' ? `:${h(body)}` : ''}`);
          const response = h(qop === '' ? `${a1}:${nonce}:${a2}` : `${a1}:${nonce}:${nc}:${cnonce}:${qop}:${a2}`);
          const more = qop === '' ? '' : `, qop=${qop}, nc=${nc}`;
          const value = `Digest username="1004", realm="asterisk", nonce="${nonce}", uri="${uri}", cnonce="${cnonce}"${more}, algorithm=${algorithm}${session}, response="${response.toUpperCase()}"`;
          const test = digestTester(answerOf(value, 'REGISTER', body));
          assert.ok(test !== null);
          assert.ok(test(secret));
          assert.ok(!test(`${secret} `));
        });

  it('refuses what it cannot check', () => {
    const refused = ['algorithm=AKAv1-MD5, response="00000000000000000000000000000000"', 'response="12"', 'response="zz000000000000000000000000000000"', 'qop=token, response="00000000000000000000000000000000"', 'algorithm=SHA-256, response="00000000000000000000000000000000"']; // prettier-ignore
    for (const more of refused) {
      const bytes = Buffer.from(`Digest username="a", realm="r", nonce="n", uri="u", ${more}`);
      const credentials = scanCredentials(bytes, 0, bytes.length, false, 'authorization');
      assert.ok(credentials !== null);
      assert.equal(digestAnswer(credentials, 'REGISTER', Buffer.alloc(0)), null, more);
    }
  });
});
