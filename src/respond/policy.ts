import {
  severityRank,
  type Action,
  type Evidence,
  type Fact,
  type Incident,
  type Millis,
  type Severity,
} from '../model.ts';
import type { DialledNumber, Site } from '../site/site.ts';
import { HOUR } from '../time.ts';
import { isShared } from './story.ts';

/** Something to do about an incident; `Incidents` makes it a decision. */
export interface Proposal {
  readonly action: Action;
  /** an account, number (E.164 digits) or address, or the key (else uniqueid) of a call */
  readonly target: string;
  /** null: done once, nothing stands */
  readonly until: Millis | null;
  readonly why: string;
}

/** How long what is put up stands, counted from the evidence; later evidence prolongs it. Never more than 30 days. */
export const LASTS = {
  /** over the night, until somebody is there to look */
  international: 12 * HOUR,
  /** the whole account, its owner's calls too: as short as helps */
  account: 1 * HOUR,
  /** an attacker who got in, or who searches for a way in */
  attacker: 24 * HOUR,
  /** a guesser: colleagues with an old password may be behind the same address */
  guesser: 1 * HOUR,
  number: 24 * HOUR,
} as const;

/** What a rule acts on. */
type On = 'calls' | 'account' | 'sources' | 'numbers';

/** One row: this detector's evidence, this grave, leads to this action. */
export interface Rule {
  readonly detector: string;
  readonly atLeast: Severity;
  /**
   * Whose severity counts. The incident's where acting spares the owner (his calls abroad are held, he loses nothing
   * else); the evidence's own where an address or a contact is named, for a grave story may hold harmless addresses.
   */
  readonly by: 'evidence' | 'incident';
  readonly action: Exclude<Action, 'none'>;
  readonly on: On;
  readonly lasts: Millis | null;
  readonly why: string;
}

const rule = (
  detector: string,
  atLeast: Severity,
  by: Rule['by'],
  action: Rule['action'],
  on: On,
  lasts: Millis | null,
  why: string,
): Rule => ({ detector, atLeast, by, action, on, lasts, why });

/** What is done by default. A new secret is never given by rule: it locks the owner out too. */
export const DEFAULT_RULES: readonly Rule[] = [
  rule(
    'out-of-hours-calls',
    'critical',
    'incident',
    'hang-up',
    'calls',
    null,
    'every minute of these calls costs money',
  ),
  rule(
    'out-of-hours-calls',
    'high',
    'incident',
    'block-international',
    'account',
    LASTS.international,
    'nobody is there to see what it dials',
  ),
  rule(
    'out-of-hours-calls',
    'high',
    'incident',
    'block-number',
    'numbers',
    LASTS.number,
    'no account of this PBX can be blocked for these calls',
  ),

  rule(
    'registration-hijack',
    'high',
    'evidence',
    'expire-contact',
    'account',
    null,
    'somebody else is registered as this account',
  ),
  rule(
    'registration-hijack',
    'high',
    'evidence',
    'block-international',
    'account',
    LASTS.international,
    'whoever took the registration would dial abroad next',
  ),
  rule(
    'registration-hijack',
    'high',
    'evidence',
    'block-address',
    'sources',
    LASTS.attacker,
    'the registration was taken over from there',
  ),
  rule(
    'registration-hijack',
    'critical',
    'incident',
    'hang-up',
    'calls',
    null,
    'these calls were placed with a stolen registration',
  ),

  rule(
    'unregistered-caller',
    'critical',
    'incident',
    'hang-up',
    'calls',
    null,
    'every minute of these calls costs money',
  ),
  rule(
    'unregistered-caller',
    'high',
    'evidence',
    'block-address',
    'sources',
    LASTS.attacker,
    'it places calls without ever having registered',
  ),
  rule(
    'unregistered-caller',
    'high',
    'incident',
    'block-international',
    'account',
    LASTS.international,
    'calls in its name come from where it is not registered',
  ),

  rule('brute-force', 'high', 'evidence', 'block-address', 'sources', LASTS.guesser, 'it guesses passwords'),
  rule('brute-force', 'critical', 'evidence', 'expire-contact', 'account', null, 'its password was guessed'),
  rule(
    'brute-force',
    'critical',
    'evidence',
    'block-international',
    'account',
    LASTS.international,
    'its password was guessed',
  ),

  rule('scan', 'high', 'evidence', 'block-address', 'sources', LASTS.attacker, 'it searches the PBX for a way in'),
];

