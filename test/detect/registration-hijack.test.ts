import assert from 'node:assert/strict';
import hijack from '../../src/detect/registration-hijack.ts';
import type { Binding, Event, RegisterAccepted } from '../../src/model.ts';
import { DAY, HOUR, MINUTE, SECOND } from '../../src/time.ts';
import {
  binding,
  connected,
  failed,
  judge,
  NIGHT,
  OWNER,
  registered,
  removed,
  series,
  started,
  succeeded,
  THIEF,
  tick,
  told,
} from '../support/events.ts';

const thief: Partial<Binding> = { source: THIEF, userAgent: 'MicroSIP/3.21' };
const owner = binding(NIGHT);
/** The owner's phone is registered; a minute later `over` registers beside it or in its place. */
const home = registered(NIGHT);
const beside = (over: Partial<Binding> = thief, rest: Partial<RegisterAccepted> = {}): Event =>
  registered(NIGHT + MINUTE, over, { others: [owner], ...rest });
const instead = (over: Partial<Binding> = thief, rest: Partial<RegisterAccepted> = {}): Event =>
  registered(NIGHT + MINUTE, over, { displaced: [owner], ...rest });
const takeover = (over: Partial<Binding> = thief, rest: Partial<RegisterAccepted> = {}): Event =>
  registered(NIGHT + MINUTE, over, { previous: owner, ...rest });
/** A and B take the binding from each other, `n` times, a minute apart, beginning with B. */
const fight = (n: number, b: Partial<Binding>, rest: Partial<RegisterAccepted> = {}): Event[] => {
  const a = { source: OWNER, userAgent: b.userAgent === '' ? '' : 'Yealink T46' };
  const instance = b.instance === undefined ? {} : { instance: b.instance };
  return [
    registered(NIGHT, { ...a, ...instance }, rest),
    ...series(n, NIGHT + MINUTE, MINUTE, (at, i) => {
      const [now, before] = i % 2 === 0 ? [b, { ...a, ...instance }] : [{ ...a, ...instance }, b];
      return registered(at, now, { displaced: [binding(at - MINUTE, before)], ...rest });
    }),
  ];
};
const cold = { historyKnown: false };
const agent = 'Yealink T46';
const instance = '<urn:uuid:1>';

