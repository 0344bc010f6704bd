import type { EvidenceDraft, Millis, Severity, Subject } from '../model.ts';
import type { DialledNumber, Site } from '../site/site.ts';
import { formatDuration, HOUR, iso, MINUTE } from '../time.ts';
import { BoundedMap, type Packed } from '../windows.ts';
import { countryOf, isGrave, isUsualCountry, rangeOf } from './call-classes.ts';
import type { Habits } from './habits.ts';
import { counted, listed, named, placeOf } from './phrases.ts';
import { citing, talkOf, type Placed } from './placed-calls.ts';
import { addDistinct, copy, escalate, unsaid, type Said } from './story.ts';

/** Calls this far apart are two occasions: two nights, or two days. */
const OCCASION = 12 * HOUR;
const STORIES = 10_000;
const OCCASIONS = 64;
/** Overtime: who is still there so long after closing calls like by day, and who comes early too. */
const AFTER_CLOSING = 2 * HOUR;
const BEFORE_OPENING = HOUR;
/** Deep in the night: so long before the office opens, on a day off as if it did. */
const DEEP_FROM = 10 * HOUR;
const DEEP_TO = 2 * HOUR;
const DAY = 24 * HOUR;
/** A call abroad at an hour at which the account, and others like it, place one on fewer days than one in fifty. */
const STRANGE = 0.02;
/** By day, and to cheap numbers, only what lasts so long is worth counting. */
const LONG = 10 * MINUTE;

export interface SlowParameters {
  /** so many nights are told as high */
  readonly nights: number;
  /** and so many days to what is dear by nature; twice as many to what only may be */
  readonly days: number;
  /** within so long */
  readonly slow: Millis;
  readonly risk: number;
}

/** One caller and one class of numbers, or the whole site and one. */
interface Story {
  subject: Subject;
  places: string[];
  /** when each occasion began, and whether it was at night */
  occasions: [at: Millis, night: boolean][];
  accounts: string[];
  callKeys: string[];
  calls: string[];
  said: Said;
}

/** One call every night, or every day, to the same country, each too little to be told gravely by itself. */
export class SlowRepeats {
  readonly #p: SlowParameters;
  readonly #site: Site;
  readonly #habits: Habits;
  readonly #stories = new BoundedMap<Story>(STORIES);

  constructor(p: SlowParameters, site: Site, habits: Habits) {
    this.#p = p;
    this.#site = site;
    this.#habits = habits;
  }

  get size(): number {
    return this.#stories.size;
  }

  /** Is there a story already? What began as unusual does not become usual by going on. */
  follows(who: string, number: DialledNumber): boolean {
    return this.#classesOf(number).some((of) => this.#stories.has(`${who}|${of}`));
  }

