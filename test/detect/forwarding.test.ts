import assert from 'node:assert/strict';
import forwarding from '../../src/detect/forwarding.ts';
import type { CallOnward, Event } from '../../src/model.ts';
import { DAY, HOUR, MINUTE } from '../../src/time.ts';
import {
  DAYTIME,
  judge,
  NIGHT,
  onward,
  record,
  recorded,
  series,
  started,
  connected,
  ended,
  tick,
  told,
} from '../support/events.ts';

const LATVIA = '0037126000001';
const CUBA = '005352123456';
const PARIS = '0033612345678';
const EXTENSION: Partial<CallOnward> = { dialled: '1005' };
const forward = (at: number, to: string, call = `${at}`, over: Partial<CallOnward> = {}): Event[] => [
  onward(at, 'dialled', { ...EXTENSION, call, to, ...over }),
  onward(at + 9_000, 'answered', { ...EXTENSION, call, to, ...over }),
];
const all = (at: number, to: string, minutes: number, call = `${at}`): Event[] => [
  ...forward(at, to, call),
  onward(at + 9_000 + minutes * MINUTE, 'ended', { ...EXTENSION, call, to }),
];
const row = (at: number, to: string, over: object = {}, rest: object = {}): Event =>
  recorded(
    record(at, 300, {
      src: '4930999999',
      dst: '1005',
      channel: 'PJSIP/carrier-00000001',
      lastdata: `PJSIP/${to}@carrier,60`,
      ...over,
    }),
    { account: null, trunk: 'carrier', ...rest },
  );

describe('forwarding', () => {
  const table: [string, Event[], string[]][] = [
    ['forwarded abroad: told once', series(9, DAYTIME, HOUR, (at) => all(at, PARIS, 10)), ['medium 1005']],
    ['one call to a risky number', all(DAYTIME, LATVIA, 5), ['medium 1005']],
    ['two: below the threshold', series(2, DAYTIME, HOUR, (at) => all(at, LATVIA, 5)), ['medium 1005']],
    [
      'three, one after the other: it would get there',
      series(3, DAYTIME, HOUR, (at) => all(at, LATVIA, 5)),
      ['medium 1005', 'high 1005'],
    ],
    [
      'three at one time: nobody talks to so many',
      series(3, DAYTIME, MINUTE, (at) => forward(at, LATVIA)),
      ['medium 1005', 'critical 1005'],
    ],
    [
      'three at one time to Paris: odd, and not dear',
      series(3, DAYTIME, MINUTE, (at) => forward(at, PARIS)),
      ['medium 1005', 'high 1005'],
    ],
    ['to a number dear by nature', all(DAYTIME, CUBA, 5), ['high 1005']],
    ['and for ten minutes', [...forward(DAYTIME, CUBA), tick(DAYTIME + 11 * MINUTE)], ['high 1005', 'critical 1005']],
    [
      'an hour of talk with a risky number',
      [...forward(NIGHT, LATVIA), tick(NIGHT + 61 * MINUTE)],
      ['medium 1005', 'critical 1005'],
    ],
    [
      'a slow attacker, a call in ten hours',
      series(3, NIGHT, 10 * HOUR, (at) => all(at, LATVIA, 9)),
      ['medium 1005', 'high 1005'],
    ],
    [
      'a forward that is changed all day',
      series(3, DAYTIME, HOUR, (at, i) => all(at, `003361234567${i}`, 5)),
      ['medium 1005', 'high 1005'],
    ],
    ['records alone', series(3, NIGHT, HOUR, (at) => row(at, LATVIA)), ['medium 1005', 'high 1005']],
    [
      'a colleague calls the forwarded extension',
      series(3, NIGHT, HOUR, (at) =>
        row(at, LATVIA, { channel: 'PJSIP/1004-00000001', src: '1004' }, { account: '1004', trunk: null }),
      ),
      ['medium 1005', 'high 1005'],
    ],
    [
      'mirrored SIP alone: the PBX calls on in the name of the colleague',
      series(3, NIGHT, HOUR, (at, i) => [
        started(at, { call: `in${i}`, dialled: '1005' }),
        started(at + 2_000, { call: `out${i}`, account: null, source: null, dialled: LATVIA }),
        connected(at + 9_000, { call: `out${i}`, account: null, source: null, dialled: LATVIA }),
        ended(at + MINUTE, { call: `out${i}`, account: null, source: null, dialled: LATVIA }),
      ]),
      ['medium 1005', 'high 1005'],
    ],
    // innocent twins
    ['forwarded to a mobile at home', series(30, DAYTIME, MINUTE, (at) => all(at, '015112345678', 30)), []],
    ['by record too', series(9, DAYTIME, MINUTE, (at) => row(at, '015112345678')), []],
    [
      'a speed dial: what was dialled is no extension',
      [onward(DAYTIME, 'dialled', { account: '1004', trunk: null, dialled: '*701', to: LATVIA })],
      [],
    ],
    [
      'what came in by a trunk and dialled through is told by through-dial',
      [onward(DAYTIME, 'dialled', { to: LATVIA })],
      [],
    ],
    [
      'a phone that calls Latvia',
      [recorded(record(NIGHT, 60, { dst: LATVIA })), started(NIGHT, { dialled: LATVIA })],
      [],
    ],
    ['an emergency number', all(NIGHT, '112', 5), []],
  ];
  for (const [sentence, events, expected] of table)
    it(sentence, () => assert.deepEqual(told(judge(forwarding).take(...events)), expected));

  it('says it in one sentence', () => {
    const found = judge(forwarding)
      .take(...series(3, DAYTIME, MINUTE, (at) => forward(at, LATVIA)))
      .at(-1);
    assert.equal(found?.summary, 'Calls to extension 1005 are forwarded: 3 calls to Latvia (+371), 2 min 42 s of talk');
    assert.equal(found.facts['connected'], 2);
  });

  it('an arrangement of some days is told no more', () => {
    const found = judge(forwarding).take(...series(20, DAYTIME, 2 * DAY, (at) => all(at, PARIS, 5)));
    assert.deepEqual(told(found), ['medium 1005', 'medium 1005', 'medium 1005']);
  });

  it('takes its thresholds from the settings', () => {
    const worst = (parameters: object): string | undefined =>
      told(judge(forwarding, { ...parameters }).take(...series(4, NIGHT, MINUTE, (at) => forward(at, LATVIA)))).at(-1);
    assert.equal(worst({ at_once: 4 }), 'critical 1005');
    assert.equal(worst({ at_once: 5 }), 'high 1005');
    assert.equal(worst({ at_once: 5, calls: 5 }), 'medium 1005');
  });
});
