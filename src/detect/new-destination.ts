import { z } from 'zod';
import type { EvidenceDraft, Millis, Severity, Subject } from '../model.ts';
import type { DialledNumber, Site } from '../site/site.ts';
import { formatDuration, iso } from '../time.ts';
import { countryOf, isGrave } from './call-classes.ts';
import { defineDetector, type Detector, type Shared } from './detector.ts';
import type { Habits } from './habits.ts';
import { amount, duration, score } from './parameters.ts';
import { counted, listed, named, placeOf } from './phrases.ts';
import {
  CALL_KINDS,
  citing,
  PlacedCalls,
  withoutRedials,
  type Caller,
  type Placed,
  type PlacedEvent,
} from './placed-calls.ts';
import { NewCountries } from './new-countries.ts';
import { addDistinct, escalate, FloodGate } from './story.ts';

const parameters = z.strictObject({
  countries: amount(3, 'countries', 'so many new ones called by one caller within `window` are no errand', 2, 32),
  calls: amount(4, 'calls', 'so many to new destinations that are risky, or while closed, within `window`', 2, 32),
  window: duration('24h', 'calls are counted within this time'),
  risk: score(60, 'a number of this risk or more is risky'),
  follow: duration('14d', 'what becomes of a new country is followed for so long'),
  long: amount(4, 'calls', 'so many of ten minutes there, on three days to three numbers, are no new customer', 3, 32),
  many: amount(8, 'calls', 'so many there within a day, to five numbers with an hour of talk, are none either', 5, 64),
  weeks: amount(4, 'weeks', 'a site that finds a new country more often than once in so many has no new ones', 1, 52),
});

/** What about the number was never called here. */
interface Tag {
  readonly isNew: 'country' | 'kind' | 'range';
  readonly closed: boolean;
  readonly risky: boolean;
  readonly grave: boolean;
}

const HELD = 64;

class NewDestination implements Detector<PlacedEvent['kind']> {
  readonly #p: z.output<typeof parameters>;
  readonly #site: Site;
  readonly #habits: Habits;
  readonly #placed: PlacedCalls<Tag>;
  readonly #followed: NewCountries;
  readonly #gate = new FloodGate();

