import { z } from 'zod';
import type { EvidenceDraft, Millis, Severity } from '../model.ts';
import type { Site } from '../site/site.ts';
import { formatDuration, HOUR, iso, MINUTE } from '../time.ts';
import { isUsual, rangeOf } from './call-classes.ts';
import { defineDetector, type Detector, type Shared } from './detector.ts';
import type { Habits } from './habits.ts';
import { amount, duration, score } from './parameters.ts';
import { counted, listed, named, placeOf } from './phrases.ts';
import {
  CALL_KINDS,
  citing,
  mostAtOnce,
  mostWithin,
  PlacedCalls,
  withoutRedials,
  type Caller,
  type Placed,
  type PlacedEvent,
} from './placed-calls.ts';
import { addDistinct, escalate, FloodGate } from './story.ts';

const parameters = z.strictObject({
  risky: amount(4, 'calls', 'so many within `window` to destinations that revenue share uses are no person dialling'),
  calls: amount(8, 'calls', 'so many chargeable ones within `window`, wherever they lead', 2, 128),
  window: duration('1m', 'calls are counted within this time'),
  risky_hourly: amount(12, 'calls', 'so many within an hour to destinations that revenue share uses', 2, 60),
  hourly: amount(40, 'calls', 'so many chargeable ones within an hour, wherever they lead', 2, 60),
  risky_at_once: amount(3, 'calls', 'so many connected at one time to destinations that revenue share uses', 2, 60),
  at_once: amount(6, 'calls', 'so many chargeable ones connected at one time, wherever they lead', 2, 60),
  sequence: amount(5, 'numbers', 'so many dialled one after the other in even steps (…01, …02, …03)', 3, 60),
  risk: score(60, 'a number of this risk or more is a destination that revenue share uses'),
});

/** A destination that revenue share uses and that is not usual here; or any other that costs money. */
type Tag = 'risky' | 'plain';

/** Calls held for one caller: twice what the largest threshold asks for. */
const HELD = 128;
/** So many calls connected: a burst costs money now. */
const CONNECTED = 3;
/** A burst of chargeable calls that a caller makes once in so many hours is business as usual. */
const ORDINARY = 1e-3;
/** Steps between numbers that are dialled in sequence. */
const LONGEST_STEP = 100;

/** What was seen, and the rule that it broke. */
interface Verdict {
  readonly severity: Severity;
  readonly what: string;
  readonly rule: string;
}

class CallBurst implements Detector<PlacedEvent['kind']> {
  readonly #p: z.output<typeof parameters>;
  readonly #site: Site;
  readonly #habits: Habits;
  readonly #placed: PlacedCalls<Tag>;
  readonly #gate = new FloodGate();

