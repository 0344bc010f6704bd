import { severityRank, type Evidence, type Millis } from '../model.ts';
import { DAY } from '../time.ts';

/**
 * What a signal is about. Detectors of one family look at the same thing from several sides (a first call to Latvia, at
 * night, to a costly range), so that what they say together is one signal.
 */
export const FAMILIES = ['registration', 'credentials', 'destination', 'volume', 'signalling'] as const;
export type Family = (typeof FAMILIES)[number];

/** Family by detector; what is about ringfence itself (blocked-caller) or about the line's quality has none and adds nothing. */
export const FAMILY_OF: Readonly<Record<string, Family | null>> = {
  'registration-hijack': 'registration',
  'unregistered-caller': 'registration',
  'gateway-impersonation': 'registration',
  'brute-force': 'credentials',
  scan: 'credentials',
  exposure: 'credentials',
  'out-of-hours-calls': 'destination',
  'new-destination': 'destination',
  'risky-destination': 'destination',
  'test-call': 'destination',
  wangiri: 'destination',
  'through-dial': 'destination',
  forwarding: 'destination',
  'repeated-destination': 'volume',
  'call-burst': 'volume',
  spend: 'volume',
  traffic: 'volume',
  flood: 'signalling',
  'spoofed-source': 'signalling',
  teardown: 'signalling',
  replay: 'signalling',
  latency: null,
  'blocked-caller': null,
};

/** So many kinds of weak signals are no accident; */
const KINDS = 3;
/** within so long. */
const WINDOW: Millis = DAY;

/** The last weak signal of a family. */
export interface Signal {
  readonly at: Millis;
  /** the one call that it rests on; null: none, or several */
  readonly call: string | null;
}

/** Of one account (or number, trunk, proved address). */
export type Signals = Readonly<Partial<Record<Family, Signal>>>;

/**
 * Does this rest on more than what anybody can send in another's name? What the PBX itself tells (records, AMI events
 * without an address) does.
 */
export const isFirm = (e: Evidence): boolean =>
  e.sourceProof !== 'none' || (e.sources.length === 0 && e.subject.type !== 'address');

/** Of whom this is a signal: the account, where it is about one. */
export const whose = ({ subject, accounts }: Evidence): string =>
  subject.type !== 'account' && accounts.length === 1
    ? `account:${accounts[0] ?? ''}`
    : `${subject.type}:${subject.value}`;

/** The signals with what this evidence adds; the same object where it adds nothing. */
export function withSignal(signals: Signals, e: Evidence): Signals {
  const family = FAMILY_OF[e.detector] ?? null;
  if (family === null || severityRank(e.severity) < severityRank('medium') || !isFirm(e)) return signals;
  const call = e.callKeys.length === 1 ? (e.callKeys[0] ?? null) : null;
  return { ...signals, [family]: { at: e.at, call } };
}

/** The younger of each family. */
export function mergeSignals(a: Signals, b: Signals): Signals {
  const merged: Partial<Record<Family, Signal>> = { ...a };
  for (const family of FAMILIES) {
    const other = b[family];
    if (other !== undefined && other.at > (merged[family]?.at ?? -Infinity)) merged[family] = other;
  }
  return merged;
}

/**
 * Do these add up? Three kinds within a day do. What one single call costs follows from where it goes: a destination and
 * a volume that rest on the same one call are one signal.
 */
export function addUp(signals: Signals, at: Millis): boolean {
  const lately = FAMILIES.filter((family) => at - (signals[family]?.at ?? -Infinity) <= WINDOW);
  const { destination, volume } = signals;
  const same =
    lately.includes('destination') &&
    lately.includes('volume') &&
    destination?.call != null &&
    destination.call === volume?.call;
  return lately.length - (same ? 1 : 0) >= KINDS;
}
