import assert from 'node:assert/strict';
import scan from '../../src/detect/scan.ts';
import { toolOf } from '../../src/detect/tools.ts';
import type { Event, RequestFacts } from '../../src/model.ts';
import { DAY, HOUR, MINUTE, SECOND } from '../../src/time.ts';
import {
  answered,
  failed,
  judge,
  NIGHT,
  OWNER,
  registered,
  seen,
  series,
  started,
  succeeded,
  THIEF,
  tick,
  told,
} from '../support/events.ts';

const PREFIXES = [
  '',
  '0',
  '00',
  '000',
  '9',
  '90',
  '900',
  '9011',
  '011',
  '+',
  '1',
  '100',
  '2',
  '200',
  '3',
  '300',
  '8',
  '810',
];
const register = (i: number, over: Partial<RequestFacts> = {}): Partial<RequestFacts> => ({
  method: 'REGISTER',
  toUser: `${1000 + i}`,
  ...over,
});
const invite = (number: string, over: Partial<RequestFacts> = {}): Partial<RequestFacts> => ({
  method: 'INVITE',
  requestUser: number,
  ...over,
});
const asks = (n: number, every: number, facts: (i: number) => Partial<RequestFacts>): Event[] =>
  series(n, NIGHT, every, (at, i) => seen(at, facts(i)));
const learns = (n: number, every: number, facts: (i: number) => Partial<RequestFacts>, status = 404): Event[] =>
  series(n, NIGHT, every, (at, i) => [seen(at, facts(i)), answered(at + 5, status, facts(i))]);
const later = tick(NIGHT + 10 * MINUTE);
const [medium, high] = [`medium ${THIEF}`, `high ${THIEF}`];

