import { z } from 'zod';
import {
  betterProof,
  type CallAnswered,
  type CallEnded,
  type CallRecorded,
  type CallStarted,
  type CallUpdated,
  type EvidenceDraft,
  type Millis,
  type Severity,
  type SourceProof,
  type Subject,
  worseProof,
} from '../model.ts';
import type { DialledNumber, Hours, Site } from '../site/site.ts';
import { formatDuration, iso, SECOND, Zone } from '../time.ts';
import { BoundedMap, type Packed } from '../windows.ts';
import { isPlausible, NEVER_FAMILIAR } from './call-classes.ts';
import { callerOf } from './callers.ts';
import { defineDetector, type Detector, type Shared } from './detector.ts';
import type { Habits } from './habits.ts';
import { amount, duration, score } from './parameters.ts';
import { counted, listed, named, placeOf } from './phrases.ts';
import { accountSubject, addressSubject, copy, escalate, FloodGate, unsaid, withDistinct, withOne } from './story.ts';
import type { Said } from './story.ts';

const parameters = z.strictObject({
  calls: amount(3, 'calls', 'so many chargeable calls while closed are no accident any more'),
  window: duration('24h', 'calls are counted within the closed period, and within this time'),
  talk: duration('60m', 'so much talk together, running calls included, is no accident either'),
  risk: score(80, 'a number of this risk or more, as any premium or satellite number, is grave with the first call'),
});

/** One chargeable call that began while closed. */
interface Call {
  story: string;
  dialled: string;
  started: Millis;
  answered: Millis | null;
  ended: boolean;
  /** of a call that has ended */
  talk: Millis;
  price: number;
}

/** The calls of one subject in one closed period. */
interface Story {
  subject: Subject;
  since: Millis | null;
  reason: Hours['reason'];
  holiday: string | null;
  starts: Millis[];
  /** of these, the starts of calls to where the account does not usually call */
  unusual: Millis[];
  /** calls that somebody who works on a day off may have placed; so many of them are as odd as an unusual one */
  plausible: number;
  /** the other unusual ones */
  odd: number;
  lastStart: Millis;
  /** key of the latest call */
  latest: string;
  connected: number;
  talk: Millis;
  price: number;
  running: string[];
  risky: 'no' | 'tried' | 'connected';
  numbers: string[];
  places: string[];
  countries: string[];
  sources: string[];
  calls: string[];
  callKeys: string[];
  /** of each of the sources */
  proofs: SourceProof[];
  said: Said;
}

const STORIES = 10_000;
const CALLS = 20_000;
/** call starts held for one story; above it a count means "at least" */
const STARTS = 1_000;
const RUNNING = 500;
/** an account that called a range on so many earlier days knows somebody there: overtime with a partner is no pumping */
const FAMILIAR_DAYS = 5;
/** So many calls by day to countries of usual business weigh as one. */
const PLAUSIBLE = 3;
const RANK = { number: 0, trunk: 0, address: 1, account: 2 } as const;

type CallEvent = CallStarted | CallUpdated | CallAnswered;

class OutOfHours implements Detector<
  'call.started' | 'call.updated' | 'call.answered' | 'call.ended' | 'cdr' | 'tick'
