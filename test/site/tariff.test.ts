import assert from 'node:assert/strict';
import { parseTariff } from '../../src/site/tariff.ts';

describe('a tariff', () => {
  const text = '\ufeff49,0.01\r\n371,0.25,0.05\n3712,0.45\n\n# a comment\n1,0.02\n1876,0.30\n"870","5.00","1"';
  const rows: readonly (readonly [sentence: string, e164: string, seconds: number, price: number | null])[] = [
    ['one minute', '49301234567', 60, 0.01],
    ['billed by the second', '37167222222', 90, 0.05 + 0.375],
    ['the longest prefix counts, without the fee of the shorter', '37126123456', 60, 0.45],
    ['an island is not the mainland', '18765551234', 120, 0.6],
    ['the mainland', '12125551234', 120, 0.04],
    ['quoted fields', '870773111632', 30, 3.5],
    ['a call of no length costs nothing', '37167222222', 0, 0],
    ['no prefix is listed', '442079460018', 60, null],
  ];
  it('without problems has them none', () => assert.deepEqual(parseTariff(text).problems, []));
  for (const [sentence, e164, seconds, price] of rows)
    it(sentence, () => {
      const found = parseTariff(text).tariff.price(e164, seconds);
      if (price === null || found === null) assert.equal(found, price);
      else assert.ok(Math.abs(found - price) < 1e-9, `${found}, not ${price}`);
    });

  it('tells every bad line with its number', () => {
    const { problems, tariff } = parseTariff(
      '49,0.01\n+371,0.25\n371\n371,x\n371,1,2,3\n49,0.02\n371,-1\n371,1,y\n372,1',
    );
    assert.equal(tariff.size, 2);
    assert.deepEqual(
      problems.map(({ path, message }) => `${path} ${message}`),
      [
        'tariff.file line 2: "+371" is no prefix of E.164 digits',
        'tariff.file line 3: 1 field, not 2 or 3',
        'tariff.file line 4: "x" is no rate',
        'tariff.file line 5: 4 fields, not 2 or 3',
        'tariff.file line 6: prefix 49 is listed twice',
        'tariff.file line 7: "-1" is no rate',
        'tariff.file line 8: "y" is no connection fee',
      ],
    );
    assert.ok(problems.every(({ help }) => help?.includes('371,0.25,0.05')));
  });

  it('tells twenty of many bad lines, and how many more there are', () => {
    const { problems } = parseTariff('x\n'.repeat(1000));
    assert.equal(problems.length, 21);
    assert.equal(problems.at(-1)?.message, '980 more bad lines');
  });
});
