import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Alert } from '../../src/model.ts';
import { connectAmi, type AmiSession } from '../../src/pbx/ami.ts';
import { readTree } from '../../src/pbx/astdb.ts';
import { costly, hijack } from './support/attacks.ts';
import { strangerAddress, useLab } from './support/lab.ts';
import { repository } from './support/packages.ts';
import { freePort } from './support/ports.ts';
import { pause, until } from './support/process.ts';
import { writeSettings, type SettingsOptions } from './support/settings.ts';
import { ringfence, Watcher } from './support/watcher.ts';

const GUARD = join(repository, 'asterisk-conf/extensions_ringfence.conf');
const PASSWORD = 'labhep';
/** Branches of AstDB family ringfence that refuse something. */
const REFUSING = ['address', 'account', 'international', 'number', 'lock', 'acl', 'auth'];

interface Shown {
  readonly decisions: readonly { readonly action: string; readonly target: string; readonly state: string }[];
}

describe('lab: ringfence run acts', function () {
  this.timeout(60_000);
  let port = 0;
  const lab = useLab(async () => {
    port = await freePort();
    return { hep: { port, password: PASSWORD }, trunk: 'own', guard: GUARD };
  });
  let session: AmiSession;
  let watcher: Watcher | null = null;
  const settings = (options: SettingsOptions): string =>
    writeSettings(lab(), { hep: { port, password: PASSWORD }, ...options });
  const run = async (options: SettingsOptions): Promise<Watcher> => (watcher = await Watcher.start(settings(options)));

  before(async () => {
    const { host, amiPort, amiUsername, amiSecret } = lab().asterisk;
    session = await connectAmi(
      { host, port: amiPort, username: amiUsername, secret: amiSecret },
      { event: () => undefined },
    );
  });
  after(() => session.close());
  afterEach(async () => {
    const running = watcher;
    watcher = null;
    if (running === null) return;
    await ringfence(['unblock', '--all', '--config', running.settings]);
    await running.stop();
  });

  const refusing = async (): Promise<string[]> =>
    [...(await readTree(session)).keys()].filter((key) => REFUSING.includes(key.split('/')[0] ?? '')).sort();
  const empty = async (): Promise<boolean> => (await refusing()).length === 0;
  const contactsOf = async (account: string): Promise<string[]> => {
    const items = await session.list('DBGetTree', [['Family', 'registrar/contact']]);
    return items.flatMap((item) =>
      item.get('Key')?.includes(`/${account};@`) === true ? [item.get('Val') ?? ''] : [],
    );
  };
  /** What `alerts show` says became of an incident's decisions. */
  const shown = async (incident: string): Promise<Shown['decisions']> => {
    const file = watcher?.settings ?? '';
    const { status, stdout, stderr } = await ringfence([
      'alerts',
      'show',
      incident,
      '--config',
      file,
      '--format',
      'json',
    ]);
    assert.equal(status, 0, stderr);
    return (JSON.parse(stdout) as Shown).decisions;
  };
  const about = (account: string) => (alert: Alert) => alert.subject.value === account;

  it('enforce: the thief is thrown out before he calls, his address refused, the owner calls at home', async () => {
    const running = await run({ mode: 'enforce', office: 'open' });
    await hijack(lab(), '1004');
    const { alert } = await running.alert(about('1004'), 'the hijack');
    assert.deepEqual([...new Set(alert.decisions.map((d) => d.state))], ['pending']);
    const address = strangerAddress(2);
    await until('his contact is gone', 5_000, async () => !(await contactsOf('1004')).some((c) => c.includes(address)));
    await until('what stands', 5_000, async () => (await refusing()).length === 3);
    assert.deepEqual(await refusing(), ['acl/g0000', `address/${address}`, 'international/1004']);
    const thief = await lab().stranger(2, { username: '1004', password: lab().account('1004').password });
    assert.equal((await thief.register()).status, 403, 'REGISTER of the thief');
    assert.equal((await thief.callFor(costly[0], 20)).status, 403, 'INVITE of the thief');
    const owner = await lab().phone('1004');
    assert.equal((await owner.register()).status, 200);
    assert.equal((await owner.callFor('0301234567', 20)).status, 200, 'the owner calls at home');
    assert.equal((await owner.callFor('112', 20)).status, 200);
    assert.equal((await owner.callFor(costly[0], 20)).status, 403, 'abroad is held until somebody has looked');
    const decisions = await until('all is done', 3_000, async () => {
      const all = await shown(alert.incident);
      return all.length >= 3 && all.every((d) => d.state === 'done') ? all : undefined;
    });
    assert.deepEqual(
      decisions.map((d) => `${d.action} ${d.target}`).sort(),
      [`block-address ${address}`, 'block-international 1004', 'expire-contact 1004'].sort(),
      'his own call abroad, which the guard refused, is not up: there is nothing to hang up',
    );
  });

  it('enforce: running calls abroad out of hours are cut, a call at home is not, and no more go abroad', async () => {
    const running = await run({ mode: 'enforce', office: 'closed' });
    const phone = await lab().phone('1002');
    await phone.register();
    const home = phone.dial('0301234567');
    assert.equal(await home.settled, 200);
    const calls = [...costly, '0037167000009'].map((number) => phone.dial(number));
    const { alert } = await running.alert(
      (a) => about('1002')(a) && a.severity === 'critical',
      'calls abroad at night',
    );
    await Promise.race([Promise.all(calls.map((call) => call.ended)), pause(5_000)]);
    assert.deepEqual(
      calls
        .filter((call) => call.state !== 'ended' || (call.endedBy !== 'there' && call.status !== 403))
        .map((c) => c.number),
      [],
      'calls that go on',
    );
    assert.equal((await phone.callFor(costly[1], 20)).status, 403);
    assert.deepEqual(await refusing(), ['international/1002']);
    assert.equal(home.state, 'answered', 'the call at home');
    await home.hangUp();
    const states = await until('all is done', 3_000, async () => {
      const all = await shown(alert.incident);
      return all.every((d) => d.state !== 'pending') ? all : undefined;
    });
    assert.ok(states.some((d) => d.action === 'hang-up' && d.state === 'done'));
    assert.deepEqual(
      states.filter((d) => d.state !== 'done'),
      [],
    );
  });

  it('observe touches nothing; SIGHUP to enforce acts on what comes then, and back to observe lifts it', async () => {
    const running = await run({ mode: 'observe', office: 'open' });
    await pause(300);
    const before = [...(await readTree(session)).keys()];
    assert.ok(before.includes('emergency/112') && before.includes('dialplan/trunk'), 'what the settings declare');
    const owner = await lab().phone('1006');
    await owner.register();
    await pause(200);
    const thief = await lab().stranger(9, { username: '1006', password: lab().account('1006').password });
    await thief.register();
    const seen = await running.alert(about('1006'), 'the hijack');
    assert.deepEqual([...new Set(seen.alert.decisions.map((d) => d.state))], ['observed']);
    await pause(500);
    assert.deepEqual([...(await readTree(session)).keys()], before);
    assert.ok((await contactsOf('1006')).some((contact) => contact.includes(strangerAddress(9))));

    settings({ mode: 'enforce', office: 'open' });
    running.hangup();
    await until('the settings were read', 3_000, () => running.stderr.includes('the settings were read again'));
    await pause(300);
    assert.deepEqual(await refusing(), [], 'what was only observed is not done afterwards');
    await thief.callFor(costly[0], 300);
    await until('it acts', 5_000, async () => (await refusing()).includes('international/1006'));
    await owner.register();
    assert.equal((await owner.callFor(costly[0], 20)).status, 403);

    settings({ mode: 'observe', office: 'open' });
    running.hangup();
    await until('all is lifted', 5_000, empty);
    assert.equal((await owner.callFor(costly[0], 20)).status, 200);
    assert.match(running.stderr, /mode = \\"observe\\": what rules had put up is lifted/);
  });

  it('killed with blocks up and started again: they still stand, and end on time', async () => {
    const first = await run({ mode: 'enforce', office: 'open' });
    const { status, stdout, stderr } = await ringfence([
      'block',
      'account',
      '1003',
      '--for',
      '9s',
      '--why',
      'a test',
      '--config',
      first.settings,
      '--format',
      'json',
    ]);
    assert.equal(status, 0, `${stdout}${stderr}`);
    const end = Number((await readTree(session, 'account')).get('account/1003')) * 1000;
    assert.ok(end > Date.now() + 5_000 && end < Date.now() + 10_500, `ends in ${end - Date.now()} ms`);
    await first.kill9();
    const phone = await lab().phone('1003');
    await phone.register();
    assert.equal((await phone.callFor('0301234567', 20)).status, 403, 'while nobody runs');
    const again = await run({ mode: 'enforce', office: 'open' });
    assert.equal((await phone.callFor('0301234567', 20)).status, 403, 'after the restart');
    assert.ok((await refusing()).includes('account/1003'));
    await until('it ends', 15_000, async () => (await phone.callFor('0301234567', 20)).status === 200, 100);
    const late = Date.now() - end;
    assert.ok(late > -1_000 && late < 2_000, `open ${late} ms after its end`);
    await until('its key is gone', 2_000, empty);
    assert.ok(!again.stderr.includes('"level":50'), again.stderr);
  });

  it('scan observes; scan --enforce acts when no daemon does, and is refused while one follows the file', async () => {
    const file = settings({ mode: 'observe', office: 'closed', store: join(lab().directory, 'scan.db') });
    const scan = (...more: string[]): ReturnType<typeof ringfence> => ringfence(['scan', '--config', file, ...more]);
    const phone = await lab().phone('1003');
    await phone.register();
    const callAbroad = async (): Promise<void> => {
      const calls = await Promise.all(costly.map((number) => phone.callFor(number, 1_100)));
      assert.deepEqual([...new Set(calls.map(({ status }) => status))], [200]);
    };
    await callAbroad();
    await pause(300);
    const observed = await scan();
    assert.equal(observed.status, 1, observed.stderr);
    assert.match(observed.stdout, /1003/);
    assert.deepEqual(await refusing(), []);
    await callAbroad();
    await pause(300);
    const acted = await scan('--enforce');
    assert.equal(acted.status, 1, acted.stderr);
    assert.match(acted.stderr, /decided \d+: [1-9]\d* done/);
    assert.deepEqual(await refusing(), ['international/1003']);
    assert.ok((await readTree(session, 'dialplan')).size > 0, 'how numbers are dialled went there too');
    assert.equal((await phone.callFor(costly[0], 20)).status, 403);
    const lifted = await ringfence(['unblock', 'international', '1003', '--config', file]);
    assert.equal(lifted.status, 0, lifted.stderr);
    await until('it is lifted', 3_000, empty);

    const running = await run({ mode: 'observe', office: 'closed', store: join(lab().directory, 'scan.db') });
    const refused = await scan('--enforce');
    assert.equal(refused.status, 2);
    assert.match(refused.stderr, new RegExp(`process ${running.pid}\\) follows`));
  });

  it("with neither ringfence nor AMI: the lines of the operator's guide take away what refuses, and nothing else", async () => {
    const guide = readFileSync(join(repository, 'docs/operators-guide.md'), 'utf8');
    const loop = /^for branch in ([a-z ]+); do asterisk -rx "(database deltree ringfence) \$branch"; done$/m.exec(
      guide,
    );
    const branches = loop?.[1]?.split(' ') ?? [];
    assert.ok(branches.length > 0, 'the guide has the loop');
    const running = await run({ mode: 'observe', office: 'open' });
    const blocks = [
      ['account', '1001'],
      ['international', '1002'],
      ['number', '+37167'],
      ['address', '127.66.0.77'],
    ] as const;
    for (const [kind, value] of blocks) {
      const { status, stderr } = await ringfence(['block', kind, value, '--config', running.settings]);
      assert.equal(status, 0, stderr);
    }
    await running.kill9();
    const put = (family: string, key: string): Promise<unknown> =>
      session.action('DBPut', [
        ['Family', family],
        ['Key', key],
        ['Val', '1'],
      ]);
    await Promise.all([
      put('ringfenceX', 'account/1001'),
      put('accounts', 'ringfence/account'),
      put('ringfence', 'accounting/1001'),
    ]);
    const before = await readTree(session);
    assert.equal((await refusing()).length, 5);
    for (const branch of branches) await lab().asterisk.cli(`${loop?.[2] ?? ''} ${branch}`);
    assert.deepEqual(await refusing(), []);
    const left = [...before.keys()].filter((key) => !REFUSING.includes(key.split('/')[0] ?? ''));
    assert.deepEqual([...(await readTree(session)).keys()], left, 'emergency numbers, how numbers are dialled');
    assert.ok(left.includes('accounting/1001') && left.includes('emergency/112'));
    const others = await lab().asterisk.cli('database show');
    assert.match(others, /\/ringfenceX\/account\/1001/);
    assert.match(others, /\/accounts\/ringfence\/account/);
    const { status, stderr } = await ringfence(['unblock', '--all', '--config', running.settings]);
    assert.equal(status, 0, stderr);
    await run({ mode: 'observe', office: 'open' });
    await pause(500);
    assert.deepEqual(await refusing(), [], 'nothing comes back at the next start');
  });
});
