import { sourceKey } from '../address.ts';
import {
  graver,
  severityRank,
  type Alert,
  type Decision,
  type Evidence,
  type Fact,
  type Incident,
  type Loss,
  type Millis,
  type Severity,
  type Subject,
} from '../model.ts';
import type { Networks } from '../site/site.ts';
import { iso } from '../time.ts';
import { whose } from './families.ts';
import { deterministicId } from './ids.ts';
import { mergeTraces, noTraces, type RaisingRule, type Traces } from './raising.ts';

/** Most calls, sources and accounts in an alert line or incident. */
export const LISTED = 100;
/** Most that a story remembers, so that its totals are exact up to here and "at least" beyond. */
const HELD = 500;
/** accounts that a line names beside its subject */
const NAMED = 20;
const DETECTORS = 32;
const DECISIONS = 200;

/**
 * What these say is about what ringfence did, not about an attack: it is a story of its own, which somebody reads though the
 * attack beside it was told long ago, and nothing is ever done about it by rule.
 */
export const OWN_MISTAKES: ReadonlySet<string> = new Set(['blocked-caller']);

/** The evidence that an incident is named by. */
interface Headline {
  readonly detector: string;
  readonly severity: Severity;
  readonly subject: Subject;
  readonly summary: string;
}

interface KnownLoss {
  readonly detector: string;
  readonly subject: string;
  readonly loss: Loss;
}

/** One story as it is being told. */
export interface Story {
  readonly id: string;
  openedAt: Millis;
  updatedAt: Millis;
  severity: Severity;
  /** rules that made it graver than its gravest evidence */
  readonly raisedBy: Set<RaisingRule['name']>;
  headline: Headline;
  evidence: number;
  readonly accounts: Set<string>;
  readonly sources: Set<string>;
  readonly calls: Set<string>;
  /** latest facts of each detector that has spoken, latest detector last */
  readonly facts: Map<string, Readonly<Record<string, Fact>>>;
  losses: KnownLoss[];
  readonly decisions: Map<string, Decision>;
  readonly traces: Traces;
  /** accounts of which a line has said that they were taken over, or has them as its subject */
  readonly toldOf: Set<string>;
  /** joined from stories of several accounts by what they have in common (campaigns.ts) */
  spread: boolean;
  /** how grave it is for each of those it is about */
  readonly gravities: Map<string, Severity>;
  /** accounts taken over after the line that told of the story */
  further: number;
}

/** A story as plain JSON. */
export type PackedStory = ReturnType<typeof packStory>;

export const packStory = (s: Story) => ({
  ...s,
  raisedBy: [...s.raisedBy],
  accounts: [...s.accounts],
  sources: [...s.sources],
  calls: [...s.calls],
  facts: [...s.facts],
  decisions: [...s.decisions.values()],
  traces: {
    hijacked: [...s.traces.hijacked],
    guessing: [...s.traces.guessing],
    signals: [...s.traces.signals],
  },
  toldOf: [...s.toldOf],
  gravities: [...s.gravities],
});

export const unpackStory = (p: PackedStory): Story => ({
  ...p,
  raisedBy: new Set(p.raisedBy),
  accounts: new Set(p.accounts),
  sources: new Set(p.sources),
  calls: new Set(p.calls),
  facts: new Map(p.facts),
  losses: [...p.losses],
  decisions: new Map(p.decisions.map((d) => [decisionKey(d), d])),
  traces: {
    hijacked: new Map(p.traces.hijacked),
    guessing: new Map(p.traces.guessing),
    signals: new Map(p.traces.signals),
  },
  toldOf: new Set(p.toldOf),
  gravities: new Map(p.gravities),
});

// A contact that is ended is one from certain addresses: another thief's, or his next one, is another decision.
export const decisionKey = (d: Pick<Decision, 'action' | 'target' | 'id'>): string =>
  d.action === 'expire-contact' ? `${d.action} ${d.target} ${d.id}` : `${d.action} ${d.target}`;

