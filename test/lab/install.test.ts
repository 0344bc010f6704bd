import assert from 'node:assert/strict';
import { cpSync, existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { lookAtAsterisk } from '../../src/commands/setup/asterisk.ts';
import { connectAmi, type AmiSession } from '../../src/pbx/ami.ts';
import { readTree } from '../../src/pbx/astdb.ts';
import { temporaryFolder } from '../support/temporary.ts';
import { kamailioRpc, tableDump, tablePut } from '../../src/pbx/kamailio.ts';
import { labTrees, repository } from './support/packages.ts';
import { writeSettings } from './support/settings.ts';
import { addresses, requireLab, strangerAddress, useLab, type Lab } from './support/lab.ts';
import { freePort } from './support/ports.ts';
import { until } from './support/process.ts';
import { ringfence, Watcher } from './support/watcher.ts';

interface HandWork {
  readonly what: string;
  readonly lines: readonly string[];
}

/** Does in a file what init leaves to a person: `FILE:LINE, …: before this line` or `in place of this line`. */
function byHand(work: readonly HandWork[]): void {
  for (const { what, lines } of [...work].reverse()) {
    const [, file = '', line = '', how = ''] = /^(.*?):(\d+), .*: (before|in place)/.exec(what) ?? [];
    assert.notEqual(file, '', what);
    const text = readFileSync(file, 'utf8').split('\n');
    text.splice(Number(line) - 1, how === 'before' ? 0 : 1, ...lines);
    writeFileSync(file, text.join('\n'));
  }
}

const edit = (file: string, change: (text: string) => string): void =>
  writeFileSync(file, change(readFileSync(file, 'utf8')));

describe('lab: from a PBX that knows nothing of ringfence to a protected one, and back', function () {
  this.timeout(60_000);
  const lab = useLab(() => ({ trunk: 'own', channelVariables: false }));
  let settings = '';
  let watcher: Watcher | null = null;

  const etc = (): string => lab().asterisk.etc;
  const options = (): string[] => ['--asterisk-etc', etc(), '--config', settings];
  const consoleOf = ({ trees, asterisk }: Lab): string =>
    trees.asterisk.command('usr/sbin/asterisk', '-C', join(asterisk.etc, 'asterisk.conf')).join(' ');
  const doctor = async (): Promise<{ status: number; stdout: string; stderr: string }> =>
    await ringfence(['doctor', ...options(), '--kamailio', '/nowhere', '--asterisk', consoleOf(lab())]);
  const login = async (secret: string): Promise<AmiSession> => {
    const { host, amiPort: port } = lab().asterisk;
    return await connectAmi({ host, port, username: 'ringfence', secret }, { event: () => undefined });
  };

  before('the PBX loses what the lab has given it for ringfence', async () => {
    const { asterisk, directory } = lab();
    settings = join(directory, 'own', 'ringfence.toml');
    await asterisk.stop();
    edit(join(etc(), 'manager.conf'), (text) =>
      text.replace(/\[ringfence\][^[]*/, '').replace('timestampevents = yes\n', ''),
    );
    writeFileSync(join(etc(), 'sorcery.conf'), '[general]\n');
    await asterisk.boot();
  });
  after(async () => await watcher?.stop());

  it('doctor says what is missing, first of all the settings', async () => {
    const { status, stdout, stderr } = await doctor();
    assert.equal(status, 1, stderr);
    assert.match(
      stdout,
      /^PROBLEM {2}settings: [^]*next step: ringfence config check; without a file: ringfence init$/m,
    );
  });

  it('init --install writes, changes and tells; a second run finds all in place', async () => {
    const first = await ringfence(['init', ...options(), '--no-kamailio', '--install', '--yes', '--format', 'json']);
    assert.equal(first.status, 0, first.stderr);
    const told = JSON.parse(first.stdout) as { altered: string[]; byHand: HandWork[] };
    assert.deepEqual(told.altered.map((path) => path.slice(etc().length + 1)).sort(), ['extensions.conf', 'hep.conf', 'manager.conf', 'sorcery.conf']); // prettier-ignore
    assert.equal(told.byHand.length, 5, 'national, international, + and two emergency numbers');
    byHand(told.byHand);
    const again = await ringfence(['init', ...options(), '--no-kamailio', '--install', '--yes']);
    assert.match(again.stdout, /^Nothing to write: everything is in place/, again.stdout + again.stderr);
    assert.equal(lookAtAsterisk(etc()).reach.unguarded.length, 0);
  });

  it('doctor follows each step, until it says protected', async () => {
    const { asterisk, directory } = lab();
    const port = await freePort();
    // what an admin chooses
    edit(settings, (text) =>
      text
        .replace(/^path = "\/var\/lib.*$/m, `path = "${join(directory, 'own', 'ringfence.db')}"`)
        .replace('9060', String(port))
        .replace(/^local = .*$/m, `local = ["${addresses.office}"]`),
    );
    edit(join(etc(), 'ringfence/hep_ringfence.conf'), (text) => text.replace('9060', String(port)));
    assert.match((await doctor()).stdout, /PROBLEM {2}manager: .*refuses[^]*next step: compare the secret/);

    for (const command of ['manager reload', 'module reload res_hep.so']) await asterisk.cli(command);
    const before = (await doctor()).stdout;
    assert.match(before, /ok {7}manager: logged in/);
    assert.match(before, /PROBLEM {2}dialplan guard: it is in the files and not loaded\n.*dialplan reload/);
    assert.match(before, /PROBLEM {2}address blocks: sorcery\.conf was changed since Asterisk was started/);

    await asterisk.cli('dialplan reload');
    assert.match((await doctor()).stdout, /ok {7}guard is asked: before calls leave from from-internal/);
    await asterisk.restart();
    const watching = (await doctor()).stdout;
    assert.match(watching, /ok {7}address blocks/);
    assert.match(watching, /next step: systemctl enable --now ringfence$/m);

    watcher = await Watcher.start(settings);
    assert.match((await doctor()).stdout, /PROBLEM {2}mirrored SIP: none has arrived/);
    const phone = await lab().phone('1001');
    assert.equal((await phone.register()).status, 200);
    assert.equal((await phone.callFor('600', 20)).status, 200);
    assert.match((await doctor()).stdout, /next step: when a week of alerts has been right: mode = "enforce"/);

    await watcher.stop();
    edit(settings, (text) => text.replace('mode = "observe"', 'mode = "enforce"'));
    watcher = await Watcher.start(settings);
    await phone.register();
    await until('mirrored SIP', 5000, async () => !(await doctor()).stdout.includes('PROBLEM'));
    const { status, stdout } = await doctor();
    assert.equal(status, 0, stdout);
    assert.match(stdout, /\nprotected\n$/);
  });

  it('a block by hand refuses a call, for the guard was put in', async () => {
    const phone = await lab().phone('1001');
    assert.equal((await phone.register()).status, 200);
    assert.equal((await phone.callFor('03012345678', 20)).status, 200);
    const blocked = await ringfence(['block', 'account', '1001', '--for', '15m', '--config', settings]);
    assert.equal(blocked.status, 0, blocked.stderr + blocked.stdout);
    assert.equal(await phone.dial('03012345678').settled, 403);
  });

  it('a blocked address is refused its REGISTER, for PJSIP looks into AstDB', async () => {
    const stranger = await lab().stranger(1);
    assert.equal((await stranger.register()).status, 401);
    const blocked = await ringfence(['block', 'address', strangerAddress(1), '--for', '15m', '--config', settings]);
    assert.equal(blocked.status, 0, blocked.stderr + blocked.stdout);
    assert.equal((await stranger.register()).status, 403);
  });

  it('uninstall is refused while the daemon runs', async () => {
    const { status, stderr } = await ringfence(['uninstall', ...options(), '--kamailio', '/nowhere']);
    assert.equal(status, 2);
    assert.match(stderr, /would put it all up again: systemctl disable --now ringfence/);
  });

  it('uninstall leaves no key of ringfence’s; the guard’s file stays as long as a step calls it', async () => {
    await watcher?.stop();
    watcher = null;
    const session = await login(readFileSync(join(dirname(settings), 'ami.secret'), 'utf8').trim());
    assert.ok((await readTree(session)).size > 0);
    const { status, stdout, stderr } = await ringfence(['uninstall', ...options(), '--kamailio', '/nowhere']);
    assert.equal(status, 0, stderr);
    assert.match(stdout, /take the Gosub\(ringfence-…\) out of .*extensions\.conf:\d+/);
    assert.deepEqual([...(await readTree(session)).keys()], []);
    session.close();
    assert.doesNotMatch(readFileSync(join(etc(), 'manager.conf'), 'utf8'), /ringfence\//);
    assert.equal(readFileSync(join(etc(), 'sorcery.conf'), 'utf8'), '[general]\n');
    assert.ok(existsSync(join(etc(), 'ringfence/extensions_ringfence.conf')));
    const phone = await lab().phone('1001');
    await phone.register();
    assert.equal((await phone.callFor('03012345678', 20)).status, 200, 'nothing refuses any more');
  });

  it('without the calls of the guard it takes the rest, and --purge the store and the settings', async () => {
    edit(join(etc(), 'extensions.conf'), (text) =>
      text
        .split('\n')
        .filter((line) => !line.includes('Gosub(ringfence-guard'))
        .join('\n'),
    );
    const { status, stdout, stderr } = await ringfence(['uninstall', ...options(), '--kamailio', '/nowhere', '--leave-pbx', '--purge', '--yes']); // prettier-ignore
    assert.equal(status, 0, stderr);
    assert.ok(!existsSync(join(etc(), 'ringfence')), stdout);
    assert.ok(!existsSync(settings) && !existsSync(join(dirname(settings), 'ringfence.db')));
    assert.doesNotMatch(readFileSync(join(etc(), 'extensions.conf'), 'utf8'), /ringfence\//);
  });
});

describe('lab: doctor and uninstall with Kamailio in front', function () {
  this.timeout(30_000);
  const folder = temporaryFolder();
  const lab = useLab(() => {
    const snippet = join(repository, 'kamailio-conf/ringfence.cfg');
    writeFileSync(
      folder.file('snippet.cfg'),
      `#!define RINGFENCE_NO_MIRROR\n#!define RINGFENCE_NO_RPC\ninclude_file "${snippet}"\n`,
    );
    return { hep: null, trunk: 'own', kamailio: true, kamailioSnippet: folder.file('snippet.cfg') };
  });
  const args = (settings: string): string[] => ['--config', settings, '--asterisk-etc', lab().asterisk.etc, '--kamailio', join(lab().directory, 'edge/kamailio.cfg')]; // prettier-ignore

  it('doctor finds the tables and the call of the route', async () => {
    const { stdout, stderr } = await ringfence(['doctor', ...args(writeSettings(lab()))]);
    assert.match(stdout, /ok {7}Kamailio: answers at udp:127\.0\.0\.1:\d+, up since .*, with its tables/, stderr);
    assert.match(stdout, /ok {7}route\(RINGFENCE\): is called/);
    assert.match(stdout, /PROBLEM {2}dialplan guard: it is not/);
  });

  it('uninstall empties the tables', async () => {
    const settings = writeSettings(lab());
    const rpc = kamailioRpc({ rpc: `udp:127.0.0.1:${lab().kamailio!.rpcPort}` });
    try {
      await tablePut(rpc, 'rf_address', strangerAddress(1), '1', 3600);
      await tablePut(rpc, 'rf_emergency', '112', '1', 3600);
      const { status, stdout, stderr } = await ringfence(['uninstall', ...args(settings)]);
      assert.equal(status, 0, stderr);
      assert.match(stdout, /2 rows of Kamailio's tables/);
      assert.match(stdout, /kamailio\.cfg: take out route\(RINGFENCE\)/);
      for (const table of ['rf_address', 'rf_emergency']) assert.equal((await tableDump(rpc, table)).size, 0);
    } finally {
      rpc.close();
    }
  });

  it('doctor says so when Kamailio is away', async () => {
    const settings = writeSettings(lab());
    await lab().kamailio!.stop();
    const { status, stdout } = await ringfence(['doctor', ...args(settings)]);
    assert.equal(status, 1);
    assert.match(stdout, /PROBLEM {2}Kamailio: /);
  });
});

describe('lab: the configuration that Debian ships', function () {
  this.timeout(30_000);
  const folder = temporaryFolder();
  before(requireLab);

  it('is understood, gets its inclusions, and nothing else changes', async () => {
    const { asterisk } = await labTrees();
    const etc = folder.file('etc');
    cpSync(join(asterisk.directory, 'etc/asterisk'), etc, { recursive: true });
    mkdirSync(folder.file('ringfence'));
    const args = ['init', '--asterisk-etc', etc, '--config', folder.file('ringfence/ringfence.toml'), '--no-kamailio', '--install', '--yes']; // prettier-ignore
    const before = lookAtAsterisk(etc);
    assert.deepEqual(before.problems, []);
    const { status, stdout, stderr } = await ringfence(args);
    assert.equal(status, 0, stderr);
    assert.match(stdout, /extensions\.conf/);
    const after = lookAtAsterisk(etc);
    assert.ok(after.guard);
    assert.deepEqual(after.problems, []);
    const settingsOf = (found: typeof before): string[] =>
      (found.conf('extensions.conf')?.items ?? []).flatMap((item) =>
        item.kind === 'setting' && !item.file.includes('/ringfence/') ? [`${item.name}=${item.value}`] : [],
      );
    assert.deepEqual(settingsOf(after), settingsOf(before));
    assert.equal(statSync(join(etc, 'manager.conf')).mode, statSync(join(etc, 'manager.conf.ringfence-backup')).mode);
    assert.match((await ringfence(args)).stdout, /^Nothing to write/);
  });
});
