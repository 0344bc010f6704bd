import assert from 'node:assert/strict';
import { AlarmBook, type AlarmName, type AlarmNotice, type Condition } from '../../src/console/alarms.ts';
import { Conditioning } from '../../src/console/conditions.ts';
import { FeedWatch, type Silence } from '../../src/console/feed-watch.ts';
import type { FeedReading, Readings } from '../../src/console/readings.ts';
import { Tally } from '../../src/console/tally.ts';
import { HOUR, MINUTE, SECOND } from '../../src/time.ts';
import { madeHabits } from '../support/habits.ts';
import { testSite } from '../support/site.ts';

/** A Wednesday, 10:00 in Berlin. */
const WEDNESDAY = Date.UTC(2026, 10, 25, 9, 0);
const SATURDAY = WEDNESDAY + 3 * 24 * HOUR;

describe('alarms of ringfence itself', () => {
  const said = (notices: readonly AlarmNotice[]): string[] => notices.map(({ alarm, state }) => `${alarm} ${state}`);
  const now = (...names: AlarmName[]): Map<AlarmName, Condition> =>
    new Map(names.map((name) => [name, { since: 0, facts: {} }]));

  it('each is told once when it begins and once when it has been over for ten minutes', () => {
    const book = new AlarmBook([]);
    assert.deepEqual(said(book.look(now('ami-away'), 0)), ['ami-away raised']);
    for (let at = 1; at < 100; at++) assert.deepEqual(book.look(now('ami-away'), at * MINUTE), []);
    assert.deepEqual(said(book.look(now(), 100 * MINUTE)), []);
    assert.deepEqual(said(book.look(now(), 109 * MINUTE)), []);
    const [cleared] = book.look(now(), 110 * MINUTE);
    assert.deepEqual(
      [cleared?.alarm, cleared?.state, cleared?.severity, cleared?.until],
      ['ami-away', 'cleared', 'info', 100 * MINUTE],
    );
    assert.deepEqual(book.look(now(), 200 * MINUTE), []);
    assert.deepEqual(said(book.look(now('ami-away'), 201 * MINUTE)), ['ami-away raised'], 'another time');
  });

  it('what comes and goes is one alarm', () => {
    const book = new AlarmBook([]);
    const notices: AlarmNotice[] = [];
    for (let at = 0; at < 600; at++) notices.push(...book.look(at % 5 < 2 ? now('target-away') : now(), at * MINUTE));
    assert.deepEqual(said(notices), ['target-away raised']);
  });

  it('a restart tells nothing again, and then that it is over', () => {
    const kept = [
      { alarm: 'hep-silent', since: 5, until: null, facts: {} },
      { alarm: 'ami-away', since: 1, until: 4, facts: {} },
      { alarm: 'of a later version', since: 1, until: null, facts: {} },
    ];
    const book = new AlarmBook(kept);
    assert.ok(book.stands('hep-silent') && !book.stands('ami-away'));
    assert.deepEqual(book.look(now('hep-silent'), MINUTE), []);
    book.look(now(), 2 * MINUTE);
    assert.deepEqual(said(book.look(now(), 13 * MINUTE)), ['hep-silent cleared']);
  });
});