/** Most targets of one rule and one piece of evidence. */
const TARGETS = 50;

/** The numbers that evidence names in its facts, as dialled or E.164. */
function numbersOf(evidence: Evidence): readonly string[] {
  const value = evidence.facts['numbers'];
  const named: readonly string[] = Array.isArray(value) ? (value as readonly string[]) : [];
  return evidence.subject.type === 'number' ? [evidence.subject.value, ...named] : named;
}

/** What a number in evidence may mean: E.164 digits without +, else what was dialled. Blocking must be safe in both. */
const readings = (text: string, site: Site): DialledNumber[] =>
  (/^[1-9]\d{6,14}$/.test(text) ? [`+${text}`, text] : [text]).map((number) => site.number(number));

/** The rightful owner's address, where the evidence names it beside the attacker's: it is never blocked. */
const ownerOf = (evidence: Evidence): Fact => evidence.facts['ownerAddress'] ?? null;

/** The account that may be acted on: known to the settings or the PBX, else there is none. */
function accountOf(evidence: Evidence, site: Site): string | null {
  const { subject, accounts } = evidence;
  // Of several accounts none can be said to be the one that was misused.
  const account = subject.type === 'account' ? subject.value : accounts.length === 1 ? accounts[0] : undefined;
  return account !== undefined && site.accounts.mapped(account) ? account : null;
}

const TARGETS_OF: Readonly<Record<On, (evidence: Evidence, site: Site) => readonly string[]>> = {
  calls: (evidence, site) => {
    // Which call went where is not told: with an emergency call among them none is hung up.
    if (!numbersOf(evidence).every((number) => readings(number, site).every((n) => n.blockable))) return [];
    return evidence.callKeys.length > 0 ? evidence.callKeys : evidence.calls;
  },
  account: (evidence, site) => {
    const account = accountOf(evidence, site);
    return account === null ? [] : [account];
  },
  sources: (evidence, site) => {
    // A source that nothing proves may be forged, to make us block somebody else.
    if (evidence.sourceProof === 'none') return [];
    const owner = ownerOf(evidence);
    const { subject, sources } = evidence;
    const all = subject.type === 'address' ? [subject.value, ...sources] : sources;
    return all.filter((address) => address !== owner && !isShared(site.networks, address));
  },
  numbers: (evidence, site) => {
    if (accountOf(evidence, site) !== null) return [];
    return numbersOf(evidence).flatMap((text) => {
      const all = readings(text, site);
      if (!all.every((n) => n.blockable)) return [];
      return all.find((n) => n.chargeable && n.e164 !== null)?.e164 ?? [];
    });
  },
};

/**
 * What would be done about evidence that has just joined an incident. Never proposed: a block of an account that the PBX
 * is not known to have; of the PBX, a trunk, the local network or `never_block`; of an address that was not proved; of
 * an emergency number.
 */
export function decide(
  incident: Incident,
  evidence: Evidence,
  site: Site,
  rules: readonly Rule[] = DEFAULT_RULES,
): Proposal[] {
  const proposals: Proposal[] = [];
  for (const row of rules) {
    if (row.detector !== evidence.detector) continue;
    const severity = row.by === 'incident' ? incident.severity : evidence.severity;
    if (severityRank(severity) < severityRank(row.atLeast)) continue;
    const until = row.lasts === null ? null : evidence.at + row.lasts;
    for (const target of new Set(TARGETS_OF[row.on](evidence, site).slice(0, TARGETS)))
      proposals.push({ action: row.action, target, until, why: row.why });
  }
  return proposals;
}
