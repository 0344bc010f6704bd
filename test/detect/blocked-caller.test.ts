import assert from 'node:assert/strict';
import blockedCaller from '../../src/detect/blocked-caller.ts';
import type { CallFacts, Event } from '../../src/model.ts';
import { DAY, HOUR, MINUTE } from '../../src/time.ts';
import { answered, connected, judge, NIGHT, OWNER, refused, series, THIEF, told } from '../support/events.ts';

/** `n` answered calls, one a day, the last a day ago. */
const ordinary = (n: number, over: Partial<CallFacts> = {}): Event[] =>
  series(n, NIGHT - n * DAY, DAY, (at, i) => connected(at, { call: `d${i}`, dialled: '0301234567', ...over }));
const tries = (n: number, over: Parameters<typeof refused>[1] = {}): Event[] =>
  series(n, NIGHT, MINUTE, (at) => refused(at, over));

describe('blocked-caller', () => {
  const table: [string, Event[], string[]][] = [
    ['the owner is refused twice by the block of his account', [...ordinary(3), ...tries(2)], ['medium 1004']],
    ['once may be a mistake of his', [...ordinary(3), ...tries(1)], []],
    ['two calls before are too few', [...ordinary(2), ...tries(9)], []],
    ['he goes on: told at 2, 4 and 8', [...ordinary(3), ...tries(9)], ['medium 1004', 'medium 1004', 'medium 1004']],
    [
      'his calls abroad, while his account is abused',
      [...ordinary(3), ...tries(2, { rule: 'international/1004', dialled: '0037167000001' })],
      ['medium 1004'],
    ],
    ['a number that he calls', [...ordinary(3), ...tries(2, { rule: 'number/371' })], ['medium 1004']],
    [
      'a colleague behind the address that is blocked',
      [...ordinary(3, { account: '1007' }), ...tries(2, { rule: `address/${OWNER}` })],
      [`medium ${OWNER}`],
    ],
    [
      "his phone's registration is refused by address",
      [...ordinary(3), ...series(2, NIGHT, MINUTE, (at) => answered(at, 403, { method: 'REGISTER', source: OWNER }))],
      [`medium ${OWNER}`],
    ],
    ['calls without mirrored SIP', [...ordinary(3, { source: null }), ...tries(2, { source: null })], ['medium 1004']],
    // the twin: the attacker who goes on trying
    ['the thief, from where the account never called', [...ordinary(3), ...tries(9, { source: THIEF })], []],
    [
      'the thief, who called abroad for three days',
      [...ordinary(3, { source: THIEF, dialled: '0037167000001' }), ...tries(9, { source: THIEF })],
      [],
    ],
    [
      'a stranger who writes the account in From',
      [
        ...ordinary(3, { source: THIEF, authenticated: false, registration: 'none', proof: 'none' }),
        ...tries(9, { source: THIEF }),
      ],
      [],
    ],
    [
      'three calls on one day',
      [
        ...series(3, NIGHT - HOUR, MINUTE, (at, i) => connected(at, { call: `d${i}`, dialled: '0301234567' })),
        ...tries(9),
      ],
      [],
    ],
    ['what he did a month ago', [...ordinary(3), ...series(3, NIGHT + 31 * DAY, MINUTE, (at) => refused(at))], []],
    ['the office lock refuses everybody', [...ordinary(3), ...tries(9, { rule: 'lock/international' })], []],
    ['an odd dialled string', [...ordinary(3), ...tries(9, { rule: 'dialled' })], []],
    ['calls that came in by a trunk', [...ordinary(3, { trunk: 'carrier', account: null }), ...tries(9)], []],
  ];
  for (const [sentence, events, expected] of table)
    it(sentence, () => assert.deepEqual(told(judge(blockedCaller).take(...events)), expected));

  it('says who, how often, and how to undo it', () => {
    const [found] = judge(blockedCaller).take(...ordinary(5), ...tries(2, { rule: 'international/1004' }));
    assert.equal(
      found?.summary,
      'A block may hit an innocent: extension 1004 at 203.0.113.7 was refused 2 times and has placed 5 ordinary calls on 5 days before; if it is one, undo it: ringfence unblock international 1004',
    );
    assert.equal(found.facts['undo'], 'ringfence unblock international 1004');
    assert.equal(found.sourceProof, 'none');
  });

  it('offers no command with what a shell would take for more', () => {
    const over = { account: '1004;rm -rf', rule: 'account/1004;rm -rf' };
    const [found] = judge(blockedCaller).take(...ordinary(3, { account: over.account }), ...tries(2, over));
    assert.equal(found?.facts['undo'], '');
    assert.doesNotMatch(found.summary, /ringfence unblock/);
  });

  it('takes its thresholds from the settings, exactly', () => {
    const hit = (parameters: Record<string, unknown>, before: number, after: number): boolean =>
      judge(blockedCaller, parameters).take(...ordinary(before), ...tries(after)).length > 0;
    assert.deepEqual([hit({ calls: 7 }, 6, 2), hit({ calls: 7 }, 7, 2)], [false, true]);
    assert.deepEqual([hit({ days: 5 }, 4, 2), hit({ days: 5 }, 5, 2)], [false, true]);
    assert.deepEqual([hit({ attempts: 4 }, 3, 3), hit({ attempts: 4 }, 3, 4)], [false, true]);
  });
});
