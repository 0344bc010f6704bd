import assert from 'node:assert/strict';
import { chmodSync, existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { SAMPLE } from '../support/sample-settings.ts';
import { jsonLines, readText, ringfence } from '../support/cli.ts';
import { temporaryFolder } from '../support/temporary.ts';

describe('ringfence config', function () {
  this.timeout(30_000);
  const folder = temporaryFolder();
  const write = (text: string, name = 'x.toml'): string => {
    writeFileSync(folder.file(name), text);
    return folder.file(name);
  };
  const secrets = (mode = 0o600): void => {
    for (const name of ['ami.secret', 'hep.password']) {
      writeFileSync(folder.file(name), 's3cr3t\n');
      chmodSync(folder.file(name), mode);
    }
    writeFileSync(folder.file('tariff.csv'), '371,0.25\n');
  };

  it('check: the settings of docs/contracts.md are right, with the files that they name', async () => {
    secrets();
    const { status, stdout, stderr } = await ringfence(['config', 'check', write(SAMPLE)]);
    assert.equal(status, 0, stdout);
    assert.equal(stdout, `${folder.file('x.toml')}: the settings are right\n`);
    assert.equal(stderr, '', 'nothing in it rests any more');
    assert.equal((await ringfence(['config', 'check', '--config', folder.file('x.toml'), '--quiet'])).stderr, '');
  });

  it('check: 1 and every problem in one message; files, secrets and the tariff among them', async () => {
    secrets(0o644);
    writeFileSync(folder.file('tariff.csv'), 'Latvia\n');
    const text = SAMPLE.replace('["udp:127.0.0.1:9060"]', '["tls:127.0.0.1:9060", "udp:localhost:9060"]');
    const { status, stdout } = await ringfence(['config', 'check', write(text), '--quiet']);
    assert.equal(status, 1);
    assert.match(stdout, /x\.toml: 5 problems\n/);
    for (const part of [
      /asterisk\.ami\.secret_file: .*chmod 640/,
      /hep\.password_file: .*chmod 640/,
      /hep\.listen\.0: .*needs a certificate and a key/,
      /hep\.listen\.1: "udp:localhost:9060" is no address/,
      /tariff/,
    ])
      assert.match(stdout, part);
  });

  it('check: problems as JSON', async () => {
    const file = write('[site]\ncuntry = "DE"\ntimezone = "Mars/Base"\n');
    const { status, stdout } = await ringfence(['config', 'check', file, '--format', 'json']);
    assert.equal(status, 1);
    const [told] = jsonLines<{ ok: boolean; problems: { path: string; message: string }[] }>(stdout);
    assert.equal(told?.ok, false);
    assert.deepEqual(told.problems.map((p) => p.path).sort(), ['site.cuntry', 'site.timezone']);
    const right = await ringfence(['config', 'check', write(''), '--format', 'json']);
    assert.deepEqual(jsonLines<unknown>(right.stdout), [{ ok: true, file: folder.file('x.toml') }]);
  });

  it('check: a file that is not there is 2', async () => {
    const { status, stderr } = await ringfence(['config', 'check', folder.file('none.toml')]);
    assert.equal(status, 2);
    assert.match(stderr, /no such file/);
  });

  it('wrong settings are 2 for every other command', async () => {
    const file = write('[site]\ncountry = "XX"\n');
    for (const args of [['scan'], ['run'], ['alerts'], ['number', '1'], ['detectors'], ['config', 'print']]) {
      const { status, stdout, stderr } = await ringfence([...args, '--config', file]);
      assert.deepEqual([status, stdout], [2, ''], args.join(' '));
      assert.match(stderr, /x\.toml: 1 problem\n {2}site\.country: no such country/);
    }
  });

  it('print: what it prints loads as the same settings', async () => {
    const first = await ringfence(['config', 'print', '--config', write(SAMPLE), '--quiet']);
    assert.equal(first.status, 0, first.stderr);
    const again = await ringfence(['config', 'print', '--config', write(first.stdout), '--quiet']);
    assert.equal(again.stdout, first.stdout);
    const json = await ringfence(['config', 'print', '--config', write(first.stdout), '--format', 'json', '--quiet']);
    const [settings] = jsonLines<{
      accounts: unknown;
      groups: unknown;
      store: { anonymise: boolean };
      notify: { mail: { to: string[] }; webhook: unknown[]; syslog: object };
    }>(json.stdout);
    assert.deepEqual(Object.keys(settings?.accounts ?? {}), ['2001']);
    assert.deepEqual(Object.keys(settings?.groups ?? {}), ['night']);
    assert.ok(settings !== undefined);
    assert.equal(settings.store.anonymise, true);
    assert.deepEqual(settings.notify.mail.to, ['admin@example.net']);
    assert.equal(settings.notify.webhook.length, 1);
  });

  const alone = !existsSync('/etc/ringfence/ringfence.toml');
  it('without a file: the defaults with the zone and country of the machine, said on stderr', async function () {
    if (!alone) this.skip();
    const { status, stdout, stderr } = await ringfence(['config', 'print'], { cwd: folder.path });
    assert.equal(status, 0);
    assert.match(
      stderr,
      /no settings file \(\/etc\/ringfence\/ringfence\.toml, \.\/ringfence\.toml\).*time zone Europe\/Berlin, country DE/,
    );
    assert.match(stdout, /\ntimezone = "Europe\/Berlin"\n/);
    const zone = await ringfence(['config', 'print'], { cwd: folder.path, env: { TZ: 'America/Chicago', LANG: 'C' } });
    assert.match(zone.stdout, /\ncountry = "US"\n/);
  });

  it('print > ringfence.toml gives the zone and country of the machine, though the shell has made the file by then', async function () {
    if (!alone) this.skip();
    const file = write('', 'ringfence.toml');
    const { stdout, status } = await ringfence(['config', 'print'], { cwd: folder.path });
    assert.equal(status, 0);
    assert.match(stdout, /\ntimezone = "Europe\/Berlin"\n/);
    writeFileSync(file, stdout);
    const check = await ringfence(['config', 'check'], { cwd: folder.path });
    assert.equal(check.stdout, `${join(folder.path, 'ringfence.toml')}: the settings are right\n`);
    assert.equal(readText(file), stdout);
  });
});
