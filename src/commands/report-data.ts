import type { Config } from '../config.ts';
import { SEVERITIES, severityRank, type Decision, type Millis, type Severity } from '../model.ts';
import type { Site } from '../site/index.ts';
import { certificateState, type ReportedIncident, type Store } from '../store/index.ts';
import { DAY, HOUR, MINUTE, parseDuration } from '../time.ts';
import { BoundedMap } from '../windows.ts';
import type { Report, ReportDestination, ReportKey, ReportPart, ReportStory, Weakness } from '../words/index.ts';

export interface Period {
  readonly from: Millis;
  /** before it */
  readonly until: Millis;
}

/** Stories, destinations, accounts, decisions and gaps that one report lists. */
const LISTED = 10;
const GAPS = 50;
/** Parts of the chart: hours up to two days, days up to two months, weeks beyond. */
const PARTS = 62;
/** Keys that end so soon after the period are told. */
const KEYS_END: Millis = 30 * DAY;
/** Calls would have gone on for so long at the most, and for so long where the office was open and somebody would have noticed. */
const GONE_ON: Millis = 12 * HOUR;
const NOTICED: Millis = HOUR;
/** Over less than this no pace is reckoned: two calls in a second are no fortune an hour. */
const PACE: Millis = 15 * MINUTE;
/** Numbers told apart in one report. */
const NUMBERS = 50_000;

const NO_COUNTS = (): Record<Severity, number> =>
  Object.fromEntries(SEVERITIES.map((s) => [s, 0])) as Record<Severity, number>;

/** What a period was like, by what the store holds. Memory does not grow with the number of incidents. */
export function makeReport(store: Store, config: Config, site: Site, { from, until }: Period, now: Millis): Report {
  const { settings } = config;
  const counts = store.reporting.counts(from, until);
  const parts = new Parts(from, until);
  const stopped = new Stopped(site);
  const through = new Through();
  const destinations = new Destinations(site);
  for (const story of store.reporting.incidents(from, until)) {
    parts.add(story);
    destinations.add(story);
    if (wasActed(story)) stopped.add(story);
    else through.add(story);
  }
  const keep = parseDuration(settings.store.keep);
  const before = 2 * from - until;
  const blocksIn = (states: readonly Decision['state'][]) => store.reporting.decisionsIn(from, until, states, LISTED);
  const told = (gravest: Gravest): ReportStory[] =>
    gravest.all().map(({ incident }) => ({
      ...{ incident, evidence: store.evidence.of(incident.id, 20), decisions: store.decisions.of(incident.id) },
    }));
  return {
    ...{
      site: settings.site.name,
      mode: settings.mode,
      from,
      until,
      madeAt: now,
      currency: settings.site.currency,
      counts,
    },
    before:
      keep.ok && before < now - keep.value
        ? null
        : Object.values(store.reporting.counts(before, from)).reduce((sum, { all }) => sum + all, 0),
    parts: parts.all(),
    stopped: { ...stopped.sums(), gravest: told(stopped.gravest) },
    through: { ...through.sums(), gravest: told(through.gravest) },
    destinations: destinations.top(LISTED),
    accounts: store.reporting.accounts(from, until, LISTED),
    blocks: {
      counts: store.reporting.decisions(from, until),
      undone: blocksIn(['undone']),
      failed: blocksIn(['failed']),
    },
    gaps: store.alarms.within(from, until, GAPS),
    keys: keysThatEnd(store, until),
    passwords: passwordsOf(store, until),
  };
}

/** Was something really done, though it may be over or taken back by now? */
const wasActed = ({ decisions }: ReportedIncident): boolean =>
  decisions.some(({ action, state }) => action !== 'none' && ['done', 'expired', 'undone'].includes(state));

/** The gravest stories: by severity, then cost, then age. */
class Gravest {
  #kept: ReportedIncident[] = [];

  add(story: ReportedIncident): void {
    this.#kept.push(story);
    if (this.#kept.length > 4 * LISTED) this.#cut();
  }

  #cut(): void {
    const cost = ({ incident }: ReportedIncident): number => incident.loss?.amount ?? 0;
    this.#kept.sort(
      (a, b) =>
        severityRank(b.incident.severity) - severityRank(a.incident.severity) ||
        cost(b) - cost(a) ||
        a.incident.openedAt - b.incident.openedAt,
    );
    this.#kept.length = Math.min(this.#kept.length, LISTED);
  }

  all(): readonly ReportedIncident[] {
    this.#cut();
    return this.#kept;
  }
}

class Stopped {
  readonly gravest = new Gravest();
  readonly #site: Site;
  #incidents = 0;
  #calls = 0;
  #cost = 0;
  #saved = 0;

  constructor(site: Site) {
    this.#site = site;
  }

  add(story: ReportedIncident): void {
    this.#incidents++;
    this.#calls += story.decisions.filter(({ action, state }) => action === 'hang-up' && state === 'done').length;
    this.#cost += story.incident.loss?.amount ?? 0;
    this.#saved += savedBy(story, this.#site);
    this.gravest.add(story);
  }

