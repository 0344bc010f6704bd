import { HABITS_VERSION, LearnedHabits } from '../detect/learned-habits.ts';
import { MEASURES, type Measure, type Whose } from '../detect/habits.ts';
import { RingfenceError } from '../errors.ts';
import type { Millis } from '../model.ts';
import type { Site } from '../site/index.ts';
import type { Cursor, Store } from '../store/index.ts';
import { iso } from '../time.ts';
import { visible } from '../words/index.ts';
import { storeOf } from './open-store.ts';
import { EXIT, type GlobalOptions, type Output } from './output.ts';
import { readConfig, siteOf } from './site.ts';

interface BaselineOptions {
  readonly site: boolean;
  readonly group?: string;
  readonly measure: Measure;
}

const CURSORS: readonly Cursor[] = ['run', 'scan'];
const COUNTRIES = 8;

/** `ringfence detectors baseline`: what is usual for an account, a group or the site, as a picture. */
export default function baseline(
  [account]: readonly string[],
  options: BaselineOptions & GlobalOptions,
  output: Output,
): number {
  if ([account !== undefined, options.site, options.group !== undefined].filter(Boolean).length !== 1)
    throw new RingfenceError('usage', 'name an account, or --site, or --group NAME, one of them');
  const whose: Whose =
    account !== undefined ? { account } : options.group !== undefined ? { group: options.group } : 'site';
  const config = readConfig(options, output);
  const site = siteOf(config);
  const store = storeOf(config, { create: false });
  try {
    const habits = learned(store, site);
    const weeks = habits?.watched(whose) ?? null;
    if (habits === null || weeks === null) throw new RingfenceError('usage', unknown(whose, habits !== null));
    const told = describe(habits, whose, weeks, options.measure, site);
    if (output.json) output.object(told);
    else output.result(picture(told, isUtf8(process.env)));
    return EXIT.done;
  } finally {
    store.close();
  }
}

/** What the daemon learned, else what scans did; null: neither has learned yet. */
function learned(store: Store, site: Site): LearnedHabits | null {
  for (const cursor of CURSORS) {
    const parts = store.snapshots.load(cursor);
    const habits = new LearnedHabits(site);
    const restored = habits.restore((name) => {
      const part = parts.get(`habits${name}`);
      return part?.version === HABITS_VERSION ? { state: part.state, revision: 0 } : undefined;
    });
    if (restored && habits.watched('site') !== null) return habits;
  }
  return null;
}

function unknown(whose: Whose, any: boolean): string {
  if (!any)
    return 'nothing has been learned yet: ringfence run learns from calls, ringfence scan from call records, a day at a time';
  if (whose === 'site') return 'nothing has been learned of the site yet';
  return 'account' in whose
    ? `no calls to the outside are known of account "${visible(whose.account, 64)}"`
    : `no calls are known of group "${visible(whose.group, 64)}"`;
}

/** The picture, and what `--format json` prints. */
interface Told {
  readonly of: string;
  readonly measure: Measure;
  /** weeks of watching that this rests on; what is older counts less, so that it never gets far above eight */
  readonly weeks: number;
  /** false: the first two weeks, in which nothing is judged by it */
  readonly known: boolean;
  readonly perDay: Readonly<Record<Measure, { readonly mean: number; readonly high: number }>>;
  readonly currency: string;
  readonly countries: readonly { readonly country: string; readonly calls: number; readonly last: string }[];
  /** 168 hours from Monday midnight, in the site's zone */
  readonly hours: readonly number[];
  readonly timezone: string;
}

function describe(habits: LearnedHabits, whose: Whose, weeks: number, measure: Measure, site: Site): Told {
  const name = whose === 'site' ? `site ${site.name}` : 'account' in whose ? whose.account : `group ${whose.group}`;
  const perDay = Object.fromEntries(
    MEASURES.map((m) => {
      const { mean, high } = habits.usual(whose, m);
      return [m, { mean: rounded(mean), high }];
    }),
  ) as Told['perDay'];
  return {
    of: name,
    measure,
    weeks: rounded(weeks),
    known: 'object' === typeof whose && 'account' in whose ? habits.knows(whose.account) : habits.known(),
    perDay,
    currency: site.currency,
    countries: habits
      .countries(whose)
      .slice(0, COUNTRIES)
      .map(({ place, calls, last }) => ({ country: place, calls: rounded(calls), last: dateOf(last) })),
    hours: habits.week(whose, measure).map(rounded),
    timezone: site.timezone,
  };
}

const rounded = (value: number): number => Math.round(value * 100) / 100;
/** `last` is midnight of a local day, written as if it were UTC. */
const dateOf = (last: Millis): string => iso(last).slice(0, 10);

const BLOCKS = [' ', '·', '░', '▒', '▓', '█'];
const LETTERS = [' ', '.', ':', '+', '#', '@'];
const isUtf8 = (env: NodeJS.ProcessEnv): boolean =>
  /utf-?8/i.test(env['LC_ALL'] || env['LC_CTYPE'] || env['LANG'] || '');

const DAYS = ['Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat', 'Sun'];
const LABEL: Readonly<Record<Measure, string>> = {
  calls: 'calls placed',
  chargeable: 'calls that cost money',
  minutes: 'minutes of placed calls',
  spend: 'spend',
  inbound: 'calls that came in',
};

/** At most 80 columns. Only shades, no colour. */
function picture(told: Told, utf8: boolean): string {
  const { hours, perDay } = told;
  const most = Math.max(...hours);
  const shades = utf8 ? BLOCKS : LETTERS;
  const shade = (value: number): string => {
    if (most <= 0 || value < most / 200) return shades[0] ?? '';
    // by the square root, so that quiet hours show too
    return shades[Math.min(5, 1 + Math.floor(Math.sqrt(value / most) * 4.999))] ?? '';
  };
  const lines = [`${visible(told.of, 48)}: ${LABEL[told.measure]} by hour of the week (${told.timezone})`, ''];
  lines.push(`     ${Array.from({ length: 8 }, (_, i) => String(i * 3).padStart(2, '0').padEnd(9)).join('').trimEnd()}`); // prettier-ignore
  for (const [d, day] of DAYS.entries())
    lines.push(`${day}  ${hours.slice(d * 24, d * 24 + 24).map((v) => `${shade(v).repeat(2)} `).join('')}`.trimEnd()); // prettier-ignore
  const unit = told.measure === 'spend' ? told.currency : told.measure === 'minutes' ? 'minutes' : 'calls';
  lines.push('', `     ${shades[5] ?? ''} = ${brief(most)} ${unit} an hour`, '');
  lines.push(`a day           mean   one day in 100 has more than`);
  for (const measure of MEASURES) {
    if (perDay[measure].mean === 0) continue;
    const { mean, high } = perDay[measure];
    const name = measure === 'spend' ? `spend (${told.currency})` : measure;
    lines.push(`  ${name.padEnd(12)} ${brief(mean).padStart(6)}   ${brief(high)}`);
  }
  lines.push('', 'countries called, most first');
  if (told.countries.length === 0) lines.push('  none that cost money');
  for (const { country, calls, last } of told.countries)
    lines.push(`  ${country.padEnd(6)} ${brief(calls).padStart(8)} calls (older ones count less), last ${last}`);
  lines.push('', `Rests on ${brief(told.weeks)} weeks${told.known ? '' : '; nothing is judged by it before two weeks are full'}.`); // prettier-ignore
  return lines.join('\n');
}

const brief = (value: number): string => (value >= 10 ? String(Math.round(value)) : String(rounded(value)));
