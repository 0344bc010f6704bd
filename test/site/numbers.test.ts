import assert from 'node:assert/strict';
import { getCountries, getCountryCallingCode, type CountryCode } from 'libphonenumber-js/max';
import { Numbers, type Dialling } from '../../src/site/numbers.ts';
import type { NumberKind } from '../../src/site/site.ts';

/** Marks: i = international, c = chargeable, e = emergency (not blockable). */
type Row = readonly [
  dialled: string,
  kind: NumberKind,
  e164: string | null,
  country: string | null,
  marks: string,
  note?: string,
];

const dialling = (country: string, changes: Partial<Dialling> = {}): Dialling => ({
  country,
  outside: '',
  international: ['00', '011'],
  internal: /^[1-9][0-9]{1,4}$/,
  emergency: [],
  ...changes,
});

function table(title: string, site: Dialling, rows: readonly Row[]): void {
  describe(title, () => {
    const numbers = new Numbers(site);
    for (const [dialled, kind, e164, country, marks, note] of rows)
      it(`${dialled} is ${kind}${e164 === null ? '' : ` +${e164}`}${note === undefined ? '' : `: ${note}`}`, () => {
        const number = numbers.number(dialled);
        const found = [number.kind, number.e164, number.country];
        const flags =
          (number.international ? 'i' : '') + (number.chargeable ? 'c' : '') + (number.blockable ? '' : 'e');
        assert.deepEqual([...found, flags], [kind, e164, country, marks]);
        assert.equal(number.dialled, dialled);
        assert.ok(number.risk >= 0 && number.risk <= 100 && Number.isInteger(number.risk));
        assert.equal(numbers.number(dialled), number, 'the second answer is the first one, remembered');
      });
  });
}

