import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { connectAmi, type AmiSession } from '../../src/pbx/ami.ts';
import { putKey, readTree } from '../../src/pbx/astdb.ts';
import { Daemon, ringfence, type Ran } from '../support/cli.ts';
import { useLab } from './support/lab.ts';
import { until } from './support/process.ts';
import { writeSettings } from './support/settings.ts';
import type { UserAgent } from './support/ua.ts';

describe('lab: media of an endpoint encrypted otherwise', function () {
  this.timeout(60_000);
  const lab = useLab(() => ({ hep: null, trunk: 'own' }));
  let settings = '';
  let session: AmiSession;
  let caller: UserAgent;
  let phone: UserAgent;
  before(async () => {
    settings = writeSettings(lab(), { cdr: false, office: 'open', more: ['[respond]\nmedia_encryption = ["1004"]'] });
    const { host, amiPort: port, amiUsername: username, amiSecret: secret } = lab().asterisk;
    session = await connectAmi({ host, port, username, secret }, { event: () => undefined });
    caller = await lab().phone('1001');
    phone = await lab().phone('1004', { onCall: () => ({ refuse: 486 }) });
    await phone.register();
  });
  after(() => {
    session.close();
    caller.close();
    phone.close();
  });
  const media = async (...args: string[]): Promise<Ran> =>
    await ringfence(['keys', 'media', ...args, '--config', settings]);
  /** What the PBX offers this phone in the INVITE of the next call to it. */
  const offered = async (): Promise<string> => {
    const from = phone.packets.length;
    await caller.dial('1004').settled;
    const invite = phone.packets
      .slice(from)
      .find(({ direction, label }) => direction === 'received' && label === 'INVITE');
    return invite?.message.body ?? assert.fail('no INVITE came');
  };
  const isEncrypted = (invite: string): boolean =>
    /m=audio \d+ RTP\/SAVP /.test(invite) && /a=crypto:\d+ AES_CM_128_HMAC_SHA1_80 inline:/.test(invite);

  it('is for accounts that the settings name', async () => {
    const { status, stderr } = await media('1005', 'sdes');
    assert.deepEqual([status, stderr.includes('[respond] media_encryption = ["1005"]')], [2, true]);
    assert.equal((await media('1004', 'aes')).status, 2);
    assert.deepEqual([...(await readTree(session, 'endpoint'))], []);
  });

  it('the next INVITE offers RTP/SAVP with a=crypto, is put back where somebody breaks it, and not after it is undone', async () => {
    const running = await Daemon.start(['--config', settings]);
    try {
      assert.match(await offered(), /m=audio \d+ RTP\/AVP /);
      const { status, stdout, stderr } = await media('1004', 'sdes', '--why', 'a test');
      assert.equal(status, 0, stderr);
      assert.match(stdout, /media_encryption is sdes from the next call on/);
      assert.ok(isEncrypted(await offered()));
      await putKey(session, 'endpoint/1004', '{}');
      assert.ok(!isEncrypted(await offered()), 'what Asterisk cannot read it passes over');
      await until('put back', 12_000, async () => isEncrypted(await offered()), 300);
      assert.match((await ringfence(['blocks', '--config', settings])).stdout, /endpoint +1004/);
      assert.equal((await media('1004', '--undo')).status, 0);
      assert.ok(!isEncrypted(await offered()));
      assert.deepEqual([...(await readTree(session, 'endpoint'))], []);
    } finally {
      await running.end();
    }
    const { stdout: trail } = await ringfence(['audit', 'export', '--config', settings]);
    assert.match(trail, /hand:\S+ {2}enforce\.ordered {2}endpoint\/1004/);
  });

  it('is refused, and nothing stands, where sorcery.conf has no line for it', async () => {
    const file = join(lab().asterisk.etc, 'sorcery.conf');
    writeFileSync(file, readFileSync(file, 'utf8').replace('endpoint = astdb,ringfence\n', ''));
    session.close();
    await lab().asterisk.restart();
    const { status, stderr } = await media('1004', 'sdes');
    assert.equal(status, 2);
    assert.match(stderr, /endpoint = astdb,ringfence/);
    const { host, amiPort: port, amiUsername: username, amiSecret: secret } = lab().asterisk;
    session = await connectAmi({ host, port, username, secret }, { event: () => undefined });
    assert.deepEqual([...(await readTree(session, 'endpoint'))], []);
  });
});
