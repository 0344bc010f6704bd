import type { Decision } from '../model.ts';
import type { Store } from '../store/index.ts';
import { iso } from '../time.ts';
import { explain, explanationOf, type IncidentStory, type TextOptions } from '../words/index.ts';
import { incidentId, storeOf } from './open-store.ts';
import { EXIT, type GlobalOptions, type Output } from './output.ts';
import { readConfig, siteOf } from './site.ts';
import { rulesOf, textOptions } from './text.ts';

/** An incident with all that is known of it, for scripts: times as text. */
export function storyAsJson(story: IncidentStory, { words, zone }: Pick<TextOptions, 'words' | 'zone'>): unknown {
  const { openedAt, updatedAt, acknowledgedAt, ...incident } = story.incident;
  return {
    ...incident,
    openedAt: iso(openedAt),
    updatedAt: iso(updatedAt),
    acknowledgedAt: acknowledgedAt === null ? null : iso(acknowledgedAt),
    aliases: story.aliases,
    evidence: story.evidence.map(({ at, key: _key, callKeys: _callKeys, ...rest }) => ({ ...rest, at: iso(at) })),
    decisions: story.decisions.map(({ at, until, ...rest }) => ({
      ...rest,
      ...(rest.state === 'failed' && story.failures?.has(rest.id) === true
        ? { code: story.failures.get(rest.id) }
        : {}),
      at: iso(at),
      until: until === null ? null : iso(until),
    })),
    acknowledgements: story.acknowledgements.map(({ at, ...rest }) => ({ ...rest, at: iso(at) })),
    explanation: explanationOf(story, words, zone),
  };
}

/** Why decisions failed, as far as it is still known: a code by the decision's id. */
function failuresOf(store: Store, decisions: readonly Decision[]): Map<string, string> {
  const failed = decisions.filter(({ state }) => state === 'failed');
  const codes = failed.map(({ id }): [string, string] => [
    id,
    store.enforcement.of(id).find((row) => row.code !== '')?.code ?? '',
  ]);
  return new Map(codes.filter(([, code]) => code !== ''));
}

/** `ringfence alerts show ID`: one incident explained. */
export default function show(args: readonly string[], options: GlobalOptions, output: Output): number {
  const config = readConfig(options, output);
  const store = storeOf(config, { create: false });
  try {
    const id = incidentId(store, args[0] ?? '');
    const incident = store.incidents.get(id);
    if (incident === null) throw new Error(`the incident ${id} went while it was read`);
    const decisions = store.decisions.of(id);
    const story: IncidentStory = {
      incident,
      evidence: store.evidence.of(id),
      decisions,
      failures: failuresOf(store, decisions),
      acknowledgements: store.acknowledgements.of(id),
      aliases: store.aliases.of(id),
      rules: rulesOf(config.settings.detect),
    };
    const text = textOptions(siteOf(config), output);
    if (output.json) output.object(storyAsJson(story, text));
    else output.result(explain(story, text));
    return EXIT.done;
  } finally {
    store.close();
  }
}
