import {
  graver,
  severityRank,
  type Alert,
  type Decision,
  type Evidence,
  type Incident,
  type Millis,
} from '../model.ts';
import type { Networks } from '../site/site.ts';
import { HOUR } from '../time.ts';
import { BoundedMap, type Packed } from '../windows.ts';
import { en } from '../words/index.ts';
import type { Words } from '../words/index.ts';
import { Campaigns, type CampaignsSnapshot } from './campaigns.ts';
import { whose } from './families.ts';
import { furtherAccount, furtherAlert } from './further.ts';
import { deterministicId } from './ids.ts';
import type { Proposal } from './policy.ts';
import { MILD, RAISING_RULES, trace, type Joining, type RaisingRule } from './raising.ts';
import {
  alertOf,
  decideOnce,
  fold,
  foundBy,
  gravityFor,
  incidentOf,
  joinKeys,
  newStory,
  ownSources,
  packStory,
  tell,
  unpackStory,
  weigh,
  type PackedStory,
  type Story,
} from './story.ts';

export interface IncidentsOptions {
  /** a story ends when nothing was added for so long; default 6 h, so that an attack over one night is one story */
  readonly idle?: Millis;
  /** most stories open at once; the longest untouched are closed for new ones; default 4096 */
  readonly capacity?: number;
  readonly words?: Words;
}

/** Asked with the incident as it stands, for whom the evidence is about, with the evidence in it, and the rules (raising.ts) that made it graver. */
export type DecisionsFor = (incident: Incident, evidence: Evidence, raisedBy: readonly string[]) => readonly Proposal[];

/** What one piece of evidence changed: all of it belongs into one commit. */
export interface Change {
  /** as it now stands */
  readonly incident: Incident;
  readonly evidence: Evidence;
  /** a line when the incident opened or its severity rose, and one for a further account that was taken over; else none */
  readonly alerts: readonly Alert[];
  /** new ones, known ones that now end later, and observed ones that are now to be done */
  readonly decisions: readonly Decision[];
  /** other incidents that this evidence showed to be the same story, in the order in which they were folded */
  readonly merged: readonly { readonly younger: string; readonly elder: string }[];
}

/** Plain JSON of `snapshot`. `INCIDENTS_VERSION` counts its shapes. */
export interface IncidentsSnapshot {
  readonly stories: readonly Packed<PackedStory>[];
  readonly keys: readonly Packed<string>[];
  readonly aliases: readonly Packed<string>[];
  readonly evidence: readonly Packed<string>[];
  readonly campaigns: CampaignsSnapshot;
}

export const INCIDENTS_VERSION = 2;

/**
 * Joins evidence into incidents. Evidence belongs to one story when it is about the same account (trunk, number), comes
 * from the same attacking address, or is about the same call, within `idle` of the story's last evidence; and when it is
 * part of an attack spread over several accounts (campaigns.ts). Two stories
 * that turn out to be one are merged: the younger is folded into the elder and its id stays good.
 * Everything is bounded, and the same evidence in the same order always gives the same ids.
 */
export class Incidents {
  readonly #networks: Networks;
  readonly #idle: Millis;
  readonly #words: Words;
  readonly #stories: BoundedMap<Story>;
  /** join key -> story */
  readonly #keys: BoundedMap<string>;
  /** merged story -> the one that it was folded into */
  readonly #aliases: BoundedMap<string>;
  /** evidence that was added lately -> story */
  readonly #evidence: BoundedMap<string>;
  readonly #campaigns = new Campaigns();

  constructor(networks: Networks, options: IncidentsOptions = {}) {
    const capacity = options.capacity ?? 4096;
    this.#networks = networks;
    this.#idle = options.idle ?? 6 * HOUR;
    this.#words = options.words ?? en;
    this.#stories = new BoundedMap(capacity);
    this.#keys = new BoundedMap(8 * capacity);
    this.#aliases = new BoundedMap(capacity);
    this.#evidence = new BoundedMap(2 * capacity);
  }

