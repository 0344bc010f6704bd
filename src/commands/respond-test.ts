import { emergencyAsDialled } from '../respond/declarations.ts';
import { readSecret, type Config } from '../config.ts';
import { PeerError, RingfenceError } from '../errors.ts';
import type { Action, Evidence, Incident, Millis } from '../model.ts';
import { connectAmi, type PbxEndpoint } from '../pbx/ami.ts';
import { readEndpoints } from '../pbx/ami-state.ts';
import { Incidents } from '../respond/incidents.ts';
import { budgetOf, listOf, millisOf } from '../respond/options.ts';
import { actDetail, Policy, type Rule, type Verdict } from '../respond/policy.ts';
import { allowedBy, check, type Checked, type Checking } from '../respond/safeguards.ts';
import type { Site } from '../site/index.ts';
import { iso, SECOND } from '../time.ts';
import {
  responseTable,
  responseTest,
  type JudgedRow,
  type ResponseBounds,
  type RuleRow,
  type VerdictRow,
} from '../words/index.ts';
import { amiOf, enforces, proxiesOf } from './acting.ts';
import { incidentId, storeOf } from './open-store.ts';
import { EXIT, type GlobalOptions, type Output } from './output.ts';
import { isMadeUp, madeUp, readEvidence, type MadeUp } from './respond-evidence.ts';
import { readConfig, siteOf } from './site.ts';
import { textOptions } from './text.ts';

interface TestOptions extends MadeUp {
  readonly evidence?: string;
  readonly enforce: boolean;
}

/** `ringfence respond test`: the rules as they stand; with an incident, or evidence, what would be done about it and why. */
export default async function test(
  args: readonly string[],
  options: TestOptions & GlobalOptions,
  output: Output,
): Promise<number> {
  const config = readConfig(options, output);
  const site = siteOf(config);
  const { respond } = config.settings;
  const enforce = options.enforce || enforces(config.settings);
  const policy = new Policy({ respond, site, enforce });
  const [id] = args;
  if (id === undefined && options.evidence === undefined && !isMadeUp(options)) {
    const rows = policy.rules.map(ruleRow);
    if (output.json) for (const row of rows) output.object(row);
    else output.result(responseTable(rows, boundsOf(config, enforce), textOptions(site, output)));
    return EXIT.done;
  }
  const { evidence, allowed } = look(config, id, options);
  await learnAccounts(config, site, evidence, output);
  const judged = judge(evidence, site, policy, (verdict, one) => checkWith(config, site, allowed, verdict, one));
  if (output.json) for (const row of judged) output.object(asJson(row));
  else output.result(responseTest(judged, textOptions(site, output)));
  return EXIT.done;
}

/** The evidence that is asked about, and the accounts on which no rule may act now. */
function look(
  config: Config,
  id: string | undefined,
  options: TestOptions,
): { evidence: Evidence[]; allowed: ReadonlyMap<string, Millis> } {
  const none = new Map<string, Millis>();
  if (options.evidence !== undefined) return { evidence: readEvidence(options.evidence), allowed: none };
  if (id === undefined) return { evidence: [madeUp(options, Date.now())], allowed: none };
  const store = storeOf(config, { create: false });
  try {
    const now = Date.now();
    const allowed = store.enforcement
      .all()
      .flatMap(({ kind, value, until, state }): [string, Millis][] =>
        kind === 'allow' && state !== 'undone' && until !== null && until > now ? [[value, until]] : [],
      );
    return { evidence: store.evidence.of(incidentId(store, id)), allowed: new Map(allowed) };
  } finally {
    store.close();
  }
}

const CONNECT: Millis = 2 * SECOND;

/** Only accounts that the PBX has are acted on: it is asked, and where it cannot be, those that are named are taken for its own. */
async function learnAccounts(config: Config, site: Site, evidence: readonly Evidence[], output: Output): Promise<void> {
  const told = await endpointsOf(config);
  if (typeof told !== 'string' && told.length > 0) {
    site.accounts.learn(told);
    return;
  }
  const named = new Set(
    evidence.flatMap((e) => [...(e.subject.type === 'account' ? [e.subject.value] : []), ...e.accounts]),
  );
  if (named.size === 0) return;
  site.accounts.learn([...named].map((endpoint) => ({ endpoint, aliases: [] })));
  const why = typeof told === 'string' ? told : 'it tells none';
  output.note(
    `ringfence: the PBX was not asked for its accounts (${why}): those that are named are taken for accounts of it`,
  );
}

