/**
 * What a country's telephone users dial that no E.164 numbering plan lists: emergency numbers, short codes, numbers
 * without an area code. Facts of public numbering plans, in our own selection; sources are the regulators' plans, ITU-T
 * E.129 notifications and EU decision 2007/116/EC (116 range).
 */

/** What every mobile phone takes for an emergency call, wherever it is (3GPP TS 22.101 section 10.1.1): people dial it. */
const EVERYWHERE = ['112', '911'];

/** Emergency numbers by country, beside those in the settings: forgetting one there must never make it refusable. */
const EMERGENCY: Readonly<Record<string, string>> = {
  AE: '112 911 997 998 999',
  AR: '911 100 101 107',
  AT: '112 122 133 140 142 144',
  AU: '000 106 112',
  BE: '112 100 101 110',
  BG: '112 150 160 166',
  BR: '190 191 192 193 197 198 199',
  BY: '101 102 103 104 112',
  CA: '911',
  CH: '112 117 118 143 144 147 1414 1415',
  CL: '131 132 133',
  CN: '110 119 120 122',
  CO: '123 112 119 132',
  CY: '112 199',
  CZ: '112 150 155 156 158',
  DE: '110 112',
  DK: '112 114',
  EE: '112 110',
  EG: '122 123 180',
  ES: '112 061 062 080 085 088 091 092',
  FI: '112',
  FR: '112 15 17 18 114 115 119 191 196 197',
  GB: '999 112 18000',
  GG: '999 112',
  GR: '112 100 108 166 199',
  HK: '999 992 112',
  HR: '112 192 193 194 195',
  HU: '112 104 105 107',
  ID: '110 112 113 118 119',
  IE: '999 112',
  IL: '100 101 102 112',
  IM: '999 112',
  IN: '112 100 101 102 108',
  IS: '112',
  IT: '112 113 115 118',
  JE: '999 112',
  JP: '110 118 119',
  KE: '999 112 911',
  KR: '112 119',
  LI: '112 117 118 144',
  LT: '112 101 102 103',
  LU: '112 113',
  LV: '112 110 113',
  MA: '15 19 112 150 177 190',
  MT: '112',
  MX: '911',
  MY: '999 112',
  NG: '112 199',
  NL: '112',
  NO: '110 112 113',
  NZ: '111',
  PE: '105 106 116',
  PH: '911',
  PK: '15 16 112 115 1122',
  PL: '112 997 998 999',
  PT: '112 117',
  RO: '112',
  RS: '112 192 193 194',
  RU: '101 102 103 104 112',
  SA: '911 997 998 999 112',
  SE: '112',
  SG: '995 999',
  SI: '112 113',
  SK: '112 150 155 158 159',
  TH: '191 199 1669',
  TR: '112 110 155 156',
  TW: '110 112 119',
  UA: '101 102 103 104 112',
  US: '911',
  VN: '112 113 114 115',
  ZA: '10111 10177 112',
};

export const emergencyNumbers = (country: string): readonly string[] => [
  ...new Set([...(EMERGENCY[country] ?? '999').split(' '), ...EVERYWHERE]),
];

/**
 * Short codes charged by the minute: directory enquiries above all, which connect onwards to any number, and so count as
 * chargeable.
 */
const DEAR_SHORT_CODES: Readonly<Record<string, RegExp>> = {
  AT: /^118\d{2,3}$/,
  AU: /^(?:1223|1225|1234|1245\d)$/,
  BE: /^1[234]\d{2}$/,
  CA: /^1?411$/,
  CH: /^18\d{2}$/,
  DE: /^118\d{2,3}$/,
  ES: /^118\d{2}$/,
  FI: /^118\d{0,3}$/,
  FR: /^(?:118\d{3}|3[2-9]\d{2})$/,
  GB: /^118\d{3}$/,
  IE: /^118\d{2}$/,
  IT: /^(?:12\d{2}|4[1-9]\d{3})$/,
  LV: /^118\d{0,3}$/,
  LT: /^118\d?$/,
  PL: /^118\d{3}$/,
  PT: /^18\d{2}$/,
  SE: /^118\d{2,3}$/,
  US: /^1?411$/,
};