describe('registration-hijack', () => {
  const table: [string, Event[], string[]][] = [
    ['another device from elsewhere beside the phone', [home, beside()], ['high 1004']],
    ['another device in place of the phone', [home, instead()], ['high 1004']],
    ['another device that registers the very same Contact', [home, takeover()], ['high 1004']],
    [
      'another instance of the same model',
      [
        registered(NIGHT, { instance }),
        beside(
          { source: THIEF, userAgent: agent, instance: '<urn:uuid:2>' },
          { others: [binding(NIGHT, { instance })] },
        ),
      ],
      ['high 1004'],
    ],
    [
      'the thief refreshes: said once',
      [home, beside(), ...series(20, NIGHT + HOUR, 5 * MINUTE, (at) => registered(at, thief, { others: [owner] }))],
      ['high 1004'],
    ],
    [
      'and calls: said at the first, second, fourth and eighth call',
      [home, instead(), ...series(8, NIGHT + HOUR, SECOND, (at, i) => started(at, { call: `c${i}`, source: THIEF }))],
      ['high 1004', ...Array<string>(4).fill('critical 1004')],
    ],
    [
      'the slow thief who waits ten days before he calls',
      [home, instead(), started(NIGHT + 10 * DAY, { source: THIEF })],
      ['high 1004', 'critical 1004'],
    ],
    [
      'the thief, thrown out, comes back from the address next door, with the same program',
      [
        home,
        instead(),
        registered(NIGHT + 2 * MINUTE),
        registered(NIGHT + 5 * MINUTE, { ...thief, source: '198.18.5.78' }, { others: [owner] }),
      ],
      ['high 1004', 'high 1004'],
    ],
    [
      'the same from another network, while nobody is registered',
      [home, instead(), registered(NIGHT + 5 * MINUTE, { ...thief, source: '192.0.2.99' })],
      ['high 1004', 'high 1004'],
    ],
    [
      'the same, beside those of ten thieves before him: the owner is not forgotten',
      [
        home,
        ...series(14, NIGHT + MINUTE, MINUTE, (at, i) =>
          registered(at, { source: `192.0.${i}.7`, userAgent: `tool ${i}` }, { others: [owner] }),
        ),
        registered(NIGHT + HOUR, { source: '198.18.0.1', userAgent: 'Yealink T46' }, { others: [owner] }),
      ],
      [...Array<string>(14).fill('high 1004'), 'medium 1004'],
    ],
    [
      'and calls from next door to where he was thrown out, without registering',
      [
        home,
        instead(),
        started(NIGHT + HOUR, { call: 'n', source: '198.18.5.78', registration: 'other-source', userAgent: 'x' }),
      ],
      ['high 1004', 'high 1004'],
    ],
    [
      'the owner, after the thief, with his phone on a new address',
      [home, instead(), registered(NIGHT + 5 * MINUTE, { source: '192.0.2.99', userAgent: agent })],
      ['high 1004', 'medium 1004'],
    ],
    ['after a cold start a second device may have been there for years', [home, beside(thief, cold)], ['medium 1004']],
    ['after a cold start what is seen is seen: the binding is taken', [home, instead(thief, cold)], ['high 1004']],
    ['after a cold start, two that fight', fight(2, thief, cold), ['high 1004']],
    ['removal from elsewhere', [home, removed(NIGHT + MINUTE, THIEF, [owner])], ['medium 1004']],
    [
      'removal from elsewhere, then a registration from there',
      [home, removed(NIGHT + MINUTE, THIEF, [owner]), registered(NIGHT + 2 * MINUTE, thief)],
      ['medium 1004', 'high 1004'],
    ],
    [
      'two failures, then the same phone from elsewhere',
      [home, ...series(2, NIGHT, SECOND, (at) => failed(at)), beside({ source: THIEF, userAgent: agent })],
      ['medium 1004'],
    ],
    [
      'three failures before it',
      [home, ...series(3, NIGHT, SECOND, (at) => failed(at)), beside({ source: THIEF, userAgent: agent })],
      ['high 1004'],
    ],
    [
      "bob's password registers alice",
      [
        registered(NIGHT - HOUR, { source: THIEF }, { account: 'bob', aor: 'bob@pbx', authUser: 'bob' }),
        registered(NIGHT, {}, { account: 'alice', aor: 'alice@pbx', authUser: 'bob' }),
      ],
      ['high alice'],
    ],
    [
      'a softphone that moves, and then the desk phone: neither fights',
      [
        home,
        registered(NIGHT + MINUTE, { source: THIEF }, { displaced: [binding(NIGHT)] }),
        registered(NIGHT + 2 * MINUTE, { userAgent: 'desk phone' }, { displaced: [binding(NIGHT, { source: THIEF })] }),
      ],
      ['medium 1004'],
    ],
    [
      'two numbers of one person at one address share a password',
      [
        registered(NIGHT - HOUR, {}, { account: 'bob', aor: 'bob@pbx', authUser: 'bob' }),
        registered(NIGHT, {}, { account: 'alice', aor: 'alice@pbx', authUser: 'bob' }),
      ],
      ['medium alice'],
    ],
    [
      "bob's password registers alice, whose phone is registered",
      [registered(NIGHT, {}, { account: 'alice', aor: 'alice@pbx', authUser: 'bob', others: [binding(NIGHT)] })],
      ['high alice'],
    ],
    ["extension 100's password registers 1004", [registered(NIGHT, {}, { authUser: '100' })], ['high 1004']],
    [
      'a call from an address that is not bound, another device',
      [home, started(NIGHT + MINUTE, { source: THIEF, registration: 'other-source', userAgent: 'sipcli' })],
      ['high 1004'],
    ],
    [
      'and it connects',
      [
        home,
        started(NIGHT + MINUTE, { source: THIEF, registration: 'other-source', userAgent: 'sipcli' }),
        connected(NIGHT + MINUTE, { source: THIEF, registration: 'other-source', userAgent: 'sipcli' }),
      ],
      ['high 1004', 'critical 1004'],
    ],
    [
      'a call from an address that is not bound, the same model',
      [home, started(NIGHT + MINUTE, { source: THIEF, registration: 'other-source' })],
      ['medium 1004'],
    ],
    [
      'credentials taken from an address that is not bound, and nothing after',
      [home, succeeded(NIGHT + MINUTE, { source: THIEF }), tick(NIGHT + MINUTE + 1_999), tick(NIGHT + MINUTE + 2_000)],
      ['medium 1004'],
    ],
    [
      'a feed without user agents sees the second address',
      [
        registered(NIGHT, { userAgent: '' }),
        instead({ source: THIEF, userAgent: '' }, { displaced: [binding(NIGHT, { userAgent: '' })] }),
      ],
      ['medium 1004'],
    ],
    ['and the fight', fight(4, { source: THIEF, userAgent: '' }), ['medium 1004', 'high 1004']],
    // innocent twins
    ['the first registration there is', [home], []],
    [
      'a phone that reboots: other port and Call-ID',
      [home, registered(NIGHT + MINUTE, { sourcePort: 9, callId: 'new' }, { others: [owner] })],
      [],
    ],
    [
      'a phone with new firmware',
      [home, registered(NIGHT + MINUTE, { userAgent: 'Yealink T46 new' }, { previous: owner })],
      [],
    ],
    ['address translation within a /24', [home, takeover({ source: '203.0.113.200', userAgent: agent })], []],
    [
      'IPv6 privacy addresses within a /64',
      [
        registered(NIGHT, { source: '2001:db8::1' }),
        takeover({ source: '2001:db8::2', userAgent: agent }, { previous: binding(NIGHT, { source: '2001:db8::1' }) }),
      ],
      [],
    ],
    [
      'a softphone that was used in the office beside the desk phone goes travelling, told by its instance',
      [
        registered(NIGHT, { instance }),
        registered(
          NIGHT + HOUR,
          { userAgent: 'Linphone', instance: '<urn:uuid:2>' },
          { others: [binding(NIGHT, { instance })] },
        ),
        registered(NIGHT + 2 * HOUR, { instance }),
        registered(
          NIGHT + DAY,
          { source: THIEF, userAgent: 'Linphone', instance: '<urn:uuid:2>' },
          { others: [binding(NIGHT + DAY, { instance })] },
        ),
      ],
      ['low 1004'],
    ],
    [
      'a phone that moves once, told by its instance',
      [
        registered(NIGHT, { instance }),
        beside({ source: THIEF, userAgent: agent, instance }, { others: [binding(NIGHT, { instance })] }),
      ],
      ['low 1004'],
    ],
    [
      'a phone that moves once, told by its user agent',
      [home, beside({ source: THIEF, userAgent: agent })],
      ['medium 1004'],
    ],
    [
      'and calls from there',
      [home, beside({ source: THIEF, userAgent: agent }), started(NIGHT + HOUR, { source: THIEF })],
      ['medium 1004'],
    ],
    [
      'a softphone that flaps between two networks all day',
      fight(40, { source: THIEF, userAgent: agent, instance }),
      ['low 1004'],
    ],
    ['the same without an instance', fight(40, { source: THIEF, userAgent: agent }), ['medium 1004']],
    ['it flaps once, in a feed without user agents', fight(2, { source: THIEF, userAgent: '' }), ['medium 1004']],
    [
      'a new phone after the old registration has run out',
      [home, registered(NIGHT + 2 * HOUR, thief)],
      ['medium 1004'],
    ],
    [
      'a new phone of another make on the next desk',
      [
        registered(NIGHT, { source: '10.0.0.5' }),
        registered(
          NIGHT + MINUTE,
          { source: '10.0.0.9', userAgent: 'Snom' },
          { others: [binding(NIGHT, { source: '10.0.0.5' })] },
        ),
      ],
      ['medium 1004'],
    ],
    [
      'two devices for months, in turn',
      [
        home,
        registered(NIGHT + 8 * DAY, thief),
        ...series(9, NIGHT + 30 * DAY, HOUR, (at, i) =>
          registered(at, i % 2 ? thief : {}, { others: [i % 2 ? owner : binding(at, thief)] }),
        ),
      ],
      ['medium 1004'],
    ],
    ['the phone itself removes its binding', [home, removed(NIGHT + MINUTE, OWNER, [owner])], []],
    ['the registrar lets it run out', [home, removed(NIGHT + HOUR, null, [owner])], []],
    ['an auth name that belongs to the extension', [registered(NIGHT, {}, { authUser: 'phone-1004@pbx' })], []],
    [
      "a digest username that is nobody else's is a provider's custom, said once",
      series(9, NIGHT, MINUTE, (at) => registered(at, {}, { authUser: 'x' })),
      ['medium 1004'],
    ],
    ['the owner calls while a thief is registered', [home, instead(), started(NIGHT + HOUR)], ['high 1004']],
    [
      'an emergency call, whoever places it',
      [home, instead(), started(NIGHT + HOUR, { source: THIEF, dialled: '112' })],
      ['high 1004'],
    ],
    [
      'a call by an address next door',
      [home, started(NIGHT + MINUTE, { source: '203.0.113.8', registration: 'other-source', userAgent: 'x' })],
      [],
    ],
    [
      'credentials that a registration explains a moment later',
      [
        home,
        succeeded(NIGHT + MINUTE, { source: THIEF }),
        beside({ source: THIEF, userAgent: agent }),
        tick(NIGHT + HOUR),
      ],
      ['medium 1004'],
    ],
    [
      'an inbound call by the carrier',
      [home, started(NIGHT + MINUTE, { trunk: 'carrier', source: '198.51.100.1', registration: 'other-source' })],
      [],
    ],
    [
      'a binding whose source nobody knows (read from the registrar)',
      [
        registered(NIGHT, { source: null }),
        registered(NIGHT + MINUTE, thief, { others: [binding(NIGHT, { source: null })] }),
      ],
      [],
    ],
  ];
  for (const [sentence, events, expected] of table)
    it(sentence, () => assert.deepEqual(told(judge(hijack).take(...events)), expected));

  it('says who was at home, who came, and why it is no move', () => {
    const [found] = judge(hijack).take(home, instead());
    assert.equal(
      found?.summary,
      `Extension 1004 was taken over from ${THIEF}, in place of the phone that was registered (its phone is at ${OWNER})`,
    );
    assert.deepEqual(found.sources, [THIEF]);
    assert.equal(found.facts['ownerUserAgent'], agent);
    assert.equal(found.facts['userAgent'], 'MicroSIP/3.21');
    assert.equal(found.facts['sameDevice'], 'other');
    assert.equal(found.sourceProof, 'authenticated');
  });

  it('joins the calls of the thief to the registration', () => {
    const last = judge(hijack)
      .take(
        home,
        instead(),
        ...series(4, NIGHT + HOUR, SECOND, (at, i) => started(at, { call: `c${i}`, source: THIEF })),
      )
      .at(-1);
    assert.deepEqual(last?.callKeys, ['c0', 'c1', 'c2', 'c3']);
    assert.match(last.summary, /and 4 calls placed/);
  });

  it('tells the subject as an address when the account is not known', () => {
    const rest = { account: null };
    assert.deepEqual(told(judge(hijack).take(registered(NIGHT, {}, rest), beside(thief, rest))), [`high ${THIEF}`]);
  });

  it('counts switches exactly, twice as many where the feed tells no user agents', () => {
    for (const switches of [2, 3, 5]) {
      const hit = (n: number): boolean =>
        told(judge(hijack, { switches }).take(...fight(n, { source: THIEF, userAgent: '' }))).includes('high 1004');
      assert.deepEqual([hit(2 * switches - 1), hit(2 * switches)], [false, true]);
    }
  });

  it('keeps the thief in mind when many addresses of the owner pass by', () => {
    const one = judge(hijack);
    const wander = series(30, NIGHT + 2 * MINUTE, DAY, (at, i) =>
      registered(at, { source: `198.51.${i + 101}.9` }, { previous: owner }),
    );
    one.take(home, instead(), ...wander);
    assert.deepEqual(told(one.take(started(NIGHT + 40 * DAY, { source: THIEF }))), ['critical 1004']);
  });
});