> {
  readonly #p: z.output<typeof parameters>;
  readonly #site: Site;
  readonly #habits: Habits;
  readonly #zone: Zone;
  readonly #calls = new BoundedMap<Call>(CALLS);
  readonly #stories = new BoundedMap<Story>(STORIES);
  /** stories with calls up, for the talk that grows while nothing happens */
  readonly #talking = new Set<string>();
  readonly #gate = new FloodGate();

  constructor(p: z.output<typeof parameters>, site: Site, { habits }: Shared) {
    this.#habits = habits;
    this.#p = p;
    this.#site = site;
    this.#zone = new Zone(site.timezone);
  }

  on(event: CallEvent | CallEnded | CallRecorded | { readonly kind: 'tick'; readonly at: Millis }): EvidenceDraft[] {
    switch (event.kind) {
      case 'tick':
        return this.#talking.size === 0 ? [] : this.#sweep(event.at);
      case 'cdr':
        return this.#record(event);
      case 'call.ended':
        return this.#end(event);
      default:
        return this.#live(event);
    }
  }

  #live(event: CallEvent): EvidenceDraft[] {
    const subject = this.#subject(callerOf(event), event.source, event.dialled);
    let call = this.#calls.get(event.call);
    if (call === undefined) {
      if (event.trunk !== null || (event.account !== null && this.#site.networks.isTrunk(event.account))) return [];
      call = this.#open(event.call, subject, event.account, event.dialled, event.startedAt, event.at);
      if (call === undefined) return [];
    } else this.#rehome(event.call, call, subject, event);
    const story = this.#stories.get(call.story);
    if (story === undefined) return [];
    if (event.source !== null) {
      story.sources = withDistinct(story.sources, event.source, 8);
      const i = story.sources.indexOf(event.source);
      if (i >= 0) story.proofs[i] = betterProof(story.proofs[i] ?? 'none', event.proof);
    }
    story.calls = withDistinct(story.calls, event.uniqueid ?? event.callId ?? event.call, 20);
    if (event.answeredAt !== null && call.answered === null) this.#connect(event.call, call, story, event.answeredAt);
    return this.#judge(call.story, story, event.at);
  }

  /** Out of hours is judged here, once, at the start of the call. */
  #open(
    key: string,
    subject: Subject,
    account: string | null,
    dialled: string,
    started: Millis,
    at: Millis,
  ): Call | undefined {
    // the calendar first: it costs next to nothing, and most calls are placed while the office is open
    const hours = this.#site.hours(started, account);
    if (hours.open) return undefined;
    const number = this.#site.number(dialled);
    if (!number.chargeable || !number.blockable) return undefined;
    const call: Call = { story: '', dialled, started, answered: null, ended: false, talk: 0, price: 0 };
    this.#join(key, call, subject, hours, number, at);
    return call;
  }

  #join(key: string, call: Call, subject: Subject, hours: Hours, number: DialledNumber, at: Millis): void {
    call.story = `${subject.type}:${subject.value}`;
    let story = this.#stories.get(call.story);
    // a story goes on while its closed period lasts; a late record of an earlier period starts none anew
    const anew =
      story !== undefined &&
      call.started > story.lastStart &&
      (story.since !== hours.since || call.started - story.lastStart > this.#p.window);
    if (story === undefined || anew) {
      story = emptyStory(subject, hours, call.started);
      this.#stories.set(call.story, story);
    }
    story.starts = withOne(story.starts, call.started);
    if (story.starts.length > STARTS) story.starts.shift();
    if (!this.#isRedial(story, call) && !this.#isFamiliar(subject, number)) {
      const plausible = isPlausible(this.#habits, this.#zone, subject, number, call.started);
      if (plausible) story.plausible++;
      else story.odd++;
      if (!plausible || story.plausible % PLAUSIBLE === 0) story.unusual = withOne(story.unusual, call.started);
      if (story.unusual.length > STARTS) story.unusual.shift();
    }
    story.lastStart = Math.max(story.lastStart, call.started);
    story.numbers = withDistinct(story.numbers, number.e164 ?? number.dialled, 64);
    story.places = withDistinct(story.places, placeOf(number), 16);
    story.countries = withDistinct(story.countries, number.country ?? '', 16);
    story.callKeys = withDistinct(story.callKeys, key, 50);
    story.latest = key;
    if (story.risky === 'no' && this.#isGrave(number)) story.risky = 'tried';
    this.#prune(story, at);
    this.#calls.set(key, call);
  }

  /** The same number again, which nobody had answered: a fax machine that finds the line busy, and no second call. */
  #isRedial(story: Story, { dialled }: Call): boolean {
    const before = this.#calls.peek(story.latest);
    return before?.dialled === dialled && before.ended && before.answered === null;
  }

  #isGrave({ kind, risk }: DialledNumber): boolean {
    return kind === 'premium' || kind === 'satellite' || risk >= this.#p.risk;
  }

  /** Does this account usually call there? */
  #isFamiliar({ type, value }: Subject, number: DialledNumber): boolean {
    if (type !== 'account' || number.risk >= NEVER_FAMILIAR || this.#isGrave(number)) return false;
    if (!this.#habits.knows(value)) return false;
    return (this.#habits.called({ account: value }, number).prefix?.days ?? 0) >= FAMILIAR_DAYS;
  }

  /** The account or source was learnt after the start: the call moves to whom it belongs. */
  #rehome(key: string, call: Call, subject: Subject, event: CallEvent): void {
    const from = this.#stories.get(call.story);
    if (from === undefined || RANK[subject.type] <= RANK[from.subject.type]) return;
    const hours = this.#site.hours(call.started, event.account);
    const at = from.starts.indexOf(call.started);
    if (at >= 0) from.starts.splice(at, 1);
    from.unusual = from.unusual.filter((start) => start !== call.started);
    from.callKeys = from.callKeys.filter((k) => k !== key);
    from.running = from.running.filter((k) => k !== key);
    if (from.running.length === 0) this.#talking.delete(call.story);
    if (call.answered !== null) from.connected--;
    const answered = call.answered;
    call.answered = null;
    if (hours.open) {
      // this account may telephone now: nothing stays of the call
      this.#calls.delete(key);
      return;
    }
    this.#join(key, call, subject, hours, this.#site.number(call.dialled), event.at);
    const to = this.#stories.get(call.story);
    if (answered !== null && to !== undefined) this.#connect(key, call, to, answered);
  }

  #connect(key: string, call: Call, story: Story, answered: Millis): void {
    call.answered = answered;
    story.connected++;
    if (this.#isGrave(this.#site.number(call.dialled))) story.risky = 'connected';
    if (call.ended || story.running.length >= RUNNING) return;
    story.running = withOne(story.running, key);
    this.#talking.add(call.story);
  }

  #end(event: CallEnded): EvidenceDraft[] {
    const call = this.#calls.get(event.call);
    const story = call === undefined ? undefined : this.#stories.get(call.story);
    if (call === undefined || story === undefined || call.ended) return [];
    if (event.answeredAt !== null && call.answered === null) this.#connect(event.call, call, story, event.answeredAt);
    this.#finish(
      event.call,
      call,
      story,
      call.answered === null ? 0 : Math.max(0, (event.lostSince ?? event.at) - call.answered),
    );
    return this.#judge(call.story, story, event.at);
  }

  /** Talk of an ended call; a record later mends what was reckoned from the signalling. */
  #finish(key: string, call: Call, story: Story, talk: Millis): void {
    story.running = story.running.filter((k) => k !== key);
    if (story.running.length === 0) this.#talking.delete(call.story);
    const price = talk === 0 ? 0 : (this.#site.price(this.#site.number(call.dialled), talk / SECOND) ?? 0);
    story.talk += talk - call.talk;
    story.price += price - call.price;
    call.ended = true;
    call.talk = talk;
    call.price = price;
  }

  #record(event: CallRecorded): EvidenceDraft[] {
    const { record } = event;
    let call = this.#calls.get(event.call);
    if (call === undefined) {
      if (event.trunk !== null || (event.account !== null && this.#site.networks.isTrunk(event.account))) return [];
      const subject = this.#subject(event.account, null, record.dst);
      call = this.#open(event.call, subject, event.account, record.dst, record.start, event.at);
      if (call === undefined) return [];
    }
    const story = this.#stories.get(call.story);
    if (story === undefined) return [];
    story.calls = withDistinct(story.calls, record.uniqueid === '' ? event.call : record.uniqueid, 20);
    const connected = record.disposition === 'ANSWERED' && record.answer !== null;
    if (connected && call.answered === null) this.#connect(event.call, call, story, record.answer);
    // several records of one call (forked, forwarded) are one call: the longest talk stands
    if (connected) this.#finish(event.call, call, story, Math.max(call.talk, record.billsec * SECOND));
    return this.#judge(call.story, story, event.at);
  }

  #sweep(at: Millis): EvidenceDraft[] {
    const found: EvidenceDraft[] = [];
    for (const key of this.#talking) {
      const story = this.#stories.peek(key);
      if (story === undefined) this.#talking.delete(key);
      else if (story.said.severity !== 'critical') found.push(...this.#judge(key, story, at));
    }
    return found;
  }

  #prune(story: Story, at: Millis): void {
    const from = at - this.#p.window;
    while ((story.starts[0] ?? from) < from) story.starts.shift();
    while ((story.unusual[0] ?? from) < from) story.unusual.shift();
  }

  #talk(story: Story, at: Millis): { talk: Millis; price: number } {
    let { talk, price } = story;
    for (const key of story.running) {
      const call = this.#calls.peek(key);
      if (call?.answered == null) continue;
      talk += at - call.answered;
      price += this.#site.price(this.#site.number(call.dialled), (at - call.answered) / SECOND) ?? 0;
    }
    return { talk, price };
  }

  #judge(key: string, story: Story, at: Millis): EvidenceDraft[] {
    const count = story.starts.length;
    if (count === 0) return [];
    const { length: unusual } = story.unusual;
    const long = this.#p.talk * (story.odd === 0 ? PLAUSIBLE : 1);
    const talked = story.connected > 0 && this.#talk(story, at).talk >= long;
    const many = unusual >= this.#p.calls || (unusual > 0 && talked);
    const severity: Severity =
      (many && story.connected > 0) || story.risky === 'connected'
        ? 'critical'
        : many || story.risky === 'tried'
          ? 'high'
          : 'medium';
    const before = story.said.severity;
    const told = escalate(story.said, severity, count, this.#p.calls);
    if (told === null) return [];
    if (told !== before && story.subject.type !== 'account' && !this.#gate.admits(at, told)) return [];
    return [this.#evidence(`${key}|${iso(story.starts[0] ?? at)}|${told}|${count}`, story, told, count, at)];
  }

  #evidence(key: string, story: Story, severity: Severity, count: number, at: Millis): EvidenceDraft {
    const { talk, price } = this.#talk(story, at);
    const span = story.lastStart - (story.starts[0] ?? story.lastStart);
    const when =
      story.holiday === null ? 'while the office was closed' : `while the office was closed (${story.holiday})`;
    const many = `${counted(count, 'call')} to ${listed(story.places)}${count > 1 && span > 0 ? ` in ${formatDuration(span)}` : ''}`;
    const failed = story.connected === 0 && count > 1 ? ', none of them connected' : '';
    const summary =
      story.subject.type === 'number'
        ? `${many}: somebody placed them ${when}`
        : `${named(story.subject)} placed ${many} ${when}`;
    return {
      key,
      at,
      severity,
      subject: story.subject,
      summary: summary + failed,
      facts: {
        calls: count,
        destinations: story.numbers.length,
        countries: [...story.countries],
        numbers: story.numbers.slice(0, 5),
        connected: story.connected,
        talkSeconds: Math.round(talk / SECOND),
        closedSince: story.since === null ? null : iso(story.since),
        reason: story.reason,
        holiday: story.holiday,
        firstCall: iso(story.starts[0] ?? at),
      },
      calls: [...story.calls],
      callKeys: [...story.callKeys],
      sources: [...story.sources],
      // what is not certain of one is not certain of what is told of all
      sourceProof: story.proofs.length === 0 ? 'none' : story.proofs.reduce(worseProof),
      accounts: [],
      ...(price > 0
        ? { loss: { amount: Math.round(price * 100) / 100, currency: this.#site.currency, estimated: true } }
        : {}),
    };
  }

  #subject(account: string | null, source: string | null, dialled: string): Subject {
    if (account !== null) return accountSubject(account);
    if (source !== null && !this.#site.networks.isPbx(source)) return addressSubject(source);
    return { type: 'number', value: this.#site.number(dialled).e164 ?? dialled };
  }

  size(): number {
    return this.#calls.size + this.#stories.size + this.#talking.size;
  }

  snapshot(): unknown {
    return {
      calls: this.#calls.snapshot(copy),
      stories: this.#stories.snapshot(copy),
      talking: [...this.#talking],
      gate: this.#gate.snapshot(),
    };
  }

  restore(snapshot: unknown): void {
    const s = snapshot as { calls: Packed<Call>[]; stories: Packed<Story>[]; talking: string[]; gate: unknown };
    this.#calls.restore(s.calls, copy);
    this.#stories.restore(s.stories, copy);
    this.#talking.clear();
    for (const key of s.talking) this.#talking.add(key);
    this.#gate.restore(s.gate);
  }
}

const emptyStory = (subject: Subject, hours: Hours, started: Millis): Story => ({
  subject,
  since: hours.since,
  reason: hours.reason,
  holiday: hours.holiday,
  starts: [],
  unusual: [],
  plausible: 0,
  odd: 0,
  lastStart: started,
  latest: '',
  connected: 0,
  talk: 0,
  price: 0,
  running: [],
  risky: 'no',
  numbers: [],
  places: [],
  countries: [],
  sources: [],
  calls: [],
  callKeys: [],
  proofs: [],
  said: unsaid(),
});

/**
 * Attack: with a stolen password, or by a hole in the dialplan, calls are pumped to numbers that pay their owner, at night,
 * on weekends and holidays, when nobody looks; calls of twenty minutes and longer, many at once.
 *
 * Innocent twins: a domestic call at night, an emergency call, a call that began before closing time and goes on, accounts
 * that work by night (`hours = "always"` or hours of their own), a fax or alarm line that dials a national number: none of
 * them is counted. One late call abroad is told as medium: worth a look by day; so are many of an account to a range that it
 * has called on many days before (overtime, with partners in another time zone); on a day off or after hours, between seven and
 * nine in the evening, calls to countries where this office has business count for a third each.
 */
export default defineDetector({
  name: 'out-of-hours-calls',
  summary: 'Chargeable calls that were started while the office, or this account, was closed',
  parameters,
  consumes: ['call.started', 'call.updated', 'call.answered', 'call.ended', 'cdr', 'tick'],
  create: (p, site, shared) => new OutOfHours(p, site, shared),
});
