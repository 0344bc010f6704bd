import assert from 'node:assert/strict';
import { statSync, writeFileSync } from 'node:fs';
import { settingsShown } from '../../src/commands/settings-shown.ts';
import { Daemon, jsonLines, ringfence, until, writeSettings } from '../support/cli.ts';
import { FakeAmi } from '../support/fake-ami.ts';
import { temporaryFolder } from '../support/temporary.ts';

const PASSWORD = 'a long enough password';

describe('settings as the console shows them', () => {
  it('tell of a URL no more than its host, for its path may be a secret', () => {
    const shown = settingsShown({
      heartbeat: { url: 'https://watch.example/ping/zq8' },
      notify: {
        webhook: [
          { url: 'https://user:zq8@hooks.example:444/T0/zq8?token=zq8', name: 'chat' },
          { url: 'http://127.0.0.1/' },
        ],
      },
      kamailio: { rpc: 'http://127.0.0.1:8080/rpc' },
      hep: { listen: ['udp:127.0.0.1:9060'], every: 5, on: true },
    });
    assert.doesNotMatch(JSON.stringify(shown), /zq8/);
    assert.deepEqual(shown, {
      heartbeat: { url: 'https://watch.example/…' },
      notify: { webhook: [{ url: 'https://hooks.example:444/…', name: 'chat' }, { url: 'http://127.0.0.1/' }] },
      kamailio: { rpc: 'http://127.0.0.1:8080/…' },
      hep: { listen: ['udp:127.0.0.1:9060'], every: 5, on: true },
    });
  });
});

describe('ringfence console user, and the console of ringfence run', function () {
  this.timeout(60_000);
  const folder = temporaryFolder();
  let config: string;
  let ami: FakeAmi;
  let daemon: Daemon | null = null;
  before(async () => {
    ami = await FakeAmi.listen();
    ami.secret = 'zq7-secret';
    writeFileSync(folder.file('ami.secret'), 'zq7-secret\n', { mode: 0o600 });
    config = writeSettings(
      folder.path,
      `[console]\nlisten = "127.0.0.1:0"\n[asterisk.ami]\nport = ${ami.port}\nsecret_file = "ami.secret"\n`,
    );
  });
  after(async () => {
    await daemon?.end('SIGKILL');
    await ami.close();
  });
  const user = (...args: string[]): ReturnType<typeof ringfence> =>
    ringfence(['--config', config, 'console', 'user', ...args], { input: `${PASSWORD}\n` });

  it('adds, lists, replaces and removes', async () => {
    assert.match((await user('list')).stderr, /no users/);
    const added = await user('add', 'ada', '--role', 'act');
    assert.deepEqual([added.status, added.stderr], [0, '']);
    const file = folder.file('ringfence.db.users');
    assert.equal(statSync(file).mode & 0o777, 0o600);
    assert.equal((await user('add', 'ada')).status, 2);
    assert.equal((await user('add', 'ada', '--replace')).status, 0);
    const { stdout } = await ringfence(['--config', config, '--format', 'json', 'console', 'user']);
    assert.deepEqual(jsonLines<unknown>(stdout), [{ name: 'ada', role: 'read' }]);
    assert.match((await user('add', 'a b')).stderr, /name the user/);
    const short = await ringfence(['--config', config, 'console', 'user', 'add', 'bob'], { input: 'short\n' });
    assert.match(short.stderr, /12 to 256/);
    assert.equal((await user('remove', 'nobody')).status, 2);
    assert.equal((await user('remove', 'ada')).status, 0);
  });

  it('serves it beside metrics and health; a block by hand reaches Asterisk', async () => {
    assert.equal((await user('add', 'ada', '--role', 'act')).status, 0);
    daemon = await Daemon.start(['--config', config]);
    const told = (): string | undefined =>
      /the console at (http:\/\/127\.0\.0\.1:\d+)\//.exec(daemon?.stderr ?? '')?.[1];
    await until('its console', () => told() !== undefined);
    const base = told() ?? '';
    for (const path of ['/metrics', '/healthz', '/readyz']) assert.equal((await fetch(base + path)).status, 200, path);
    const page = await fetch(`${base}/login`);
    const cookie = (page.headers.get('set-cookie') ?? '').split(';')[0] ?? '';
    const csrf = (text: string): string => /name="csrf" value="([\w-]+)"/.exec(text)?.[1] ?? '';
    const post = (path: string, Cookie: string, form: Record<string, string>): Promise<Response> =>
      fetch(base + path, { method: 'POST', headers: { Cookie }, body: new URLSearchParams(form), redirect: 'manual' });
    const logged = await post('/login', cookie, { csrf: csrf(await page.text()), name: 'ada', password: PASSWORD });
    assert.equal(logged.status, 303);
    const session = (logged.headers.get('set-cookie') ?? '').split(';')[0] ?? '';
    const get = async (path: string): Promise<string> =>
      await (await fetch(base + path, { headers: { Cookie: session } })).text();
    for (const path of ['/', '/incidents', '/accounts', '/traffic', '/blocks', '/keys', '/audit', '/settings'])
      assert.match(await get(path), /<h1>/, path);
    // what is secret is in files: neither those nor the hash of the password stand in the settings
    assert.doesNotMatch(await get('/settings'), /zq7-secret|scrypt/);
    const token = csrf(await get('/blocks'));
    await post('/act/block', session, { csrf: token, kind: 'account', value: '1004', for: '2h', why: 'stolen' });
    assert.match(await get('/blocks'), /stolen \(ada\)/);
    await until('the block at Asterisk', () =>
      ami.named('DBPut').some((action) => action.get('Family') === 'ringfence' && action.get('Key') === 'account/1004'),
    );
    const trail = await get('/audit');
    for (const action of ['console.login', 'decision.made', 'enforce.ordered'])
      assert.ok(trail.includes(action), action);
    assert.equal((await daemon.end()).status, 0);
    daemon = null;
  });
});
