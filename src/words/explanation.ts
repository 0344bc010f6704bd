import { iso, type Zone } from '../time.ts';
import { brokenBy } from './broken.ts';
import type { IncidentStory } from './show.ts';
import { timelineOf } from './timeline.ts';
import type { Words } from './words.ts';

const ENTRIES = 500;

/**
 * What `explain` says as text, for scripts and the console: the story in short, what happened by time, the thresholds and
 * baselines it broke, what to do, how to undo what was done, and the settings that would have let it pass.
 */
export function explanationOf(story: IncidentStory, words: Words, zone: Zone): unknown {
  const { incident, evidence, decisions, rules } = story;
  const broken = brokenBy(evidence, rules);
  const { entries, left } = timelineOf(story, ENTRIES);
  const timeline = entries.map((entry) => {
    const at = iso(entry.at);
    switch (entry.kind) {
      case 'seen': {
        const { detector, summary } = entry.evidence;
        return { at, kind: entry.kind, severity: entry.severity, detector, text: summary };
      }
      case 'moment':
        return { at, kind: entry.kind, detector: entry.detector, text: words.fact(entry.fact, null, zone)[0] };
      case 'decided':
        return {
          ...{ at, kind: entry.kind, count: entry.decisions.length },
          text: entry.decisions[0] === undefined ? '' : words.decision(entry.decisions[0], zone),
        };
      case 'acknowledged':
        return { at, kind: entry.kind, text: words.acknowledgedBy(entry.who, entry.at, entry.note, zone) };
    }
  });
  return {
    short: words.inShort(incident, evidence, decisions),
    timeline,
    timelineLeftOut: left,
    broken: broken.map(({ usual, ...rest }) => ({ ...rest, usual: Object.fromEntries(usual) })),
    now: words.now(incident, evidence),
    undo: decisions.flatMap((d) => words.undo(d) ?? []),
    legitimate: words.legitimate(incident, evidence, broken),
  };
}
