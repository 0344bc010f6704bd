import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { join } from 'node:path';
import { connectAmi, type AmiSession } from '../../src/pbx/ami.ts';
import { deleteKey, putKey, readTree } from '../../src/pbx/astdb.ts';
import { publishKeys, readKeys } from '../../src/pbx/published-keys.ts';
import { publishable } from '../../src/respond/key-publisher.ts';
import { openStore, type IssuedCertificate } from '../../src/store/index.ts';
import { Daemon, jsonLines, ringfence, type Ran } from '../support/cli.ts';
import { issued, published } from '../support/public-keys.ts';
import { useLab } from './support/lab.ts';
import { until } from './support/process.ts';
import { writeSettings } from './support/settings.ts';

const LONG = process.env['RINGFENCE_LONG'] === '1';

interface Inventory {
  readonly keys: number;
  readonly auths: readonly string[];
  readonly differences: readonly { readonly what: string; readonly key: string; readonly state: string }[];
}

describe('lab: public keys in a real AstDB', function () {
  this.timeout(60_000);
  const lab = useLab(() => ({ hep: null, trunk: 'own' }));
  let settings = '';
  let session: AmiSession;
  const connect = async (): Promise<AmiSession> => {
    const { host, amiPort: port, amiUsername: username, amiSecret: secret } = lab().asterisk;
    return await connectAmi({ host, port, username, secret }, { event: () => undefined });
  };
  before(async () => {
    settings = writeSettings(lab(), { cdr: false, office: 'open', mode: 'enforce' });
    session = await connect();
  });
  after(() => session.close());

  const run = async (...args: string[]): Promise<Ran> => await ringfence([...args, '--config', settings]);
  const store = <T>(work: (opened: ReturnType<typeof openStore>) => T): T => {
    const opened = openStore(join(lab().directory, 'ringfence.db'));
    try {
      return work(opened);
    } finally {
      opened.close();
    }
  };
  const issue = (...certificates: IssuedCertificate[]): void =>
    store(({ certificates: table }) => {
      for (const certificate of certificates) table.add(certificate);
    });
  const kidOf = ({ kid }: IssuedCertificate): string => Buffer.from(kid, 'base64url').toString('hex');
  const held = async (account: string): Promise<string | null> => {
    const key = published(Object.fromEntries(await readKeys(session)), account);
    return key === null || key === 'broken' ? key : key.kid;
  };
  const inventory = async (...args: string[]): Promise<Inventory & { status: number }> => {
    const { status, stdout, stderr } = await run('keys', 'list', '--pushed', '--format', 'json', ...args);
    return { ...(jsonLines<Inventory>(stdout)[0] ?? assert.fail(stderr)), status };
  };
  const first = issued('1004', {}, 'first');
  const large = issued('1005', {}, 'large', 4096);

  it('says that there is nothing to push where no certificate was issued', async () => {
    const { status, stderr } = await run('keys', 'push');
    assert.equal(status, 2);
    assert.match(stderr, /holds no key of any account/);
  });

  it('an RSA-4096 certificate is pushed by a command, read back and verified byte for byte', async () => {
    issue(first, large);
    const before = await inventory();
    assert.deepEqual([before.status, before.differences[0]?.state], [1, 'missing']);
    const { status, stdout, stderr } = await run('keys', 'push', '--why', 'a test');
    assert.equal(status, 0, stderr);
    assert.match(stdout, /^1004: its key counts at the PBX now\n1005: /);
    const rows = Object.fromEntries(await readTree(session, 'pubkey'));
    const key = published(rows, '1005');
    assert.ok(key !== null && key !== 'broken');
    assert.deepEqual(
      [key.spki.toString('base64'), key.certificate.toString('base64')],
      [large.spki, large.certificate],
    );
    assert.ok(Object.values(rows).every((value) => value.length <= 900));
    assert.match((await run('keys', 'push')).stdout, /holds the keys of the store already/);
    const { stdout: trail } = await run('audit', 'export', '--format', 'json');
    assert.match(trail, new RegExp(`"action":"key.pushed","actor":"hand:[^"]+".*${kidOf(large)}`));
  });

  it('the inventory compares secrets and addresses too, and mends what can be mended', async () => {
    const rotated = await run('rotate', '1003');
    assert.equal(rotated.status, 0, rotated.stderr);
    await deleteKey(session, `pubkey/1004/current`);
    await putKey(session, 'auth/stranger', '{"auth_type":"userpass","username":"x","password":"of-somebody"}');
    const seen = await inventory();
    assert.equal(seen.status, 1);
    assert.deepEqual(seen.auths, ['1003']);
    assert.deepEqual(
      seen.differences.map(({ what, key, state }) => `${what} ${key} ${state}`),
      ['pubkey pubkey/1004/current missing', 'auth auth/stranger extra'],
    );
    const mended = await inventory('--mend');
    assert.deepEqual([mended.status, mended.differences.map(({ key }) => key)], [1, ['auth/stranger']]);
    await deleteKey(session, 'auth/stranger');
    assert.equal((await inventory()).status, 0);
    assert.equal(await held('1004'), kidOf(first));
    await run('rotate', '1003', '--undo');
  });

  it('the daemon pushes a new key by itself and on demand, withdraws a revoked one, and puts back what was edited', async () => {
    const daemon = await Daemon.start(['--config', settings]);
    try {
      const second = issued('1004', {}, 'second');
      store(({ certificates }) => {
        certificates.add(second);
        certificates.revoke(first.serial, Date.now() + 3_600_000, 'superseded');
      });
      const { status, stdout, stderr } = await run('keys', 'push', '1004');
      assert.equal(status, 0, stderr);
      assert.match(stdout, /^1004: its key counts/);
      assert.equal(await held('1004'), kidOf(second));
      const former = published(Object.fromEntries(await readKeys(session)), '1004', 'former');
      assert.ok(former !== null && former !== 'broken' && former.kid === kidOf(first));
      store(({ certificates }) => certificates.revoke(large.serial, Date.now() - 1, 'keyCompromise'));
      const pushed = await run('keys', 'push');
      assert.match(
        pushed.stdout,
        new RegExp(`1005: it has no key at the PBX any more\n${kidOf(large)}: told as revoked`),
      );
      assert.equal(await held('1005'), null);
      await deleteKey(session, 'pubkey/1004/current');
      await putKey(session, 'pubkey/1004/7-garbage/spki/0', 'AAAA');
      await until('put back', 20_000, async () => (await held('1004')) === kidOf(second), 200);
      await until('cleaned', 2_000, async () => !(await readKeys(session)).has('pubkey/1004/7-garbage/spki/0'), 50);
    } finally {
      await daemon.end();
    }
  });

  it('killed with kill -9 at any moment of a push: what counted before still counts, and the next push ends it', async () => {
    const third = issued('1004', {}, 'third', 4096);
    issue(third);
    const good = new Set([await held('1004'), kidOf(third)]);
    assert.ok(!good.has(null) && !good.has('broken'));
    const moments = LONG ? 30 : 3;
    for (let i = 0; i < moments; i++) {
      // of ringfence: from before it logs in until after it is done
      await ringfence(['keys', 'push', '--config', settings], { killAfter: 250 + (i * 500) / moments });
      const now = await held('1004');
      assert.ok(good.has(now), `round ${i}: ${now}`);
      if (now === kidOf(third) && i < moments - 1) await backTo();
    }
    const { status, stderr } = await run('keys', 'push');
    assert.equal(status, 0, stderr);
    assert.equal(await held('1004'), kidOf(third));
    assert.equal((await inventory()).status, 0);
  });
  /** As it was before the last key was pushed. */
  const backTo = async (): Promise<void> => {
    const before = store(({ certificates }) => certificates.all()).filter(({ spki }) => spki.length < 600);
    await publishKeys(session, publishable(before, Date.now()));
  };

  it('an Asterisk that is killed in the middle of it holds the old key or the new one, whole', async () => {
    await backTo();
    await sleep(2_500); // what was put before is committed by then
    const all = publishable(
      store(({ certificates }) => certificates.all()),
      Date.now(),
    );
    const good = new Set([await held('1004'), all.keys.findLast(({ account }) => account === '1004')?.kid]);
    assert.equal(good.size, 2);
    for (let i = 0; i < (LONG ? 10 : 2); i++) {
      const push = publishKeys(session, all).then(
        () => 'done',
        () => 'cut',
      );
      await sleep(i * 3);
      await lab().asterisk.kill9();
      await push;
      await lab().asterisk.boot();
      session = await connect();
      const now = await held('1004');
      assert.ok(good.has(now), `round ${i}: ${now}`);
    }
    assert.deepEqual((await publishKeys(session, all)).left, []);
  });

  it('uninstall leaves none of it', async () => {
    const { status, stderr } = await run('uninstall', '--yes', '--asterisk-etc', lab().asterisk.etc);
    assert.ok(status <= 1, stderr);
    assert.deepEqual([...(await readTree(session))], []);
  });
});
