import assert from 'node:assert/strict';
import { settingsSchema, type Settings } from '../src/config.ts';
import type { CallRecord, Decision, EvidenceDraft } from '../src/model.ts';
import { Pipeline, type PipelineSnapshot } from '../src/pipeline.ts';
import { NIGHT, record } from './support/events.ts';
import { testSite } from './support/site.ts';

/** A call of a minute to Latvia, at night, by extension 1004. */
const callRecord = (index: number): CallRecord =>
  record(NIGHT + index * 120_000, 60, { uniqueid: `179.${index}`, linkedid: `179.${index}`, sequence: index });

describe('the pipeline', () => {
  const make = (
    respond: Settings['respond'] = settingsSchema.parse({}).respond,
    enforce?: boolean,
  ): { pipeline: Pipeline; decisions: Decision[]; call: (index: number) => void } => {
    const site = testSite();
    site.accounts.learn([{ endpoint: '1004', aliases: [] }]);
    const decisions: Decision[] = [];
    const pipeline = new Pipeline({
      live: false,
      detect: settingsSchema.parse({}).detect,
      respond,
      site,
      ...(enforce === undefined ? {} : { enforce }),
      amiRecords: false,
      changed: (change) => void decisions.push(...change.decisions),
    });
    const call = (index: number): void => {
      const row = callRecord(index);
      pipeline.advance(row.end);
      pipeline.correlator.cdr(row, Infinity);
    };
    return { pipeline, decisions, call };
  };
  const states = (decisions: readonly Decision[]): Set<string> => new Set(decisions.map(({ state }) => state));
  const block = ({ action }: Decision): boolean => action === 'block-international';

  for (const [enforce, state] of [
    [undefined, 'observed'],
    [false, 'observed'],
    [true, 'pending'],
  ] as const)
    it(`enforce ${String(enforce)}: decisions are ${state}`, () => {
      const { decisions, call } = make(undefined, enforce);
      for (let i = 0; i < 4; i++) call(i);
      assert.ok(decisions.some(block));
      assert.deepEqual(states(decisions), new Set([state]));
    });

  it('what the toolbox has refused joins the stories, and blocks nobody in whose name it was forged', () => {
    const { pipeline, decisions, call } = make(undefined, true);
    const draft: EvidenceDraft = {
      key: 'a|1',
      at: NIGHT,
      severity: 'high',
      subject: { type: 'account', value: '1004' },
      summary: 'An old INVITE of 1004@example.org was sent again from 203.0.113.66',
      facts: { reason: 'replay' },
      calls: [],
      callKeys: [],
      sources: ['203.0.113.66'],
      sourceProof: 'none',
      accounts: [],
    };
    pipeline.evidence('toolbox', draft);
    pipeline.evidence('toolbox', draft);
    assert.deepEqual([decisions, pipeline.incidents.open(NIGHT).length], [[], 1]);
    for (let i = 0; i < 4; i++) call(i);
    assert.ok(decisions.some(block), 'detectors go on');
  });

  it('rules of the settings decide', () => {
    const { respond } = settingsSchema.parse({ respond: { rules: [{ account: '1004', do: [] }] } });
    const { decisions, call } = make(respond, true);
    for (let i = 0; i < 4; i++) call(i);
    assert.deepEqual(decisions, []);
  });

  it('what was only observed is done when the mode has changed, by way of a snapshot', () => {
    const before = make(undefined, false);
    for (let i = 0; i < 4; i++) before.call(i);
    const observed = before.decisions.find(block);
    const after = make(undefined, true);
    const snapshot = JSON.parse(JSON.stringify(before.pipeline.snapshot())) as PipelineSnapshot[];
    assert.ok(snapshot.some(({ name }) => name === 'respond'));
    assert.equal(after.pipeline.restore(new Map(snapshot.map((part) => [part.name, part]))), true);
    for (let i = 4; i < 12; i++) after.call(i);
    const pending = after.decisions.find(block);
    assert.deepEqual([pending?.id, pending?.state], [observed?.id, 'pending']);
    assert.deepEqual(states(after.decisions), new Set(['pending']));
  });

  it('counts what its policy holds', () => {
    const { pipeline, call } = make(undefined, true);
    assert.equal(pipeline.sizes()['respond'], 0);
    for (let i = 0; i < 4; i++) call(i);
    assert.ok((pipeline.sizes()['respond'] ?? 0) > 0);
  });
});
