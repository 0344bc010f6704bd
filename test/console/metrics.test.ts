import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { METRICS } from '../../src/console/metric-table.ts';
import { COMMIT_METRIC, LEFT_OUT_METRIC, Metrics } from '../../src/console/metrics.ts';
import type { Readings } from '../../src/console/readings.ts';
import { Tally, type Changed } from '../../src/console/tally.ts';
import type { Alert, Evidence, Incident } from '../../src/model.ts';
import { promtool } from '../support/promtool.ts';

const ROOT = resolve(import.meta.dirname, '../..');
const at = Date.UTC(2026, 10, 21, 1, 0);

const change = (id: string, amount: number | null, more: Partial<Changed> = {}, evidenceCount = 1): Changed => ({
  incident: {
    ...{ id, severity: 'high', evidenceCount },
    loss: amount === null ? null : { amount, currency: 'EUR', estimated: true },
  } as Incident,
  evidence: { detector: 'scan', severity: 'medium' } as Evidence,
  ...{ alerts: [{ severity: 'high' } as Alert], decisions: [], merged: [] },
  ...more,
});

const readings = (tally: Tally, more: Partial<Readings> = {}): Readings => ({
  ...{ version: '1.0.0', mode: 'enforce', ready: true, progress: true, startedAt: at, tally },
  counts: {
    'hep.packets.udp': 7,
    'hep.packets.tcp': 2,
    'enforce.done': 4,
    'enforce.hang-up.failed': 1,
    'enforce.refused.over': 2,
  },
  feeds: [
    { feed: 'hep', lastAt: at },
    { feed: 'cdr', lastAt: null },
  ],
  hep: { kernelDrops: 3, receiveBuffer: 4096, connections: 0 },
  ami: { state: 'up', since: at, roundTrip: 2 },
  enforcement: {
    ...{ entries: 5, acts: 1, stopped: false },
    targets: [
      {
        ...{ name: 'asterisk', state: 'up', since: at, rows: 5, unproved: 1, foreign: 0, contested: 0 },
        ...{ median: 12, p99: 40 },
      },
    ],
  },
  queues: [{ queue: 'store', length: 3 }],
  store: { file: 10, log: 20, failing: false, incidents: [{ severity: 'high', all: 2, open: 1 }] },
  sizes: { correlate: 9 },
  notifiers: [{ channel: 'mail', up: true, waiting: 0, delivered: 3, failed: 1 }],
  heartbeat: { sent: 5, failed: 1, lastAt: at },
  gateway: {
    ...{ sessions: 3, flows: 4, transactions: 5, halfOpen: 1, median: 0.5, p99: 2 },
    upstreams: [{ name: 'pbx', up: false }],
    counts: {
      'gateway.sessions.csc': 6,
      'gateway.refused.auth.revoked': 2,
      'gateway.refused.identity': 1,
      'gateway.bytes.in': 99,
    },
  },
  alarms: [{ alarm: 'store-stuck', raised: true }],
  ...more,
});

/** Every series as `name{labels}` -> value. */
async function scrape(read: () => Readings): Promise<{ text: string; series: Map<string, number> }> {
  const metrics = new Metrics(read, at);
  metrics.commit(() => 1);
  assert.throws(() => metrics.commit(() => assert.fail('the disk is full')));
  const { body: text, status } = await metrics.page();
  metrics.stop();
  assert.equal(status, 200);
  const lines = text.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  const series = lines.map((line): [string, number] => {
    const end = line.lastIndexOf(' ');
    return [line.slice(0, end), Number(line.slice(end + 1))];
  });
  return { text, series: new Map(series) };
}

