import assert from 'node:assert/strict';
import { PeerError } from '../../src/errors.ts';
import { applyKeys, deleteKey, putKey, readKey, readTree } from '../../src/pbx/astdb.ts';
import { FakePbx } from '../support/fake-pbx.ts';

describe("Asterisk's database", () => {
  it('takes our keys one by one, and what is not there is as good as deleted', async () => {
    const pbx = new FakePbx();
    await putKey(pbx, 'account/1004', '1795299999');
    assert.deepEqual(pbx.ours, { 'account/1004': '1795299999' });
    assert.equal(await readKey(pbx, 'account/1004'), '1795299999');
    await deleteKey(pbx, 'account/1004');
    await deleteKey(pbx, 'account/1004');
    assert.equal(await readKey(pbx, 'account/1004'), null);
    assert.ok(!pbx.asked.some((action) => action.includes('DBDelTree')));
  });

  it('reads exactly what was asked for, whatever LIKE brings along', async () => {
    const pbx = new FakePbx();
    for (const key of ['ringfence/acl/g0001', 'RingFence/acl/g0002', 'ringfence/aclx/g0003', 'ringfence/account/a_b'])
      pbx.database.set(`/${key}`, key);
    pbx.database.set('/ringfence/account/axb', 'axb');
    assert.deepEqual([...(await readTree(pbx, 'acl')).keys()], ['acl/g0001']);
    assert.deepEqual([...(await readTree(pbx)).keys()].sort(), [
      'account/a_b',
      'account/axb',
      'acl/g0001',
      'aclx/g0003',
    ]);
    assert.equal(await readKey(pbx, 'account/a_b', true), 'ringfence/account/a_b');
  });

  it('reads a long value by the tree, for DBGet of Asterisk 16 cuts it', async () => {
    const pbx = new FakePbx();
    const value = JSON.stringify({ deny: Array.from({ length: 40 }, (_, i) => `198.51.100.${i}`).join(',') });
    const outcome = (await applyKeys(pbx, [{ key: 'acl/g0001', value }])).get('acl/g0001');
    assert.deepEqual(outcome, { ok: true, standing: value });
    assert.ok(pbx.asked.includes('DBGetTree ringfence acl/g0001'));
  });

  for (const key of ['', '/a', 'a/', `account/${'x'.repeat(240)}`])
    it(`does not take the key "${key.slice(0, 20)}"`, async () => {
      const pbx = new FakePbx();
      await assert.rejects(putKey(pbx, key, '1'), PeerError);
      assert.deepEqual(pbx.asked, []);
    });

  it('tells each refusal as the outcome of its key, with what to do', async () => {
    const pbx = new FakePbx();
    pbx.fails = (name, headers) =>
      name === 'DBPut' && headers.get('Key') === 'account/2' ? 'Permission denied' : null;
    const outcomes = await applyKeys(pbx, [
      { key: 'account/1', value: '5' },
      { key: 'account/2', value: '5' },
    ]);
    assert.deepEqual(outcomes.get('account/1'), { ok: true, standing: '5' });
    const refused = outcomes.get('account/2');
    assert.ok(refused?.ok === false && !refused.error.retryable);
    assert.match(refused.error.message, /write = system/);
  });

  it('does not wait for a time-out for each when the PBX hangs', async () => {
    const pbx = new FakePbx();
    pbx.fails = () => new PeerError('peer-timeout', 'no answer', true);
    const outcomes = await applyKeys(
      pbx,
      Array.from({ length: 1_000 }, (_, i) => ({ key: `account/${i}`, value: '5' })),
    );
    assert.equal(outcomes.size, 1_000);
    assert.ok([...outcomes.values()].every((outcome) => !outcome.ok && outcome.error.retryable));
    assert.ok(pbx.asked.length < 300, `${pbx.asked.length} actions`);
  });

  it('tells what it finds, not what it wrote', async () => {
    const pbx = new FakePbx();
    pbx.afterPut = (key) => pbx.database.set(key, 'edited');
    assert.deepEqual((await applyKeys(pbx, [{ key: 'account/1', value: '5' }])).get('account/1'), {
      ok: true,
      standing: 'edited',
    });
  });
});