export const isDearShortCode = (country: string, digits: string): boolean =>
  DEAR_SHORT_CODES[country]?.test(digits) ?? false;

/**
 * Numbers of the caller's own area, dialled without an area code, where the plan still allows it. Closed plans (FR, CH, LV,
 * ES, IT, NO, DK, PL …), where every call takes the whole number, have no entry.
 */
const LOCAL: Readonly<Record<string, RegExp>> = {
  AR: /^[2-8]\d{5,7}$/,
  AT: /^[2-9]\d{2,7}$/,
  AU: /^[2-9]\d{7}$/,
  BG: /^[2-9]\d{4,6}$/,
  BR: /^[2-9]\d{7,8}$/,
  BY: /^[2-7]\d{4,6}$/,
  CA: /^[2-9]\d{6}$/,
  CN: /^[2-8]\d{6,7}$/,
  DE: /^[2-9]\d{2,7}$/,
  EG: /^[2-9]\d{6,7}$/,
  FI: /^[2-9]\d{3,7}$/,
  GB: /^[2-8]\d{4,7}$/,
  HR: /^[2-8]\d{5,6}$/,
  HU: /^[2-9]\d{5,6}$/,
  ID: /^[2-9]\d{5,7}$/,
  IE: /^[2-9]\d{4,6}$/,
  IL: /^[2-9]\d{6}$/,
  IN: /^[2-7]\d{5,7}$/,
  JP: /^[2-9]\d{3,7}$/,
  KR: /^[2-9]\d{6,7}$/,
  MY: /^[2-9]\d{6,7}$/,
  NL: /^[2-7]\d{5,6}$/,
  NZ: /^[2-9]\d{6}$/,
  PK: /^[2-9]\d{5,7}$/,
  RS: /^[2-9]\d{4,6}$/,
  RU: /^[2-7]\d{4,6}$/,
  SE: /^[2-9]\d{4,7}$/,
  SI: /^[2-8]\d{6}$/,
  SK: /^[2-8]\d{5,7}$/,
  TR: /^[2-9]\d{6}$/,
  TW: /^[2-8]\d{5,7}$/,
  UA: /^[2-7]\d{4,6}$/,
  US: /^[2-9]\d{6}$/,
};

export const isLocalSubscriber = (country: string, digits: string): boolean => LOCAL[country]?.test(digits) ?? false;

/** French overseas departments: dialled from France like any French number, reached under calling codes of their own. */
const FRENCH_OVERSEAS: readonly (readonly [ranges: RegExp, callingCode: string])[] = [
  [/^(?:26[239]|69[23]|639)\d{6}$/, '262'],
  [/^(?:590|69[01])\d{6}$/, '590'],
  [/^[56]94\d{6}$/, '594'],
  [/^(?:596|69[67])\d{6}$/, '596'],
];

/** Calling code of a territory that a national number leads to although it is not in the country's plan; null: none. */
export const overseasCode = (country: string, national: string): string | null =>
  country === 'FR' ? (FRENCH_OVERSEAS.find(([ranges]) => ranges.test(national))?.[1] ?? null) : null;

/** Countries and their parts that share one national plan and tariff: a call between them is not international. */
const HOME: readonly (readonly string[])[] = [
  ['US', 'PR', 'VI', 'GU', 'MP'],
  ['FI', 'AX'],
  ['NO', 'SJ'],
  ['IT', 'VA'],
  ['AU', 'CC', 'CX'],
];

export const sameCountry = (a: string, b: string): boolean =>
  a === b || HOME.some((group) => group.includes(a) && group.includes(b));

const names = new Intl.DisplayNames(['en'], { type: 'region' });
const cachedNames = new Map<string, string>();

/** English name of a country code. */
export function countryName(country: string): string {
  let name = cachedNames.get(country);
  if (name === undefined) {
    name = names.of(country) ?? country;
    cachedNames.set(country, name);
  }
  return name;
}
