import assert from 'node:assert/strict';
import { DigitTrie } from '../../src/site/digit-trie.ts';

describe('a digit trie', () => {
  const trie = new DigitTrie<string>();
  for (const prefix of ['1', '1876', '37', '371', '3712', '0', '99999999999999999999'])
    assert.equal(trie.add(prefix, `p${prefix}`), true);

  const rows: readonly (readonly [sentence: string, digits: string, value: string | null, length: number])[] = [
    ['finds the only prefix', '12125551234', 'p1', 1],
    ['finds the longest of several', '18765551234', 'p1876', 4],
    ['falls back to a shorter one', '18775551234', 'p1', 1],
    ['needs the whole prefix', '18', 'p1', 1],
    ['finds a prefix that is the whole number', '3712', 'p3712', 4],
    ['finds one in the middle of another', '3719', 'p371', 3],
    ['knows 0', '0', 'p0', 1],
    ['finds nothing where nothing is', '49', null, 0],
    ['finds nothing in nothing', '', null, 0],
    ['stops at what is no digit', '37x12', 'p37', 2],
    ['stops at signs beside the digits', '1/', 'p1', 1],
    ['stops at digits of other scripts', '1\u0668', 'p1', 1],
    ['takes long prefixes', '999999999999999999991', 'p99999999999999999999', 20],
  ];
  for (const [sentence, digits, value, length] of rows)
    it(`${sentence} (${digits})`, () => {
      const found = trie.longest(digits);
      assert.equal(found?.value ?? null, value);
      assert.equal(found?.length ?? 0, length);
    });

  it('refuses a prefix twice, and one that is no digits', () => {
    assert.equal(trie.add('371', 'other'), false);
    assert.equal(trie.longest('371')?.value, 'p371');
    for (const prefix of ['+1', '1a', ' 1', '1\n']) assert.equal(trie.add(prefix, 'x'), false);
    assert.equal(trie.size, 7);
  });

  it('takes the empty prefix for every number, and values that are undefined', () => {
    const all = new DigitTrie<string | undefined>();
    all.add('', 'any');
    all.add('5', undefined);
    assert.deepEqual(all.longest('49'), { value: 'any', length: 0 });
    assert.deepEqual(all.longest('51'), { value: undefined, length: 1 });
  });

  it('finds 50,000 prefixes again, as a look-up by every length does', () => {
    const many = new DigitTrie<number>();
    const plain = new Map<string, number>();
    let state = 99;
    const digits = (): string => {
      state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
      return String(state).slice(0, 1 + (state % 9));
    };
    for (let n = 0; n < 50_000; n++) {
      const prefix = digits();
      assert.equal(many.add(prefix, n), !plain.has(prefix));
      if (!plain.has(prefix)) plain.set(prefix, n);
    }
    assert.equal(many.size, plain.size);
    for (let n = 0; n < 20_000; n++) {
      const number = digits() + digits();
      let expected: number | undefined;
      for (let length = number.length; length > 0 && expected === undefined; length--)
        expected = plain.get(number.slice(0, length));
      assert.equal(many.longest(number)?.value, expected, number);
    }
  });
});