const subjectKey = (subject: Subject): string => `${subject.type}:${subject.value}`;

const headlineOf = ({ detector, severity, subject, summary }: Evidence): Headline => ({
  detector,
  severity,
  subject,
  summary,
});

export const newStory = (first: Evidence): Story => ({
  id: deterministicId('incident', first.id),
  openedAt: first.at,
  updatedAt: first.at,
  severity: first.severity,
  raisedBy: new Set(),
  headline: headlineOf(first),
  evidence: 0,
  accounts: new Set(),
  sources: new Set(),
  calls: new Set(),
  facts: new Map(),
  losses: [],
  decisions: new Map(),
  traces: noTraces(),
  toldOf: new Set(),
  spread: false,
  gravities: new Map(),
  further: 0,
});

function addAll(set: Set<string>, values: Iterable<string>): void {
  for (const value of values) {
    if (set.size >= HELD) return;
    set.add(value);
  }
}

/**
 * An address that many may share: the PBX and its proxies (behind which everybody seems to come from them), trunks, the
 * local network, and what the admin has put under never_block. It never joins stories.
 */
export const isShared = (networks: Networks, address: string): boolean =>
  networks.isPbx(address) ||
  networks.isLocal(address) ||
  networks.trunkOf(address) !== null ||
  networks.neverBlock(address);

/** Keys of the evidence's addresses by which stories may be joined, the subject's too; an IPv6 address counts as its /64. */
export function ownSources(networks: Networks, e: Evidence): string[] {
  const all = e.subject.type === 'address' ? [e.subject.value, ...e.sources] : e.sources;
  return [
    ...new Set(
      all
        .slice(0, LISTED)
        .filter((address) => !isShared(networks, address))
        .map(sourceKey),
    ),
  ];
}

/**
 * By what the evidence is joined with other evidence. An address joins only where the evidence makes it an attacker's:
 * it is the subject, or the evidence is grave. One colleague's stale password and another's late call behind the same
 * NAT stay two stories.
 */
export function joinKeys(networks: Networks, e: Evidence, sources: readonly string[]): string[] {
  const { type, value } = e.subject;
  if (OWN_MISTAKES.has(e.detector)) return [`${e.detector}:${type}:${value}`];
  const keys = e.callKeys.slice(0, LISTED).map((key) => `call:${key}`);
  if (type !== 'address') keys.unshift(`${type}:${value}`);
  // A shared address that is itself the subject joins only what the same detector says of it.
  else if (isShared(networks, value)) keys.unshift(`${e.detector}:${value}`);
  const target = foreignTarget(networks, e);
  // a mild word about many addresses (requests of one program) does not make one story of them all
  const grave = severityRank(e.severity) >= severityRank('high');
  const attackers = grave ? sources : type === 'address' ? sources.filter((source) => source === sourceKey(value)) : [];
  keys.push(...attackers.map((source) => `source:${source}${target === null ? '' : `>${target}`}`));
  return keys;
}

/**
 * The keys by which later evidence finds this one: those it was joined by itself, and its address whatever the target,
 * so that what names no target (a scan, a breach) still finds the story of its source.
 */
export const foundBy = (keys: readonly string[], e: Evidence, sources: readonly string[]): string[] => [
  ...new Set([
    ...keys,
    ...(!OWN_MISTAKES.has(e.detector) && e.subject.type === 'address' && sources.includes(sourceKey(e.subject.value))
      ? [`source:${sourceKey(e.subject.value)}`]
      : []),
  ]),
];

/**
 * An attacker at work on two PBXs is two stories (a capture of a whole network tells of many); one that goes for two
 * addresses of this PBX is one. Which are this PBX's, the settings say; null: this one, or not told.
 */
function foreignTarget(networks: Networks, e: Evidence): string | null {
  const target = e.subject.type === 'address' ? e.facts['target'] : null;
  return typeof target !== 'string' || target === '' || networks.isPbx(target) ? null : target;
}

