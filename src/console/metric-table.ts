import type { Millis } from '../model.ts';
import { SECOND } from '../time.ts';
import type { Readings } from './readings.ts';

/** A value under its labels, in the order of the metric's `labels`. */
export type Sample = readonly [labels: readonly string[], value: number];

/** One metric: what it is called, what it says, and how it is read. */
export interface MetricRow {
  readonly name: string;
  readonly type: 'counter' | 'gauge';
  readonly help: string;
  readonly labels: readonly string[];
  readonly read: (readings: Readings) => readonly Sample[];
}

const seconds = (at: Millis): number => at / SECOND;
const one = (value: number | boolean | null): Sample[] => (value === null ? [] : [[[], Number(value)]]);

/** Counters of hep-gate.ts and its kin, as outcomes of what a feed received. */
const OUTCOMES: readonly (readonly [feed: string, outcome: string, ...counts: string[]])[] = [
  ['hep', 'taken', 'hep.packets.udp', 'hep.packets.tcp', 'hep.packets.tls'],
  ['hep', 'not-sip', 'hep.other'],
  ['hep', 'refused-source', 'hep.refused.source'],
  ['hep', 'refused-key', 'hep.refused.key'],
  ['hep', 'refused-malformed', 'hep.refused.malformed'],
  ['hep', 'lost-in-kernel', 'hep.lost.kernel'],
  ['ami', 'taken', 'ami.events'],
  ['ami', 'refused-malformed', 'ami.refused'],
  ['cdr', 'taken', 'cdr.records'],
  ['cdr', 'refused-malformed', 'cdr.refused'],
  ['cdr', 'gap', 'cdr.gaps'],
];

const counter = (name: string, help: string, labels: readonly string[], read: MetricRow['read']): MetricRow => ({
  name: `ringfence_${name}`,
  type: 'counter',
  help,
  labels,
  read,
});
const gauge = (name: string, help: string, labels: readonly string[], read: MetricRow['read']): MetricRow => ({
  name: `ringfence_${name}`,
  type: 'gauge',
  help,
  labels,
  read,
});

const firstOf = (rows: readonly Sample[]): Sample[] => rows.map(([labels, value]) => [labels.slice(0, 1), value]);

/**
 * Every metric of ours. Labels are drawn from what the settings and this program name (feeds, detectors, severities, actions,
 * targets), never from the network: however many addresses, numbers and accounts an attacker invents, the series stay these.
 */
