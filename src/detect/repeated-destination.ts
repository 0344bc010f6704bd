import { z } from 'zod';
import type { EvidenceDraft, Millis, Severity, Subject } from '../model.ts';
import type { DialledNumber, Site } from '../site/site.ts';
import { formatDuration, HOUR, iso, MINUTE, SECOND, Zone } from '../time.ts';
import { BoundedMap, type Packed } from '../windows.ts';
import { isPlausible, isUsual, rangeOf } from './call-classes.ts';
import { defineDetector, type Detector, type Shared } from './detector.ts';
import type { Habits } from './habits.ts';
import { amount, duration, score } from './parameters.ts';
import { counted, named, placeOf } from './phrases.ts';
import {
  CALL_KINDS,
  citing,
  mostAtOnce,
  PlacedCalls,
  talkOf,
  talkOfAll,
  type Placed,
  type PlacedEvent,
} from './placed-calls.ts';
import { SlowRepeats } from './slow-repeats.ts';
import { copy, escalate, FloodGate, unsaid, type Said } from './story.ts';

const parameters = z.strictObject({
  closed: amount(3, 'calls', 'so many to one number or dear range while closed, connected, within `window`', 2, 64),
  risky: amount(5, 'calls', 'so many connected by day to one range that revenue share uses', 2, 64),
  calls: amount(12, 'calls', 'so many connected by day to one chargeable number, with `talk` together', 2, 64),
  talk: duration('60m', 'talk with one chargeable number below this is no matter'),
  at_once: amount(3, 'calls', 'so many of one caller connected to the same number at one time', 2, 64),
  machine: amount(
    5,
    'calls',
    'so many one right after the other, or of the same length, are placed by a machine',
    3,
    64,
  ),
  accounts: amount(
    4,
    'accounts',
    'so many that call the same range within `window`, one that revenue share uses',
    2,
    64,
  ),
  window: duration('6h', 'calls are counted within this time'),
  nights: amount(3, 'nights', 'one call on so many of them to the same country', 2, 60),
  days: amount(
    4,
    'days',
    'one long call on so many of them to dear numbers; on twice as many to one risky country',
    2,
    30,
  ),
  slow: duration('21d', 'nights and days are counted within this time'),
  risk: score(60, 'a number of this risk or more is a destination that revenue share uses'),
});

/** What a call is when it begins. */
interface Tag {
  readonly risky: boolean;
  readonly closed: boolean;
  /** closed, neither just after closing nor just before opening, and no call that a Saturday at work explains */
  readonly late: boolean;
  /** has been called on several days before */
  readonly usual: boolean;
}

/** What is said of one caller and one number or range, or of the whole site and one range. */
interface Told {
  since: Millis;
  last: Millis;
  said: Said;
}

interface Verdict {
  readonly severity: Severity;
  readonly how: string;
  readonly rule: string;
}

const HELD = 128;
const TOLD = 10_000;
const RANGES = 5_000;
/** Calls of a range held for the whole site. */
const RANGE_CALLS = 64;
/** Overtime: who is still there so long after closing calls like by day, and who comes early too. */
const AFTER_CLOSING = 2 * HOUR;
const BEFORE_OPENING = HOUR;
/** A machine dials again so soon, and it is talk that it is after: a polled meter or alarm line is done within the minute. */
const AGAIN = 15 * SECOND;
const TALK = MINUTE;
/** Calls that a machine hangs up are equally long but for so much. */
const EVEN = 2 * SECOND;

class RepeatedDestination implements Detector<PlacedEvent['kind']> {
  readonly #p: z.output<typeof parameters>;
  readonly #site: Site;
  readonly #placed: PlacedCalls<Tag>;
  readonly #told = new BoundedMap<Told>(TOLD);
  /** range -> connected calls of all accounts: when, who */
  readonly #ranges = new BoundedMap<(Placed<Tag> & { readonly account: string })[]>(RANGES);
  readonly #slow: SlowRepeats;
  readonly #habits: Habits;
  readonly #zone: Zone;
  readonly #gate = new FloodGate();

