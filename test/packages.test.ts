import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { ringfence } from './support/cli.ts';
import { officeFiles, writeFiles } from './support/pbx-files.ts';
import { temporaryFolder } from './support/temporary.ts';

const TOP = resolve(import.meta.dirname, '..');
const LONG = process.env['RINGFENCE_LONG'] === '1';

const has = (command: string): boolean => spawnSync(command, ['--version']).status === 0;
/** Skips with a reason where a program is missing. */
function need(test: Mocha.Context, ...commands: readonly string[]): void {
  for (const command of commands)
    if (!has(command)) {
      console.error(`      skipped: there is no ${command} here`);
      test.skip();
    }
}

/** Minutes of a core: compiling, compressing. */
function onlyLong(test: Mocha.Context): void {
  if (LONG) return;
  console.error('      skipped: RINGFENCE_LONG=1 runs it');
  test.skip();
}

describe('the npm package', function () {
  this.timeout(60_000);
  const folder = temporaryFolder();
  let packed: string[] = [];
  let prefix = '';

  before(() => {
    const told = execFileSync('npm', ['pack', '--json', '--ignore-scripts', '--pack-destination', folder.path], { cwd: TOP, encoding: 'utf8' }); // prettier-ignore
    const [made] = JSON.parse(told) as { filename: string; files: { path: string }[] }[];
    assert.ok(made !== undefined);
    packed = made.files.map(({ path }) => path);
    prefix = folder.file('prefix/lib/node_modules/ringfence');
    mkdirSync(prefix, { recursive: true });
    execFileSync('tar', ['-xzf', folder.file(made.filename), '-C', prefix, '--strip-components=1']);
  });

  it('holds the program, what it ships and the documents, and nothing else', () => {
    for (const name of ['dist/cli.js', 'package.json', 'README.md', 'LICENSE', 'CHANGELOG.md', 'docs/install.md'])
      assert.ok(packed.includes(name), name);
    for (const shipped of [
      'asterisk-conf',
      'kamailio-conf',
      'scripts/systemd',
      'scripts/cron',
      'scripts/prometheus',
      'scripts/grafana',
    ])
      // prettier-ignore
      for (const name of readdirSync(join(TOP, shipped))) assert.ok(packed.includes(`${shipped}/${name}`), name);
    const unwanted = packed.filter((path) => !/^(?:dist|docs|asterisk-conf|kamailio-conf)\/|^scripts\/(?:systemd|cron|prometheus|grafana)\/|^(?:package\.json|README\.md|LICENSE|CHANGELOG\.md)$/.test(path)); // prettier-ignore
    assert.deepEqual(unwanted, []);
  });

  it('runs where it was unpacked: commands, detectors, and init with the snippets that it ships', () => {
    // what it depends on is the checkout's own; installed from the registry in the long run below
    symlinkSync(join(TOP, 'node_modules'), join(prefix, 'node_modules'));
    const run = (...args: string[]): string => execFileSync('node', [join(prefix, 'dist/cli.js'), ...args], { encoding: 'utf8', cwd: folder.path, stdio: ['ignore', 'pipe', 'ignore'] }); // prettier-ignore
    assert.equal(run('--version').trim(), (JSON.parse(readFileSync(join(TOP, 'package.json'), 'utf8')) as { version: string }).version); // prettier-ignore
    assert.match(run('detectors'), /out-of-hours-calls/);
    const etc = folder.file('etc');
    writeFiles(etc, officeFiles(folder.path));
    const settings = folder.file('settings/ringfence.toml');
    run('init', '--asterisk-etc', etc, '--no-kamailio', '--install', '--yes', '--config', settings);
    assert.ok(existsSync(join(etc, 'ringfence/extensions_ringfence.conf')));
    assert.match(run('config', 'check', settings), /./);
  });

  it('installs into an empty prefix with npm, builds its SQLite and opens a store', function () {
    onlyLong(this);
    this.timeout(600_000);
    const tarball = readdirSync(folder.path).find((name) => name.endsWith('.tgz')) ?? '';
    const empty = folder.file('empty');
    mkdirSync(empty);
    execFileSync('npm', ['install', '--global', '--prefix', empty, '--ignore-scripts=false', folder.file(tarball)], { cwd: empty, stdio: 'pipe' }); // prettier-ignore
    writeFileSync(join(empty, 'x.toml'), '[store]\npath = "x.db"\n[asterisk.cdr]\npath = "Master.csv"\n');
    writeFileSync(join(empty, 'Master.csv'), '');
    const told = execFileSync(join(empty, 'bin/ringfence'), ['scan', '--config', join(empty, 'x.toml')], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    assert.equal(told, '');
    assert.ok(existsSync(join(empty, 'x.db')));
  });
});

describe('completion and the manual page', function () {
  this.timeout(30_000);
  const folder = temporaryFolder();
  const made = async (what: string): Promise<string> => {
    const { status, stdout } = await ringfence(['generate', what]);
    assert.equal(status, 0);
    const file = folder.file(`ringfence.${what}`);
    writeFileSync(file, stdout);
    return file;
  };

  it('bash completes commands, options, and what options choose from', async function () {
    need(this, 'bash');
    const file = await made('bash');
    const complete = (...words: string[]): string[] => execFileSync('bash', ['-c', 'source "$0"; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _ringfence; printf "%s\\n" "${COMPREPLY[@]}"', file, ...words], { encoding: 'utf8' }).trim().split('\n'); // prettier-ignore
    assert.deepEqual(complete('ringfence', 'alerts', 's'), ['show']);
    assert.deepEqual(complete('ringfence', '--quiet', 'report', '--last', ''), ['day', 'week', 'month']);
    assert.ok(complete('ringfence', 'scan', '--').includes('--fail-on'));
    assert.ok(complete('ringfence', '').includes('doctor'));
    assert.deepEqual(complete('ringfence', 'generate', 'z'), ['zsh']);
  });

  for (const shell of ['zsh', 'fish'])
    it(`${shell} can read its own`, async function () {
      const file = await made(shell);
      assert.match(readFileSync(file, 'utf8'), /alerts/);
      need(this, shell);
      execFileSync(shell, ['-n', file]);
    });

  it('the manual page has every command, and man finds nothing wrong', async function () {
    const file = await made('man');
    const text = readFileSync(file, 'utf8');
    for (const command of ['run', 'scan', 'alerts show', 'audit passwords', 'keys rotate'])
      assert.ok(text.includes(`\n.SS ringfence ${command}`), command);
    need(this, 'man');
    const { stderr } = spawnSync('man', ['--warnings', '-l', file], { encoding: 'utf8', env: { ...process.env, MANWIDTH: '100', LC_ALL: 'C.UTF-8' } }); // prettier-ignore
    assert.equal(stderr, '');
  });
});

describe('the units and the Debian package', function () {
  this.timeout(60_000);
  const folder = temporaryFolder();

  it('every service is exposed little: systemd-analyze security says 2.0 or less', function () {
    need(this, 'systemd-analyze');
    const services = readdirSync(join(TOP, 'scripts/systemd')).filter((name) => name.endsWith('.service'));
    assert.ok(services.length >= 2);
    for (const name of services) {
      const said = execFileSync('systemd-analyze', ['security', '--offline=true', '--no-pager', join(TOP, 'scripts/systemd', name)], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }); // prettier-ignore
      const level = Number(/exposure level for \S+: ([\d.]+)/.exec(said)?.[1]);
      assert.ok(level <= 2, `${name}: ${level}`);
    }
  });

  it('installs, upgrades, is removed and purged by dpkg: data stays until the purge, and lintian finds no error', function () {
    onlyLong(this);
    need(this, 'dpkg-deb', 'systemd-sysusers');
    if (process.getuid?.() !== 0) {
      console.error('      skipped: dpkg installs as root alone');
      this.skip();
    }
    this.timeout(600_000);
    const deb = execFileSync('bash', [join(TOP, 'scripts/debian/build'), folder.path], { encoding: 'utf8', env: { ...process.env, DEB_COMPRESSION: 'gzip' } }).trim(); // prettier-ignore
    const root = folder.file('root');
    for (const path of ['var/lib/dpkg/info', 'var/lib/dpkg/updates', 'etc/asterisk', 'usr/bin']) mkdirSync(join(root, path), { recursive: true }); // prettier-ignore
    writeFileSync(join(root, 'var/lib/dpkg/status'), '');
    writeFileSync(join(root, 'etc/passwd'), 'root:x:0:0:root:/root:/bin/sh\n');
    writeFileSync(join(root, 'etc/group'), 'root:x:0:\nadm:x:4:\n');
    const asterisk = join(root, 'etc/asterisk/extensions.conf');
    writeFileSync(asterisk, '[default]\n');
    const dpkg = (...args: string[]): string => execFileSync('dpkg', [`--root=${root}`, '--force-script-chrootless', '--force-depends', ...args], { encoding: 'utf8', stdio: 'pipe' }); // prettier-ignore
    assert.match(dpkg('--install', deb), /next: ringfence init/);
    const program = join(root, 'usr/lib/ringfence/dist/cli.js');
    assert.match(execFileSync('node', [program, 'detectors'], { encoding: 'utf8' }), /out-of-hours-calls/);
    for (const name of [
      'usr/bin/ringfence',
      'usr/lib/systemd/system/ringfence.service',
      'usr/share/man/man8/ringfence.8.gz',
      'usr/share/bash-completion/completions/ringfence',
      'etc/logrotate.d/ringfence',
    ])
      // prettier-ignore
      assert.ok(existsSync(join(root, name)), name);
    const unit = readFileSync(join(root, 'usr/lib/systemd/system/ringfence.service'), 'utf8');
    assert.match(unit, /^ExecStart=\/usr\/bin\/node \/usr\/lib\/ringfence\/dist\/cli\.js run /m);
    assert.doesNotMatch(unit, /\/opt\//);
    const [, uid = '', gid = ''] = /^ringfence:[^:]*:(\d+):(\d+):.*:\/var\/lib\/ringfence:\/usr\/sbin\/nologin$/m.exec(readFileSync(join(root, 'etc/passwd'), 'utf8')) ?? []; // prettier-ignore
    const store = join(root, 'var/lib/ringfence');
    assert.deepEqual([statSync(store).uid, statSync(store).mode & 0o777], [Number(uid), 0o700]);
    assert.equal(statSync(join(root, 'etc/ringfence')).gid, Number(gid));
    writeFileSync(
      join(root, 'x.toml'),
      `[store]\npath = "${store}/ringfence.db"\n[asterisk.cdr]\npath = "${root}/Master.csv"\n`,
    );
    writeFileSync(join(root, 'Master.csv'), '');
    execFileSync('node', [program, 'scan', '--config', join(root, 'x.toml')], { stdio: 'pipe' });
    writeFileSync(join(root, 'etc/ringfence/ringfence.toml'), '[site]\n');
    const kept = (): boolean => existsSync(join(store, 'ringfence.db')) && existsSync(join(root, 'etc/ringfence/ringfence.toml')); // prettier-ignore
    // the upgrade to the same version goes through the same scripts
    assert.doesNotMatch(dpkg('--install', deb), /next: ringfence init/);
    assert.ok(kept());
    dpkg('--remove', 'ringfence');
    assert.ok(kept() && !existsSync(program) && existsSync(join(root, 'etc/logrotate.d/ringfence')));
    dpkg('--purge', 'ringfence');
    for (const name of [
      'var/lib/ringfence',
      'etc/ringfence',
      'var/log/ringfence',
      'etc/logrotate.d/ringfence',
      'usr/lib/ringfence',
    ])
      // prettier-ignore
      assert.ok(!existsSync(join(root, name)), name);
    assert.equal(readFileSync(asterisk, 'utf8'), '[default]\n', 'Asterisk is as it was');
    need(this, 'lintian');
    const { stdout } = spawnSync('lintian', ['--no-cfg', '--fail-on', 'error', deb], { encoding: 'utf8' });
    assert.doesNotMatch(stdout, /^E:/m);
  });
});