  constructor(p: z.output<typeof parameters>, site: Site, { habits, states }: Shared) {
    this.#p = p;
    this.#site = site;
    this.#habits = habits;
    this.#placed = new PlacedCalls(site, { states, span: p.window, most: HELD }, (number, subject, started) =>
      this.#tag(number, subject, started),
    );
    this.#followed = new NewCountries(
      p,
      site,
      { habits, states },
      (subject) =>
        this.#isOrdinary() &&
        subject.type === 'account' &&
        habits.usual({ account: subject.value }, 'chargeable').mean >= 2,
    );
  }

  /** Where new countries are everyday business, a hotel's say, a new one tells nothing. */
  #isOrdinary(): boolean {
    return this.#habits.discoveries('site') * this.#p.weeks > 1;
  }

  on(event: PlacedEvent): EvidenceDraft[] {
    const change = this.#placed.take(event);
    const found = change === null ? [] : this.#judge(change.key, change.caller, change.at);
    found.push(...this.#followed.take(event));
    return found;
  }

  /** Judged once, as the call begins; null: nothing about it is new, or nobody can know yet. */
  #tag(number: DialledNumber, subject: Subject, started: Millis): Tag | null {
    const habits = this.#habits;
    if (!habits.known()) return null;
    const risky = isGrave(number) || number.risk >= this.#p.risk;
    const isNew = this.#newness(number, subject, risky);
    if (isNew === null) return null;
    if (!risky && this.#isOrdinary()) return null;
    const account = subject.type === 'account' ? subject.value : null;
    return { isNew, closed: !this.#site.hours(started, account).open, risky, grave: isGrave(number) };
  }

  /** What somebody else of the site calls is nobody's first: colleagues stand in for each other. */
  #newness(number: DialledNumber, subject: Subject, risky: boolean): Tag['isNew'] | null {
    const site = this.#habits.called('site', number);
    const own = subject.type === 'account' ? this.#habits.called({ account: subject.value }, number) : site;
    if (site.country === null && own.country === null) return 'country';
    if (!risky) return null;
    if (site.kind === null && own.kind === null) return 'kind';
    return site.prefix === null && own.country === null ? 'range' : null;
  }

  #judge(key: string, caller: Caller, at: Millis): EvidenceDraft[] {
    const calls = withoutRedials(this.#placed.of(caller));
    const countries = new Set(calls.map((call) => countryOf(this.#site.number(call.dialled)))).size;
    const pressing = calls.filter(({ tag }) => tag.risky || tag.closed);
    const severity = this.#severity(calls, countries, pressing.length);
    if (severity === null) return [];
    const before = caller.said.severity;
    const told = escalate(caller.said, severity, calls.length, this.#p.calls);
    if (told === null) return [];
    if (told !== before && caller.subject.type !== 'account' && !this.#gate.admits(at, told)) return [];
    return [this.#evidence(`${key}|${iso(caller.since)}|${told}|${calls.length}`, caller, calls, told, at)];
  }

  #severity(calls: readonly Placed<Tag>[], countries: number, pressing: number): Severity | null {
    if (calls.length === 0) return null;
    // one country of three is a range of a country that is known: it counts when it stands beside others
    if (countries >= this.#p.countries && pressing > 0) return 'high';
    if (pressing >= this.#p.calls) return 'high';
    const grave = calls.filter(({ tag }) => tag.grave && tag.closed).length;
    if (grave >= 2) return 'high';
    return calls.every(({ tag }) => tag.isNew === 'range' && !tag.closed) ? 'low' : 'medium';
  }

  #evidence(
    key: string,
    { subject }: Caller,
    calls: readonly Placed<Tag>[],
    severity: Severity,
    at: Millis,
  ): EvidenceDraft {
    const numbers = calls.map((call) => this.#site.number(call.dialled));
    const places: string[] = [];
    const dialled: string[] = [];
    for (const number of numbers) {
      addDistinct(places, placeOf(number), 16);
      addDistinct(dialled, number.e164 ?? number.dialled, 64);
    }
    const first = calls[0]?.started ?? at;
    const span = (calls.at(-1)?.started ?? at) - first;
    const news = new Set(calls.map(({ tag }) => tag.isNew));
    const never = news.has('country')
      ? places.length === 1
        ? 'where nobody here has called before'
        : 'where nobody here has called before, or not such numbers'
      : news.has('kind')
        ? 'where nobody here has called such a number before'
        : 'where this caller never called and nobody here called such a range';
    const closed = calls.some(({ tag }) => tag.closed) ? ', while the office was closed' : '';
    const spread = calls.length > 1 && span > 0 ? ` in ${formatDuration(span)}` : '';
    const account = subject.type === 'account' ? subject.value : null;
    return {
      key,
      at,
      severity,
      subject,
      summary: `${named(subject)} placed ${counted(calls.length, 'call')} to ${listed(places)}${spread}, ${never}${closed}`,
      facts: {
        calls: calls.length,
        connected: calls.filter(({ answered }) => answered !== null).length,
        countries: [...new Set(numbers.map(countryOf))].slice(0, 16),
        numbers: dialled.slice(0, 5),
        new: [...news],
        risk: Math.max(...numbers.map(({ risk }) => risk)),
        whileClosed: calls.filter(({ tag }) => tag.closed).length,
        siteFindsNewAWeek: round(this.#habits.discoveries('site')),
        callsAbroadAWeek: account === null ? null : round(this.#habits.usual({ account }, 'chargeable').mean * 7),
        firstCall: iso(first),
      },
      ...citing(this.#site, calls, at),
      accounts: [],
    };
  }

  size(): number {
    return this.#placed.size + this.#followed.size;
  }

  snapshot(): unknown {
    return { placed: this.#placed.snapshot(), followed: this.#followed.snapshot(), gate: this.#gate.snapshot() };
  }

  restore(snapshot: unknown): void {
    const s = snapshot as { placed: unknown; followed: unknown; gate: unknown };
    this.#placed.restore(s.placed);
    this.#followed.restore(s.followed);
    this.#gate.restore(s.gate);
  }
}

const round = (value: number): number => Math.round(value * 100) / 100;

/**
 * Attack: whoever took an account over sends calls to where he is paid, and that is seldom where the company has ever called.
 * Also the first, slow tries, one call a day, that no count of calls can see, and what becomes of a new country in its first
 * two weeks: long calls to one number after the other.
 *
 * Innocent twins: a colleague who calls a partner that others here call; a new customer abroad (one call by day, told as
 * medium: worth a look; and then the same few numbers again); the boss who travels; a call centre or hotel that finds new countries every week, which its own past
 * tells; the first two weeks of a new installation, when everything would be new and nothing is said.
 */
export default defineDetector({
  name: 'new-destination',
  summary: 'Calls to a country, or a risky range, where nobody here has ever called',
  parameters,
  consumes: CALL_KINDS,
  create: (p, site, shared) => new NewDestination(p, site, shared),
});
