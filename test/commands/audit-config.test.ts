import assert from 'node:assert/strict';
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, join, resolve } from 'node:path';
import auditConfig from '../../src/commands/audit-config.ts';
import { CONFIG_RULES, type Finding } from '../../src/commands/audit/finding.ts';
import { END_OF_LIFE, seriesOf } from '../../src/commands/audit/versions.ts';
import { recordingOutput } from '../support/output.ts';
import { freepbxFiles, writeFiles } from '../support/pbx-files.ts';
import { hardenedFiles, PLANTED, riskyFiles, type PbxPlace } from '../support/risky-pbx.ts';
import { selfSigned } from '../support/self-signed.ts';
import { temporaryFolder } from '../support/temporary.ts';

const GUARD = resolve(import.meta.dirname, '../../asterisk-conf/extensions_ringfence.conf');

describe('audit config', () => {
  const folder = temporaryFolder();

  /** A folder with configuration; `open`: everybody may read all of it. */
  function pbx(
    name: string,
    files: (place: PbxPlace) => Record<string, string>,
    open: boolean,
    version = '22.10.1',
  ): string {
    const base = folder.file(name);
    mkdirSync(base);
    const place = { etc: join(base, 'etc'), database: base, host: '127.0.0.1', sipPort: 5060, carrier: 'sip:198.51.100.7', certificate: join(base, 'cert.pem'), key: join(base, 'key.pem') }; // prettier-ignore
    const { cert, key } = selfSigned();
    writeFileSync(place.certificate, cert);
    writeFileSync(place.key, key);
    writeFileSync(join(base, 'astdb.sqlite3'), '');
    writeFileSync(join(base, 'console'), `#!/bin/sh\n[ "$1" = -V ] && echo Asterisk ${version}\n`, { mode: 0o755 });
    const more = name.startsWith('risky') ? '[options]\nlive_dangerously = yes\n' : '';
    const own = { 'asterisk.conf': `[directories]\nastdbdir => ${base}\nastlogdir => ${base}\n${more}` };
    writeFiles(place.etc, { ...own, ...files(place) });
    for (const path of [base, place.etc]) chmodSync(path, 0o755);
    if (!open) for (const path of [...Object.keys(files(place)).map((one) => join(place.etc, one)), place.key, join(base, 'astdb.sqlite3')]) chmodSync(path, 0o640); // prettier-ignore
    return base;
  }

  async function audit(base: string, format: 'text' | 'json' = 'json') {
    const told = recordingOutput(format === 'json');
    const options = { format, quiet: false, etc: join(base, 'etc'), asterisk: join(base, 'console') } as const;
    const status = await auditConfig([], options, told.output);
    return { status, text: told.results.join('\n'), notes: told.notes.join('\n'), findings: told.objects as Finding[] };
  }

  before(() => chmodSync(folder.path, 0o755));

  it('finds everything that is planted, and says where', async () => {
    const base = pbx('risky', riskyFiles, true, '16.28.0~dfsg-0+deb11u4');
    const { status, findings } = await audit(base);
    assert.equal(status, 1);
    const places = findings.map(({ rule, where }) => {
      const [, file = where, line] = /^(.*):(\d+)$/.exec(where) ?? [];
      const text = line === undefined ? '' : (readFileSync(file, 'utf8').split('\n')[Number(line) - 1] ?? '');
      return { rule, file: basename(file), text };
    });
    for (const [rule, file, line] of PLANTED)
      // sip.conf went with Asterisk 21; this is 16
      assert.ok(
        places.some((one) => one.rule === rule && one.file === file && one.text.includes(line)),
        `${rule} in ${file} at "${line}"; told: ${JSON.stringify(places.filter((one) => one.rule === rule))}`,
      );
    const told = new Set(findings.map(({ rule }) => rule));
    assert.deepEqual([...told].sort(), Object.keys(CONFIG_RULES).sort(), 'every rule has something planted for it');
    for (const { fix, what } of findings) assert.ok(fix.length > 10 && what.length > 5);
  });

  it('never shows a secret', async () => {
    const { text: shown, notes } = await audit(folder.file('risky'), 'text');
    const json = JSON.stringify((await audit(folder.file('risky'))).findings);
    for (const secret of [
      'Sommer2026',
      'amp111',
      'password = 1001',
      'password = asterisk',
      '=> 1001,Reception',
      'xcF3',
    ])
      for (const text of [shown, notes, json]) assert.ok(!text.includes(secret), `${secret} in ${text}`);
    assert.match(shown, /now: password = …/);
  });

  it('finds nothing where nothing is wrong', async () => {
    const base = pbx('hardened', (place) => hardenedFiles(place, GUARD), false);
    const { status, findings } = await audit(base);
    assert.deepEqual(findings, []);
    assert.equal(status, 0);
  });

  it('sends people to FreePBX’s pages for the files that it writes', async () => {
    const base = pbx('freepbx', () => ({ ...freepbxFiles('/nowhere'), 'pjsip.endpoint.conf': '[301]\ntype=endpoint\naors=301\ncontext=from-internal\n' }), false); // prettier-ignore
    const { findings } = await audit(base);
    const found = findings.find(({ rule }) => rule === 'no-authentication');
    assert.match(found?.where ?? '', /pjsip\.endpoint\.conf:1$/);
    assert.match(found?.fix ?? '', /^in FreePBX's own pages/);
  });

  it('has no opinion on a folder that is not there', async () => {
    await assert.rejects(audit(folder.file('nothing')), { code: 'input-missing' });
  });

  it('docs/audit.md has every rule', () => {
    const page = readFileSync(resolve(import.meta.dirname, '../../docs/audit.md'), 'utf8');
    for (const [rule, [severity, why]] of Object.entries(CONFIG_RULES))
      assert.ok(page.includes(`| \`${rule}\` | ${severity} | ${why} |`), rule);
  });

  it('knows when versions end', () => {
    const cases = { '16.28.0~dfsg-0+deb11u4': '16', '22.10.1': '22', '1.8.32.3': '1.8', 'certified/18.9-cert4': '18', '13.38.3': '13', 'Asterisk certified/20.7-cert2': '20' }; // prettier-ignore
    for (const [version, series] of Object.entries(cases)) assert.equal(seriesOf(version), series, version);
    for (const ends of Object.values(END_OF_LIFE)) assert.ok(Number.isFinite(Date.parse(ends)));
  });
});