describe('a feed that falls silent', () => {
  const site = testSite();
  const watch = (made: Parameters<typeof madeHabits>[0] = { known: false }, startedAt = WEDNESDAY): FeedWatch =>
    new FeedWatch(
      {
        open: (at) => {
          const { open, since } = site.hours(at, null);
          return open ? { since } : null;
        },
        usual: () => {
          const habits = madeHabits(made);
          return {
            known: () => habits.known(),
            expected: (from, to) => habits.expected('site', 'calls', from, to),
            silence: (from, to) => habits.silence('site', 'calls', 0, from, to),
          };
        },
        ...{ silent: 2 * HOUR, calls: 30 },
      },
      startedAt,
    );
  /** Looks every ten seconds. `heard` gives the time of the last word of a feed, `calls` those told until then. */
  const run = (
    w: FeedWatch,
    from: number,
    lasts: number,
    feeds: (at: number) => readonly FeedReading[],
    calls: (at: number) => number = () => 0,
  ): { after: number; silence: Silence } | null => {
    for (let at = from; at <= from + lasts; at += 10 * SECOND) {
      const [silence] = w.look(feeds(at), calls(at), at);
      if (silence !== undefined) return { after: at - from, silence };
    }
    return null;
  };
  const dead = (feed: FeedReading['feed'], lastAt: number | null) => (): FeedReading[] => [{ feed, lastAt }];

  it('mirrored SIP: two hours while the office is open', () => {
    const found = run(watch(), WEDNESDAY, 4 * HOUR, dead('hep', WEDNESDAY));
    assert.equal(found?.after, 2 * HOUR);
    assert.deepEqual(found.silence, { feed: 'hep', since: WEDNESDAY, reason: 'open', calls: 0 });
  });

  it('also when nothing ever came', () => {
    assert.equal(run(watch(), WEDNESDAY, 4 * HOUR, dead('hep', null))?.after, 2 * HOUR);
  });

  it('not one second before, and not while a packet comes now and then', () => {
    assert.equal(run(watch(), WEDNESDAY, 2 * HOUR - 10 * SECOND, dead('hep', WEDNESDAY)), null);
    const now = (at: number): FeedReading[] => [{ feed: 'hep', lastAt: at - (at % HOUR) }];
    assert.equal(run(watch(), WEDNESDAY, 6 * HOUR, now), null);
  });

  it('not at the weekend, and from Monday on counted from when the office opens', () => {
    assert.equal(run(watch(undefined, SATURDAY), SATURDAY, 24 * HOUR, dead('hep', SATURDAY)), null);
    const monday = WEDNESDAY + 5 * 24 * HOUR;
    const found = run(watch(undefined, SATURDAY), monday - 4 * HOUR, 12 * HOUR, dead('hep', SATURDAY));
    const opens = site.hours(monday, null).since ?? 0;
    assert.equal((found?.after ?? 0) + monday - 4 * HOUR, opens + 2 * HOUR);
  });

  it('call records and manager events: a quiet morning is none', () => {
    for (const feed of ['cdr', 'ami'] as const)
      assert.equal(run(watch(), WEDNESDAY, 8 * HOUR, dead(feed, WEDNESDAY)), null);
  });

  it('any: other feeds tell of thirty calls, at any hour, and not of twenty-nine', () => {
    for (const feed of ['hep', 'cdr', 'ami'] as const)
      for (const start of [WEDNESDAY, SATURDAY]) {
        const w = watch(undefined, start);
        const calls = (at: number): number => 100 + Math.min(29, Math.floor((at - start) / MINUTE));
        assert.equal(run(w, start, HOUR, dead(feed, start), calls), null);
        const found = run(w, start + HOUR, HOUR, dead(feed, start), () => 130);
        assert.deepEqual(found?.silence, { feed, since: start, reason: 'others', calls: 30 });
      }
  });

  it('a storm of calls within ten minutes is not yet a silence: records come late', () => {
    assert.equal(
      run(watch(), WEDNESDAY, 9 * MINUTE, dead('cdr', WEDNESDAY), () => 500),
      null,
    );
  });

  it('any: so many calls are usual now that none is no chance', () => {
    const busy = { hourly: { 'site calls': 60 } };
    const found = run(watch(busy), WEDNESDAY, 3 * HOUR, dead('cdr', WEDNESDAY));
    assert.equal(found?.silence.reason, 'usual');
    assert.ok(found.after >= 30 * MINUTE && found.after < HOUR, `${found.after / MINUTE} min`);
    assert.equal(run(watch({ hourly: { 'site calls': 2 } }), WEDNESDAY, 6 * HOUR, dead('cdr', WEDNESDAY)), null);
    assert.equal(run(watch({ ...busy, known: false }), WEDNESDAY, 6 * HOUR, dead('cdr', WEDNESDAY)), null);
  });
});