  sums(): { incidents: number; calls: number; cost: number; saved: number } {
    return { incidents: this.#incidents, calls: this.#calls, cost: this.#cost, saved: this.#saved };
  }
}

/**
 * What an incident would have cost more. Its pace is its whole cost over the time until the last that was heard of it, a
 * quarter of an hour at the least; at that pace it would have gone on until the office opened (twelve hours at the most), or
 * for an hour where it was open.
 */
export function savedBy({ incident, decisions }: ReportedIncident, site: Site): number {
  const acted = decisions.filter(({ state }) => ['done', 'expired', 'undone'].includes(state)).map(({ at }) => at);
  if (incident.loss === null || acted.length === 0) return 0;
  const end = Math.max(incident.updatedAt, ...acted.slice(0, 1));
  const pace = incident.loss.amount / Math.max(PACE, end - incident.openedAt);
  const { open, until } = site.hours(end, null);
  return pace * (open ? NOTICED : Math.min(GONE_ON, (until ?? Infinity) - end));
}

class Through {
  readonly gravest = new Gravest();
  #incidents = 0;
  #observed = 0;
  #cost = 0;

  add(story: ReportedIncident): void {
    const { incident, decisions } = story;
    const cost = incident.loss?.amount ?? 0;
    if (cost === 0 && severityRank(incident.severity) < severityRank('high')) return;
    this.#incidents++;
    if (decisions.some(({ action, state }) => action !== 'none' && state === 'observed')) this.#observed++;
    this.#cost += cost;
    this.gravest.add(story);
  }

  sums(): { incidents: number; observed: number; cost: number } {
    return { incidents: this.#incidents, observed: this.#observed, cost: this.#cost };
  }
}

interface Place {
  readonly country: string | null;
  incidents: number;
  numbers: number;
  risk: number;
}

/** Where the numbers that incidents name lead to. There are some three hundred places; of numbers the last many are told apart. */
class Destinations {
  readonly #site: Site;
  readonly #places = new Map<string, Place>();
  readonly #seen = new BoundedMap<true>(NUMBERS);

  constructor(site: Site) {
    this.#site = site;
  }

  add({ numbers }: ReportedIncident): void {
    const counted = new Set<string>();
    for (const dialled of numbers) {
      const number = this.#site.number(dialled);
      const name = number.international ? (number.place ?? '') : '';
      const country = number.international ? number.country : null;
      const place = this.#places.get(name) ?? { country, incidents: 0, numbers: 0, risk: 0 };
      this.#places.set(name, place);
      place.risk = Math.max(place.risk, number.risk);
      if (!counted.has(name)) place.incidents++;
      counted.add(name);
      const key = number.e164 ?? dialled;
      if (this.#seen.has(key)) continue;
      this.#seen.set(key, true);
      place.numbers++;
    }
  }

  top(most: number): ReportDestination[] {
    return [...this.#places]
      .map(([place, counts]) => ({ place, ...counts }))
      .sort((a, b) => b.incidents - a.incidents || b.numbers - a.numbers || (a.place < b.place ? -1 : 1))
      .slice(0, most);
  }
}

class Parts {
  readonly #from: Millis;
  readonly #step: Millis;
  readonly #counts: Record<Severity, number>[];

  constructor(from: Millis, until: Millis) {
    const lasts = Math.max(1, until - from);
    this.#from = from;
    const step = [HOUR, DAY, 7 * DAY].find((size) => lasts / size <= PARTS - (size === HOUR ? 13 : 0));
    this.#step = step ?? lasts / PARTS;
    this.#counts = Array.from({ length: Math.ceil(lasts / this.#step) }, NO_COUNTS);
  }

  add({ incident: { openedAt, severity } }: ReportedIncident): void {
    const part = this.#counts[Math.floor((openedAt - this.#from) / this.#step)];
    if (part !== undefined) part[severity]++;
  }

  all(): ReportPart[] {
    return this.#counts.map((counts, i) => ({ from: this.#from + i * this.#step, counts }));
  }
}

/** What was known of passwords by the end of the period. */
function passwordsOf(store: Store, until: Millis): Report['passwords'] {
  const verdicts = store.passwordVerdicts.before(until);
  if (verdicts.length === 0) return null;
  return {
    audited: verdicts.length,
    latest: Math.max(...verdicts.map(({ at }) => at)),
    weak: verdicts.flatMap(({ account, at, weakness }) =>
      weakness === null ? [] : [{ account, at, weakness: weakness as Weakness }],
    ),
  };
}

/** Keys in use that end within a month after the period; null: ringfence has issued none. */
function keysThatEnd(store: Store, until: Millis): ReportKey[] | null {
  const all = store.certificates.all();
  if (all.length === 0) return null;
  return all
    .filter((one) => certificateState(one, until) === 'live' && one.notAfter < until + KEYS_END)
    .sort((a, b) => a.notAfter - b.notAfter)
    .map(({ account, use, notAfter }) => ({ name: account === '' ? use : account, endsAt: notAfter }));
}
