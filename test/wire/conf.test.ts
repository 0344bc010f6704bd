import assert from 'node:assert/strict';
import { assembleConf, confValue, confValues, isYes, parseConf, type ConfItem } from '../../src/wire/conf.ts';
import { mutated, randomFrom } from '../fuzz/mutations.ts';
import { cpuTime } from '../support/cpu-time.ts';

const itemsOf = (text: string): readonly ConfItem[] => {
  const read = parseConf(text);
  assert.ok(read.ok, read.ok ? '' : read.reason);
  return read.value;
};

/** An item in one short line. */
const shown = (item: ConfItem): string => {
  if (item.kind === 'setting') return `${item.line} ${item.name} ${item.operator} ${item.value}`;
  if (item.kind === 'odd') return `${item.line} odd: ${item.reason}`;
  if (item.kind !== 'section') return `${item.line} ${item.kind} ${item.argument}`;
  const options = [
    ...(item.template ? ['!'] : []),
    ...(item.adds ? [`+${item.filter}`] : []),
    ...item.inherits.map((name) => `<${name}`),
  ];
  return `${item.line} [${item.name}]${options.join(' ')}`;
};

describe('conf: reading', () => {
  const CASES: [string, string, string[]][] = [
    ['nothing', '', []],
    ['a section and a setting', '[general]\nenabled = yes\n', ['1 [general]', '2 enabled = yes']],
    ['an object', '[a]\nexten => 100,1,Dial(PJSIP/100)', ['1 [a]', '2 exten => 100,1,Dial(PJSIP/100)']],
    ['no blanks', '[a]\nx=y\nx=>y\nx+=y', ['1 [a]', '2 x = y', '3 x => y', '4 x += y']],
    ['blanks everywhere', '  [a]  \r\n\t x \t=\t y z \r\n', ['1 [a]', '2 x = y z']],
    ['an empty value', '[a]\nx =', ['1 [a]', '2 x = ']],
    ['a value with = in it', '[a]\nx = a=b=>c', ['1 [a]', '2 x = a=b=>c']],
    ['a byte order mark', '\ufeff[a]', ['1 [a]']],
    ['comments', '; one\n[a] ; two\nx = y ; three\n;', ['2 [a]', '3 x = y']],
    ['an escaped semicolon', '[a]\nx = a\\;b\\;c ; d', ['1 [a]', '2 x = a;b;c']],
    ['a comment over lines', '[a]\n;-- x = 1\ny = 2\n--; z = 3\n', ['1 [a]', '4 z = 3']],
    ['one within a line', '[a]\nx = 1 ;-- no --; 2', ['1 [a]', '2 x = 1  2']],
    ['nested ones', '[a]\n;-- ;-- x\n--;\ny = 1\n--;\nz = 2', ['1 [a]', '6 z = 2']],
    ['a line of hyphens is an ordinary comment', '[a]\n;------\nx = 1', ['1 [a]', '3 x = 1']],
    ['a comment that never ends', '[a]\n;-- x\ny = 1', ['1 [a]', '3 odd: a comment ;-- that never ends']],
    ['a comment that never began', '[a]\nx --; y', ['1 [a]', '2 odd: a --; without its ;--, or too many ;--']],
    ['a template', '[a](!)\n[b](a)\n[c](!,a,b)', ['1 [a]!', '2 [b]<a', '3 [c]! <a <b']],
    ['an addition', '[a](+)\n[b](+type=endpoint)', ['1 [a]+', '2 [b]+type=endpoint']],
    ['options count directly behind the bracket only', '[a] (!)', ['1 [a]']],
    ['a section without a name', '[]', ['1 []']],
    ['inclusions', '#include "a.conf"\n#include <b.conf>\n#tryinclude c.conf ; if it is there', ['1 include a.conf', '2 include b.conf', '3 tryinclude c.conf']], // prettier-ignore
    ['a program is told and not run', '#exec "/bin/true"', ['1 exec /bin/true']],
    ['odd directives', '#inclued x\n#include\n#', ['1 odd: #inclued is no directive', '2 odd: #include names no file', '3 odd: # is no directive']], // prettier-ignore
    ['a line without =', '[a]\nenabled', ['1 [a]', "2 odd: a line without '='"]],
    ['a name that begins with a bracket', '[a]\n\\[x = 1\n\\#y = 2', ['1 [a]', '2 [x = 1', '3 #y = 2']],
    ['a NUL', '[a]\nx = \0', ['1 [a]', '2 odd: a NUL character']],
    ['a long line', `[a]\nx = ${'y'.repeat(9000)}\nz = 1`, ['1 [a]', '2 odd: a line of more than 8,190 characters', '3 z = 1']], // prettier-ignore
  ];
  for (const [sentence, text, expected] of CASES)
    it(sentence, () => assert.deepEqual(itemsOf(text).map(shown), expected));

  const REFUSED: [string, string, RegExp, number][] = [
    ['a bracket that is not closed', '; x\n[a', /^line 2: a \[ without its \]/, 4],
    ['options that are not closed', '[a](!', /^line 1: a \( without its \)/, 0],
    ['a backslash alone', '[a]\n\\', /^line 2: a backslash before nothing/, 4],
    ['what no person wrote', 'x'.repeat(17 * 1024 * 1024), /more than 16 MiB/, 0],
  ];
  for (const [sentence, text, reason, offset] of REFUSED)
    it(`refuses ${sentence}`, () => {
      const read = parseConf(text);
      assert.ok(!read.ok);
      assert.match(read.reason, reason);
      assert.equal(read.offset, offset);
    });
});

