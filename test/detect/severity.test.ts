import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { evidenceOf } from '../../src/commands/gateway-evidence.ts';
import { detectors } from '../../src/detect/index.ts';
import type { Finding, FindingKind } from '../../src/gateway/index.ts';
import { SEVERITIES, type Event } from '../../src/model.ts';
import { DAY, HOUR, MINUTE, SECOND } from '../../src/time.ts';
import {
  answered,
  binding,
  connected,
  DAYTIME,
  ended,
  failed,
  garbage,
  judge,
  NIGHT,
  onward,
  ownAddress,
  OWNER,
  received,
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
  within,
} from '../support/events.ts';
import { madeHabits } from '../support/habits.ts';
import { testSite } from '../support/site.ts';

/** A site known for long: twenty calls an hour, never abroad but to Bosnia. */
const habits = madeHabits({ hourly: { 'site calls': 20 }, elsewhere: { site: ['BA'] } });

const domestic = { dialled: '0301234567' };
const late = (n: number, every: number, over = {}): Event[] =>
  series(n, NIGHT, every, (at, i) => started(at, { call: `c${i}`, ...over }));
const answer = (over = {}): Event => connected(NIGHT + 5 * SECOND, { call: 'c0', startedAt: NIGHT, ...over });
const satellite = { dialled: '0088162200001' };
const home = registered(NIGHT);
const thief = { source: THIEF, userAgent: 'other' };
const taken = registered(NIGHT + MINUTE, thief, { displaced: [binding(NIGHT)] });
const stranger = { account: null, source: THIEF, authenticated: false, registration: 'none' as const };
const password = { ...stranger, account: '1004', authenticated: true };
const guess = (n: number, over: (i: number) => object = () => ({}), every = 333): Event[] =>
  series(n, NIGHT, every, (at, i) => failed(at + (i % 3) * 99, over(i)));
const probe = (n: number, every: number, over: object = {}): Event[] =>
  series(n, NIGHT, every, (at, i) => seen(at, { method: 'REGISTER', toUser: `${i}`, ...over }));

const DEAR = ['37120000001', '37060000001', '5352000001', '870773000001', '252612000001', '2203000001'];
const dear = (i: number): string => `00${DEAR[i % DEAR.length] ?? ''}`;
const ABROAD = ['43140000001', '41443334455', '33140000001', '442071234567', '3902123456', '34911234567'];
const abroad = (i: number): string => `00${ABROAD[i % ABROAD.length] ?? ''}`;
const riga = (i: number): string => `003712000${i * i}${i % 10}00`.slice(0, 13);
const vienna = (): string => '004314000001';
/** Calls by day that nobody answers. */
const dials = (n: number, every: number, to: (i: number) => string): Event[] =>
  series(n, DAYTIME, every, (at, i) => started(at, { call: `c${i}`, dialled: to(i) }));
/** Calls that connect and last so many minutes. */
const talks = (
  n: number,
  every: number,
  minutes: number,
  to: (i: number) => string,
  from = DAYTIME,
  by = (_i: number) => '1004',
): Event[] =>
  series(n, from, every, (at, i) => {
    const facts = { call: `t${at}`, dialled: to(i), account: by(i), startedAt: at };
    const end = at + minutes * MINUTE;
    return [started(at, facts), connected(at, facts), ended(end, { ...facts, answeredAt: at })];
  }).sort((a, b) => a.at - b.at);
const rings = series(5, DAYTIME, MINUTE, (at, i) => {
  const facts = {
    call: `r${i}`,
    account: null,
    trunk: 'carrier',
    from: '+21698000001',
    dialled: `03055${i}`,
    startedAt: at,
  };
  return ended(at + 3 * SECOND, facts, 487);
});

const session = { origin: 'bob 3724394400', version: '1', originAddress: OWNER, connection: OWNER, keys: ['k'] };
const encrypted = (at: number, facts: object = {}, over: object = {}): Event =>
  answered(at, 200, { method: 'INVITE', source: OWNER, session, ...facts }, over);
