import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { spawnSync } from 'node:child_process';
import { loadConf } from '../../../src/commands/setup/conf-files.ts';
import { unifiedDiff } from '../../../src/commands/setup/diff.ts';
import { includeEdit, inserted, isSorceryMapped, sorceryEdit, takenOut } from '../../../src/commands/setup/edits.ts';
import { randomFrom } from '../../fuzz/mutations.ts';
import { temporaryFolder } from '../../support/temporary.ts';
import { writeFiles } from '../../support/pbx-files.ts';

const SNIPPET = 'ringfence/sorcery_ringfence.conf';

describe('setup: edits of people’s files', () => {
  const folder = temporaryFolder();
  const load = (text: string, more: Record<string, string> = {}): NonNullable<ReturnType<typeof loadConf>> => {
    writeFiles(folder.path, { 'sorcery.conf': text, ...more });
    const conf = loadConf(folder.file('sorcery.conf'), folder.path);
    assert.ok(conf);
    return conf;
  };
  /** The file afterwards, or why it is left alone. */
  const outcome = (text: string, more?: Record<string, string>): string => {
    const conf = load(text, more);
    const edit = sorceryEdit(conf, SNIPPET);
    if (edit.kind === 'none') return 'nothing to do';
    if (edit.kind === 'refused') return `refused: ${edit.why.replaceAll(`${folder.path}/`, '')}`;
    const after = inserted(conf.text, edit.insertions);
    assert.equal(takenOut(after), conf.text.replace(/[^\n]$/, '$&\n'), 'what was put in can be taken out again');
    return after.replaceAll(/ ?; ringfence: by.*$/gm, ' ;r').replaceAll(/^; ringfence .*$/gm, ';r');
  };

  const OURS = 'auth = astdb,ringfence\nauth = config,pjsip.conf,criteria=type=auth\n';
  const ACL = '[acl]\nacl = astdb,ringfence\nacl = config,pjsip.conf,criteria=type=acl\n';
  const CASES: [string, string, string][] = [
    ['an empty file', '', `;r\n#include "${SNIPPET}"\n;r\n`],
    ['other sections', '[general]\n', `[general]\n;r\n#include "${SNIPPET}"\n;r\n`],
    ['no line end at the end', '[general]', `[general]\n;r\n#include "${SNIPPET}"\n;r\n`],
    ['all of it there', `[res_pjsip]\n${OURS}${ACL}`, 'nothing to do'],
    [
      'realtime: before the first line of its kind, which stays',
      '[res_pjsip]\nendpoint = realtime,ps_endpoints\nauth = realtime,ps_auths\naor = realtime,ps_aors\n',
      `[res_pjsip]\nendpoint = realtime,ps_endpoints\nauth = astdb,ringfence ;r\nauth = realtime,ps_auths\naor = realtime,ps_aors\n;r\n${ACL};r\n`,
    ],
    [
      'a section without our kind: Asterisk’s own place has to be named too',
      '[res_pjsip]\nendpoint = realtime,ps_endpoints\n[acl]\nacl = config,acl.conf\n',
      '[res_pjsip]\nauth = astdb,ringfence ;r\nauth = config,pjsip.conf,criteria=type=auth ;r\nendpoint = realtime,ps_endpoints\n[acl]\nacl = astdb,ringfence ;r\nacl = config,acl.conf\n',
    ],
    ['one of two', `[res_pjsip]\n${OURS}`, `[res_pjsip]\n${OURS};r\n${ACL};r\n`],
    ['a cache', '[res_pjsip]\nauth/cache = memory_cache\nauth = realtime,ps_auths\n', 'refused: auth is cached there (auth/cache): a new secret would only count when the cache ends'], // prettier-ignore
    ['ours behind another', '[res_pjsip]\nauth = realtime,x\nauth = astdb,ringfence\n', 'refused: auth = astdb,ringfence stands behind another line of its kind: put it before'], // prettier-ignore
    ['a section twice', '[acl]\n[acl]\n', 'refused: [acl] stands in several places, in another file, or is made of templates'], // prettier-ignore
    ['a template', '[t](!)\na=b\n[acl](t)\n', 'refused: [acl] stands in several places, in another file, or is made of templates'], // prettier-ignore
    [
      'a program',
      '#exec /bin/true\n[acl]\nx = y\n',
      'refused: sorcery.conf has an #exec, whose output cannot be known',
    ],
    ['other line ends', '[general]\r\n', 'refused: sorcery.conf has line ends of another system (CR LF)'],
    ['a missing inclusion', '#include "gone.conf"\n', 'refused: sorcery.conf:1: gone.conf is not there'],
  ];
  for (const [sentence, text, expected] of CASES)
    it(`sorcery.conf: ${sentence}`, () => assert.equal(outcome(text), expected));

  it('sorcery.conf: sections in an included file are left to people', () => {
    assert.match(outcome('#include "more.conf"\n', { 'more.conf': '[acl]\nacl = config,acl.conf\n' }), /^refused: .*in another file/); // prettier-ignore
  });

  it('an inclusion that is there is not put in twice, whoever put it in', () => {
    for (const line of ['#include "ringfence/x.conf"', '#tryinclude /etc/asterisk/ringfence/x.conf', '#include <ringfence/x.conf> ; mine']) // prettier-ignore
      assert.equal(includeEdit(load(`${line}\n`, { 'ringfence/x.conf': '' }), 'ringfence/x.conf').kind, line.startsWith('#try') ? 'none' : 'none'); // prettier-ignore
    assert.equal(includeEdit(load('; #include "ringfence/x.conf"\n'), 'ringfence/x.conf').kind, 'insert');
  });

  it('a mark whose end somebody has deleted: nothing is taken', () => {
    const after = inserted('[a]\n', [{ at: 2, lines: ['; ringfence begins (put in by ringfence init --install, taken out by ringfence uninstall)', '#include "x"'] }]); // prettier-ignore
    assert.equal(takenOut(`${after}[mine]\n`), `${after}[mine]\n`);
  });

  it('an included mapping counts', () => {
    assert.ok(isSorceryMapped(load('#include "more.conf"\n', { 'more.conf': `[res_pjsip]\n${OURS}${ACL}` })));
    assert.ok(!isSorceryMapped(load('[res_pjsip]\n')));
    assert.ok(!isSorceryMapped(null));
  });
});

