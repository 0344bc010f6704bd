import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { connectAmi, type AmiSession } from '../../src/pbx/ami.ts';
import { readKey } from '../../src/pbx/astdb.ts';
import { openStore } from '../../src/store/index.ts';
import { Daemon, ringfence, type Ran } from '../support/cli.ts';
import { decision } from './support/enforcement.ts';
import { useLab } from './support/lab.ts';
import { asteriskMajor } from './support/packages.ts';
import { until } from './support/process.ts';
import { writeSettings } from './support/settings.ts';

describe('lab: ringfence rotate', function () {
  this.timeout(60_000);
  const lab = useLab(() => ({ hep: null, trunk: 'own' }));
  let settings = '';
  let session: AmiSession;
  before(async () => {
    settings = writeSettings(lab(), { cdr: false, office: 'open', mode: 'enforce' });
    const { host, amiPort: port, amiUsername: username, amiSecret: secret } = lab().asterisk;
    session = await connectAmi({ host, port, username, secret }, { event: () => undefined });
  });
  after(() => session.close());

  const store = (): string => join(lab().directory, 'ringfence.db');
  const run = async (...args: string[]): Promise<Ran> => await ringfence([...args, '--config', settings]);
  const done = async (...args: string[]): Promise<Ran> => {
    const ran = await run(...args);
    assert.equal(ran.status, 0, `${args.join(' ')}: ${ran.stdout}${ran.stderr}`);
    return ran;
  };
  const registers = async (extension: string, password?: string): Promise<number> => {
    const phone = await lab().phone(extension, password === undefined ? {} : { password });
    try {
      return (await phone.register()).status;
    } finally {
      phone.close();
    }
  };
  const passwordIn = (text: string): string => /password (\w{24}) /.exec(text)?.[1] ?? assert.fail(text);

  for (const daemon of [true, false])
    it(`shows a new password once, ${daemon ? 'by the daemon' : 'without one'}, and takes it back`, async () => {
      const running = daemon ? await Daemon.start(['--config', settings]) : null;
      try {
        const { stdout, stderr } = await done('rotate', '1004', '--why', 'stolen');
        assert.match(stdout, /^Account 1004 has a new password, shown this once:\n {2}user 1004 {2}password/);
        assert.match(stderr, /cannot call, emergency numbers included/);
        const secret = passwordIn(stdout);
        assert.deepEqual([await registers('1004'), await registers('1004', secret)], [401, 200]);
        const { stdout: listed } = await done('blocks');
        assert.match(listed, /secret +1004 +no end .*stolen/);
        for (const file of readdirSync(lab().directory).filter((name) => name.startsWith('ringfence.db')))
          if (statSync(join(lab().directory, file)).isFile())
            assert.ok(!readFileSync(join(lab().directory, file)).includes(secret), `${file} holds the password`);
        assert.match((await done('rotate', '1004', '--undo')).stdout, /pjsip\.conf is good again/);
        assert.equal(await registers('1004'), 200);
        const again = await run('rotate', '1004', '--undo');
        assert.deepEqual([again.status, again.stderr.includes('taken back already')], [2, true]);
      } finally {
        await running?.end();
      }
    });

  it('ends by itself with --for, by the timer when the daemon is dead', async () => {
    const { stdout } = await done('rotate', '1002', '--for', '3s', '--format', 'json');
    const { secrets, until: end } = JSON.parse(stdout) as { secrets: { secret: string }[]; until: string };
    assert.equal(await registers('1002', secrets[0]?.secret), 200);
    assert.ok(Date.parse(end) > Date.now());
    await until('its end', 4_000, () => Date.now() > Date.parse(end), 50);
    assert.equal(await registers('1002'), 401, 'it has no end of its own in Asterisk');
    await done('blocks', '--expire');
    assert.equal(await registers('1002'), 200);
    assert.equal(await readKey(session, 'auth/1002', true), null);
  });

  it('says no to what is no account with a password', async () => {
    for (const account of ['trunk', '9999']) {
      const { status, stderr } = await run('rotate', account);
      assert.equal(status, 2, account);
      assert.match(stderr, /trunk|retrieve endpoint|no auth object/);
    }
    assert.equal((await run('rotate', '1004', '--undo', '--for', '1h')).status, 2);
  });

  it('block account --registrations refuses its REGISTERs too, where Asterisk can, and says so where not', async () => {
    const { status, stdout, stderr } = await run('block', 'account', '1003', '--registrations', '--for', '1h');
    assert.match(stdout, /^Account 1003 is blocked until /);
    if (asteriskMajor(lab().trees.asterisk) < 20) {
      assert.equal(status, 2);
      assert.match(stderr, /NOT IN FORCE.*PJSIPSetMaintenance comes with/);
    } else {
      assert.match(stdout, /\nRegistrations and all calls of account 1003, emergency calls too, are refused until /);
      assert.equal(await registers('1003'), 503);
    }
    await done('unblock', 'maintenance', '1003');
    await done('unblock', 'account', '1003');
    assert.equal(await registers('1003'), 200);
    assert.equal((await run('block', 'number', '+371', '--registrations')).status, 2);
  });

  it('by rule: the password is in a file of staff’s alone, shown by --show, gone when taken back', async () => {
    const d = decision('rotate-secret', '1005', null);
    const opened = openStore(store());
    opened.decisions.put(d);
    opened.close();
    const running = await Daemon.start(['--config', settings]);
    try {
      const file = join(`${store()}.secrets`, `${d.id}.json`);
      await until('it is kept', 5_000, () => existsSync(file));
      assert.deepEqual([statSync(file).mode & 0o777, statSync(`${store()}.secrets`).mode & 0o777], [0o600, 0o700]);
      await until('in force', 3_000, async () => (await registers('1005')) === 401);
      const secret = passwordIn((await done('rotate', '1005', '--show')).stdout);
      assert.equal(await registers('1005', secret), 200);
      await done('rotate', '1005', '--undo');
      assert.ok(!existsSync(file));
      assert.equal(await registers('1005'), 200);
      assert.equal((await run('rotate', '1005', '--show')).status, 2);
    } finally {
      await running.end();
    }
  });
});
