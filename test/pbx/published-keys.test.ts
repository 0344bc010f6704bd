import assert from 'node:assert/strict';
import { PeerError } from '../../src/errors.ts';
import {
  compareKeys,
  publishKeys,
  readKeys,
  rowsOf,
  versionRows,
  type WantedKeys,
} from '../../src/pbx/published-keys.ts';
import { publishable } from '../../src/respond/key-publisher.ts';
import type { IssuedCertificate } from '../../src/store/index.ts';
import { FakePbx } from '../support/fake-pbx.ts';
import { issued, published } from '../support/public-keys.ts';

const WRITES = new Set(['DBPut', 'DBDel']);

describe('public keys in AstDB', function () {
  this.timeout(30_000);
  const wanted = (...certificates: IssuedCertificate[]): WantedKeys => publishable(certificates, Date.now());
  const kidOf = (certificate: IssuedCertificate): string => Buffer.from(certificate.kid, 'base64url').toString('hex');
  const held = (pbx: FakePbx, account = '1004'): string | null => {
    const key = published(pbx.ours, account);
    return key === null || key === 'broken' ? key : key.kid;
  };

  it('an RSA-4096 key with its certificate stands in pieces that AMI takes, and is read back byte for byte', async () => {
    const pbx = new FakePbx();
    const large = issued('1004', {}, 'large', 4096);
    const outcome = await publishKeys(pbx, wanted(large));
    assert.deepEqual(outcome, { switched: ['1004'], withdrawn: [], revoked: [], cleaned: 0, left: [] });
    const key = published(pbx.ours, '1004');
    assert.ok(key !== null && key !== 'broken');
    assert.deepEqual(
      [key.spki.toString('base64'), key.certificate.toString('base64')],
      [large.spki, large.certificate],
    );
    for (const [name, value] of pbx.database)
      assert.ok(Buffer.byteLength(`Val: ${value}`) < 1_000 && name.length < 200, name);
    assert.ok(
      Object.keys(pbx.ours).some((name) => name.endsWith('/cert/1')),
      'more than one piece',
    );
    const writes = pbx.asked.filter((action) => action.startsWith('DBPut'));
    assert.match(writes.at(-1) ?? '', /current/, 'what makes it count comes last');
    const again = pbx.asked.length;
    assert.deepEqual((await publishKeys(pbx, wanted(large))).switched, []);
    assert.deepEqual(
      pbx.asked.slice(again).filter((action) => WRITES.has(action.split(' ')[0] ?? '')),
      [],
      'the same again writes nothing',
    );
  });

  it('during a rotation both keys stand; the younger counts, and the older goes when it is good no more', async () => {
    const pbx = new FakePbx();
    const old = issued('1004', { revokedAt: Date.now() + 3_600_000, reason: 'superseded' }, 'old');
    const young = issued('1004', {}, 'young');
    await publishKeys(pbx, wanted(old, young));
    const former = published(pbx.ours, '1004', 'former');
    assert.deepEqual([held(pbx), former !== null && former !== 'broken' && former.kid], [kidOf(young), kidOf(old)]);
    const outcome = await publishKeys(pbx, wanted({ ...old, revokedAt: Date.now() - 1 }, young));
    assert.deepEqual([outcome.revoked, outcome.left], [[kidOf(old)], []]);
    assert.equal(held(pbx), kidOf(young));
    assert.equal(published(pbx.ours, '1004', 'former'), null);
    assert.ok(!JSON.stringify(pbx.ours).includes(old.spki.slice(60, 120)), 'its pieces are gone');
  });

  it('a revoked key without a younger one is withdrawn, and told as revoked first', async () => {
    const pbx = new FakePbx();
    const key = issued('1004');
    await publishKeys(pbx, wanted(key));
    const from = pbx.asked.length;
    const at = Date.now() - 5_000;
    const outcome = await publishKeys(pbx, wanted({ ...key, revokedAt: at, reason: 'keyCompromise' }));
    assert.deepEqual([outcome.withdrawn, outcome.left], [['1004'], []]);
    assert.deepEqual(pbx.ours, { [`revoked/${kidOf(key)}`]: String(Math.floor(at / 1000)) });
    const writes = pbx.asked.slice(from).filter((action) => WRITES.has(action.split(' ')[0] ?? ''));
    assert.match(writes[0] ?? '', /^DBPut ringfence revoked\//);
    assert.match(writes[1] ?? '', /^DBDel ringfence pubkey\/1004\/current/);
  });

  it('cut short after any write, whatever counted before still counts; the next push goes on and leaves nothing behind', async () => {
    const old = issued('1004', {}, 'old');
    const young = issued('1004', {}, 'young', 4096);
    const other = issued('1005', {}, 'other');
    const end = wanted({ ...old, revokedAt: Date.now() - 1, reason: 'superseded' }, young, other);
    const rows = Object.fromEntries([...rowsOf(end).content, ...rowsOf(end).pointers, ...rowsOf(end).revoked]);
    let cuts = 0;
    for (let cut = 0; ; cut++) {
      const pbx = new FakePbx();
      await publishKeys(pbx, wanted(old));
      let writes = 0;
      pbx.fails = (name) => (WRITES.has(name) && writes++ >= cut ? new PeerError('peer-closed', 'killed', true) : null);
      const whole = await publishKeys(pbx, end).then(
        () => true,
        () => false,
      );
      const now = held(pbx);
      assert.ok(now === kidOf(old) || now === kidOf(young), `after ${cut} writes: ${now}`);
      assert.ok(['broken', kidOf(old)].every((wrong) => held(pbx, '1005') !== wrong));
      pbx.fails = () => null;
      assert.deepEqual((await publishKeys(pbx, end)).left, []);
      assert.deepEqual(pbx.ours, Object.fromEntries(Object.entries(rows).sort(([a], [b]) => (a < b ? -1 : 1))));
      if (whole) break;
      cuts++;
    }
    assert.ok(cuts > 15, `${cuts} moments`);
  });

  it('puts right what somebody edited or deleted, and deletes what nobody knows; a revocation stays', async () => {
    const pbx = new FakePbx();
    const key = wanted(issued('1004'));
    await publishKeys(pbx, key);
    const good = pbx.ours;
    const [piece] = Object.keys(good).filter((name) => name.endsWith('/spki/0'));
    pbx.database.set(`/ringfence/${piece}`, 'AAAA');
    pbx.database.set('/ringfence/pubkey/1004/9-dead/spki/0', 'BBBB');
    pbx.database.set('/ringfence/pubkey/stranger/current', '1-x');
    pbx.database.set(`/ringfence/revoked/${'a'.repeat(64)}`, '1');
    assert.equal(published(pbx.ours, '1004'), 'broken', 'the digest shows it');
    assert.deepEqual(
      compareKeys(await readKeys(pbx), rowsOf(key)).map(({ key: row, kind }) => `${kind} ${row}`),
      [
        `different ${piece}`,
        'extra pubkey/1004/9-dead/spki/0',
        'extra pubkey/stranger/current',
        `extra revoked/${'a'.repeat(64)}`,
      ],
    );
    const { left, cleaned, withdrawn } = await publishKeys(pbx, key);
    assert.deepEqual([left, cleaned, withdrawn], [[], 1, ['stranger']]);
    assert.deepEqual(pbx.ours, { ...good, [`revoked/${'a'.repeat(64)}`]: '1' });
  });

  it('accounts that are named alone are touched alone', async () => {
    const pbx = new FakePbx();
    const both = wanted(issued('1004'), issued('1005'));
    await publishKeys(pbx, both, new Set(['1005']));
    assert.deepEqual([held(pbx, '1004'), typeof held(pbx, '1005')], [null, 'string']);
    pbx.database.set('/ringfence/pubkey/1004/9-dead/spki/0', 'BBBB');
    assert.equal((await publishKeys(pbx, both, new Set(['1005']))).cleaned, 0);
  });

  it('what a target does not keep is told, and the pointer stays where it was', async () => {
    const pbx = new FakePbx();
    const old = issued('1004', {}, 'old');
    await publishKeys(pbx, wanted(old));
    pbx.afterPut = (key) => {
      if (key.endsWith('/spki/0')) pbx.database.set(key, 'AAAA');
    };
    const young = issued('1004', {}, 'young');
    const { left, switched } = await publishKeys(pbx, wanted({ ...old, revokedAt: Date.now() + 1_000 }, young));
    assert.deepEqual(switched, []);
    assert.ok(left.length > 0);
    assert.equal(held(pbx), kidOf(old));
  });

  it('other content never has the name of what stands', () => {
    const [key] = wanted(issued('1004')).keys;
    assert.ok(key !== undefined);
    const names = [key, { ...key, notAfter: key.notAfter + 1_000 }, { ...key, certificate: null }].map(
      (one) => [...versionRows(one).keys()][0],
    );
    assert.equal(new Set(names).size, 3);
  });
});

describe('what of the certificates is published', () => {
  const now = Date.now();
  const accounts = (...certificates: IssuedCertificate[]): string[] =>
    publishable(certificates, now).keys.map(({ account, version }) => `${account} ${version}`);

  it('good ones of accounts: two at the most, the one that takes over last', () => {
    const first = issued('1004', { notAfter: now - 1 });
    const second = issued('1004', { revokedAt: now + 1_000 });
    const third = issued('1004');
    assert.deepEqual(accounts(first, third, second, issued('', { use: 'gateway' })), ['1004 2', '1004 3']);
    assert.deepEqual(accounts(issued('1004', { notBefore: now + 60_000 })), [], 'one that is not valid yet is not');
  });

  it('a key that a good certificate still has is not revoked, one that came to its end neither', () => {
    const revoked = issued('1004', { revokedAt: now - 5_000 }, 'same');
    assert.equal(publishable([revoked], now).revoked.size, 1);
    assert.equal(publishable([revoked, issued('1004', {}, 'same')], now).revoked.size, 0);
    assert.equal(publishable([issued('1004', { notAfter: now - 1 }, 'ended')], now).revoked.size, 0);
  });

  it('accounts that would be one at the PBX: the first alone, and it is said', () => {
    const { keys, notes } = publishable([issued('a/b'), issued('a_b', {}, 'a')], now);
    assert.deepEqual(
      keys.map(({ account }) => account),
      ['a_b'],
    );
    assert.match(notes[0] ?? '', /a_b are not published/);
  });
});