describe('setup: unified diffs', () => {
  const folder = temporaryFolder();

  it('of the same texts is nothing, of a new file all of it', () => {
    assert.equal(unifiedDiff('f', 'a\n', 'a\n'), '');
    assert.equal(unifiedDiff('f', null, 'a\nb\n'), '--- /dev/null\n+++ f\n@@ -0,0 +1,2 @@\n+a\n+b\n');
  });

  it('patch(1) makes the one text of the other', function () {
    if (spawnSync('patch', ['--version']).error !== undefined) {
      console.log('      skipped: there is no patch(1)');
      this.skip();
    }
    const random = randomFrom(7);
    for (let round = 0; round < 60; round++) {
      const line = (): string => `line ${random(6)}`;
      const before = Array.from({ length: random(40) }, line);
      const after = before.flatMap((text) => (random(6) === 0 ? [] : random(8) === 0 ? [text, line()] : [text]));
      const text = (lines: readonly string[]): string => (lines.length === 0 ? '' : `${lines.join('\n')}\n`);
      const diff = unifiedDiff('f', text(before), text(after));
      if (diff === '') continue;
      writeFileSync(folder.file('f'), text(before));
      const run = spawnSync('patch', ['-s', '-E', '-o', '-', folder.file('f')], { input: diff, encoding: 'utf8' });
      assert.equal(run.status, 0, `${run.stderr}\n${diff}`);
      assert.equal(run.stdout, text(after), diff);
    }
  });
});
