import { DigitTrie } from './digit-trie.ts';
import type { DialledNumber, NumberKind } from './site.ts';
import type { Rate } from './tariff.ts';

/**
 * What a minute costs where no tariff says it: our own estimate, in EUR, of what a small business pays on an ordinary SIP
 * trunk, rather high than low, for it guards a budget. It is no offer of anybody's, taxes are disregarded, a site that reckons in
 * another currency has it converted roughly (currencies.ts), and what is reckoned by it is always called estimated.
 * Every call is reckoned by the second, without a connection fee.
 */

/** EUR cents a minute at home. Kinds not listed cost nothing that matters. */
const HOME: Readonly<Partial<Record<NumberKind, number>>> = {
  fixed: 1.5,
  'fixed-or-mobile': 2,
  voip: 1.5,
  uan: 4,
  mobile: 6,
  unknown: 4,
  'shared-cost': 14,
  personal: 40,
  pager: 60,
  premium: 200,
  service: 200, // only those short codes that are charged by the minute are reckoned
};

/** EUR cents a minute abroad, by what is held against the destination, for fixed lines and for all else. */
const ABROAD: readonly (readonly [risk: number, fixed: number, other: number])[] = [
  [80, 120, 150],
  [75, 100, 130],
  [70, 60, 80],
  [60, 40, 55],
  [40, 20, 35],
  [20, 8, 18],
  [0, 3, 12],
];

/** Kinds that are dear wherever they are. */
const DEAR: Readonly<Partial<Record<NumberKind, number>>> = {
  premium: 250,
  satellite: 500,
  'non-geographic': 250,
  'shared-cost': 40,
  personal: 60,
  pager: 60,
};

/** EUR cents a minute of ranges that are dearer or cheaper than their risk says. */
const RANGES: readonly (readonly [prefix: string, cents: number])[] = [
  ['870', 900],
  ['8816', 700],
  ['8817', 700],
  ['8818', 400],
  ['8819', 400],
  ['88216', 450],
  ['882', 350],
  ['883', 200],
  ['8835100', 5],
  ['979', 500],
  ['53', 110],
  ['252', 100],
  ['239', 220],
  ['246', 350],
  ['247', 300],
  ['290', 300],
  ['500', 200],
  ['674', 220],
  ['677', 200],
  ['6721', 300],
  ['688', 150],
  ['690', 200],
  ['850', 150],
  ['675', 130],
  ['960', 120],
  ['216', 90],
  ['447', 10],
  ['4470', 60],
];

const ranges = new DigitTrie<number>();
for (const [prefix, cents] of RANGES) ranges.add(prefix, cents);

const FREE: Rate = { perMinute: 0, connection: 0 };

/** What a minute to this number costs by our own estimate, in EUR; 0 where nothing is charged. Pure, never throws. */
export function estimatedRate(number: DialledNumber): Rate {
  const cents = centsOf(number);
  return cents === 0 ? FREE : { perMinute: cents / 100, connection: 0 };
}

function centsOf({ kind, e164, international, chargeable, risk, country }: DialledNumber): number {
  if (kind === 'extension' || kind === 'emergency' || kind === 'invalid') return 0;
  if (kind === 'service' && !chargeable) return 0;
  if (kind === 'toll-free') return international && country !== null ? 5 : 0;
  if (!international) return HOME[kind] ?? 0;
  const listed = e164 === null ? null : ranges.longest(e164);
  const dear = DEAR[kind] ?? 0;
  if (listed !== null) return Math.max(listed.value, kind === 'satellite' || kind === 'non-geographic' ? 0 : dear);
  if (dear > 0) return dear;
  const [, fixed, other] = ABROAD.find(([least]) => risk >= least) ?? [0, 3, 12];
  return kind === 'fixed' || kind === 'fixed-or-mobile' || kind === 'voip' ? fixed : other;
}
