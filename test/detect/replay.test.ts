import assert from 'node:assert/strict';
import replay from '../../src/detect/replay.ts';
import type { Event, RequestFacts, SessionFacts } from '../../src/model.ts';
import { DAY, HOUR, MINUTE, SECOND } from '../../src/time.ts';
import {
  answered,
  DAYTIME,
  judge,
  OWNER,
  PBX,
  received,
  repeated,
  seen,
  succeeded,
  THIEF,
  tick,
  told,
} from '../support/events.ts';

const CARRIER = '198.51.100.1';
const KEY = 'a'.repeat(32);
const session = (over: Partial<SessionFacts> = {}): SessionFacts => ({
  origin: 'bob 3724394400',
  version: '1',
  originAddress: '192.168.7.20',
  connection: '192.168.7.20',
  keys: [KEY],
  ...over,
});
const invite = (over: Partial<RequestFacts> = {}): Partial<RequestFacts> => ({
  method: 'INVITE',
  callId: 'first@x',
  fromTag: 'bob',
  source: OWNER,
  sentBy: OWNER,
  userAgent: 'Yealink T46',
  ...over,
});
const credentials = { authUser: '1004', nonce: 'n1', nc: 1, proof: 'answered' as const };
const bob = { account: '1004' };
const again = {
  callId: 'second@x',
  fromTag: 'c',
  source: THIEF,
  sentBy: THIEF,
  branch: 'z9hG4bK2',
  proof: 'none' as const,
};

/** Asked without credentials, challenged, asked with them, taken. */
const taken = (at: number, facts: Partial<RequestFacts>, status = 200, over: object = bob): Event[] => [
  seen(at, { ...facts, authUser: null, nonce: null, nc: null }, over),
  seen(at + 50, { ...facts, cseq: (facts.cseq ?? 1) + 1 }, over),
  ...(status === 200 && facts.authUser != null
    ? [succeeded(at + 60, { username: facts.authUser, callId: facts.callId ?? 'c@x', source: facts.source ?? THIEF })]
    : []),
  answered(at + 70, status, { ...facts, cseq: (facts.cseq ?? 1) + 1 }, { ...over, tookMs: 20 }),
];
const copied = (at: number, over = {}): Event => repeated(at, { callId: 'first@x', ...over });
const took = (at: number, over = {}): Event => received(at, { session: session(), ...over });

const T = DAYTIME;
const call = invite({ ...credentials, session: session() });
const plain = invite({ ...credentials, session: session({ keys: [] }) });
/** `n` calls of one phone with one key, one an hour. */
const reuse = (n: number, over: Partial<RequestFacts> = {}, from = T, id = 'r'): Event[] =>
  Array.from({ length: n }, (_, i) =>
    taken(from + i * HOUR, {
      ...call,
      callId: `${id}${i}@x`,
      nonce: `n${i}`,
      session: session({ version: `${i}` }),
      ...over,
    }),
  ).flat();

