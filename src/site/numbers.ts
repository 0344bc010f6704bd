import { BoundedMap } from '../windows.ts';
import {
  countryName,
  emergencyNumbers,
  isDearShortCode,
  isLocalSubscriber,
  overseasCode,
  sameCountry,
} from './country-dialling.ts';
import {
  callingCodeOf,
  classify,
  likelyCountry,
  longestNational,
  planOf,
  withoutTrunk,
  type Plan,
} from './numbering-plan.ts';
import { riskOf } from './number-risk.ts';
import type { RiskList } from './risk-list.ts';
import { globalKind, globalPlace } from './global-codes.ts';
import type { DialledNumber, NumberKind } from './site.ts';

/** How people of this site dial, from `[site]` and `[dialing]`. */
export interface Dialling {
  /** ISO 3166-1 alpha-2, one that has a numbering plan */
  readonly country: string;
  /** prefix for an outside line, '' for none */
  readonly outside: string;
  /** prefixes for calls abroad, beside + and the country's own */
  readonly international: readonly string[];
  /** what is an extension */
  readonly internal: RegExp;
  /** beside the country's own */
  readonly emergency: readonly string[];
  /** what the site itself holds against ranges */
  readonly risks?: RiskList | null;
}

/** Answers kept. An attacker who dials a new number each time fills it and gains nothing: a miss is bounded too. */
const CACHE_SIZE = 20_000;
/** Asterisk's longest extension is 79 characters (AST_MAX_EXTENSION); a longer user part is no number. */
const LONGEST_DIALLED = 80;
const LONGEST_KEY = 128;
/** A plan whose longest number has so many digits fixes no length (DE, AT). */
const VARIABLE_PLAN = 12;
/** Digits of a number abroad that is dialled without prefix; shorter ones are rather numbers at home. */
const SHORTEST_BARE = 10;

/** A complete number, read from what was dialled. */
interface Reading {
  readonly kind: NumberKind;
  readonly e164: string | null;
  readonly country: string | null;
  readonly callingCode: string | null;
  readonly unallocated: boolean;
  readonly notes: readonly string[];
  /** dialled as scanners and intruders do: surplus digits, an unlisted prefix, a forwarding code */
  readonly odd: boolean;
}

/** Is this a complete number that somebody may have? */
const exact = (reading: Reading | null): boolean =>
  reading !== null && !reading.unallocated && reading.kind !== 'invalid';

/**
 * Separators that people and handsets put into numbers (RFC 3966 section 3, ITU-T E.123), and what follows the number:
 * parameters, DTMF to send after the answer.
 */
