import assert from 'node:assert/strict';
import throughDial from '../../src/detect/through-dial.ts';
import type { CallOnward, Event } from '../../src/model.ts';
import { DAY, HOUR, MINUTE } from '../../src/time.ts';
import {
  connected,
  DAYTIME,
  ended,
  judge,
  NIGHT,
  onward,
  record,
  recorded,
  series,
  started,
  tick,
  told,
} from '../support/events.ts';

const LATVIA = '0037126000001';
const CUBA = '005352123456';
const PARIS = '0033142685300';
const through = (at: number, to: string, call = `${at}`, over: Partial<CallOnward> = {}): Event[] => [
  onward(at, 'dialled', { call, to, ...over }),
  onward(at + 9_000, 'answered', { call, to, ...over }),
];
const all = (at: number, to: string, minutes: number, call = `${at}`): Event[] => [
  ...through(at, to, call),
  onward(at + 9_000 + minutes * MINUTE, 'ended', { call, to }),
];
/** A call record of what came in by the trunk and left by it. */
const row = (at: number, to: string, seconds = 300, over: object = {}): Event =>
  recorded(
    record(at, seconds, {
      src: '4930999999',
      dst: '4930123456',
      channel: 'PJSIP/carrier-00000001',
      lastdata: `PJSIP/${to}@carrier,60`,
      ...over,
    }),
    { account: null, trunk: 'carrier' },
  );
/** The same in mirrored SIP: somebody is in, and the PBX calls out in his name. */
const mirrored = (at: number, to: string, i: number, from = '4930999999'): Event[] => [
  started(at, { call: `in${i}`, account: null, trunk: 'carrier', from, dialled: '4930123456', source: '198.51.100.1' }),
  started(at + MINUTE, { call: `out${i}`, account: null, source: null, from, dialled: to }),
  connected(at + 2 * MINUTE, { call: `out${i}`, account: null, source: null, from, dialled: to }),
];

