import { emergencyNumbers, sameCountry } from './country-dialling.ts';
import { prefixesOf, wordsOf } from './number-prefixes.ts';
import { callingCodeOf, planOf, type Plan } from './numbering-plan.ts';
import type { Dialling } from './numbers.ts';

/**
 * How numbers are dialled here, in the few words with which a dialplan can read them (docs/astdb.md, `dialplan/…`): what
 * the PBX's and the proxy's guards know of a numbering plan, so that they read a number as `Numbers` does.
 */
export interface Dialplan {
  /** prefix for an outside line, '' for none */
  readonly outside: string;
  /** prefixes for calls abroad, longest first */
  readonly international: readonly string[];
  /** calling code */
  readonly country: string;
  /** what national numbers begin with, longest first; none where they are dialled as they are */
  readonly trunk: readonly string[];
  /** fewest and most digits of a national number that is dialled without that; null: none is */
  readonly national: readonly [least: number, most: number] | null;
  /**
   * Of E.164 numbers with our calling code, by their first digits: are they abroad? The longest that fits counts, and
   * where none does they are at home.
   */
  readonly abroad: ReadonlyMap<string, boolean>;
  /** emergency numbers, each alone and behind the prefix for an outside line */
  readonly emergency: readonly string[];
}

export type DialplanInput = Pick<Dialling, 'country' | 'outside' | 'international' | 'emergency'>;

/** The guard tries so many digits of a number when it asks whether that is abroad. */
const ABROAD_DIGITS = 8;
/** Digits of a national number looked at to see what can begin so. */
const LOOKED_AT = 3;
/** Shorter ones are rather extensions, longer ones E.164 numbers. */
const NATIONAL = { shortest: 6, longest: 11 };

/**
 * Countries that have a prefix for national calls, and where the whole number is dialled without it all the same: numbers
 * of so many digits would otherwise be taken for E.164 numbers without their plus.
 */
const WITHOUT_TRUNK: Readonly<Record<string, readonly [number, number]>> = {
  BR: [10, 11],
  CN: [11, 11],
  CO: [10, 10],
  IN: [10, 10],
  KZ: [10, 10],
  RU: [10, 10],
};
const NORTH_AMERICA = '1';

const starts = (text: string): string[] => Array.from(text, (_, i) => text.slice(0, i + 1));

/** Prefixes of national numbers that a plan has, of any type; leading digits, where it has them, come first. */
function numbersOf(plan: Plan, depth: number): string[] {
  // short codes (310 1234 in Canada) are dialled within the country alone, and other countries' numbers begin like them
  const types = [plan.fixed, ...plan.others].filter((type) => type !== null && (type.lengths & lengthsOf(plan)) !== 0);
  const all = types.flatMap((type) => (type === null ? [] : prefixesOf(type.pattern.source, depth)));
  if (plan.leading === null) return all;
  const leading = prefixesOf(plan.leading.source, depth);
  return all.flatMap((prefix) =>
    leading.some((lead) => prefix.startsWith(lead)) ? [prefix] : leading.filter((lead) => lead.startsWith(prefix)),
  );
}

const longestFirst = (words: Iterable<string>): string[] =>
  [...new Set(words)].sort((a, b) => b.length - a.length || (a < b ? -1 : 1));

