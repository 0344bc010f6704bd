import { createHash } from 'node:crypto';
import type { Evidence, EvidenceDraft } from '../model.ts';

/**
 * An id that the same things always get: 16 hex digits (64 bits) of a SHA-256. Judging a recording twice, or once more
 * after a crash, names everything as before.
 */
export const deterministicId = (...parts: readonly string[]): string =>
  createHash('sha256').update(JSON.stringify(parts)).digest('hex').slice(0, 16);

/** A detector's draft as evidence: its id rests on the detector's name and on the draft's key. */
export const toEvidence = (detector: string, draft: EvidenceDraft): Evidence => ({
  ...draft,
  id: deterministicId('evidence', detector, draft.key),
  detector,
});
