import assert from 'node:assert/strict';
import fc from 'fast-check';
import { placesOf, wordsOf } from '../../src/detect/habit-places.ts';
import { PackedLists } from '../../src/detect/packed-lists.ts';

const LISTS = 5;
const word = fc.oneof(fc.nat(3), fc.integer({ min: 0, max: 2 ** 32 - 1 }));

describe('packed lists', () => {
  it('hold what separate lists hold, whatever grows or shrinks', () => {
    const change = fc.tuple(fc.nat(LISTS - 1), fc.array(word, { maxLength: 6 }));
    fc.assert(
      fc.property(fc.array(change, { maxLength: 30 }), (changes) => {
        const packed = new PackedLists(LISTS);
        const plain: number[][] = Array.from({ length: LISTS }, () => []);
        for (const [list, numbers] of changes) {
          packed.set(list, numbers);
          plain[list] = numbers;
          assert.deepEqual(
            plain.map((_, i) => packed.get(i)),
            plain,
          );
          assert.deepEqual(
            plain.map((_, i) => packed.length(i)),
            plain.map(({ length }) => length),
          );
        }
      }),
    );
  });

  it('places come back from two words each', () => {
    const key = fc.integer({ min: 1, max: 2 ** 20 + 999_999 });
    const known = fc.integer({ min: 0, max: 2 ** 40 - 1 });
    fc.assert(
      fc.property(fc.array(fc.tuple(key, known), { maxLength: 64 }), (pairs) => {
        const places = pairs.flat();
        const words = wordsOf(places);
        assert.ok(words.every((n) => Number.isInteger(n) && n >= 0 && n < 2 ** 32));
        assert.deepEqual(placesOf(words) ?? [], places);
      }),
    );
  });
});
