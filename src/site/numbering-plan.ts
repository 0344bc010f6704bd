import metadata from 'libphonenumber-js/max/metadata';
import { DigitTrie } from './digit-trie.ts';
import type { NumberKind } from './site.ts';

/**
 * The world's numbering plans, from the metadata that libphonenumber-js ships (its "max" set, layout version 4). Only the
 * data is used: the library's parser builds and runs dozens of patterns for every call, which is no price to pay for a
 * digit string that a stranger chose. Here the calling code is found by a trie, the patterns of a country are compiled
 * when it is first dialled, and a number is tried against the types of one plan. test/site/numbering-plan.test.ts holds
 * this to the library's own answers.
 */

/** One type of number in a plan: pattern of the national number, and its possible lengths if they differ from the plan's. */
type RawType = 0 | null | readonly [pattern: string, lengths?: readonly number[]];
/** The fields of a country's record that are used here; libphonenumber-js source/metadata.js names their places. */
type RawPlan = readonly unknown[];

interface RawMetadata {
  readonly version: number;
  readonly country_calling_codes: Readonly<Record<string, readonly string[]>>;
  readonly countries: Readonly<Record<string, RawPlan>>;
  readonly nonGeographic: Readonly<Record<string, RawPlan>>;
}

const raw = metadata as unknown as RawMetadata;

/** Layout of the metadata; a test fails when the package brings another one. */
export const METADATA_VERSION = raw.version;

const PLACE = {
  idd: 1,
  general: 2,
  lengths: 3,
  nationalPrefix: 5,
  prefixPattern: 7,
  transform: 8,
  leading: 10,
  types: 11,
};

/** Places of the types in a record, in the order in which libphonenumber tries them. */
const TYPE_ORDER: readonly (readonly [place: number, kind: NumberKind])[] = [
  [1, 'mobile'],
  [3, 'premium'],
  [2, 'toll-free'],
  [9, 'shared-cost'],
  [8, 'voip'],
  [4, 'personal'],
  [7, 'pager'],
  [6, 'uan'],
  [5, 'service'], // voicemail
];

interface TypePattern {
  readonly kind: NumberKind;
  readonly pattern: RegExp;
  /** bit n: a number of n digits is possible */
  readonly lengths: number;
}

/** How numbers of one country (or of one non-geographic calling code) look. Patterns are those of national numbers. */
export interface Plan {
  /** ISO 3166-1, null for a non-geographic code */
  readonly country: string | null;
  readonly callingCode: string;
  /** prefix for calls abroad, null if the plan names none */
  readonly idd: RegExp | null;
  /** the usual prefix of a national call, '' for none */
  readonly nationalPrefix: string;
  /** what a national number starts with when it is dialled within the country, null for none */
  readonly trunk: RegExp | null;
  readonly transform: string | null;
  readonly general: RegExp;
  readonly longest: number;
  readonly leading: RegExp | null;
  readonly fixed: TypePattern | null;
  /** fixed and mobile numbers cannot be told apart */
  readonly blended: boolean;
  readonly others: readonly TypePattern[];
}

const lengthBits = (lengths: readonly number[]): number => lengths.reduce((bits, n) => bits | (1 << n), 0);
const whole = (pattern: string): RegExp => new RegExp(`^(?:${pattern})$`);
const atStart = (pattern: unknown): RegExp | null =>
  typeof pattern === 'string' && pattern !== '' ? new RegExp(`^(?:${pattern})`) : null;

function compile(country: string | null, record: RawPlan): Plan {
  const lengths = record[PLACE.lengths] as readonly number[];
  const types = (record[PLACE.types] ?? []) as readonly RawType[];
  const typeAt = (place: number, kind: NumberKind): TypePattern | null => {
    const type = types[place];
    if (!type || type[0] === '') return null;
    return { kind, pattern: whole(type[0]), lengths: lengthBits(type[1] ?? lengths) };
  };
  const mobile = types[1];
  const transform = record[PLACE.transform];
  const nationalPrefix = record[PLACE.nationalPrefix];
  return {
    country,
    callingCode: record[0] as string,
    idd: atStart(record[PLACE.idd]),
    nationalPrefix: typeof nationalPrefix === 'string' ? nationalPrefix : '',
    trunk: atStart(record[PLACE.prefixPattern] || record[PLACE.nationalPrefix]),
    transform: typeof transform === 'string' ? transform : null,
    general: whole(record[PLACE.general] as string),
    longest: Math.max(...lengths),
    leading: atStart(record[PLACE.leading]),
    fixed: typeAt(0, 'fixed'),
    // no mobile pattern of its own, or one dropped because it repeats the fixed one
    blended: !mobile || mobile[0] === '',
    others: TYPE_ORDER.map(([place, kind]) => typeAt(place, kind)).filter((type) => type !== null),
  };
}

