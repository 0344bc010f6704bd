import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { createCsr, readCsr } from '../../src/crypto/csr.ts';
import { pem, reasonOf, testKey, testPem, value } from '../support/keys.ts';
import { openssl } from '../support/openssl.ts';
import { temporaryFolder } from '../support/temporary.ts';

describe('certificate requests', function () {
  this.timeout(60_000);
  const folder = temporaryFolder();

  it('ours: openssl verifies them', () => {
    const der = createCsr(testKey('phone'), '1004');
    const shown = openssl(['req', '-inform', 'DER', '-verify', '-noout', '-text'], der).toString();
    assert.match(shown, /Subject: CN = 1004/);
    openssl(['req', '-verify', '-noout'], Buffer.from(pem('CERTIFICATE REQUEST', der)));
    assert.equal(value(readCsr(der)).kid, testKey('phone').kid);
  });

  const byOpenssl = (...more: string[]): Buffer => {
    writeFileSync(folder.file('k.pem'), testPem('phone'));
    return openssl(['req', '-new', '-key', folder.file('k.pem'), '-subj', '/CN=1004', ...more]);
  };
  for (const [what, more] of [
    ['as it comes', []],
    ['DER', ['-outform', 'DER']],
    ['SHA-512', ['-sha512']],
    ['PSS', ['-sigopt', 'rsa_padding_mode:pss', '-sigopt', 'rsa_pss_saltlen:32']],
    ['with extensions', ['-addext', 'subjectAltName=URI:sip:boss@example.com', '-addext', 'basicConstraints=CA:TRUE']],
    ['a hostile name', ['-subj', '/CN=boss/O=\r\n$(reboot)/emailAddress=a@b', '-utf8']],
    ['older PEM label', ['-newhdr']],
  ] as const)
    it(`openssl's: ${what}`, () => {
      const read = value(readCsr(byOpenssl(...more)));
      assert.deepEqual([read.kid, read.bits], [testKey('phone').kid, 2048]);
      assert.deepEqual(Buffer.from(read.spki), Buffer.from(testKey('phone').spki));
      assert.deepEqual(Object.keys(read), ['spki', 'kid', 'bits', 'digest'], 'no name comes out');
    });

  it('refused: no proof of the key, weak keys and hashes, other things', () => {
    const der = Buffer.from(createCsr(testKey('phone'), '1004'));
    const spki = Buffer.from(testKey('phone').spki);
    const swapped = Buffer.from(der);
    Buffer.from(testKey('thief').spki).copy(swapped, der.indexOf(spki));
    assert.match(reasonOf(readCsr(swapped)), /its sender may not have the key/);
    assert.match(reasonOf(readCsr(byOpenssl('-sha1', '-outform', 'DER'))), /algorithm that is not taken/);
    const ec = openssl([
      'req',
      '-new',
      '-newkey',
      'ec',
      '-pkeyopt',
      'ec_paramgen_curve:P-256',
      '-nodes',
      '-keyout',
      '/dev/null',
      '-subj',
      '/CN=x',
    ]);
    assert.match(reasonOf(readCsr(ec)), /kind ec; only RSA/);
    const small = openssl(['req', '-new', '-newkey', 'rsa:1024', '-nodes', '-keyout', '/dev/null', '-subj', '/CN=x']);
    assert.match(reasonOf(readCsr(small)), /1024 bits/);
    const two = Buffer.from(pem('CERTIFICATE REQUEST', der).repeat(2));
    assert.match(reasonOf(readCsr(two)), /here are more/);
    for (const other of ['', 'hello', pem('CERTIFICATE', der)])
      assert.match(reasonOf(readCsr(Buffer.from(other))), /no /);
    assert.match(reasonOf(readCsr(Buffer.alloc(20_000, 0x30))), /more than 16384/);
  });

  it('truncated at every length, changed at every byte: refused, never thrown at', () => {
    const der = Buffer.from(createCsr(testKey('phone'), '1004'));
    for (let length = 0; length < der.length; length++) assert.equal(readCsr(der.subarray(0, length)).ok, false);
    for (let at = 0; at < der.length; at++) {
      const changed = Buffer.from(der);
      changed[at] = (changed[at] ?? 0) ^ 1;
      assert.equal(readCsr(changed).ok, false, `byte ${at}`);
    }
  });
});
