import { z } from 'zod';
import type { Event, EventOf, EvidenceDraft, Millis, Severity, Subject } from '../model.ts';
import type { Site } from '../site/site.ts';
import { DAY, formatDuration, HOUR, iso, MINUTE, Zone } from '../time.ts';
import { BoundedMap, type Packed } from '../windows.ts';
import { NOTHING } from './address-story.ts';
import { defineDetector, type Detector, type Shared } from './detector.ts';
import type { CallCount } from './habit-calls.ts';
import type { Habits } from './habits.ts';
import { amount } from './parameters.ts';
import { counted, named } from './phrases.ts';
import { accountSubject, copy, FloodGate } from './story.ts';

const parameters = z.strictObject({
  calls: amount(60, 'calls', 'fewer within an hour, in or out, are never told of the whole site', 10, 100_000),
  account_calls: amount(30, 'calls', 'fewer within an hour are never told of one account', 5, 100_000),
  account_day: amount(120, 'calls', 'fewer within a day are never told of one account', 5, 100_000),
  account_abroad: amount(
    12,
    'calls',
    'fewer calls that cost money within a day are never told of one account',
    5,
    10_000,
  ),
  grave: amount(
    10,
    'times',
    'so many times what is expected of such calls of one account within a day is unusual',
    2,
    1_000,
  ),
  times: amount(4, 'times', 'so many times what is expected of the hour, and beyond all chance, is unusual', 2, 1_000),
  silence: amount(30, 'calls', 'so many expected and none come: something is dead', 5, 10_000),
});

/** Less likely than this is no chance: once in a hundred years of hours. */
const CHANCE = 1e-6;
/** Of calls that cost money: they are few, and come in bursts, so their tails are long and this errs to the careful side. */
const CHANCE_DEAR = 3e-4;
/** Tallies of accounts, two for each. */
const TALLIES = 40_000;
/** Registrations refresh within the hour: without one for so long the feed is dead. */
const LIFE: Millis = 2 * HOUR;
const LOOK_EVERY = 5 * MINUTE;

/** Calls within one hour, or day, of the clock. */
interface Tally {
  from: Millis;
  count: number;
  /** it is looked at again at this count */
  next: number;
}

/** What a tally is of, and the least that is worth telling. */
interface Asked {
  readonly whose: 'site' | { readonly account: string };
  readonly measure: 'calls' | 'inbound' | 'chargeable';
  readonly span: Millis;
  readonly least: number;
}

type Kind = 'call.started' | 'call.updated' | 'call.answered' | 'call.ended' | 'cdr' | 'register.accepted' | 'tick';

class Traffic implements Detector<Kind> {
  readonly #p: z.output<typeof parameters>;
  readonly #site: Site;
  readonly #habits: Habits;
  readonly #zone: Zone;
  readonly #count: CallCount;
  readonly #accounts = new BoundedMap<Tally>(TALLIES);
  readonly #gate = new FloodGate();
  #placed: Tally;
  #inbound: Tally;
  /** last call of any direction, last registration; 0: none yet */
  #lastCall: Millis = 0;
  #lastLife: Millis = 0;
  #looked: Millis = 0;
  #silent = false;
  #found: EvidenceDraft[] = [];

  constructor(p: z.output<typeof parameters>, site: Site, { habits, counted }: Shared) {
    this.#p = p;
    this.#site = site;
    this.#habits = habits;
    this.#zone = new Zone(site.timezone);
    this.#placed = { from: 0, count: 0, next: p.calls };
    this.#inbound = { from: 0, count: 0, next: p.calls };
    this.#count = counted;
  }

  on(event: EventOf<Kind>): readonly EvidenceDraft[] {
    if (event.kind === 'register.accepted') {
      this.#lastLife = event.at;
      return NOTHING;
    }
    this.#found = [];
    if (event.kind === 'tick') this.#listen(event.at);
    else {
      const { placed, inbound } = this.#count.take(event satisfies Event);
      if (inbound) this.#call(null, event.at);
      else if (placed !== null) {
        this.#call(placed.account, event.at);
        if (placed.number.chargeable) this.#abroad(placed.account, event.at);
      }
    }
    return this.#found;
  }