  /**
   * Adds evidence to its story, or opens one. `decisionsFor` is asked what to do about it (policy.ts: `decide`).
   * @returns null: this evidence was added before, and nothing changed
   */
  add(evidence: Evidence, decisionsFor: DecisionsFor = () => []): Change | null {
    if (this.#evidence.get(evidence.id) !== undefined) return null;
    const sources = ownSources(this.#networks, evidence);
    const common = this.#campaigns.note(evidence, sources);
    const keys = [...new Set([...joinKeys(this.#networks, evidence, sources), ...common.keys])];
    const [elder, ...younger] = this.#storiesOf(keys, evidence.at);
    const story = elder ?? newStory(evidence);
    const before = elder === undefined ? -1 : severityRank(elder.severity);
    // A story that stands is nobody's alias, so that aliases never run in a circle.
    this.#aliases.delete(story.id);
    for (const other of younger) {
      fold(story, other);
      this.#stories.delete(other.id);
      this.#aliases.set(other.id, story.id);
    }
    tell(story, evidence);
    if (common.keys.length > 0) story.spread = true;
    const raised = this.#raise(story, evidence, { sources, callers: common.callers });
    trace(story.traces, evidence, sources);
    this.#stories.set(story.id, story);
    this.#evidence.set(evidence.id, story.id);
    for (const key of foundBy(keys, evidence, sources))
      if (keys.includes(key) || !this.#keys.has(key)) this.#keys.set(key, story.id);

    const incident = this.#incident(story);
    const decisions = this.#decide(
      story,
      evidence,
      decisionsFor({ ...incident, severity: gravityFor(story, evidence) }, evidence, [...story.raisedBy]),
    );
    const rose = severityRank(story.severity) > before;
    const account = furtherAccount(story, evidence, raised, rose);
    const alerts = [
      ...(rose ? [alertOf(story, incident, evidence.at)] : []),
      ...(account === null
        ? []
        : [furtherAlert(story, incident, evidence, account, this.#words.raised(evidence.summary, raised))]),
    ];
    return {
      incident,
      evidence,
      alerts,
      decisions,
      merged: younger.map((other) => ({ younger: other.id, elder: story.id })),
    };
  }

  /** The open (or lately closed) incident that this id, or the id of one merged into it, means. */
  get(id: string): Incident | null {
    const story = this.#stories.peek(this.#resolve(id));
    return story === undefined ? null : this.#incident(story);
  }

  /** Stories to which evidence at this time could still be added. */
  open(at: Millis): Incident[] {
    return [...this.#stories.values()].filter((s) => at - s.updatedAt <= this.#idle).map((s) => this.#incident(s));
  }

  /** Entries held, for the memory bound. */
  size(): number {
    return this.#stories.size + this.#keys.size + this.#aliases.size + this.#evidence.size + this.#campaigns.size;
  }

  snapshot(): IncidentsSnapshot {
    const same = (value: string): string => value;
    return {
      stories: this.#stories.snapshot(packStory),
      keys: this.#keys.snapshot(same),
      aliases: this.#aliases.snapshot(same),
      evidence: this.#evidence.snapshot(same),
      campaigns: this.#campaigns.snapshot(),
    };
  }

  /** Takes back what `snapshot` gave, also by way of JSON. */
  restore(snapshot: IncidentsSnapshot): void {
    const same = (value: string): string => value;
    this.#stories.restore(snapshot.stories, unpackStory);
    this.#keys.restore(snapshot.keys, same);
    this.#aliases.restore(snapshot.aliases, same);
    this.#evidence.restore(snapshot.evidence, same);
    this.#campaigns.restore(snapshot.campaigns);
  }

  /** What rules make of the story with this evidence. @returns the rules that hold of it */
  #raise(story: Story, evidence: Evidence, joining: Joining): RaisingRule['name'][] {
    const raised = RAISING_RULES.filter((rule) => rule.applies(story.traces, evidence, joining));
    for (const { name, to } of raised) {
      // what is as grave in itself was not made so
      const says = severityRank(to) > severityRank(story.severity) || !MILD.has(name);
      if (says) story.raisedBy.add(name);
      story.severity = graver(story.severity, to);
      // that many call the same is told of all, and held against none
      if (name !== 'many-callers') weigh(story, whose(evidence), to);
    }
    return raised.map(({ name }) => name);
  }

  #incident(story: Story): Incident {
    return incidentOf(story, this.#words.raised(story.headline.summary, [...story.raisedBy]));
  }

  #resolve(id: string): string {
    let elder = id;
    for (let next = this.#aliases.get(elder); next !== undefined; next = this.#aliases.get(elder)) elder = next;
    if (elder !== id) this.#aliases.set(id, elder);
    return elder;
  }

  /** The open stories that the keys lead to, each once, elder first. */
  #storiesOf(keys: readonly string[], at: Millis): Story[] {
    const found = new Map<string, Story>();
    for (const key of keys) {
      const id = this.#keys.get(key);
      if (id === undefined) continue;
      const story = this.#stories.get(this.#resolve(id));
      if (story !== undefined && at - story.updatedAt <= this.#idle) found.set(story.id, story);
    }
    return [...found.values()].sort((a, b) => a.openedAt - b.openedAt || (a.id < b.id ? -1 : 1));
  }

  #decide(story: Story, evidence: Evidence, proposals: readonly Proposal[]): Decision[] {
    const decisions: Decision[] = [];
    for (const proposal of proposals) {
      const { action, target, until, why, state } = proposal;
      const about = action === 'expire-contact' ? [...evidence.sources].sort() : [];
      const decision = decideOnce(story, {
        id: deterministicId('decision', story.id, action, target, ...about),
        incident: story.id,
        at: evidence.at,
        action,
        target,
        state,
        until,
        why,
      });
      if (decision !== null) decisions.push(decision);
    }
    return decisions;
  }
}
