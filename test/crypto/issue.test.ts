import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { createCrl } from '../../src/crypto/crl.ts';
import { accountProblem, isHost, sipUri } from '../../src/crypto/identity.ts';
import { KEY_SIZES } from '../../src/crypto/public-key.ts';
import { readCertificate } from '../../src/crypto/x509/certificate.ts';
import { readRevocationList } from '../../src/crypto/x509/revocation-list.ts';
import { DAY, NOW, pem, testAuthority, testCertificate, testKey, value } from '../support/keys.ts';
import { openssl, opensslRun } from '../support/openssl.ts';
import { temporaryFolder } from '../support/temporary.ts';

const attime = ['-attime', String(NOW / 1000)];

describe('certificates of our CA', function () {
  this.timeout(60_000);
  const folder = temporaryFolder();
  const put = (name: string, text: string): string => {
    writeFileSync(folder.file(name), text);
    return folder.file(name);
  };
  const text = (der: Uint8Array): string => openssl(['x509', '-inform', 'DER', '-noout', '-text'], der).toString();

  for (const bits of KEY_SIZES)
    it(`CA and phone of ${bits} bits: openssl verifies the chain, strictly, for mail and TLS`, () => {
      const ca = testAuthority('ca', bits);
      const { der } = testCertificate(ca, { spki: testKey('phone', bits).spki });
      const [caFile, file] = [put('ca.pem', pem('CERTIFICATE', ca.certificate)), put('c.pem', pem('CERTIFICATE', der))];
      for (const purpose of ['smimesign', 'smimeencrypt', 'sslclient'])
        assert.match(
          openssl(['verify', '-x509_strict', ...attime, '-purpose', purpose, '-CAfile', caFile, file]).toString(),
          /: OK\n$/,
        );
      assert.notEqual(
        opensslRun(['verify', ...attime, '-purpose', 'sslserver', '-CAfile', caFile, file]).status,
        0,
        'a phone is no server',
      );
      assert.notEqual(
        opensslRun(['verify', '-CAfile', caFile, file, '-attime', `${NOW / 1000 + 400 * 86_400}`]).status,
        0,
      );
      const other = put('other.pem', pem('CERTIFICATE', testAuthority('another').certificate));
      assert.notEqual(opensslRun(['verify', ...attime, '-CAfile', other, file]).status, 0);
    });

  it('says what it should, as openssl shows it', () => {
    const ca = testAuthority();
    const issued = testCertificate(ca);
    const shown = text(issued.der);
    for (const expected of [
      /Version: 3/,
      /Issuer: O = example\.com, CN = ringfence CA /,
      /Subject: O = example\.com, CN = 1004\n/,
      /Signature Algorithm: sha256WithRSAEncryption/,
      /Basic Constraints: critical\s+CA:FALSE/,
      /Key Usage: critical\s+Digital Signature, Key Encipherment\n/,
      /Extended Key Usage:\s+TLS Web Client Authentication, E-mail Protection\n/,
      /Alternative Name:\s+URI:sip:1004@example\.com\n/,
      /Subject Key Identifier/,
      /Authority Key Identifier/,
    ])
      assert.match(shown, expected);
    const shownCa = text(ca.certificate);
    assert.match(shownCa, /Basic Constraints: critical\s+CA:TRUE, pathlen:0/);
    assert.match(shownCa, /Key Usage: critical\s+Certificate Sign, CRL Sign\n/);
    const read = value(readCertificate(issued.der));
    assert.equal(read.kid, issued.kid);
    assert.equal(read.serial.toString('hex'), issued.serial);
    assert.deepEqual(read.uris, ['sip:1004@example.com']);
    assert.deepEqual(read.subjectKeyId, Buffer.from(issued.kid, 'base64url'));
    assert.deepEqual(read.authorityKeyId, Buffer.from(ca.key.kid, 'base64url'));
  });

  for (const [host, shown] of [
    ['gw.example.com', 'URI:sip:example.com, DNS:gw.example.com, DNS:example.com'],
    ['192.0.2.10', 'URI:sip:example.com, IP Address:192.0.2.10, DNS:example.com'],
    ['2001:db8::10', 'URI:sip:example.com, IP Address:2001:DB8:0:0:0:0:0:10, DNS:example.com'],
    ['::ffff:192.0.2.10', 'URI:sip:example.com, IP Address:0:0:0:0:0:FFFF:C000:20A, DNS:example.com'],
    ['fe80::', 'URI:sip:example.com, IP Address:FE80:0:0:0:0:0:0:0, DNS:example.com'],
    ['', 'URI:sip:example.com, DNS:example.com'],
  ] as const)
    it(`the gateway at "${host}" is a TLS server of these names`, () => {
      const ca = testAuthority();
      const { der } = testCertificate(ca, { use: 'gateway-tls', account: '', host });
      assert.ok(text(der).includes(shown), text(der));
      const files = [
        '-CAfile',
        put('ca.pem', pem('CERTIFICATE', ca.certificate)),
        put('g.pem', pem('CERTIFICATE', der)),
      ];
      assert.match(openssl(['verify', ...attime, '-purpose', 'sslserver', ...files]).toString(), /OK/);
    });

  it('serials are random, positive and 16 octets long', () => {
    const ca = testAuthority();
    const serials = new Set(Array.from({ length: 200 }, () => testCertificate(ca).serial));
    assert.equal(serials.size, 200);
    for (const serial of serials) assert.match(serial, /^[4-7][0-9a-f]{31}$/);
  });

  for (const account of [
    'a/CN=admin',
    'a,O=bank',
    '1004@evil.example',
    '*',
    "x';DROP--",
    '<script>',
    '%00',
    'sip:1',
    '#1',
    'a+CN=b',
    '~!$&()=;?',
  ])
    it(`the name ${account} stays one name`, () => {
      const ca = testAuthority();
      const { der } = testCertificate(ca, { account });
      const [uri = ''] = value(readCertificate(der)).uris;
      const user = /^sip:([^@<>"\s]*)@example\.com$/.exec(uri)?.[1];
      assert.equal(decodeURIComponent(user ?? ''), account);
      const subject = openssl(
        ['x509', '-inform', 'DER', '-noout', '-subject', '-nameopt', 'multiline,-align'],
        der,
      ).toString();
      assert.equal(subject.split('\n').filter((line) => line.includes('commonName')).length, 1, subject);
      assert.ok(subject.includes(`commonName = ${account}\n`), subject);
    });

  for (const [account, reason] of [
    ['', /no account/],
    ['a b', /printable ASCII/],
    ['a"b', /printable ASCII/],
    ['a\\b', /printable ASCII/],
    ['a\0b', /printable ASCII/],
    ['a\r\nVia: x', /printable ASCII/],
    ['Jürgen', /printable ASCII/],
    ['x'.repeat(65), /more than 64/],
  ] as const)
    it(`no certificate for ${JSON.stringify(account)}`, () => assert.match(accountProblem(account) ?? '', reason));

  it('hosts and URIs', () => {
    for (const good of ['example.com', 'a', '192.0.2.1', '2001:db8::1', 'xn--bcher-kva.example'])
      assert.ok(isHost(good), good);
    for (const bad of ['', 'a b', '-a.b', 'a..b', 'a_b', 'a/b', 'bücher.example', 'a:5061', `${'x'.repeat(64)}.de`])
      assert.ok(!isHost(bad), bad);
    assert.equal(sipUri('EXAMPLE.com', '1004'), 'sip:1004@example.com');
    assert.equal(sipUri('2001:db8::1'), 'sip:[2001:db8::1]');
    assert.equal(sipUri('a.b', 'x y%@'), 'sip:x%20y%25%40@a.b');
  });

  it('revocation lists: openssl reads and checks them; a revoked phone is refused, another is not', () => {
    const ca = testAuthority();
    const [gone, good] = [testCertificate(ca), testCertificate(ca)];
    const revoked = [
      { serial: gone.serial, at: NOW - 1_000, reason: 'keyCompromise' },
      { serial: '4f'.repeat(16), at: NOW - 2_000, reason: 'unspecified' },
    ] as const;
    const der = createCrl(ca, {
      number: 1_795_953_600_000,
      thisUpdate: NOW - 1_000,
      nextUpdate: NOW + 7 * DAY,
      revoked,
    });
    const crl = put('crl.pem', pem('X509 CRL', der));
    const caFile = put('ca.pem', pem('CERTIFICATE', ca.certificate));
    const shown = openssl(['crl', '-in', crl, '-CAfile', caFile, '-noout', '-text', '-nameopt', 'RFC2253']).toString();
    for (const expected of [
      /Version 2/,
      /CRL Number:\s+(?:0x)?0?1A2268C1C00|1795953600000/i,
      new RegExp(`Serial Number: ${gone.serial}`, 'i'),
      /Reason Code:\s+Key Compromise/,
    ])
      assert.match(shown, expected);
    assert.equal(shown.match(/Reason Code/g)?.length, 1, 'an unspecified reason is left out');
    const verified = (certificate: Uint8Array): number =>
      opensslRun([
        'verify',
        '-crl_check',
        ...attime,
        '-CRLfile',
        crl,
        '-CAfile',
        caFile,
        put('x.pem', pem('CERTIFICATE', certificate)),
      ]).status;
    assert.notEqual(verified(gone.der), 0);
    assert.equal(verified(good.der), 0);
    const read = value(readRevocationList(der));
    assert.deepEqual([...read.revoked].sort(), [gone.serial, '4f'.repeat(16)].sort());
    assert.equal(read.nextUpdate, NOW + 7 * DAY);

    const empty = createCrl(ca, { number: 1, thisUpdate: NOW, nextUpdate: NOW + DAY, revoked: [] });
    assert.match(openssl(['crl', '-inform', 'DER', '-noout', '-text'], empty).toString(), /No Revoked Certificates/);
    assert.equal(value(readRevocationList(empty)).revoked.size, 0);
  });
});
