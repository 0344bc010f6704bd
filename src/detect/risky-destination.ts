import { z } from 'zod';
import type { EvidenceDraft, Millis, Severity, Tick } from '../model.ts';
import type { Site } from '../site/site.ts';
import { formatDuration, iso, SECOND } from '../time.ts';
import { isGrave, isTradePartner, isUsual } from './call-classes.ts';
import { defineDetector, type Detector, type Shared } from './detector.ts';
import { amount, duration, score } from './parameters.ts';
import { counted, listed, named, placeOf } from './phrases.ts';
import {
  CALL_KINDS,
  citing,
  PlacedCalls,
  talkOfAll,
  type Caller,
  type Placed,
  type PlacedEvent,
} from './placed-calls.ts';
import { addDistinct, escalate, FloodGate } from './story.ts';

const parameters = z.strictObject({
  risk: score(60, 'numbers of this risk or more are told, with premium and satellite numbers'),
  numbers: amount(
    3,
    'numbers',
    'so many different risky numbers are no accident, where they are in several countries, dear by nature, called while closed, or beside numbers that do not exist; twice as many anyhow',
    2,
  ),
  invalid: amount(5, 'numbers', 'so many different numbers abroad that nobody can have are told by themselves'),
  window: duration('24h', 'calls are counted within this time'),
  talk: duration('20m', 'so much talk with risky numbers, running calls included, costs money that matters'),
});

/** What a call was when it began. */
interface Tag {
  readonly risky: boolean;
  readonly grave: boolean;
  /** outside what the country has allocated */
  readonly invalid: boolean;
  readonly closed: boolean;
}
type Call = Placed<Tag>;

const HELD = 200;
/** callers whose calls are up, for the talk that grows while nothing happens */
const TALKING = 5_000;

class RiskyDestination implements Detector<(typeof CALL_KINDS)[number] | 'tick'> {
  readonly #p: z.output<typeof parameters>;
  readonly #site: Site;
  readonly #placed: PlacedCalls<Tag>;
  readonly #talking = new Set<string>();
  readonly #gate = new FloodGate();

