import assert from 'node:assert/strict';
import { inspect } from 'node:util';
import { openBackup, passphraseProblem, sealBackup } from '../../src/crypto/backup.ts';
import {
  EMPTY_KEY_STORE,
  keyOf,
  openKey,
  readKeyStore,
  sealKey,
  withKey,
  withoutKey,
  writeKeyStore,
} from '../../src/crypto/key-store.ts';
import { MasterKey } from '../../src/crypto/master-key.ts';
import { NOW, reasonOf, testAuthority, testCertificate, testKey, testPem, value } from '../support/keys.ts';

const master = new MasterKey(Buffer.alloc(32, 7));
const ca = testAuthority();
const stored = sealKey(master, ca.key, 'ca', [ca.certificate], NOW);

describe('the key store', function () {
  this.timeout(60_000);

  it('gives back what was put, under the same master key alone', () => {
    assert.equal(value(openKey(master, stored)).kid, ca.key.kid);
    assert.match(reasonOf(openKey(new MasterKey(Buffer.alloc(32, 8)), stored)), /another master key, or changed/);
  });

  it('holds nothing of a key in clear', () => {
    const text = writeKeyStore(withKey(EMPTY_KEY_STORE, stored));
    const der = Buffer.from(testPem('ca').replaceAll(/-----.*-----|\n/g, ''), 'base64');
    const sealed = Buffer.from(stored.sealed, 'base64url');
    for (let at = 0; at + 16 <= der.length; at += 16) assert.ok(!sealed.includes(der.subarray(at, at + 16)));
    assert.doesNotMatch(text, /PRIVATE/);
    assert.deepEqual(value(readKeyStore(text)), { keys: [stored] });
  });

  it('the same key is sealed another way each time', () =>
    assert.notEqual(sealKey(master, ca.key, 'ca', [ca.certificate], NOW).sealed, stored.sealed));

  it('a changed file: every byte of the sealed key, its kid, its role, its certificate', () => {
    const box = Buffer.from(stored.sealed, 'base64url');
    for (let at = 0; at < box.length; at += 3) {
      const changed = Buffer.from(box);
      changed[at] = (changed[at] ?? 0) ^ 1;
      assert.equal(openKey(master, { ...stored, sealed: changed.toString('base64url') }).ok, false, `byte ${at}`);
    }
    for (let length = 0; length < box.length; length += 7)
      assert.equal(openKey(master, { ...stored, sealed: box.subarray(0, length).toString('base64url') }).ok, false);
    const gateway = testCertificate(ca, { use: 'gateway', account: '', spki: testKey('gateway').spki });
    const other = sealKey(master, testKey('gateway'), 'gateway', [gateway.der], NOW);
    assert.equal(openKey(master, other).ok, true);
    assert.match(reasonOf(openKey(master, { ...stored, kid: other.kid })), /another master key, or changed/);
    assert.match(reasonOf(openKey(master, { ...stored, chain: other.chain })), /of another key/);
    assert.match(reasonOf(openKey(master, { ...other, role: 'ca' })), /for something else/);
    assert.match(reasonOf(openKey(master, { ...stored, role: 'gateway' })), /for something else/);
    assert.equal(openKey(master, { ...stored, chain: [] }).ok, false);
  });

  it('keeps the youngest of each role first', () => {
    const second = { ...stored, kid: 'second' };
    const store = withKey(withKey(EMPTY_KEY_STORE, stored), second);
    assert.equal(keyOf(store, 'ca')?.kid, 'second');
    assert.equal(keyOf(withoutKey(store, 'second'), 'ca')?.kid, stored.kid);
    assert.equal(keyOf(store, 'gateway'), null);
  });

  for (const [text, reason] of [
    ['', /not JSON/],
    ['null', /not a key store/],
    ['{"version":1}', /not a key store/],
    ['{"version":1,"keys":[{"kid":1}]}', /not a key store/],
    ['{"version":2,"keys":[]}', /newer ringfence/],
  ] as const)
    it(`refuses ${JSON.stringify(text)}`, () => assert.match(reasonOf(readKeyStore(text)), reason));

  it('a master key prints as nothing', () => {
    assert.equal(inspect({ master }, { showHidden: true, depth: 9 }), '{ master: master key }');
    assert.equal(JSON.stringify({ master }), '{"master":"master key"}');
    assert.throws(() => new MasterKey(Buffer.alloc(31)), /32 bytes/);
  });

  it('secrets of one purpose or name do not open as another', () => {
    const sealed = master.seal('enrolment', 'tid', Buffer.from('secret'));
    assert.equal(value(master.open('enrolment', 'tid', sealed)).toString(), 'secret');
    for (const [purpose, name] of [
      ['key store', 'tid'],
      ['enrolment', 'other'],
    ] as const)
      assert.equal(master.open(purpose, name, sealed).ok, false);
  });
});

describe('backups of keys', function () {
  this.timeout(60_000);
  it('open with their passphrase alone', () => {
    const passphrase = 'correct horse battery';
    const sealed = sealBackup(passphrase, Buffer.from('everything'));
    assert.equal(value(openBackup(passphrase, sealed)).toString(), 'everything');
    assert.ok(!sealed.includes('everything'));
    assert.match(reasonOf(openBackup('correct horse batterY', sealed)), /passphrase is wrong/);
    for (const at of process.env['RINGFENCE_LONG'] !== undefined ? sealed.keys() : [sealed.length - 1]) {
      const changed = Buffer.from(sealed);
      changed[at] = (changed[at] ?? 0) ^ 1;
      assert.match(reasonOf(openBackup(passphrase, changed)), /was changed|not a backup/);
    }
    assert.match(reasonOf(openBackup(passphrase, sealed.subarray(0, 60))), /cut short/);
    assert.match(reasonOf(openBackup(passphrase, Buffer.from('hello'))), /not a backup/);
    assert.match(passphraseProblem('short') ?? '', /12 characters/);
  });
});
