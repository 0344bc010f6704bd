import { z } from 'zod';
import type { EvidenceDraft, Millis, Severity, Tick } from '../model.ts';
import type { Site } from '../site/site.ts';
import { DAY, formatDuration, iso } from '../time.ts';
import { countryOf, isUsualCountry, rangeOf } from './call-classes.ts';
import { defineDetector, type Detector, type Shared } from './detector.ts';
import { amount, duration, score } from './parameters.ts';
import { counted, listed, named, placeOf } from './phrases.ts';
import { CALL_KINDS, citing, PlacedCalls, talkOf, type Caller, type Placed, type PlacedEvent } from './placed-calls.ts';
import { addDistinct, escalate, FloodGate } from './story.ts';

const parameters = z.strictObject({
  probes: amount(3, 'numbers', 'so many dear ones tried shortly, in two countries; or twice as many in one', 2, 32),
  countries: amount(4, 'countries', 'numbers tried shortly in so many of them within a day, dear or not', 2, 32),
  short: duration('15s', 'a call not longer than this, or that nobody answered, is a probe'),
  long: duration('2m', 'a call of this length to a range that was probed is what the probes were for'),
  window: duration('7d', 'a slow attacker is remembered for so long'),
  risk: score(60, 'a number of this risk or more is dear: a destination that revenue share uses'),
});

interface Tag {
  readonly risky: boolean;
  readonly closed: boolean;
  readonly country: string;
  readonly range: string;
}

const HELD = 64;
/** Callers with a long call up to what they had probed. */
const WATCHED = 1_000;

/** What a caller has tried shortly, and what he called at length afterwards. */
interface Findings {
  readonly probes: readonly Placed<Tag>[];
  readonly risky: number;
  readonly countries: number;
  readonly riskyCountries: number;
  readonly pumped: readonly Placed<Tag>[];
}

class TestCall implements Detector<PlacedEvent['kind'] | 'tick'> {
  readonly #p: z.output<typeof parameters>;
  readonly #site: Site;
  readonly #placed: PlacedCalls<Tag>;
  /** callers that have probed and now have a call up */
  readonly #watched = new Set<string>();
  readonly #gate = new FloodGate();

