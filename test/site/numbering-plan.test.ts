import assert from 'node:assert/strict';
import {
  getCountries,
  getExampleNumber,
  parsePhoneNumberFromString,
  type CountryCode,
  type PhoneNumberType,
} from 'libphonenumber-js/max';
import examples from 'libphonenumber-js/mobile/examples';
import {
  callingCodeOf,
  classify,
  COUNTRIES,
  kindIn,
  METADATA_VERSION,
  planOf,
  withoutTrunk,
} from '../../src/site/numbering-plan.ts';
import type { NumberKind } from '../../src/site/site.ts';

const KINDS: Readonly<Record<PhoneNumberType, NumberKind>> = {
  FIXED_LINE: 'fixed',
  MOBILE: 'mobile',
  FIXED_LINE_OR_MOBILE: 'fixed-or-mobile',
  TOLL_FREE: 'toll-free',
  PREMIUM_RATE: 'premium',
  SHARED_COST: 'shared-cost',
  VOIP: 'voip',
  PERSONAL_NUMBER: 'personal',
  PAGER: 'pager',
  UAN: 'uan',
  VOICEMAIL: 'service',
};

/** Deterministic digits (a linear congruential generator), so that a failure repeats. */
function digitSource(seed: number): () => string {
  let state = seed >>> 0;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return String(Math.floor((state / 2 ** 32) * 10));
  };
}

/** What the library says of E.164 digits: country and kind, or null where no such number is allocated. */
function libraryOpinion(digits: string): { country: string | null; kind: NumberKind } | null {
  const number = parsePhoneNumberFromString(`+${digits}`);
  const type = number?.getType();
  if (number === undefined || type === undefined || number.countryCallingCode + number.nationalNumber !== digits)
    return null;
  return { country: number.country ?? null, kind: KINDS[type] };
}

function ours(digits: string): { country: string | null; kind: NumberKind } | null {
  const code = callingCodeOf(digits);
  return code === null ? null : classify(code, digits.slice(code.code.length), '');
}

describe('numbering plans', () => {
  it('are of the layout that this reader knows', () => assert.equal(METADATA_VERSION, 4));

  it('are there for every country of the library', () =>
    assert.deepEqual([...COUNTRIES].sort(), [...getCountries()].sort()));

  it('know example numbers of every country as the library does', () => {
    let asked = 0;
    for (const country of getCountries()) {
      const example = getExampleNumber(country, examples);
      if (example === undefined) continue;
      const digits = example.countryCallingCode + example.nationalNumber;
      assert.deepEqual(ours(digits), libraryOpinion(digits), `${country} +${digits}`);
      asked++;
    }
    assert.ok(asked > 200);
  });

  it('agree with the library on 60,000 numbers near allocated ones, in every country', () => {
    const digit = digitSource(20261123);
    let allocated = 0;
    const wrong: string[] = [];
    for (const country of getCountries()) {
      const example = getExampleNumber(country, examples);
      if (example === undefined) continue;
      for (let n = 0; n < 250; n++) {
        // the first digits decide the range, so it is they that change; sometimes the length does
        let national = Array.from(example.nationalNumber)
          .map((d, i) => (i < 4 || n % 3 === 0 ? digit() : d))
          .join('');
        if (n % 11 === 0) national = national.slice(0, -1);
        if (n % 13 === 0) national += digit();
        const digits = example.countryCallingCode + national;
        const expected = libraryOpinion(digits);
        if (expected !== null) allocated++;
        const found = ours(digits);
        // the library takes a trunk prefix off behind +, which is the caller's part here
        if (expected === null ? found !== null && !libraryTakesIt(digits) : !same(found, expected))
          wrong.push(`+${digits}: ${JSON.stringify(found)}, the library: ${JSON.stringify(expected)}`);
      }
    }
    assert.deepEqual(wrong.slice(0, 5), []);
    assert.ok(allocated > 10_000, `only ${allocated} of them are allocated`);
  });

  const codes: readonly (readonly [string, string | null, readonly string[]])[] = [
    ['4930', '49', ['DE']],
    ['37126', '371', ['LV']],
    ['1876', '1', ['US', 'CA', 'JM']],
    ['870', '870', []],
    ['979', '979', []],
    ['999', null, []],
    ['0', null, []],
    ['', null, []],
    ['210', null, []],
  ];
  for (const [digits, code, countries] of codes)
    it(`the calling code of "${digits}" is ${code ?? 'none'}`, () => {
      const found = callingCodeOf(digits);
      assert.equal(found?.code ?? null, code);
      for (const country of countries) assert.ok(found?.countries.includes(country));
    });

  it('a number that several countries share belongs to the home country', () => {
    const code = callingCodeOf('1');
    assert.ok(code !== null);
    assert.deepEqual(classify(code, '8005551212', 'CA'), { country: 'CA', kind: 'toll-free' });
    assert.deepEqual(classify(code, '8005551212', 'DE'), { country: 'US', kind: 'toll-free' });
    assert.deepEqual(classify(code, '4165551234', 'US'), { country: 'CA', kind: 'fixed-or-mobile' });
  });

  const trunks: readonly (readonly [CountryCode, string, string | null])[] = [
    ['DE', '0301234567', '301234567'],
    ['US', '12125551234', '2125551234'],
    ['US', '2125551234', null],
    ['LV', '067222222', null],
    ['BR', '0211131234567', '1131234567'],
    ['BR', '01131234567', '1131234567'],
    ['HU', '0612345678', '12345678'],
    ['RU', '84951234567', '4951234567'],
  ];
  for (const [country, dialled, national] of trunks)
    it(`${country}: ${dialled} is ${national ?? 'not dialled with a trunk prefix'}`, () => {
      const plan = planOf(country);
      assert.ok(plan !== null);
      assert.equal(withoutTrunk(plan, dialled), national);
    });

  it('refuses what is no country', () => {
    assert.equal(planOf('XX'), null);
    assert.equal(planOf('constructor'), null);
    assert.equal(planOf('999'), null);
  });

  it('a national number of the wrong length is of no kind', () => {
    const plan = planOf('FR');
    assert.ok(plan !== null);
    assert.equal(kindIn(plan, '142685300'), 'fixed');
    assert.equal(kindIn(plan, '14268530'), null);
    assert.equal(kindIn(plan, '1426853000'), null);
  });
});

const same = (a: { country: string | null; kind: NumberKind } | null, b: typeof a): boolean =>
  a?.country === b?.country && a?.kind === b?.kind;

/** Does the library call it valid after taking a trunk prefix off? Then the two do not speak of the same number. */
const libraryTakesIt = (digits: string): boolean => parsePhoneNumberFromString(`+${digits}`)?.isValid() === true;
