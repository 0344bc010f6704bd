import assert from 'node:assert/strict';
import teardown from '../../src/detect/teardown.ts';
import type { DialogRequest, Event } from '../../src/model.ts';
import { DAY, HOUR, MINUTE } from '../../src/time.ts';
import { judge, NIGHT, OWNER, registered, series, succeeded, THIEF, tick, told, within } from '../support/events.ts';

type Over = Partial<Omit<DialogRequest, 'kind' | 'at' | 'seenAt'>>;
const byes = (n: number, every: number, over: (i: number) => Over = () => ({}), from = NIGHT): Event[] =>
  series(n, from, every, (at, i) => within(at, { callId: `c${i}`, call: `k${i}`, ...over(i) }));
const right: Over = { tagsMatch: true };
const unknown: Over = { inDialogSource: null, tagsMatch: null, call: null, account: null, expected: [] };
const start = tick(NIGHT - 3 * HOUR);
const long = succeeded(NIGHT - 3 * HOUR, { source: OWNER });
const [low, medium, high] = [`low ${THIEF}`, `medium ${THIEF}`, `high ${THIEF}`];

describe('teardown', () => {
  const table: [string, Event[], string[]][] = [
    ['one BYE with guessed tags', byes(1, 1), [medium]],
    ['the same one ten times is one call', series(10, NIGHT, 500, (at) => within(at)), [medium]],
    ['two calls', byes(2, MINUTE), [medium]],
    ['three calls', byes(3, MINUTE), [medium, high]],
    ['the slow one, a call every eight hours', byes(3, 8 * HOUR), [medium, high]],
    ['one a day and a bit is told anew each time', byes(3, DAY + 1), [medium, medium, medium]],
    ['with the right tags, one call', byes(1, 1, () => right), [low]],
    ['a transfer with the right tags', byes(1, 1, () => ({ ...right, method: 'REFER' })), [medium]],
    [
      'calls of three accounts with the right tags: somebody reads the packets',
      byes(3, MINUTE, (i) => ({ ...right, account: `${1001 + i}` })),
      [low, high],
    ],
    [
      'six addresses, a call each',
      byes(6, MINUTE, (i) => ({ source: `198.18.${i}.1` })),
      [...Array.from({ length: 6 }, (_, i) => `medium 198.18.${i}.1`), 'high 198.18.0.1'],
    ],
    ['ten calls that do not exist', [long, ...byes(10, MINUTE, () => unknown)], [medium]],
    // innocent twins
    ['a party of the call', byes(9, MINUTE, () => ({ inDialogSource: true, tagsMatch: true })), []],
    ['a party that has its tags wrong', byes(9, MINUTE, () => ({ inDialogSource: true })), []],
    ['a carrier from an address that it never used', byes(9, MINUTE, () => ({ trunk: 'carrier' })), []],
    ['a NAT that changes to a neighbouring address', byes(9, MINUTE, () => ({ ...right, source: '203.0.113.99' })), []],
    [
      'a phone that has roamed to where it is registered by now',
      [registered(NIGHT - HOUR, { source: THIEF }), ...byes(9, MINUTE, () => right)],
      [],
    ],
    [
      'a mobile phone that changes networks in mid-call, thrice a day',
      byes(3, 4 * HOUR, () => ({ ...right, method: 'INVITE' })),
      [low, medium],
    ],
    ['nine calls that do not exist', [long, ...byes(9, MINUTE, () => unknown)], []],
    ['fifty calls that began before anybody watched', byes(50, MINUTE, () => unknown), []],
    [
      'an office that is logged in, after a restart',
      [start, registered(NIGHT - 3 * HOUR, { source: THIEF }), ...byes(50, MINUTE, () => unknown)],
      [],
    ],
  ];
  for (const [sentence, events, expected] of table)
    it(sentence, () => assert.deepEqual(told(judge(teardown).take(...events)), expected));

  it('says who, what, whose calls, and that the address is not proved', () => {
    const found = judge(teardown)
      .take(...byes(3, MINUTE))
      .at(-1);
    assert.equal(
      found?.summary,
      `${THIEF} sent BYE into 3 calls of 1004 that it is no party to, and does not know its tags`,
    );
    assert.deepEqual(found.callKeys, ['k0', 'k1', 'k2']);
    assert.deepEqual([found.sourceProof, found.facts['expected'], found.accounts], ['none', [OWNER], ['1004']]);
    const tcp = judge(teardown).take(within(NIGHT, { transport: 'tls' }))[0];
    assert.equal(tcp?.sourceProof, 'answered');
  });
});