/** A peer answers OPTIONS quickly for four days, and slowly for so many times five minutes. */
const slow = (trunk: string | null, times: number): Event[] =>
  series(1152 + times, NIGHT, 5 * MINUTE, (at, i) =>
    received(at, { method: 'OPTIONS', trunk, tookMs: i < 1152 ? 80 : 900 }),
  );

/** Requests that the PBX does not accept, as many as are sent in ten seconds. */
const swamp = (n: number, source: (i: number) => string = () => THIEF): Event[] => [
  ...series(n, NIGHT, (8 * SECOND) / n, (at, i) => seen(at, { method: 'REGISTER', source: source(i) })),
  tick(NIGHT + 30 * SECOND),
];
const names = (n: number, over: object): Event[] =>
  series(n, NIGHT, SECOND, (at) => seen(at, { method: 'REGISTER', ...over }));
const torn = (n: number, over: (i: number) => object = () => ({})): Event[] =>
  series(n, NIGHT, SECOND, (at, i) => within(at, { callId: `c${i}`, ...over(i) }));
const posing = { method: 'INVITE', callId: 'g', contactHost: '198.51.100.1' };
const fromTrunk = { source: '198.51.100.1', asked: '198.51.100.1', trunk: 'carrier' };
const longKnown: Event[] = series(60, NIGHT - 3 * DAY, HOUR, (at) =>
  received(at, { ...fromTrunk, userAgent: 'Sonus' }),
);

