import type { NumberKind } from './site.ts';

/** Global codes and what they are for (ITU-T list of assigned country codes); the longest prefix counts. */
const GLOBAL: readonly (readonly [prefix: string, name: string, kind: NumberKind])[] = [
  ['8835100', 'iNum', 'non-geographic'],
  ['88216', 'Thuraya satellite', 'satellite'],
  ['8816', 'Iridium satellite', 'satellite'],
  ['8817', 'Iridium satellite', 'satellite'],
  ['8818', 'Globalstar satellite', 'satellite'],
  ['8819', 'Globalstar satellite', 'satellite'],
  ['800', 'International freephone', 'toll-free'],
  ['808', 'International shared cost', 'shared-cost'],
  ['870', 'Inmarsat satellite', 'satellite'],
  ['878', 'Universal personal telecommunications', 'personal'],
  ['881', 'Global satellite network', 'satellite'],
  ['882', 'International networks', 'non-geographic'],
  ['883', 'International networks', 'non-geographic'],
  ['888', 'Global service', 'non-geographic'],
  ['979', 'International premium rate', 'premium'],
];

const globalEntry = (e164: string): (typeof GLOBAL)[number] | undefined =>
  GLOBAL.find(([prefix]) => e164.startsWith(prefix));

/** Kind of a number under a global code; `kind` when the code is not one. */
export const globalKind = (e164: string, kind: NumberKind): NumberKind => globalEntry(e164)?.[2] ?? kind;

/** Name of the global code that E.164 digits, or a calling code alone, belong to; null for a country's. */
export function globalPlace(e164: string | null, callingCode: string | null): string | null {
  const entry = globalEntry(e164 ?? callingCode ?? '');
  if (entry === undefined) return null;
  const [prefix, name] = entry;
  return `${name} (+${prefix.length > 3 ? `${prefix.slice(0, 3)} ${prefix.slice(3)}` : prefix})`;
}
