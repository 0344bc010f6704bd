import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { helpOf } from '../../src/commands/schema-help.ts';
import { detectorParameters, detectors } from '../../src/detect/index.ts';
import { SEVERITIES, type Event, type EvidenceDraft } from '../../src/model.ts';
import { DAY, HOUR, MINUTE, SECOND } from '../../src/time.ts';
import {
  answered,
  binding,
  connected,
  ended,
  failed,
  garbage,
  judge,
  NIGHT,
  onward,
  ownAddress,
  OWNER,
  received,
  record,
  recorded,
  refused,
  registered,
  removed,
  repeated,
  seen,
  series,
  started,
  succeeded,
  THIEF,
  tick,
  updated,
  within,
  type Judge,
} from '../support/events.ts';
import { madeHabits } from '../support/habits.ts';
import { testSite } from '../support/site.ts';

/** At a site that has been known for long, where nobody calls abroad. */
const atKnownSite = (definition: unknown): Judge => judge(definition, {}, testSite(), { habits: madeHabits() });

const session = { origin: 'bob 3724394400', version: '1', originAddress: OWNER, connection: OWNER, keys: [] };

/** Everything at once: a night on which every detector has something to say. */
const night: Event[] = [
  // the carrier was quick for three days, and slow for two hours
  ...series(888, NIGHT - 8 * DAY, 5 * MINUTE, (at, i) =>
    received(at, { source: '198.51.100.1', trunk: 'carrier', method: 'OPTIONS', tookMs: i < 864 ? 80 : 900 }),
  ),
  // keys in clear text, one of which a stranger offers again; the owner's INVITE is sent a second time
  ...series(3, NIGHT - 4 * DAY - HOUR, MINUTE, (at, i) =>
    answered(
      at,
      200,
      { method: 'INVITE', callId: `k${i}@x`, source: OWNER, session: { ...session, keys: [`k${i}`] } },
      { account: '1091' },
    ),
  ),
  seen(NIGHT - 4 * DAY - 30 * MINUTE, { method: 'INVITE', callId: 'k@x', session: { ...session, keys: ['k1'] } }),
  tick(NIGHT - 4 * DAY - 20 * MINUTE),
  repeated(NIGHT - 4 * DAY - 10 * MINUTE),
  registered(NIGHT - 4 * DAY - 9 * MINUTE, { transport: 'tls' }, { account: '1092', aor: '1092@pbx.example' }),
  registered(NIGHT - 4 * DAY - 8 * MINUTE, {}, { account: '1092', aor: '1092@pbx.example' }),
  ...series(4, NIGHT - 4 * DAY, DAY, (at, i) =>
    connected(at, { call: `d${i}`, account: '1090', source: '203.0.113.90', dialled: '0301234567' }),
  ),
  ...series(9, NIGHT - 2 * HOUR, MINUTE, (at) =>
    refused(at, { account: '1090', source: '203.0.113.90', rule: 'international/1090' }),
  ),
  ...series(30, NIGHT - HOUR, SECOND, (at, i) => [
    succeeded(at, { username: `${1000 + i}`, source: OWNER }),
    registered(at, {}, { account: `${1000 + i}` }),
  ]),
  ...series(60, NIGHT, SECOND, (at, i) =>
    seen(at, { method: 'REGISTER', toUser: `${i}`, userAgent: 'friendly-scanner' }),
  ),
  ...series(30, NIGHT + MINUTE, SECOND, (at, i) =>
    answered(at, 404, { method: 'INVITE', requestUser: `9${i}0037120000001` }),
  ),
  ...series(40, NIGHT + 2 * MINUTE, 333, (at, i) => failed(at, { username: `${1000 + (i % 7)}` })),
  ...series(12, NIGHT + 3 * MINUTE, MINUTE, (at, i) =>
    failed(at, { username: `u${i}`, account: null, reason: 'unknown-account', source: `198.18.9.${i}` }),
  ),
  succeeded(NIGHT + 20 * MINUTE, { username: '1003', source: THIEF }),
  registered(NIGHT + 20 * MINUTE, { source: THIEF, userAgent: 'x' }, { account: '1003', displaced: [binding(NIGHT)] }),
  removed(NIGHT + 21 * MINUTE, THIEF, [binding(NIGHT)], { account: '1005' }),
  ...series(10, NIGHT + 22 * MINUTE, 20 * SECOND, (at, i) => [
    started(at, { call: `c${i}`, account: '1003', source: THIEF }),
    updated(at + 9, { call: `c${i}`, account: '1003', source: THIEF, startedAt: at, uniqueid: `${i}.0` }),
    connected(at + 19, { call: `c${i}`, account: '1003', source: THIEF, startedAt: at }),
  ]),
  ...series(4, NIGHT + 40 * MINUTE, MINUTE, (at, i) => [
    started(at, { call: `s${i}`, account: null, source: '198.18.77.1', authenticated: false, registration: 'none' }),
    connected(at + 10, {
      call: `s${i}`,
      account: null,
      source: '198.18.77.1',
      authenticated: false,
      registration: 'none',
      startedAt: at,
    }),
  ]),
  // far more than ever, within the country
  ...series(80, NIGHT + 45 * MINUTE, SECOND, (at, i) =>
    started(at, { call: `t${i}`, account: '1080', dialled: '0301234567' }),
  ),
  ...series(12, NIGHT + 50 * MINUTE, 20 * SECOND, (at, i) => [
    // one ring each, and three call back
    ended(at + 3 * SECOND, {
      call: `w${i}`,
      account: null,
      trunk: 'carrier',
      from: '+21698000001',
      dialled: `03055510${i}`,
      startedAt: at,
    }),
    ...(i < 9 ? [] : [connected(at + 9 * SECOND, { call: `b${i}`, account: `108${i}`, dialled: '0021698000001' })]),
  ]),
  ...series(6, NIGHT + 55 * MINUTE, 20 * SECOND, (at, i) => {
    // a thief tries what the PBX lets through
    const dialled = `00${['37120000001', '37060000001', '5352000001', '870773000001', '252612000001', '2203000001'][i] ?? ''}`;
    const facts = { call: `t${i}`, account: '1006', dialled, startedAt: at };
    return [started(at, facts), ended(at + 9 * SECOND, facts, 487)];
  }),
  // somebody interferes with calls, names what he is not, answers what nobody asked, and floods
  ...series(4, NIGHT + 65 * MINUTE, MINUTE, (at, i) => [
    within(at, { source: '198.18.66.1', callId: `c${i}@x`, call: `c${i}` }),
    seen(at, { method: 'REGISTER', source: '198.18.66.2', contactHost: '85.10.20.30' }),
    ownAddress(at, { callId: `o${i}` }),
    seen(at, { method: 'INVITE', source: '198.18.66.3', callId: `g${i}`, contactHost: '198.51.100.1' }),
    received(at, { source: '198.18.66.4', asked: null, peer: false, tookMs: null }),
  ]),
  started(NIGHT + 70 * MINUTE, {
    call: 'g3',
    callId: 'g3',
    account: null,
    source: '198.18.66.3',
    dialled: '0301234567',
  }),
  ...[16, 32, 64, 128, 256].flatMap((repeats, i) =>
    ['198.18.66.5', '198.18.66.6'].map((source) =>
      repeated(NIGHT + 71 * MINUTE + i * 99, { repeats, source, firstSource: source, callId: source }),
    ),
  ),
  garbage(NIGHT + 72 * MINUTE, '198.18.66.7'),
  // somebody dials through, and an extension is forwarded
  ...series(4, NIGHT + 75 * MINUTE, MINUTE, (at, i) =>
    (['dialled', 'answered'] as const).flatMap((state) => [
      onward(at, state, { call: `th${i}` }),
      onward(at, state, { call: `fw${i}`, dialled: '1005' }),
    ]),
  ),
  tick(NIGHT + 2 * HOUR),
  ended(NIGHT + 2 * HOUR, { call: 'c0', account: '1003', answeredAt: NIGHT + 22 * MINUTE }),
  ...series(5, NIGHT + 3 * HOUR, 10 * MINUTE, (at) => recorded(record(at, 60), { account: '1007' })),
];

