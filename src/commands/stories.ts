import { SEVERITIES, type Decision, type Evidence, type Incident, type Severity } from '../model.ts';
import type { Change } from '../respond/incidents.ts';

/** One incident with what belongs to it, as far as it is kept. */
export interface Story {
  readonly incident: Incident;
  readonly evidence: readonly Evidence[];
  readonly decisions: readonly Decision[];
  readonly acknowledgements: readonly never[];
  readonly aliases: readonly string[];
}

interface Growing {
  incident: Incident;
  evidence: Evidence[];
  decisions: Map<string, Decision>;
  aliases: string[];
}

/** Evidence kept per story; a recording of a long attack tells thousands of pieces. */
const KEPT = 500;

/** Incidents of one run of `replay` or `scan`, kept in memory for its end. */
export class Stories {
  readonly #stories = new Map<string, Growing>();

  take({ incident, evidence, decisions, merged }: Change): void {
    const story: Growing = this.#stories.get(incident.id) ?? {
      incident,
      evidence: [],
      decisions: new Map(),
      aliases: [],
    };
    for (const { younger } of merged) {
      const folded = this.#stories.get(younger);
      if (folded === undefined) continue;
      this.#stories.delete(younger);
      story.evidence.push(...folded.evidence);
      for (const [id, decision] of folded.decisions) story.decisions.set(id, decision);
      story.aliases.push(younger, ...folded.aliases);
    }
    story.incident = incident;
    if (story.evidence.length < KEPT) story.evidence.push(evidence);
    for (const decision of decisions) story.decisions.set(decision.id, decision);
    this.#stories.set(incident.id, story);
  }

  all(): Story[] {
    return [...this.#stories.values()].map((s) => ({
      incident: s.incident,
      evidence: s.evidence.toSorted((a, b) => a.at - b.at),
      decisions: [...s.decisions.values()],
      acknowledgements: [],
      aliases: s.aliases,
    }));
  }

  tally(): Record<Severity, number> {
    const counts = Object.fromEntries(SEVERITIES.map((s) => [s, 0])) as Record<Severity, number>;
    for (const { incident } of this.#stories.values()) counts[incident.severity]++;
    return counts;
  }
}
