import { severityRank, type Evidence, type Millis, type Severity } from '../model.ts';
import { addUp, mergeSignals, whose, withSignal, type Signals } from './families.ts';

/** What a story remembers for the rules below; pairs, for names come from the network. */
export interface Traces {
  /** account -> when its registration was first seen hijacked */
  readonly hijacked: Map<string, Millis>;
  /** source key -> when it was first seen guessing passwords */
  readonly guessing: Map<string, Millis>;
  /** whom weak signals are about -> the last of each family */
  readonly signals: Map<string, Signals>;
}

export const noTraces = (): Traces => ({ hijacked: new Map(), guessing: new Map(), signals: new Map() });

const KEPT = 256;

function remember(map: Map<string, Millis>, key: string, at: Millis): void {
  const known = map.get(key);
  if (known === undefined ? map.size < KEPT : at < known) map.set(key, at);
}

/** Adds what another story (or the past) knew. */
export function mergeTraces(into: Traces, from: Traces): void {
  for (const [account, at] of from.hijacked) remember(into.hijacked, account, at);
  for (const [source, at] of from.guessing) remember(into.guessing, source, at);
  for (const [who, signals] of from.signals) rememberSignals(into, who, signals);
}

function rememberSignals({ signals }: Traces, who: string, more: Signals): void {
  const known = signals.get(who);
  if (known !== undefined || signals.size < KEPT)
    signals.set(who, known === undefined ? more : mergeSignals(known, more));
}

/** The signals of whom this is about, this one with them. */
const signalsWith = ({ signals }: Traces, e: Evidence): Signals => withSignal(signals.get(whose(e)) ?? {}, e);

const accountsOf = (e: Evidence): readonly string[] =>
  e.subject.type === 'account' ? [e.subject.value, ...e.accounts] : e.accounts;

const isGrave = (e: Evidence): boolean => severityRank(e.severity) >= severityRank('high');

/** So many accounts that call one block of numbers within an hour are no team with one customer. */
const MANY_CALLERS = 5;

/** What rules go by beside the traces. */
export interface Joining {
  /** keys of the evidence's own addresses, without shared ones */
  readonly sources: readonly string[];
  /** accounts that called the same block of numbers within an hour (campaigns.ts) */
  readonly callers: number;
}

/** Two things seen together can be graver than either. One row per rule; docs/severity.md tells them to people. */
export interface RaisingRule {
  readonly name: 'calls-after-hijack' | 'breach' | 'weak-signals' | 'many-callers';
  readonly to: Severity;
  applies(traces: Traces, evidence: Evidence, joining: Joining): boolean;
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
    applies: ({ guessing }, e, { sources }) =>
      e.detector !== 'brute-force' &&
      e.sourceProof === 'authenticated' &&
      severityRank(e.severity) >= severityRank('medium') &&
      sources.some((source) => (guessing.get(source) ?? Infinity) <= e.at),
  },
  {
    // An odd registration, a wrong password and a first call abroad are each an accident; together they are a burglar's way.
    name: 'weak-signals',
    to: 'high',
    applies: (traces, e) => addUp(signalsWith(traces, e), e.at),
  },
  {
    // One call of each extension to the same numbers: none of them does enough to be told, all of them do.
    name: 'many-callers',
    to: 'high',
    applies: (_traces, _e, { callers }) => callers >= MANY_CALLERS,
  },
];

/** Rules that are told of only where they made a story graver: else what it says in itself is more. */
export const MILD: ReadonlySet<string> = new Set<RaisingRule['name']>(['weak-signals', 'many-callers']);

/** Notes what later evidence is measured by. Only what is grave in itself counts: one odd registration is no hijack. */
export function trace(traces: Traces, e: Evidence, sources: readonly string[]): void {
  const signals = signalsWith(traces, e);
  if (Object.keys(signals).length > 0) rememberSignals(traces, whose(e), signals);
  if (!isGrave(e)) return;
  if (e.detector === 'registration-hijack' && e.subject.type === 'account')
    remember(traces.hijacked, e.subject.value, e.at);
  // what anybody can send in its name makes nobody a guesser
  if (e.detector === 'brute-force' && e.sourceProof !== 'none')
    for (const source of sources) remember(traces.guessing, source, e.at);
}