/** What one of very many spoofed sources does: one event of every kind that needs no acceptance. Made when asked for. */
const SPOOFED: readonly [Event['kind'], (at: number, i: number, source: string) => Event][] = [
  ['request.seen', (at, i, source) => seen(at, { source, method: 'REGISTER', toUser: `${i}` })],
  ['request.answered', (at, i, source) => answered(at, 404, { source, method: 'INVITE', requestUser: `00371${i}` })],
  ['auth.failed', (at, i, source) => failed(at, { source, username: `${i}`, callId: `${i}` })],
  ['call.started', (at, i, source) => started(at, stranger(i, source))],
  ['call.answered', (at, i, source) => connected(at, stranger(i, source))],
  [
    'call.answered',
    (at, i, source) => connected(at, { call: `d${i}`, account: `${i}`, source, dialled: '0301234567' }),
  ],
  ['call.refused', (at, i, source) => refused(at, { source, account: `${i}`, rule: `account/${i}` })],
  ['auth.succeeded', (at, i, source) => succeeded(at, { source, username: `${i}` })],
  ['register.accepted', (at, i, source) => registered(at, { source }, { account: `${i}`, aor: `${i}@x` })],
  [
    'request.seen',
    (at, i, source) =>
      seen(at, { source, method: 'INVITE', callId: `i${i}`, contactHost: '198.51.100.1', sentBy: '85.10.20.30' }),
  ],
  ['request.repeated', (at, i, source) => repeated(at, { source, callId: `i${i}` })],
  ['dialog.request', (at, i, source) => within(at, { source, callId: `c${i}@x`, call: `c${i}` })],
  ['answer.received', (at, _i, source) => received(at, { source, asked: null, peer: false, tookMs: null })],
  ['malformed', (at, _i, source) => garbage(at, source)],
  ['call.onward', (at, i) => onward(at, 'dialled', { call: `c${i}`, trunk: null, dialled: `1${i}` })],
];

