import type { EvidenceDraft, SourceProof } from '../model.ts';
import type { AuditRecord } from './services.ts';
import type { Alert } from './tool.ts';

/** As which detector the toolbox speaks in the pipeline. */
export const DETECTOR = 'toolbox';

/** How alerts become evidence of the detectors' pipeline, to join its stories; whoever runs both passes it in. */
export interface EvidenceDoor {
  /** The account that `user@host` is here; null: none of this site's. */
  accountOf(identity: string): string | null;
  take(draft: EvidenceDraft): void;
}

const proofOf = ({ proofs, transport }: AuditRecord): SourceProof =>
  proofs.length > 0 ? 'authenticated' : transport === 'udp' ? 'none' : 'answered';

/**
 * An alert as evidence. The same alert is one story for an hour (`id`) and is told again each time that its number has doubled, so that a
 * flood of replays is a handful of pieces; null: not now.
 */
export function evidenceOf(
  alert: Alert,
  record: AuditRecord,
  { id, times, account }: { readonly id: string; readonly times: number; readonly account: string | null },
): EvidenceDraft | null {
  if ((times & (times - 1)) !== 0) return null;
  const { at, source, callId, from, template } = record;
  return {
    key: `${id}|${times}`,
    at,
    severity: alert.severity,
    subject:
      account === null && source !== ''
        ? { type: 'address', value: source }
        : { type: 'account', value: account ?? from },
    summary: alert.summary,
    facts: { ...alert.facts, reason: alert.reason, template, identity: from.slice(0, 256), times },
    calls: callId === '' ? [] : [callId.slice(0, 256)],
    callKeys: callId === '' ? [] : [callId],
    sources: source === '' ? [] : [source],
    sourceProof: proofOf(record),
    accounts: [],
  };
}