const plans = new Map<string, Plan>();

/** The plan of a country (ISO 3166-1 alpha-2) or of a non-geographic calling code ("870"); null: there is none. */
export function planOf(id: string): Plan | null {
  const known = plans.get(id);
  if (known !== undefined) return known;
  const isCode = /^\d/.test(id);
  const source = isCode ? raw.nonGeographic : raw.countries;
  const record = Object.hasOwn(source, id) ? source[id] : undefined;
  if (record === undefined) return null;
  const plan = compile(isCode ? null : id, record);
  plans.set(id, plan);
  return plan;
}

/** Every country that has a numbering plan, ISO 3166-1 alpha-2. */
export const COUNTRIES: readonly string[] = Object.keys(raw.countries);

interface CallingCode {
  readonly code: string;
  /** countries that share it, the main one first; empty for a non-geographic code */
  readonly countries: readonly string[];
}

const codes = new DigitTrie<CallingCode>();
for (const [code, countries] of Object.entries(raw.country_calling_codes)) {
  const geographic = countries.filter((country) => country.length === 2);
  codes.add(code, { code, countries: geographic });
}
for (const code of Object.keys(raw.nonGeographic)) codes.add(code, { code, countries: [] });

/** The calling code that E.164 digits begin with (ITU-T E.164 section 6.2.1), null: none that is assigned. */
export const callingCodeOf = (digits: string): CallingCode | null => codes.longest(digits)?.value ?? null;

function fits(type: TypePattern | null, national: string): boolean {
  return type !== null && (type.lengths & (1 << national.length)) !== 0 && type.pattern.test(national);
}

/** Kind of a national number by one plan; null: the plan has no such number. */
export function kindIn(plan: Plan, national: string): NumberKind | null {
  if (national.length > plan.longest || !plan.general.test(national)) return null;
  const mobile = plan.others[0]?.kind === 'mobile' ? plan.others[0] : null;
  if (fits(plan.fixed, national)) return plan.blended || fits(mobile, national) ? 'fixed-or-mobile' : 'fixed';
  for (const type of plan.others) if (fits(type, national)) return type.kind;
  return null;
}

export interface Classified {
  readonly country: string | null;
  readonly kind: NumberKind;
}

/**
 * Country and kind of a complete number; null: no such number is allocated. Where several countries share a number
 * (+1 800), `home` has the first claim.
 */
export function classify(code: CallingCode, national: string, home: string): Classified | null {
  if (national.length < 2 || national.length > 17) return null;
  if (code.countries.length === 0) {
    const plan = planOf(code.code);
    const kind = plan === null ? null : kindIn(plan, national);
    return kind === null ? null : { country: null, kind };
  }
  if (code.countries.length > 1 && code.countries.includes(home)) {
    const own = classifyIn(home, national);
    if (own?.kind != null) return { country: home, kind: own.kind };
  }
  for (const country of code.countries) {
    const found = classifyIn(country, national);
    if (found === null) continue;
    return found.kind === null ? null : { country, kind: found.kind };
  }
  return null;
}

/** Is the number this country's, and if so of what kind? Leading digits, where a plan has them, settle the first question. */
function classifyIn(country: string, national: string): { readonly kind: NumberKind | null } | null {
  const plan = planOf(country);
  if (plan === null) return null;
  if (plan.leading !== null) return plan.leading.test(national) ? { kind: kindIn(plan, national) } : null;
  const kind = kindIn(plan, national);
  return kind === null ? null : { kind };
}

/** The country to name for a number that is not allocated: by leading digits, else the code's main country. */
export function likelyCountry(code: CallingCode, national: string): string | null {
  for (const country of code.countries) if (planOf(country)?.leading?.test(national) === true) return country;
  return code.countries[0] ?? null;
}

/** The longest national number that a calling code's plans allow. */
export function longestNational(code: CallingCode): number {
  const ids = code.countries.length === 0 ? [code.code] : code.countries.slice(0, 1);
  return Math.max(0, ...ids.map((id) => planOf(id)?.longest ?? 0));
}

/** A number as dialled within the country, without its trunk (and carrier) prefix; null: it does not begin with one. */
export function withoutTrunk(plan: Plan, digits: string): string | null {
  const match = plan.trunk?.exec(digits);
  if (match == null || plan.trunk === null) return null;
  const groups = match.length - 1;
  const captured = groups > 0 && match[groups] !== undefined && match[groups] !== '';
  if (plan.transform !== null && captured) return digits.replace(plan.trunk, plan.transform);
  // a plan may only add digits here (VI: 340 before a local number); nothing matched means nothing was dialled
  return match[0] === '' ? null : digits.slice(match[0].length);
}
