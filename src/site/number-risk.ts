import { countryName } from './country-dialling.ts';
import { DigitTrie } from './digit-trie.ts';
import type { NumberKind } from './site.ts';

/**
 * How likely is it that somebody earns by a call to this number without anybody wishing to talk? International revenue
 * share fraud sends calls to ranges whose terminating fee is high and shared with whoever brings the traffic.
 *
 * The score, 0 to 100, is the greatest of what the kind, the country and the longest listed prefix say, plus the additions
 * for a strange way of dialling. It ranks; it is no probability. The tables are our own selection and scoring of what
 * carriers' fraud advisories, regulators' warnings of one-ring calls, industry lists of international premium ranges and
 * police reports on telecommunications fraud name again and again.
 *
 *   0        internal, emergency, freephone          40-59  worth a second look
 *   1-19     everyday calls                          60-79  destinations that revenue share often uses
 *   20-39    abroad, nothing held against it         80-100 dear or abused by nature
 */

/** Score of a call to a country from abroad, where it is not the usual 25. */
const COUNTRY_SCORES: readonly (readonly [score: number, why: string, countries: string])[] = [
  [10, '', 'AT AU BE CA CH CZ DE DK ES FI FR GR HU IE IS IT JP LU NL NO NZ PL PT SE SI SK SG US PR VI GU MP AX SJ VA'],
  [20, '', 'GB BR CN CY HK HR IL IN KR MT MX TR TW ZA AE RO BG'],
  [35, 'mobile and special ranges cost far more than the mainland', 'GG JE IM GI AD GP MQ GF BL MF PM RE YT'],
  [40, 'special ranges are used for revenue share', 'MC LI SM FO GL UA RU KZ KG UZ GE AM PK BD VN ID PH EG MA NG KE'],
  [55, 'mobile ranges are often used for revenue share', 'EE RS ME MD AZ TJ TM LK MM KH LA NP IQ SY LB YE AF PS DZ'],
  [65, 'ranges are often used for revenue share', 'LV LT BY BA AL XK MK'],
  [
    65,
    'Caribbean country inside +1, known for one-ring calls and dear call-backs',
    'AG AI BB BM BS DM DO GD JM KN KY LC MS SX TC TT VC VG',
  ],
  [60, 'ranges are often used for revenue share', 'GY SR HT BZ HN SV NI GT AW CW BQ EC'],
  [
    60,
    'high terminating fees, often used for revenue share',
    'SN ML BF NE BJ TG CI CM GA CG ET DJ RW UG MR ZM MW MZ ER SS',
  ],
  [
    70,
    'high terminating fees, often used for revenue share and one-ring calls',
    'SL GM GN GW LR BI TD CD CF ZW TN LY SD KM MG ST GQ CV SC SZ LS EH MV TL BT MN',
  ],
  [75, 'Pacific islands with high terminating fees', 'PG SB VU NR TV TK KI WS CK NU WF NC FM MH PW TO PF FJ AS NF BN'],
  [80, 'very few subscribers and very high terminating fees', 'CU SO AC SH TA IO FK KP'],
];

const countryScores = new Map<string, { readonly score: number; readonly why: string }>();
for (const [score, why, countries] of COUNTRY_SCORES)
  for (const country of countries.split(' ')) countryScores.set(country, { score, why });

interface Listed {
  readonly score: number;
  readonly why: string;
}

/** Ranges that stand out from their country. E.164 digits without +. */
const PREFIXES: readonly (readonly [prefix: string, score: number, why: string])[] = [
  ['870', 85, 'Inmarsat satellite, some of the dearest minutes there are'],
  ['881', 85, 'satellite network, some of the dearest minutes there are'],
  ['878', 60, 'universal personal numbers, hardly used for calls between people'],
  ['882', 85, 'shared code of international networks, a favourite of revenue share'],
  ['88216', 85, 'Thuraya satellite'],
  ['883', 85, 'shared code of international networks, a favourite of revenue share'],
  ['8835100', 40, 'iNum, cheap where it can be reached at all'],
  ['888', 70, 'global code that no subscriber uses'],
  ['979', 95, 'international premium rate: the caller pays the called party'],
  ['808', 40, 'international shared cost'],
  ['800', 0, ''],
  ['4470', 65, 'UK personal numbers (070) look like mobile numbers and cost like premium ones'],
  ['44871', 60, 'UK service numbers, charged by the minute in favour of the called party'],
  ['44872', 60, 'UK service numbers, charged by the minute in favour of the called party'],
  ['447624', 50, 'Isle of Man mobile: looks like the UK, costs far more'],
  ['447781', 50, 'Guernsey mobile: looks like the UK, costs far more'],
  ['447797', 50, 'Jersey mobile: looks like the UK, costs far more'],
  ['3712', 75, 'Latvian mobile ranges are among those most used for revenue share'],
  ['37178', 80, 'Latvian special range used for revenue share'],
  ['3706', 70, 'Lithuanian mobile ranges are often used for revenue share'],
  ['3725', 65, 'Estonian mobile ranges are often used for revenue share'],
  ['37270', 75, 'Estonian personal numbers, used for revenue share'],
  ['3876', 70, 'Bosnian mobile ranges are often used for revenue share'],
  ['35567', 70, 'Albanian mobile ranges are often used for revenue share'],
  ['35568', 70, 'Albanian mobile ranges are often used for revenue share'],
  ['35569', 70, 'Albanian mobile ranges are often used for revenue share'],
  ['3834', 70, 'Kosovar mobile ranges are often used for revenue share'],
  ['37744', 65, 'Monaco range formerly lent to Kosovo, used for revenue share'],
  ['37745', 65, 'Monaco range formerly lent to Kosovo, used for revenue share'],
  ['38649', 60, 'Slovenian range formerly lent to Kosovo'],
  ['6721', 80, 'Antarctic territories'],
  ['97059', 75, 'Palestinian mobile ranges are often used for revenue share'],
  ['97259', 65, 'range shared with Palestinian mobile networks, a favourite of PBX intruders'],
  ['97256', 60, 'range shared with Palestinian mobile networks, a favourite of PBX intruders'],
  ['88018', 45, ''],
  ['53', 80, 'Cuba: one of the highest terminating fees in the world'],
  ['252', 80, 'Somalia: unregulated carriers with very high terminating fees'],
  ['1867', 30, 'northern Canada, high terminating fees'],
  ['1900', 70, 'premium rate'],
];

