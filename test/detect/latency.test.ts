import assert from 'node:assert/strict';
import latency from '../../src/detect/latency.ts';
import type { AnswerReceived, Event } from '../../src/model.ts';
import { DAY, HOUR, MINUTE, SECOND } from '../../src/time.ts';
import { answered, DAYTIME, judge, OWNER, PBX, received, told } from '../support/events.ts';

const T = DAYTIME - 4 * DAY;
const CARRIER = '198.51.100.1';
const trunk = { source: CARRIER, asked: CARRIER, trunk: 'carrier', method: 'OPTIONS' };
/** One answer every five minutes from `from` to `to`. */
const every5 = (
  from: number,
  to: number,
  tookMs: number | ((i: number) => number),
  over: Partial<AnswerReceived> = trunk,
): Event[] =>
  Array.from({ length: Math.ceil((to - from) / (5 * MINUTE)) }, (_, i) =>
    received(from + i * 5 * MINUTE, {
      ...over,
      session: null,
      tookMs: typeof tookMs === 'number' ? tookMs : tookMs(i),
    }),
  );
const usual = (over: Partial<AnswerReceived> = trunk, tookMs = 80): Event[] => every5(T, DAYTIME, tookMs, over);
const ringing = { ...trunk, method: 'INVITE', status: 180 };
const phone = { source: OWNER, asked: OWNER, trunk: null, method: 'OPTIONS' };
const register = (from: number, to: number, tookMs: number): Event[] =>
  Array.from({ length: Math.ceil((to - from) / (5 * MINUTE)) }, (_, i) =>
    answered(from + i * 5 * MINUTE, 200, { method: 'REGISTER', source: OWNER }, { tookMs }),
  );

describe('latency', () => {
  const table: [string, Event[], string[]][] = [
    [
      'a carrier that becomes ten times slower for two hours: low, then medium',
      [...usual(), ...every5(DAYTIME, DAYTIME + 2 * HOUR, 800)],
      ['low carrier', 'medium carrier'],
    ],
    [
      'ringing that comes after 12 s instead of 3',
      [...usual(ringing, 3 * SECOND), ...every5(DAYTIME, DAYTIME + 2 * HOUR, 12 * SECOND, ringing)],
      ['low carrier', 'medium carrier'],
    ],
    [
      'the PBX takes long to register phones',
      [...register(T, DAYTIME, 20), ...register(DAYTIME, DAYTIME + 2 * HOUR, 900)],
      [`low ${PBX}`, `medium ${PBX}`],
    ],
    [
      'requests that have to be sent again',
      [...usual(), ...every5(DAYTIME, DAYTIME + 2 * HOUR, 80, { ...trunk, retransmissions: 1 })],
      ['low carrier', 'medium carrier'],
    ],
    [
      'a phone is never more than low',
      [...usual(phone), ...every5(DAYTIME, DAYTIME + 9 * HOUR, 900, phone)],
      [`low ${OWNER}`],
    ],
    [
      'it was slow, got well and is slow again: told twice',
      [
        ...usual(),
        ...every5(DAYTIME, DAYTIME + 50 * MINUTE, 800),
        ...every5(DAYTIME + 50 * MINUTE, DAYTIME + 5 * HOUR, 80),
        ...every5(DAYTIME + 5 * HOUR, DAYTIME + 7 * HOUR, 800),
      ],
      ['low carrier', 'low carrier', 'medium carrier'],
    ],
    // twins
    ['nothing new', [...usual(), ...usual().map((e) => ({ ...e, at: e.at + 4 * DAY }))], []],
    [
      'a third of the answers is slow',
      [...usual(), ...every5(DAYTIME, DAYTIME + DAY, (i) => (i % 3 === 0 ? 9_000 : 80))],
      [],
    ],
    ['ten times slower, but nobody would notice', [...usual(trunk, 5), ...every5(DAYTIME, DAYTIME + DAY, 50)], []],
    ['twice as slow', [...usual(ringing, 3 * SECOND), ...every5(DAYTIME, DAYTIME + DAY, 6 * SECOND, ringing)], []],
    [
      'slow for twenty minutes',
      [...usual(), ...every5(DAYTIME, DAYTIME + 20 * MINUTE, 800), ...every5(DAYTIME + 20 * MINUTE, DAYTIME + DAY, 80)],
      [],
    ],
    ['a peer that is new, and slow', every5(T, T + 2 * DAY, (i) => (i < 9 ? 80 : 4_000)), []],
    [
      'a callee who takes long to answer',
      [...usual(ringing), ...every5(DAYTIME, DAYTIME + DAY, 40 * SECOND, { ...ringing, status: 200 })],
      [],
    ],
    [
      'answers that nobody had asked for',
      [...usual(), ...every5(DAYTIME, DAYTIME + DAY, 900, { ...trunk, asked: null })],
      [],
    ],
    [
      'refused registrations: Asterisk takes its time for them',
      [
        ...register(T, DAYTIME, 20),
        ...register(DAYTIME, DAYTIME + DAY, 900).map((e) => ({ ...e, status: 403 }) as Event),
      ],
      [],
    ],
  ];
  for (const [sentence, events, expected] of table)
    it(sentence, () => assert.deepEqual(told(judge(latency).take(...events)), expected));

  it('says how slow, how it usually is, and for how long', () => {
    const summaries = (events: Event[]): (string | undefined)[] =>
      judge(latency)
        .take(...events)
        .map((e) => e.summary);
    assert.match(
      summaries([...usual(), ...every5(DAYTIME, DAYTIME + 2 * HOUR, 800)])[1] ?? '',
      /^Trunk carrier answers OPTIONS after 800 ms, usually after \d+ ms, for 1 h.* now: no attack by itself, but calls suffer$/,
    );
    assert.match(
      summaries([...usual(ringing, 3 * SECOND), ...every5(DAYTIME, DAYTIME + 2 * HOUR, 12 * SECOND, ringing)])[0] ?? '',
      /^Trunk carrier rings 12 s after it is called, usually after 3 s, for 30 min now/,
    );
    assert.match(
      summaries([...usual(), ...every5(DAYTIME, DAYTIME + 2 * HOUR, 80, { ...trunk, retransmissions: 1 })])[0] ?? '',
      /^Trunk carrier has to be asked again for \d+ of 100 OPTIONS requests, usually for 0, for/,
    );
  });

  it('takes its thresholds from the settings', () => {
    const severities = (parameters: Record<string, unknown>, tookMs: number, hours = 2): string[] =>
      told(judge(latency, parameters).take(...usual(trunk, 300), ...every5(DAYTIME, DAYTIME + hours * HOUR, tookMs)));
    assert.equal(severities({ factor: 4 }, 800).length, 0);
    assert.equal(severities({ factor: 2 }, 800).length, 2);
    assert.equal(severities({ floor: '1s' }, 1_200).length, 0);
    assert.equal(severities({ floor: '500ms' }, 1_200).length, 2);
    assert.deepEqual(severities({ long: '3h' }, 1_200), ['low carrier']);
    assert.deepEqual(severities({ lasting: '3h', long: '4h' }, 1_200), []);
    assert.deepEqual(severities({ learn: '5d' }, 1_200), []);
    assert.deepEqual(severities({ samples: 14 }, 1_200), [], 'thirteen come in an hour, its ends included');
  });
});
