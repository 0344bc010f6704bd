import type { Decision, Evidence, Millis, Severity } from '../model.ts';
import { SECOND } from '../time.ts';

/** One thing in the course of an incident. */
export type Entry =
  | { readonly kind: 'seen'; readonly at: Millis; readonly severity: Severity; readonly evidence: Evidence }
  /** a time that evidence names: the first call, the registration, the hour when the office closed */
  | { readonly kind: 'moment'; readonly at: Millis; readonly fact: string; readonly detector: string }
  /** decisions of one action at one time */
  | { readonly kind: 'decided'; readonly at: Millis; readonly decisions: readonly Decision[] }
  | { readonly kind: 'acknowledged'; readonly at: Millis; readonly who: string; readonly note: string };

interface Happenings {
  readonly evidence: readonly Evidence[];
  readonly decisions: readonly Decision[];
  readonly acknowledgements: readonly { readonly who: string; readonly at: Millis; readonly note: string }[];
}

const ISO = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z$/;

/** Times within facts, each once; what a later word of a detector repeats is told at its first. */
function momentsOf(evidence: readonly Evidence[]): Entry[] {
  const moments = new Map<string, Entry>();
  for (const { facts, detector, at: said } of evidence)
    for (const [fact, value] of Object.entries(facts))
      if (typeof value === 'string' && ISO.test(value) && !Number.isNaN(Date.parse(value))) {
        const at = Date.parse(value);
        const key = `${fact} ${Math.floor(at / SECOND)}`;
        // what is named within the same second is told by the evidence itself
        if (said - at >= SECOND && !moments.has(key)) moments.set(key, { kind: 'moment', at, fact, detector });
      }
  return [...moments.values()];
}

function decidedOf(decisions: readonly Decision[]): Entry[] {
  const groups = new Map<string, Decision[]>();
  for (const d of decisions) {
    const key = `${d.at} ${d.action} ${d.state}`;
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [d]);
    else group.push(d);
  }
  return [...groups.values()].flatMap((group) =>
    group[0] === undefined ? [] : [{ kind: 'decided' as const, at: group[0].at, decisions: group }],
  );
}

const ORDER: Readonly<Record<Entry['kind'], number>> = { moment: 0, seen: 1, decided: 2, acknowledged: 3 };

/**
 * What happened, by time: what was seen, the times that it names, what was decided and who has looked at it.
 * @param most entries at the most: where there are more, the middle is left out and `left` says how many
 */
export function timelineOf(story: Happenings, most: number): { readonly entries: Entry[]; readonly left: number } {
  const { evidence, decisions, acknowledgements } = story;
  const all: Entry[] = [
    ...momentsOf(evidence),
    ...evidence.map((e): Entry => ({ kind: 'seen', at: e.at, severity: e.severity, evidence: e })),
    ...decidedOf(decisions),
    ...acknowledgements.map(({ who, at, note }): Entry => ({ kind: 'acknowledged', at, who, note })),
  ];
  all.sort((a, b) => a.at - b.at || ORDER[a.kind] - ORDER[b.kind]);
  const left = Math.max(0, all.length - most);
  if (left === 0) return { entries: all, left };
  const head = Math.ceil(most / 2);
  return { entries: [...all.slice(0, head), ...all.slice(all.length - (most - head))], left };
}
