import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { deleteKey, putKey, readKey } from '../../src/pbx/astdb.ts';
import { inMaintenance } from '../../src/pbx/maintenance.ts';
import type { NewSecret } from '../../src/respond/enforcer.ts';
import { openStore, type Store } from '../../src/store/index.ts';
import { HOUR } from '../../src/time.ts';
import { temporaryFolder } from '../support/temporary.ts';
import { decision, runEnforcer, type RunningEnforcer } from './support/enforcement.ts';
import { useLab } from './support/lab.ts';
import { asteriskMajor } from './support/packages.ts';
import { until } from './support/process.ts';

describe('lab: new secrets and maintenance at a real Asterisk', function () {
  this.timeout(60_000);
  const folder = temporaryFolder();
  const lab = useLab(() => ({ hep: null, trunk: 'own' }));
  const kept = new Map<string, readonly NewSecret[]>();
  let store: Store;
  let running: RunningEnforcer;

  const up = async (): Promise<void> => {
    running = await runEnforcer(lab(), store, {
      keepSecret: (id, account, secrets) => void kept.set(`${account} ${id}`, secrets),
    });
    await until('pjsip is read', 5_000, () => pjsip().state === 'up');
  };
  const pjsip = () => running.enforcer.health().targets.find(({ name }) => name === 'pjsip')!;
  before(async () => {
    store = openStore(folder.file('ringfence.db'));
    await up();
  });
  after(async () => {
    await running.close();
    store.close();
  });

  /** Status of a REGISTER with this password; undefined: the phone's own. */
  const registers = async (extension: string, password?: string): Promise<number> => {
    const phone = await lab().phone(extension, password === undefined ? {} : { password });
    try {
      return (await phone.register()).status;
    } finally {
      phone.close();
    }
  };
  const rotated = async (account: string): Promise<{ id: string; secret: string }> => {
    const result = await running.enforcer.rotate(account, null, 'a test');
    assert.ok(result.ok && result.proved, JSON.stringify(result));
    const [first, ...more] = result.secrets;
    assert.ok(first !== undefined && more.length === 0);
    assert.match(first.secret, /^[A-Za-z0-9]{24}$/);
    return { id: result.id, secret: first.secret };
  };

  for (const [extension, what] of [
    ['1004', 'MD5'],
    ['1006', 'SHA-256'],
  ] as const)
    it(`gives ${extension} (${what}) a new secret: the old one is refused at once, and good again when undone`, async () => {
      assert.equal(await registers(extension), 200);
      const { id, secret } = await rotated(extension);
      assert.deepEqual([await registers(extension), await registers(extension, secret)], [401, 200]);
      assert.equal(await registers('1001'), 200, 'nobody else is touched');
      const value = await readKey(running.keeper.session!, `auth/${extension}`, true);
      assert.ok(value !== null && !value.includes(secret), 'the hash alone');
      assert.equal(running.enforcer.unblock({ id }).length, 1);
      await until('the old one is good', 3_000, async () => (await registers(extension)) === 200);
      assert.equal(await registers(extension, secret), 401);
      assert.equal(await readKey(running.keeper.session!, `auth/${extension}`, true), null);
      assert.equal(store.decisions.get(id)?.state, 'undone');
    });

  it('changes it again, and the one before is refused', async () => {
    const first = await rotated('1004');
    const second = await rotated('1004');
    assert.deepEqual([await registers('1004', first.secret), await registers('1004', second.secret)], [401, 200]);
    assert.equal(store.decisions.get(first.id)?.state, 'undone');
    assert.deepEqual(running.enforcer.unrotate('1004'), ['1004']);
    await until('the old one is good', 3_000, async () => (await registers('1004')) === 200);
  });

  it('puts back within one look what was broken or deleted by hand: for then the old secret is good', async () => {
    const { secret } = await rotated('1004');
    const session = running.keeper.session!;
    for (const [what, harm] of [
      ['malformed JSON', () => putKey(session, 'auth/1004', '{"auth_type":"md5","user')],
      ['nothing in it', () => putKey(session, 'auth/1004', '{}')],
      ['deleted', () => deleteKey(session, 'auth/1004')],
    ] as const) {
      await harm();
      assert.equal(await registers('1004'), 200, `${what}: fails open`);
      const began = Date.now();
      await until(`${what}: closed again`, 8_000, async () => (await registers('1004')) === 401, 100);
      assert.ok(Date.now() - began < 5_000, `${Date.now() - began} ms`);
      assert.equal(await registers('1004', secret), 200);
    }
    assert.ok(running.logged.some(({ message }) => message.includes('auth/1004') && message.includes('put back')));
    running.enforcer.unrotate('1004');
    await until('gone', 3_000, async () => (await registers('1004')) === 200);
  });

  it('shows an object that somebody else put there, and leaves it', async () => {
    const session = running.keeper.session!;
    await putKey(session, 'auth/1003', '{"auth_type":"userpass","username":"1003","password":"of-somebody"}');
    const foreign = (): string[] => running.enforcer.standing().foreign.map(({ target, key }) => `${target} ${key}`);
    await until('seen', 7_000, () => foreign().includes('pjsip auth/1003'), 100);
    assert.equal(await registers('1003', 'of-somebody'), 200);
    await deleteKey(session, 'auth/1003');
    assert.ok(!JSON.stringify([running.logged, running.enforcer.standing()]).includes('of-somebody'));
  });

  it('stands though Asterisk and ringfence are killed, without an end of its own', async () => {
    const { secret } = await rotated('1005');
    await running.close();
    await lab().asterisk.kill9();
    await lab().asterisk.boot();
    await up();
    await until('proved', 5_000, () => running.enforcer.isDone('secret', '1005'));
    assert.deepEqual([await registers('1005'), await registers('1005', secret)], [401, 200]);
  });

  it('goes back though Asterisk was away and ringfence restarted meanwhile', async () => {
    await lab().asterisk.stop();
    assert.deepEqual(running.enforcer.unrotate('1005'), ['1005']);
    await running.close();
    await lab().asterisk.boot();
    await up();
    await until('the old one is good', 5_000, async () => (await registers('1005')) === 200, 50);
  });

  it('by rule: keeps the secret for staff before it is put up, and undoes it', async () => {
    const d = decision('rotate-secret', '1004', null);
    store.decisions.put(d);
    running.enforcer.decide([d]);
    await until('done', 3_000, () => store.decisions.get(d.id)?.state === 'done');
    const secret = kept.get(`1004 ${d.id}`)?.[0]?.secret;
    assert.deepEqual([await registers('1004'), await registers('1004', secret)], [401, 200]);
    running.enforcer.unblock({ id: d.id });
    await until('the old one is good', 3_000, async () => (await registers('1004')) === 200);
    assert.equal(store.decisions.get(d.id)?.state, 'undone');
  });

  it('refuses where a new secret would do harm or nothing', async () => {
    for (const account of ['trunk', 'nobody', '1004\r\nAction: Ping', '']) {
      const result = await running.enforcer.rotate(account, null, 'no');
      assert.ok(!result.ok, account);
    }
    assert.equal(await registers('1004'), 200);
  });

  it('writes neither old nor new passwords to the log', async () => {
    const { secret } = await rotated('1004');
    running.enforcer.unrotate('1004');
    await until('gone', 3_000, async () => (await registers('1004')) === 200);
    const said = JSON.stringify(running.logged);
    for (const password of [secret, ...lab().accounts.map((account) => account.password)].filter((p) => p.length > 5))
      assert.ok(!said.includes(password));
    assert.ok(!readFileSync(folder.file('ringfence.db')).includes(secret));
    assert.ok(!readFileSync(join(lab().directory, 'pbx/varlib/astdb.sqlite3')).includes(secret));
  });

  it('says what to do where sorcery.conf has no line for it, and the old secret stays', async () => {
    const file = join(lab().asterisk.etc, 'sorcery.conf');
    const text = readFileSync(file, 'utf8');
    writeFileSync(file, text.replace('auth = astdb,ringfence\n', ''));
    await lab().asterisk.restart();
    await until('back', 5_000, () => running.keeper.session !== null && pjsip().state === 'up');
    const result = await running.enforcer.rotate('1004', null, 'a test');
    assert.ok(!result.ok);
    assert.match(result.reason, /sorcery_ringfence\.conf.*restart/);
    assert.equal(await registers('1004'), 200);
    await until('taken back', 3_000, async () => (await readKey(running.keeper.session!, 'auth/1004', true)) === null);
    writeFileSync(file, text);
    await lab().asterisk.restart();
    await until('back', 5_000, () => running.keeper.session !== null && pjsip().state === 'up');
  });

  it('refuses an endpoint wholly by maintenance mode, by hand alone, over a restart of Asterisk, until it ends', async function () {
    if (asteriskMajor(lab().trees.asterisk) < 20) {
      const result = running.enforcer.block('maintenance', '1002', Date.now() + HOUR, 'a test');
      assert.ok(result.ok);
      await until('failed', 5_000, () => running.logged.some(({ message }) => message.includes('PJSIPSetMaintenance')));
      assert.equal(running.enforcer.isDone('maintenance', '1002'), false);
      running.enforcer.unblock({ kind: 'maintenance', value: '1002' });
      return;
    }
    const put = running.enforcer.block('maintenance', '1002', Date.now() + HOUR, 'a test');
    assert.ok(put.ok);
    await until('it stands', 3_000, () => running.enforcer.isDone('maintenance', '1002'));
    assert.deepEqual([await registers('1002'), await registers('1001')], [503, 200]);
    await lab().asterisk.restart();
    await until('it stands again', 5_000, async () => (await registers('1002')) === 503, 50);
    running.enforcer.unblock({ kind: 'maintenance', value: '1002' });
    await until('it is over', 3_000, async () => (await registers('1002')) === 200, 50);
    assert.ok(running.enforcer.block('maintenance', '1002', Date.now() + 1_500, 'a test').ok);
    await until('it stands', 3_000, async () => (await registers('1002')) === 503, 20);
    await until('it ends', 4_000, async () => (await registers('1002')) === 200, 50);
    assert.deepEqual([...(await inMaintenance(running.keeper.session!))!], []);
    assert.equal(running.enforcer.block('maintenance', 'trunk', null, 'no').ok, false);
  });
});