describe('through-dial', () => {
  const table: [string, Event[], string[]][] = [
    ['one call that goes out again to Paris is worth a look', all(DAYTIME, PARIS, 5), ['medium carrier']],
    ['one to Latvia too', all(DAYTIME, LATVIA, 5), ['medium carrier']],
    ['to a number dear by nature: it would get there', [onward(NIGHT, 'dialled', { to: CUBA })], ['high carrier']],
    [
      'and talks for ten minutes',
      [...through(NIGHT, CUBA), tick(NIGHT + 12 * MINUTE)],
      ['high carrier', 'critical carrier'],
    ],
    ['two risky calls: below the threshold', series(2, NIGHT, MINUTE, (at) => all(at, LATVIA, 1)), ['medium carrier']],
    [
      'three are an attack',
      series(3, NIGHT, MINUTE, (at) => all(at, LATVIA, 1)),
      ['medium carrier', 'critical carrier'],
    ],
    [
      'three that do not connect',
      series(3, NIGHT, MINUTE, (at) => onward(at, 'dialled', { call: `${at}`, to: LATVIA })),
      ['medium carrier', 'high carrier'],
    ],
    [
      'a slow attacker, a call in eight hours',
      series(3, NIGHT, 8 * HOUR, (at) => all(at, LATVIA, 9)),
      ['medium carrier', 'critical carrier'],
    ],
    [
      'three new numbers abroad',
      series(3, DAYTIME, MINUTE, (at, i) => all(at, `003314268530${i}`, 1)),
      ['medium carrier', 'high carrier'],
    ],
    ['records alone', series(3, NIGHT, 10 * MINUTE, (at) => row(at, LATVIA)), ['medium carrier', 'critical carrier']],
    [
      'records of a dialplan that went on to what was dialled',
      series(3, NIGHT, 10 * MINUTE, (at) => row(at, '', 300, { dst: LATVIA, lastapp: 'Dial', lastdata: '' })),
      ['medium carrier', 'critical carrier'],
    ],
    [
      'mirrored SIP alone',
      series(3, NIGHT, HOUR, (at, i) => mirrored(at, LATVIA, i)),
      ['medium carrier', 'high carrier', 'critical carrier'],
    ],
    ['one call a night: twenty minutes to France while closed', [row(NIGHT, PARIS, 1_200)], ['high carrier']],
    ['nineteen minutes', [row(NIGHT, PARIS, 1_199)], ['medium carrier']],
    // innocent twins
    ['an hour with a colleague in France by day', [row(DAYTIME, PARIS, 3_600)], ['medium carrier']],
    ['a staff mobile at home', series(20, DAYTIME, MINUTE, (at) => all(at, '015112345678', 5)), []],
    ['an answering service at home', series(20, NIGHT, MINUTE, (at) => row(at, '030222222')), []],
    [
      'an overflow to a partner abroad, all day: told once',
      series(50, DAYTIME, MINUTE, (at) => all(at, PARIS, 5)),
      ['medium carrier'],
    ],
    [
      'a call that comes in and is taken',
      [started(DAYTIME, { account: null, trunk: 'carrier', dialled: '4930123456' })],
      [],
    ],
    [
      'a phone that calls Latvia',
      [recorded(record(NIGHT, 60, { dst: LATVIA })), started(NIGHT, { dialled: LATVIA })],
      [],
    ],
    ["a call of the PBX in nobody's name", mirrored(NIGHT, LATVIA, 1).slice(1), []],
    [
      'who has hung up dials no more',
      [
        ...mirrored(NIGHT, LATVIA, 1).slice(0, 1),
        ended(NIGHT + 9, { call: 'in1', account: null, trunk: 'carrier', from: '4930999999' }),
        ...mirrored(NIGHT, LATVIA, 1).slice(1),
      ],
      [],
    ],
    ['an emergency call', [onward(NIGHT, 'dialled', { to: '112' })], []],
  ];
  for (const [sentence, events, expected] of table)
    it(sentence, () => assert.deepEqual(told(judge(throughDial).take(...events)), expected));

  it('says who called, where it went, and which call to end', () => {
    const found = judge(throughDial).take(...series(3, NIGHT, MINUTE, (at, i) => through(at, LATVIA, `c${i}`)));
    const last = found.at(-1);
    assert.equal(
      last?.summary,
      'What came in by trunk carrier went out again: 3 calls to Latvia (+371), 2 min 42 s of talk',
    );
    assert.deepEqual(last.facts['callers'], ['4930999999']);
    assert.deepEqual(last.facts['numbers'], ['37126000001']);
    assert.deepEqual(last.callKeys, ['c2', 'c1', 'c0']);
  });

  it('is told once though manager events and records tell it', () => {
    const one = judge(throughDial);
    const live = all(NIGHT, LATVIA, 5, 'call-1');
    const record_ = { ...row(NIGHT, LATVIA), call: 'call-1', live: true } as Event;
    assert.deepEqual(told(one.take(...live, record_, ...all(NIGHT + HOUR, LATVIA, 5, 'call-2'))), ['medium carrier']);
  });

  it('an arrangement of some days is told no more', () => {
    const found = judge(throughDial).take(...series(20, DAYTIME, 2 * DAY, (at) => all(at, PARIS, 5)));
    assert.deepEqual(told(found), ['medium carrier', 'medium carrier', 'medium carrier']);
  });

  it('takes its thresholds from the settings', () => {
    const worst = (parameters: object): string | undefined =>
      told(judge(throughDial, { ...parameters }).take(...series(4, NIGHT, MINUTE, (at) => all(at, LATVIA, 1)))).at(-1);
    assert.equal(worst({ calls: 4 }), 'critical carrier');
    assert.equal(worst({ calls: 5 }), 'medium carrier');
    assert.equal(worst({ risk: 100 }), 'medium carrier');
  });
});
