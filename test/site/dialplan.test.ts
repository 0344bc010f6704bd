import assert from 'node:assert/strict';
import { dialplanOf, type Dialplan } from '../../src/site/dialplan.ts';
import { Numbers } from '../../src/site/numbers.ts';
import { COUNTRIES } from '../../src/site/numbering-plan.ts';

const planOf = (country: string, more: Partial<Parameters<typeof dialplanOf>[0]> = {}): Dialplan =>
  dialplanOf({ country, outside: '', international: ['00', '011'], emergency: [], ...more });

/** As the dialplan guard asks: the longest prefix, of eight digits at the most. */
function isAbroad({ country, abroad }: Dialplan, e164: string): boolean {
  if (!e164.startsWith(country)) return true;
  let found = false;
  for (let length = country.length; length <= 8; length++) found = abroad.get(e164.slice(0, length)) ?? found;
  return found;
}

describe('how numbers are dialled, for a guard', () => {
  const plans: [string, string[], string, string[], string][] = [
    ['DE', ['011', '00'], '49', ['0'], ''],
    ['US', ['011', '00'], '1', ['1'], '10-10'],
    ['GB', ['00'], '44', ['180020', '0'], ''],
    ['IT', ['00'], '39', [], '6-11'],
    ['FR', ['00'], '33', ['0'], ''],
    ['CH', ['011', '00'], '41', ['0'], ''],
    ['ES', ['011', '00'], '34', [], '9-9'],
    ['JP', ['010'], '81', ['0'], ''],
    ['RU', ['011', '810', '00'], '7', ['8'], '10-10'],
    ['IN', ['00'], '91', ['0'], '10-10'],
  ];
  for (const [country, international, code, trunk, national] of plans)
    it(`is known of ${country}`, () => {
      const plan = planOf(country);
      assert.deepEqual(
        [plan.international, plan.country, plan.trunk, plan.national?.join('-') ?? ''],
        [international, code, trunk, national],
      );
    });

  it('lists every prefix of a country with many, longest first', () => {
    const { international } = planOf('AU');
    assert.ok(international.includes('0011') && international.includes('14110011'), international.join(' '));
    assert.deepEqual(
      international,
      international.toSorted((a, b) => b.length - a.length || (a < b ? -1 : 1)),
    );
  });

  it('leaves out a listed prefix with which national numbers begin', () => {
    assert.ok(!planOf('GB').international.includes('011'), '0113 is Leeds');
    assert.ok(!planOf('IT').international.includes('011'), '011 is Turin');
    assert.ok(!planOf('FR').international.includes('011'), '01 1x is Paris');
    assert.ok(
      planOf('DE', { international: ['00', '0100100'] }).international.includes('0100100'),
      'a carrier by call',
    );
  });

  it('has emergency numbers of country and settings, alone and behind the prefix for an outside line', () => {
    assert.deepEqual(planOf('DE').emergency, ['110', '112', '911']);
    assert.deepEqual(planOf('DE', { outside: '0', emergency: ['19222'] }).emergency, [
      ...['0110', '0112', '019222', '0911', '110', '112', '19222', '911'],
    ]);
  });

  const table: [string, string, boolean][] = [
    ['US', '18765551234', true], // Jamaica
    ['US', '14165551234', true], // Toronto
    ['US', '12125551234', false],
    ['US', '17875551234', false], // Puerto Rico
    ['US', '18005551234', false],
    ['US', '442079460000', true],
    ['CA', '12125551234', true],
    ['CA', '14165551234', false],
    ['CA', '18005551234', false],
    ['JM', '18765551234', false],
    ['JM', '12125551234', true],
    ['GB', '442079460000', false],
    ['GB', '441481123456', true], // Guernsey
    ['GB', '447797123456', true], // a mobile of Jersey
    ['GB', '447700900123', false],
    ['JE', '441534123456', false],
    ['JE', '442079460000', true],
    ['RU', '77012345678', true], // Kazakhstan
    ['RU', '74951234567', false],
    ['KZ', '77012345678', false],
    ['KZ', '74951234567', true],
    ['IT', '390669812345', false], // the Vatican
    ['NO', '4779123456', false], // Svalbard
    ['AU', '61891641234', false], // Christmas Island
    ['FI', '35818123456', false], // Åland
    ['RE', '262639123456', true], // Mayotte
    ['DE', '4930123456', false],
    ['DE', '43123456', true],
  ];
  for (const [country, e164, abroad] of table)
    it(`+${e164} is ${abroad ? '' : 'not '}abroad for ${country}`, () =>
      assert.equal(isAbroad(planOf(country), e164), abroad));

  it('agrees with what the site says of a number, whatever the country', () => {
    // digits of a national number: a shorter one may be another country's, which no prefix can tell
    const digits: Readonly<Record<string, number>> = { 1: 10, 7: 10, 44: 10, 599: 7 };
    let asked = 0;
    for (const country of COUNTRIES) {
      const plan = planOf(country);
      if (plan.abroad.size === 0) continue;
      const numbers = new Numbers({ country, outside: '', international: [], internal: /^$/, emergency: [] });
      for (const prefix of plan.abroad.keys())
        for (const rest of ['2345678901', '5550123456', '7012345678', '9934567890', '3091123456']) {
          const e164 = (prefix + rest).slice(0, plan.country.length + (digits[plan.country] ?? 9));
          const number = numbers.number(`+${e164}`);
          if (number.kind === 'unknown' || number.e164 !== e164) continue; // nobody's
          asked++;
          assert.equal(isAbroad(plan, e164), number.international, `${country}: +${e164}`);
        }
    }
    assert.ok(asked > 2_000, `${asked} numbers`);
  });

  it('is few keys for every country', () => {
    for (const country of COUNTRIES) assert.ok(planOf(country).abroad.size <= 100, country);
  });
});