/** Each outcome of docs/severity.md, brought about. */
const outcomes: Record<string, Record<string, Event[]>> = {
  'out-of-hours-calls': {
    'several chargeable calls while closed, at least one connected': [...late(3, SECOND), answer()],
    'a premium, satellite or high-risk number that connects while closed': [
      ...late(1, 1, satellite),
      answer(satellite),
    ],
    'more talk while closed than `talk`': [...late(1, 1), answer(), tick(NIGHT + 2 * HOUR)],
    'several chargeable calls while closed, none connected': late(3, SECOND),
    'a premium, satellite or high-risk number tried while closed': late(1, 1, satellite),
    'a single late call': [...late(1, 1), answer()],
  },
  'registration-hijack': {
    'calls from where a hijack was registered': [home, taken, started(NIGHT + HOUR, { source: THIEF })],
    'another device in place of the registered phone, or beside it': [
      home,
      registered(NIGHT + MINUTE, thief, { others: [binding(NIGHT)] }),
    ],
    'two devices that take the registration from each other': [
      home,
      registered(NIGHT + MINUTE, thief, { displaced: [binding(NIGHT)], historyKnown: false }),
      registered(NIGHT + 2 * MINUTE, {}, { displaced: [binding(NIGHT, thief)], historyKnown: false }),
    ],
    "a registration with another account's password": [
      registered(NIGHT - HOUR, { source: THIEF }, { account: 'bob', aor: 'bob@pbx' }),
      registered(NIGHT, {}, { authUser: 'bob' }),
    ],
    'a registration with a digest username that is nobody else': [registered(NIGHT, {}, { authUser: 'xk2048' })],
    'a registration from a new address after wrong passwords there': [
      home,
      ...guess(3),
      registered(NIGHT + MINUTE, { source: THIEF }, { others: [binding(NIGHT)] }),
    ],
    'a registration removed from elsewhere': [home, removed(NIGHT + MINUTE, THIEF, [binding(NIGHT)])],
    'the same user agent on a new address': [
      home,
      registered(NIGHT + MINUTE, { source: THIEF }, { others: [binding(NIGHT)] }),
    ],
    'a second device soon after a cold start': [
      home,
      registered(NIGHT + MINUTE, thief, { others: [binding(NIGHT)], historyKnown: false }),
    ],
    'the same instance on a new address': [
      registered(NIGHT, { instance: 'a' }),
      registered(NIGHT + MINUTE, { source: THIEF, instance: 'a' }),
    ],
  },
  'unregistered-caller': {
    'a chargeable call of a stranger connects, no password was asked for': [...late(1, 1, stranger), answer(stranger)],
    'several chargeable calls of a stranger taken on, none connected': late(3, SECOND, stranger),
    'a single chargeable call of a stranger taken on': late(1, 1, stranger),
    "a call with an account's password from an address that never registered connects": [
      ...late(1, 1, password),
      answer(password),
    ],
    "several calls with an account's password from an address that never registered": late(3, SECOND, password),
    "one call with an account's password from an address that never registered": late(1, 1, password),
    'chargeable calls of a stranger refused': series(5, NIGHT, SECOND, (at) =>
      answered(at, 403, { method: 'INVITE', requestUser: '0037120000001' }),
    ),
    'a known account of the local network that calls without registering': late(3, SECOND, {
      ...stranger,
      account: '1004',
      source: '10.0.0.9',
    }),
  },
  'blocked-caller': {
    'a block refuses somebody who placed ordinary calls before': [
      ...series(3, NIGHT - 3 * DAY, DAY, (at, i) => connected(at, { call: `d${i}`, dialled: '0301234567' })),
      ...series(2, NIGHT, MINUTE, (at) => refused(at)),
    ],
  },
  'brute-force': {
    'breach: success after failures': [...guess(9), succeeded(NIGHT + MINUTE, { source: THIEF })],
    'many failures from one address, fast or slow': guess(10),
    'many addresses that fail for one account': guess(10, (i) => ({ source: `198.18.0.${i % 5}` }), MINUTE),
    'many addresses that fail for many accounts': guess(
      10,
      (i) => ({ source: `198.18.0.${i}`, username: `${i}`, reason: 'unknown-account' }),
      MINUTE,
    ),
    'one account tried for most of a day by a strange program from a strange address': [
      succeeded(NIGHT - DAY, { userAgent: 'Yealink' }),
      ...series(24, NIGHT, HOUR, (at) => failed(at, { userAgent: 'friendly' })),
    ],
    'a dozen strange addresses that fail for one account within a day': [
      succeeded(NIGHT - DAY, { userAgent: 'Yealink' }),
      ...series(24, NIGHT, 50 * MINUTE, (at, i) => failed(at, { userAgent: 'x', source: `198.18.${i % 12}.1` })),
    ],
    'one stale password': series(99, NIGHT, MINUTE, (at) => failed(at)),
    'two accounts refused for good from one new address': guess(2, (i) => ({ username: `${i}`, reason: 'forbidden' })),
    'two accounts failed from one new address': guess(2, (i) => ({ username: `${i}` })),
  },
  'call-burst': {
    'several calls to dear destinations in a minute or at one time, connected': talks(3, MINUTE, 60, riga),
    'several calls to dear destinations in a minute, not connected': dials(4, SECOND, riga),
    'dear numbers dialled in sequence': dials(5, 5 * MINUTE, (i) => `003712000000${i}`),
    'many chargeable calls up at one time to one range': talks(6, MINUTE, 60, (i) => `004314012${i * i}0${i}`),
    'a dozen calls to dear destinations within an hour': dials(12, 4 * MINUTE, riga),
    'numbers dialled in sequence': dials(5, 5 * MINUTE, (i) => `004314012000${i}`),
    'many chargeable calls in a minute or at one time': dials(8, SECOND, abroad),
  },
  'repeated-destination': {
    'three connected calls to one dear range, or late to one number, while closed': talks(3, HOUR, 20, riga, NIGHT),
    'a dear number called as machines call: at one time, back to back, equally long': talks(5, 21 * MINUTE, 20, riga),
    'four extensions that call one dear range': talks(4, HOUR, 20, riga, DAYTIME, (i) => `100${i}`),
    'a cheap number called as machines call': talks(5, 21 * MINUTE, 20, vienna),
    'a call on each of several nights to a dear country': talks(3, DAY, 20, riga, NIGHT),
    'a dear range called over and over by day': talks(5, HOUR, 9, riga).filter((_e, i) => i !== 5),
    'a cheap number called over and over by day, for long': talks(14, 25 * MINUTE, 9, vienna).map((e, i) => ({
      ...e,
      at: e.at + (i % 3 === 2 ? i * i * SECOND : 0),
    })),
    'three calls to one cheap number soon after closing': talks(3, 20 * MINUTE, 9, vienna, NIGHT - 3.5 * HOUR),
  },
  'test-call': {
    'two long calls, or one while closed, to ranges that were probed': [
      ...talks(3, MINUTE, 0.1, dear),
      ...talks(1, 1, 9, riga, NIGHT),
    ],
    'a long call to a range that was probed': [...talks(3, MINUTE, 0.1, dear), ...talks(1, 1, 9, riga, DAYTIME + HOUR)],
    'dear numbers of many countries tried shortly': talks(6, MINUTE, 0.1, dear),
    'several dear numbers tried shortly': talks(3, MINUTE, 0.1, dear),
    'many countries tried shortly within a day': talks(4, HOUR, 0.1, abroad),
  },
  'new-destination': {
    'risky or late calls, several, where nobody here has called': talks(4, MINUTE, 1, riga),
    'several new countries, one of them risky or called while closed': talks(3, MINUTE, 1, abroad, NIGHT),
    'long calls to many numbers of a country since nobody had called it': series(4, DAYTIME, 25 * HOUR, (at, i) => {
      const call = { call: `f${i}`, dialled: `004314000${i}00`, startedAt: at };
      return [started(at, call), connected(at + 1, call), ended(at + 12 * MINUTE, { ...call, answeredAt: at + 1 })];
    }),
    'two premium, satellite or high-risk numbers where nobody called, while closed': late(2, MINUTE, satellite),
    'a call where nobody here has called': talks(1, MINUTE, 1, riga),
    'a range that nobody here called, in a risky country that others call': talks(1, 1, 1, () => '0038761000001'),
  },
  spend: {
    'a budget of an account, a group or the office is used up': [
      connected(DAYTIME, satellite),
      tick(DAYTIME + 5 * MINUTE),
    ],
    'a budget is nearly used up': [connected(DAYTIME, satellite), tick(DAYTIME + 4 * MINUTE)],
  },
  'risky-destination': {
    'several risky numbers that connect, or one dear by nature, and long talk': [
      connected(DAYTIME, satellite),
      tick(DAYTIME + 20 * MINUTE),
    ],
    'several risky numbers in several countries, while closed, or beside numbers that nobody can have': series(
      3,
      DAYTIME,
      MINUTE,
      (at, i) => started(at, { call: `c${i}`, dialled: `00${['37126000001', '23225000001', '2203000001'][i] ?? ''}` }),
    ),
    'a number dear by nature while closed': late(1, 1, satellite),
    'the first call to a risky number': [started(DAYTIME, { dialled: '0037126000001' })],
    'several numbers abroad that nobody can have': series(5, DAYTIME, MINUTE, (at, i) =>
      started(at, { call: `c${i}`, dialled: `003300000000${i}` }),
    ),
  },
  'through-dial': {
    'several calls dialled through to risky numbers, or one to a dear number that talks': series(
      3,
      NIGHT,
      MINUTE,
      (at, i) => [onward(at, 'dialled', { call: `c${i}` }), onward(at, 'answered', { call: `c${i}` })],
    ),
    'a call dialled through to a number dear by nature, or several to new numbers abroad': [
      onward(NIGHT, 'dialled', { to: satellite.dialled }),
    ],
    'twenty minutes dialled through while closed, to numbers that are no arrangement': [
      onward(NIGHT, 'dialled', { to: vienna() }),
      onward(NIGHT + SECOND, 'answered', { to: vienna() }),
      onward(NIGHT + 21 * MINUTE, 'ended', { to: vienna() }),
    ],
    'the first call that came in by a trunk and leaves to a number that costs money': [onward(NIGHT, 'dialled')],
  },
  forwarding: {
    'several forwarded calls to risky numbers at one time, or an hour of talk': series(3, NIGHT, MINUTE, (at, i) => [
      onward(at, 'dialled', { call: `c${i}`, dialled: '1005' }),
      onward(at, 'answered', { call: `c${i}`, dialled: '1005' }),
    ]),
    'several forwarded calls to risky numbers, or one to a number dear by nature': [
      onward(NIGHT, 'dialled', { to: satellite.dialled, dialled: '1005' }),
    ],
    'the first forwarded call to a number that costs money': [onward(NIGHT, 'dialled', { dialled: '1005' })],
  },
  traffic: {
    'an account places ten times the calls that cost money of its days': series(12, DAYTIME, 20 * MINUTE, (at, i) =>
      started(at, { call: `d${i}`, dialled: vienna() }),
    ),
    'an account calls far more than this hour or day has ever had, while closed': late(30, SECOND, domestic),
    'an account, or the whole site, calls far more than usual': series(100, DAYTIME, SECOND, (at, i) =>
      started(at, { call: `c${i}`, account: `${1000 + i}`, ...domestic }),
    ),
    'far more calls come in than usual': series(60, DAYTIME, SECOND, (at, i) =>
      started(at, { call: `c${i}`, account: null, trunk: 'carrier' }),
    ),
    'no calls where many are usual, and no registrations either': [late(1, 1, domestic), tick(NIGHT + 9 * DAY)].flat(),
    'no calls where many are usual, though phones register': [
      late(1, 1, domestic),
      registered(NIGHT + 9 * DAY),
      tick(NIGHT + 9 * DAY),
    ].flat(),
  },
  replay: {
    'a request, or credentials, that came from one address are shown again from another': [repeated(NIGHT)],
    'an SRTP key of one call comes again from another address in another call': [
      encrypted(NIGHT),
      seen(NIGHT + HOUR, { method: 'INVITE', callId: 'other@x', session }),
      tick(NIGHT + 2 * HOUR),
    ],
    'an encrypted session description of one call comes again from another address': [
      answered(NIGHT, 200, { method: 'INVITE', source: OWNER, session: { ...session, keys: [], sealed: 'ab' } }),
      seen(NIGHT + HOUR, { method: 'INVITE', callId: 'other@x', session: { ...session, keys: [], sealed: 'ab' } }),
      tick(NIGHT + 2 * HOUR),
    ],
    'a request without credentials is sent again from another address': [repeated(NIGHT, { offersCredentials: false })],
    'a session description of one call comes again from another address': [
      answered(NIGHT, 200, { method: 'INVITE', source: OWNER, session: { ...session, keys: [] } }),
      seen(NIGHT + HOUR, { method: 'INVITE', callId: 'other@x', session: { ...session, keys: [] } }),
      tick(NIGHT + 2 * HOUR),
    ],
    'a phone uses one SRTP key for several calls': series(3, NIGHT, HOUR, (at, i) =>
      encrypted(at, { callId: `${i}@x` }),
    ),
  },
  exposure: {
    'SRTP keys of a trunk in clear text across the internet': series(2, NIGHT, HOUR, (at, i) =>
      encrypted(at, { callId: `${i}@x` }, { trunk: 'carrier' }),
    ),
    'a phone that used TLS registers without it': [registered(NIGHT, { transport: 'tls' }), registered(NIGHT + HOUR)],
    'SRTP keys of an account or address in clear text across the internet': series(2, NIGHT, HOUR, (at, i) =>
      encrypted(at, { callId: `${i}@x` }),
    ),
  },
  latency: {
    'a trunk or the PBX much slower than usual for long': slow('carrier', 60),
    'a trunk, the PBX or a phone much slower than usual for a while': slow(null, 60),
  },
  wangiri: {
    'several call-backs to one-ring callers connect': [
      ...rings,
      ...talks(
        3,
        HOUR,
        3,
        () => '0021698000001',
        NIGHT,
        (i) => `100${i}`,
      ),
    ],
    'somebody calls a one-ring caller back': [...rings, ...talks(1, HOUR, 3, () => '0021698000001', NIGHT)],
    'calls from a dear country ring once': rings,
  },
  scan: {
    'sustained scan with answers': series(10, NIGHT, SECOND, (at, i) =>
      answered(at, 404, { method: 'REGISTER', toUser: `${i}` }),
    ),
    'scan without answers': [...probe(50, 100), tick(NIGHT + MINUTE)],
    'slow scan with answers': series(12, NIGHT, HOUR, (at, i) =>
      answered(at, 404, { method: 'REGISTER', toUser: `${i}` }),
    ),
    'slow scan': probe(12, HOUR),
    'many requests of programs that name themselves': series(10, NIGHT, HOUR, (at) =>
      seen(at, { userAgent: 'sipvicious' }),
    ),
    'one request of a program that names itself': [seen(NIGHT, { userAgent: 'sipvicious' })],
  },
  flood: {
    'a flood of one address, or of many, ten times over the limit': swamp(1_000),
    'a flood half over the limit that lasts': series(800, NIGHT, 60, (at) => seen(at, { method: 'REGISTER' })),
    'a flood of one address': swamp(100),
    'many strangers at once, far more than usual': swamp(600, (i) => `198.18.${i % 200}.1`),
    'garbage in numbers': [...series(30, NIGHT, 99, (at) => garbage(at)), tick(NIGHT + 30 * SECOND)],
  },
  'spoofed-source': {
    'a stranger speaks for five extensions that are at home elsewhere': series(5, NIGHT, 20 * SECOND, (at, i) => [
      succeeded(at - DAY, { source: OWNER, account: `100${i}` }),
      seen(at, { method: 'INVITE', fromUser: `100${i}` }),
    ]).sort((a, b) => a.at - b.at),
    'somebody outside who names an inside address is let in without a password': [
      ...names(1, { contactHost: '192.0.2.10' }),
      answered(NIGHT + 9, 200, { method: 'REGISTER', contactHost: '192.0.2.10' }),
    ],
    "somebody names an address inside, or the PBX's own, as his": names(1, { contactHost: '192.0.2.10' }),
    "a stranger names somebody else's public address, several times": names(3, { contactHost: '85.10.20.30' }),
    "packets with the PBX's own address as the source": series(3, NIGHT, SECOND, (at) => ownAddress(at)),
    'a phone of ours registers a public address that is not its own': [
      ...names(1, { contactHost: '85.10.20.30' }),
      succeeded(NIGHT + 9, { source: THIEF }),
      answered(NIGHT + 9, 200, { method: 'REGISTER', contactHost: '85.10.20.30', authUser: '1004' }),
    ],
  },
  'gateway-impersonation': {
    "a call or registration in a trunk's name is accepted from elsewhere": [
      seen(NIGHT, posing),
      answered(NIGHT + 9, 200, posing),
    ],
    'somebody else answers a call of the PBX and sends it on': [
      received(NIGHT, { ...fromTrunk, source: THIEF, status: 302 }),
    ],
    "a call or registration in a trunk's name from elsewhere": [seen(NIGHT, posing)],
    "an answer in a trunk's place from elsewhere": [received(NIGHT, { ...fromTrunk, source: THIEF })],
    'answers to nothing that was asked': series(3, NIGHT, SECOND, (at) =>
      received(at, { source: THIEF, asked: null, peer: false }),
    ),
    "several calls or registrations in a trunk's name from one stranger": series(4, NIGHT, MINUTE, (at) =>
      seen(at, { method: 'INVITE', contactHost: '198.51.100.1' }),
    ),
    'calls from a trunk whose machine is another product than before': [
      ...longKnown,
      seen(NIGHT, { method: 'INVITE', source: '198.51.100.1', userAgent: 'sipvicious' }, { trunk: 'carrier' }),
    ],
    'answers of a trunk whose machine is another product than before': [
      ...longKnown,
      received(NIGHT, { ...fromTrunk, userAgent: 'OpenSIPS' }),
    ],
  },
  teardown: {
    'several calls interfered with by an address that does not know their tags': torn(3),
    'calls of several accounts interfered with by an address that knows their tags': torn(3, (i) => ({
      tagsMatch: true,
      account: `${1001 + i}`,
    })),
    'calls interfered with from many addresses': torn(6, (i) => ({ source: `198.18.0.${i}` })),
    'one call interfered with by an address that does not know its tags': torn(1),
    'a call transferred by an address that is no party to it': torn(1, () => ({ tagsMatch: true, method: 'REFER' })),
    'several calls of one account ended from another network, with the right tags': torn(3, () => ({
      tagsMatch: true,
    })),
    'requests for many calls that do not exist': [
      tick(NIGHT - DAY),
      succeeded(NIGHT - DAY),
      ...torn(10, () => ({ inDialogSource: null, tagsMatch: null })),
    ],
    'one call ended or moved from another network, with the right tags': torn(1, () => ({ tagsMatch: true })),
  },
};

