import assert from 'node:assert/strict';
import exposure from '../../src/detect/exposure.ts';
import type { AnswerReceived, Event, RequestFacts, SessionFacts } from '../../src/model.ts';
import { DAY, HOUR } from '../../src/time.ts';
import { answered, binding, DAYTIME, judge, OWNER, received, registered, told } from '../support/events.ts';

const session: SessionFacts = {
  origin: 'alice 3724394400',
  version: '1',
  originAddress: '192.168.7.20',
  connection: '192.168.7.20',
  keys: ['a'.repeat(32)],
};
const T = DAYTIME;
const CARRIER = '198.51.100.1';
/** `n` calls, one an hour. */
const calls = (
  n: number,
  facts: Partial<RequestFacts> = {},
  over: object = { account: '1004' },
  every = HOUR,
): Event[] =>
  Array.from({ length: n }, (_, i) =>
    answered(T + i * every, 200, { method: 'INVITE', callId: `c${i}@x`, source: OWNER, session, ...facts }, over),
  );
const answers = (n: number, over: Partial<AnswerReceived> = {}): Event[] =>
  Array.from({ length: n }, (_, i) => received(T + i * HOUR, { callId: `o${i}@pbx`, session, ...over }));
const tls = (at: number, over = {}): Event => registered(at, { transport: 'tls', ...over });
const clear = (at: number, over = {}, rest = {}): Event => registered(at, { transport: 'udp', ...over }, rest);

describe('exposure', () => {
  const table: [string, Event[], string[]][] = [
    ['two calls with a key in clear text, from the internet', calls(2), ['low 1004']],
    ['one call may be somebody who tries his settings', calls(1), []],
    ['over TCP too', calls(2, { transport: 'tcp' }), ['low 1004']],
    ['a caller who is no account', calls(2, {}, {}), [`low ${OWNER}`]],
    ['a carrier: the calls of everybody', calls(2, { source: CARRIER }, { trunk: 'carrier' }), ['medium carrier']],
    ['somebody whom the PBX calls', answers(2), [`low ${OWNER}`]],
    [
      'a carrier that the PBX calls',
      answers(2, { source: CARRIER, asked: CARRIER, trunk: 'carrier' }),
      ['medium carrier'],
    ],
    ['all week: once', calls(100), ['low 1004']],
    ['for two weeks: twice', calls(14 * 24 + 2), ['low 1004', 'low 1004']],
    ['a slow one: a call in eight days', calls(5, {}, { account: '1004' }, 8 * DAY), []],
    // twins
    ['over TLS', calls(9, { transport: 'tls' }), []],
    ['over a secure WebSocket', calls(9, { transport: 'wss' }), []],
    ['in the office', calls(9, { source: '10.1.2.3' }), []],
    ['in a private network that is not named in the settings', calls(9, { source: '172.16.3.4' }), []],
    ['in a tunnel, IPv6', calls(9, { source: 'fd00::7' }), []],
    ['from a proxy of ours that takes TLS outside', calls(9, { source: '192.0.2.11' }), []],
    ['calls without encryption', calls(9, { session: { ...session, keys: [] } }), []],
    ['calls that were not answered', calls(9).map((e) => ({ ...e, status: 486 }) as Event), []],
    ['one call that is told twice', [...calls(1), ...calls(1)], []],
    ['answers that nobody had asked for', answers(9, { asked: null }), []],
    // TLS given up
    ['a phone that used TLS comes by UDP', [tls(T), clear(T + HOUR)], ['medium 1004']],
    ['once in a week', [tls(T), ...[1, 2, 3].map((i) => clear(T + i * HOUR))], ['medium 1004']],
    ['with newer firmware', [tls(T), clear(T + HOUR, { userAgent: 'Yealink T46 2.0' })], ['medium 1004']],
    ['a month later it may', [tls(T), clear(T + 30 * DAY + 1)], []],
    ['just within the month', [tls(T), clear(T + 30 * DAY)], ['medium 1004']],
    ['another phone, of another make', [tls(T), clear(T + HOUR, { userAgent: 'Zoiper 5' })], []],
    [
      'the second device of one make, while the first keeps to TLS',
      [tls(T), clear(T + HOUR, {}, { others: [binding(T, { transport: 'tls' })] })],
      [],
    ],
    ['taken to the office', [tls(T), clear(T + HOUR, { source: '10.1.2.3' })], []],
    ['one that never used TLS', [clear(T), clear(T + HOUR)], []],
    ['contacts that the registrar lists, from nobody knows where', [tls(T), clear(T + HOUR, { source: null })], []],
  ];
  for (const [sentence, events, expected] of table)
    it(sentence, () => assert.deepEqual(told(judge(exposure).take(...events)), expected));

  it('says what, how and how often', () => {
    const [found] = judge(exposure).take(...calls(2));
    assert.equal(
      found?.summary,
      '2 encrypted calls with extension 1004 sent the key along in clear text over UDP: whoever is on the way can listen',
    );
    assert.ok(!JSON.stringify(found).includes(session.keys[0] ?? ''));
  });

  it('takes its thresholds from the settings, exactly', () => {
    const count = (parameters: Record<string, unknown>, events: Event[]): number =>
      judge(exposure, parameters).take(...events).length;
    assert.deepEqual([count({ calls: 5 }, calls(4)), count({ calls: 5 }, calls(5))], [0, 1]);
    assert.deepEqual([count({ calls: 1, again: '2h' }, calls(2)), count({ calls: 1, again: '2h' }, calls(3))], [1, 2]);
    const moved = (after: number): Event[] => [tls(T), clear(T + after)];
    assert.deepEqual([count({ tls: '1d' }, moved(DAY)), count({ tls: '1d' }, moved(DAY + 1))], [1, 0]);
  });
});
