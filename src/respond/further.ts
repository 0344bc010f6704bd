import { severityRank, type Alert, type Evidence, type Incident } from '../model.ts';
import { deterministicId } from './ids.ts';
import type { RaisingRule } from './raising.ts';
import { alertOf, type Story } from './story.ts';

/** Accounts that this evidence shows to be in other hands, or to cost money now; `raised`: rules that it made true. */
function takenOver(e: Evidence, raised: readonly RaisingRule['name'][]): readonly string[] {
  const named = e.subject.type === 'account' ? [e.subject.value] : e.accounts.length === 1 ? e.accounts : [];
  const grave = severityRank(e.severity) >= severityRank('high');
  const taken =
    (e.detector === 'registration-hijack' && grave) ||
    (e.detector === 'unregistered-caller' && grave && e.facts['authenticated'] === true) ||
    raised.includes('breach') ||
    e.severity === 'critical';
  return taken ? named : [];
}

/** Accounts remembered, and named beside the further one. */
const HELD = 500;
const NAMED = 20;
/** Further accounts that get a line of their own each; after that the 10th, the 20th, the 40th and so on. */
const FURTHER = 5;

/**
 * Which account more this evidence shows to be abused, if a line is to say so: an attack over many extensions stays one
 * incident, but whoever was told of the first must hear of the second. `rose`: a line is told anyhow.
 */
export function furtherAccount(
  story: Story,
  e: Evidence,
  raised: readonly RaisingRule['name'][],
  rose: boolean,
): string | null {
  if (rose && story.headline.subject.type === 'account') story.toldOf.add(story.headline.subject.value);
  const fresh = takenOver(e, raised).find((account) => !story.toldOf.has(account));
  if (fresh === undefined || story.toldOf.size >= HELD) return null;
  story.toldOf.add(fresh);
  if (rose) return null;
  const count = ++story.further;
  return count <= FURTHER || Number.isInteger(Math.log2(count / FURTHER)) ? fresh : null;
}

/** The line about one account more; its words are the evidence's own. */
export const furtherAlert = (
  story: Story,
  incident: Incident,
  e: Evidence,
  account: string,
  summary: string,
): Alert => ({
  ...alertOf(story, incident, e.at),
  id: deterministicId('alert', story.id, story.severity, 'account', account),
  detector: e.detector,
  subject: { type: 'account', value: account },
  summary,
  facts: { ...e.facts, furtherAccount: account, accountsInvolved: incident.accounts.slice(0, NAMED) },
});
