import type { Subject } from '../model.ts';
import type { DialledNumber, NumberKind } from '../site/site.ts';

/** Pieces of the sentences that detectors say. */

/** `1 call`, `12 calls`. */
export const counted = (n: number, one: string, many = `${one}s`): string => `${n} ${n === 1 ? one : many}`;

/** `a`, `a and b`, `a, b and c`, `a, b and 5 more`. */
export function listed(items: readonly string[], most = 3): string {
  const shown = items.length <= most ? [...items] : [...items.slice(0, most - 1), `${items.length - most + 1} more`];
  const last = shown.pop() ?? '';
  return shown.length === 0 ? last : `${shown.join(', ')} and ${last}`;
}

/** `Extension 1004`, `Address 203.0.113.7`. A value that came over the wire is cut to what fits a line. */
export function named(subject: Subject): string {
  const noun = { account: 'Extension', address: 'Address', number: 'Number', trunk: 'Trunk' }[subject.type];
  return `${noun} ${printable(subject.value)}`;
}

/** Text from the network as it may stand in a sentence: no control characters, not longer than 64. */
export const printable = (text: string): string =>
  // eslint-disable-next-line no-control-regex -- control characters are what is taken out
  text.replace(/[\x00-\x1f\x7f-\x9f\u2028\u2029]/g, '?').slice(0, 64);

/** Country codes of one and two digits (ITU-T E.164 annex); all others have three. */
const SHORT_CODES = new Set(
  (
    '1 7 20 27 30 31 32 33 34 36 39 40 41 43 44 45 46 47 48 49 51 52 53 54 55 56 57 58 ' +
    '60 61 62 63 64 65 66 81 82 84 86 90 91 92 93 94 95 98'
  ).split(' '),
);

/** Country calling code of E.164 digits. */
export function callingCode(e164: string): string {
  for (const length of [1, 2]) if (SHORT_CODES.has(e164.slice(0, length))) return e164.slice(0, length);
  return e164.slice(0, 3);
}

/** Where a number leads, for people: `Latvia (+371)`, `Inmarsat satellite (+870)`, `a premium-rate number in Germany (+49)`. */
export function placeOf(number: DialledNumber): string {
  const code = number.e164 === null ? '' : ` (+${callingCode(number.e164)})`;
  const place = number.place === null ? '' : number.place.includes('(+') ? number.place : `${number.place}${code}`;
  if (place === '') return number.e164 === null ? printable(number.dialled) : `+${number.e164}`;
  if (number.international) return place;
  return `${SPECIAL[number.kind] ?? 'a special number'} in ${place}`;
}

const SPECIAL: Partial<Record<NumberKind, string>> = {
  premium: 'a premium-rate number',
  'shared-cost': 'a shared-cost number',
  satellite: 'a satellite number',
};
