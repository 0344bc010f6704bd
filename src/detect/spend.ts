import type { z } from 'zod';
import { worseProof, type EvidenceDraft, type Millis, type Subject, type Tick } from '../model.ts';
import type { DialledNumber, Site } from '../site/site.ts';
import { DAY, formatDuration, HOUR, iso } from '../time.ts';
import { BoundedMap, type Packed } from '../windows.ts';
import { isGrave, isTradePartner, isUsualCountry, NEVER_FAMILIAR } from './call-classes.ts';
import { parameters, PERIODS, SHIPPED, type Period, type Scope } from './budgets.ts';
import { COST_KINDS, Costs, type Cost, type CostEvent } from './costs.ts';
import { defineDetector, type Detector, type Shared } from './detector.ts';
import type { Whose } from './habits.ts';
import { counted, listed, named, placeOf, printable } from './phrases.ts';
import { spend, spentWithin, type Spent } from './spent.ts';
import { accountSubject, addDistinct, copy, FloodGate, withOne } from './story.ts';

interface Said {
  readonly level: 0 | 1 | 2;
  readonly next: number;
}
const UNSAID: Said = { level: 0, next: 0 };

/** What one account, one group or the office has spent. Plain. */
interface Purse {
  readonly scope: Scope;
  /** '' for the office */
  readonly name: string;
  spent: Spent;
  /** the closed period, by its start, and what was spent in it */
  since: Millis | null;
  closed: number;
  /** calls that it was spent on, the latest 200 */
  calls: string[];
  /** of each period, null while nothing was said: 0 nothing, 1 warned, 2 reached; then the amount at which it is told again */
  said: Readonly<Partial<Record<Period, Said>>> | null;
}

const USUAL_WEIGHT = 1 / 3;
const PURSES = 20_000;
const PURSE_CALLS = 200;
/** who spent less than this part of what was spent is not named for it */
const SHARE = 0.1;
const NAMED = 8;

class Spend implements Detector<(typeof COST_KINDS)[number]> {
  readonly #p: z.output<typeof parameters>;
  readonly #site: Site;
  readonly #shared: Shared;
  readonly #costs: Costs;
  /** what a person set for all, by scope and period; 0: nothing */
  readonly #general: Readonly<Record<Scope, Readonly<Record<Period, number>>>>;
  readonly #purses = new BoundedMap<Purse>(PURSES);
  readonly #gate = new FloodGate();
  /** purses into which money went since they were judged last; empty between events */
  readonly #touched = new Set<string>();