/** Money of a later statement of the same detector about the same subject replaces that of the earlier one. */
function addLoss(losses: readonly KnownLoss[], known: KnownLoss): KnownLoss[] {
  const others = losses.filter((l) => l.detector !== known.detector || l.subject !== known.subject);
  const before = losses.find((l) => l.detector === known.detector && l.subject === known.subject);
  const larger = before !== undefined && before.loss.amount > known.loss.amount ? before : known;
  return [...others, larger].slice(-HELD);
}

/** Notes how grave it is for one of those it is about. */
export function weigh(story: Story, who: string, severity: Severity): void {
  const known = story.gravities.get(who);
  if (known !== undefined || story.gravities.size < HELD)
    story.gravities.set(who, known === undefined ? severity : graver(known, severity));
}

/**
 * How grave the story is for whom this evidence is about, as rules of the policy ask. In a story that was joined only by
 * what several accounts have in common, nobody pays for what another one did.
 */
export const gravityFor = (story: Story, e: Evidence): Severity =>
  story.spread ? (story.gravities.get(whose(e)) ?? e.severity) : story.severity;

/** Takes evidence into the story. `updatedAt` never goes back. */
export function tell(story: Story, e: Evidence): void {
  story.evidence++;
  story.openedAt = Math.min(story.openedAt, e.at);
  story.updatedAt = Math.max(story.updatedAt, e.at);
  const sameVoice =
    e.detector === story.headline.detector && subjectKey(e.subject) === subjectKey(story.headline.subject);
  const rises = severityRank(e.severity) - severityRank(story.headline.severity);
  // A detector's later words about the same subject are its earlier ones with newer numbers.
  if (rises > 0 || (rises === 0 && sameVoice)) story.headline = headlineOf(e);
  story.severity = graver(story.severity, e.severity);
  weigh(story, whose(e), e.severity);
  if (e.subject.type === 'account') addAll(story.accounts, [e.subject.value]);
  if (e.subject.type === 'address') addAll(story.sources, [e.subject.value]);
  addAll(story.accounts, e.accounts);
  addAll(story.sources, e.sources);
  addAll(story.calls, e.calls);
  story.facts.delete(e.detector);
  if (story.facts.size < DETECTORS) story.facts.set(e.detector, e.facts);
  if (e.loss !== undefined)
    story.losses = addLoss(story.losses, { detector: e.detector, subject: subjectKey(e.subject), loss: e.loss });
}

/** Folds a younger story into an elder one. */
export function fold(elder: Story, younger: Story): void {
  elder.openedAt = Math.min(elder.openedAt, younger.openedAt);
  elder.updatedAt = Math.max(elder.updatedAt, younger.updatedAt);
  if (severityRank(younger.headline.severity) > severityRank(elder.headline.severity))
    elder.headline = younger.headline;
  elder.severity = graver(elder.severity, younger.severity);
  for (const rule of younger.raisedBy) elder.raisedBy.add(rule);
  elder.evidence += younger.evidence;
  addAll(elder.accounts, younger.accounts);
  addAll(elder.sources, younger.sources);
  addAll(elder.calls, younger.calls);
  for (const [detector, facts] of younger.facts)
    if (!elder.facts.has(detector) && elder.facts.size < DETECTORS) elder.facts.set(detector, facts);
  for (const known of younger.losses) elder.losses = addLoss(elder.losses, known);
  for (const d of younger.decisions.values()) decideOnce(elder, { ...d, incident: elder.id });
  mergeTraces(elder.traces, younger.traces);
  addAll(elder.toldOf, younger.toldOf);
  elder.spread ||= younger.spread;
  for (const [who, severity] of younger.gravities) weigh(elder, who, severity);
  elder.further = Math.max(elder.further, younger.further);
}

/**
 * Of too many decisions the oldest that was done once, else the oldest: a long attack must not end in nothing being decided. The
 * store keeps it, and what is decided again has the same id.
 */
function leastMissed(decisions: ReadonlyMap<string, Decision>): string {
  let first = '';
  for (const [key, { until }] of decisions) {
    if (until === null) return key;
    if (first === '') first = key;
  }
  return first;
}

