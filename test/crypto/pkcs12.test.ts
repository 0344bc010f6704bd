import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { createSecureContext } from 'node:tls';
import { newPassword, readPkcs12, writeEncryptedPkcs8, writePkcs12 } from '../../src/crypto/pkcs12.ts';
import { privateKeyFromPem } from '../../src/crypto/private-key.ts';
import { KEY_SIZES } from '../../src/crypto/public-key.ts';
import { pem, reasonOf, testAuthority, testCertificate, testKey, testPem, value } from '../support/keys.ts';
import { openssl } from '../support/openssl.ts';
import { temporaryFolder } from '../support/temporary.ts';

const PASSWORD = 'K7mPq2xTn9vRw4hBc8sd';

describe('PKCS#12', function () {
  this.timeout(60_000);
  const folder = temporaryFolder();
  const ca = testAuthority();

  for (const bits of KEY_SIZES)
    it(`${bits} bits: openssl and TLS read what we write`, () => {
      const key = testKey('phone', bits);
      const { der } = testCertificate(ca, { spki: key.spki });
      const p12 = writePkcs12(key, [der, ca.certificate], PASSWORD, '1004 at example.com');
      writeFileSync(folder.file('p.p12'), p12);
      const read = (...more: string[]): string =>
        openssl(['pkcs12', '-in', folder.file('p.p12'), '-passin', `pass:${PASSWORD}`, ...more]).toString();
      const all = read('-nodes');
      assert.equal(all.match(/BEGIN CERTIFICATE/g)?.length, 2);
      assert.match(all, /friendlyName: 1004 at example\.com/);
      assert.equal(value(privateKeyFromPem(all)).kid, key.kid);
      assert.match(read('-nokeys', '-clcerts'), /subject=O = example\.com, CN = 1004/);
      createSecureContext({ pfx: Buffer.from(p12), passphrase: PASSWORD });
      const back = value(readPkcs12(p12, PASSWORD));
      assert.equal(back.key.kid, key.kid);
      assert.deepEqual(
        back.chain.map((one) => Buffer.from(one)),
        [Buffer.from(der), Buffer.from(ca.certificate)],
      );
    });

  const byOpenssl = (...more: string[]): Buffer => {
    writeFileSync(folder.file('k.pem'), testPem('phone'));
    writeFileSync(folder.file('c.pem'), pem('CERTIFICATE', testCertificate(ca).der));
    writeFileSync(folder.file('ca.pem'), pem('CERTIFICATE', ca.certificate));
    const files = ['-inkey', folder.file('k.pem'), '-in', folder.file('c.pem'), '-certfile', folder.file('ca.pem')];
    return openssl(['pkcs12', '-export', ...files, '-passout', `pass:${PASSWORD}`, ...more]);
  };
  for (const [what, more] of [
    ['as it comes', []],
    [
      '3DES and SHA-1, as old phones make it',
      ['-legacy', '-keypbe', 'PBE-SHA1-3DES', '-certpbe', 'PBE-SHA1-3DES', '-macalg', 'sha1'],
    ],
    ['certificates in clear', ['-certpbe', 'NONE']],
    ['key in clear', ['-keypbe', 'NONE']],
    ['AES-128, SHA-512', ['-keypbe', 'AES-128-CBC', '-certpbe', 'AES-192-CBC', '-macalg', 'sha512']],
    ['one round', ['-noiter', '-nomaciter']],
  ] as const)
    it(`reads openssl's: ${what}`, () => {
      const { key, chain } = value(readPkcs12(byOpenssl(...more), PASSWORD));
      assert.equal(key.kid, testKey('phone').kid);
      assert.equal(chain.length, 2);
      assert.deepEqual(Buffer.from(chain[1]!), Buffer.from(ca.certificate));
    });

  it('refused: a wrong password, no MAC, RC2, no key, a key without its certificate, too many rounds', () => {
    assert.match(reasonOf(readPkcs12(byOpenssl(), 'other')), /password is wrong, or the file is damaged/);
    assert.match(reasonOf(readPkcs12(byOpenssl('-nomac'), PASSWORD)), /without a MAC/);
    assert.match(reasonOf(readPkcs12(byOpenssl('-legacy'), PASSWORD)), /outdated way.*openssl pkcs12 -legacy/);
    assert.match(reasonOf(readPkcs12(byOpenssl('-nokeys'), PASSWORD)), /0 private keys/);
    writeFileSync(folder.file('k.pem'), testPem('phone'));
    const bare = openssl([
      'pkcs12',
      '-export',
      '-nocerts',
      '-inkey',
      folder.file('k.pem'),
      '-passout',
      `pass:${PASSWORD}`,
    ]);
    assert.match(reasonOf(readPkcs12(bare, PASSWORD)), /without a certificate of its key/);
    assert.match(reasonOf(readPkcs12(byOpenssl('-iter', '150000'), PASSWORD)), /rounds/);
  });

  it('truncated at every length and changed at many bytes: refused, never thrown at', () => {
    const key = testKey('phone');
    const p12 = Buffer.from(writePkcs12(key, [testCertificate(ca).der], PASSWORD, '1004'));
    for (let length = 0; length < p12.length; length++)
      assert.equal(readPkcs12(p12.subarray(0, length), PASSWORD).ok, false);
    for (let at = 0; at < p12.length; at += process.env['RINGFENCE_LONG'] !== undefined ? 1 : 97) {
      const changed = Buffer.from(p12);
      changed[at] = (changed[at] ?? 0) ^ 0x55;
      const read = readPkcs12(changed, PASSWORD);
      assert.ok(!read.ok || read.value.key.kid === key.kid, `byte ${at}`);
    }
  });

  it('PKCS#8 under a password: openssl reads it, and so do we', () => {
    const text = pem('ENCRYPTED PRIVATE KEY', writeEncryptedPkcs8(testKey('phone'), PASSWORD));
    openssl(['pkey', '-passin', `pass:${PASSWORD}`, '-noout', '-check'], Buffer.from(text));
    assert.equal(value(privateKeyFromPem(text, PASSWORD)).kid, testKey('phone').kid);
    assert.match(reasonOf(privateKeyFromPem(text, 'other')), /passphrase is wrong/);
  });

  it('passwords: 20 letters, none that looks like another', () => {
    const all = Array.from({ length: 500 }, newPassword);
    assert.equal(new Set(all).size, 500);
    for (const one of all) assert.match(one, /^[^0O1lI]{20}$/);
  });
});