  constructor(p: z.output<typeof parameters>, site: Site, shared: Shared) {
    this.#p = p;
    this.#site = site;
    this.#shared = shared;
    const general = (scope: Scope): Record<Period, number> => ({
      hour: p[`${scope}_hour`],
      day: p[`${scope}_day`],
      closed: p[`${scope}_closed`],
    });
    this.#general = { account: general('account'), group: general('group'), site: general('site') };
    this.#costs = new Costs(
      site,
      shared.exits,
      (who, number, started) => this.#weight(who, number, started),
      (key, cost, sum, from, to) => {
        this.#charge(key, cost, sum, from, to);
      },
    );
  }

  on(event: CostEvent | Tick): EvidenceDraft[] {
    if (event.kind === 'tick') {
      if (this.#costs.idle) return [];
      this.#costs.tick(event.at);
      return this.#judge(event.at);
    }
    const connected = this.#costs.take(event);
    const found = this.#judge(event.at);
    return found.length > 0 || connected === null ? found : this.#oneMore(connected, event.at);
  }

  /** Money for ordinary business by day weighs less against a shipped budget, which cannot know how much of it there is. */
  #weight(who: string | null, number: DialledNumber, started: Millis): number {
    const { habits } = this.#shared;
    if (who === null || isGrave(number) || !this.#site.hours(started, who).open) return 1;
    const subject = accountSubject(who);
    const usual =
      number.risk >= NEVER_FAMILIAR ? isTradePartner(habits, subject, number) : isUsualCountry(habits, subject, number);
    return usual ? USUAL_WEIGHT : 1;
  }

  #charge(key: string, cost: Cost, sum: number, from: Millis, to: Millis): void {
    const groups = cost.who === null ? [] : this.#site.accounts.groupsOf(cost.who);
    const charge = { key, sum, from, to, weight: cost.weight };
    if (cost.who !== null) this.#into(`account:${cost.who}`, 'account', cost.who, cost.closed, charge);
    for (const group of groups) this.#into(`group:${group}`, 'group', group, cost.closed, charge);
    this.#into('site:', 'site', '', cost.siteClosed, charge);
  }

  #into(id: string, scope: Scope, name: string, closed: Millis | null, { key, sum, from, to, weight }: Charged): void {
    let purse = this.#purses.get(id);
    if (purse === undefined) {
      purse = { scope, name, spent: [], since: null, closed: 0, calls: [], said: null };
      this.#purses.set(id, purse);
    }
    purse.spent = spend(purse.spent, sum, from, to, weight);
    if (closed !== null) {
      if (purse.since === null || closed > purse.since) {
        purse.since = closed;
        purse.closed = 0;
        if (purse.said !== null) purse.said = { ...purse.said, closed: UNSAID };
      }
      // a late record of an earlier period is told by the day's budget alone
      if (closed === purse.since) purse.closed += sum;
    }
    if (purse.calls.at(-1) !== key && !purse.calls.includes(key)) {
      purse.calls = withOne(purse.calls, key);
      if (purse.calls.length > PURSE_CALLS) purse.calls.shift();
    }
    this.#touched.add(id);
  }

  #judge(at: Millis): EvidenceDraft[] {
    if (this.#touched.size === 0) return [];
    const found: EvidenceDraft[] = [];
    for (const id of this.#touched) {
      const purse = this.#purses.peek(id);
      if (purse !== undefined) found.push(...this.#judgePurse(id, purse, at));
    }
    this.#touched.clear();
    return found;
  }

  /** The gravest of its periods is told, once: when its budget comes near, when it is reached, each time it has doubled. */
  #judgePurse(id: string, purse: Purse, at: Millis): EvidenceDraft[] {
    let worst: { period: Period; sum: number; budget: number; level: 1 | 2 } | null = null;
    for (const period of PERIODS) {
      const money = this.#money(purse, period, at);
      const { sum } = money;
      const said = purse.said?.[period] ?? UNSAID;
      // most of the time next to nothing was spent: what is usual need not be asked
      if (said.level === 0 && money.weighed < (this.#least(purse, period) * (this.#p.warn || 100)) / 100) continue;
      const budget = this.#budget(purse, period, money, at);
      const warned = this.#p.warn > 0 && sum >= (budget * this.#p.warn) / 100;
      if (said.level > 0 && sum < (budget * Math.max(this.#p.warn, 1)) / 200)
        purse.said = { ...purse.said, [period]: UNSAID };
      const level = sum >= budget ? 2 : warned ? 1 : 0;
      if (level === 0 || level < said.level || (level === said.level && (level === 1 || sum < said.next))) continue;
      purse.said = { ...purse.said, [period]: { level, next: Math.max(sum, budget) * 2 } };
      if (worst === null || level > worst.level || (level === worst.level && sum / budget > worst.sum / worst.budget))
        worst = { period, sum, budget, level };
    }
    return worst === null ? [] : this.#tell(id, purse, worst, at);
  }

  #money(purse: Purse, period: Period, at: Millis): Money {
    // what is spent while closed weighs in full
    if (period === 'closed') return { sum: purse.closed, weighed: purse.closed };
    const money = spentWithin(purse.spent, at, period === 'hour' ? HOUR : DAY);
    return this.#set(purse, period) === undefined ? money : { sum: money.sum, weighed: money.sum };
  }

  /** The budget that a person set, for this one by name or for all. */
  #set({ scope, name }: Purse, period: Period): number | undefined {
    const own = scope === 'account' ? this.#p.accounts[name] : scope === 'group' ? this.#p.groups[name] : undefined;
    const set = own?.[period] ?? this.#general[scope][period];
    return set === 0 ? undefined : set;
  }

  /** No budget is less than this: what is usual can only raise a shipped one. */
  #least(purse: Purse, period: Period): number {
    return this.#set(purse, period) ?? SHIPPED[`${purse.scope}_${period}`] * this.#site.unitsPerEuro;
  }

  /** The budget in money as it was spent: where half of it weighs a third, half as much again may be. */
  #budget(purse: Purse, period: Period, { sum, weighed }: Money, at: Millis): number {
    const { scope, name, since } = purse;
    const least = this.#least(purse, period) * (weighed > 0 ? sum / weighed : 1);
    const { habits } = this.#shared;
    if (this.#set(purse, period) !== undefined || this.#p.usual === 0) return least;
    if (!habits.known() || (scope === 'account' && !habits.knows(name))) return least;
    const whose: Whose = scope === 'site' ? 'site' : scope === 'group' ? { group: name } : { account: name };
    if (period === 'closed')
      return Math.max(least, this.#p.usual * habits.expected(whose, 'spend', Math.max(since ?? at, at - 7 * DAY), at));
    const day = this.#p.usual * habits.usual(whose, 'spend').high;
    // what a day may cost, half of it may cost one hour
    return Math.max(least, period === 'day' ? day : day / 2);
  }

  /** A call connects though a budget is used up: it is named, so that it can be cut like those before it. */
  #oneMore(key: string, at: Millis): EvidenceDraft[] {
    const cost = this.#costs.get(key);
    if (cost === undefined || cost.ended) return [];
    const ids =
      cost.who === null
        ? ['site:']
        : [`account:${cost.who}`, ...this.#site.accounts.groupsOf(cost.who).map((g) => `group:${g}`), 'site:'];
    for (const id of ids) {
      const purse = this.#purses.peek(id);
      if (purse === undefined) continue;
      const period = PERIODS.find((p) => {
        const money = this.#money(purse, p, at);
        return (
          money.weighed >= this.#least(purse, p) &&
          money.sum >= this.#budget(purse, p, money, at) &&
          (p !== 'closed' || cost.closed === purse.since)
        );
      });
      if (period === undefined || (purse.scope !== 'account' && !this.#drives(purse, cost))) continue;
      if (!this.#gate.admits(at, 'critical')) return [];
      const money = this.#money(purse, period, at);
      const budget = this.#budget(purse, period, money, at);
      const state = { period, sum: money.sum, budget, level: 2 as const };
      return [this.#evidence(`${id}|${period}|more|${key}`, purse, state, cost.who, [[key, cost]], at)];
    }
    return [];
  }

  /** Is it one of those who spend this money? A colleague's cheap call is not cut because somebody else is pumping. */
  #drives(purse: Purse, { who }: Cost): boolean {
    let total = 0;
    let mine = 0;
    for (const key of purse.calls) {
      const cost = this.#costs.get(key);
      total += cost?.charged ?? 0;
      if (cost?.who === who) mine += cost.charged;
    }
    return mine >= SHARE * total;
  }

  #tell(id: string, purse: Purse, state: Reached, at: Millis): EvidenceDraft[] {
    const shares = new Map<string | null, [string, Cost][]>();
    for (const key of purse.calls) {
      const cost = this.#costs.get(key);
      if (cost === undefined || cost.charged <= 0 || (!this.#costs.isRunning(key) && at - cost.counted > DAY)) continue;
      const mine = shares.get(cost.who);
      if (mine === undefined) shares.set(cost.who, [[key, cost]]);
      else mine.push([key, cost]);
    }
    const total = [...shares.values()].reduce((sum, calls) => sum + chargedOf(calls), 0);
    return [...shares]
      .filter(([, calls]) => chargedOf(calls) >= SHARE * total)
      .sort((a, b) => chargedOf(b[1]) - chargedOf(a[1]))
      .slice(0, NAMED)
      .map(([who, calls]) => {
        const key = `${id}|${state.period}|${state.level}|${iso(at)}|${who ?? ''}`;
        return this.#evidence(key, purse, state, who, calls, at);
      });
  }

  #evidence(
    key: string,
    { scope, name, since }: Purse,
    { period, sum, budget, level }: Reached,
    who: string | null,
    calls: [string, Cost][],
    at: Millis,
  ): EvidenceDraft {
    const numbers: string[] = [];
    const places: string[] = [];
    const countries: string[] = [];
    const sources: string[] = [];
    for (const [, cost] of calls) {
      const number = this.#site.number(cost.dialled);
      addDistinct(numbers, number.e164 ?? number.dialled, 5);
      addDistinct(places, placeOf(number), 16);
      addDistinct(countries, number.country ?? '', 16);
      addDistinct(sources, cost.source, 8);
    }
    // what runs is named first, the dearest of it before all: that is what can still be cut
    const ranked = [...calls].sort(
      ([a, x], [b, y]) =>
        Number(this.#costs.isRunning(b)) - Number(this.#costs.isRunning(a)) || y.perMinute - x.perMinute,
    );
    const running = ranked.filter(([k]) => this.#costs.isRunning(k)).map(([, cost]) => cost);
    const proofs = calls.filter(([, { source }]) => source !== '').map(([, { proof }]) => proof);
    const subject: Subject = who === null ? { type: 'number', value: numbers[0] ?? '' } : accountSubject(who);
    const { currency } = this.#site;
    const text = (x: number): string => `${x.toFixed(2)} ${currency}`;
    const when = {
      hour: 'within an hour',
      day: 'within 24 hours',
      closed: 'while the office was closed',
    }[period];
    const whose =
      scope === 'account' ? named(subject) : scope === 'group' ? `Group ${printable(name)}` : 'The whole office';
    const mine = chargedOf(calls);
    const part =
      scope === 'account'
        ? ` on ${counted(calls.length, 'call')} to ${listed(places)}`
        : `, about ${text(mine)} of it ${who === null ? `on calls to ${listed(places)}` : `by extension ${printable(who)} on ${counted(calls.length, 'call')} to ${listed(places)}`}`;
    const used = level === 2 ? `its budget of ${text(budget)} is used up` : `its budget is ${text(budget)}`;
    return {
      key,
      at,
      severity: level === 2 ? 'critical' : 'medium',
      subject,
      summary: `${whose} has spent about ${text(sum)} ${when}${part}; ${used}`,
      facts: {
        scope,
        ...(scope === 'group' ? { group: name } : {}),
        period,
        spent: cents(sum),
        budget: cents(budget),
        ofThis: cents(mine),
        perMinute: cents(running.reduce((rate, { perMinute }) => rate + perMinute, 0)),
        running: running.length,
        runningFor:
          running.length === 0 ? null : formatDuration(at - Math.min(...running.map(({ answered }) => answered ?? at))),
        calls: calls.length,
        connected: calls.length,
        numbers,
        countries,
        closedSince: period === 'closed' && since !== null && since > 0 ? iso(since) : null,
        pricesBy: calls.every(([, { by }]) => by === 'tariff') ? 'tariff' : 'estimate',
      },
      calls: ranked.slice(0, 20).map(([, { id }]) => id),
      callKeys: [...new Set(ranked.slice(0, 50).map(([, { call }]) => call))],
      sources,
      sourceProof: proofs.length === 0 ? 'none' : proofs.reduce(worseProof),
      accounts: [],
      loss: { amount: cents(mine), currency, estimated: true },
    };
  }

  size(): number {
    return this.#costs.size + this.#purses.size;
  }

  snapshot(): unknown {
    return { costs: this.#costs.snapshot(), purses: this.#purses.snapshot(copy), gate: this.#gate.snapshot() };
  }

  restore(snapshot: unknown): void {
    const s = snapshot as { costs: unknown; purses: Packed<Purse>[]; gate: unknown };
    this.#costs.restore(s.costs);
    this.#purses.restore(s.purses, copy);
    this.#gate.restore(s.gate);
  }
}

/** What was spent, and what of it counts against a shipped budget. */
interface Money {
  readonly sum: number;
  readonly weighed: number;
}

/** Money spent on a call from `from` to `to`. */
interface Charged {
  readonly key: string;
  readonly sum: number;
  readonly from: Millis;
  readonly to: Millis;
  readonly weight: number;
}

interface Reached {
  readonly period: Period;
  readonly sum: number;
  readonly budget: number;
  readonly level: 1 | 2;
}

const chargedOf = (calls: readonly [string, Cost][]): number =>
  calls.reduce((sum, [, { charged }]) => sum + charged, 0);
const cents = (x: number): number => Math.round(x * 100) / 100;

/**
 * Attack: whatever way in was found, the damage is money, and it runs by the minute: calls of hours at once to numbers that
 * cost euros a minute. Here it is counted while it runs, by the tariff or our own estimate, and told as critical the second
 * a budget is used up, so that what runs is cut: the loss has a bound that does not depend on anything being recognised.
 *
 * Innocent twins: a long call to a partner abroad, a conference, a sales team on the phone all day stay within budgets of a
 * working day, against which money for business as usual, by day, counts a third; calls at home are not counted; an office that always spends more gets more once its habits are known, and a
 * budget of its own by the settings. What comes near a budget is told as medium before.
 */
export default defineDetector({
  name: 'spend',
  summary: 'Money that calls cost while they run, against budgets of account, group and office',
  parameters,
  consumes: COST_KINDS,
  create: (p, site, shared) => new Spend(p, site, shared),
});
