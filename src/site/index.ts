import type { ConfigProblem } from '../errors.ts';
import type { Millis } from '../model.ts';
import { Zone } from '../time.ts';
import { createAccounts } from './accounts.ts';
import { OpeningHours, type HoursSpec } from './calendar.ts';
import { loadHolidays, type HolidayCalendar } from './holidays.ts';
import { parseClosure, parseOpening, parseWeekly } from './hours-text.ts';
import { createNetworks } from './networks.ts';
import { COUNTRIES } from './numbering-plan.ts';
import { Numbers } from './numbers.ts';
import { patternProblem, type SiteOptions } from './options.ts';
import type { Hours, Site } from './site.ts';
import { unitsPerEuro } from './currencies.ts';
import { estimatedRate } from './price-estimates.ts';
import { parseRiskList, type RiskList } from './risk-list.ts';
import { parseTariff, type Tariff } from './tariff.ts';
import type { Parsed } from '../parsed.ts';

export { siteDefaults, siteSettings, type SiteInput, type SiteOptions } from './options.ts';
export type { Accounts, DialledNumber, Hours, Networks, NumberKind, PriceRate, Site } from './site.ts';

/** Hours of a week by themselves, without holidays and closures, from texts like those of [hours] open that are checked. */
export function weeklyHours(timezone: string, texts: readonly string[]): { at(at: Millis): Hours } {
  const windows = texts.flatMap((text) => {
    const read = parseWeekly(text);
    return read.ok ? read.value : [];
  });
  return new OpeningHours(new Zone(timezone), { always: false, windows, holidays: null, closures: [], openings: [] });
}

/** A site, or everything that is wrong with its settings. */
export type SiteResult =
  { readonly ok: true; readonly value: Site } | { readonly ok: false; readonly problems: readonly ConfigProblem[] };

/** Collects problems; `read` gives what could be read and notes what could not. */
class Problems {
  readonly all: ConfigProblem[] = [];

  add(path: string, message: string, help?: string): void {
    this.all.push({ path, message, ...(help === undefined ? {} : { help }) });
  }

  read<T>(path: string, texts: readonly string[], parse: (text: string) => Parsed<readonly T[]>): T[] {
    return texts.flatMap((text, index) => {
      const read = parse(text);
      if (read.ok) return read.value;
      this.add(`${path}.${index}`, read.reason);
      return [];
    });
  }
}

/** A table's key as TOML writes it in a dotted path. */
const key = (name: string): string => (/^[A-Za-z_][\w-]*$/.test(name) ? name : JSON.stringify(name));

/** The site's calendar: whose hours are which. */
class Calendar {
  readonly #site: OpeningHours;
  readonly #own: ReadonlyMap<string, OpeningHours>;

  constructor(options: SiteOptions, zone: Zone, problems: Problems) {
    const { open, closed, open_on } = options.hours;
    const exceptions = {
      holidays: holidaysOf(options.hours.holidays, problems),
      closures: problems.read('hours.closed', closed, parseClosure),
      openings: problems.read('hours.open_on', open_on, parseOpening),
    };
    const none = { holidays: null, closures: [], openings: [] };
    const rule = (path: string, hours: 'always' | readonly string[], except: Omit<HoursSpec, 'always' | 'windows'>) =>
      new OpeningHours(zone, {
        always: hours === 'always',
        windows: hours === 'always' ? [] : problems.read(path, hours, parseWeekly),
        ...except,
      });
    this.#site = rule('hours.open', open, exceptions);
    const own = new Map<string, OpeningHours>();
    for (const [name, { hours, holidays }] of Object.entries(options.accounts))
      if (hours !== undefined) own.set(name, rule(`accounts.${key(name)}.hours`, hours, holidays ? exceptions : none));
    for (const [name, { members, hours, holidays }] of Object.entries(options.groups)) {
      if (hours === undefined) continue;
      const shared = rule(`groups.${key(name)}.hours`, hours, holidays ? exceptions : none);
      for (const member of members) if (!own.has(member)) own.set(member, shared);
    }
    this.#own = own;
  }

