import assert from 'node:assert/strict';
import fc from 'fast-check';
import { shellWord, visible } from '../../src/words/index.ts';

const TABLE: [string, string, string][] = [
  ['plain text stays', 'friendly-scanner/1.8 (üöß 電話)', 'friendly-scanner/1.8 (üöß 電話)'],
  ['a backslash stays', 'a\\x1bb', 'a\\x1bb'],
  ['terminal escapes', '\x1b[2J\x1b]0;title\x07', '\\x1b[2J\\x1b]0;title\\x07'],
  ['C1 escapes', 'a\x9b31mb', 'a\\x9b31mb'],
  ['line ends', 'a\r\nFake: line\n', 'a\\x0d\\x0aFake: line\\x0a'],
  ['NUL, tab, DEL', '\0\t\x7f', '\\x00\\x09\\x7f'],
  ['bidirectional overrides', 'call \u202e4001\u202c', 'call \\u{202e}4001\\u{202c}'],
  ['bidirectional isolates and marks', '\u2066\u2069\u200e\u061c', '\\u{2066}\\u{2069}\\u{200e}\\u{61c}'],
  ['zero width', '10\u200b04\ufeff', '10\\u{200b}04\\u{feff}'],
  ['soft hyphen', 'a\u00adb', 'a\\xadb'],
  ['line and paragraph separators', 'a\u2028b\u2029', 'a\\u{2028}b\\u{2029}'],
  ['tags that spell hidden text', '\u{e0041}', '\\u{e0041}'],
  ['private use', '\ue000', '\\u{e000}'],
  ['half a surrogate pair', 'a\ud800b', 'a\\u{d800}b'],
  ['a whole one stays', '\u{1f600}', '\u{1f600}'],
  ['marks stacked on a letter', `e${'\u0301'.repeat(50)}`, `e${'\u0301'.repeat(4)}`],
];

describe('text from the network, made visible', () => {
  for (const [sentence, text, expected] of TABLE)
    it(sentence, () => {
      assert.equal(visible(text), expected);
    });

  it('cuts at a number of characters, never within one', () => {
    assert.equal(visible('abcdef', 6), 'abcdef');
    assert.equal(visible('abcdefg', 6), 'abcde…');
    assert.equal(visible('\u{1f600}'.repeat(9), 3), '\u{1f600}\u{1f600}…');
  });

  it('whatever comes: nothing invisible is left, what it made it leaves alone, it ends in time', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 300 }), (text) => {
        const shown = visible(text, 100);
        assert.doesNotMatch(shown, /[\p{C}\p{Zl}\p{Zp}]/u);
        assert.ok(Array.from(shown).length <= 100);
        assert.equal(visible(shown, 100), shown);
      }),
      { numRuns: 2000 },
    );
    const started = performance.now();
    visible(`${'\u0301'.repeat(500_000)}\x1b`.repeat(4));
    assert.ok(performance.now() - started < 100);
  });

  const WORDS: [string, string | null][] = [
    ['1004', '1004'],
    ['alice@pbx.example', 'alice@pbx.example'],
    ['2001:db8::1', '2001:db8::1'],
    ['+37120000001', '+37120000001'],
    ['', null],
    ['-rf', null],
    ['a b', null],
    ['$(reboot)', null],
    ['a;b', null],
    ['a\nb', null],
    ["a'b", null],
    ['~root', null],
    ['ä', null],
    ['x'.repeat(200), null],
  ];
  for (const [value, expected] of WORDS)
    it(`${JSON.stringify(value.slice(0, 20))} ${expected === null ? 'is never put into a command' : 'may be'}`, () => {
      assert.equal(shellWord(value), expected);
    });
});
