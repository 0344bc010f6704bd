import type { EvidenceDraft, Millis, Subject } from '../model.ts';
import type { DialledNumber, Site } from '../site/site.ts';
import { DAY, formatDuration, HOUR, iso, MINUTE, SECOND } from '../time.ts';
import { BoundedMap, type Packed } from '../windows.ts';
import { countryOf } from './call-classes.ts';
import type { Shared } from './detector.ts';
import { counted, named, placeOf } from './phrases.ts';
import { citing, PlacedCalls, talkOf, talkOfAll, type Caller, type Placed, type PlacedEvent } from './placed-calls.ts';
import { copy, escalate, unsaid, type Said } from './story.ts';

export interface NewCountryParameters {
  /** a new country is followed for so long after its first call */
  readonly follow: Millis;
  /** so many long calls, on three days or more, to three numbers or more */
  readonly long: number;
  /** so many connected calls within a day, to five numbers or more, with an hour of talk */
  readonly many: number;
}

const FOLLOWED = 10_000;
const HELD = 64;
const LONG = 10 * MINUTE;
const MANY_TALK = HOUR;
const NUMBERS = 3;
const MANY_NUMBERS = 5;
const DAYS = 3;

/** A country that nobody had called, since its first call. Plain. */
interface Followed {
  readonly since: Millis;
  said: Said;
}

/**
 * What becomes of a country that was new: from the second day on it is new to nobody, and a pumper with patience, or one who
 * hides among the calls of the day, would never be told. A new customer has a few numbers, which are called again; who is
 * paid for minutes has many, and each is called for long.
 */
export class NewCountries {
  readonly #p: NewCountryParameters;
  readonly #site: Site;
  readonly #placed: PlacedCalls<string>;
  readonly #followed = new BoundedMap<Followed>(FOLLOWED);

  /** `isOrdinary`: are new countries everyday business of this caller? */
  constructor(
    p: NewCountryParameters,
    site: Site,
    { habits, states }: Pick<Shared, 'habits' | 'states'>,
    isOrdinary: (subject: Subject) => boolean,
  ) {
    this.#p = p;
    this.#site = site;
    this.#placed = new PlacedCalls(site, { states, span: p.follow, most: HELD }, (number, subject, started) => {
      if (subject.type === 'number' || !habits.known()) return null;
      const country = countryOf(number);
      const key = `${subject.type}:${subject.value}|${country}`;
      const known = this.#followed.get(key);
      if (known !== undefined && started - known.since <= p.follow) return country;
      const own = subject.type === 'account' ? habits.called({ account: subject.value }, number).country : null;
      if (own !== null || habits.called('site', number).country !== null || isOrdinary(subject)) return null;
      this.#followed.set(key, { since: started, said: unsaid() });
      return country;
    });
  }

  get size(): number {
    return this.#placed.size + this.#followed.size;
  }

  take(event: PlacedEvent): EvidenceDraft[] {
    const change = this.#placed.take(event);
    if (change?.call.answered == null) return [];
    const { key, caller, call, at } = change;
    const story = `${key}|${call.tag}`;
    const followed = this.#followed.peek(story);
    if (followed === undefined) return [];
    const calls = this.#placed.of(caller).filter((other) => other.tag === call.tag && other.answered !== null);
    const rule = this.#rule(calls, at);
    if (rule === null || escalate(followed.said, 'high', calls.length, this.#p.many) === null) return [];
    return [this.#evidence(`${story}|${iso(followed.since)}|${calls.length}`, caller, calls, call, rule, at)];
  }

  #rule(calls: readonly Placed<string>[], at: Millis): string | null {
    const { long, many } = this.#p;
    const longs = calls.filter((call) => talkOf(call, at) >= LONG);
    const days = new Set(longs.map(({ started }) => Math.floor(started / DAY))).size;
    if (longs.length >= long && days >= DAYS && this.#numbers(longs) >= NUMBERS)
      return `${long} calls of ${formatDuration(LONG)} to ${NUMBERS} numbers on ${DAYS} days`;
    const lately = calls.filter(({ started }) => started > at - DAY);
    if (lately.length >= many && this.#numbers(lately) >= MANY_NUMBERS && talkOfAll(lately, at) >= MANY_TALK)
      return `${many} calls to ${MANY_NUMBERS} numbers with ${formatDuration(MANY_TALK)} of talk within 1 d`;
    return null;
  }

  #numbers(calls: readonly Placed<string>[]): number {
    return new Set(calls.map(({ dialled }) => this.#site.number(dialled).e164 ?? dialled)).size;
  }

  #evidence(
    key: string,
    { subject }: Caller,
    calls: readonly Placed<string>[],
    latest: Placed<string>,
    rule: string,
    at: Millis,
  ): EvidenceDraft {
    const number: DialledNumber = this.#site.number(latest.dialled);
    const first = calls[0]?.started ?? at;
    const talk = talkOfAll(calls, at);
    const numbers = [...new Set(calls.map(({ dialled }) => this.#site.number(dialled).e164 ?? dialled))];
    return {
      key: `followed|${key}`,
      at,
      severity: 'high',
      subject,
      summary: `${named(subject)} placed ${counted(calls.length, 'call')} to ${counted(numbers.length, 'number')} in ${placeOf(number)} within ${formatDuration(at - first)}, ${formatDuration(talk)} of talk, where nobody here had called before`,
      facts: {
        calls: calls.length,
        destinations: numbers.length,
        countries: [countryOf(number)],
        numbers: numbers.slice(0, 5),
        talkSeconds: Math.round(talk / SECOND),
        firstCall: iso(first),
        rule,
      },
      ...citing(this.#site, calls, at),
      accounts: [],
    };
  }

  snapshot(): unknown {
    return { placed: this.#placed.snapshot(), followed: this.#followed.snapshot(copy) };
  }

  restore(snapshot: unknown): void {
    const s = snapshot as { placed: unknown; followed: Packed<Followed>[] };
    this.#placed.restore(s.placed);
    this.#followed.restore(s.followed, copy);
  }
}
