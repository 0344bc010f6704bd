import { settingsSchema } from '../../src/config.ts';
import { severityRank, type Millis, type Severity } from '../../src/model.ts';
import { Pipeline, type PipelineSnapshot } from '../../src/pipeline.ts';
import type { Change } from '../../src/respond/incidents.ts';
import { createSite, siteDefaults, type Site } from '../../src/site/index.ts';

import type { Packet } from '../support/sip-builder.ts';
import { ATTACKS, type Attack, type AttackKind } from './attacks.ts';
import { unitsPerEuro } from '../../src/site/currencies.ts';
import { tariffOf } from './countries.ts';
import { endOf, itemsOf, play, namesOf, ticksOf, type Feed, type Item } from './feeds.ts';
import { Life, type PlannedCall } from './life.ts';
import { firmsOf, TRUNK, type Firm } from './people.ts';
import { PEER_RULES, peerAlerts, type PeerAlert, type PeerRule } from './peers.ts';
import { Random } from './random.ts';

/** A Monday. The clocks of Europe are set back in its seventh week, those of America in its eighth. */
const FIRST = Date.UTC(2026, 8, 7);
const HIGH = severityRank('high');

export interface Extent {
  /** days of life before anything is judged: long enough for habits to be known */
  readonly before: number;
  /** days on which every high alert is a false one */
  readonly judged: number;
  /** each attack is tried in every nth site */
  readonly everyNth: number;
}
export const FULL: Extent = { before: 42, judged: 49, everyNth: 2 };
export const QUICK: Extent = { before: 21, judged: 7, everyNth: 12 };

export interface FalseAlarm {
  readonly severity: Severity;
  readonly detector: string;
  readonly role: string;
  readonly summary: string;
  readonly at: string;
}

/** How one attack went; times in ms after its first call or packet, money in EUR. */
export interface Result {
  readonly site: string;
  readonly kind: string;
  readonly pace: string;
  /** gravest severity of an incident that names it; null: nothing was said */
  readonly severity: Severity | null;
  /** first high or graver */
  readonly foundAfter: Millis | null;
  readonly detector: string | null;
  readonly calls: number;
  readonly callsUntilFound: number | null;
  readonly loss: number;
  /** what could be saved: live all of it, from records what comes after the first record */
  readonly savable: number;
  readonly saved: number;
  /** share of `saved` that a decision of the shipped rules would have kept, had the site enforced */
  readonly acted: boolean;
  readonly peers: Readonly<Record<PeerRule, boolean>>;
}

export interface SiteResult {
  readonly site: string;
  readonly feed: Feed;
  readonly extensionDays: number;
  readonly falseAlarms: readonly FalseAlarm[];
  readonly peerFalseAlarms: Readonly<Record<PeerRule, number>>;
  readonly results: readonly Result[];
}

function siteOf(firm: Firm, tariff: boolean): Site {
  const made = createSite(siteDefaults(firm.settings), tariff ? tariffOf(unitsPerEuro(firm.home.currency)) : undefined);
  if (!made.ok) throw new Error(JSON.stringify(made.problems));
  const endpoints = [...firm.people.map((p) => p.account), TRUNK];
  made.value.accounts.learn(endpoints.map((endpoint) => ({ endpoint, aliases: [] })));
  return made.value;
}

function pipelineOf(firm: Firm, changed: (change: Change) => void): Pipeline {
  const settings = settingsSchema.parse({});
  const site = siteOf(firm, firm.tariff);
  return new Pipeline({
    live: false,
    detect: settings.detect,
    respond: settings.respond,
    site,
    amiRecords: false,
    changed,
  });
}

/** One site on one feed: its life, then every attack on a copy of the state that the life had left. */
export class Trial {
  readonly #firm: Firm;
  readonly #index: number;
  readonly #feed: Feed;
  readonly #extent: Extent;
  /** with the tariff, whatever the site has: what money the evaluation reckons with */
  readonly #site: Site;
  readonly #life: Life;

  constructor(set: 'train' | 'test', index: number, feed: Feed, extent: Extent) {
    const firm = firmsOf(set)[index];
    if (firm === undefined) throw new RangeError(`no site ${index}`);
    this.#firm = firm;
    this.#index = index;
    this.#feed = feed;
    this.#extent = extent;
    this.#site = siteOf(firm, true);
    this.#life = new Life(firm, this.#site, FIRST);
  }

