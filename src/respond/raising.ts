import { severityRank, type Evidence, type Millis, type Severity } from '../model.ts';

/** What a story remembers for the rules below; pairs, for names come from the network. */
export interface Traces {
  /** account -> when its registration was first seen hijacked */
  readonly hijacked: Map<string, Millis>;
  /** source key -> when it was first seen guessing passwords */
  readonly guessing: Map<string, Millis>;
}

export const noTraces = (): Traces => ({ hijacked: new Map(), guessing: new Map() });

const KEPT = 256;

function remember(map: Map<string, Millis>, key: string, at: Millis): void {
  const known = map.get(key);
  if (known === undefined ? map.size < KEPT : at < known) map.set(key, at);
}

/** Adds what another story (or the past) knew. */
export function mergeTraces(into: Traces, from: Traces): void {
  for (const [account, at] of from.hijacked) remember(into.hijacked, account, at);
  for (const [source, at] of from.guessing) remember(into.guessing, source, at);
}

const accountsOf = (e: Evidence): readonly string[] =>
  e.subject.type === 'account' ? [e.subject.value, ...e.accounts] : e.accounts;

const isGrave = (e: Evidence): boolean => severityRank(e.severity) >= severityRank('high');

/**
 * Two things seen together can be graver than either. One row per rule; docs/severity.md tells them to people.
 * `sources` are the keys of the evidence's own addresses, without shared ones.
 */
export interface RaisingRule {
  readonly name: 'calls-after-hijack' | 'breach';
  readonly to: Severity;
  applies(traces: Traces, evidence: Evidence, sources: readonly string[]): boolean;
}

export const RAISING_RULES: readonly RaisingRule[] = [
  {
    // The registration was taken over, and then the account placed calls: whoever took it is using it.
    name: 'calls-after-hijack',
    to: 'critical',
    applies: ({ hijacked }, e) =>
      e.detector !== 'registration-hijack' &&
      e.callKeys.length > 0 &&
      accountsOf(e).some((account) => (hijacked.get(account) ?? Infinity) <= e.at),
  },
  {
    // An address that was guessing passwords has since answered a challenge rightly: it has one.
    name: 'breach',
    to: 'critical',
    applies: ({ guessing }, e, sources) =>
      e.detector !== 'brute-force' &&
      e.sourceProof === 'authenticated' &&
      severityRank(e.severity) >= severityRank('medium') &&
      sources.some((source) => (guessing.get(source) ?? Infinity) <= e.at),
  },
];

/** Notes what later evidence is measured by. Only what is grave in itself counts: one odd registration is no hijack. */
export function trace(traces: Traces, e: Evidence, sources: readonly string[]): void {
  if (!isGrave(e)) return;
  if (e.detector === 'registration-hijack' && e.subject.type === 'account')
    remember(traces.hijacked, e.subject.value, e.at);
  // what anybody can send in its name makes nobody a guesser
  if (e.detector === 'brute-force' && e.sourceProof !== 'none')
    for (const source of sources) remember(traces.guessing, source, e.at);
}
