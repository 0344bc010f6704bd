import type { Evidence, Incident, Millis } from '../model.ts';
import type { Site } from '../site/site.ts';
import { formatDuration } from '../time.ts';
import { aimOf, type Aim, type Spared } from './aims.ts';
import { listOf, RESPONSES, type RespondOptions, type Response } from './options.ts';
import { Repeats, type RepeatsSnapshot } from './repeats.ts';
import { concerns, rulesOf, verdictOf, type Rule, type Seen } from './rules.ts';
import { OWN_MISTAKES } from './story.ts';

export { actDetail } from './aims.ts';
export type { Rule } from './rules.ts';

/** Something to do about an incident; `Incidents` makes it a decision. */
export interface Proposal {
  readonly action: Response;
  /** an account, number (E.164 digits) or address, or the key (else uniqueid) of a call */
  readonly target: string;
  /** null: done once, nothing stands */
  readonly until: Millis | null;
  /** the rule's reason, and the rule */
  readonly why: string;
  /** `pending`: it is to be done; `observed`: it is only recorded */
  readonly state: 'observed' | 'pending';
}

/** What became of one action: the rule that decided, what it led to, and who was spared. */
export interface Verdict {
  readonly action: Response;
  readonly rule: Rule;
  /** the rule forbids it */
  readonly forbidden: boolean;
  readonly proposals: readonly Proposal[];
  readonly spared: readonly Spared[];
  /** the setting for which it is only recorded; null: it is done */
  readonly observedBy: string | null;
}

export interface PolicyOptions {
  readonly respond: RespondOptions;
  readonly site: Site;
  /** mode = "enforce": may anything be done at all? */
  readonly enforce: boolean;
  /** does what stands already refuse this call (by ringfence's key of it)? Nothing of it is up then, and nothing is hung up */
  readonly refused?: (call: string) => boolean;
}

/**
 * Blocks after which a running call would be stuck: its own BYE is refused (address, account), or its owner's phone and
 * the thief's are told apart no more. So the calls of the same evidence end with them.
 */
const ENDS_CALLS: ReadonlySet<Response> = new Set(['block-address', 'block-account', 'expire-contact']);

/** A rule keeps something from being done; told only where there is something to do. */
const forbidden = (action: Response, rule: Rule, { evidence, site }: Seen): Verdict[] =>
  aimOf(action, evidence, site).targets.length === 0
    ? []
    : [{ action, rule, forbidden: true, proposals: [], spared: [], observedBy: null }];

/**
 * From incidents to what is done about them, by the rules of `[respond]`: of each action the first rule that fits the
 * evidence decides. No clock, no randomness; the same evidence in the same order gives the same proposals. Its only memory
 * is how often a target was blocked before.
 */
export class Policy {
  readonly rules: readonly Rule[];
  readonly #options: PolicyOptions;
  readonly #repeats: Repeats;
  readonly #observed: ReadonlyMap<'detectors' | 'accounts' | 'groups' | 'actions', ReadonlySet<string>>;

  constructor(options: PolicyOptions) {
    this.#options = options;
    this.rules = rulesOf(options.respond);
    this.#repeats = new Repeats(options.respond.repeat);
    const { detectors, accounts, groups, actions } = options.respond.observe;
    this.#observed = new Map(
      Object.entries({ detectors, accounts, groups, actions }).map(([key, names]) => [
        key as 'detectors',
        new Set(listOf<string>(names)),
      ]),
    );
  }

  /** What is to be done about evidence that has just joined an incident; `raisedBy`: what made the incident graver. */
  decide(incident: Incident, evidence: Evidence, raisedBy: readonly string[] = []): Proposal[] {
    return this.judge(incident, evidence, raisedBy).flatMap(({ proposals }) => proposals);
  }

  /** The same with all that led to it: a verdict for each action that a rule says something about. */
  judge(incident: Incident, evidence: Evidence, raisedBy: readonly string[] = []): Verdict[] {
    if (OWN_MISTAKES.has(evidence.detector)) return [];
    const seen: Seen = { incident, evidence, raisedBy, site: this.#options.site };
    const verdicts = RESPONSES.flatMap((action) => {
      for (const rule of this.rules) {
        const says = verdictOf(rule, action, seen);
        if (says === 'do') return [this.#verdict(action, rule, rule.why, seen)];
        if (says === 'never') return forbidden(action, rule, seen);
      }
      return [];
    });
    if (verdicts.some(({ action }) => action === 'hang-up')) return verdicts;
    const cause = verdicts.find(({ action, proposals }) => ENDS_CALLS.has(action) && proposals.length > 0);
    if (cause === undefined) return verdicts;
    const calls = this.#verdict('hang-up', cause.rule, `${cause.rule.why}: a call from there would stay up`, seen);
    return calls.proposals.length + calls.spared.length === 0 ? verdicts : [calls, ...verdicts];
  }

  #verdict(action: Response, rule: Rule, why: string, { evidence, site }: Seen): Verdict {
    const { targets, spared } = this.#aim(action, evidence, site);
    const observedBy = this.#observedBy(action, evidence);
    const state = observedBy === null ? 'pending' : 'observed';
    const lasts = rule.does.get(action) ?? null;
    const proposals = targets.map((target): Proposal => {
      if (lasts === null) return { action, target, until: null, why: `${why} (${rule.name})`, state };
      const { until, times } = this.#repeats.note(action, target, evidence.at, lasts, state);
      const again = times === 0 ? '' : `; blocked again, so for ${formatDuration(until - evidence.at)}`;
      return { action, target, until, why: `${why} (${rule.name})${again}`, state };
    });
    return { action, rule, forbidden: false, proposals, spared, observedBy };
  }

  #aim(action: Response, evidence: Evidence, site: Site): Aim {
    const aim = aimOf(action, evidence, site);
    const { refused } = this.#options;
    if (action !== 'hang-up' || refused === undefined) return aim;
    const [stopped, up] = [aim.targets.filter(refused), aim.targets.filter((call) => !refused(call))];
    const spared = stopped.map((target): Spared => ({
      target,
      reason: 'a block that stands refuses it: it is not up',
    }));
    return { targets: up, spared: [...aim.spared, ...spared] };
  }

  /** The setting that keeps this from being done; the strictest wins. */
  #observedBy(action: Response, evidence: Evidence): string | null {
    if (!this.#options.enforce) return 'mode = "observe"';
    const { accounts: known } = this.#options.site;
    const has = (list: 'detectors' | 'accounts' | 'groups' | 'actions', name: string): boolean =>
      this.#observed.get(list)?.has(name) === true;
    if (has('detectors', evidence.detector)) return 'respond.observe.detectors';
    if (has('actions', action)) return 'respond.observe.actions';
    if (concerns(evidence, action, true, (name) => has('accounts', name))) return 'respond.observe.accounts';
    const inGroup = (name: string): boolean => known.groupsOf(name).some((group) => has('groups', group));
    return concerns(evidence, action, true, inGroup) ? 'respond.observe.groups' : null;
  }

  /** Entries held, for the memory bound. */
  size(): number {
    return this.#repeats.size;
  }

  snapshot(): RepeatsSnapshot {
    return this.#repeats.snapshot();
  }

  restore(snapshot: RepeatsSnapshot): void {
    this.#repeats.restore(snapshot);
  }
}
