import type { Action, Severity } from '../model.ts';
import type { Weakness } from './weakness.ts';

/** What a report says in one language. Texts that come in are visible already. */
export interface ReportWords {
  title(site: string): string;
  period(from: string, until: string): string;
  readonly titles: Readonly<
    Record<
      | 'overview'
      | 'course'
      | 'stopped'
      | 'through'
      | 'destinations'
      | 'accounts'
      | 'blocks'
      | 'undone'
      | 'failed'
      | 'gaps'
      | 'keys'
      | 'passwords',
      string
    >
  >;
  /** heads of tables */
  readonly heads: Readonly<
    Record<
      | 'severity'
      | 'incidents'
      | 'open'
      | 'since'
      | 'what'
      | 'cost'
      | 'place'
      | 'numbers'
      | 'risk'
      | 'account'
      | 'gravest'
      | 'action'
      | 'done'
      | 'observed'
      | 'ended'
      | 'undone'
      | 'failed'
      | 'pending'
      | 'target'
      | 'why'
      | 'until'
      | 'lasted'
      | 'key'
      | 'ends'
      | 'audited',
      string
    >
  >;
  /** nothing at all opened in the period */
  readonly quiet: string;
  tally(all: number, open: number): string;
  compared(now: number, before: number): string;
  readonly observing: string;
  stopped(incidents: number, calls: number, cost: string): string;
  saved(amount: string): string;
  readonly nothingStopped: string;
  through(incidents: number, cost: string): string;
  onlyObserved(incidents: number): string;
  readonly nothingThrough: string;
  readonly noGaps: string;
  /** `ringfence alerts show …` explains one */
  readonly explain: string;
  /** where an action has no target that is worth a row of its own */
  action(action: Action): string;
  severity(severity: Severity): string;
  readonly stands: string;
  readonly unknownPlace: string;
  /** of so many accounts, the last time then, so many have a weak password */
  readonly audited: (accounts: number, weak: number, latest: string) => string;
  /** how a weak password is mended */
  readonly mend: string;
  readonly weakness: Readonly<Record<Weakness, string>>;
  readonly more: (count: number) => string;
  readonly footer: string;
}