const stranger = (i: number, source: string) => ({
  call: `c${i}`,
  account: null,
  source,
  authenticated: false,
  registration: 'none' as const,
  dialled: `00371${20_000_000 + i}`,
});

/** What all detectors hear, whatever they consume: who has logged in is one memory of all. */
const HEARD: readonly Event['kind'][] = ['auth.succeeded', 'register.accepted'];

/** `n` spoofed sources, as far as a detector consumes them. */
function* spoofed(n: number, kinds: ReadonlySet<Event['kind']>): Generator<Event> {
  const all = SPOOFED.filter(([kind]) => kinds.has(kind));
  for (let i = 0; i < n; i++) {
    const source = `${11 + (i >> 16)}.${(i >> 8) & 255}.${i & 255}.9`;
    const at = NIGHT + i;
    for (const [, make] of all) yield make(at, i, source);
    if (i % 1_000 === 0) yield tick(at);
  }
}

const folder = join(import.meta.dirname, '../../src/detect');
const throughJson = (value: unknown): unknown => JSON.parse(JSON.stringify(value));

describe('all detectors', () => {
  it('are registered, each of them', () => {
    const files = readdirSync(folder).filter((file) =>
      readFileSync(join(folder, file), 'utf8').includes('\nexport default '),
    );
    assert.deepEqual(detectors.map((d) => `${d.name}.ts`).sort(), files.sort());
    assert.deepEqual(Object.keys(detectorParameters).sort(), detectors.map((d) => d.name as string).sort());
  });

  for (const definition of detectors)
    describe(definition.name, () => {
      const run = (one: Judge, events: Iterable<Event>): EvidenceDraft[] => {
        const found: EvidenceDraft[] = [];
        for (const event of events) found.push(...one.take(event));
        return found;
      };

      it('has a test of its own and says what it is', () => {
        assert.ok(existsSync(join(import.meta.dirname, `${definition.name}.test.ts`)));
        assert.match(definition.summary, /^[A-Z].{20,120}[^.]$/);
        const text = readFileSync(join(folder, `${definition.name}.ts`), 'utf8');
        assert.match(text, /\* Attack:[\s\S]+Innocent twins?:[\s\S]+\*\/\nexport default/);
      });

      it('has a default, help and a unit for every parameter', () => {
        const help = helpOf(definition.parameters);
        assert.deepEqual(
          Object.keys(definition.parameters.parse({})),
          help.map((h) => h.name),
        );
        assert.ok(help.length >= 3);
        for (const { name, fallback: initial, help: text } of help) {
          assert.match(text, /; (?:a duration such as|number of \w+|score 0-100)/, name);
          assert.notEqual(initial, '', name);
          assert.notEqual(initial, undefined, name);
          assert.deepEqual(
            (definition.parameters.parse({ [name]: initial }) as Record<string, unknown>)[name],
            (definition.parameters.parse({}) as Record<string, unknown>)[name],
          );
        }
        assert.throws(() => definition.parameters.parse({ nonsense: 1 }), /nonsense/);
      });

      it('says well-formed things of the night, each once, never ahead of time', () => {
        const one = atKnownSite(definition);
        const keys = new Set<string>();
        let count = 0;
        for (const event of night)
          for (const found of one.take(event)) {
            count++;
            assert.ok(!keys.has(found.key), found.key);
            keys.add(found.key);
            assert.ok(found.at <= event.at);
            assert.ok(SEVERITIES.includes(found.severity));
            assert.match(found.summary, /^\S.{10,250}[^.]$/);
            assert.deepEqual(throughJson(found), found);
            assert.ok(found.callKeys.length <= 50 && found.calls.length <= 20 && found.sources.length <= 16);
          }
        assert.ok(count >= 2, `${count}`);
        assert.ok(count < 40, `${count}`);
      });

      it('says the same again to the same events', () => {
        assert.deepEqual(run(atKnownSite(definition), night), run(atKnownSite(definition), night));
      });

      it('goes on after snapshot and restore, anywhere, as if nothing had happened', () => {
        const whole = run(atKnownSite(definition), night);
        // one that goes on all night, a snapshot of which is taken again and again, and one that goes on from each
        const before = atKnownSite(definition);
        const first: EvidenceDraft[] = [];
        let from = 0;
        for (let cut = 1; cut < night.length; cut += 7) {
          first.push(...run(before, night.slice(from, cut)));
          from = cut;
          const after = atKnownSite(definition);
          after.detector.restore(throughJson(before.detector.snapshot()));
          assert.deepEqual([...first, ...run(after, night.slice(cut))], whole, `cut at ${cut}`);
        }
      });

      it('takes only what it declares', () => {
        const kinds = new Set(night.map((e) => e.kind));
        for (const kind of definition.consumes) assert.ok(kinds.has(kind), kind);
      });

      it('holds a bounded amount, and keeps its voice, under 120,000 spoofed sources', function () {
        this.timeout(60_000);
        const one = atKnownSite(definition);
        let most = 0;
        let said = 0;
        let events = 0;
        for (const event of spoofed(120_000, new Set([...definition.consumes, ...HEARD]))) {
          said += one.take(event).length;
          if (++events % 10_000 === 0) most = Math.max(most, one.detector.size());
        }
        assert.ok(most <= 150_000, `${most} entries`);
        assert.ok(said <= 200, `${said} times`);
      });
    });
});
