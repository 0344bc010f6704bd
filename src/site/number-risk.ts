import { countryName } from './country-dialling.ts';
import { DigitTrie } from './digit-trie.ts';
import { COUNTRY_SCORES, NEIGHBOURS, PREFIX_SCORES } from './number-risk-table.ts';
import type { RiskList } from './risk-list.ts';
import type { NumberKind } from './site.ts';

/**
 * How likely is it that somebody earns by a call to this number without anybody wishing to talk? International revenue
 * share fraud sends calls to ranges whose terminating fee is high and shared with whoever brings the traffic.
 *
 * The score, 0 to 100, is the greatest of what the kind, the country and the longest listed prefix say (number-risk-table.ts),
 * plus the additions for a strange way of dialling. It ranks; it is no probability. What the site lists itself
 * (`[numbers] risk_file`) takes the place of all three where it is at least as long as the shipped prefix.
 *
 *   0        internal, emergency, freephone          40-59  worth a second look
 *   1-19     everyday calls                          60-79  destinations that revenue share often uses
 *   20-39    abroad, nothing held against it         80-100 dear or abused by nature
 */

interface Listed {
  readonly score: number;
  readonly why: string;
}

const countryScores = new Map<string, Listed>();
for (const [score, why, countries] of COUNTRY_SCORES)
  for (const country of countries.split(' ')) countryScores.set(country, { score, why });

const prefixes = new DigitTrie<Listed>();
for (const [prefix, score, why] of PREFIX_SCORES) prefixes.add(prefix, { score, why });

const neighbours = new Map<string, Set<string>>();
for (const group of NEIGHBOURS) {
  const countries = group.split(' ');
  for (const country of countries) {
    const known = neighbours.get(country) ?? new Set();
    for (const other of countries) known.add(other);
    neighbours.set(country, known);
  }
}

/** What is held against a neighbouring country, or a range of it that is not dear by nature, counts so much less. */
const NEXT_DOOR = 30;
/** From here on a range is dear by nature, next door too. */
const DEAR = 80;

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
  /** ISO 3166-1 of the site, null: nobody's */
  readonly home: string | null;
}

export interface Risk {
  /** 0-100 */
  readonly risk: number;
  /** phrases in English, the weightiest first; empty below 20 */
  readonly reasons: readonly string[];
}

const NONE: Risk = { risk: 0, reasons: [] };

/** Scores one number. `own`: what the site lists itself. Pure, a few look-ups; never throws. */
export function riskOf(facts: RiskFacts, own: RiskList | null = null): Risk {
  const { kind, country, international } = facts;
  if (kind === 'extension' || kind === 'emergency') return NONE;
  const listedHere = own === null || facts.e164 === null ? null : own.longest(facts.e164);
  if (listedHere !== null)
    return odd(
      facts,
      listedHere.value.score,
      [listedHere.value.why].filter((why) => why !== ''),
    );
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
  const nextDoor = country !== null && facts.home !== null && neighbours.get(facts.home)?.has(country) === true;
  const next = ({ score, why }: Listed): Listed =>
    nextDoor && score > NEXT_DOOR && score < DEAR
      ? { score: Math.max(NEXT_DOOR, score - NEXT_DOOR), why }
      : { score, why };
  if (listed !== null) found.push(next(listed.value));
  const told = listed !== null && listed.value.why !== '';
  if (byKind !== undefined) found.push({ score: international ? byKind[1] : byKind[0], why: told ? '' : byKind[2] });
  if (international && country !== null && kind !== 'toll-free') {
    const known = countryScores.get(country) ?? { score: 25, why: '' };
    const why = told || known.why === '' ? '' : `${countryName(country)}: ${known.why}`;
    found.push(next({ score: known.score, why }));
  }
  found.sort((a, b) => b.score - a.score);
  let risk = found[0]?.score ?? (international ? 10 : 2);
  const reasons = found.filter((x) => x.score >= 20 && x.why !== '').map((x) => x.why);
  if (facts.unallocated && international) {
    risk = Math.max(risk + 10, 45);
    reasons.unshift('outside the ranges that the country has allocated: hijacked ranges are used for revenue share');
  }
  return odd(facts, risk, reasons);
}

/** Adds what a strange way of dialling says. */
function odd(facts: RiskFacts, risk: number, reasons: string[]): Risk {
  if (!facts.oddlyDialled || !facts.international) return { risk: Math.min(100, risk), reasons };
  return { risk: Math.min(100, risk + 10), reasons: [...reasons, 'dialled in an odd way, as scanners try'] };
}