describe('what is wrong with ringfence', () => {
  const LIMITS = { away: 5 * MINUTE, stuck: 2 * MINUTE, heartbeatEvery: MINUTE };
  const well: Readings = {
    ...{ version: '1', mode: 'enforce', ready: true, progress: true, startedAt: 0, counts: {}, feeds: [], sizes: {} },
    tally: new Tally([], 'EUR'),
    hep: { kernelDrops: 0, receiveBuffer: 1, connections: 0 },
    ami: { state: 'up', since: 0, roundTrip: 1 },
    enforcement: { entries: 0, acts: 0, stopped: false, targets: [] },
    queues: [{ queue: 'store', length: 0 }],
    store: { file: 0, log: 0, failing: false, incidents: [] },
    ...{ notifiers: [], heartbeat: null, gateway: null, alarms: [] },
  };
  const target = (name: string, state: string): Readings['enforcement']['targets'][number] => ({
    ...{ name, state, since: 0, rows: 0, unproved: 0, foreign: 0, contested: 0, median: 0, p99: 0 },
  });
  const mail = { channel: 'mail', delivered: 0, failed: 3 };
  /** When each alarm comes, looking every ten seconds at something that begins after a minute. */
  const begins = (broken: (after: number) => Partial<Readings>, cdr: string | null = null): Record<string, number> => {
    const conditioning = new Conditioning(LIMITS, 0);
    const first: Record<string, number> = {};
    for (let at = 0; at <= 20 * MINUTE; at += 10 * SECOND) {
      const after = at - MINUTE;
      const readings = after < 0 ? well : { ...well, ...broken(after) };
      for (const name of conditioning.look(readings, [], after < 0 ? null : cdr, at).keys()) first[name] ??= after;
    }
    return first;
  };
  const CASES: [string, (after: number) => Partial<Readings>, Record<string, number>][] = [
    ['all is well', () => ({}), {}],
    [
      'Asterisk is away',
      () => ({ ami: { state: 'connecting', since: MINUTE, roundTrip: 1 } }),
      { 'ami-away': 5 * MINUTE },
    ],
    [
      'Asterisk is away, and what it holds with it: told once',
      () => ({
        ami: { state: 'refused', since: MINUTE, roundTrip: 1 },
        enforcement: { ...well.enforcement, targets: [target('asterisk', 'away'), target('pjsip', 'away')] },
      }),
      { 'ami-away': 5 * MINUTE },
    ],
    [
      'Kamailio is away',
      () => ({ enforcement: { ...well.enforcement, targets: [target('kamailio', 'away'), target('asterisk', 'up')] } }),
      { 'target-away': 5 * MINUTE },
    ],
    [
      'Kamailio comes and goes',
      (after) => ({
        enforcement: { ...well.enforcement, targets: [target('kamailio', after % (4 * MINUTE) === 0 ? 'up' : 'away')] },
      }),
      {},
    ],
    ['rules reached a limit', () => ({ enforcement: { ...well.enforcement, stopped: true } }), { 'limit-reached': 0 }],
    ['the disk is full', () => ({ store: { ...well.store, failing: true } }), { 'store-stuck': 2 * MINUTE }],
    ['nothing moves', () => ({ progress: false }), { 'store-stuck': 2 * MINUTE }],
    ['a channel is stuck', () => ({ notifiers: [{ ...mail, up: false, waiting: 2 }] }), { 'notify-stuck': 2 * MINUTE }],
    ['a channel failed and has nothing to do', () => ({ notifiers: [{ ...mail, up: false, waiting: 0 }] }), {}],
    [
      'the heartbeat is not taken',
      () => ({ heartbeat: { sent: 1, failed: 9, lastAt: MINUTE } }),
      { 'heartbeat-missed': 5 * MINUTE },
    ],
    ['the heartbeat is taken', (after) => ({ heartbeat: { sent: 9, failed: 9, lastAt: after } }), {}],
    ['packets are lost', () => ({ hep: { ...well.hep!, kernelDrops: 7 } }), { 'packets-lost': 0 }],
    ['no AMI, no HEP', () => ({ ami: null, hep: null }), {}],
  ];
  for (const [what, broken, expected] of CASES) it(what, () => assert.deepEqual(begins(broken), expected));

  it('call records that cannot be read', () => {
    assert.deepEqual(
      begins(() => ({}), 'EACCES'),
      { 'cdr-unreadable': 5 * MINUTE },
    );
  });

  it('lost packets are told until none has been lost for an hour, with how many', () => {
    const conditioning = new Conditioning(LIMITS, 0);
    const lost = (drops: number, at: number): unknown =>
      conditioning.look({ ...well, hep: { ...well.hep!, kernelDrops: drops } }, [], null, at).get('packets-lost')
        ?.facts['lost'];
    assert.equal(lost(0, 0), undefined);
    assert.equal(lost(5, MINUTE), 5);
    assert.equal(lost(9, 2 * MINUTE), 9);
    assert.equal(lost(9, 61 * MINUTE), 9);
    assert.equal(lost(9, 62 * MINUTE), undefined);
    assert.equal(lost(10, 63 * MINUTE), 1, 'counted anew');
  });
});