describe('metrics', function () {
  this.timeout(60_000);

  it('tell what was read, each under its name', async () => {
    const tally = new Tally(['scan'], 'EUR');
    tally.event({ kind: 'cdr', feed: 'cdr' });
    tally.event({ kind: 'cdr', feed: 'cdr' });
    tally.change(change('a', null, { decisions: [{ action: 'hang-up', state: 'pending' } as never] }));
    const { series } = await scrape(() => readings(tally));
    const expected: [string, number][] = [
      ['ringfence_build_info{version="1.0.0",node="' + process.versions.node + '"}', 1],
      ['ringfence_ready', 1],
      ['ringfence_feed_packets_total{feed="hep",outcome="taken"}', 9],
      ['ringfence_feed_packets_total{feed="cdr",outcome="taken"}', 0],
      ['ringfence_feed_last_event_timestamp_seconds{feed="hep"}', at / 1000],
      ['ringfence_kernel_drops_total', 3],
      ['ringfence_counts_total{name="enforce.hang-up.failed"}', 1],
      ['ringfence_events_total{kind="cdr",feed="cdr"}', 2],
      ['ringfence_gateway_sessions', 3],
      ['ringfence_gateway_held{what="half-open"}', 1],
      ['ringfence_gateway_sessions_total{kind="csc"}', 6],
      ['ringfence_gateway_refused_total{reason="auth.revoked"}', 2],
      ['ringfence_gateway_refused_total{reason="identity"}', 1],
      ['ringfence_gateway_bytes_total{direction="in"}', 99],
      ['ringfence_gateway_upstream_up{upstream="pbx"}', 0],
      ['ringfence_gateway_latency_seconds{percentile="99"}', 0.002],
      ['ringfence_evidence_total{detector="scan",severity="medium"}', 1],
      ['ringfence_evidence_total{detector="scan",severity="critical"}', 0],
      ['ringfence_incidents_total{severity="high"}', 1],
      ['ringfence_alerts_total{severity="critical"}', 0],
      ['ringfence_decisions_total{action="hang-up",state="pending"}', 1],
      ['ringfence_enforcement_total{outcome="done"}', 4],
      ['ringfence_enforcement_total{outcome="failed"}', 1],
      ['ringfence_enforcement_total{outcome="refused"}', 2],
      ['ringfence_enforcement_pending{target="asterisk"}', 1],
      ['ringfence_enforcement_latency_seconds{target="asterisk",percentile="99"}', 0.04],
      ['ringfence_ami_state{state="up"}', 1],
      ['ringfence_ami_state{state="refused"}', 0],
      ['ringfence_ami_round_trip_seconds', 0.002],
      ['ringfence_queue_length{queue="store"}', 3],
      ['ringfence_store_size_bytes{file="log"}', 20],
      ['ringfence_incidents_unacknowledged{severity="high"}', 1],
      ['ringfence_notifier_messages_total{channel="mail",outcome="failed"}', 1],
      ['ringfence_heartbeats_total{outcome="sent"}', 5],
      ['ringfence_alarm{alarm="store-stuck"}', 1],
      ['ringfence_store_commit_seconds_count{outcome="stored"}', 1],
      ['ringfence_store_commit_seconds_count{outcome="refused"}', 1],
      ['ringfence_series_left_out', 0],
    ];
    for (const [name, value] of expected) assert.equal(series.get(name), value, name);
    assert.ok(!series.has('ringfence_feed_last_event_timestamp_seconds{feed="cdr"}'), 'absent is not 1970');
    for (const name of ['process_cpu_seconds_total', 'process_resident_memory_bytes', 'process_open_fds'])
      assert.ok((series.get(name) ?? 0) > 0, name);
  });

  it('what is not there is absent, and comes back when it is', async () => {
    const tally = new Tally([], 'EUR');
    const { series } = await scrape(() => readings(tally, { ami: null, hep: null, heartbeat: null }));
    for (const name of [
      'ringfence_ami_round_trip_seconds',
      'ringfence_kernel_drops_total',
      'ringfence_hep_connections',
    ])
      assert.ok(!series.has(name), name);
    assert.ok(![...series.keys()].some((name) => name.startsWith('ringfence_heartbeat')));
  });

  it('counters are told as they stand, not added to themselves, and a text serves a second', async () => {
    const tally = new Tally([], 'EUR');
    let read = 0;
    const metrics = new Metrics(() => (read++, readings(tally)), at);
    const first = await metrics.page();
    for (let i = 0; i < 50; i++) assert.equal(await metrics.page(), first);
    assert.equal(read, 1);
    metrics.stop();
    const count = /^ringfence_counts_total\{name="enforce\.done"\} 4$/m;
    assert.match(first.body, count);
    await new Promise((wait) => setTimeout(wait, 1_050));
    assert.match((await metrics.page()).body, count);
    assert.equal(read, 2);
  });

  it('a cost is counted by what it grows by, through merges and restarts', () => {
    const tally = new Tally([], 'EUR');
    const lost = (): number => tally.losses()[0]?.[1] ?? 0;
    tally.change(change('a', 10));
    tally.change(change('a', 25, {}, 2));
    assert.equal(lost(), 25);
    tally.change(change('b', 5));
    tally.change(change('a', 31, { merged: [{ younger: 'b' }] }, 4));
    assert.equal(lost(), 31, 'what the younger had cost is in the elder, once');
    tally.change(change('old', 100, {}, 7));
    tally.change(change('old', 104, {}, 8));
    assert.equal(lost(), 35, 'of a story that began before the start only what it grows by');
    tally.change(change('a', 20, {}, 5));
    assert.equal(lost(), 35, 'an estimate that falls takes nothing back');
  });

  it('never more than 500 series of one metric, and what is left out is said', async () => {
    const tally = new Tally([], 'EUR');
    const counts = Object.fromEntries(Array.from({ length: 700 }, (_, i) => [`x.${i}`, i]));
    const { series } = await scrape(() => readings(tally, { counts }));
    assert.equal([...series.keys()].filter((name) => name.startsWith('ringfence_counts_total')).length, 500);
    assert.equal(series.get('ringfence_series_left_out'), 200);
  });

  it("promtool finds nothing to say against the text, the hostile characters of a channel's name included", async function () {
    const tally = new Tally(['scan'], 'EUR');
    const hostile = 'a"b\\c\nd{}';
    const notifiers = [{ channel: hostile, up: true, waiting: 0, delivered: 0, failed: 0 }];
    const { text } = await scrape(() => readings(tally, { notifiers }));
    assert.deepEqual(promtool(this, ['check', 'metrics'], text), { status: 0, said: '' });
  });

  it('promtool takes the alert rules, and they tell what they should and when', function () {
    const rules = join(ROOT, 'scripts/prometheus/ringfence.rules.yml');
    const checked = promtool(this, ['check', 'rules', rules]);
    assert.equal(checked.status, 0, checked.said);
    const tested = promtool(this, ['test', 'rules', join(ROOT, 'test/console/rules.test.yml')]);
    assert.equal(tested.status, 0, tested.said);
    const names = [...readFileSync(rules, 'utf8').matchAll(/- alert: (\w+)/g)].map(([, name]) => name);
    const cases = readFileSync(join(ROOT, 'test/console/rules.test.yml'), 'utf8');
    for (const name of names) assert.ok(cases.includes(`alertname="${name}"`), `${name} has no case in rules.test.yml`);
  });

  const named = (text: string): string[] => [
    ...new Set([...text.matchAll(/\b(?:ringfence|process|nodejs)_[a-z0-9_]+/g)].map(([name]) => name)),
  ];
  const known = new Set([
    ...METRICS.map(({ name }) => name),
    COMMIT_METRIC.name,
    LEFT_OUT_METRIC.name,
    ...['bucket', 'count', 'sum'].map((part) => `${COMMIT_METRIC.name}_${part}`),
  ]);

  it('the dashboard and the rules ask for metrics and labels that there are, the dashboard for every one of ours', async () => {
    const { series } = await scrape(() => readings(new Tally([], 'EUR')));
    const process = new Set([...series.keys()].filter((name) => /^(?:process|nodejs)_/.test(name)));
    const dashboard = readFileSync(join(ROOT, 'scripts/grafana/ringfence.json'), 'utf8');
    const { panels } = JSON.parse(dashboard) as { panels: { id: number; targets?: { expr: string }[] }[] };
    assert.equal(new Set(panels.map(({ id }) => id)).size, panels.length);
    const expressions = panels.flatMap(({ targets = [] }) => targets.map(({ expr }) => expr));
    const rules = readFileSync(join(ROOT, 'scripts/prometheus/ringfence.rules.yml'), 'utf8');
    const alerts = [...rules.matchAll(/expr: (.*)/g)].map(([, expression = '']) => expression);
    for (const expression of [...expressions, ...alerts]) {
      for (const name of named(expression)) assert.ok(known.has(name) || process.has(name), `${name} in ${expression}`);
      for (const [, name = '', inner = ''] of expression.matchAll(/(ringfence_[a-z_]+)\{([^}]*)\}/g)) {
        const labels = METRICS.find((metric) => metric.name === name)?.labels ?? ['outcome', 'le'];
        for (const [, label = ''] of inner.matchAll(/([a-z]+)(?:=|!)/g))
          assert.ok(['instance', 'job', ...labels].includes(label), `${label} in ${expression}`);
      }
    }
    const shown = new Set(expressions.flatMap(named));
    const left = METRICS.map(({ name }) => name).filter((name) => !shown.has(name));
    assert.deepEqual(left.sort(), NOT_SHOWN.sort());
  });
});

/** What stands in the text and needs no picture. */
const NOT_SHOWN = [
  'ringfence_alerts_total',
  'ringfence_build_info',
  'ringfence_ami_state',
  'ringfence_ami_state_since_timestamp_seconds',
  'ringfence_enforcement_acts_waiting',
  'ringfence_enforcement_contested_rows',
  'ringfence_enforcement_entries',
  'ringfence_enforcement_foreign_rows',
  'ringfence_enforcement_stopped',
  'ringfence_heartbeat_last_timestamp_seconds',
  'ringfence_heartbeats_total',
  'ringfence_hep_connections',
  'ringfence_hep_receive_buffer_bytes',
  'ringfence_incidents_kept',
  'ringfence_notifier_messages_total',
  'ringfence_notifier_up',
  'ringfence_store_failing',
];
