import assert from 'node:assert/strict';
import { chmodSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import type { Finding } from '../../src/commands/audit/finding.ts';
import { jsonLines, ringfence } from '../support/cli.ts';
import { writeFiles } from '../support/pbx-files.ts';
import { hardenedFiles, PLANTED, riskyFiles, type PbxPlace } from '../support/risky-pbx.ts';
import { selfSigned } from '../support/self-signed.ts';
import { useLab } from './support/lab.ts';
import { writeSettings } from './support/settings.ts';

const GUARD = resolve(import.meta.dirname, '../../asterisk-conf/extensions_ringfence.conf');

/** What is opened to other machines in the files alone: the lab's Asterisk itself stays on loopback. */
const WIDE = ['pjsip.conf', 'manager.conf', 'http.conf'];

describe('lab: audit config', function () {
  this.timeout(60_000);
  const lab = useLab(() => ({ trunk: 'own' }));
  let place: PbxPlace;
  let own: ReadonlyMap<string, string>;

  before(() => {
    const { etc, host, sipPort } = lab().asterisk;
    const database = join(dirname(etc), 'varlib');
    place = { etc, database, host, sipPort, carrier: `sip:${lab().trunk.host}:${lab().trunk.port}`, certificate: join(database, 'cert.pem'), key: join(database, 'key.pem') }; // prettier-ignore
    const { cert, key } = selfSigned();
    writeFileSync(place.certificate, cert);
    writeFileSync(place.key, key);
    own = new Map(['asterisk.conf', 'manager.conf'].map((name) => [name, readFileSync(join(etc, name), 'utf8')]));
  });

  /** Asterisk with these files; then the audit of them, with the running one asked. */
  async function audit(files: Record<string, string>, wide: boolean): Promise<{ status: number; findings: Finding[] }> {
    await lab().asterisk.stop();
    const narrow = Object.entries(files).map(([name, text]) => [name, wide ? text.replaceAll(/(bind(?:addr)?) = 0\.0\.0\.0/g, '$1 = 127.0.0.1') : text]); // prettier-ignore
    writeFiles(place.etc, Object.fromEntries(narrow) as Record<string, string>);
    await lab().asterisk.boot();
    if (wide) for (const name of WIDE) writeFileSync(join(place.etc, name), files[name] ?? '');
    return await look();
  }

  async function look(): Promise<{ status: number; findings: Finding[] }> {
    const args = ['audit', 'config', '--etc', place.etc, '--asterisk', '/bin/false', '--config', writeSettings(lab())];
    const ran = await ringfence([...args, '--format', 'json']);
    assert.ok(!ran.stderr.includes('was not asked'), ran.stderr);
    return { status: ran.status, findings: jsonLines<Finding>(ran.stdout) };
  }

  /** The lab's manager accounts as they are, the audit's beside them. */
  const manager = (more: string): string => `${own.get('manager.conf') ?? ''}\n${more}`;

  it('finds every setting that was planted', async () => {
    for (let folder = place.etc; folder !== dirname(folder); folder = dirname(folder))
      if (folder.includes('ringfence')) chmodSync(folder, 0o755);
    chmodSync(place.database, 0o755);
    const risky = riskyFiles(place);
    const admin = '[admin]\nsecret = amp111\nread = all\nwrite = all\n';
    const files = {
      ...risky,
      'asterisk.conf': `${own.get('asterisk.conf') ?? ''}live_dangerously = yes\n`,
      'manager.conf': manager(admin).replace(/webenabled = no\nbindaddr = .*/, 'webenabled = yes\nbindaddr = 0.0.0.0'),
    };
    const { status, findings } = await audit(files, true);
    assert.equal(status, 1);
    const places = findings.map(({ rule, where }) => {
      const [, file = where, line] = /^(.*):(\d+)$/.exec(where) ?? [];
      return { rule, file: basename(file), text: line === undefined ? '' : (readFileSync(file, 'utf8').split('\n')[Number(line) - 1] ?? '') }; // prettier-ignore
    });
    // chan_sip is not in this Asterisk, and the running one says so: what stands in sip.conf does no harm
    for (const [rule, file, line] of PLANTED.filter(([, name]) => name !== 'sip.conf'))
      assert.ok(
        places.some((one) => one.rule === rule && one.file === file && one.text.includes(line)),
        `${rule} in ${file} at "${line}"; told: ${JSON.stringify(places.filter((one) => one.rule === rule))}`,
      );
    assert.deepEqual(places.filter(({ file }) => file === 'sip.conf' && !file.includes('readable')).map(({ rule }) => rule).filter((rule) => rule !== 'secrets-readable'), []); // prettier-ignore
    for (const rule of ['secrets-readable', 'key-readable', 'database-readable'])
      assert.ok(
        places.some((one) => one.rule === rule),
        rule,
      );
  });

  it('is right: a stranger without a password does call abroad there', async () => {
    const stranger = await lab().stranger(1);
    const call = stranger.dial('0037125550000');
    assert.equal(await call.settled, 200);
    await call.hangUp();
    assert.ok(
      lab()
        .trunk.calls()
        .some(({ number }) => number.includes('037125550000')),
    );
  });

  it('finds nothing on a hardened one', async () => {
    const bare = Object.fromEntries(['sip.conf', 'iax.conf', 'http.conf', 'ari.conf', 'pjsip_more.conf'].map((name) => [name, ''])); // prettier-ignore
    const files: Record<string, string> = {
      ...bare,
      ...hardenedFiles(place, GUARD),
      'asterisk.conf': own.get('asterisk.conf') ?? '',
      'manager.conf': manager('').replace('system,call,reporting,command,originate,config', 'system,call,reporting'),
    };
    chmodSync(place.key, 0o600);
    await lab().asterisk.stop();
    for (const name of Object.keys(files)) writeFileSync(join(place.etc, name), '', { mode: 0o640 });
    for (const name of Object.keys(files)) chmodSync(join(place.etc, name), 0o640);
    const { findings } = await audit({ ...files, 'pjsip.conf': files['pjsip.conf']?.replace('bind = 0.0.0.0', 'bind = 127.0.0.1') ?? '' }, false); // prettier-ignore
    chmodSync(join(place.database, 'astdb.sqlite3'), 0o640);
    chmodSync(join(place.etc, 'hep.conf'), 0o640);
    assert.deepEqual(
      findings.filter(({ rule }) => rule !== 'database-readable' && rule !== 'end-of-life'),
      [],
    );
    const { status, findings: rest } = await look();
    assert.deepEqual(
      rest.filter(({ rule }) => rule !== 'end-of-life'),
      [],
    );
    assert.equal(status, rest.length === 0 ? 0 : 1);
  });

  it('sees what only the running Asterisk has', async () => {
    const backdoor = { context: 'from-internal', disallow: 'all', allow: 'ulaw' };
    await lab().asterisk.ami.action('DBPut', { Family: 'ringfence/endpoint', Key: 'backdoor', Val: JSON.stringify(backdoor) }); // prettier-ignore
    const { findings } = await look();
    const found = findings.filter(({ where }) => where.includes('backdoor'));
    assert.deepEqual(
      found.map(({ rule }) => rule),
      ['no-authentication'],
    );
    assert.ok(findings.some(({ rule, what }) => rule === 'strangers-reach-trunk' && what.includes('backdoor')));
  });
});
