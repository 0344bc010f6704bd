import assert from 'node:assert/strict';
import gateway from '../../src/detect/gateway-impersonation.ts';
import { productOf } from '../../src/detect/trunk-agents.ts';
import type { AnswerReceived, Event, RequestFacts } from '../../src/model.ts';
import { DAY, HOUR, MINUTE } from '../../src/time.ts';
import { answered, judge, NIGHT, received, seen, series, started, succeeded, THIEF, told } from '../support/events.ts';

const TRUNK = '198.51.100.1';
type Answer = Partial<Omit<AnswerReceived, 'kind' | 'at' | 'seenAt'>>;
const invite = (over: Partial<RequestFacts> = {}): Partial<RequestFacts> => ({
  method: 'INVITE',
  contactHost: TRUNK,
  callId: 'i@x',
  ...over,
});
const register: Partial<RequestFacts> = { method: 'REGISTER', toUser: 'carrier', fromUser: 'carrier' };
/** The carrier at work: answers, and calls in. */
const carrier = (n: number, every: number, userAgent: (i: number) => string, from = NIGHT - 3 * DAY): Event[] =>
  series(n, from, every, (at, i) => [
    received(at, { source: TRUNK, asked: TRUNK, trunk: 'carrier', userAgent: userAgent(i) }),
    seen(at + 9, { method: 'INVITE', source: TRUNK, userAgent: userAgent(i) }, { trunk: 'carrier' }),
  ]);
const known = carrier(60, HOUR, () => 'Sonus SBC 9.1');
const instead = (over: Answer = {}): Event =>
  received(NIGHT, { source: THIEF, asked: TRUNK, peer: false, trunk: 'carrier', ...over });
const unasked = (n: number, every: number, over: Answer = {}): Event[] =>
  series(n, NIGHT, every, (at) => received(at, { source: THIEF, asked: null, peer: false, tookMs: null, ...over }));
const stranger = { call: 'k', callId: 'i@x', source: THIEF, account: null, authenticated: false } as const;
const [medium, high] = [`medium ${THIEF}`, `high ${THIEF}`];

describe('gateway-impersonation', () => {
  const table: [string, Event[], string[]][] = [
    ["a call with the trunk's address in Contact", [seen(NIGHT, invite())], [medium]],
    ["a call with the trunk's address in Via", [seen(NIGHT, invite({ contactHost: '', sentBy: TRUNK }))], [medium]],
    ['and the PBX takes it on', [seen(NIGHT, invite()), started(NIGHT + 9, stranger)], [medium, high]],
    ['and answers it', [seen(NIGHT, invite()), answered(NIGHT + 9, 200, invite())], [medium, high]],
    ['a registration as the trunk', [...known, seen(NIGHT, register)], [medium]],
    ['and it is accepted', [...known, seen(NIGHT, register), answered(NIGHT + 9, 200, register)], [medium, high]],
    ['three calls that the PBX refuses', series(3, NIGHT, MINUTE, (at) => seen(at, invite())), [medium]],
    ['four of them', series(4, NIGHT, MINUTE, (at) => seen(at, invite())), [medium, high]],
    ['the slow one: four in a day', series(4, NIGHT, 7 * HOUR, (at) => seen(at, invite())), [medium, high]],
    ['somebody answers in place of the trunk', [instead()], [medium]],
    ['and sends the call on', [instead({ status: 302, contactHost: '85.1.2.3' })], [high]],
    [
      "a phone's call is sent on by somebody else",
      [instead({ status: 302, asked: '203.0.113.7', trunk: null })],
      [high],
    ],
    ['two answers to nothing', unasked(2, MINUTE), []],
    ['three answers to nothing', unasked(3, MINUTE), [medium]],
    ['the slow one', unasked(3, 11 * HOUR), [medium]],
    [
      'the trunk calls with a scanner that it never was',
      [...known, seen(NIGHT, { method: 'INVITE', source: TRUNK, userAgent: 'sipvicious' }, { trunk: 'carrier' })],
      ['medium carrier'],
    ],
    [
      'the trunk answers as another product',
      [...known, received(NIGHT, { source: TRUNK, asked: TRUNK, trunk: 'carrier', userAgent: 'OpenSIPS 3' })],
      ['low carrier'],
    ],
    // innocent twins
    ['the trunk itself', known, []],
    ['a new version', [...known, ...carrier(9, HOUR, () => 'Sonus SBC 10.0', NIGHT)], []],
    ['no name at all', [...known, ...carrier(9, HOUR, () => '', NIGHT)], []],
    [
      "a carrier that passes on its customers' names",
      carrier(200, HOUR, (i) => `${'abcdefghijklm'[i % 13]}x-phone`),
      [],
    ],
    [
      'a trunk of which little is known',
      [...carrier(20, HOUR, () => 'Sonus'), ...carrier(5, HOUR, () => 'Other', NIGHT)],
      [],
    ],
    ['another machine of the carrier answers', [instead({ source: '198.51.100.2' })], []],
    ['one next door that nobody listed', [instead({ source: '198.51.100.99' })], []],
    ['a busy from elsewhere', [instead({ status: 486 })], []],
    ['a phone that answers from another address', [instead({ asked: '203.0.113.7', trunk: null })], []],
    ['a peer answers what was asked before anybody watched', unasked(9, MINUTE, { peer: true }), []],
    ['somebody who is logged in', [succeeded(NIGHT - HOUR, { source: THIEF }), ...unasked(9, MINUTE)], []],
    ["a proxy in the office passes on the carrier's Contact", [seen(NIGHT, invite({ source: '10.0.0.5' }))], []],
    [
      'a proxy elsewhere that nobody named',
      [seen(NIGHT, invite({ viaHosts: [TRUNK] })), started(NIGHT + 9, stranger)],
      [medium],
    ],
    [
      'a proxy that nobody named, and whose calls are refused',
      series(9, NIGHT, MINUTE, (at) => seen(at, invite({ viaHosts: [TRUNK] }))),
      [medium],
    ],
    [
      'an office of ours whose exchange passes on what a carrier wrote',
      [succeeded(NIGHT - HOUR, { source: THIEF }), ...series(9, NIGHT, MINUTE, (at) => seen(at, invite()))],
      [medium],
    ],
    ['a gateway that is known by its name alone', [seen(NIGHT, register), answered(NIGHT + 9, 200, register)], []],
    ['a phone', [seen(NIGHT, invite({ contactHost: '192.168.1.9' })), started(NIGHT + 9, stranger)], []],
  ];
  for (const [sentence, events, expected] of table)
    it(sentence, () => assert.deepEqual(told(judge(gateway).take(...events)), expected));

  it('says in whose name, how, and what became of it', () => {
    const found = judge(gateway).take(seen(NIGHT, invite()), started(NIGHT + 9, stranger))[1];
    assert.equal(
      found?.summary,
      `${THIEF} sent 1 request (INVITE) in the name of trunk carrier (Contact ${TRUNK}), its call was taken on`,
    );
    assert.deepEqual([found.callKeys, found.calls, found.facts['trunk']], [['k'], ['i@x'], 'carrier']);
  });

  it('takes versions of one product for one', () => {
    const names = ['Asterisk PBX 22.5.2', 'Asterisk PBX certified/18.9', 'FPBX-16.0.33(18.13)', '3CX', '12.4', ''];
    assert.deepEqual(names.map(productOf), ['asterisk', 'asterisk', 'fpbx', 'cx', '', '']);
  });
});
