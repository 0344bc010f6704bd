import { severityRank, type Evidence, type Incident, type Millis, type Severity, type Subject } from '../model.ts';
import type { Site } from '../site/site.ts';
import { accountOf, numbersOf, readings } from './aims.ts';
import { LASTS, listOf, millisOf, RESPONSES, type Response, type RespondOptions, type RuleOptions } from './options.ts';
import { SHIPPED_RULES } from './shipped-rules.ts';

/** One row of the policy, ready to be asked. A condition that is null holds always. */
export interface Rule {
  /** `shipped rule hijack`, `respond.rules.0`, or with the name that the settings give it `respond.rules.0 "boss"` */
  readonly name: string;
  readonly detectors: ReadonlySet<string> | null;
  /** detector of the incident's gravest evidence, or what made the incident graver (raising.ts) */
  readonly incidents: ReadonlySet<string> | null;
  readonly severity: Severity | null;
  readonly severityOf: 'evidence' | 'incident';
  readonly subjects: ReadonlySet<Subject['type']> | null;
  readonly accounts: ReadonlySet<string> | null;
  readonly groups: ReadonlySet<string> | null;
  readonly knownAccount: boolean | null;
  readonly hours: 'any' | 'open' | 'closed';
  readonly numbers: 'any' | 'abroad' | 'national';
  /** how long each stands; null: done once, nothing stands */
  readonly does: ReadonlyMap<Response, Millis | null>;
  readonly never: ReadonlySet<Response>;
  readonly why: string;
}

/** What is judged, with what rules ask of it. */
export interface Seen {
  readonly incident: Incident;
  readonly evidence: Evidence;
  /** names of raising rules that made the incident graver than its gravest evidence */
  readonly raisedBy: readonly string[];
  readonly site: Site;
}

type RuleInput = Partial<RuleOptions> & { readonly why?: string | undefined };

const setOf = <T extends string>(value: T | readonly T[] | undefined): ReadonlySet<T> | null =>
  value === undefined ? null : new Set(listOf(value));

/** Without a `why` of its own a rule says that it is the site's. */
const SITE_WHY = 'a rule of this site says so';

function compile(rule: RuleInput, name: string, lasts: RespondOptions['lasts']): Rule {
  const lastsOf = (action: Response): Millis | null => {
    const own =
      typeof rule.for === 'string'
        ? action in LASTS || action === 'rotate-secret'
          ? rule.for
          : undefined
        : (rule.for as Partial<Record<Response, string>> | undefined)?.[action];
    const text = own ?? (lasts as Partial<Record<Response, string>>)[action];
    return text === undefined ? null : millisOf(text);
  };
  const nothing = rule.do?.length === 0;
  return {
    name,
    detectors: setOf(rule.detector),
    incidents: setOf(rule.incident),
    severity: rule.severity ?? null,
    severityOf: rule.severity_of ?? 'evidence',
    subjects: setOf(rule.subject),
    accounts: setOf(rule.account),
    groups: setOf(rule.group),
    knownAccount: rule.known_account ?? null,
    hours: rule.hours ?? 'any',
    numbers: rule.numbers ?? 'any',
    does: new Map(rule.do?.map((action) => [action, lastsOf(action)])),
    never: new Set(nothing ? RESPONSES : rule.never),
    why: rule.why ?? SITE_WHY,
  };
}

/** The site's own rules, then the shipped ones. */
export function rulesOf(respond: RespondOptions): Rule[] {
  const own = respond.rules.map((rule, index) =>
    compile(rule, `respond.rules.${index}${rule.name === undefined ? '' : ` "${rule.name}"`}`, respond.lasts),
  );
  const shipped = respond.defaults ? SHIPPED_RULES : [];
  return [...own, ...shipped.map((rule) => compile(rule, `shipped rule ${rule.name}`, respond.lasts))];
}

/** Every account that the evidence names. */
export const accountsNamed = ({ subject, accounts }: Evidence): readonly string[] =>
  subject.type === 'account' ? [subject.value, ...accounts] : accounts;

/**
 * Is this about one of those accounts? Evidence with several accounts is about none of them (an attacker could add a
 * name to shield himself), but for hanging up: the call of the one that is to be spared may be among those named.
 */
export function concerns(
  evidence: Evidence,
  action: Response,
  sparing: boolean,
  has: (account: string) => boolean,
): boolean {
  const account = accountOf(evidence);
  if (account !== null && has(account)) return true;
  return sparing && action === 'hang-up' && accountsNamed(evidence).some(has);
}

/** Does this rule decide about this action? @returns null: it says nothing about it */
export function verdictOf(rule: Rule, action: Response, seen: Seen): 'do' | 'never' | null {
  const does = rule.does.has(action);
  const never = rule.never.has(action);
  if (!does && !never) return null;
  const { incident, evidence, raisedBy, site } = seen;
  if (rule.detectors?.has(evidence.detector) === false) return null;
  const severity = rule.severityOf === 'incident' ? incident.severity : evidence.severity;
  // what is forbidden is forbidden at any severity, unless the rule says otherwise; what is done is not done lightly
  const least = rule.severity ?? (does ? 'high' : 'info');
  if (severityRank(severity) < severityRank(least)) return null;
  const { incidents, accounts, groups } = rule;
  if (incidents !== null && ![incident.detector, ...raisedBy].some((name) => incidents.has(name))) return null;
  if (rule.subjects?.has(evidence.subject.type) === false) return null;
  if (accounts !== null && !concerns(evidence, action, never, (name) => accounts.has(name))) return null;
  const inGroup = (name: string): boolean => site.accounts.groupsOf(name).some((group) => groups?.has(group) === true);
  if (groups !== null && !concerns(evidence, action, never, inGroup)) return null;
  if (!holds(rule, evidence, site)) return null;
  return does ? 'do' : 'never';
}

/** The conditions that ask the site. */
function holds({ knownAccount, hours, numbers }: Rule, evidence: Evidence, site: Site): boolean {
  const account = accountOf(evidence);
  if (knownAccount !== null && (account !== null && site.accounts.mapped(account)) !== knownAccount) return false;
  if (hours !== 'any' && site.hours(evidence.at, account).open !== (hours === 'open')) return false;
  return (
    numbers === 'any' ||
    numbersOf(evidence).some((text) =>
      readings(text, site).some((number) => number.chargeable && number.international === (numbers === 'abroad')),
    )
  );
}