  constructor(p: z.output<typeof parameters>, site: Site, { habits, states }: Shared) {
    this.#p = p;
    this.#site = site;
    this.#placed = new PlacedCalls(site, { states, span: p.window, most: HELD }, (number, subject, started) => {
      const grave = isGrave(number) || number.kind === 'non-geographic';
      const invalid = number.kind === 'unknown' && number.international;
      const risky = grave || number.risk >= p.risk;
      if (!risky && !invalid) return null;
      // what this account, or the office, calls regularly is its own business
      if (isUsual(habits, subject, number)) return null;
      const account = subject.type === 'account' ? subject.value : null;
      const closed = !site.hours(started, account).open;
      if (!closed && !grave && isTradePartner(habits, subject, number)) return null;
      return { risky, grave, invalid, closed };
    });
  }

  on(event: PlacedEvent | Tick): EvidenceDraft[] {
    if (event.kind === 'tick') return this.#talking.size === 0 ? [] : this.#sweep(event.at);
    const change = this.#placed.take(event);
    if (change === null) return [];
    const { key, caller, call, at } = change;
    if (call.answered !== null && call.ended === null && this.#talking.size < TALKING) this.#talking.add(key);
    return this.#judge(key, caller, at);
  }

  #sweep(at: Millis): EvidenceDraft[] {
    const found: EvidenceDraft[] = [];
    for (const key of this.#talking) {
      const caller = this.#placed.caller(key);
      const up = caller !== undefined && this.#placed.of(caller).some((c) => c.answered !== null && c.ended === null);
      if (!up || caller.said.severity === 'critical') this.#talking.delete(key);
      if (up) found.push(...this.#judge(key, caller, at));
    }
    return found;
  }

  #judge(key: string, caller: Caller, at: Millis): EvidenceDraft[] {
    const calls = this.#placed.of(caller).filter(({ started }) => started >= at - this.#p.window);
    const severity = this.#severity(calls, at);
    if (severity === null) return [];
    const before = caller.said.severity;
    const told = escalate(caller.said, severity, calls.length, this.#p.numbers);
    if (told === null) return [];
    if (told !== before && caller.subject.type !== 'account' && !this.#gate.admits(at, told)) return [];
    return [this.#evidence(`${key}|${iso(caller.since)}|${told}|${calls.length}`, caller, told, calls, at)];
  }

  #severity(calls: readonly Call[], at: Millis): Severity | null {
    const risky = calls.filter(({ tag }) => tag.risky);
    const invalid = new Set(calls.filter(({ tag }) => tag.invalid).map(({ dialled }) => dialled)).size;
    if (risky.length === 0) return invalid >= this.#p.invalid ? 'medium' : null;
    const numbers = new Set(risky.map(({ dialled }) => dialled)).size;
    const countries = new Set(risky.map(({ dialled }) => placeOf(this.#site.number(dialled)))).size;
    const grave = risky.filter(({ tag }) => tag.grave);
    const odd = countries > 1 || grave.length > 0 || invalid >= 2 || risky.some(({ tag }) => tag.closed);
    const many = (numbers >= this.#p.numbers && odd) || numbers >= 2 * this.#p.numbers;
    if (talkOfAll(many ? risky : grave, at) >= this.#p.talk) return 'critical';
    return many || grave.some(({ tag }) => tag.closed) ? 'high' : 'medium';
  }

  #evidence(key: string, { subject }: Caller, severity: Severity, calls: readonly Call[], at: Millis): EvidenceDraft {
    const numbers: string[] = [];
    const places: string[] = [];
    const countries: string[] = [];
    const reasons: string[] = [];
    let worst = 0;
    for (const { dialled } of calls) {
      const number = this.#site.number(dialled);
      addDistinct(numbers, number.e164 ?? number.dialled, 5);
      addDistinct(places, placeOf(number), 16);
      addDistinct(countries, number.country ?? '', 16);
      if (number.risk <= worst) continue;
      worst = number.risk;
      reasons.splice(0, reasons.length, ...number.reasons.slice(0, 3));
    }
    const connected = calls.filter(({ answered }) => answered !== null).length;
    const talk = talkOfAll(calls, at);
    const invalid = calls.filter(({ tag }) => tag.invalid).length;
    const to = `${counted(calls.length, 'call')} to ${listed(places)}`;
    const what =
      invalid === calls.length
        ? ', numbers that nobody can have'
        : connected === 0
          ? ', a destination of fraud, not connected'
          : `, a destination of fraud${talk >= 60 * SECOND ? `, ${formatDuration(talk)} of talk` : ''}`;
    return {
      key,
      at,
      severity,
      subject,
      summary:
        (subject.type === 'number' ? `Somebody placed ${to}` : `${named(subject)} placed ${to}`) +
        (places.length > 1 ? what.replace('a destination', 'destinations') : what),
      facts: {
        calls: calls.length,
        destinations: new Set(calls.map(({ dialled }) => dialled)).size,
        countries,
        numbers,
        connected,
        invalid,
        talkSeconds: Math.round(talk / SECOND),
        risk: worst,
        reasons,
        firstCall: iso(calls[0]?.started ?? at),
      },
      ...citing(this.#site, calls, at),
      accounts: [],
    };
  }

  size(): number {
    return this.#placed.size + this.#talking.size;
  }

  snapshot(): unknown {
    return { placed: this.#placed.snapshot(), talking: [...this.#talking], gate: this.#gate.snapshot() };
  }

  restore(snapshot: unknown): void {
    const s = snapshot as { placed: unknown; talking: string[]; gate: unknown };
    this.#placed.restore(s.placed);
    this.#talking.clear();
    for (const key of s.talking) this.#talking.add(key);
    this.#gate.restore(s.gate);
  }
}

/**
 * Attack: calls to numbers that pay whoever brings them traffic: premium rate, satellite and shared codes, small countries
 * with high terminating fees, ranges that are hijacked or that nobody was given. Several such numbers are tried, some of
 * them fail, and what connects is kept up for long.
 *
 * Innocent twins: the first call to a new partner in such a country, a colleague's holiday home, a ship at sea, a wrong
 * number: one of them is told as medium, worth a look by day. What an account or the office calls on several days is its
 * business and told no more, nor is the country where a haulier's drivers are, by day; nor are the neighbours of a country that is itself thought risky.
 */
export default defineDetector({
  name: 'risky-destination',
  summary: 'Calls to premium, satellite and revenue-share ranges, and to numbers that nobody can have',
  parameters,
  consumes: [...CALL_KINDS, 'tick'],
  create: (p, site, shared) => new RiskyDestination(p, site, shared),
});