function stripped(dialled: string): string {
  if (isDigits(dialled)) return dialled;
  let text = dialled.replace(/^(?:tel|sips?):/i, '');
  const end = text.search(/[;,@?]/);
  if (end >= 0) text = text.slice(0, end);
  return text.replace(/[\s\-.()/\u2010-\u2015]/g, '').replace(/^([+\d]{3,})[pw][\dpw*#]*$/i, '$1');
}

/** Digits alone, as nearly all that is dialled. */
function isDigits(text: string): boolean {
  for (let i = 0; i < text.length; i++) {
    const c = text.charCodeAt(i);
    if (c < 48 || c > 57) return false;
  }
  return true;
}

/** A copy that does not keep a larger string alive: a slice of a packet or a row would. */
const detached = (text: string): string => ` ${text}`.slice(1);

/** Short enough for a service of the network, too short for a subscriber. */
const isShort = (digits: string): boolean => /^\d{1,6}$/.test(digits);

/** Reads dialled numbers as this site's PBX does. `number` never throws, costs a hash look-up when it has seen the string. */
export class Numbers {
  readonly #site: Dialling;
  readonly #plan: Plan;
  readonly #emergency: ReadonlySet<string>;
  readonly #international: readonly string[];
  readonly #seen = new BoundedMap<DialledNumber>(CACHE_SIZE);
  /** what was asked for last: of one event all detectors ask in turn */
  #last: { readonly dialled: string; readonly found: DialledNumber } | null = null;

  /** @throws RangeError when the country has no numbering plan; settings are checked before */
  constructor(site: Dialling) {
    const plan = planOf(site.country);
    if (plan === null) throw new RangeError(`no numbering plan for country ${site.country}`);
    this.#site = site;
    this.#plan = plan;
    const emergency = [...site.emergency, ...emergencyNumbers(site.country)];
    this.#emergency = new Set(emergency.flatMap((number) => [number, site.outside + number]));
    this.#international = [...new Set(site.international)].sort((a, b) => b.length - a.length);
  }

  number(dialled: string): DialledNumber {
    if (this.#last?.dialled === dialled) return this.#last.found;
    const found = this.#seen.get(dialled) ?? this.#look(dialled);
    if (dialled.length <= LONGEST_KEY) this.#last = { dialled, found };
    return found;
  }

  #look(dialled: string): DialledNumber {
    const key = detached(dialled.length > LONGEST_KEY ? dialled.slice(0, LONGEST_KEY) : dialled);
    const found = this.#read(key, dialled.length > LONGEST_KEY);
    if (key.length === dialled.length) this.#seen.set(key, found);
    return found;
  }

  #read(dialled: string, cut: boolean): DialledNumber {
    // RFC 5031: the emergency services' own URN, whatever sub-service it names
    if (/^urn:service:sos(?:\.|$)/i.test(dialled)) return this.#inside(dialled, 'emergency');
    const text = stripped(dialled);
    if (this.#emergency.has(text)) return this.#inside(dialled, 'emergency');
    if (cut || text === '' || text.length > LONGEST_DIALLED) return this.#inside(dialled, 'invalid');
    if (/^[*#]/.test(text)) return this.#feature(dialled, text);
    const digits = text.replace(/[*#].*$/, '');
    if (this.#site.internal.test(text)) return this.#inside(dialled, 'extension');
    if (!/^[+\d]+$/.test(digits)) return this.#inside(dialled, 'unknown');
    return this.#outside(dialled, digits);
  }

  /** Feature codes: *43, and those that take a number with them (*67 hides the caller, *72 and *21* forward calls). */
  #feature(dialled: string, text: string): DialledNumber {
    for (const form of [/^[*#]+\d{2,3}[*#]+(\+?\d{5,})/, /^[*#]\d{2}(\+?\d{7,})/, /^[*#]\d{3}(\+?\d{7,})/]) {
      const rest = form.exec(text)?.[1];
      if (rest === undefined) continue;
      const reading = this.#dial(rest);
      if (reading === null || !exact(reading)) continue;
      const code = text.slice(0, text.indexOf(rest));
      const number = this.#describe(dialled, {
        ...reading,
        notes: [...reading.notes, `dialled after feature code ${code}`],
        odd: true,
      });
      if (number.chargeable) return number;
    }
    return this.#inside(dialled, 'service');
  }

  #outside(dialled: string, digits: string): DialledNumber {
    const reading = this.#dial(digits);
    if (reading !== null) return this.#describe(dialled, reading);
    const line = this.#afterOutside(digits) ?? digits;
    if (isDearShortCode(this.#site.country, line)) return this.#inside(dialled, 'service', true);
    return this.#inside(dialled, isShort(line) && !this.#abroadPrefixed(line) ? 'service' : 'invalid');
  }

  #afterOutside(digits: string): string | null {
    const { outside } = this.#site;
    return outside !== '' && digits.startsWith(outside) ? digits.slice(outside.length) : null;
  }

  /**
   * Every way in which the PBX may understand the digits, the exact ones first: with the outside-line prefix taken off, as
   * they stand, behind a prefix that the settings do not list, with surplus digits. null: no number at all.
   */
  #dial(digits: string): Reading | null {
    const plus = digits.lastIndexOf('+');
    if (plus >= 0) {
      const before = digits.slice(0, plus);
      const reading = this.#abroad(digits.slice(plus + 1));
      if (before === '' || before === this.#site.outside) return reading;
      return { ...reading, notes: [...reading.notes, `behind the unlisted prefix ${before}`], odd: true };
    }
    const line = this.#afterOutside(digits);
    const tries = line === null ? [digits] : [line, digits];
    const readings = tries.map((attempt) => this.#external(attempt));
    // what is not exact counts only as the PBX would read it, with the prefix for an outside line taken off
    const [plain] = readings;
    if (plain?.unallocated === true && this.#isAbroad(plain)) return plain;
    return (
      readings.find(exact) ??
      this.#behindUnlisted(digits) ??
      this.#bare(line ?? digits) ??
      this.#homeBehindOne(digits) ??
      plain ??
      (line !== null && isShort(line) ? null : this.#overdialled(line ?? digits))
    );
  }

  /** From the outside line on: abroad, a local number, or a national one. null: neither. */
  #external(digits: string): Reading | null {
    let abroad: Reading | null = null;
    // behind a prefix that is merely listed may stand a complete number at home: 011 is abroad in America, and Delhi in India
    let ofHome: Reading | null | undefined;
    const home = (): boolean => this.#plan.idd?.test(digits) !== true && exact((ofHome ??= this.#national(digits)));
    for (const prefix of this.#abroadPrefixes(digits)) {
      const reading = this.#abroad(digits.slice(prefix));
      if (exact(reading) && !home()) return reading;
      abroad ??= reading;
    }
    if (isDearShortCode(this.#site.country, digits)) return null;
    const national = ofHome ?? this.#national(digits);
    // an unallocated number abroad is still a call abroad, unless it is such a number at home
    if (abroad !== null && abroad.kind !== 'invalid' && !home()) return abroad;
    return national ?? abroad;
  }

  /** Lengths of the international prefixes that the digits may begin with: the country's own first, then the listed ones. */
  #abroadPrefixes(digits: string): number[] {
    const own = this.#plan.idd?.exec(digits)?.[0].length;
    const listed = this.#international.filter((prefix) => digits.startsWith(prefix)).map((prefix) => prefix.length);
    return own === undefined ? listed : [own, ...listed.filter((length) => length !== own)];
  }

  #abroadPrefixed(digits: string): boolean {
    return this.#abroadPrefixes(digits).length > 0;
  }

  /** E.164 digits: always an answer, if only that there is no such number. */
  #abroad(digits: string): Reading {
    const code = callingCodeOf(digits);
    if (code === null) return { ...NOWHERE, notes: ['no country has this calling code'] };
    const national = digits.slice(code.code.length);
    const { country } = this.#site;
    const main = planOf(code.countries[0] ?? code.code);
    // +44 (0)20…: the trunk prefix written in brackets is not part of the number
    for (const attempt of [national, main === null ? null : withoutTrunk(main, national)]) {
      const found = attempt === null ? null : classify(code, attempt, country);
      if (found !== null) return this.#reading(code.code, attempt ?? '', found.country, found.kind);
    }
    const shorter = this.#surplus(code.code, national);
    if (shorter !== null) return shorter;
    if (national.length < 4) return { ...NOWHERE, callingCode: code.code, notes: ['too short for a number'] };
    const owner = likelyCountry(code, national);
    return { ...this.#reading(code.code, national, owner, 'unknown'), unallocated: true };
  }

  #reading(callingCode: string, national: string, country: string | null, kind: NumberKind): Reading {
    const e164 = callingCode + national;
    const global = country === null ? globalKind(e164, kind) : kind;
    return {
      kind: global,
      e164: e164.length > 15 ? null : e164,
      country,
      callingCode,
      unallocated: false,
      notes: [],
      odd: false,
    };
  }

  #national(digits: string): Reading | null {
    const { country } = this.#site;
    const code = callingCodeOf(this.#plan.callingCode);
    if (code === null) return null;
    const national = withoutTrunk(this.#plan, digits);
    // in a plan of many lengths almost any digits are somebody's number, but none that is dialled without its trunk prefix
    const foreign = national === null && this.#plan.longest >= VARIABLE_PLAN ? this.#bare(digits) : null;
    if (foreign !== null && this.#isAbroad(foreign)) return foreign;
    const found = national === null ? null : classify(code, national, country);
    if (found !== null) return this.#reading(code.code, national ?? '', found.country, found.kind);
    const bare = classify(code, digits, country);
    if (national === null && isLocalSubscriber(country, digits) && (bare === null || !DEAR_KINDS.has(bare.kind)))
      return { ...NOWHERE, kind: 'fixed', country, callingCode: code.code, notes: ['local number without area code'] };
    if (bare !== null) return this.#reading(code.code, digits, bare.country, bare.kind);
    const overseas = national === null ? null : overseasCode(country, national);
    if (overseas !== null) return this.#abroad(overseas + (national ?? ''));
    if (national !== null && this.#plan.general.test(national))
      return { ...this.#reading(code.code, national, likelyCountry(code, national), 'unknown'), unallocated: true };
    return null;
  }

  /** Exchanges drop digits beyond a complete number, so surplus digits do not make a call fail; they hide where it goes. */
  #surplus(callingCode: string, national: string): Reading | null {
    const code = callingCodeOf(callingCode);
    if (code === null) return null;
    const longest = longestNational(code);
    if (national.length <= longest) return null;
    for (let length = longest; length >= Math.max(6, longest - 4); length--) {
      const found = classify(code, national.slice(0, length), this.#site.country);
      if (found === null) continue;
      const surplus = national.length - length;
      const notes = [`${surplus} digit${surplus === 1 ? '' : 's'} more than the number has`];
      return { ...this.#reading(callingCode, national.slice(0, length), found.country, found.kind), notes, odd: true };
    }
    return null;
  }

  #overdialled(digits: string): Reading | null {
    return this.#surplus(this.#plan.callingCode, withoutTrunk(this.#plan, digits) ?? digits);
  }

  /**
   * An outside-line or carrier prefix that the settings do not list: 9 011 44…, 010 33 00 371…. Only a complete number
   * that costs money counts, so that a mistyped number at home does not turn into one abroad.
   */
  #behindUnlisted(digits: string): Reading | null {
    for (let at = 1; at <= Math.min(7, digits.length - 8); at++) {
      const rest = digits.slice(at);
      const readings = this.#abroadPrefixes(rest).map((length) => this.#abroad(rest.slice(length)));
      const national = at === 1 ? withoutTrunk(this.#plan, rest) : null;
      const code = callingCodeOf(this.#plan.callingCode);
      const found = national === null || code === null ? null : classify(code, national, this.#site.country);
      if (found !== null && code !== null)
        readings.push(this.#reading(code.code, national ?? '', found.country, found.kind));
      for (const reading of readings)
        if (exact(reading) && reading.notes.length === 0 && this.#costs(reading, this.#isAbroad(reading)))
          return { ...reading, notes: [`behind the unlisted prefix ${digits.slice(0, at)}`], odd: true };
    }
    return null;
  }

  /** An E.164 number without + or prefix, as some PBXs pass numbers to their trunk: 371 26 123456. */
  #bare(digits: string): Reading | null {
    if (digits.length < SHORTEST_BARE || this.#abroadPrefixed(digits) || withoutTrunk(this.#plan, digits) !== null)
      return null;
    // 9 1 212…: much rather an unlisted outside prefix and a number at home than a number in India
    if (this.#plan.callingCode === '1' && /^\d1[2-9]\d{9}$/.test(digits)) return null;
    const reading = this.#abroad(digits);
    if (!exact(reading) || reading.notes.length > 0) return null;
    return { ...reading, notes: ['an international number dialled without its prefix'] };
  }

  /** A number at home behind one digit that the settings do not list as the prefix for an outside line. */
  #homeBehindOne(digits: string): Reading | null {
    if (this.#abroadPrefixed(digits)) return null;
    const national = withoutTrunk(this.#plan, digits.slice(1));
    const code = callingCodeOf(this.#plan.callingCode);
    const found = national === null || code === null ? null : classify(code, national, this.#site.country);
    if (found === null || code === null || national === null) return null;
    const reading = this.#reading(code.code, national, found.country, found.kind);
    return { ...reading, notes: [`behind the unlisted prefix ${digits.slice(0, 1)}`] };
  }

  #isAbroad(reading: Reading): boolean {
    if (reading.country === null) return reading.callingCode !== this.#plan.callingCode;
    return !sameCountry(reading.country, this.#site.country);
  }

  #costs(reading: Reading, international: boolean): boolean {
    const { kind, country } = reading;
    if (kind === 'invalid') return false;
    if (international) return !(kind === 'toll-free' && country === null);
    return DEAR_KINDS.has(kind);
  }

  #describe(dialled: string, reading: Reading): DialledNumber {
    const { kind, e164, country, notes } = reading;
    const international = this.#isAbroad(reading);
    const { country: home, risks = null } = this.#site;
    const facts = { kind, e164, country, international, dearShortCode: false, home };
    const { risk, reasons } = riskOf({ ...facts, unallocated: reading.unallocated, oddlyDialled: reading.odd }, risks);
    return {
      dialled,
      kind,
      e164,
      country,
      place: country !== null ? countryName(country) : globalPlace(e164, reading.callingCode),
      international,
      chargeable: this.#costs(reading, international),
      risk,
      reasons: [...reasons, ...notes],
      blockable: true,
    };
  }

  /** Numbers that lead nowhere outside, or to a service of the network. */
  #inside(dialled: string, kind: NumberKind, dearShortCode = false): DialledNumber {
    const facts = { kind, e164: null, country: null, international: false, dearShortCode, home: null };
    const { risk, reasons } = riskOf({ ...facts, unallocated: false, oddlyDialled: false });
    return {
      dialled,
      kind,
      e164: null,
      country: null,
      place: null,
      international: false,
      chargeable: dearShortCode,
      risk,
      reasons,
      blockable: kind !== 'emergency',
    };
  }
}

const NOWHERE: Reading = {
  kind: 'invalid',
  e164: null,
  country: null,
  callingCode: null,
  unallocated: false,
  notes: [],
  odd: false,
};

/** Kinds that cost money that matters even within the country. */
const DEAR_KINDS: ReadonlySet<NumberKind> = new Set<NumberKind>([
  'premium',
  'satellite',
  'non-geographic',
  'shared-cost',
  'personal',
  'pager',
]);