/** The PBX's endpoints, or why it was not asked. */
async function endpointsOf(config: Config): Promise<readonly PbxEndpoint[] | string> {
  const { ami } = config.settings.asterisk;
  if (ami === undefined) return 'the settings have no [asterisk.ami]';
  try {
    const connection = amiOf(config, readSecret(ami.secret_file, config.directory, 'asterisk.ami.secret_file'));
    if (connection === null) return 'the settings have no [asterisk.ami]';
    const limits = { connectMs: CONNECT, actionMs: CONNECT };
    const session = await connectAmi({ ...connection, ...limits }, { event: () => undefined });
    try {
      return await readEndpoints(session);
    } finally {
      session.close();
    }
  } catch (error) {
    if (error instanceof PeerError || error instanceof RingfenceError) return error.message;
    throw error;
  }
}

type Refuse = (verdict: Verdict, evidence: Evidence) => VerdictRow['proposals'];

/** Each piece of evidence again, in its order, with what the policy says of it. */
function judge(evidence: readonly Evidence[], site: Site, policy: Policy, refuse: Refuse): JudgedRow[] {
  const incidents = new Incidents(site.networks);
  const judged: JudgedRow[] = [];
  for (const one of evidence)
    incidents.add(one, (incident: Incident, _evidence, raisedBy) => {
      const verdicts = policy.judge(incident, one, raisedBy);
      const rows = verdicts.map((verdict): VerdictRow => {
        const { action, rule, forbidden, spared, observedBy } = verdict;
        return { action, rule: rule.name, forbidden, proposals: refuse(verdict, one), spared, observedBy };
      });
      judged.push({ evidence: one, incident, verdicts: rows });
      return verdicts.flatMap(({ proposals }) => proposals);
    });
  return judged;
}

const KINDS: Readonly<Partial<Record<Action, Parameters<typeof check>[0]>>> = {
  'block-address': 'address',
  'block-account': 'account',
  'block-international': 'international',
  'block-number': 'number',
};

/** The enforcer's own safeguards on what the policy proposes, as they would be asked at the time of the evidence. */
function checkWith(
  config: Config,
  site: Site,
  allowed: ReadonlyMap<string, Millis>,
  { action, proposals }: Verdict,
  evidence: Evidence,
): VerdictRow['proposals'] {
  const context: Checking = {
    site,
    now: evidence.at,
    by: 'rule',
    emergency: new Set(emergencyAsDialled(config.settings)),
    proxies: new Set(proxiesOf(config.settings)),
    allowed: (account) => allowed.get(account) ?? null,
  };
  const { account } = actDetail(evidence, site);
  const until = account == null ? undefined : allowed.get(account);
  const kind = KINDS[action];
  return proposals.map((proposal) => {
    const checked: Checked | null =
      account != null && until !== undefined
        ? allowedBy(account, until)
        : kind === undefined
          ? null
          : check(kind, proposal.target, proposal.until, context);
    const refused = checked === null || checked.ok ? null : { code: checked.code, reason: checked.reason };
    return { target: proposal.target, until: proposal.until, why: proposal.why, state: proposal.state, refused };
  });
}

function boundsOf({ settings: { respond } }: Config, enforce: boolean): ResponseBounds {
  const { within, factor, longest } = respond.repeat;
  return {
    mode: enforce ? 'enforce' : 'observe',
    observed: Object.entries(respond.observe).flatMap(([name, list]) =>
      list.length === 0 ? [] : [`respond.observe.${name}: ${list.join(', ')}`],
    ),
    repeat: { within: millisOf(within), factor, longest: millisOf(longest) },
    limits: budgetOf(respond),
  };
}

/** A rule as people and scripts read it. */
function ruleRow(rule: Rule): RuleRow {
  const list = <T extends string>(set: ReadonlySet<T> | null): readonly T[] | null => (set === null ? null : [...set]);
  const does = [...rule.does].map(([action, lasts]) => ({ action, lasts }));
  return {
    name: rule.name,
    detectors: list(rule.detectors),
    incidents: list(rule.incidents),
    severity: rule.severity ?? (does.length > 0 ? 'high' : null),
    severityOf: rule.severityOf,
    subjects: list(rule.subjects),
    accounts: list(rule.accounts),
    groups: list(rule.groups),
    knownAccount: rule.knownAccount,
    hours: rule.hours,
    numbers: rule.numbers,
    does,
    never: listOf([...rule.never]),
    why: rule.why,
  };
}

const asJson = ({ evidence, incident, verdicts }: JudgedRow): unknown => ({
  evidence: {
    id: evidence.id,
    at: iso(evidence.at),
    detector: evidence.detector,
    severity: evidence.severity,
    subject: evidence.subject,
    summary: evidence.summary,
  },
  incident: { severity: incident.severity, detector: incident.detector },
  verdicts: verdicts.map(({ proposals, ...rest }) => ({
    ...rest,
    proposals: proposals.map((p) => ({ ...p, until: p.until === null ? null : iso(p.until) })),
  })),
});