  constructor(p: z.output<typeof parameters>, site: Site, { habits, states }: Shared) {
    this.#p = p;
    this.#site = site;
    this.#habits = habits;
    this.#zone = new Zone(site.timezone);
    this.#slow = new SlowRepeats(p, site, habits);
    this.#placed = new PlacedCalls(site, { states, span: p.window, most: HELD }, (number, subject, started) => {
      const follows = this.#slow.follows(`${subject.type}:${subject.value}`, number);
      const tag = this.#tag(number, subject, started, !follows && isUsual(habits, subject, number));
      // what is usual by day, and cheap by night, is no matter; a slow attack must not become usual
      return tag.usual && !(tag.closed && tag.risky) ? null : tag;
    });
  }

  #tag(number: DialledNumber, subject: Subject, started: Millis, usual: boolean): Tag {
    const { open, since, until } = this.#site.hours(started, subject.type === 'account' ? subject.value : null);
    const late =
      !open &&
      !isPlausible(this.#habits, this.#zone, subject, number, started) &&
      (since === null || started - since >= AFTER_CLOSING) &&
      (until === null || until - started >= BEFORE_OPENING);
    return { risky: number.risk >= this.#p.risk, closed: !open, late, usual };
  }

  on(event: PlacedEvent): EvidenceDraft[] {
    const change = this.#placed.take(event);
    // a call that nobody answered costs nothing, and a busy number is dialled again by whoever wants to speak
    if (change?.call.answered == null) return [];
    const { key, caller, call, at } = change;
    const number = this.#site.number(call.dialled);
    const { risky } = call.tag;
    const found: EvidenceDraft[] = [];
    const about = risky ? rangeOf(number) : (number.e164 ?? number.dialled);
    if (caller.calls.length >= Math.min(this.#p.closed, this.#p.at_once)) {
      const group = this.#placed.of(caller).filter((other) => {
        const to = this.#site.number(other.dialled);
        return other.answered !== null && (risky ? rangeOf(to) : (to.e164 ?? to.dialled)) === about;
      });
      const verdict = this.#verdict(group, at);
      if (verdict !== null) found.push(...this.#say(`${key}|${about}`, caller.subject, number, group, verdict, at));
    }
    const account = caller.subject.type === 'account' ? caller.subject.value : '';
    if (risky && account !== '') found.push(...this.#together(about, { ...call.plain(), account }, number, at));
    found.push(...this.#slow.connected(call, caller.subject, number, at));
    return found;
  }

  /** Of one caller's connected calls to one number, or one dear range. */
  #verdict(group: readonly Placed<Tag>[], at: Millis): Verdict | null {
    const p = this.#p;
    const risky = group.some(({ tag }) => tag.risky);
    const closed = group.filter(({ tag }) => tag.closed);
    const grave = risky ? 'critical' : 'high';
    if (closed.length >= p.closed) {
      const severity = risky || closed.some(({ tag }) => tag.late) ? 'critical' : 'medium';
      return { severity, how: 'while the office was closed', rule: `closed ${p.closed}` };
    }
    const up = mostAtOnce(group, at);
    if (up >= p.at_once) return { severity: grave, how: `${up} of them at one time`, rule: `at_once ${p.at_once}` };
    const machine = likeMachine(group, p.machine, at);
    if (machine !== null) return { severity: grave, how: machine, rule: `machine ${p.machine}` };
    if (risky && group.length >= p.risky)
      return {
        severity: group.length >= 3 * p.risky ? 'high' : 'medium',
        how: 'over and over',
        rule: `risky ${p.risky}`,
      };
    if (group.length < p.calls || talkOfAll(group, at) < p.talk) return null;
    return {
      severity: 'medium',
      how: 'over and over',
      rule: `calls ${p.calls} with ${formatDuration(p.talk)} of talk`,
    };
  }

  /** Several accounts that call the same dear range: whoever has their passwords has one list of numbers. */
  #together(
    range: string,
    call: Placed<Tag> & { readonly account: string },
    number: DialledNumber,
    at: Millis,
  ): EvidenceDraft[] {
    const from = call.started - this.#p.window;
    const known = this.#ranges.get(range) ?? [];
    const calls = known.filter(({ started, call: other }) => started >= from && other !== call.call);
    calls.push(copy(call));
    calls.sort((a, b) => a.started - b.started);
    this.#ranges.set(range, calls.slice(-RANGE_CALLS));
    const accounts = [...new Set(calls.map(({ account }) => account))];
    if (accounts.length < this.#p.accounts) return [];
    const closed = calls.filter(({ tag }) => tag.closed).length;
    const verdict: Verdict = {
      severity: closed >= this.#p.closed ? 'critical' : 'high',
      how: `from ${counted(accounts.length, 'extension')}`,
      rule: `accounts ${this.#p.accounts}`,
    };
    return this.#say(`|${range}`, { type: 'number', value: range }, number, calls, verdict, at, accounts);
  }

  #say(
    key: string,
    subject: Subject,
    number: DialledNumber,
    group: readonly Placed<Tag>[],
    verdict: Verdict,
    at: Millis,
    accounts: readonly string[] = [],
  ): EvidenceDraft[] {
    const first = group[0]?.started ?? at;
    const last = group.at(-1)?.started ?? at;
    let told = this.#told.get(key);
    if (told === undefined || last - told.last > this.#p.window) {
      told = { since: first, last, said: unsaid() };
      this.#told.set(key, told);
    }
    told.last = Math.max(told.last, last);
    const before = told.said.severity;
    const severity = escalate(told.said, verdict.severity, group.length, this.#p.closed);
    if (severity === null) return [];
    if (severity !== before && subject.type === 'address' && !this.#gate.admits(at, severity)) return [];
    const numbers = new Set(group.map(({ dialled }) => this.#site.number(dialled).e164 ?? dialled));
    const talk = talkOfAll(group, at);
    const who = subject.type === 'number' ? 'Somebody' : named(subject);
    const span = last - first >= SECOND ? ` in ${formatDuration(last - first)}` : '';
    const spread = numbers.size === 1 ? 'one number' : counted(numbers.size, 'number');
    return [
      {
        key: `${key}|${iso(told.since)}|${severity}|${group.length}`,
        at,
        severity,
        subject,
        summary: `${who} called ${spread} in ${placeOf(number)} ${group.length} times${span}, ${verdict.how}`,
        facts: {
          calls: group.length,
          risky: group.filter(({ tag }) => tag.risky).length,
          destinations: numbers.size,
          numbers: [...numbers].slice(0, 5),
          talkSeconds: Math.round(talk / SECOND),
          closed: group.filter(({ tag }) => tag.closed).length,
          at_once: mostAtOnce(group, at),
          accounts: Math.max(1, accounts.length),
          firstCall: iso(first),
          rule: `${verdict.rule} within ${formatDuration(this.#p.window)}`,
        },
        ...citing(this.#site, group, at),
        accounts: accounts.slice(0, 16),
      },
    ];
  }

  size(): number {
    return this.#placed.size + this.#told.size + this.#ranges.size + this.#slow.size;
  }

  snapshot(): unknown {
    return {
      placed: this.#placed.snapshot(),
      told: this.#told.snapshot(copy),
      ranges: this.#ranges.snapshot(copy),
      slow: this.#slow.snapshot(),
      gate: this.#gate.snapshot(),
    };
  }

  restore(snapshot: unknown): void {
    const s = snapshot as {
      placed: unknown;
      told: Packed<Told>[];
      ranges: Packed<(Placed<Tag> & { readonly account: string })[]>[];
      slow: unknown;
      gate: unknown;
    };
    this.#placed.restore(s.placed);
    this.#told.restore(s.told, copy);
    this.#ranges.restore(s.ranges, copy);
    this.#slow.restore(s.slow);
    this.#gate.restore(s.gate);
  }
}

/** Long calls one right after the other, or all of one length: null where people may have placed them. */
function likeMachine(group: readonly Placed<Tag>[], threshold: number, at: Millis): string | null {
  const long = group.filter((call) => call.ended !== null && talkOf(call, at) >= TALK);
  if (long.length < threshold) return null;
  let row = 1;
  for (const [i, call] of long.entries()) {
    const before = long[i - 1]?.ended ?? null;
    const gap = before === null ? Infinity : call.started - before;
    row = gap >= 0 && gap <= AGAIN ? row + 1 : 1;
    if (row >= threshold) return 'each right after the one before';
  }
  const talks = long.map((call) => talkOf(call, at)).sort((a, b) => a - b);
  // among very many some are alike by chance
  const alike = Math.max(threshold, Math.ceil(long.length / 2));
  for (let i = alike - 1; i < talks.length; i++)
    if ((talks[i] ?? 0) - (talks[i - alike + 1] ?? 0) <= EVEN) return `${alike} of the same length`;
  return null;
}

/**
 * Attack: a stolen account calls a few numbers over and over, for hours: they pay their owner for every minute. By night it
 * is found with the third call that connects; by day by calls to one number at the same time, one right after the other
 * or of the same length; spread over many accounts by the range that they share; and at one call a night by the nights.
 *
 * Innocent twins: a busy partner dialled again and again (only what connects counts), a daily call to headquarters, a modem
 * or alarm line that is done within a minute, an assistant who calls one number all day (odd at most, and usual after
 * three days), overtime until two hours after closing.
 */
export default defineDetector({
  name: 'repeated-destination',
  summary: 'The same few chargeable numbers, or one range, called over and over',
  parameters,
  consumes: CALL_KINDS,
  create: (p, site, shared) => new RepeatedDestination(p, site, shared),
});
