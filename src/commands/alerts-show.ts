import { readStory } from '../respond/notify/story.ts';
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
    deliveries: (story.deliveries ?? []).map(({ channel, kind, state, at, doneAt, attempts, error }) => ({
      ...{ channel, kind, state, at: iso(at), doneAt: doneAt === null ? null : iso(doneAt), attempts, detail: error },
    })),
    explanation: explanationOf(story, words, zone),
  };
}

/** `ringfence alerts show ID`: one incident explained. */
export default function show(args: readonly string[], options: GlobalOptions, output: Output): number {
  const config = readConfig(options, output);
  const store = storeOf(config, { create: false });
  try {
    const id = incidentId(store, args[0] ?? '');
    const read = readStory(store, id, rulesOf(config.settings.detect));
    if (read === null) throw new Error(`the incident ${id} went while it was read`);
    const story: IncidentStory = {
      ...read,
      deliveries: store.deliveries.of(id).filter(({ state }) => state !== 'dropped'),
    };
    const text = textOptions(siteOf(config), output);
    if (output.json) output.object(storyAsJson(story, text));
    else output.result(explain(story, text));
    return EXIT.done;
  } finally {
    store.close();
  }
}
