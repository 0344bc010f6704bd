import assert from 'node:assert/strict';
import { callingCodeOf, classify } from '../../src/site/numbering-plan.ts';
import { Numbers } from '../../src/site/numbers.ts';

/**
 * What the table of risks is worth, by its own evaluation: plausible revenue-share numbers against ordinary business
 * numbers, both drawn by a fixed generator. RINGFENCE_PRINT=1 prints the rates.
 *
 * Revenue share: ranges that public advisories name, with a few digits at random behind them. Where the plan allocates
 * numbers there, allocated ones are drawn as well as hijacked (unallocated) ones: both are on offer.
 * Business: allocated geographic and mobile numbers of the countries with which an office trades, as often as it trades
 * with them (shares of goods trade, rounded; the tail of small partners, high-risk countries among them, included).
 */
const RISKY = 60;
const DRAWN = 200;

/** A fixed sequence of numbers from 0 to 1 (Park and Miller, 1988). */
function sequence(seed: number): () => number {
  let state = seed;
  return () => (state = (state * 48_271) % 2_147_483_647) / 2_147_483_647;
}

const digits = (n: number, random: () => number): string =>
  Array.from({ length: n }, () => Math.floor(random() * 10)).join('');

/** Range and digits of the whole number. */
const SHARED: readonly (readonly [range: string, length: number])[] = [
  ...(['3712', '3716', '3717', '3719'] as const).map((range) => [range, 11] as const), // Latvia
  ...(['3706', '3707', '3709'] as const).map((range) => [range, 11] as const), // Lithuania
  ...(['3725', '3728', '37270', '3729'] as const).map((range) => [range, 10] as const), // Estonia
  ...(['3876', '3879'] as const).map((range) => [range, 11] as const), // Bosnia
  ...(['35567', '35569', '3834', '3816', '3817', '3819'] as const).map((range) => [range, 12] as const), // Balkans
  ...(['37525', '37529', '37360', '3739', '99451', '99455'] as const).map((range) => [range, 12] as const),
  ...(['535', '532', '537'] as const).map((range) => [range, 10] as const), // Cuba
  ...(['2526', '2527', '2529', '252'] as const).map((range) => [range, 12] as const), // Somalia
  ...(['2203', '2207', '2209'] as const).map((range) => [range, 10] as const), // Gambia
  ...(['2246', '2247', '22430'] as const).map((range) => [range, 12] as const), // Guinea
  ...(['9607', '9609', '9603'] as const).map((range) => [range, 10] as const), // Maldives
  ...(['22177', '22170', '22133'] as const).map((range) => [range, 12] as const), // Senegal
  ...(['23225', '23276', '23222'] as const).map((range) => [range, 11] as const), // Sierra Leone
  ...(['26371', '26377', '26386'] as const).map((range) => [range, 12] as const), // Zimbabwe
  ...(['2356', '2359', '2352'] as const).map((range) => [range, 11] as const), // Chad
  ...(['2162', '2165', '2168', '2169'] as const).map((range) => [range, 11] as const), // Tunisia
  ...(['2135', '2136', '2137'] as const).map((range) => [range, 12] as const), // Algeria
  ...(['257', '2613', '269', '239', '248', '2189', '245', '236', '243', '222'] as const).map((r) => [r, 12] as const),
  ...(['6753', '6757'] as const).map((range) => [range, 11] as const), // Papua New Guinea
  ...(['677', '678', '679', '674', '676', '682', '685', '686', '687', '688', '689', '690', '691', '692'] as const).map(
    (range) => [range, 10] as const,
  ),
  ...(['246', '247', '290', '500'] as const).map((range) => [range, 9] as const), // island territories
  ...(['4470', '447624', '447924', '447781', '447911', '447797', '447937'] as const).map((r) => [r, 12] as const),
  ...(['88213', '88216', '88299', '883120', '88189', '8816', '8818', '8705', '87077', '979'] as const).map(
    (range) => [range, 12] as const,
  ),
  ...(['43820', '43810', '43900', '43930'] as const).map((range) => [range, 12] as const), // Austria
  ...(['38643', '38659', '38690', '38681'] as const).map((range) => [range, 11] as const), // Slovenia
  ...(['41900', '41878', '4870', '40900', '37745', '37860', '4236', '4237'] as const).map((r) => [r, 11] as const),
  ...(['18765', '1809', '1473', '1649', '1284', '1664', '1767', '1869', '1784', '1758'] as const).map(
    (range) => [range, 11] as const,
  ),
  ...(['50932', '50937', '59269', '59789', '50161'] as const).map((range) => [range, 11] as const),
  ...(['97059', '97259', '9639', '9647', '9677', '9379', '9477', '97798', '85620', '8559'] as const).map(
    (range) => [range, 12] as const,
  ),
];

