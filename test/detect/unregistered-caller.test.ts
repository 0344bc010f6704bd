import assert from 'node:assert/strict';
import unregistered from '../../src/detect/unregistered-caller.ts';
import type { CallFacts, Event } from '../../src/model.ts';
import { DAY, HOUR, MINUTE } from '../../src/time.ts';
import {
  answered,
  connected,
  DAYTIME,
  judge,
  NIGHT,
  OWNER,
  record,
  recorded,
  registered,
  series,
  started,
  THIEF,
  told,
  updated,
} from '../support/events.ts';
import { testSite } from '../support/site.ts';

const stranger: Partial<CallFacts> = {
  account: null,
  source: THIEF,
  authenticated: false,
  registration: 'none',
  userAgent: 'pplsip',
};
const calls = (n: number, over: Partial<CallFacts> = {}, every = MINUTE): Event[] =>
  series(n, DAYTIME, every, (at, i) => started(at, { ...stranger, call: `c${i}`, ...over }));
const mapped = testSite({ accounts: { '1004': {} } });

describe('unregistered-caller', () => {
  const table: [string, Event[], string[]][] = [
    ['a call taken on without a password, by day or night', calls(1), [`medium ${THIEF}`]],
    ['two of them: one below the threshold', calls(2), [`medium ${THIEF}`]],
    ['three of them would get there', calls(3), [`medium ${THIEF}`, `high ${THIEF}`]],
    [
      'one that connects loses money now',
      [...calls(1), connected(DAYTIME + 9, { ...stranger, call: 'c0' })],
      [`medium ${THIEF}`, `critical ${THIEF}`],
    ],
    [
      'its answer may be told by the record alone',
      [...calls(1), recorded(record(DAYTIME, 60), { call: 'c0', live: true })],
      [`medium ${THIEF}`, `critical ${THIEF}`],
    ],
    ['the slow one, a call in eight hours', calls(3, {}, 8 * HOUR), [`medium ${THIEF}`, `high ${THIEF}`]],
    [
      'a call told twice is one call',
      [...calls(1), ...calls(1), updated(DAYTIME + 1, { ...stranger, call: 'c0' })],
      [`medium ${THIEF}`],
    ],
    [
      'forty calls are told when they have doubled',
      calls(40),
      ['medium', 'high', 'high', 'high', 'high'].map((s) => `${s} ${THIEF}`),
    ],
    ['the From of an account is only a claim', calls(3, { account: '1004' }), [`medium ${THIEF}`, `high ${THIEF}`]],
    [
      'the anonymous endpoint is anybody',
      calls(3, { account: 'anonymous', channel: 'PJSIP/anonymous-00000001' }),
      [`medium ${THIEF}`, `high ${THIEF}`],
    ],
    [
      'four refused attempts',
      series(4, DAYTIME, 1_000, (at) => answered(at, 403, { method: 'INVITE', requestUser: '0037120000001' })),
      [],
    ],
    [
      'five refused attempts',
      series(5, DAYTIME, 1_000, (at) => answered(at, 403, { method: 'INVITE', requestUser: '0037120000001' })),
      [`medium ${THIEF}`],
    ],
    [
      'a password used by an address that never registered',
      calls(2, { account: '1004', authenticated: true }),
      ['medium 1004'],
    ],
    [
      'the same at the threshold, and as it goes on',
      calls(9, { account: '1004', authenticated: true }),
      ['medium 1004', 'high 1004', 'high 1004'],
    ],
    [
      'the same, and it connects',
      [
        ...calls(1, { account: '1004', authenticated: true }),
        connected(DAYTIME + 9, { ...stranger, account: '1004', authenticated: true, call: 'c0' }),
      ],
      ['medium 1004', 'critical 1004'],
    ],
    // innocent twins
    ['a national number', calls(9, { dialled: '0301234567' }), []],
    ['an emergency number', calls(9, { dialled: '112' }), []],
    ['a registered phone', calls(9, { account: '1004', registration: 'this-source' }), []],
    [
      'an account registered elsewhere is the matter of registration-hijack',
      calls(9, { registration: 'other-source' }),
      [],
    ],
    ['a trunk', calls(9, { trunk: 'carrier', source: '198.51.100.3' }), []],
    ["a trunk's address that was not told as a trunk", calls(9, { source: '198.51.100.3' }), []],
    ['the PBX itself', calls(9, { source: '192.0.2.10' }), []],
    ['an address that nobody knows (call records, AMI alone)', calls(9, { source: null }), []],
    ['not watched long enough: medium at most', calls(9, { registration: 'unknown' }), [`medium ${THIEF}`]],
    ['not watched long enough and with a password', calls(9, { registration: 'unknown', authenticated: true }), []],
    ['not watched long enough, from AMI', calls(9, { registration: 'unknown', authenticated: null }), []],
    [
      'a phone of the local network that authenticates every call',
      calls(9, { account: '1004', source: '10.0.0.9', authenticated: true }),
      [],
    ],
    [
      'a phone whose registration has just run out',
      [registered(DAYTIME - HOUR, { source: THIEF }), ...calls(9, { account: '1004', authenticated: true })],
      [],
    ],
    [
      'an address translator behind which others register',
      [registered(DAYTIME - DAY, { source: THIEF }), ...calls(9, { authenticated: null })],
      [],
    ],
    [
      'a refused attempt of a registered address',
      [
        registered(DAYTIME, { source: THIEF }),
        ...series(9, DAYTIME, 1_000, (at) => answered(at, 403, { method: 'INVITE', requestUser: '0037120000001' })),
      ],
      [],
    ],
    [
      'refused INVITEs to extensions',
      series(9, DAYTIME, 1_000, (at) => answered(at, 404, { method: 'INVITE', requestUser: '1005' })),
      [],
    ],
  ];
  for (const [sentence, events, expected] of table)
    it(sentence, () => assert.deepEqual(told(judge(unregistered).take(...events)), expected));

  it('knows a static phone of the local network by its account', () => {
    const one = judge(unregistered, {}, mapped);
    assert.deepEqual(told(one.take(...calls(9, { account: '1004', source: '10.0.0.9' }))), ['low 10.0.0.9']);
    const two = judge(unregistered, {}, mapped);
    assert.deepEqual(
      two.take(
        ...calls(9, { account: '1004', source: '10.0.0.9', channel: 'PJSIP/1004-00000007', authenticated: null }),
      ),
      [],
    );
  });

  it('says who, where to, and that no password was asked for', () => {
    const [, high] = judge(unregistered).take(...calls(3));
    assert.equal(
      high?.summary,
      `${THIEF}, not registered and not asked for a password, placed 3 calls to Latvia (+371) in 2 min, none connected yet`,
    );
    assert.deepEqual(high.callKeys, ['c0', 'c1', 'c2']);
    assert.equal(high.facts['userAgent'], 'pplsip');
    assert.equal(high.sourceProof, 'none');
    const [first] = judge(unregistered).take(...calls(1, { transport: 'tls' }));
    assert.equal(first?.sourceProof, 'answered');
  });

  it('takes a call back that another feed explains later', () => {
    const one = judge(unregistered);
    const found = one.take(
      ...calls(2),
      updated(DAYTIME + HOUR, { ...stranger, call: 'c1', account: '1004', registration: 'this-source' }),
    );
    assert.deepEqual(told(found), [`medium ${THIEF}`]);
    assert.deepEqual(one.take(started(DAYTIME + HOUR, { ...stranger, call: 'c8' })), []);
    assert.deepEqual(told(one.take(started(DAYTIME + HOUR, { ...stranger, call: 'c9' }))), [`high ${THIEF}`]);
  });

  it('judges when the registration becomes known', () => {
    const one = judge(unregistered);
    const later = { ...stranger, startedAt: NIGHT };
    assert.deepEqual(told(one.take(started(NIGHT, { ...later, source: null }), updated(NIGHT + 3, later))), [
      `medium ${THIEF}`,
    ]);
  });

  it('remembers for as long as it is told to', () => {
    const one = judge(unregistered, { remember: '1d' });
    one.take(registered(DAYTIME - DAY - 1, { source: OWNER }));
    assert.deepEqual(told(one.take(...calls(1, { source: OWNER, account: '1004', authenticated: true }))), [
      'medium 1004',
    ]);
  });

  it('takes its thresholds from the settings, exactly', () => {
    for (const n of [2, 5, 8]) {
      const high = (count: number): boolean =>
        told(judge(unregistered, { attempts: n }).take(...calls(count))).includes(`high ${THIEF}`);
      assert.deepEqual([high(n - 1), high(n)], [false, true]);
    }
  });

  it('does not flood under spoofed addresses', () => {
    const events = series(5_000, DAYTIME, 10, (at, i) =>
      started(at, { ...stranger, call: `c${i}`, source: `198.18.${i >> 8}.${i & 255}` }),
    );
    assert.ok(judge(unregistered).take(...events).length < 40);
  });
});
