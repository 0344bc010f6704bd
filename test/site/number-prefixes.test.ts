import assert from 'node:assert/strict';
import { prefixesOf, wordsOf } from '../../src/site/number-prefixes.ts';

describe('with which digits the numbers of a pattern begin', () => {
  const table: [string, number, string[]][] = [
    ['\\d{7}', 4, ['']],
    ['1876\\d{6}', 8, ['1876']],
    ['1876\\d{6}', 2, ['18']],
    ['(?:2(?:04|[23]6)|3[0-2])\\d{4}', 8, ['204', '226', '236', '30', '31', '32']],
    ['7(?:4576|[59]24\\d)\\d{5}', 8, ['74576', '7524', '7924']],
    ['9\\d[13]\\d{2}', 8, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9].flatMap((d) => [`9${d}1`, `9${d}3`])],
    ['12?3', 8, ['123', '13']],
    ['5[0-9]\\d{2,5}', 8, ['5']],
    ['^(?:11|12)$', 8, ['11', '12']],
    ['1{2,3}', 8, ['111']], // 11 as well, with which 111 begins
  ];
  for (const [pattern, depth, prefixes] of table)
    it(`${pattern} to ${depth} digits`, () => {
      const found = prefixesOf(pattern, depth);
      const covered = prefixes.filter((p) => !prefixes.some((q) => q !== p && p.startsWith(q) && found.includes(q)));
      assert.deepEqual(found.toSorted(), covered.toSorted());
    });

  for (const pattern of ['a', '[a-z]', '(12', '1+', '[9', '1)'])
    it(`refuses ${pattern}`, () => assert.throws(() => prefixesOf(pattern, 3), RangeError));
});

describe('the words of a pattern', () => {
  const table: [string, string[] | null][] = [
    ['00', ['00']],
    ['00|0[12]1', ['011', '021', '00']],
    ['00(?:1\\d)?', [...[0, 1, 2, 3, 4, 5, 6, 7, 8, 9].map((d) => `001${d}`), '00']],
    ['\\d{3}', null],
  ];
  for (const [pattern, words] of table) it(pattern, () => assert.deepEqual(wordsOf(pattern), words));
});
