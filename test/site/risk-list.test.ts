import assert from 'node:assert/strict';
import { createSite, siteDefaults } from '../../src/site/index.ts';
import { parseRiskList } from '../../src/site/risk-list.ts';

describe('a list of risks of the site', () => {
  const made = createSite(
    siteDefaults({ site: { country: 'DE' } }),
    undefined,
    '\ufeff# ours\n37126,5,our partner in Riga\n33,70\n4930,90,"reported, by our carrier"\n53521,0\n',
  );
  assert.ok(made.ok);
  const site = made.value;

  const rows: [string, string, number, string[]][] = [
    ['a partner is nothing special', '0037126123456', 5, ['our partner in Riga']],
    [
      'the rest of the country is as it was',
      '0037125123456',
      75,
      ['Latvian mobile ranges are among those most used for revenue share'],
    ],
    ['a country can be held to be risky', '0033142685300', 70, []],
    ['so can a range at home', '030123456', 90, ['reported', 'by our carrier']],
    ['the longest prefix of the list counts before a shorter shipped one', '005352123456', 0, []],
    ['an emergency number is never risky', '112', 0, []],
  ];
  for (const [sentence, dialled, risk, reasons] of rows)
    it(sentence, () => {
      const number = site.number(dialled);
      assert.equal(number.risk, risk);
      assert.deepEqual(number.reasons.join(', '), reasons.join(', '));
    });

  it('an odd way of dialling still adds to it', () => assert.equal(site.number('9990033142685300').risk, 80));

  it('tells every bad line with its number', () => {
    const { problems, list } = parseRiskList('371,80,x\n+371,80\n372\n373,101\n374,x\n371,2\n');
    assert.equal(list.size, 1);
    assert.deepEqual(
      problems.map(({ path, message }) => `${path} ${message}`),
      [
        'numbers.risk_file line 2: "+371" is no prefix of E.164 digits',
        'numbers.risk_file line 3: no score',
        'numbers.risk_file line 4: "101" is no score from 0 to 100',
        'numbers.risk_file line 5: "x" is no score from 0 to 100',
        'numbers.risk_file line 6: prefix 371 is listed twice',
      ],
    );
  });

  it('makes no site of a wrong list', () => {
    const wrong = createSite(siteDefaults({}), undefined, 'nonsense');
    assert.ok(!wrong.ok);
    assert.match(wrong.problems[0]?.message ?? '', /^line 1: /);
  });
});
