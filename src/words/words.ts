import type { Action, Decision, Evidence, Fact, Incident, Loss, Millis, Severity, Subject } from '../model.ts';
import type { DialledNumber } from '../site/site.ts';
import type { Zone } from '../time.ts';
import type { Broken } from './broken.ts';
import type { TellingOf } from './show.ts';

/** A piece of advice; `command` is one line to copy, whose first word after `ringfence` names the command. */
export interface Advice {
  readonly text: string;
  readonly command?: string;
  /** lines of the settings file to paste (TOML) */
  readonly settings?: readonly string[];
}

/** When a rule of the policy applies; null: whatever it is. */
export interface RuleConditions {
  readonly detectors: readonly string[] | null;
  readonly incidents: readonly string[] | null;
  readonly severity: Severity | null;
  readonly severityOf: 'evidence' | 'incident';
  readonly subjects: readonly Subject['type'][] | null;
  readonly accounts: readonly string[] | null;
  readonly groups: readonly string[] | null;
  readonly knownAccount: boolean | null;
  readonly hours: 'any' | 'open' | 'closed';
  readonly numbers: 'any' | 'abroad' | 'national';
}

/** What holds for all rules of the policy. */
export interface ResponseBounds {
  readonly mode: 'observe' | 'enforce';
  /** settings that keep something from being done, as `respond.observe.accounts: 1004` */
  readonly observed: readonly string[];
  readonly repeat: { readonly within: Millis; readonly factor: number; readonly longest: Millis };
  /** new blocks an hour; share of the accounts, and so many always */
  readonly limits: { readonly perHour: number; readonly accounts: number; readonly accountsAtLeast: number };
}

/** What `respond test` says. Texts that come in are visible already. */
export interface ResponseWords {
  /** how the rules are read */
  readonly order: string;
  /** what holds for all of them */
  bounds(bounds: ResponseBounds): readonly string[];
  readonly labels: Readonly<Record<'when' | 'does' | 'never' | 'why', string>>;
  conditions(rule: RuleConditions): string;
  does(action: Action, lasts: Millis | null): string;
  /** '' for none */
  never(actions: readonly Action[]): string;
  forbidden(action: Action, rule: string): string;
  spared(action: Action, target: string, reason: string): string;
  refused(reason: string): string;
  observed(setting: string): string;
  /** the incident is graver than the evidence */
  grown(severity: Severity): string;
  readonly nothing: string;
}

/** What a detector's sentence is made of: of evidence, or of an alert line. */
export type Seen = Pick<Evidence, 'detector' | 'severity' | 'subject' | 'summary' | 'facts' | 'sources'> & {
  readonly loss?: Loss;
};

/** What messages that leave the house say beside the story (message.ts). Texts that come in are visible already. */
export interface MessageWords {
  readonly labels: Readonly<Record<'site' | 'who' | 'since' | 'last' | 'cost' | 'from' | 'incident', string>>;
  /** how to read on, before a command */
  readonly more: string;
  /** why somebody gets this, at its end */
  readonly footer: string;
  /** a mail that goes on with a story: how much was seen by now */
  goesOn(pieces: number): string;
  /** heading of several incidents in one message */
  digest(count: number): string;
  /** `2 more than fit` of them */
  left(count: number): string;
  test(channel: string): string;
  readonly testBody: string;
  /** a channel that cannot deliver, told by another one */
  stuck(channel: string, waiting: number, since: string, error: string): string;
  readonly stuckBody: string;
}

/**
 * One language. Whatever these return is safe to show: hostile parts are spelled out (visible.ts). A language is one
 * file that satisfies this; people are told what happened first and numbers after.
 */
export interface Words {
  /** BCP 47 */
  readonly language: string;
  readonly headings: Readonly<
    Record<
      | 'short'
      | 'seen'
      | 'rules'
      | 'done'
      | 'undo'
      | 'now'
      | 'legitimate'
      | 'incident'
      | 'aliases'
      | 'about'
      | 'began'
      | 'last'
      | 'loss'
      | 'accounts'
      | 'sources'
      | 'calls'
      | 'numbers'
      | 'acknowledged'
      | 'id'
      | 'when'
      | 'severity'
      | 'what'
      | 'noAlerts'
      | 'nothingDone'
      | 'told'
      | 'onlyObserved'
      | 'nothingToUndo'
      | 'nobody'
      | 'decided'
      | 'looked',
      string
    >
  >;
  severity(severity: Severity): string;
  subject(subject: Subject): string;
  /** A summary with what made the incident graver than its gravest evidence (rule names of respond/raising.ts). */
  raised(summary: string, rules: readonly string[]): string;
  /** What was seen, in one sentence without a full stop; where this language has none of its own the detector's, which is English. */
  summary(seen: Seen): string;
  /** What an incident is, in one sentence, with what made it graver; better with its evidence than without. */
  headline(incident: Incident, evidence: readonly Evidence[]): string;
  /** why something was decided */
  reason(why: string): string;
  /** `+371 20000001 (Latvia, mobile)`, `extension 1004`, `112 (emergency)` */
  number(number: DialledNumber): string;
  money(amount: number, currency: string): string;
  loss(loss: Loss): string;
  duration(duration: Millis): string;
  /** day, date, time and offset from UTC */
  time(at: Millis, zone: Zone): string;
  /** date and time to the minute, 17 columns */
  minute(at: Millis, zone: Zone): string;
  /** time of day to the second */
  clock(at: Millis, zone: Zone): string;
  /** A heading for a day in a timeline. */
  day(at: Millis, zone: Zone): string;
  /** name and value of a fact; times within are told in the zone */
  fact(name: string, value: Fact, zone: Zone): readonly [string, string];
  /** one sentence of what a decision did, does or would do */
  decision(decision: Decision, zone: Zone): string;
  /** one line of who was told, or is to be, and by what */
  told(delivery: TellingOf, zone: Zone): string;
  /** why a decision failed, by its code */
  failure(code: string): string;
  /** how to take it back; null: there is nothing to take back */
  undo(decision: Decision): Advice | null;
  /** what somebody should do about the incident, first things first */
  now(incident: Incident, evidence: readonly Evidence[]): Advice[];
  /** what to do if nobody meant harm, so that it is not told again; `broken`: thresholds that were met (broken.ts) */
  legitimate(incident: Incident, evidence: readonly Evidence[], broken?: readonly Broken[]): Advice[];
  /** the whole story in a few plain sentences */
  inShort(incident: Incident, evidence: readonly Evidence[], decisions: readonly Decision[]): string[];
  /** beside a setting: what was measured */
  measured(seen: string): string;
  /** a threshold in a detector's own words that was met */
  met(rule: string): string;
  /** several decisions of one action at one time, the first of which is told */
  alike(count: number): string;
  /** `and 12 more` */
  more(count: number): string;
  /** `by Ada, …: note` */
  acknowledgedBy(who: string, at: Millis, note: string, zone: Zone): string;
  /** of a summary of a run: `3 incidents: 1 critical, 2 high` */
  tally(counts: Readonly<Record<Severity, number>>): string;
  readonly response: ResponseWords;
  readonly message: MessageWords;
}
