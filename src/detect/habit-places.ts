import { faded, packCount, unpackCount } from '../baseline.ts';
import type { Millis } from '../model.ts';
import type { DialledNumber, NumberKind } from '../site/site.ts';
import { DAY } from '../time.ts';
import type { Called, Seen } from './habits.ts';
import { callingCode } from './phrases.ts';

/**
 * Where calls went, as small whole numbers: a country (or a code that belongs to none) with a kind of number in it, and the
 * first six digits of E.164. What is unknown has no place and is never "usual".
 */

const KINDS: readonly NumberKind[] = [
  'fixed',
  'mobile',
  'fixed-or-mobile',
  'toll-free',
  'premium',
  'shared-cost',
  'voip',
  'personal',
  'pager',
  'uan',
  'satellite',
  'non-geographic',
  'unknown',
];
const KIND_BITS = 16;
const PREFIX = 1 << 20;

/** Countries from 0 to 675 by their letters, codes without one above. 0: none. */
function countryKey({ country, e164 }: DialledNumber): number {
  if (country !== null) return 1 + (country.charCodeAt(0) - 65) * 26 + country.charCodeAt(1) - 65;
  return e164 === null ? 0 : 1_000 + Number(callingCode(e164));
}

/** Key of country and kind; 0: the number has no such place. */
function kindKey(number: DialledNumber): number {
  const country = countryKey(number);
  const kind = KINDS.indexOf(number.kind);
  return country === 0 || kind < 0 ? 0 : country * KIND_BITS + kind;
}

/** Key of the first six digits; 0: it is shorter. */
const prefixKey = ({ e164 }: DialledNumber): number =>
  e164 === null || e164.length < 6 ? 0 : PREFIX + Number(e164.slice(0, 6));

/** What is noted of a call there; none for a number without a place. */
export const placeKeys = (number: DialledNumber): readonly number[] =>
  [kindKey(number), prefixKey(number)].filter((key) => key !== 0);

/** ISO 3166-1 code or `+881` of a key of country and kind; null: it is a key of a prefix. */
export function placeName(key: number): string | null {
  if (key >= PREFIX) return null;
  const country = Math.floor(key / KIND_BITS) - 1;
  if (country >= 999) return `+${country - 999}`;
  return String.fromCharCode(65 + Math.floor(country / 26), 65 + (country % 26));
}

/**
 * The places of one account, group or site: two numbers each, its key and what is known of it (the last day, the days, the
 * faded calls; 40 bits). Flat, for there are a hundred thousand of them; oldest forgotten first.
 */
export type Places = number[];
const WIDTH = 2;
/** A place is forgotten when it has faded to this, more than two years after its last call. */
const FORGOTTEN = 0.01;
const MOST_DAYS = 255;

const pack = (calls: number, days: number, last: number): number => (last * 256 + days) * 65_536 + packCount(calls);
const callsOf = (known: number): number => unpackCount(known % 65_536);
const daysOf = (known: number): number => Math.floor(known / 65_536) % 256;
const lastOf = (known: number): number => Math.floor(known / 16_777_216);

const HIGH = 2 ** 32;
/** bits of a key: below 2^20 and a million */
const KEY_BITS = 21;

/** Places as whole numbers below 2^32, two each: the low word of what is known, then the key under the eight high bits. */
export function wordsOf(places: Readonly<Places>): number[] {
  const words: number[] = [];
  for (let i = 0; i < places.length; i += WIDTH) {
    const known = places[i + 1] ?? 0;
    const high = Math.floor(known / HIGH);
    words.push(known - high * HIGH, (places[i] ?? 0) + high * 2 ** KEY_BITS);
  }
  return words;
}

/** Back from `wordsOf`; null: none. */
export function placesOf(words: readonly number[]): Places | null {
  if (words.length === 0) return null;
  const places: Places = [];
  for (let i = 0; i < words.length; i += WIDTH) {
    const key = words[i + 1] ?? 0;
    places.push(key % 2 ** KEY_BITS, Math.floor(key / 2 ** KEY_BITS) * HIGH + (words[i] ?? 0));
  }
  return places;
}

/** Notes calls to a place on a day (counted since 1970, local). `most`: places kept. */
export function notePlace(places: Places, key: number, calls: number, day: number, most: number): void {
  let oldest = 0;
  for (let i = 0; i < places.length; i += WIDTH) {
    const known = places[i + 1] ?? 0;
    if (places[i] === key) {
      const last = lastOf(known);
      const days = Math.min(MOST_DAYS, daysOf(known) + (day > last ? 1 : 0));
      places[i + 1] = pack(callsOf(known) * faded(day - last) + calls, days, Math.max(day, last));
      return;
    }
    if (lastOf(known) < lastOf(places[oldest + 1] ?? 0)) oldest = i;
  }
  if (places.length < most * WIDTH) places.push(key, pack(calls, 1, day));
  else places.splice(oldest, WIDTH, key, pack(calls, 1, day));
}

/** What a place list knows of a number, on a day. */
export function calledIn(places: Readonly<Places> | null, number: DialledNumber, day: number): Called {
  const wanted = kindKey(number);
  const country = countryKey(number);
  const prefix = prefixKey(number);
  const found: Record<keyof Called, Seen | null> = { country: null, kind: null, prefix: null };
  if (places === null) return found;
  for (let i = 0; i < places.length; i += WIDTH) {
    const key = places[i] ?? 0;
    const seen = seenAt(places, i, day);
    if (seen === null) continue;
    if (key === prefix && prefix !== 0) found.prefix = seen;
    if (key >= PREFIX || Math.floor(key / KIND_BITS) !== country || country === 0) continue;
    if (key === wanted) found.kind = seen;
    found.country = found.country === null ? seen : together(found.country, seen);
  }
  return found;
}

function seenAt(places: Readonly<Places>, i: number, day: number): Seen | null {
  const known = places[i + 1] ?? 0;
  const last = lastOf(known);
  const calls = callsOf(known) * faded(day - last);
  return calls < FORGOTTEN ? null : { calls, days: daysOf(known), last: last * DAY };
}

const together = (a: Seen, b: Seen): Seen => ({
  calls: a.calls + b.calls,
  days: Math.max(a.days, b.days),
  last: Math.max(a.last, b.last),
});

/** Countries by calls, most first. */
export function countriesIn(
  places: Readonly<Places> | null,
  day: number,
): { place: string; calls: number; last: Millis }[] {
  const countries = new Map<string, Seen>();
  for (let i = 0; i < (places?.length ?? 0); i += WIDTH) {
    const name = placeName(places?.[i] ?? 0);
    const seen = places === null || name === null ? null : seenAt(places, i, day);
    if (name === null || seen === null) continue;
    const known = countries.get(name);
    countries.set(name, known === undefined ? seen : together(known, seen));
  }
  return [...countries]
    .map(([place, { calls, last }]) => ({ place, calls, last }))
    .sort((a, b) => b.calls - a.calls || (a.place < b.place ? -1 : 1));
}

/** Faded count of the countries that were called on one day alone. */
export function calledOnce(places: Readonly<Places> | null, day: number): number {
  const days = new Map<string, { days: number; last: number }>();
  for (let i = 0; i < (places?.length ?? 0); i += WIDTH) {
    const name = placeName(places?.[i] ?? 0);
    if (name === null) continue;
    const known = days.get(name) ?? { days: 0, last: 0 };
    const place = places?.[i + 1] ?? 0;
    days.set(name, { days: known.days + daysOf(place), last: Math.max(known.last, lastOf(place)) });
  }
  let once = 0;
  for (const country of days.values()) if (country.days === 1) once += faded(day - country.last);
  return once;
}