/** Country, its calling code and digits of the national number, thousandths of the trade. */
type Partner = readonly [country: string, code: string, lengths: readonly number[], weight: number];
const EUROPE: readonly Partner[] = [
  ['DE', '49', [10, 11], 130],
  ['FR', '33', [9], 100],
  ['NL', '31', [9], 90],
  ['US', '1', [10], 90],
  ['GB', '44', [10], 80],
  ['IT', '39', [9, 10], 70],
  ['PL', '48', [9], 70],
  ['AT', '43', [10, 11], 60],
  ['BE', '32', [8, 9], 55],
  ['CH', '41', [9], 55],
  ['CN', '86', [10, 11], 55],
  ['ES', '34', [9], 50],
  ['CZ', '420', [9], 40],
  ['HU', '36', [8, 9], 25],
  ['SE', '46', [7, 8, 9], 25],
  ['DK', '45', [8], 25],
  ['TR', '90', [10], 20],
  ['RO', '40', [9], 18],
  ['SK', '421', [9], 15],
  ['JP', '81', [9, 10], 15],
  ['FI', '358', [8, 9], 12],
  ['IE', '353', [8, 9], 12],
  ['PT', '351', [9], 12],
  ['NO', '47', [8], 12],
  ['KR', '82', [9, 10], 10],
  ['IN', '91', [10], 10],
  ['SI', '386', [8], 8],
  ['GR', '30', [10], 8],
  ['MX', '52', [10], 8],
  ['CA', '1', [10], 8],
  ['AU', '61', [9], 7],
  ['BR', '55', [10, 11], 7],
  ['ZA', '27', [9], 7],
  ['BG', '359', [8, 9], 6],
  ['HR', '385', [8, 9], 6],
  ['LU', '352', [8, 9], 6],
  ['UA', '380', [9], 6],
  ['IL', '972', [8, 9], 5],
  ['AE', '971', [8, 9], 5],
  ['SG', '65', [8], 5],
  ['TW', '886', [8, 9], 5],
  ['LT', '370', [8], 4],
  ['RS', '381', [8, 9], 3],
  ['MA', '212', [9], 3],
  ['EG', '20', [9, 10], 3],
  ['VN', '84', [9], 3],
  ['LV', '371', [8], 2],
  ['EE', '372', [7, 8], 2],
  ['TN', '216', [8], 2],
  ['BA', '387', [8], 1],
  ['MT', '356', [8], 1],
  ['CY', '357', [8], 1],
];
/** An office in the United States has Canada, Mexico and China in front. */
const AMERICA: readonly Partner[] = EUROPE.map(([country, code, lengths, weight]) => [
  country,
  code,
  lengths,
  ({ CA: 160, MX: 150, CN: 110, JP: 45, KR: 40, TW: 30, VN: 30, IN: 30, BR: 25 } as Record<string, number>)[country] ??
    Math.ceil(weight / 3),
]);

const siteOf = (country: string): Numbers =>
  new Numbers({ country, outside: '', international: ['00', '011'], internal: /^[1-9]\d{2}$/, emergency: [] });

/** An allocated geographic or mobile number of a country. */
function business([country, code, lengths]: Partner, random: () => number): string | null {
  const calling = callingCodeOf(code);
  for (let attempt = 0; attempt < 400 && calling !== null; attempt++) {
    const national = digits(lengths[Math.floor(random() * lengths.length)] ?? 9, random);
    const found = classify(calling, national, country);
    if (found?.country === country && /^(?:fixed|mobile|fixed-or-mobile)$/.test(found.kind)) return code + national;
  }
  return null;
}

describe('what the table of risks is worth', () => {
  for (const [country, partners] of [
    ['DE', EUROPE],
    ['GB', EUROPE],
    ['US', AMERICA],
  ] as const)
    it(`to an office in ${country}: 90 % of revenue-share numbers are risky, 1 % of business numbers at the most`, () => {
      const random = sequence(20_261_123);
      const numbers = siteOf(country);
      const risky = (e164: string): boolean => numbers.number(`+${e164}`).risk >= RISKY;
      let hit = 0;
      let drawn = 0;
      const missed = new Map<string, number>();
      for (const [range, length] of SHARED)
        for (let i = 0; i < DRAWN; i++) {
          const number = range + digits(length - range.length, random);
          drawn++;
          if (risky(number)) hit++;
          else missed.set(range, (missed.get(range) ?? 0) + 1);
        }
      let false_ = 0;
      let ordinary = 0;
      for (const partner of partners) {
        // calls within the country are no calls abroad, and the table says nothing about them
        if (partner[0] === country) continue;
        for (let i = 0; i < partner[3] * 10; i++) {
          const number = business(partner, random);
          if (number === null) continue;
          ordinary++;
          if (risky(number)) false_++;
        }
      }
      const found = hit / drawn;
      const wrong = false_ / ordinary;
      if (process.env['RINGFENCE_PRINT'] !== undefined)
        console.error(
          `${country}: ${hit} of ${drawn} revenue-share numbers risky (${(found * 100).toFixed(1)} %), ${false_} of ${ordinary} business numbers (${(wrong * 100).toFixed(2)} %); missed most: ${[
            ...missed,
          ]
            .sort((a, b) => b[1] - a[1])
            .slice(0, 6)
            .map(([range, n]) => `+${range} ${n}`)
            .join(', ')}`,
        );
      assert.ok(ordinary > 8_000, `${ordinary} business numbers`);
      assert.ok(found >= 0.9, `${(found * 100).toFixed(1)} % found; missed ${JSON.stringify([...missed])}`);
      assert.ok(wrong <= 0.01, `${(wrong * 100).toFixed(2)} % of business numbers risky`);
    }).timeout(30_000);

  it('next door is judged more mildly, but for what is dear by nature', () => {
    const estonia = siteOf('EE');
    assert.ok(estonia.number('+37126123456').risk < RISKY);
    assert.ok(estonia.number('+37190123456').risk >= RISKY);
    assert.ok(estonia.number('+5352123456').risk >= RISKY);
    assert.ok(siteOf('DE').number('+37126123456').risk >= RISKY);
  });
});