  constructor(p: z.output<typeof parameters>, site: Site, { habits, states }: Shared) {
    this.#p = p;
    this.#site = site;
    this.#placed = new PlacedCalls(site, { states, span: p.window, most: HELD }, (number, subject, started) =>
      isUsualCountry(habits, subject, number)
        ? null
        : {
            risky: number.risk >= p.risk,
            closed: !site.hours(started, subject.type === 'account' ? subject.value : null).open,
            country: countryOf(number),
            range: rangeOf(number),
          },
    );
  }

  on(event: PlacedEvent | Tick): EvidenceDraft[] {
    if (event.kind === 'tick') return this.#watched.size === 0 ? [] : this.#sweep(event.at);
    const change = this.#placed.take(event);
    if (change === null) return [];
    const { key, caller, call, at } = change;
    // a call that has begun is no probe yet, and one that talks is not long yet
    if (call.ended === null) {
      if (call.answered !== null && caller.said.severity !== null && this.#watched.size < WATCHED)
        this.#watched.add(key);
      return [];
    }
    return this.#judge(key, caller, at);
  }

  #sweep(at: Millis): EvidenceDraft[] {
    const found: EvidenceDraft[] = [];
    for (const key of this.#watched) {
      const caller = this.#placed.caller(key);
      const up = caller !== undefined && this.#placed.of(caller).some((call) => isUp(call));
      if (up) found.push(...this.#judge(key, caller, at));
      else this.#watched.delete(key);
    }
    return found;
  }

  #judge(key: string, caller: Caller, at: Millis): EvidenceDraft[] {
    if (caller.calls.length < Math.min(this.#p.probes, this.#p.countries)) return [];
    const calls = this.#placed.of(caller);
    const found = this.#findings(calls, at);
    const told = this.#verdict(found);
    if (told === null) return [];
    const { probes, pumped } = found;
    const count = probes.length + pumped.length;
    const before = caller.said.severity;
    const severity = escalate(caller.said, told.severity, count, this.#p.probes);
    if (severity === null) return [];
    if (calls.some(isUp) && this.#watched.size < WATCHED) this.#watched.add(key);
    if (severity !== before && caller.subject.type !== 'account' && !this.#gate.admits(at, severity)) return [];
    return [this.#evidence(`${key}|${iso(caller.since)}|${severity}|${count}`, caller, found, told.rule, severity, at)];
  }

  /** Short calls and unanswered ones, a number once; not where the caller has talked with somebody before. */
  #findings(calls: readonly Placed<Tag>[], at: Millis): Findings {
    const talked = new Set<string>();
    const numbers = new Map<string, Placed<Tag>>();
    const probed = new Map<string, Millis>();
    const pumped: Placed<Tag>[] = [];
    for (const call of calls) {
      const { range, country } = call.tag;
      const talk = talkOf(call, at);
      if (call.ended !== null && talk <= this.#p.short) {
        if (talked.has(country)) continue;
        numbers.set(call.dialled, numbers.get(call.dialled) ?? call);
        if (!probed.has(range)) probed.set(range, call.ended);
      } else if (talk >= this.#p.long) {
        if ((probed.get(range) ?? Infinity) <= call.started) pumped.push(call);
        else talked.add(country);
      }
    }
    const probes = [...numbers.values()];
    const risky = probes.filter(({ tag }) => tag.risky);
    return {
      probes,
      risky: risky.length,
      riskyCountries: new Set(risky.map(({ tag }) => tag.country)).size,
      countries: mostCountries(probes),
      pumped,
    };
  }

  #verdict({ risky, riskyCountries, countries, pumped }: Findings): { severity: Severity; rule: string } | null {
    const p = this.#p;
    const dear = (risky >= p.probes && riskyCountries >= 2) || risky >= 2 * p.probes;
    if (!dear && countries < p.countries) return null;
    const rule = dear ? `probes ${p.probes}` : `countries ${p.countries}`;
    // business that begins with a few calls in vain goes on by day, with one call at a time
    if (pumped.length >= 2 || pumped.some(({ tag }) => tag.closed))
      return { severity: 'critical', rule: `${rule}, then long calls` };
    if (pumped.length > 0) return { severity: 'high', rule: `${rule}, then a long call` };
    const wide = (risky >= 2 * p.probes && riskyCountries >= 3) || countries >= 2 * p.countries;
    return { severity: wide ? 'high' : 'medium', rule };
  }

  #evidence(
    key: string,
    caller: Caller,
    { probes, pumped, risky, countries }: Findings,
    rule: string,
    severity: Severity,
    at: Millis,
  ): EvidenceDraft {
    const numbers: string[] = [];
    const places: string[] = [];
    for (const { dialled } of probes) {
      const number = this.#site.number(dialled);
      addDistinct(numbers, number.e164 ?? dialled, HELD);
      addDistinct(places, placeOf(number), 16);
    }
    const { subject } = caller;
    const who = subject.type === 'number' ? 'Somebody' : named(subject);
    const span = (probes.at(-1)?.started ?? at) - (probes[0]?.started ?? at);
    const within = span >= 1_000 ? ` in ${formatDuration(span)}` : '';
    const then =
      pumped.length === 0 ? '' : `, then called ${counted(pumped.length, 'time')} at length what had been tried`;
    return {
      key,
      at,
      severity,
      subject,
      summary: `${who} tried ${counted(numbers.length, 'number')} shortly${within}: ${listed(places)}${then}`,
      facts: {
        tried: numbers.length,
        probes: risky,
        countries,
        answered: probes.filter((call) => call.answered !== null).length,
        longCalls: pumped.length,
        numbers: numbers.slice(0, 5),
        firstCall: iso(probes[0]?.started ?? at),
        rule,
      },
      ...citing(this.#site, [...probes, ...pumped], at),
      accounts: [],
    };
  }

  size(): number {
    return this.#placed.size + this.#watched.size;
  }

  snapshot(): unknown {
    return { placed: this.#placed.snapshot(), watched: [...this.#watched], gate: this.#gate.snapshot() };
  }

  restore(snapshot: unknown): void {
    const s = snapshot as { placed: unknown; watched: string[]; gate: unknown };
    this.#placed.restore(s.placed);
    this.#watched.clear();
    for (const key of s.watched) this.#watched.add(key);
    this.#gate.restore(s.gate);
  }
}

const isUp = (call: Placed<Tag>): boolean => call.answered !== null && call.ended === null;

/** The most countries in which numbers were tried within a day. */
function mostCountries(probes: readonly Placed<Tag>[]): number {
  let most = 0;
  for (const [i, { started }] of probes.entries()) {
    const within = probes.slice(0, i + 1).filter((other) => other.started >= started - DAY);
    most = Math.max(most, new Set(within.map(({ tag }) => tag.country)).size);
  }
  return most;
}

/**
 * Attack: before the calls that cost money come cheap ones: a number in each of many countries, or several of dear ranges,
 * is dialled for a few seconds to see what the PBX lets through and what pays. Soon the same ranges are called at length.
 *
 * Innocent twins: a misdialled number, a number that nobody answers dialled again and again (one number), a salesman who
 * reaches nobody in a country where he, or the site, has talked before, a call that lasts as long as calls do.
 */
export default defineDetector({
  name: 'test-call',
  summary: 'Short cheap calls to dear numbers or to many countries: somebody tries what the PBX lets through',
  parameters,
  consumes: [...CALL_KINDS, 'tick'],
  create: (p, site, shared) => new TestCall(p, site, shared),
});
