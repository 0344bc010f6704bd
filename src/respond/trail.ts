import type { Decision } from '../model.ts';
import type { AuditEntry, Enforcement, Json } from '../store/index.ts';

/** Who took something back, and why; null: nobody did, it ended. */
export type Undone = { readonly actor: string; readonly why: string } | null;

/** Commands put the person's name at the end of the reason, in brackets: `stolen (ada)`. */
export const actorOf = (by: string, why: string): string => {
  const name = /\(([^()]{1,100})\)$/.exec(why)?.[1];
  return by === 'hand' && name !== undefined ? `hand:${name}` : by;
};

const iso = (at: number | null): string | null => (at === null ? null : new Date(at).toISOString());

/** A decision by hand. Those of rules the recorder tells, with their evidence. */
export const decisionEntry = ({ id, action, target, state, until, why }: Decision, by: string): AuditEntry => ({
  actor: actorOf(by, why),
  action: 'decision.made',
  target,
  evidence: [id],
  details: { action, state, until: iso(until), why },
});

/**
 * What became of a claim or an act, as its row changes: `enforce.ordered`, `done` (read back at the targets of `proof`),
 * `failed`, `expired`, `undone`; null: nothing that anybody would ask about. What the settings want is told by
 * `settings.loaded` alone: hundreds of numbers, that nobody decided one by one.
 */
export function rowEntry(before: Enforcement | undefined, row: Enforcement, undone: Undone): AuditEntry | null {
  if (row.by === 'settings') return null;
  const failed = row.state === 'failed' || (row.state === 'pending' && row.code !== '');
  const was = before === undefined ? null : before.code === '' ? before.state : 'failed';
  const state = failed ? 'failed' : row.state;
  if (was === state && before?.code === row.code && before.until === row.until) return null;
  if (was === state && state === 'undone') return null;
  const ordered = state === 'pending' || (was === state && state === 'done');
  const proof = Object.fromEntries(Object.entries(row.proof).map(([target, at]): [string, Json] => [target, iso(at)]));
  return {
    actor: ordered ? actorOf(row.by, row.why) : (undone?.actor ?? 'ringfence'),
    action: `enforce.${ordered ? 'ordered' : state}`,
    target: `${row.kind}/${row.value}`,
    evidence: [row.claim],
    details: {
      by: row.by,
      ...(ordered ? { until: iso(row.until), why: row.why } : {}),
      ...(state === 'done' ? { proof } : {}),
      ...(failed ? { code: row.code, tries: row.tries } : {}),
      ...(undone === null ? {} : { why: undone.why }),
    },
  };
}

/** What was decided could not be done, and nothing was put up. */
export const refusedEntry = (
  action: string,
  target: string,
  decision: string,
  { code, reason }: { readonly code: string; readonly reason: string },
): AuditEntry => ({
  actor: 'ringfence',
  action: 'enforce.failed',
  target: `${action}/${target}`,
  evidence: [decision],
  details: { code, reason },
});

/** What the PBX answered to a REGISTER with the new secret and with the old one. */
export const registeredEntry = (
  decision: string,
  account: string,
  { new: fresh, old }: { readonly new: string; readonly old: string },
): AuditEntry => ({
  actor: 'ringfence',
  action: 'secret.registered',
  target: `account/${account}`,
  evidence: [decision],
  details: { new: fresh, old },
});

/** What was taken back was seen to be gone. */
export const goneEntry = (target: string, key: string): AuditEntry => ({
  actor: 'ringfence',
  action: 'enforce.gone',
  target: key,
  details: { at: target },
});

/** Somebody else changed what stands at a target, and it was put back. */
export const restoredEntry = (target: string, key: string): AuditEntry => ({
  actor: 'ringfence',
  action: 'enforce.restored',
  target: key,
  details: { at: target },
});
