import assert from 'node:assert/strict';
import { SEVERITIES, type Alert } from '../../src/model.ts';

/** Every time that leaves ringfence. */
export const ISO = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;
const ACTIONS =
  /^(?:none|hang-up|block-account|block-international|block-number|block-address|expire-contact|rotate-secret)$/;
const STATES = /^(?:observed|pending|done|failed|expired|undone)$/;

/** "An alert, as JSON" of docs/contracts.md, field by field. */
export function assertAlert(line: Alert): void {
  const { loss, ...fields } = line;
  assert.deepEqual(Object.keys(fields), [
    'id',
    'at',
    'detector',
    'severity',
    'subject',
    'summary',
    'facts',
    'calls',
    'sources',
    'incident',
    'decisions',
  ]);
  for (const text of [line.id, line.incident, line.detector, line.summary]) assert.match(text, /^[^\n]+$/);
  assert.match(line.at, ISO);
  assert.ok(SEVERITIES.includes(line.severity));
  assert.deepEqual(Object.keys(line.subject), ['type', 'value']);
  assert.match(line.subject.type, /^(?:account|address|number|trunk)$/);
  assert.equal(typeof line.facts, 'object');
  for (const list of [line.calls, line.sources]) assert.ok(list.every((item) => typeof item === 'string'));
  for (const decision of line.decisions) {
    assert.deepEqual(Object.keys(decision), ['action', 'state', 'until']);
    assert.match(decision.action, ACTIONS);
    assert.match(decision.state, STATES);
    if (decision.until !== null) assert.match(decision.until, ISO);
  }
  if (loss === undefined) return;
  assert.deepEqual(Object.keys(loss), ['amount', 'currency', 'estimated']);
  assert.equal(typeof loss.amount, 'number');
  assert.match(loss.currency, /^[A-Z]{3}$/);
  assert.equal(typeof loss.estimated, 'boolean');
}