  constructor(p: z.output<typeof parameters>, site: Site, { habits, states }: Shared) {
    this.#p = p;
    this.#site = site;
    this.#habits = habits;
    const span = Math.max(HOUR, p.window);
    this.#placed = new PlacedCalls(site, { states, span, most: HELD, trunks: true }, (number, subject) => {
      if (number.risk >= p.risk && !isUsual(habits, subject, number)) return 'risky';
      // a trunk brings many people's calls, and our own number in another country looks like a call there
      return subject.type === 'trunk' ? null : 'plain';
    });
  }

  on(event: PlacedEvent): EvidenceDraft[] {
    const change = this.#placed.take(event);
    // what ends was beside others before, and a record tells of all at once
    if (change === null || event.kind === 'call.ended') return [];
    const { key, caller, at } = change;
    // the cheap question first: most callers have placed one call
    if (caller.calls.length < Math.min(this.#p.risky, this.#p.risky_at_once, this.#p.sequence)) return [];
    const calls = withoutRedials(this.#placed.of(caller));
    const verdict = this.#verdict(caller, calls, at);
    if (verdict === null) return [];
    const before = caller.said.severity;
    const told = escalate(caller.said, verdict.severity, calls.length, this.#p.calls);
    if (told === null) return [];
    if (told !== before && caller.subject.type !== 'account' && !this.#gate.admits(at, told)) return [];
    return [this.#evidence(`${key}|${iso(caller.since)}|${told}|${calls.length}`, caller, calls, verdict, told, at)];
  }

  #verdict(caller: Caller, calls: readonly Placed<Tag>[], at: Millis): Verdict | null {
    const risky = calls.filter((call) => call.tag === 'risky');
    const found = [this.#riskyBurst(risky, at), this.#sequence(calls, at), this.#burst(caller, calls, at)];
    const rank = { critical: 3, high: 2, medium: 1, low: 0, info: 0 };
    return found.reduce((a, b) => (a === null || (b !== null && rank[b.severity] > rank[a.severity]) ? b : a), null);
  }

  /** Calls to destinations that revenue share uses. */
  #riskyBurst(risky: readonly Placed<Tag>[], at: Millis): Verdict | null {
    const p = this.#p;
    const fast = mostWithin(risky, p.window);
    const hourly = mostWithin(risky, HOUR);
    const up = mostAtOnce(risky, at);
    const burst = up >= p.risky_at_once || fast >= p.risky || hourly >= 2 * p.risky_hourly;
    if (!burst && hourly < p.risky_hourly) return null;
    const losing = burst && risky.filter((call) => call.answered !== null).length >= CONNECTED;
    const severity = losing ? 'critical' : burst ? 'high' : 'medium';
    if (up >= p.risky_at_once)
      return { severity, what: `had ${up} calls up at one time`, rule: `risky_at_once ${p.risky_at_once}` };
    if (fast >= p.risky)
      return {
        severity,
        what: `placed ${counted(fast, 'call')} within ${formatDuration(p.window)}`,
        rule: `risky ${p.risky} within ${formatDuration(p.window)}`,
      };
    return { severity, what: `placed ${counted(hourly, 'call')} within 1 h`, rule: `risky_hourly ${p.risky_hourly}` };
  }

  /** Numbers dialled in even steps: a program looks for those that answer. */
  #sequence(calls: readonly Placed<Tag>[], at: Millis): Verdict | null {
    const run = longestRun(calls.map((call) => this.#site.number(call.dialled).e164 ?? ''));
    if (run.length < this.#p.sequence) return null;
    const of = calls.filter((call) => run.includes(this.#site.number(call.dialled).e164 ?? ''));
    const connected = of.filter(
      (call) => call.answered !== null && (call.ended ?? at) - call.answered >= MINUTE,
    ).length;
    const risky = of.some((call) => call.tag === 'risky');
    const severity =
      risky && connected >= CONNECTED ? 'critical' : risky || run.length > this.#p.sequence ? 'high' : 'medium';
    return {
      severity,
      what: `dialled ${run.length} numbers in sequence (+${run[0] ?? ''} to +${run.at(-1) ?? ''})`,
      rule: `sequence ${this.#p.sequence}`,
    };
  }

  /** Chargeable calls wherever they lead: conferences call out too, so that what is fast is only odd, and what stays up in numbers is not. */
  #burst(caller: Caller, calls: readonly Placed<Tag>[], at: Millis): Verdict | null {
    const p = this.#p;
    const up = mostAtOnce(calls, at);
    const fast = mostWithin(calls, p.window);
    const hourly = mostWithin(calls, HOUR);
    if (up < p.at_once && fast < p.calls && hourly < p.hourly) return null;
    if (this.#isOrdinary(caller, hourly, at)) return null;
    if (up >= p.at_once && (up >= 2 * p.at_once || this.#alike(calls, at) >= p.at_once))
      return { severity: 'high', what: `had ${up} calls up at one time`, rule: `at_once ${p.at_once}` };
    if (up >= p.at_once)
      return { severity: 'medium', what: `had ${up} calls up at one time`, rule: `at_once ${p.at_once}` };
    const what = fast >= p.calls ? [fast, formatDuration(p.window)] : [hourly, '1 h'];
    const rule = fast >= p.calls ? `calls ${p.calls} within ${formatDuration(p.window)}` : `hourly ${p.hourly}`;
    return { severity: 'medium', what: `placed ${what[0]} calls within ${what[1]}`, rule };
  }

  /** Most calls up at one time to one range. */
  #alike(calls: readonly Placed<Tag>[], at: Millis): number {
    const ranges = new Map<string, Placed<Tag>[]>();
    for (const call of calls) {
      const range = rangeOf(this.#site.number(call.dialled));
      const known = ranges.get(range);
      if (known === undefined) ranges.set(range, [call]);
      else known.push(call);
    }
    return Math.max(0, ...[...ranges.values()].map((of) => mostAtOnce(of, at)));
  }

  #isOrdinary({ subject }: Caller, hourly: number, at: Millis): boolean {
    if (subject.type !== 'account' || !this.#habits.knows(subject.value)) return false;
    return this.#habits.surprise({ account: subject.value }, 'chargeable', hourly, at - HOUR, at) >= ORDINARY;
  }

  #evidence(
    key: string,
    caller: Caller,
    calls: readonly Placed<Tag>[],
    { what, rule }: Verdict,
    severity: Severity,
    at: Millis,
  ): EvidenceDraft {
    const risky = calls.filter((call) => call.tag === 'risky');
    const numbers: string[] = [];
    const places: string[] = [];
    for (const call of calls) {
      const number = this.#site.number(call.dialled);
      addDistinct(numbers, number.e164 ?? number.dialled, HELD);
      addDistinct(places, placeOf(number), 16);
    }
    const who =
      caller.subject.type === 'number' ? `Somebody who called +${caller.subject.value}` : named(caller.subject);
    return {
      key,
      at,
      severity,
      subject: caller.subject,
      summary: `${who} ${what}, ${counted(calls.length, 'call')} in all to ${listed(places)}`,
      // those that have a setting bear its name
      facts: {
        inAll: calls.length,
        connected: calls.filter((call) => call.answered !== null).length,
        risky: mostWithin(risky, this.#p.window),
        calls: mostWithin(calls, this.#p.window),
        risky_hourly: mostWithin(risky, HOUR),
        hourly: mostWithin(calls, HOUR),
        risky_at_once: mostAtOnce(risky, at),
        at_once: mostAtOnce(calls, at),
        sequence: longestRun(calls.map((call) => this.#site.number(call.dialled).e164 ?? '')).length,
        destinations: numbers.length,
        numbers: numbers.slice(0, 5),
        firstCall: iso(calls[0]?.started ?? at),
        rule,
      },
      ...citing(this.#site, calls, at),
      accounts: [],
    };
  }

  size(): number {
    return this.#placed.size;
  }

  snapshot(): unknown {
    return { placed: this.#placed.snapshot(), gate: this.#gate.snapshot() };
  }

  restore(snapshot: unknown): void {
    const s = snapshot as { placed: unknown; gate: unknown };
    this.#placed.restore(s.placed);
    this.#gate.restore(s.gate);
  }
}

/** The longest row of numbers dialled one after the other in even steps, the same number again not counted. */
function longestRun(numbers: readonly string[]): string[] {
  let best: string[] = [];
  let run: string[] = [];
  let step = 0;
  for (const number of numbers) {
    const last = run.at(-1);
    if (number === last) continue;
    const by = last?.length !== number.length ? NaN : Number(number) - Number(last);
    const steps = by !== 0 && Math.abs(by) <= LONGEST_STEP;
    if (last === undefined || !steps) run = [number];
    else if (run.length === 1 || by === step) run.push(number);
    else run = [last, number];
    step = by;
    if (run.length > best.length) best = [...run];
  }
  return best;
}

/**
 * Attack: a program dials with a stolen password: many calls a minute, many up at one time, or numbers in even steps, one
 * after the other, to find those that answer. Slower, it stays below what is fast and shows within the hour.
 *
 * Innocent twins: a call centre that dials at home (none of its calls is chargeable), a conference that calls its
 * participants abroad, a fax sent to many customers (odd, worth a look by day, until it is usual for the account), a hunt
 * group that rings many extensions, an alarm system that goes through its list, a busy number dialled again and again (one
 * call), a partner's range that the account or the site has called on several days.
 */
export default defineDetector({
  name: 'call-burst',
  summary: 'Many chargeable calls in a short time, at one time, or to numbers in sequence',
  parameters,
  consumes: CALL_KINDS,
  create: (p, site, shared) => new CallBurst(p, site, shared),
});
