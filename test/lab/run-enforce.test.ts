import assert from 'node:assert/strict';
import { join } from 'node:path';
import type { Alert } from '../../src/model.ts';
import { connectAmi, type AmiSession } from '../../src/pbx/ami.ts';
import { readTree } from '../../src/pbx/astdb.ts';
import { costly, hijack, internationalCalls } from './support/attacks.ts';
import { strangerAddress, useLab, type Lab } from './support/lab.ts';
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
    await watcher?.stop();
    watcher = null;
  });

  const refusing = async (): Promise<string[]> =>
    [...(await readTree(session)).keys()].filter((key) => REFUSING.includes(key.split('/')[0] ?? '')).sort();
  const empty = async (): Promise<boolean> => (await refusing()).length === 0;
  const contactsOf = async (account: string): Promise<string[]> => {
    const items = await session.list('DBGetTree', [['Family', 'registrar/contact']]);
    return items.flatMap((item) => (item.get('Key')?.includes(`/${account};@`) === true ? [item.get('Val') ?? ''] : []));
  };
  /** What `alerts show` says became of an incident's decisions. */
  const shown = async (incident: string): Promise<Shown['decisions']> => {
    const file = watcher?.settings ?? '';
    const { status, stdout, stderr } = await ringfence(['alerts', 'show', incident, '--config', file, '--format', 'json']);
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
    );
  });
});