describe('dialled numbers', () => {
  table('India and Britain, where area codes begin like the American prefix for calls abroad', dialling('IN'), [
    ['01129012345', 'fixed', '911129012345', 'IN', '', 'Delhi, and not St. Helena'],
    ['01124767890', 'fixed', '911124767890', 'IN', '', 'Delhi, and not Ascension Island'],
    ['01137120000001', 'mobile', '37120000001', 'LV', 'ic', 'too long for Delhi'],
    ['0029012345', 'unknown', '29012345', 'SH', 'ic', "behind the country's own prefix it is what it is"],
  ]);

  table('Germany, no prefix for an outside line', dialling('DE'), [
    ['110', 'emergency', null, null, 'e'],
    ['112', 'emergency', null, null, 'e', 'though it looks like an extension'],
    ['1-1-2', 'emergency', null, null, 'e'],
    ['urn:service:sos', 'emergency', null, null, 'e', 'RFC 5031'],
    ['urn:service:sos.police', 'emergency', null, null, 'e', 'RFC 5031'],
    ['urn:service:sosx', 'unknown', null, null, ''],
    ['1124567', 'invalid', null, null, '', 'begins like an emergency number and is none'],
    ['1120', 'extension', null, null, ''],
    ['00112', 'invalid', null, null, 'i', 'no emergency abroad'],
    ['0049112', 'invalid', null, null, '', 'no emergency abroad, and too short'],
    ['+112', 'invalid', null, null, 'i'],
    ['999', 'extension', null, null, '', 'an emergency number of elsewhere'],
    ['911', 'emergency', null, null, 'e', 'people dial what every mobile phone takes for one'],
    ['20', 'extension', null, null, ''],
    ['12345', 'extension', null, null, ''],
    ['116117', 'service', null, null, '', 'doctors on call'],
    ['118080', 'service', null, null, 'c', 'directory enquiries connect onwards'],
    ['*43', 'service', null, null, '', 'echo test'],
    ['*97', 'service', null, null, '', 'voicemail'],
    ['#31#', 'service', null, null, ''],
    ['030 1234567', 'fixed', '49301234567', 'DE', ''],
    ['(030) 123-45.67', 'fixed', '49301234567', 'DE', ''],
    ['+49 30 1234567', 'fixed', '49301234567', 'DE', ''],
    ['+49 (0)30 1234567', 'fixed', '49301234567', 'DE', ''],
    ['tel:+49-30-1234567;ext=4', 'fixed', '49301234567', 'DE', ''],
    ['0049301234567', 'fixed', '49301234567', 'DE', '', 'home, though dialled like abroad'],
    ['22345678', 'fixed', null, 'DE', '', 'no area code'],
    ['015112345678', 'mobile', '4915112345678', 'DE', ''],
    ['08001234567', 'toll-free', '498001234567', 'DE', ''],
    ['09001123456', 'premium', '499001123456', 'DE', 'c'],
    ['01805123456', 'shared-cost', '491805123456', 'DE', 'c'],
    ['070012345678', 'personal', '4970012345678', 'DE', 'c'],
    ['0037126123456', 'mobile', '37126123456', 'LV', 'ic'],
    ['+37126123456', 'mobile', '37126123456', 'LV', 'ic'],
    ['01137126123456', 'mobile', '37126123456', 'LV', 'ic', '011 is listed too'],
    ['0043720123456', 'voip', '43720123456', 'AT', 'ic'],
    ['00442079460018', 'fixed', '442079460018', 'GB', 'ic'],
    ['00447012345678', 'personal', '447012345678', 'GB', 'ic'],
    ['00447400123456', 'mobile', '447400123456', 'GB', 'ic'],
    ['00441534612345', 'fixed', '441534612345', 'JE', 'ic'],
    ['0018765551234', 'mobile', '18765551234', 'JM', 'ic'],
    ['0018095551234', 'fixed-or-mobile', '18095551234', 'DO', 'ic'],
    ['0077012345678', 'mobile', '77012345678', 'KZ', 'ic'],
    ['0079161234567', 'mobile', '79161234567', 'RU', 'ic'],
    ['00390612345678', 'fixed', '390612345678', 'IT', 'ic', 'an Italian number keeps its 0'],
    ['005352123456', 'mobile', '5352123456', 'CU', 'ic'],
    ['+37111111111', 'unknown', '37111111111', 'LV', 'ic', 'not allocated, and still dear if a carrier routes it'],
    ['0037111111111', 'unknown', '37111111111', 'LV', 'ic', 'not allocated: no number in Chemnitz behind a 0 either'],
    ['+3712612345699', 'mobile', '37126123456', 'LV', 'ic', 'two digits too many do not hide it'],
    ['+999123456', 'invalid', null, null, 'i', 'no such calling code'],
    ['003712', 'invalid', null, null, 'i', 'too short'],
    ['+', 'invalid', null, null, 'i'],
    ['', 'invalid', null, null, ''],
    ['alice', 'unknown', null, null, ''],
    ['s', 'unknown', null, null, ''],
    ['900972592123456', 'mobile', '972592123456', 'IL', 'ic', 'behind an unlisted 9'],
    ['9+37126123456', 'mobile', '37126123456', 'LV', 'ic', 'behind an unlisted 9'],
    ['010330037126123456', 'mobile', '37126123456', 'LV', 'ic', 'behind a carrier prefix'],
    ['37126123456', 'mobile', '37126123456', 'LV', 'ic', 'as some PBXs pass numbers on'],
    ['442079460018', 'fixed', '442079460018', 'GB', 'ic', 'as some PBXs pass numbers on'],
    ['15112345678', 'mobile', '4915112345678', 'DE', '', 'home, its 0 left out'],
    ['*21*0037126123456#', 'mobile', '37126123456', 'LV', 'ic', 'call forwarding abroad'],
    ['*7200371 26123456', 'mobile', '37126123456', 'LV', 'ic', 'call forwarding abroad'],
    ['#31#0037126123456', 'mobile', '37126123456', 'LV', 'ic', 'caller id hidden'],
    ['*72030123456', 'service', null, null, '', 'call forwarding at home costs little'],
    ['0037126123456#', 'mobile', '37126123456', 'LV', 'ic', 'ended by #'],
    ['0037126123456,,22', 'mobile', '37126123456', 'LV', 'ic', 'with digits for after the answer'],
    ['+37126123456;phone-context=x', 'mobile', '37126123456', 'LV', 'ic'],
  ]);

  table('global codes', dialling('DE'), [
    ['+80012345678', 'toll-free', '80012345678', null, 'i'],
    ['+80812345678', 'shared-cost', '80812345678', null, 'ic'],
    ['00870773111632', 'satellite', '870773111632', null, 'ic'],
    ['+878101234567890', 'personal', '878101234567890', null, 'ic'],
    ['00881612345678', 'satellite', '881612345678', null, 'ic'],
    ['008821612345678', 'satellite', '8821612345678', null, 'ic'],
    ['00882344112345', 'non-geographic', '882344112345', null, 'ic'],
    ['00883510012345678', 'non-geographic', '883510012345678', null, 'ic'],
    ['+88812345678901', 'non-geographic', '88812345678901', null, 'ic'],
    ['+979123456789', 'premium', '979123456789', null, 'ic'],
  ]);

  table('Germany, 0 for an outside line', dialling('DE', { outside: '0' }), [
    ['112', 'emergency', null, null, 'e'],
    ['0112', 'emergency', null, null, 'e'],
    ['0110', 'emergency', null, null, 'e'],
    ['00112', 'invalid', null, null, 'i'],
    ['00037126123456', 'mobile', '37126123456', 'LV', 'ic'],
    ['00301234567', 'fixed', '49301234567', 'DE', ''],
    ['030 1234567', 'fixed', '49301234567', 'DE', '', 'without the prefix, as handsets dial'],
    ['+37126123456', 'mobile', '37126123456', 'LV', 'ic', '+ needs no prefix'],
    ['0+37126123456', 'mobile', '37126123456', 'LV', 'ic'],
    ['022345678', 'fixed', null, 'DE', ''],
    ['0115', 'service', null, null, ''],
    ['011833', 'service', null, null, 'c'],
    ['009001123456', 'premium', '499001123456', 'DE', 'c'],
    ['0', 'invalid', null, null, ''],
  ]);

  table('United States, no prefix for an outside line', dialling('US'), [
    ['911', 'emergency', null, null, 'e'],
    ['9911', 'extension', null, null, '', 'there is no outside prefix here'],
    ['112', 'emergency', null, null, 'e', 'people dial what every mobile phone takes for one'],
    ['(212) 555-1234', 'fixed-or-mobile', '12125551234', 'US', ''],
    ['12125551234', 'fixed-or-mobile', '12125551234', 'US', ''],
    ['+12125551234', 'fixed-or-mobile', '12125551234', 'US', ''],
    ['5551234', 'fixed', null, 'US', '', 'no area code'],
    ['18005551212', 'toll-free', '18005551212', 'US', ''],
    ['19005551234', 'premium', '19005551234', 'US', 'c'],
    ['15005551234', 'personal', '15005551234', 'US', 'c'],
    ['17875551234', 'fixed-or-mobile', '17875551234', 'PR', '', 'Puerto Rico is at home'],
    ['14165551234', 'fixed-or-mobile', '14165551234', 'CA', 'ic'],
    ['18765551234', 'mobile', '18765551234', 'JM', 'ic', 'dialled like home, and it is not'],
    ['8765551234', 'mobile', '18765551234', 'JM', 'ic'],
    ['18095551234', 'fixed-or-mobile', '18095551234', 'DO', 'ic'],
    ['14734031234', 'mobile', '14734031234', 'GD', 'ic'],
    ['12684601234', 'fixed', '12684601234', 'AG', 'ic'],
    ['1876555123499', 'mobile', '18765551234', 'JM', 'ic', 'two digits too many'],
    ['011442079460018', 'fixed', '442079460018', 'GB', 'ic'],
    ['00442079460018', 'fixed', '442079460018', 'GB', 'ic'],
    ['918765551234', 'mobile', '18765551234', 'JM', 'ic', 'behind an unlisted 9'],
    ['9011442079460018', 'fixed', '442079460018', 'GB', 'ic', 'behind an unlisted 9'],
    ['37126123456', 'mobile', '37126123456', 'LV', 'ic', 'as some PBXs pass numbers on'],
    ['442079460018', 'fixed', '442079460018', 'GB', 'ic', 'as some PBXs pass numbers on'],
    ['912125551234', 'fixed-or-mobile', '12125551234', 'US', '', 'not India: 9 for a line, and New York'],
    ['*6718765551234', 'mobile', '18765551234', 'JM', 'ic', 'caller id hidden'],
  ]);
  table('United States, 9 for an outside line', dialling('US', { outside: '9', internal: /^[2-8]\d{3}$/ }), [
    ['911', 'emergency', null, null, 'e'],
    ['9911', 'emergency', null, null, 'e'],
    ['99911', 'service', null, null, ''],
    ['918765551234', 'mobile', '18765551234', 'JM', 'ic'],
    ['9011442079460018', 'fixed', '442079460018', 'GB', 'ic'],
    ['92125551234', 'fixed-or-mobile', '12125551234', 'US', ''],
    ['9411', 'service', null, null, 'c', 'directory assistance'],
    ['9211', 'service', null, null, ''],
    ['2345', 'extension', null, null, ''],
  ]);
  table('Canada', dialling('CA'), [
    ['911', 'emergency', null, null, 'e'],
    ['18005551212', 'toll-free', '18005551212', 'CA', '', 'freephone is shared, so it is at home'],
    ['12125551234', 'fixed-or-mobile', '12125551234', 'US', 'ic'],
  ]);

  table('Great Britain, 9 for an outside line', dialling('GB', { outside: '9' }), [
    ['999', 'emergency', null, null, 'e'],
    ['9999', 'emergency', null, null, 'e'],
    ['9112', 'emergency', null, null, 'e'],
    ['902079460018', 'fixed', '442079460018', 'GB', ''],
    ['02079460018', 'fixed', '442079460018', 'GB', ''],
    ['907400123456', 'mobile', '447400123456', 'GB', ''],
    ['907012345678', 'personal', '447012345678', 'GB', 'c', '070 looks like a mobile number'],
    ['908451234567', 'premium', '448451234567', 'GB', 'c', '084'],
    ['908712345678', 'premium', '448712345678', 'GB', 'c', '087'],
    ['909061234567', 'premium', '449061234567', 'GB', 'c', '09'],
    ['903001234567', 'uan', '443001234567', 'GB', '', '03 costs as a call to 01'],
    ['908001111', 'toll-free', '448001111', 'GB', ''],
    ['907624123456', 'mobile', '447624123456', 'IM', 'ic', 'dialled like home, and it is not'],
    ['901481722222', 'fixed', '441481722222', 'GG', 'ic'],
    ['9118118', 'service', null, null, 'c', 'directory enquiries'],
    ['90037126123456', 'mobile', '37126123456', 'LV', 'ic'],
    ['90018765551234', 'mobile', '18765551234', 'JM', 'ic'],
  ]);
  table('Great Britain, no prefix for an outside line', dialling('GB'), [
    ['112', 'emergency', null, null, 'e'],
    ['18000', 'emergency', null, null, 'e', 'text relay'],
    ['746018', 'fixed', null, 'GB', '', 'no area code'],
    ['+448712345678', 'premium', '448712345678', 'GB', 'c'],
  ]);

  table('France', dialling('FR'), [
    ['15', 'emergency', null, null, 'e'],
    ['17', 'emergency', null, null, 'e'],
    ['18', 'emergency', null, null, 'e'],
    ['112', 'emergency', null, null, 'e'],
    ['01 42 68 53 00', 'fixed', '33142685300', 'FR', ''],
    ['0612345678', 'mobile', '33612345678', 'FR', ''],
    ['0899123456', 'premium', '33899123456', 'FR', 'c'],
    ['0820123456', 'shared-cost', '33820123456', 'FR', 'c'],
    ['0800123456', 'toll-free', '33800123456', 'FR', ''],
    ['0912345678', 'voip', '33912345678', 'FR', ''],
    ['118218', 'service', null, null, 'c'],
    ['0692123456', 'mobile', '262692123456', 'RE', 'ic', 'overseas, dialled like home'],
    ['0590123456', 'fixed', '590590123456', 'GP', 'ic', 'overseas, dialled like home'],
    ['0037126123456', 'mobile', '37126123456', 'LV', 'ic'],
    ['42685300', 'invalid', null, null, '', 'no local numbers in a closed plan'],
    ['37126123456', 'mobile', '37126123456', 'LV', 'ic', 'as some PBXs pass numbers on'],
    ['142685300', 'fixed', '33142685300', 'FR', '', 'home, its 0 left out'],
  ]);
  table('France, 0 for an outside line', dialling('FR', { outside: '0' }), [
    ['0112', 'emergency', null, null, 'e'],
    ['015', 'emergency', null, null, 'e'],
    ['00142685300', 'fixed', '33142685300', 'FR', ''],
    ['00899123456', 'premium', '33899123456', 'FR', 'c'],
    ['00037126123456', 'mobile', '37126123456', 'LV', 'ic'],
  ]);

  table('Switzerland', dialling('CH'), [
    ['117', 'emergency', null, null, 'e'],
    ['144', 'emergency', null, null, 'e'],
    ['1414', 'emergency', null, null, 'e', 'air rescue'],
    ['044 268 53 00', 'fixed', '41442685300', 'CH', ''],
    ['0791234567', 'mobile', '41791234567', 'CH', ''],
    ['0900123456', 'premium', '41900123456', 'CH', 'c'],
    ['0848123456', 'shared-cost', '41848123456', 'CH', 'c'],
    ['0878123456', 'personal', '41878123456', 'CH', 'c'],
    ['0581234567', 'uan', '41581234567', 'CH', ''],
    ['004232345678', 'fixed', '4232345678', 'LI', 'ic'],
    ['0049301234567', 'fixed', '49301234567', 'DE', 'ic'],
  ]);

  table('Australia', dialling('AU'), [
    ['000', 'emergency', null, null, 'e', 'though it begins like a call abroad'],
    ['106', 'emergency', null, null, 'e'],
    ['112', 'emergency', null, null, 'e'],
    ['0011442079460018', 'fixed', '442079460018', 'GB', 'ic'],
    ['0011 1 876 555 1234', 'mobile', '18765551234', 'JM', 'ic'],
    ['0292223333', 'fixed', '61292223333', 'AU', ''],
    ['92223333', 'fixed', null, 'AU', ''],
    ['0412345678', 'mobile', '61412345678', 'AU', ''],
    ['1300123456', 'shared-cost', '611300123456', 'AU', 'c'],
    ['131234', 'shared-cost', '61131234', 'AU', 'c'],
    ['1800123456', 'toll-free', '611800123456', 'AU', ''],
    ['1900123456', 'premium', '611900123456', 'AU', 'c'],
    ['0891621111', 'fixed', '61891621111', 'CC', '', 'a territory at home tariff'],
  ]);

  table('Brazil, where the carrier is dialled too', dialling('BR'), [
    ['190', 'emergency', null, null, 'e'],
    ['193', 'emergency', null, null, 'e'],
    ['0021442079460018', 'fixed', '442079460018', 'GB', 'ic', 'carrier 21'],
    ['0015442079460018', 'fixed', '442079460018', 'GB', 'ic', 'carrier 15'],
    ['011 3123 4567', 'fixed', '551131234567', 'BR', ''],
    ['0 21 11 3123 4567', 'fixed', '551131234567', 'BR', '', 'carrier 21'],
    ['11987654321', 'mobile', '5511987654321', 'BR', ''],
    ['31234567', 'fixed', null, 'BR', ''],
    ['08001234567', 'toll-free', '558001234567', 'BR', ''],
    ['0900123456', 'premium', '55900123456', 'BR', 'c'],
  ]);

  table('Latvia, a closed plan', dialling('LV'), [
    ['112', 'emergency', null, null, 'e'],
    ['113', 'emergency', null, null, 'e'],
    ['67222222', 'fixed', '37167222222', 'LV', ''],
    ['26123456', 'mobile', '37126123456', 'LV', '', 'at home it costs little'],
    ['37126123456', 'mobile', '37126123456', 'LV', '', 'home, as some PBXs pass numbers on'],
    ['37061234567', 'mobile', '37061234567', 'LT', 'ic', 'as some PBXs pass numbers on'],
    ['90123456', 'premium', '37190123456', 'LV', 'c'],
    ['81123456', 'shared-cost', '37181123456', 'LV', 'c'],
    ['80123456', 'toll-free', '37180123456', 'LV', ''],
    ['0049301234567', 'fixed', '49301234567', 'DE', 'ic'],
    ['+37061234567', 'mobile', '37061234567', 'LT', 'ic'],
  ]);

  it('the settings add emergency numbers; those of the country stay', () => {
    const numbers = new Numbers(dialling('DE', { emergency: ['19222'], outside: '9' }));
    for (const dialled of ['19222', '919222', '112', '9112', '110'])
      assert.equal(numbers.number(dialled).kind, 'emergency', dialled);
  });

  const abroad: readonly (readonly [country: string, outside: string, prefix: string])[] = [
    ['DE', '', '00'],
    ['DE', '0', '000'],
    ['US', '', '011'],
    ['US', '9', '9011'],
    ['GB', '9', '900'],
    ['FR', '0', '000'],
    ['CH', '', '00'],
    ['AU', '', '0011'],
    ['AU', '0', '00011'],
    ['BR', '', '0021'],
    ['LV', '', '00'],
    ['JP', '', '010'],
    ['RU', '', '810'],
    ['IT', '', '00'],
    ['DE', '', '+'],
    ['US', '9', '+'],
  ];
  for (const [country, outside, prefix] of abroad)
    it(`${country}${outside === '' ? '' : `, outside line ${outside}`}: whatever is dialled behind ${prefix} and a foreign code is abroad`, () => {
      const numbers = new Numbers(dialling(country, { outside }));
      const home = getCountryCallingCode(country as CountryCode);
      const codes = [...new Set(getCountries().map((c) => getCountryCallingCode(c)))];
      const wrong: string[] = [];
      let state = 11;
      for (const code of [...codes, '870', '881', '882', '883', '979'].filter((c) => c !== home))
        for (let n = 0; n < 60; n++) {
          state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
          const national = String(1_000_000_000 + state).slice(1, 8 + (n % 3));
          const number = numbers.number(prefix + code + national);
          if (!number.international || !number.chargeable)
            wrong.push(`${prefix} ${code} ${national} is ${number.kind}`);
        }
      assert.deepEqual(wrong.slice(0, 5), []);
    });

  it('names places in English, and global codes by their use', () => {
    const numbers = new Numbers(dialling('DE'));
    const places: readonly (readonly [string, string | null])[] = [
      ['0037126123456', 'Latvia'],
      ['0018765551234', 'Jamaica'],
      ['0301234567', 'Germany'],
      ['00870773111632', 'Inmarsat satellite (+870)'],
      ['00881612345678', 'Iridium satellite (+881 6)'],
      ['008821612345678', 'Thuraya satellite (+882 16)'],
      ['+979123456789', 'International premium rate (+979)'],
      ['112', null],
      ['20', null],
    ];
    for (const [dialled, place] of places) assert.equal(numbers.number(dialled).place, place, dialled);
  });

  it('says how a number was read when that is not plain', () => {
    const numbers = new Numbers(dialling('DE'));
    const told: readonly (readonly [string, RegExp])[] = [
      ['900972592123456', /behind the unlisted prefix 9$/],
      ['*21*0037126123456#', /after feature code \*21\*$/],
      ['+3712612345699', /2 digits more than the number has/],
      ['22345678', /local number without area code/],
      ['+37111111111', /outside the ranges that the country has allocated/],
    ];
    for (const [dialled, reason] of told) assert.match(numbers.number(dialled).reasons.join('; '), reason, dialled);
  });

  it('never throws and stays bounded on 200,000 random strings', () => {
    const numbers = new Numbers(dialling('US', { outside: '9' }));
    const alphabet = '0123456789001100+*#-() ;,@abpw\u0000\ud83d\u0661';
    let state = 7;
    const next = (below: number): number => {
      state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
      return Math.floor((state / 2 ** 32) * below);
    };
    for (let n = 0; n < 200_000; n++) {
      let dialled = '';
      for (let length = next(24); length > 0; length--) dialled += alphabet[next(alphabet.length)] ?? '';
      const number = numbers.number(dialled);
      assert.equal(number.dialled, dialled);
      if (!number.blockable) assert.equal(number.chargeable, false);
      if (number.e164 !== null) assert.match(number.e164, /^[1-9]\d{3,14}$/);
    }
  });

  it('a hostile string of 100,000 characters costs no more than a number', () => {
    const numbers = new Numbers(dialling('DE'));
    for (const text of ['9', '+', '*', ' ', '(', 'p', '0', '*1']) {
      const number = numbers.number(text.repeat(100_000));
      assert.equal(number.chargeable, false);
      assert.ok(number.dialled.length <= 128);
    }
  });
});
