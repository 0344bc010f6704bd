import assert from 'node:assert/strict';
import flood from '../../src/detect/flood.ts';
import type { Event } from '../../src/model.ts';
import { HOUR, MINUTE, SECOND } from '../../src/time.ts';
import {
  answered,
  garbage,
  judge,
  NIGHT,
  registered,
  repeated,
  seen,
  series,
  succeeded,
  THIEF,
  tick,
  told,
} from '../support/events.ts';

const register = { method: 'REGISTER' };
const sends = (n: number, every: number, over: object = register, from = NIGHT): Event[] =>
  series(n, from, every, (at) => seen(at, over));
const strangers = (n: number, every: number, from = NIGHT): Event[] =>
  series(n, from, every, (at, i) => seen(at, { ...register, source: `198.18.${i % 250}.7` }));
/** Phones that log in: challenged, accepted a moment later. */
const phones = (n: number, every: number, source: (i: number) => string, from = NIGHT): Event[] =>
  series(n, from, every, (at, i) => [
    seen(at, { ...register, source: source(i) }),
    seen(at + 40, { ...register, source: source(i), authUser: `${i}` }),
    succeeded(at + 60, { source: source(i), username: `${i}` }),
    answered(at + 60, 200, { ...register, source: source(i), authUser: `${i}` }),
  ]).sort((a, b) => a.at - b.at);
const later = tick(NIGHT + 20 * SECOND);
const site = (found: readonly string[]): string[] => found.map((line) => line.split(' ')[0] ?? '');
const [medium, high] = [`medium ${THIEF}`, `high ${THIEF}`];

describe('flood', () => {
  const table: [string, Event[], string[]][] = [
    ['99 REGISTERs within ten seconds', [...sends(99, 50), tick(NIGHT + 8 * SECOND)], []],
    ['a hundred within ten seconds', [...sends(100, 20), tick(NIGHT + 7 * SECOND)], [medium]],
    ['INVITEs', [...sends(100, 20, { method: 'INVITE' }), tick(NIGHT + 7 * SECOND)], [medium]],
    [
      'OPTIONS that are answered are a flood all the same',
      [...series(100, NIGHT, 20, (at) => [seen(at, {}), answered(at + 5, 200, {})]), tick(NIGHT + 7 * SECOND)],
      [medium],
    ],
    ['two hundred a second', [...sends(2_000, 5), later], [high]],
    ['one that goes on for an hour is told when it has doubled, not each second', [...sends(36_000, 100)], [medium]],
    ['sixteen a second that last are high', sends(800, 62), [medium, high]],
    ['fourteen a second stay what they are', sends(1_000, 71), [medium]],
    [
      'copies of one packet',
      [
        ...[16, 32, 64, 128, 256].map((repeats, i) => repeated(NIGHT + i * 100, { repeats, firstSource: THIEF })),
        tick(NIGHT + 7 * SECOND),
      ],
      [medium],
    ],
    ['29 pieces of garbage', [...series(29, NIGHT, 100, (at) => garbage(at)), tick(NIGHT + 8 * SECOND)], []],
    ['thirty pieces of garbage', [...series(30, NIGHT, 100, (at) => garbage(at)), tick(NIGHT + 8 * SECOND)], [medium]],
    // innocent twins
    ['nine a second for an hour: no flood, and other detectors look at what it is', sends(32_400, 112), []],
    ['a monitor that asks every second', sends(3_600, SECOND, {}), []],
    ['a trunk', [...series(500, NIGHT, 10, (at) => seen(at, register, { trunk: 'carrier' })), later], []],
    ['an office of 300 phones behind one address after an outage', [...phones(300, 3, () => THIEF), later], []],
    [
      '500 phones from everywhere after an outage',
      [...phones(500, 4, (i) => `100.64.${i % 250}.${i >> 8}`), later],
      [],
    ],
    [
      'an office that is logged in and subscribes to its lamps',
      [registered(NIGHT - HOUR, { source: THIEF }), ...sends(900, 10, { method: 'SUBSCRIBE' }), later],
      [],
    ],
    ['keep-alives of a broken phone', series(120, NIGHT, 30 * SECOND, (at) => garbage(at)), []],
  ];
  for (const [sentence, events, expected] of table)
    it(sentence, () => assert.deepEqual(told(judge(flood).take(...events)), expected));

  const spread: [string, Event[], string[]][] = [
    ['499 requests of many strangers within ten seconds', [...strangers(499, 10), later], []],
    [
      '500 requests of many strangers within ten seconds',
      [...strangers(500, 10), tick(NIGHT + 10 * SECOND)],
      ['medium'],
    ],
    ['five thousand', [...strangers(5_000, 1), tick(NIGHT + 8 * SECOND)], ['high']],
  ];
  for (const [sentence, events, expected] of spread)
    it(`${sentence}, none of them often`, () => assert.deepEqual(site(told(judge(flood).take(...events))), expected));

  it('measures all strangers against what is usual here, and does not learn a flood as usual', () => {
    const one = judge(flood, { site: 50 });
    const feed = (events: readonly Event[]): string[] => events.flatMap((event) => told(one.take(event)));
    // for three days a busy public service: a hundred strangers a minute, seventeen in a window
    const days = 3 * 24 * 60;
    for (let i = 0; i < days; i++) {
      const from = NIGHT + i * MINUTE;
      feed(series(100, from, 600, (at, k) => seen(at, { ...register, source: `198.18.${(i + k) % 250}.9` })));
    }
    const from = NIGHT + days * MINUTE;
    assert.deepEqual(feed([...strangers(120, 60, from), tick(from + 14 * SECOND)]), []);
    assert.deepEqual(site(feed([...strangers(200, 40, from + MINUTE), tick(from + 75 * SECOND)])), ['medium']);
    // the flood goes on for an hour, and is none the more usual
    feed(strangers(72_000, 50, from + 2 * MINUTE));
    const again = from + 3 * HOUR;
    assert.deepEqual(site(feed([...strangers(250, 36, again), tick(again + 15 * SECOND)])), ['medium']);
  });

  it('says how many, of what, and from whom', () => {
    const found = judge(flood).take(...sends(120, 20), tick(NIGHT + 7 * SECOND))[0];
    assert.equal(found?.summary, `${THIEF} sent 120 requests (REGISTER) that the PBX did not accept within 10 s`);
    assert.equal(found.sourceProof, 'none');
  });
});
