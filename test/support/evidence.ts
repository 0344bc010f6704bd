import type { Alert, Decision, Evidence, Incident } from '../../src/model.ts';

export const T0 = Date.parse('2026-11-21T01:13:04.512Z');

/** Evidence with everything filled in; `over` says what this test is about. */
export function evidence(id: string, over: Partial<Evidence> = {}): Evidence {
  return {
    id,
    detector: 'out-of-hours-calls',
    key: id,
    at: T0,
    severity: 'critical',
    subject: { type: 'account', value: '1004' },
    summary: 'Extension 1004 placed 12 calls to Latvia (+371) in 9 min while the office was closed',
    facts: { calls: 12, destinations: 2, closedSince: '2026-11-20T17:00:00.000Z', numbers: ['37120000001'] },
    calls: ['1795285803.0'],
    callKeys: ['c1'],
    sources: ['203.0.113.7'],
    sourceProof: 'authenticated',
    accounts: ['1004'],
    ...over,
  };
}

export function incident(id: string, over: Partial<Incident> = {}): Incident {
  return {
    id,
    openedAt: T0,
    updatedAt: T0,
    severity: 'critical',
    subject: { type: 'account', value: '1004' },
    detector: 'out-of-hours-calls',
    summary: 'Extension 1004 placed 12 calls to Latvia (+371) in 9 min while the office was closed',
    accounts: ['1004'],
    sources: ['203.0.113.7'],
    calls: ['1795285803.0'],
    evidenceCount: 1,
    loss: { amount: 31.2, currency: 'EUR', estimated: true },
    acknowledgedAt: null,
    ...over,
  };
}

export function decision(id: string, over: Partial<Decision> = {}): Decision {
  return {
    id,
    incident: 'i1',
    at: T0,
    action: 'block-international',
    target: '1004',
    state: 'observed',
    until: T0 + 3_600_000,
    why: 'no more money is lost abroad',
    ...over,
  };
}

export function alert(id: string, over: Partial<Alert> = {}): Alert {
  return {
    id,
    at: new Date(T0).toISOString(),
    detector: 'out-of-hours-calls',
    severity: 'critical',
    subject: { type: 'account', value: '1004' },
    summary: 'Extension 1004 placed 12 calls',
    facts: { calls: 12 },
    calls: ['1795285803.0'],
    sources: ['203.0.113.7'],
    incident: 'i1',
    decisions: [{ action: 'hang-up', state: 'observed', until: null }],
    ...over,
  };
}