describe('conf: putting together', () => {
  const sectionsOf = (text: string): string[] => {
    const read = assembleConf(itemsOf(text));
    assert.ok(read.ok, read.ok ? '' : read.reason);
    return read.value.map(
      ({ name, template, settings }) =>
        `[${name}]${template ? '!' : ''} ${settings.map((one) => `${one.name}=${one.value}`).join(' ')}`,
    );
  };
  const CASES: [string, string, string[]][] = [
    ['a template first, then the section’s own', '[t](!)\na=1\nb=2\n[s](t)\nb=3', ['[t]! a=1 b=2', '[s] a=1 b=2 b=3']],
    ['templates of templates', '[t](!)\na=1\n[u](!,t)\nb=2\n[s](u)\nc=3', ['[t]! a=1', '[u]! a=1 b=2', '[s] a=1 b=2 c=3']], // prettier-ignore
    ['an addition to the last of that name', '[s]\na=1\n[s]\nb=2\n[s](+)\nc=3', ['[s] a=1', '[s] b=2 c=3']],
    ['an addition by what the section has', '[s]\ntype=a\n[s]\ntype=b\n[s](+type=a)\nc=3', ['[s] type=a c=3', '[s] type=b']], // prettier-ignore
    ['names in any case', '[Tmpl](!)\na=1\n[s](tmpl)', ['[Tmpl]! a=1', '[s] a=1']],
    ['a value that is added to', '[s]\na=1\nb=2\na+=3', ['[s] a=13 b=2']],
    ['nothing to add to', '[s]\na+=3', ['[s] a=3']],
    ['inclusions and odd lines are passed over', '#include "x"\n[s]\nodd\na=1', ['[s] a=1']],
    ['a section that inherits from an earlier one of its own name', '[s](!)\na=1\n[s](s)\nb=2', ['[s]! a=1', '[s] a=1 b=2']], // prettier-ignore
  ];
  for (const [sentence, text, expected] of CASES) it(sentence, () => assert.deepEqual(sectionsOf(text), expected));

  const REFUSED: [string, string, RegExp][] = [
    ['a setting before any section', 'a=1', /^line 1: a setting before any/],
    ['an addition to nothing', '[a](+)', /no section \[a\] to add to/],
    ['a template that is not there', '[a](b)\n[b](!)', /no template \[b\]/],
  ];
  for (const [sentence, text, reason] of REFUSED)
    it(`refuses ${sentence}`, () => {
      const read = assembleConf(itemsOf(text));
      assert.ok(!read.ok);
      assert.match(read.reason, reason);
    });

  it('refuses templates that double and double', () => {
    const lines = ['[t0](!)', 'a=1'];
    for (let n = 1; n < 40; n++) lines.push(`[t${n}](!,t${n - 1},t${n - 1})`);
    const read = assembleConf(itemsOf(lines.join('\n')));
    assert.ok(!read.ok && read.reason.includes('a million'));
  });

  it('answers for one setting: the last value, or all', () => {
    const read = assembleConf(itemsOf('[s]\nA=1\na=2\nb=yes'));
    assert.ok(read.ok);
    const [section] = read.value;
    assert.equal(confValue(section, 'a'), '2');
    assert.deepEqual(confValues(section, 'a'), ['1', '2']);
    assert.equal(confValue(section, 'c'), null);
    assert.equal(confValue(undefined, 'a'), null);
    assert.deepEqual(['yes', 'On', '1', 'no', '', 'maybe'].map(isYes), [true, true, true, false, false, false]);
    assert.equal(isYes(null), false);
  });
});

describe('conf: hostile text', () => {
  it('20,000 mutated files: nothing throws, lines stay within the file, every setting is known', () => {
    const corpus = [
      '[a](!)\nx = 1 ; one\n[b](a,c)(+)\n;-- no\n--; y => 2\n#include "z.conf"\nz += \\;3\n[c](+type=x&y=z)\n',
      'exten => _0[1-9]X.,1,Gosub(x,s,1(${EXTEN}))\n same => n,Dial(PJSIP/${EXTEN}@trunk,60)\n',
      '\ufeff#exec /bin/true\n\\[x=\n;---\n;--;--\n--;',
    ].map((text) => Buffer.from(text));
    const random = randomFrom(20261123);
    let settings = 0;
    for (let run = 0; run < 20_000; run++) {
      const text = mutated(corpus, random).toString(run % 2 === 0 ? 'utf8' : 'latin1');
      const lines = text.split('\n').length;
      const read = parseConf(text);
      if (!read.ok) {
        assert.ok(read.reason !== '' && read.offset >= 0 && read.offset <= text.length);
        continue;
      }
      for (const item of read.value) {
        assert.ok(item.line >= 1 && item.line <= lines);
        if (item.kind === 'setting') settings++;
      }
      const sections = assembleConf([{ kind: 'section', name: 'a', template: false, adds: false, filter: '', inherits: [], file: '', line: 0 }, ...read.value]); // prettier-ignore
      if (sections.ok) assert.ok(sections.value.length > 0);
    }
    assert.ok(settings > 10_000, `${settings} settings were read`);
  });

  it('a megabyte of the worst takes no longer than one of the best', () => {
    const took = (text: string): number => {
      const began = cpuTime();
      const read = parseConf(text);
      if (read.ok) assembleConf(read.value);
      return cpuTime() - began;
    };
    const MB = 1_000_000;
    for (const piece of [';--', '--;', '\\;', ';', '[', '[a](', '[a]\n', 'a=b\n', '[a]\n[a](+)\n', '#include x\n'])
      assert.ok(took(`[a]\n${piece.repeat(MB / piece.length)}`) < 3_000, JSON.stringify(piece));
  });
});