  of(account: string | null): OpeningHours {
    return (account === null ? undefined : this.#own.get(account)) ?? this.#site;
  }
}

function holidaysOf(code: string, problems: Problems): HolidayCalendar | null {
  if (code === '') return null;
  const read = loadHolidays(code);
  if (read.ok) return read.value;
  problems.add('hours.holidays', read.reason);
  return null;
}

/** What the schema cannot see: fields that contradict each other. */
function checkTogether(options: SiteOptions, problems: Problems): void {
  const names = new Set<string>();
  for (const [index, { name }] of options.network.trunks.entries()) {
    if (names.has(name)) problems.add(`network.trunks.${index}.name`, `a second trunk named "${name}"`);
    names.add(name);
  }
  const idle = 'holidays = true has no effect without hours';
  for (const section of ['accounts', 'groups'] as const)
    for (const [name, { hours, holidays }] of Object.entries(options[section]))
      if (holidays && hours === undefined) problems.add(`${section}.${key(name)}.holidays`, idle);
  const taken = new Map<string, string>();
  for (const [name, { aliases }] of Object.entries(options.accounts))
    for (const [index, alias] of aliases.entries()) {
      const other = alias !== name && Object.hasOwn(options.accounts, alias) ? alias : taken.get(alias);
      const path = `accounts.${key(name)}.aliases.${index}`;
      if (other !== undefined && other !== name) problems.add(path, `"${alias}" leads to account "${other}" already`);
      taken.set(alias, name);
    }
}

/**
 * Makes the site that the settings describe. Takes checked settings, and checks again what makes no sense together.
 * @param tariffText the contents of `tariff.file`, which the caller reads (this room does no I/O)
 * @param riskText the contents of `numbers.risk_file`, likewise
 * @returns the site, or all problems at once, paths dotted as in the TOML file
 */
export function createSite(options: SiteOptions, tariffText?: string, riskText?: string): SiteResult {
  const problems = new Problems();
  const { name, timezone, country, currency, language } = options.site;
  if (!Zone.isValid(timezone)) problems.add('site.timezone', `no such time zone: ${timezone}`, 'like Europe/Berlin');
  if (!COUNTRIES.includes(country)) problems.add('site.country', `no such country: ${country}`, 'like DE, GB or US');
  const wrongPattern = patternProblem(options.dialing.internal);
  if (wrongPattern !== null) problems.add('dialing.internal', wrongPattern);
  checkTogether(options, problems);
  const zone = new Zone(Zone.isValid(timezone) ? timezone : 'UTC');
  const calendar = new Calendar(options, zone, problems);
  let tariff: Tariff | null = null;
  if (tariffText !== undefined) {
    const read = parseTariff(tariffText);
    tariff = read.tariff;
    problems.all.push(...read.problems);
  }
  let risks: RiskList | null = null;
  if (riskText !== undefined) {
    const read = parseRiskList(riskText);
    risks = read.list;
    problems.all.push(...read.problems);
  }
  if (problems.all.length > 0) return { ok: false, problems: problems.all };

  const { outside, international, internal, emergency } = options.dialing;
  const numbers = new Numbers({ country, outside, international, internal: new RegExp(internal), emergency, risks });
  const trunks = options.network.trunks.map((trunk) => trunk.name);
  const perEuro = unitsPerEuro(currency);
  return {
    ok: true,
    value: {
      name,
      timezone,
      country,
      currency,
      language,
      unitsPerEuro: perEuro,
      hours: (at, account) => calendar.of(account).at(at),
      number: (dialled) => numbers.number(dialled),
      networks: createNetworks(options.network),
      accounts: createAccounts({ accounts: options.accounts, groups: options.groups, trunks }),
      price: (number, seconds) => (tariff === null || number.e164 === null ? null : tariff.price(number.e164, seconds)),
      rate: (number) => {
        const listed = tariff === null || number.e164 === null ? null : tariff.rate(number.e164);
        if (listed !== null) return { ...listed, by: 'tariff' };
        const { perMinute, connection } = estimatedRate(number);
        return { perMinute: perMinute * perEuro, connection: connection * perEuro, by: 'estimate' };
      },
    },
  };
}