  /** Whoever pumps changes between dear countries; cheap ones are each their own. */
  #classesOf(number: DialledNumber): string[] {
    const risky = number.risk >= this.#p.risk;
    if (isGrave(number)) return risky ? ['dear', 'risky'] : ['dear'];
    return [risky ? 'risky' : countryOf(number)];
  }

  /** A connected call, told at its answer and again later. */
  connected(call: Placed<unknown>, subject: Subject, number: DialledNumber, at: Millis): EvidenceDraft[] {
    const risky = number.risk >= this.#p.risk;
    const dear = risky || isGrave(number);
    const long = call.ended !== null && talkOf(call, at) >= LONG;
    // the calendar last: it costs most
    if (!dear && !long) return [];
    const night = this.#atNight(call, subject, number);
    if (!(night && dear) && !long) return [];
    if (!night && !dear) return [];
    // new business with a dear country is told where it is new, and then is business
    const known = this.follows(call.who, number);
    if (!night && !known && !isGrave(number) && isUsualCountry(this.#habits, subject, number)) return [];
    const own = this.#classesOf(number).flatMap((of) => {
      const told = this.#count(`${call.who}|${of}`, subject, call, number, night, at);
      return told === null ? [] : [told];
    });
    if (own.length > 0) return own.slice(0, 1);
    // nobody of them often, all of them together every night
    const account = subject.type === 'account' ? subject.value : '';
    if (account === '' || !night || !risky) return [];
    const range: Subject = { type: 'number', value: rangeOf(number) };
    const all = this.#count(`|${countryOf(number)}`, range, call, number, night, at, account);
    return all === null ? [] : [all];
  }

  /** At a time when nobody is there, and to no country that people call at such times. */
  #atNight({ started }: Placed<unknown>, subject: Subject, number: DialledNumber): boolean {
    const { open, since, until } = this.#site.hours(started, null);
    if (open || (since !== null && started - since < AFTER_CLOSING)) return false;
    if (until !== null && until - started < BEFORE_OPENING) return false;
    if (isGrave(number)) return true;
    const account = subject.type === 'account' ? subject.value : null;
    const closed = account === null || !this.#site.hours(started, account).open;
    if (closed && number.risk >= this.#p.risk) return true;
    const ahead = until === null ? 0 : (until - started) % DAY;
    if (account === null || ahead > DEEP_FROM || ahead < DEEP_TO || !this.#habits.knows(account)) return false;
    return this.#habits.surprise({ account }, 'chargeable', 1, started - HOUR, started + HOUR) < STRANGE;
  }

  #count(
    key: string,
    subject: Subject,
    call: Placed<unknown>,
    number: DialledNumber,
    night: boolean,
    at: Millis,
    account = '',
  ): EvidenceDraft | null {
    let story = this.#stories.get(key);
    if (story === undefined || call.started - (story.occasions.at(-1)?.[0] ?? call.started) > this.#p.slow) {
      story = { subject, places: [], occasions: [], accounts: [], callKeys: [], calls: [], said: unsaid() };
      this.#stories.set(key, story);
    }
    if (story.callKeys.includes(call.call)) return null;
    if (story.callKeys.length >= 50) story.callKeys.shift();
    story.callKeys.push(call.call);
    if (story.calls.length >= 20) story.calls.shift();
    story.calls.push(call.id);
    const from = call.started - this.#p.slow;
    while ((story.occasions[0]?.[0] ?? from) < from) story.occasions.shift();
    addDistinct(story.places, placeOf(number), 8);
    addDistinct(story.accounts, account, 16);
    if (call.started - (story.occasions.at(-1)?.[0] ?? -Infinity) < OCCASION) return null;
    story.occasions.push([call.started, night]);
    if (story.occasions.length > OCCASIONS) story.occasions.shift();
    // of one account its own story tells
    if (subject.type === 'number' && story.accounts.length === 1) return null;
    const severity = this.#severity(story, key.endsWith('|dear'));
    if (severity === null) return null;
    const count = story.occasions.length;
    const told = escalate(story.said, severity, count, this.#p.nights);
    return told === null ? null : this.#evidence(key, story, told, call, at);
  }

  #severity({ occasions }: Story, dear: boolean): Severity | null {
    const { nights, days } = this.#p;
    const atNight = occasions.filter(([, night]) => night).length;
    if (atNight >= nights) return 'high';
    const enough = dear ? days : 2 * days;
    if (occasions.length >= enough) return 'high';
    return occasions.length === enough - 1 ? 'medium' : null;
  }

  #evidence(key: string, story: Story, severity: Severity, call: Placed<unknown>, at: Millis): EvidenceDraft {
    const { nights, days, slow } = this.#p;
    const count = story.occasions.length;
    const atNight = story.occasions.filter(([, night]) => night).length;
    const first = story.occasions[0]?.[0] ?? at;
    const when = atNight === count ? counted(count, 'night') : counted(count, 'day');
    const who = story.accounts.length > 0 ? counted(story.accounts.length, 'extension') : named(story.subject);
    const { sources, sourceProof } = citing(this.#site, [call], at);
    return {
      key: `slow|${key}|${iso(first)}|${severity}|${count}`,
      at,
      severity,
      subject: story.subject,
      summary: `${who} called ${listed(story.places)} on ${when} within ${formatDuration(call.started - first)}, a little each time`,
      facts: {
        nights: atNight,
        days: count,
        places: [...story.places],
        firstCall: iso(first),
        rule: `nights ${nights} or days ${days} within ${formatDuration(slow)}`,
      },
      calls: [...story.calls],
      callKeys: [...story.callKeys],
      sources,
      sourceProof,
      accounts: [...story.accounts],
    };
  }

  snapshot(): unknown {
    return this.#stories.snapshot(copy);
  }

  restore(snapshot: unknown): void {
    this.#stories.restore(snapshot as Packed<Story>[], copy);
  }
}
