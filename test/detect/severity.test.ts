import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { detectors } from '../../src/detect/index.ts';
import { SEVERITIES, type Event } from '../../src/model.ts';
import { DAY, HOUR, MINUTE, SECOND } from '../../src/time.ts';
import {
  answered,
  binding,
  connected,
  failed,
  judge,
  NIGHT,
  refused,
  registered,
  removed,
  seen,
  series,
  started,
  succeeded,
  THIEF,
  tick,
} from '../support/events.ts';
import { testSite } from '../support/site.ts';

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
    'one stale password': series(99, NIGHT, MINUTE, (at) => failed(at)),
    'two accounts refused for good from one new address': guess(2, (i) => ({ username: `${i}`, reason: 'forbidden' })),
    'two accounts failed from one new address': guess(2, (i) => ({ username: `${i}` })),
  },
  scan: {
    'sustained scan with answers': series(10, NIGHT, SECOND, (at, i) =>
      answered(at, 404, { method: 'REGISTER', toUser: `${i}` }),
    ),
    'scan without answers': [...probe(50, 100), tick(NIGHT + MINUTE)],
    'slow scan': probe(12, HOUR),
    'many requests of programs that name themselves': series(10, NIGHT, HOUR, (at) =>
      seen(at, { userAgent: 'sipvicious' }),
    ),
    'one request of a program that names itself': [seen(NIGHT, { userAgent: 'sipvicious' })],
  },
};

describe('docs/severity.md', () => {
  const text = readFileSync(join(import.meta.dirname, '../../docs/severity.md'), 'utf8');
  const rows = [...text.matchAll(/^\| ([a-z-]+) +\| (.+?) +\| (critical|high|medium|low|info) +\|$/gm)].map(
    ([, detector = '', outcome = '', severity = '']) => ({ detector, outcome, severity }),
  );
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
      const found = judge(definition, {}, site).take(...events);
      const worst = Math.max(...found.map((e) => SEVERITIES.indexOf(e.severity)));
      assert.equal(SEVERITIES[worst], severity);
    });
});