const prefixes = new DigitTrie<Listed>();
for (const [prefix, score, why] of PREFIXES) prefixes.add(prefix, { score, why });

/** Kinds that cost or earn by nature: score at home, score from abroad. */
const KIND_SCORES: Readonly<Partial<Record<NumberKind, readonly [home: number, abroad: number, why: string]>>> = {
  premium: [60, 85, 'premium rate: the caller pays the called party'],
  personal: [45, 55, 'personal number, charged far above a mobile call'],
  'shared-cost': [20, 40, 'shared cost: part of the charge goes to the called party'],
  pager: [40, 50, 'pager or messaging number, hardly called from a desk'],
  satellite: [85, 85, 'satellite telephone'],
  'non-geographic': [70, 70, 'global code that belongs to no country'],
  mobile: [3, 30, ''],
  uan: [5, 35, ''],
};

/** What the score rests on. */
export interface RiskFacts {
  readonly kind: NumberKind;
  readonly e164: string | null;
  readonly country: string | null;
  readonly international: boolean;
  /** short code charged by the minute */
  readonly dearShortCode: boolean;
  /** the country has not allocated such a number */
  readonly unallocated: boolean;
  /** more digits were dialled than the number has, or an unlisted prefix stood before it */
  readonly oddlyDialled: boolean;
}

export interface Risk {
  /** 0-100 */
  readonly risk: number;
  /** phrases in English, the weightiest first; empty below 20 */
  readonly reasons: readonly string[];
}

const NONE: Risk = { risk: 0, reasons: [] };

/** Scores one number. Pure, a few look-ups; never throws. */
export function riskOf(facts: RiskFacts): Risk {
  const { kind, country, international } = facts;
  if (kind === 'extension' || kind === 'emergency') return NONE;
  if (kind === 'service')
    return facts.dearShortCode
      ? { risk: 35, reasons: ['short code charged by the minute; enquiry services connect onwards to any number'] }
      : NONE;
  if (kind === 'invalid') return { risk: international ? 10 : 0, reasons: [] };
  if (kind === 'toll-free' && (country === null || !international)) return NONE;

  if (kind === 'unknown' && facts.e164 === null && !international) return NONE;
  const found: Listed[] = [];
  const byKind = KIND_SCORES[kind];
  // a listed range says more than its country or its kind: their scores still count, their reasons would repeat it
  const listed = international && kind !== 'toll-free' && facts.e164 !== null ? prefixes.longest(facts.e164) : null;
  if (listed !== null) found.push(listed.value);
  const told = listed !== null && listed.value.why !== '';
  if (byKind !== undefined) found.push({ score: international ? byKind[1] : byKind[0], why: told ? '' : byKind[2] });
  if (international && country !== null && kind !== 'toll-free') {
    const known = countryScores.get(country) ?? { score: 25, why: '' };
    const why = told || known.why === '' ? '' : `${countryName(country)}: ${known.why}`;
    found.push({ score: known.score, why });
  }
  found.sort((a, b) => b.score - a.score);
  let risk = found[0]?.score ?? (international ? 10 : 2);
  const reasons = found.filter((x) => x.score >= 20 && x.why !== '').map((x) => x.why);
  if (facts.unallocated && international) {
    risk = Math.max(risk + 10, 45);
    reasons.unshift('outside the ranges that the country has allocated: hijacked ranges are used for revenue share');
  }
  if (facts.oddlyDialled && international) {
    risk += 10;
    reasons.push('dialled in an odd way, as scanners try');
  }
  return { risk: Math.min(100, risk), reasons };
}