  run(only: (kind: AttackKind) => boolean = () => true): SiteResult {
    const { before, judged, everyNth } = this.#extent;
    // attacks begin on a Saturday
    const day = before - 2;
    const incidents = new Map<string, Change>();
    const judgedFrom = this.#life.instant(before, 0);
    const pipeline = pipelineOf(this.#firm, (change) => {
      if (change.evidence.at >= judgedFrom) incidents.set(change.incident.id, graverOf(incidents.get(change.incident.id), change)); // prettier-ignore
    });
    let state: string | null = null;
    // what goes on after midnight is played on the day on which it happens
    let later: Item[] = [];
    let night: Item[] = [];
    const calls: PlannedCall[] = [];
    const packets: Packet[] = [];
    for (let d = 0; d < before + judged; d++) {
      if (d === day) {
        state = JSON.stringify(pipeline.snapshot());
        night = later;
      }
      const life = this.#life.day(d);
      const items = sorted([...later, ...itemsOf(this.#feed, life.calls, life.packets)]);
      const midnight = this.#life.instant(d + 1, 0);
      play(
        pipeline,
        items.filter(({ at }) => at < midnight),
      );
      later = items.filter(({ at }) => at >= midnight);
      if (d < before) continue;
      calls.push(...life.calls);
      packets.push(...life.packets);
    }
    const chosen = ATTACKS.filter(
      (kind, i) => only(kind) && (this.#feed === 'live' || kind.records) && (i + this.#index) % everyNth === 0,
    );
    return {
      site: this.#firm.name,
      feed: this.#feed,
      extensionDays: this.#firm.people.length * judged,
      falseAlarms: [...incidents.values()].map((c) => this.#falseAlarm(c)),
      peerFalseAlarms: countPeers(peerAlerts(this.#site, this.#feed, calls, packets)),
      results: chosen.map((kind) => this.#attack(kind, day, state ?? '[]', night)),
    };
  }

  #falseAlarm({ incident }: Change): FalseAlarm {
    const { type, value } = incident.subject;
    const account = type === 'account' ? value : (incident.accounts[0] ?? '');
    const role = this.#firm.people.find((p) => p.account === account)?.role ?? type;
    const { severity, detector, summary, openedAt } = incident;
    return { severity, detector, role, summary, at: new Date(openedAt).toISOString() };
  }

  #attack(kind: AttackKind, day: number, state: string, night: readonly Item[]): Result {
    let later = night;
    const random = new Random(`${this.#firm.name}/${kind.kind}/${kind.pace}`);
    const people = this.#firm.people.filter((p) => p.role !== 'alarm' && p.role !== 'fax');
    const attack = kind.make({
      firm: this.#firm,
      site: this.#site,
      life: this.#life,
      random,
      day,
      victim: random.pick(people),
      thief: `203.0.113.${random.whole(100, 250)}`,
      id: 5_000_000,
    });
    const began = Math.min(...attack.calls.map((c) => c.at), ...attack.packets.map((p) => p.at));
    const matches = matcher(attack);
    let severity: Severity | null = null;
    let found: Change | null = null;
    let acted = false;
    const pipeline = pipelineOf(this.#firm, (change) => {
      if (change.evidence.at < began || !matches(change)) return;
      if (severity === null || severityRank(change.incident.severity) > severityRank(severity))
        severity = change.incident.severity;
      if (severityRank(change.incident.severity) < HIGH) return;
      found ??= change;
      acted ||= change.decisions.some((d) => d.action !== 'none');
    });
    const parts = JSON.parse(state) as PipelineSnapshot[];
    pipeline.restore(new Map(parts.map((part) => [part.name, part])));
    const peerCalls = [...attack.calls];
    const peerPackets = [...attack.packets];
    for (let d = 0; d < attack.days; d++) {
      const life = this.#life.day(day + d);
      const [from, to] = [this.#life.instant(day + d, 0), this.#life.instant(day + d + 1, 0)];
      const last = d === attack.days - 1;
      const ours = <T extends { readonly at: number }>(all: readonly T[]): T[] =>
        all.filter(({ at }) => (d === 0 || at >= from) && (last || at < to));
      const own = ours(attack.calls);
      const items = sorted([
        ...later,
        ...itemsOf(this.#feed, [...life.calls, ...own], [...life.packets, ...ours(attack.packets)]),
        ...(this.#feed === 'live' ? ticksOf(own) : []),
      ]);
      play(pipeline, last ? items : items.filter(({ at }) => at < to));
      later = items.filter(({ at }) => at >= to);
      peerCalls.push(...life.calls);
      peerPackets.push(...life.packets);
    }
    pipeline.finish();
    const at = (found as Change | null)?.evidence.at ?? null;
    return {
      site: this.#firm.name,
      kind: kind.kind,
      pace: kind.pace,
      severity,
      foundAfter: at === null ? null : at - began,
      detector: (found as Change | null)?.evidence.detector ?? null,
      acted,
      ...this.#money(attack, at),
      peers: this.#peers(attack, peerCalls, peerPackets),
    };
  }

  #price(call: PlannedCall, until: Millis): number {
    const seconds = Math.min(call.talk, until - call.at - call.ring) / 1000;
    if (call.form === 'in' || seconds <= 0) return 0;
    return (this.#site.price(this.#site.number(call.dialled), seconds) ?? 0) / this.#site.unitsPerEuro;
  }

  #money(
    { calls }: Attack,
    found: Millis | null,
  ): Pick<Result, 'calls' | 'callsUntilFound' | 'loss' | 'savable' | 'saved'> {
    const loss = (until: Millis, from = 0): number =>
      calls.reduce((sum, c) => sum + (c.at < from ? 0 : this.#price(c, until)), 0);
    const all = loss(Infinity);
    // a record is written when its call is over: what began before the first of them could not be saved by any record
    const firstRecord = Math.min(...calls.map(endOf));
    const live = this.#feed === 'live';
    return {
      calls: calls.length,
      callsUntilFound: found === null ? null : calls.filter((c) => c.at <= found).length,
      loss: all,
      savable: live ? all : loss(Infinity, firstRecord),
      saved: found === null ? 0 : live ? all - loss(found) : loss(Infinity, found),
    };
  }

  #peers(attack: Attack, calls: PlannedCall[], packets: Packet[]): Record<PeerRule, boolean> {
    const names = new Set([...attack.accounts, ...attack.sources]);
    const began = Math.min(...attack.calls.map((c) => c.at), ...attack.packets.map((p) => p.at));
    const sorted = packets.sort((a, b) => a.at - b.at);
    const alerts = peerAlerts(this.#site, this.#feed, calls, sorted).filter((a) => a.at >= began && names.has(a.subject)); // prettier-ignore
    return Object.fromEntries(PEER_RULES.map((rule) => [rule, alerts.some((a) => a.rule === rule)])) as Record<PeerRule, boolean>; // prettier-ignore
  }
}

const sorted = (items: Item[]): Item[] => items.sort((a, b) => a.at - b.at);

const graverOf = (known: Change | undefined, change: Change): Change =>
  known !== undefined && severityRank(known.incident.severity) >= severityRank(change.incident.severity)
    ? known
    : change;

function countPeers(alerts: readonly PeerAlert[]): Record<PeerRule, number> {
  return Object.fromEntries(PEER_RULES.map((rule) => [rule, alerts.filter((a) => a.rule === rule).length])) as Record<PeerRule, number>; // prettier-ignore
}

/**
 * Does what changed speak of the attack? It names one of its calls or of the attacker's addresses, a number that he calls,
 * or it is about the account and names no call of somebody else.
 */
function matcher(attack: Attack): (change: Change) => boolean {
  const calls = new Set(attack.calls.flatMap(namesOf));
  const sources = new Set(attack.sources);
  const numbers = new Set(attack.numbers.map((n) => n.replace(/^0+/, '')));
  const accounts = new Set(attack.accounts);
  return ({ evidence }) => {
    const { subject } = evidence;
    if (evidence.calls.some((c) => calls.has(c)) || evidence.callKeys.some((c) => calls.has(c))) return true;
    if (evidence.sources.some((s) => sources.has(s)) || sources.has(subject.value)) return true;
    if (subject.type === 'number' && numbers.has(subject.value.replace(/^0+/, ''))) return true;
    return subject.type === 'account' && accounts.has(subject.value) && evidence.calls.length === 0;
  };
}
