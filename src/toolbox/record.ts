import { createHash } from 'node:crypto';
import type { AuditRecord } from './services.ts';
import type { Passage, Refusal } from './tool.ts';

/** What the audit trail keeps of a message that was judged. */
export function recordOf(passage: Passage, refusal: Refusal | null, tool: string): AuditRecord {
  const { message, arrival, signer } = passage;
  return {
    at: arrival.at,
    template: passage.template,
    verdict: refusal === null ? 'accept' : (refusal.verdict ?? 'refuse'),
    tool,
    reason: refusal?.reason ?? '',
    detail: refusal?.detail ?? '',
    callId: message.callId,
    method: message.method,
    cseq: message.cseq,
    from: passage.identity ?? message.from,
    to: message.to,
    source: arrival.source ?? '',
    transport: arrival.transport,
    proofs: arrival.proofs,
    signer: signer?.kid ?? '',
    digest: createHash('sha256').update(passage.original).digest('base64url'),
    notes: passage.notes,
  };
}
