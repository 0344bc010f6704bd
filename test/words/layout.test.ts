import assert from 'node:assert/strict';
import fc from 'fast-check';
import { fit, width, wrap } from '../../src/words/index.ts';

describe('layout', () => {
  const WIDTHS: [string, number][] = [
    ['', 0],
    ['abc', 3],
    ['äöü', 3],
    ['a\u0301', 1],
    ['電話', 4],
    ['\u{1f600}', 2],
  ];
  for (const [text, columns] of WIDTHS)
    it(`${JSON.stringify(text)} takes ${columns} columns`, () => {
      assert.equal(width(text), columns);
    });

  const FITS: [string, number, string][] = [
    ['abc', 5, 'abc  '],
    ['abcde', 5, 'abcde'],
    ['abcdef', 5, 'abcd…'],
    ['電話番号', 6, '電話… '],
  ];
  for (const [text, columns, expected] of FITS)
    it(`${text} in ${columns} is "${expected}"`, () => {
      assert.equal(fit(text, columns), expected);
    });

  const WRAPS: [string, number, string[]][] = [
    ['', 10, ['']],
    ['one two three', 7, ['one two', 'three']],
    ['one two three', 3, ['one', 'two', 'thr', 'ee']],
    ['a abcdefgh b', 4, ['a', 'abcd', 'efgh', 'b']],
    ['電話 電話', 5, ['電話', '電話']],
  ];
  for (const [text, columns, expected] of WRAPS)
    it(`"${text}" in lines of ${columns}`, () => {
      assert.deepEqual(wrap(text, columns), expected);
    });

  it('no line is wider, and nothing but blanks is lost', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme', maxLength: 200 }), fc.integer({ min: 4, max: 60 }), (text, columns) => {
        const lines = wrap(text, columns);
        for (const line of lines) assert.ok(width(line) <= columns, JSON.stringify(line));
        assert.equal(lines.join('').replaceAll(' ', ''), text.replaceAll(' ', ''));
        assert.equal(width(fit(text, columns)), columns);
      }),
      { numRuns: 1000 },
    );
  });
});
