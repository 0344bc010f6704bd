import type { Alert, Decision, Evidence, Incident } from '../../model.ts';
import type { Store } from '../../store/index.ts';
import type { IncidentStory, RuleText } from '../../words/index.ts';

/** The tables that a story is read from. */
export type StoryStore = Pick<
  Store,
  'incidents' | 'evidence' | 'decisions' | 'acknowledgements' | 'aliases' | 'enforcement'
>;

/** Why decisions failed, as far as it is still known: a code by the decision's id. */
function failuresOf(store: StoryStore, decisions: readonly Decision[]): Map<string, string> {
  const failed = decisions.filter(({ state }) => state === 'failed');
  const codes = failed.map(({ id }): [string, string] => [
    id,
    store.enforcement.of(id).find((row) => row.code !== '')?.code ?? '',
  ]);
  return new Map(codes.filter(([, code]) => code !== ''));
}

/** All that is stored of an incident; null: there is no such one. @throws StoreError */
export function readStory(
  store: StoryStore,
  id: string,
  rules: ReadonlyMap<string, RuleText> = new Map(),
): IncidentStory | null {
  const incident = store.incidents.get(id);
  if (incident === null) return null;
  const decisions = store.decisions.of(id);
  return {
    incident,
    evidence: store.evidence.of(id),
    decisions,
    failures: failuresOf(store, decisions),
    acknowledgements: store.acknowledgements.of(id),
    aliases: store.aliases.of(id),
    rules,
  };
}

/** What an alert line alone tells of its story, for when the store cannot be read. */
export function storyOfAlert(alert: Alert): IncidentStory {
  const at = Date.parse(alert.at);
  const { detector, severity, subject, summary, facts, calls, sources } = alert;
  const accounts = subject.type === 'account' ? [subject.value] : [];
  const incident: Incident = {
    ...{ id: alert.incident, openedAt: at, updatedAt: at, severity, subject, detector, summary },
    ...{ accounts, sources, calls, evidenceCount: 1, loss: alert.loss ?? null, acknowledgedAt: null },
  };
  const evidence: Evidence = {
    ...{ id: alert.id, detector, key: alert.id, at, severity, subject, summary, facts, calls, callKeys: [] },
    ...{ sources, sourceProof: 'none', accounts },
    ...(alert.loss === undefined ? {} : { loss: alert.loss }),
  };
  return { incident, evidence: [evidence], decisions: [], acknowledgements: [], aliases: [], rules: new Map() };
}