  #call(account: string | null, at: Millis): void {
    this.#lastCall = at;
    this.#silent = false;
    if (account === null) {
      this.#add(this.#inbound, { whose: 'site', measure: 'inbound', span: HOUR, least: this.#p.calls }, at);
      return;
    }
    this.#add(this.#placed, { whose: 'site', measure: 'calls', span: HOUR, least: this.#p.calls }, at);
    const whose = { account };
    const hourly = { whose, measure: 'calls', span: HOUR, least: this.#p.account_calls } as const;
    this.#add(this.#tally(account), hourly, at);
    this.#add(this.#tally(`${account} a day`), { ...hourly, span: DAY, least: this.#p.account_day }, at);
  }

  /** A call that costs money: those of one account, by the day. */
  #abroad(account: string, at: Millis): void {
    const asked = { whose: { account }, measure: 'chargeable', span: DAY, least: this.#p.account_abroad } as const;
    this.#add(this.#tally(`${account} abroad`), asked, at);
  }

  #tally(key: string): Tally {
    let tally = this.#accounts.get(key);
    if (tally === undefined) this.#accounts.set(key, (tally = { from: 0, count: 0, next: 0 }));
    return tally;
  }

  #add(tally: Tally, asked: Asked, at: Millis): void {
    const { whose, measure, span, least } = asked;
    const offset = this.#zone.offsetAt(at);
    const from = Math.floor((at + offset) / span) * span - offset;
    if (tally.from !== from) Object.assign(tally, { from, count: 0, next: least });
    tally.count++;
    if (tally.count < tally.next || !this.#habits.known()) return;
    const { count } = tally;
    const expected = this.#habits.expected(whose, measure, from, from + span);
    const dear = measure === 'chargeable';
    const unusual =
      count >= (dear ? this.#p.grave : this.#p.times) * expected &&
      this.#habits.surprise(whose, measure, count, from, from + span) < (dear ? CHANCE_DEAR : CHANCE);
    // told when it is found and each time it has doubled; looked for less and less often
    tally.next = Math.ceil(count * (unusual ? 2 : 1.1));
    if (unusual) this.#flood(asked, count, expected, from, at);
  }

  #flood({ whose, measure, span }: Asked, count: number, expected: number, from: Millis, at: Millis): void {
    const account = whose === 'site' ? null : whose.account;
    // an account that calls so at night, when nobody does, is being used by a machine
    const closed = account !== null && !this.#site.hours(at, account).open;
    const dear = measure === 'chargeable';
    const severity: Severity = account !== null && (closed || dear) && this.#habits.knows(account) ? 'high' : 'medium';
    if (account !== null && !this.#gate.admits(at, severity)) return;
    const subject = account === null ? SITE : accountSubject(account);
    const who = account === null ? 'The site' : named(subject);
    const took = formatDuration(Math.max(MINUTE, Math.floor((at - from) / MINUTE) * MINUTE));
    const what =
      measure === 'inbound'
        ? `${counted(count, 'call')} came in`
        : `${who} placed ${counted(count, measure === 'calls' ? 'call' : 'call that costs money', measure === 'calls' ? 'calls' : 'calls that cost money')}`;
    const usual = expected < 1 ? 'hardly any is' : `about ${Math.round(expected)} are`;
    const when = span === HOUR ? 'in that hour' : 'on such a day';
    this.#found.push({
      key: `${account === null ? measure : `account:${account}`}${measure === 'chargeable' ? '|abroad' : ''}|${span}|${iso(from)}|${count}`,
      at,
      severity,
      subject,
      summary: `${what} within ${took}, where ${usual} usual ${when}${closed ? ', and the office is closed' : ''}`,
      facts: {
        calls: count,
        expected: Math.round(expected * 10) / 10,
        direction: measure === 'inbound' ? 'in' : 'out',
        since: iso(from),
        closed,
        rule: `${dear ? this.#p.grave : this.#p.times} times what is usual, and less likely than ${dear ? CHANCE_DEAR : CHANCE}`,
      },
      ...NO_CALLS,
    });
  }

  /** Nothing is heard: is that usual now? */
  #listen(at: Millis): void {
    if (at - this.#looked < LOOK_EVERY) return;
    this.#looked = at;
    if (this.#silent || this.#lastCall === 0 || !this.#habits.known()) return;
    const since = this.#lastCall;
    if (at - since < LOOK_EVERY) return;
    const out = this.#habits.expected('site', 'calls', since, at);
    const into = this.#habits.expected('site', 'inbound', since, at);
    if (out + into < this.#p.silence) return;
    const chance =
      this.#habits.silence('site', 'calls', 0, since, at) * this.#habits.silence('site', 'inbound', 0, since, at);
    if (chance >= CHANCE) return;
    this.#silent = true;
    const alive = this.#lastLife !== 0 && at - this.#lastLife < LIFE;
    this.#found.push({
      key: `silence|${iso(since)}`,
      at,
      severity: alive ? 'low' : 'medium',
      subject: SITE,
      summary:
        `No call was seen for ${formatDuration(Math.floor((at - since) / MINUTE) * MINUTE)}, where about ${Math.round(out + into)} are usual: ` +
        (alive
          ? 'phones still register, so it is a quiet day or the trunk is down'
          : 'what ringfence listens to, or the PBX itself, may be dead'),
      facts: {
        expected: Math.round(out + into),
        lastCall: iso(since),
        lastRegistration: this.#lastLife === 0 ? null : iso(this.#lastLife),
        alive,
        rule: `${this.#p.silence} calls expected and none seen`,
      },
      ...NO_CALLS,
    });
  }

  size(): number {
    return this.#accounts.size;
  }

  snapshot(): unknown {
    return {
      accounts: this.#accounts.snapshot(copy),
      site: copy([this.#placed, this.#inbound]),
      times: [this.#lastCall, this.#lastLife, this.#looked],
      silent: this.#silent,
      gate: this.#gate.snapshot(),
    };
  }

  restore(snapshot: unknown): void {
    const s = snapshot as {
      accounts: Packed<Tally>[];
      site: [Tally, Tally];
      times: [Millis, Millis, Millis];
      silent: boolean;
      gate: unknown;
    };
    this.#accounts.restore(s.accounts, copy);
    [this.#placed, this.#inbound] = copy(s.site);
    [this.#lastCall, this.#lastLife, this.#looked] = s.times;
    this.#silent = s.silent;
    this.#gate.restore(s.gate);
  }
}

/** The site as a whole: of its trunks together. */
const SITE: Subject = { type: 'trunk', value: 'all trunks' };
const NO_CALLS = { calls: [], callKeys: [], sources: [], sourceProof: 'none', accounts: [] } as const;

/**
 * Attack: an account that is used to send thousands of calls, dear or not (robocalls, pumping within the country, flooding a
 * victim); a flood of calls that come in, to keep the lines busy. And silence: somebody cut the line, or the feed of
 * ringfence is dead and nobody would hear the next attack.
 *
 * Innocent twins: the Monday morning rush and the campaign of a call centre, which its own hours of the week expect; a
 * sales team on the phone all day; an outage after which everybody calls at once (medium at the most, by day); a public
 * holiday, which is expected to be like a Sunday; a quiet day while phones go on registering (low).
 */
export default defineDetector({
  name: 'traffic',
  summary: 'Far more calls than this hour of the week usually has, or none at all',
  parameters,
  consumes: ['call.started', 'call.updated', 'call.answered', 'call.ended', 'cdr', 'register.accepted', 'tick'],
  create: (p, site, shared) => new Traffic(p, site, shared),
});