export const METRICS: readonly MetricRow[] = [
  gauge('build_info', 'Version of ringfence and of Node.js; always 1', ['version', 'node'], (r) => [
    [[r.version, process.versions.node], 1],
  ]),
  gauge('ready', '1: logged in to Asterisk, where that is asked for, and listening', [], (r) => one(r.ready)),
  gauge('progress', '1: what is received is judged, and what is judged goes to the store', [], (r) => one(r.progress)),
  gauge('enforcing', '1: mode = "enforce"; 0: it observes', [], (r) => one(r.mode === 'enforce')),
  gauge('alarm', '1: this is wrong with ringfence itself (docs/metrics.md lists the alarms)', ['alarm'], (r) =>
    r.alarms.map(({ alarm, raised }) => [[alarm], Number(raised)]),
  ),

  counter(
    'feed_packets_total',
    'Packets (hep), events (ami) and records (cdr), by what became of them',
    ['feed', 'outcome'],
    (r) =>
      OUTCOMES.filter(([feed]) => r.feeds.some((f) => f.feed === feed)).map(([feed, outcome, ...counts]) => [
        [feed, outcome],
        counts.reduce((sum, name) => sum + (r.counts[name] ?? 0), 0),
      ]),
  ),
  gauge(
    'feed_last_event_timestamp_seconds',
    'When something of this feed was last taken; absent: not since the start',
    ['feed'],
    (r) => r.feeds.flatMap(({ feed, lastAt }): Sample[] => (lastAt === null ? [] : [[[feed], seconds(lastAt)]])),
  ),
  counter('kernel_drops_total', 'Datagrams of mirrored SIP that the kernel dropped for want of room', [], (r) =>
    one(r.hep?.kernelDrops ?? null),
  ),
  gauge('hep_receive_buffer_bytes', 'Room that the kernel gave a HEP socket over UDP, the smallest of all', [], (r) =>
    one(r.hep?.receiveBuffer ?? null),
  ),
  gauge('hep_connections', 'Capture agents connected by TCP or TLS', [], (r) => one(r.hep?.connections ?? null)),
  counter(
    'counts_total',
    'Every other count of what was taken, refused, dropped and done, by its name in the log',
    ['name'],
    (r) => Object.entries(r.counts).map(([name, value]) => [[name], value]),
  ),

  counter('events_total', 'What the correlator told the detectors', ['kind', 'feed'], (r) => r.tally.events()),
  counter('evidence_total', 'What detectors saw', ['detector', 'severity'], (r) => r.tally.evidence()),
  counter('incidents_total', 'Incidents that opened, by the severity that they opened with', ['severity'], (r) =>
    firstOf(r.tally.incidents()),
  ),
  counter('alerts_total', 'Alert lines told', ['severity'], (r) => firstOf(r.tally.alerts())),
  counter(
    'loss_estimate_total',
    "Estimated cost of what incidents are about, in the site's currency",
    ['currency'],
    (r) => firstOf(r.tally.losses()),
  ),
  gauge('incidents_kept', 'Incidents in the store', ['severity'], (r) =>
    r.store.incidents.map(({ severity, all }) => [[severity], all]),
  ),
  gauge('incidents_unacknowledged', 'Incidents in the store that nobody has acknowledged', ['severity'], (r) =>
    r.store.incidents.map(({ severity, open }) => [[severity], open]),
  ),

  counter('decisions_total', 'Decisions by action, and their state when they were made', ['action', 'state'], (r) =>
    r.tally.decisions(),
  ),
  counter(
    'enforcement_total',
    'What became of decisions: done, expired, undone, refused by a safeguard, failed',
    ['outcome'],
    (r) => outcomes(r.counts),
  ),
  gauge('enforcement_entries', 'Entries that should stand at the PBX and its neighbours', [], (r) =>
    one(r.enforcement.entries),
  ),
  gauge('enforcement_acts_waiting', 'Hang-ups and other acts that wait', [], (r) => one(r.enforcement.acts)),
  gauge('enforcement_stopped', '1: rules put up no more, a limit was reached', [], (r) => one(r.enforcement.stopped)),
  gauge('enforcement_pending', 'Rows that should stand there and are not proved yet', ['target'], (r) =>
    r.enforcement.targets.map(({ name, unproved }) => [[name], unproved]),
  ),
  gauge('enforcement_rows', 'Rows that should stand there', ['target'], (r) =>
    r.enforcement.targets.map(({ name, rows }) => [[name], rows]),
  ),
  gauge('enforcement_foreign_rows', 'Rows of ours that somebody else put there', ['target'], (r) =>
    r.enforcement.targets.map(({ name, foreign }) => [[name], foreign]),
  ),
  gauge('enforcement_contested_rows', 'Rows that somebody else keeps changing', ['target'], (r) =>
    r.enforcement.targets.map(({ name, contested }) => [[name], contested]),
  ),
  gauge('enforcement_target_up', '1: what it holds was compared with what it should hold', ['target'], (r) =>
    r.enforcement.targets.map(({ name, state }) => [[name], Number(state === 'up')]),
  ),
  gauge(
    'enforcement_latency_seconds',
    'From a decision to its effect as the target tells it when asked',
    ['target', 'percentile'],
    (r) =>
      r.enforcement.targets.flatMap(({ name, median, p99 }): Sample[] => [
        [[name, '50'], seconds(median)],
        [[name, '99'], seconds(p99)],
      ]),
  ),

  gauge('ami_state', '1 for the state that the connection to Asterisk is in', ['state'], ({ ami }) =>
    ami === null
      ? []
      : (['up', 'connecting', 'refused', 'closed'] as const).map((state) => [[state], Number(ami.state === state)]),
  ),
  gauge('ami_state_since_timestamp_seconds', 'Since when it is in that state', [], ({ ami }) =>
    one(ami === null ? null : seconds(ami.since)),
  ),
  gauge('ami_round_trip_seconds', 'What its last answer to an action took', [], ({ ami }) =>
    one(ami?.roundTrip == null ? null : seconds(ami.roundTrip)),
  ),

  gauge('gateway_sessions', 'Sessions at the crypto gateway', [], ({ gateway }) => one(gateway?.sessions ?? null)),
  gauge(
    'gateway_held',
    'What the gateway holds: connections in their handshake, flows that may come back, transactions',
    ['what'],
    ({ gateway }) =>
      gateway === null
        ? []
        : [
            [['half-open'], gateway.halfOpen],
            [['flows'], gateway.flows],
            [['transactions'], gateway.transactions],
          ],
  ),
  counter(
    'gateway_sessions_total',
    'Sessions that began, by kind: each of csc is a handshake that held',
    ['kind'],
    ({ gateway }) => countsOf(gateway, 'sessions.'),
  ),
  counter('gateway_sessions_closed_total', 'Sessions that ended, by why', ['reason'], ({ gateway }) =>
    countsOf(gateway, 'closed.'),
  ),
  counter(
    'gateway_refused_total',
    'Connections (stage and reason) and messages (reason) that the gateway refused',
    ['reason'],
    ({ gateway }) => countsOf(gateway, 'refused.'),
  ),
  counter(
    'gateway_messages_total',
    'SIP messages: from sessions, to them, sent again, kept for the next session',
    ['what'],
    ({ gateway }) => countsOf(gateway, 'messages.'),
  ),
  counter('gateway_bytes_total', 'Bytes of SIP from sessions and to them', ['direction'], ({ gateway }) =>
    countsOf(gateway, 'bytes.'),
  ),
  gauge('gateway_upstream_up', '1: the PBX or proxy behind the gateway answers OPTIONS', ['upstream'], ({ gateway }) =>
    (gateway?.upstreams ?? []).map(({ name, up }) => [[name], Number(up)]),
  ),
  gauge(
    'gateway_latency_seconds',
    'What the last 1,024 messages waited in the gateway, from their last byte to being handed to the next socket',
    ['percentile'],
    ({ gateway }) =>
      gateway === null
        ? []
        : [
            [['50'], seconds(gateway.median)],
            [['99'], seconds(gateway.p99)],
          ],
  ),

  gauge(
    'queue_length',
    'What waits: judged changes and enforcement for the store, messages for people',
    ['queue'],
    (r) => r.queues.map(({ queue, length }) => [[queue], length]),
  ),
  gauge('store_size_bytes', 'Size of the store: its file, and the log beside it', ['file'], (r) => [
    [['main'], r.store.file],
    [['log'], r.store.log],
  ]),
  gauge('store_failing', '1: the store refuses writes; detection goes on', [], (r) => one(r.store.failing)),
  gauge('held_entries', 'Entries held in memory, by part of the pipeline (each is bounded)', ['part'], (r) =>
    Object.entries(r.sizes).map(([part, size]) => [[part], size]),
  ),

  gauge('notifier_up', '1: the last message by this channel was delivered', ['channel'], (r) =>
    r.notifiers.map(({ channel, up }) => [[channel], Number(up)]),
  ),
  gauge('notifier_waiting', 'Messages that wait for this channel', ['channel'], (r) =>
    r.notifiers.map(({ channel, waiting }) => [[channel], waiting]),
  ),
  counter('notifier_messages_total', 'Messages delivered and tries that failed', ['channel', 'outcome'], (r) =>
    r.notifiers.flatMap(({ channel, delivered, failed }): Sample[] => [
      [[channel, 'delivered'], delivered],
      [[channel, 'failed'], failed],
    ]),
  ),
  counter('heartbeats_total', 'Heartbeats to the service outside', ['outcome'], ({ heartbeat }) =>
    heartbeat === null
      ? []
      : [
          [['sent'], heartbeat.sent],
          [['failed'], heartbeat.failed],
        ],
  ),
  gauge('heartbeat_last_timestamp_seconds', 'When the last heartbeat was taken', [], ({ heartbeat }) =>
    one(heartbeat?.lastAt == null ? null : seconds(heartbeat.lastAt)),
  ),
];

/** The enforcer's counters, as few outcomes. */
function outcomes(counts: Readonly<Record<string, number>>): Sample[] {
  const sums = { done: 0, expired: 0, undone: 0, refused: 0, failed: 0 };
  for (const [name, value] of Object.entries(counts)) {
    const [room, what = '', state = what] = name.split('.');
    if (room !== 'enforce') continue;
    if (what === 'refused') sums.refused += value;
    else if (state in sums) sums[state as keyof typeof sums] += value;
  }
  return Object.entries(sums).map(([outcome, value]) => [[outcome], value]);
}

/** The gateway's counters of one family; their names are the program's own. */
function countsOf(gateway: Readings['gateway'], family: string): Sample[] {
  const prefix = `gateway.${family}`;
  return Object.entries(gateway?.counts ?? {}).flatMap(([name, value]): Sample[] =>
    name.startsWith(prefix) ? [[[name.slice(prefix.length)], value]] : [],
  );
}
