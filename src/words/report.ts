import type { Weakness } from './weakness.ts';
import type { Action, Decision, DecisionState, Evidence, Fact, Incident, Millis, Severity } from '../model.ts';

/** What a report tells, before it has words: plain, and the JSON of `ringfence report --format json`. Times are milliseconds. */
export interface Report {
  readonly site: string;
  readonly mode: 'observe' | 'enforce';
  readonly from: Millis;
  /** the period ends before it */
  readonly until: Millis;
  readonly madeAt: Millis;
  readonly currency: string;
  /** incidents that opened, and those that nobody has acknowledged */
  readonly counts: Readonly<Record<Severity, { readonly all: number; readonly open: number }>>;
  /** how many opened in the period before, of the same length; null: it reaches back before what is kept */
  readonly before: number | null;
  /** equal parts of the period, oldest first */
  readonly parts: readonly ReportPart[];
  readonly stopped: ReportStopped;
  readonly through: ReportThrough;
  readonly destinations: readonly ReportDestination[];
  readonly accounts: readonly ReportAccount[];
  readonly blocks: ReportBlocks;
  readonly gaps: readonly ReportGap[];
  /** keys that end soon; null: ringfence holds none */
  readonly keys: readonly ReportKey[] | null;
  /** what `ringfence audit passwords` found last of each account; null: it was never asked */
  readonly passwords: ReportPasswords | null;
}

export interface ReportPart {
  readonly from: Millis;
  readonly counts: Readonly<Record<Severity, number>>;
}

/** Incidents in which something was done. */
export interface ReportStopped {
  readonly incidents: number;
  readonly calls: number;
  readonly cost: number;
  /** what they would have cost by the next opening of the office, at the pace at which they cost (docs/reports.md) */
  readonly saved: number;
  readonly gravest: readonly ReportStory[];
}

/** Incidents that cost money, or are high or graver, and in which nothing was done. */
export interface ReportThrough {
  readonly incidents: number;
  /** of these those that were only observed */
  readonly observed: number;
  readonly cost: number;
  readonly gravest: readonly ReportStory[];
}

export interface ReportStory {
  readonly incident: Incident;
  readonly evidence: readonly Evidence[];
  readonly decisions: readonly Decision[];
}

export interface ReportDestination {
  /** country or kind of number, in English; '' where it is none */
  readonly place: string;
  /** ISO 3166-1; null: none */
  readonly country: string | null;
  readonly incidents: number;
  readonly numbers: number;
  readonly risk: number;
}

export interface ReportAccount {
  readonly account: string;
  readonly incidents: number;
  readonly severity: Severity;
}

export interface ReportBlocks {
  readonly counts: readonly { readonly action: Action; readonly state: DecisionState; readonly n: number }[];
  readonly undone: readonly ReportDecision[];
  readonly failed: readonly ReportDecision[];
}

export interface ReportDecision {
  readonly incident: string;
  readonly at: Millis;
  readonly action: Action;
  readonly target: string;
  readonly why: string;
}

export interface ReportGap {
  readonly alarm: string;
  readonly since: Millis;
  readonly until: Millis | null;
  readonly facts: Readonly<Record<string, Fact>>;
}

export interface ReportPasswords {
  /** accounts of which something is known */
  readonly audited: number;
  /** when an account was audited last */
  readonly latest: Millis;
  /** by account */
  readonly weak: readonly { readonly account: string; readonly weakness: Weakness; readonly at: Millis }[];
}

export interface ReportKey {
  /** the account, or what it is for */
  readonly name: string;
  readonly endsAt: Millis;
}
