import {
  ChainCheck,
  GENESIS,
  recordOf,
  type AuditHead,
  type AuditProblem,
  type AuditRecord,
  type Store,
} from '../../src/store/index.ts';

/** All records of a trail. */
export const trailOf = (store: Pick<Store, 'audit'>): AuditRecord[] =>
  store.audit.after(0, 100_000).map((row) => recordOf(row) ?? { ...row, at: '', evidence: [], details: {} });

/** What is wrong with a store's trail, as `seq kind`. */
export function problemsOf(store: Pick<Store, 'audit'>, remembered: AuditHead | null = null): string[] {
  const check = new ChainCheck(store.audit.checkpoint() ?? GENESIS, remembered);
  for (const row of store.audit.after(check.head.seq, 100_000)) check.take(recordOf(row) ?? { unreadable: row });
  check.finish();
  return check.problems.map(({ seq, kind }: AuditProblem) => `${seq} ${kind}`);
}