/** How a national call begins; a plan whose prefix takes a carrier's code along is told by the usual one. */
function trunkOf(plan: Plan): string[] {
  const { trunk, nationalPrefix } = plan;
  const plain = trunk === null || /\((?!\?:)/.test(trunk.source) ? null : wordsOf(trunk.source);
  return longestFirst([...(plain ?? []), nationalPrefix].filter((word) => word !== ''));
}

/** Bit n: fixed or mobile numbers of n digits are possible. */
function lengthsOf({ fixed, others }: Plan): number {
  const mobile = others[0]?.kind === 'mobile' ? others[0].lengths : 0;
  return (fixed?.lengths ?? 0) | mobile;
}

function nationalOf(country: string, plan: Plan, trunk: readonly string[]): Dialplan['national'] {
  if (plan.callingCode === NORTH_AMERICA) return [10, 10];
  if (trunk.length > 0) return WITHOUT_TRUNK[country] ?? null;
  const bits = lengthsOf(plan);
  const lengths = Array.from({ length: NATIONAL.longest + 1 }, (_, n) => n).filter(
    (n) => n >= NATIONAL.shortest && (bits & (1 << n)) !== 0,
  );
  return lengths.length === 0 ? null : [Math.min(...lengths), Math.max(...lengths)];
}

/** The country's own prefixes for calls abroad, and of the listed ones those with which no national number begins. */
function internationalOf(plan: Plan, listed: readonly string[], trunk: readonly string[], bare: boolean): string[] {
  const own = plan.idd === null ? [] : (wordsOf(plan.idd.source) ?? []);
  const begins = trunk.length > 0 ? [...trunk, ...(bare ? [''] : [])] : [''];
  const home = numbersOf(plan, LOOKED_AT).flatMap((number) => begins.map((prefix) => prefix + number));
  const taken = (word: string): boolean => home.some((number) => number.startsWith(word) || word.startsWith(number));
  return longestFirst([...own, ...listed.filter((word) => !own.includes(word) && !taken(word))]);
}

/** The shortest prefixes of `numbers` with which none of `others` begins; what both have is left out. */
function apart(numbers: ReadonlySet<string>, others: ReadonlySet<string>, depth: number): Set<string> {
  const begun = new Set([...others].flatMap(starts));
  const found = new Set<string>();
  const add = (prefix: string): void => {
    const all = starts(prefix);
    if (all.some((start) => others.has(start))) return;
    const free = all.find((start) => !begun.has(start));
    if (free !== undefined) found.add(free);
    else if (prefix.length < depth) for (let digit = 0; digit < 10; digit++) add(prefix + String(digit));
  };
  for (const prefix of numbers) add(prefix);
  return found;
}

/**
 * What is abroad within our own calling code. Numbers that nobody has are the main country's, as `Numbers` has it: seen
 * from there the others' are named, seen from elsewhere our own are, for they are fewer. Home has the first claim to
 * what several plans have (freephone).
 */
function abroadOf(country: string, callingCode: string): Map<string, boolean> {
  const depth = ABROAD_DIGITS - callingCode.length;
  const countries = callingCodeOf(callingCode)?.countries ?? [];
  const of = (which: (other: string) => boolean): Set<string> => {
    const chosen = countries.filter(which).map(planOf);
    return new Set(chosen.flatMap((plan) => (plan === null ? [] : numbersOf(plan, depth))));
  };
  const home = of((other) => sameCountry(other, country));
  const foreign = of((other) => !sameCountry(other, country));
  if (foreign.size === 0) return new Map();
  const abroad = apart(foreign, home, depth);
  if (sameCountry(countries[0] ?? country, country))
    return new Map([...abroad].sort().map((prefix) => [callingCode + prefix, true]));
  const own = [...apart(home, abroad, depth)].sort();
  return new Map([[callingCode, true], ...own.map((prefix): [string, boolean] => [callingCode + prefix, false])]);
}

const known = new Map<string, Dialplan['abroad']>();

/**
 * What a guard needs to know of how people dial here.
 * @throws RangeError when the country has no numbering plan; settings are checked before
 */
export function dialplanOf({ country, outside, international, emergency }: DialplanInput): Dialplan {
  const plan = planOf(country);
  if (plan === null) throw new RangeError(`no numbering plan for country ${country}`);
  const trunk = trunkOf(plan);
  const national = nationalOf(country, plan, trunk);
  let abroad = known.get(country);
  if (abroad === undefined) known.set(country, (abroad = abroadOf(country, plan.callingCode)));
  const alone = [...new Set([...emergencyNumbers(country), ...emergency])];
  return {
    outside,
    international: internationalOf(plan, international, trunk, national !== null),
    country: plan.callingCode,
    trunk,
    national,
    abroad,
    emergency: [...new Set([...alone, ...alone.map((number) => outside + number)])].sort(),
  };
}
