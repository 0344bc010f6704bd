import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import init from '../../src/commands/init.ts';
import { lockStore } from '../../src/commands/lock.ts';
import uninstall, { type UninstallOptions } from '../../src/commands/uninstall.ts';
import { PeerError, RingfenceError } from '../../src/errors.ts';
import { FakeAmi, lines, list, type FakeAction } from '../support/fake-ami.ts';
import { recordingOutput } from '../support/output.ts';
import { officeFiles, writeFiles } from '../support/pbx-files.ts';
import { temporaryFolder } from '../support/temporary.ts';

describe('ringfence uninstall', () => {
  const folder = temporaryFolder();
  let count = 0;
  let place = '';
  let settings = '';
  let fake: FakeAmi;

  beforeEach(async () => {
    fake = await FakeAmi.listen();
    place = folder.file(`pbx${++count}`);
    settings = join(place, 'own/ringfence.toml');
    mkdirSync(join(place, 'log/cdr-csv'), { recursive: true });
    writeFiles(join(place, 'etc'), {
      ...officeFiles(join(place, 'log')),
      'manager.conf': `[general]\nenabled = yes\nbindaddr = 127.0.0.1\nport = ${fake.port}\n`,
    });
    const { output } = recordingOutput();
    const options = {
      asteriskEtc: join(place, 'etc'),
      kamailio: false as const,
      install: true,
      dryRun: false,
      yes: true,
    };
    await init([], { ...options, config: settings, format: 'text', quiet: true }, output);
    fake.secret = readFileSync(join(place, 'own/ami.secret'), 'utf8').trim();
    writeFileSync(settings, readFileSync(settings, 'utf8').replace('/var/lib/ringfence', join(place, 'own')));
  });
  afterEach(async () => await fake.close());

  const run = async (options: Partial<UninstallOptions> = {}): Promise<string> => {
    const { output, results } = recordingOutput();
    const given = { asteriskEtc: join(place, 'etc'), kamailio: '/nowhere', leavePbx: false, purge: false, yes: false };
    await uninstall([], { ...given, ...options, config: settings, format: 'text', quiet: false }, output);
    return results.join('\n');
  };

  /** A database that answers as Asterisk's does; keys of others beside ours. */
  const database = (keys: Map<string, string>, stubborn = false): void => {
    fake.answers = (action: FakeAction, socket) => {
      if (action.name === 'DBGetTree') {
        const items = [...keys].map(([key, value]) => ['Event: DBGetTreeResponse', `Key: ${key}`, `Val: ${value}`]);
        socket.write(list(action, ...items));
      } else if (action.name === 'DBGet')
        socket.write(lines('Response: Error', `ActionID: ${action.id}`, 'Message: Database entry not found'));
      else if (action.name === 'DBDel') {
        if (!stubborn) keys.delete(`/${action.get('Family')}/${action.get('Key')}`);
        socket.write(lines('Response: Success', `ActionID: ${action.id}`, 'Message: Key deleted successfully'));
      } else return false;
      return true;
    };
  };

  it('deletes our keys one by one and no other’s, takes its lines and snippets out, keeps store and settings', async () => {
    const keys = new Map([
      ['/ringfence/account/1001', '1'],
      ['/ringfence/emergency/112', '1'],
      ['/ringfence/auth/1001', '{}'],
      ['/ringfenceX/mine', '1'],
      ['/cidname/100', 'Anna'],
    ]);
    database(keys);
    const said = await run();
    assert.deepEqual([...keys.keys()], ['/ringfenceX/mine', '/cidname/100']);
    assert.equal(fake.named('DBDelTree').length, 0);
    assert.match(said, /3 keys ringfence\/… of Asterisk's database/);
    for (const [name, text] of Object.entries(officeFiles(join(place, 'log'))))
      if (name !== 'manager.conf') assert.equal(readFileSync(join(place, 'etc', name), 'utf8'), text, name);
    assert.ok(!existsSync(join(place, 'etc/ringfence')));
    assert.ok(!existsSync(join(place, 'etc/extensions.conf.ringfence-backup')), 'the copy is no longer needed');
    assert.ok(existsSync(settings));
    assert.match(said, /core restart when convenient/);
  });

  it('keys that come back are told: another ringfence runs', async () => {
    database(new Map([['/ringfence/account/1001', '1']]), true);
    await assert.rejects(run(), /somebody keeps writing ringfence\/account\/1001/);
    assert.ok(existsSync(join(place, 'etc/ringfence')), 'no file was touched');
  });

  it('is refused while a daemon uses the store', async () => {
    const lock = lockStore(join(place, 'own/ringfence.db'), null);
    try {
      await assert.rejects(run(), (error) => error instanceof RingfenceError && error.code === 'store-locked');
    } finally {
      lock.release();
    }
    assert.equal(fake.connections, 0);
  });

  it('with Asterisk away nothing is touched; --leave-pbx does the files', async () => {
    await fake.close();
    await assert.rejects(run(), (error) => error instanceof PeerError && error.message.includes('--leave-pbx'));
    assert.ok(existsSync(join(place, 'etc/ringfence')));
    await run({ leavePbx: true });
    assert.ok(!existsSync(join(place, 'etc/ringfence')));
    fake = await FakeAmi.listen();
  });

  it('a line of a person’s stays, and files that he has put beside ours', async () => {
    database(new Map());
    const manager = join(place, 'etc/manager.conf');
    writeFileSync(manager, `${readFileSync(manager, 'utf8')}[mine]\nsecret = x\n`);
    writeFileSync(join(place, 'etc/ringfence/mine.conf'), '');
    const said = await run();
    assert.match(readFileSync(manager, 'utf8'), /port = \d+\n\[mine\]\nsecret = x\n$/);
    assert.match(said, /etc\/ringfence has files that are not ringfence's/);
    assert.ok(existsSync(`${manager}.ringfence-backup`), 'it is not what the copy says: the copy stays');
  });

  it('--purge deletes the store, the settings and the secrets, and wants a yes', async () => {
    database(new Map());
    writeFileSync(join(place, 'own/ringfence.db.lock'), '');
    writeFileSync(join(place, 'own/ringfence.db.users'), '');
    await assert.rejects(run({ purge: true }), /--purge wants a yes/);
    assert.ok(existsSync(settings));
    await run({ purge: true, yes: true });
    for (const name of ['ringfence.toml', 'ami.secret', 'hep.password', 'ringfence.db.lock', 'ringfence.db.users'])
      assert.ok(!existsSync(join(place, 'own', name)), name);
  });
});
