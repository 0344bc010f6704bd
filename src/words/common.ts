import { severityRank, type Decision, type Evidence, type Incident, type Millis } from '../model.ts';
import { HOUR, MINUTE, type WallTime, type Zone } from '../time.ts';
import { shellWord, visible } from './visible.ts';
import type { Advice } from './words.ts';

/** What the languages have in common. */

export const two = (n: number): string => String(n).padStart(2, '0');
export const hms = (w: WallTime): string => `${two(w.hour)}:${two(w.minute)}:${two(w.second)}`;

/** `+01:00` */
export function offset(at: Millis, zone: Zone): string {
  const minutes = Math.round(zone.offsetAt(at) / 60_000);
  const size = Math.abs(minutes);
  return `${minutes < 0 ? '-' : '+'}${two(Math.floor(size / 60))}:${two(size % 60)}`;
}

/** A time within a fact. */
export const ISO = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z$/;

/** A fact's own name as words: `talkSeconds` is `talk seconds`. */
export const spaced = (name: string): string =>
  visible(
    name.replace(/([a-z\d])([A-Z])/g, (_, a: string, b: string) => `${a} ${b.toLowerCase()}`),
    60,
  );

/** The one account that an incident is about, as it may be shown; '' where there is none, or several. */
export const accountOf = (incident: Incident): string =>
  incident.subject.type === 'account'
    ? visible(incident.subject.value, 64)
    : incident.accounts.length === 1
      ? visible(incident.accounts[0] ?? '', 64)
      : '';

/** The account as it is written, not as it is shown; '' where none is known. */
export const nameOf = ({ subject, accounts }: Incident): string =>
  subject.type === 'account' ? subject.value : accounts.length === 1 ? (accounts[0] ?? '') : '';

/** A command about a value; without the command where the value might mean something else to a shell. */
export const advise = (text: string, command: string, value: string, rest = ''): Advice => {
  const word = shellWord(value);
  return word === null ? { text } : { text, command: `${command} ${word}${rest}` };
};

/** Two digits are as exact as such a reckoning is. */
const rough = (amount: number): number => {
  const size = 10 ** Math.max(0, Math.floor(Math.log10(amount)) - 1);
  return Math.round(amount / size) * size;
};

/** What is known of the cost: an amount (the incident's loss) with what an hour more of it would cost (0: not told), or why there is none. */
export type Cost =
  { readonly kind: 'known'; readonly hourly: number } | { readonly kind: 'untaken' | 'unknown' | 'uncalled' };

export function costOf(incident: Incident, evidence: readonly Evidence[]): Cost {
  const { loss } = incident;
  if (loss === null || loss.amount === 0) {
    const told = evidence.map(({ facts }) => facts['connected']).filter((n) => typeof n === 'number');
    if (told.length > 0 && told.every((n) => n === 0)) return { kind: 'untaken' };
    const called = evidence.some(
      ({ callKeys, calls, facts }) => callKeys.length + calls.length > 0 || Number(facts['calls'] ?? 0) > 0,
    );
    return { kind: called ? 'unknown' : 'uncalled' };
  }
  const began = Math.min(
    incident.openedAt,
    ...evidence.map(({ facts }) => Date.parse(String(facts['firstCall']))).filter((at) => at > 0),
  );
  const lasted = incident.updatedAt - began;
  const pace = lasted >= 5 * MINUTE && lasted <= 12 * HOUR ? rough((loss.amount * HOUR) / lasted) : 0;
  return { kind: 'known', hourly: pace >= 1 ? pace : 0 };
}

/** Sentences about what it means; a long attack is told of by many detectors. */
const MEANINGS = 3;

/** What the incident means, by the words of its gravest detectors; `critical`: where it has come to that. */
export function meaningsOf(
  incident: Incident,
  evidence: readonly Evidence[],
  means: Readonly<Record<string, string>>,
  critical: Readonly<Record<string, string>>,
): string[] {
  const grave = evidence.filter(({ severity }) => severityRank(severity) >= severityRank('high'));
  const found = [...new Set([incident.detector, ...grave.map(({ detector }) => detector)])].flatMap((detector) => {
    const worst = incident.detector === detector && incident.severity === 'critical';
    const so = grave.some((e) => e.detector === detector && e.severity === 'critical') || worst;
    return (so ? critical[detector] : undefined) ?? means[detector] ?? [];
  });
  return found.slice(0, MEANINGS);
}

export const inState = (decisions: readonly Decision[], ...states: Decision['state'][]): Decision[] =>
  decisions.filter(({ state }) => states.includes(state));