describe('scan', () => {
  const table: [string, Event[], string[]][] = [
    ['nine accounts within a minute, no answer', [...asks(9, SECOND, register), later], []],
    ['ten accounts within a minute, no answer', [...asks(10, SECOND, register), later], [medium]],
    ['nine accounts, answered', learns(9, SECOND, register), []],
    ['ten accounts, answered', learns(10, SECOND, register), [medium, high]],
    ['fifty accounts at once without an answer (svwar against Asterisk)', [...asks(50, 20, register), later], [medium]],
    ['fifty accounts at once, each answered', learns(50, 20, register).slice(0, 100), [high, high, high]],
    [
      'unknown accounts told by AMI alone',
      series(10, NIGHT, SECOND, (at, i) => failed(at, { username: `x${i}`, account: null, reason: 'unknown-account' })),
      [high],
    ],
    [
      'eighteen prefixes before one number, no answer',
      asks(18, 100, (i) => invite(`${PREFIXES[i]}972595000005`)),
      [medium, medium, medium],
    ],
    ['four prefixes before one number', asks(4, MINUTE, (i) => invite(`${PREFIXES[i]}972595000005`)), []],
    [
      'five prefixes before one number, an hour apart',
      asks(5, HOUR, (i) => invite(`${PREFIXES[i]}972595000005`)),
      [medium],
    ],
    [
      'five prefixes, each refused',
      learns(5, MINUTE, (i) => invite(`${PREFIXES[i]}972595000005`)),
      [medium, high].slice(0, 2),
    ],
    ['the slow one, eleven in a day', asks(11, 2 * HOUR, register), []],
    ['the slow one, one an hour', asks(12, HOUR, register), [medium]],
    ['the slow one with answers, eleven in a day', learns(11, 2 * HOUR, register), []],
    ['the slow one with answers is sustained', learns(12, HOUR, register), [medium, high]],
    ['twelve answers within minutes are not', learns(12, 10 * SECOND, register), [medium]],
    [
      'a sweep over ten servers',
      [...asks(10, SECOND, (i) => ({ destination: `192.0.2.${100 + i}` })), later],
      [medium],
    ],
    ['one OPTIONS of a tool', [seen(NIGHT, { userAgent: 'friendly-scanner' })], [`low ${THIEF}`]],
    ['nine of them in a day', asks(9, HOUR, () => ({ userAgent: 'friendly-scanner' })), [`low ${THIEF}`]],
    ['ten of them in a day', asks(10, HOUR, () => ({ userAgent: 'friendly-scanner' })), [`low ${THIEF}`, medium]],
    [
      'ten of them from ten addresses',
      asks(10, HOUR, (i) => ({ userAgent: 'friendly-scanner', source: `198.18.0.${i}` })),
      ['low 198.18.0.0', 'medium 198.18.0.9'],
    ],
    [
      'never high by the name alone',
      asks(500, SECOND, () => ({ userAgent: 'sipvicious' })),
      [`low ${THIEF}`, medium, medium, medium, medium, medium, medium],
    ],
    // innocent twins
    ["a monitor's keep-alive for a week", asks(2_000, 5 * MINUTE, () => ({})), []],
    ["a trunk's keep-alive", series(50, NIGHT, SECOND, (at, i) => seen(at, register(i), { trunk: 'carrier' })), []],
    [
      'a user who misdials a few extensions',
      [succeeded(NIGHT, { source: THIEF }), ...learns(9, SECOND, (i) => invite(`${2000 + i}`, { authUser: '1004' }))],
      [],
    ],
    [
      'a phone that watches a hundred lamps',
      [succeeded(NIGHT, { source: THIEF }), ...asks(100, 10, (i) => register(i, { method: 'SUBSCRIBE' }))],
      [],
    ],
    [
      'the same, all before its first password was asked',
      [
        ...asks(100, 2, (i) => register(i, { method: 'SUBSCRIBE' })),
        succeeded(NIGHT + SECOND, { source: THIEF }),
        later,
      ],
      [],
    ],
    [
      'a hundred new phones behind one address',
      [...asks(100, 10, register), registered(NIGHT + 1_500, { source: THIEF }), later],
      [],
    ],
    [
      'what carries credentials is judged by what becomes of it',
      [...asks(100, 10, (i) => register(i, { authUser: '1' })), later],
      [],
    ],
    [
      'a peer that the PBX serves without a password',
      [
        ...series(50, NIGHT, SECOND, (at, i) => [
          seen(at, invite(`03012345${i}`)),
          started(at + 9, { source: THIEF, dialled: `03012345${i}` }),
        ]),
        later,
      ],
      [],
    ],
    [
      'busy, no answer and a troubled PBX teach nobody anything',
      [
        succeeded(NIGHT, { source: THIEF }),
        ...learns(50, 100, (i) => invite(`${2000 + i}`), 486),
        ...learns(50, 100, register, 503),
      ],
      [],
    ],
    [
      'somebody who dials one number in four ways',
      asks(4, MINUTE, (i) => invite(['00442079460000', '+442079460000', '011442079460000', '442079460000'][i] ?? '')),
      [],
    ],
  ];
  for (const [sentence, events, expected] of table)
    it(sentence, () => {
      const found = told(judge(scan).take(...events));
      assert.deepEqual([...new Set(found)], [...new Set(expected)]);
      assert.ok(found.length <= expected.length, `${found.length} times`);
    });

  it('allows a friend three times as much, and no more', () => {
    const dials = (n: number): number =>
      judge(scan).take(succeeded(NIGHT, { source: THIEF }), ...learns(n, SECOND, (i) => invite(`${2000 + i}`))).length;
    assert.deepEqual([dials(29), dials(30)], [0, 1]);
  });

  it('waits for a stranger to prove himself, exactly as long as it is told to', () => {
    const one = judge(scan);
    const events = asks(20, 10, register);
    assert.deepEqual(one.take(...events, tick(NIGHT + 4_999)), []);
    const [found] = one.take(tick(NIGHT + 5_000));
    assert.equal(found?.severity, 'medium');
    assert.equal(found.at, NIGHT + 5_000);
    assert.match(found.summary, /^198\.18\.5\.66 probed 20 accounts, numbers or addresses, without learning anything$/);
  });

  it('says what was probed, how, and with what', () => {
    const found = judge(scan)
      .take(...learns(20, SECOND, (i) => register(i, { userAgent: 'friendly-scanner' })))
      .at(-1);
    assert.equal(found?.facts['tool'], 'SIPVicious');
    assert.deepEqual(found.facts['methods'], ['REGISTER']);
    assert.match(found.summary, /with SIPVicious, \d+ of them answered$/);
    assert.deepEqual(found.sources, [THIEF]);
  });

  it('forgets a story after a quiet day', () => {
    const one = judge(scan);
    one.take(...asks(11, HOUR, register));
    assert.deepEqual(one.take(seen(NIGHT + 10 * HOUR + DAY + 1, register(50))), []);
  });

  it('takes its thresholds from the settings, exactly', () => {
    for (const targets of [3, 7, 20]) {
      const hit = (n: number): boolean =>
        told(judge(scan, { targets }).take(...learns(n, SECOND, register))).includes(high);
      assert.deepEqual([hit(targets - 1), hit(targets)], [false, true]);
    }
  });

  it('knows tools, and no phone for a tool', () => {
    for (const [agent, tool] of [
      ['friendly-scanner', 'SIPVicious'],
      ['Zeeko', 'Zeeko scanner'],
      ['pplsip', 'pplsip dialler'],
      ['sipcli/v1.8', 'sipcli'],
    ] as const)
      assert.equal(toolOf(agent), tool);
    for (const agent of [
      '',
      'Yealink SIP-T46S 66.86',
      'Cisco v11.0.0',
      'MicroSIP/3.21',
      'Linphone/5.2',
      'Asterisk PBX 22',
      'baresip v3.5',
      'Grandstream GXP2170',
      'Zoiper rv2.10',
      'snomD785',
      'PolycomVVX',
    ])
      assert.equal(toolOf(agent), null, agent);
  });

  it('does not flood under spoofed addresses that name a tool', () => {
    const found = judge(scan).take(
      ...series(20_000, NIGHT, 1, (at, i) =>
        seen(at, { source: `198.18.${i >> 8}.${i & 255}`, userAgent: 'friendly-scanner' }),
      ),
    );
    assert.ok(found.length < 20);
    assert.ok(found.every((e) => e.severity !== 'high' && e.subject.value !== OWNER));
  });
});
