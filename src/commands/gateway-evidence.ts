import type { Finding, FindingKind } from '../gateway/index.ts';
import type { EvidenceDraft, Millis, Severity } from '../model.ts';
import type { Pipeline } from '../pipeline.ts';
import { HOUR } from '../time.ts';

/** The name under which the gateway's evidence stands among the detectors'. */
export const GATEWAY = 'crypto-gateway';

/** By the table of docs/severity.md: all of it was refused, so that none of it is critical. */
const SEVERITIES: Readonly<Record<FindingKind, Severity>> = {
  identity: 'high',
  downgrade: 'high',
  session: 'high',
  edge: 'high',
  rate: 'medium',
  rule: 'low',
  malformed: 'low',
  loop: 'low',
};

/**
 * What the gateway refused, as evidence. It is about whose key was proved, else about the address, which a TCP handshake has proved; whose
 * name was used is a fact and no subject, so that nothing is ever done to him for it.
 */
export function evidenceOf(finding: Finding): EvidenceDraft {
  const { at, kind, account, claimed, kid, peer, callId, method, detail } = finding;
  const proved = kid !== null && account !== '';
  return {
    // the same story within an hour is one piece
    key: [kind, account, claimed, peer.address, Math.floor(at / HOUR)].join(' '),
    at,
    severity: kind === 'identity' && claimed === '' ? 'low' : SEVERITIES[kind],
    subject: proved ? { type: 'account', value: account } : { type: 'address', value: peer.address },
    summary: `The crypto gateway refused ${peer.address}: ${detail}`.slice(0, 500),
    facts: { kind, account, claimed, method, ...(kid === null ? {} : { kid }) },
    calls: callId === '' ? [] : [callId],
    callKeys: [],
    sources: [peer.address],
    sourceProof: proved ? 'authenticated' : 'answered',
    accounts: [],
  };
}

/** Judges a finding as the pipeline's clock stands: downstream, time never goes back. */
export function judgeFinding(pipeline: Pipeline, finding: Finding, now: Millis): void {
  pipeline.correlator.tick(now);
  pipeline.evidence(GATEWAY, evidenceOf({ ...finding, at: Math.max(finding.at, pipeline.correlator.now) }));
}