describe('replay', () => {
  const table: [string, Event[], string[]][] = [
    // copies of requests
    [
      "Charles sends Bob's INVITE again, an hour later",
      [...taken(T, invite(credentials)), seen(T + HOUR, { ...invite(credentials), cseq: 2, source: THIEF })],
      ['high 1004'],
    ],
    [
      'just as the memory ends, and a moment later',
      [
        ...taken(T, plain),
        seen(T + 70 + DAY, { ...invite(), cseq: 2, source: THIEF }),
        seen(T + 71 + DAY, { ...invite(), cseq: 2, source: '198.18.5.67' }),
      ],
      ['high 1004'],
    ],
    ['the same packet from another address, with credentials', [copied(T)], [`high ${THIEF}`]],
    ['the same without credentials', [copied(T, { offersCredentials: false })], [`medium ${THIEF}`]],
    [
      'the same within 100 ms: a network that is mirrored on both sides of a NAT',
      [seen(T, { ...invite(credentials), cseq: 2 }), copied(T + 99, { firstSeenAt: T })],
      [`medium ${THIEF}`],
    ],
    [
      'the same 100 ms later',
      [seen(T, { ...invite(credentials), cseq: 2 }), copied(T + 100, { firstSeenAt: T })],
      [`high ${THIEF}`],
    ],
    ['sixteen times from its own address is a flood, not this', [copied(T, { source: OWNER, repeats: 16 })], []],
    [
      'another server of the same carrier',
      [copied(T, { source: '198.51.100.2', firstSource: CARRIER, trunk: 'carrier' })],
      [],
    ],
    [
      'an old INVITE from its own address, from another port',
      [...taken(T, invite(credentials)), seen(T + HOUR, { ...invite(credentials), cseq: 2, sourcePort: 4_711 })],
      [],
    ],
    [
      'what the PBX had refused is not remembered',
      [...taken(T, invite(credentials), 403), seen(T + HOUR, { ...invite(), cseq: 2, source: THIEF })],
      [],
    ],
    [
      'a proxy passes it on, with a Via of its own',
      [
        ...taken(T, invite(credentials)),
        seen(T + SECOND, {
          ...invite(credentials),
          cseq: 2,
          source: '10.0.0.5',
          sentBy: '10.0.0.5',
          viaHosts: [OWNER],
        }),
      ],
      [],
    ],
    [
      'who only writes such a Via, an hour later',
      [
        ...taken(T, invite(credentials)),
        seen(T + HOUR, { ...invite(), cseq: 2, source: THIEF, sentBy: THIEF, viaHosts: [OWNER] }),
      ],
      ['high 1004'],
    ],
    // credentials
    [
      "Bob's credentials with another Contact, from elsewhere",
      [
        ...taken(T, { ...invite(credentials), method: 'REGISTER' }),
        seen(T + 20 * SECOND, { ...invite(credentials), ...again, method: 'REGISTER' }),
      ],
      ['high 1004'],
    ],
    [
      'after the nonce has died',
      [
        ...taken(T, { ...invite(credentials), method: 'REGISTER' }),
        seen(T + 70 + 10 * MINUTE + 1, { ...invite(credentials), ...again, method: 'REGISTER' }),
      ],
      [],
    ],
    [
      'the phone uses its nonce again, from its own address: Asterisk takes it for 32 s',
      [
        ...taken(T, { ...invite(credentials), method: 'REGISTER' }),
        seen(T + 20 * SECOND, { ...invite(credentials), callId: 'c2@x', method: 'INVITE' }),
        seen(T + 30 * SECOND, { ...invite(credentials), callId: 'c3@x', method: 'INVITE', sourcePort: 4_711 }),
      ],
      [],
    ],
    [
      'the phone has moved and counts on',
      [
        ...taken(T, { ...invite(credentials), method: 'REGISTER' }),
        seen(T + MINUTE, { ...invite({ ...credentials, nc: 2 }), method: 'REGISTER', cseq: 3, source: THIEF }),
      ],
      [],
    ],
    [
      'the phone has moved and does not count',
      [
        ...taken(T, { ...invite({ ...credentials, nc: null }), method: 'REGISTER' }),
        seen(T + MINUTE, { ...invite({ ...credentials, nc: null }), method: 'REGISTER', cseq: 3, source: THIEF }),
      ],
      ['medium 1004'],
    ],
    [
      'two phones of one account behind Kamailio, challenged within one second',
      [
        seen(T, { ...invite(), method: 'REGISTER', callId: 'a@x' }, bob),
        seen(T + 800, { ...invite(again), method: 'REGISTER' }, bob),
        seen(T + 900, { ...invite(credentials), method: 'REGISTER', callId: 'a@x', cseq: 2 }, bob),
        answered(T + 950, 200, { ...invite(credentials), method: 'REGISTER', callId: 'a@x', cseq: 2 }, bob),
        seen(T + 990, { ...invite({ ...credentials, ...again }), method: 'REGISTER', cseq: 2 }, bob),
      ],
      [],
    ],
    [
      'another user with the same nonce of Kamailio',
      [
        ...taken(T, { ...invite(credentials), method: 'REGISTER' }),
        seen(T + SECOND, { ...invite(credentials), ...again, authUser: '1005', method: 'REGISTER' }),
      ],
      [],
    ],
    // keys
    [
      "Charles offers the key of Bob's call in a call of his own",
      [...taken(T, call), seen(T + HOUR, invite({ ...again, session: session() })), tick(T + HOUR + 15 * SECOND)],
      ['high 1004'],
    ],
    [
      'not before he had time to show who he is',
      [...taken(T, call), seen(T + HOUR, invite({ ...again, session: session() })), tick(T + HOUR + 15 * SECOND - 1)],
      [],
    ],
    [
      'the key that the PBX had answered with',
      [
        seen(T, plain, bob),
        answered(T, 200, plain, { ...bob, session: session({ origin: '- 1', keys: ['b'.repeat(32)] }) }),
        seen(T + HOUR, invite({ ...again, session: session({ keys: ['b'.repeat(32)] }) })),
        tick(T + HOUR + MINUTE),
      ],
      [`high ${THIEF}`],
    ],
    [
      'the key that somebody had answered with whom the PBX had called',
      [took(T), seen(T + HOUR, invite({ ...again, session: session() })), tick(T + HOUR + MINUTE)],
      [`high ${THIEF}`],
    ],
    [
      'an insider, by his own password',
      [
        ...taken(T, call),
        ...taken(T + HOUR, invite({ ...again, authUser: '1005', nonce: 'n2', nc: 1, session: session() }), 200, {
          account: '1005',
        }),
        tick(T + 2 * HOUR),
      ],
      ['high 1004'],
    ],
    [
      'the phone itself, which keeps its key and has moved: it knows the password',
      [
        ...taken(T, call),
        ...taken(T + HOUR, invite({ ...again, ...credentials, nonce: 'n2', session: session() })),
        tick(T + 2 * HOUR),
      ],
      [],
    ],
    [
      'an offer, the same with credentials, a re-INVITE and the answer: one call',
      [...taken(T, call), ...taken(T + MINUTE, { ...call, cseq: 3, nonce: 'n2' }), tick(T + HOUR)],
      [],
    ],
    ['three calls of one phone with one key', reuse(3), ['medium 1004']],
    ['two calls', reuse(2), []],
    [
      'every call for a day: told at the third and when it has doubled from eight',
      reuse(12),
      ['medium 1004', 'medium 1004'],
    ],
    [
      'a slow one: a call in eight days',
      [0, 8, 16, 24].flatMap((day) => reuse(1, { callId: `s${day}@x`, nonce: `s${day}` }, T + day * DAY)),
      [],
    ],
    [
      'a hundred phones of the same make: told as one, and as it doubles',
      Array.from({ length: 100 }, (_, i) =>
        reuse(
          3,
          { source: `203.0.113.${i}`, session: session({ keys: [`k${i}`] }), userAgent: 'Fanvil X4', authUser: `${i}` },
          T + i * SECOND,
          `p${i}`,
        ),
      )
        .flat()
        .sort((a, b) => a.at - b.at),
      Array.from({ length: 5 }, () => 'medium 1004'),
    ],
    [
      'a phone that is called, and answers with one key',
      [0, 1, 2].map((i) => took(T + i * HOUR, { callId: `out${i}@pbx` })),
      [`medium ${OWNER}`],
    ],
    [
      'a carrier that lets one call ring at three of our numbers',
      [0, 1, 2].flatMap((i) => {
        const leg = invite({ callId: `fork${i}@c`, source: `198.51.100.${i + 1}`, session: session() });
        const over = { account: null, trunk: 'carrier' };
        return [seen(T + i, leg, over), answered(T + 5 * SECOND + i, 200, leg, { ...over, tookMs: 5 * SECOND })];
      }),
      [],
    ],
    [
      'calls of one carrier with one key, from whichever of its servers',
      [0, 1, 2].flatMap((i) => {
        const leg = invite({ callId: `t${i}@c`, source: `198.51.100.${i + 1}`, session: session() });
        return taken(T + i * HOUR, leg, 200, { account: null, trunk: 'carrier' });
      }),
      ['medium 198.51.100.3'],
    ],
    // descriptions without keys
    [
      'a session description of another call, from elsewhere',
      [...taken(T, plain), seen(T + HOUR, invite({ ...again, session: session({ keys: [] }) })), tick(T + 2 * HOUR)],
      ['medium 1004'],
    ],
    [
      'an o= line that says nothing',
      [
        ...taken(T, invite({ ...credentials, session: session({ keys: [], origin: '- 0' }) })),
        seen(T + HOUR, invite({ ...again, session: session({ keys: [], origin: '- 0' }) })),
        tick(T + 2 * HOUR),
      ],
      [],
    ],
    [
      'of a phone that has moved',
      [
        ...taken(T, plain),
        ...taken(T + HOUR, invite({ ...again, ...credentials, nonce: 'n2', session: session({ keys: [] }) })),
        tick(T + 2 * HOUR),
      ],
      [],
    ],
  ];
  for (const [sentence, events, expected] of table)
    it(sentence, () => assert.deepEqual(told(judge(replay).take(...events)), expected));

  it('says whose it was, from where it came now and before, and names both calls', () => {
    const [found] = judge(replay).take(
      ...taken(T, call),
      seen(T + HOUR, invite({ ...again, session: session() })),
      tick(T + HOUR + MINUTE),
    );
    assert.equal(
      found?.summary,
      'An SRTP key of a call of extension 1004 at 203.0.113.7 came again from 198.18.5.66: who gets an answer to it, and has recorded that call, can listen to it',
    );
    assert.deepEqual(found.sources, [THIEF], 'the victim is not among those to be looked at');
    assert.deepEqual(found.callKeys, ['second@x', 'first@x']);
    assert.equal(found.facts['firstAddress'], OWNER);
    assert.ok(!JSON.stringify(found).includes(KEY));
  });

  it('takes its thresholds from the settings, exactly', () => {
    const hit = (parameters: Record<string, unknown>, events: Event[]): boolean =>
      judge(replay, parameters).take(...events).length > 0;
    assert.deepEqual([hit({ reused_key_calls: 5 }, reuse(4)), hit({ reused_key_calls: 5 }, reuse(5))], [false, true]);
    const late = (after: number): Event[] => [
      ...taken(T, invite(credentials)),
      seen(T + 70 + after, { ...invite(credentials), ...again, method: 'REGISTER' }),
    ];
    assert.deepEqual(
      [hit({ credentials: '5m' }, late(5 * MINUTE)), hit({ credentials: '5m' }, late(5 * MINUTE + 1))],
      [true, false],
    );
    const old = (after: number): Event[] => [
      ...taken(T, invite()),
      seen(T + 70 + after, { ...invite(), cseq: 2, source: THIEF, destination: PBX }),
    ];
    assert.deepEqual([hit({ remember: '1h' }, old(HOUR)), hit({ remember: '1h' }, old(HOUR + 1))], [true, false]);
  });
});