describe('docs/severity.md', () => {
  const text = readFileSync(join(import.meta.dirname, '../../docs/severity.md'), 'utf8');
  const [byDetector = '', byGateway = ''] = text.split('## What the crypto gateway says');
  const rowsOf = (part: string) =>
    [...part.matchAll(/^\| ([a-z-]+) +\| (.+?) +\| (critical|high|medium|low|info) +\|$/gm)].map(
      ([, detector = '', outcome = '', severity = '']) => ({ detector, outcome, severity }),
    );
  const rows = rowsOf(byDetector);
  const site = testSite({ accounts: { '1004': {} } });

  it('has a row for every outcome, and no other', () => {
    const expected = Object.entries(outcomes).flatMap(([detector, each]) =>
      Object.keys(each).map((outcome) => `${detector}: ${outcome}`),
    );
    assert.deepEqual(rows.map((r) => `${r.detector}: ${r.outcome}`).sort(), expected.sort());
    assert.deepEqual([...new Set(rows.map((r) => r.detector))].sort(), detectors.map((d) => d.name as string).sort());
  });

  it('names every severity', () => {
    for (const severity of SEVERITIES) assert.match(text, new RegExp(`^\\| ${severity} +\\|`, 'm'));
  });

  for (const { detector, outcome, severity } of rows)
    it(`${detector}: ${outcome} is ${severity}`, () => {
      const definition = detectors.find((d) => d.name === detector);
      const events = outcomes[detector]?.[outcome] ?? [];
      const found = judge(definition, {}, site, { habits }).take(...events);
      const worst = Math.max(...found.map((e) => SEVERITIES.indexOf(e.severity)));
      assert.equal(SEVERITIES[worst], severity);
    });

  for (const { detector: kind, outcome, severity } of rowsOf(byGateway))
    it(`crypto gateway, ${kind}: ${outcome} is ${severity}`, () => {
      const finding: Finding = {
        at: NIGHT,
        kind: kind as FindingKind, // one that is none has no severity
        peer: { address: '203.0.113.7', port: 5061 },
        kid: null,
        account: '',
        claimed: outcome.startsWith('another account') ? '1004' : '',
        callId: '',
        method: 'REGISTER',
        detail: outcome,
      };
      assert.equal(evidenceOf(finding).severity, severity);
    });
});