/**
 * Keeps one decision per action and target, the one that stands longest. What was only observed becomes pending when the
 * mode has changed meanwhile; what was pending is not made longer by what is only observed.
 * @returns the decision if it is new, now ends later, or is now to be done; else null
 */
export function decideOnce(story: Story, decision: Decision): Decision | null {
  const key = decisionKey(decision);
  const known = story.decisions.get(key);
  if (known === undefined) {
    if (story.decisions.size >= DECISIONS) story.decisions.delete(leastMissed(story.decisions));
    story.decisions.set(key, decision);
    return decision;
  }
  const acts = known.state === 'observed' && decision.state !== 'observed';
  if (!acts && known.state !== decision.state) return null;
  const later = known.until !== null && decision.until !== null && decision.until > known.until;
  if (!acts && !later) return null;
  const { state, why, until } = decision;
  const longer = { ...known, state, why, until };
  story.decisions.set(key, longer);
  return longer;
}

/**
 * The money of the whole story. What one detector says of several subjects adds up; what two detectors say may be about
 * the same calls, so the larger sum counts.
 */
function lossOf(story: Story): Loss | null {
  const sums = new Map<string, Loss>();
  for (const { detector, loss } of story.losses) {
    const sum = sums.get(detector);
    sums.set(detector, {
      // Cents, for sums of decimal fractions grow tails.
      amount: Math.round(((sum?.amount ?? 0) + loss.amount) * 100) / 100,
      currency: loss.currency,
      estimated: loss.estimated || (sum?.estimated ?? false),
    });
  }
  return [...sums.values()].reduce<Loss | null>((a, b) => (a !== null && a.amount >= b.amount ? a : b), null);
}

const some = (set: ReadonlySet<string>): string[] => [...set].slice(0, LISTED);

/** The story as an incident. Acknowledgements are the store's. */
export const incidentOf = (story: Story, summary: string): Incident => ({
  id: story.id,
  openedAt: story.openedAt,
  updatedAt: story.updatedAt,
  severity: story.severity,
  subject: story.headline.subject,
  detector: story.headline.detector,
  summary,
  accounts: some(story.accounts),
  sources: some(story.sources),
  calls: some(story.calls),
  evidenceCount: story.evidence,
  loss: lossOf(story),
  acknowledgedAt: null,
});

/** What a line says beyond its gravest evidence: only what is not plain from the line itself. */
function factsOf(story: Story): Record<string, Fact> {
  const facts: Record<string, Fact> = {};
  if (story.evidence > 1) facts['evidence'] = story.evidence;
  if (story.facts.size > 1) facts['detectors'] = [...story.facts.keys()];
  if (story.raisedBy.size > 0) facts['raisedBy'] = [...story.raisedBy];
  if (story.accounts.size > 1) facts['accountsInvolved'] = [...story.accounts].slice(0, NAMED);
  const totals = { totalCalls: story.calls, totalSources: story.sources, totalAccounts: story.accounts };
  for (const [name, set] of Object.entries(totals)) if (set.size > LISTED) facts[name] = set.size;
  const headline = story.facts.get(story.headline.detector) ?? {};
  return Object.assign(facts, ...story.facts.values(), headline) as Record<string, Fact>;
}

/** The alert line of the story at `at`; one per story and severity, so that its id rests on the two. */
export function alertOf(story: Story, incident: Incident, at: Millis): Alert {
  return {
    id: deterministicId('alert', story.id, story.severity),
    at: iso(at),
    detector: incident.detector,
    severity: incident.severity,
    subject: incident.subject,
    summary: incident.summary,
    facts: factsOf(story),
    calls: incident.calls,
    sources: incident.sources,
    ...(incident.loss === null ? {} : { loss: incident.loss }),
    incident: incident.id,
    decisions: [...story.decisions.values()].slice(0, LISTED).map(({ action, state, until }) => ({
      action,
      state,
      until: until === null ? null : iso(until),
    })),
  };
}
