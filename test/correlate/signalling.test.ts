import assert from 'node:assert/strict';
import type { Event } from '../../src/model.ts';
import { describeWithData } from '../support/data.ts';
import { challenge, PBX, Station, type Packet } from '../support/sip-builder.ts';
import { line, mirrored, siteOf, watch } from './support.ts';

const T = Date.UTC(2026, 10, 21, 1, 0, 0);
const told = (events: readonly Event[]): string[] =>
  events.filter((e) => !/^(?:request\.|dialog\.|answer\.|tick)/.test(e.kind)).map(line);

describe('correlate: mirrored SIP', () => {
  const phone = (): Station => new Station('203.0.113.5');

  const cases: [string, () => Packet[], string[]][] = [
    [
      'a registration with its challenge is one acceptance and no failure',
      () => phone().register(T, '1001'),
      ['succeeded 1001 from 203.0.113.5', 'registered 1001@pbx.example as sip:1001@203.0.113.5:5060 from 203.0.113.5'],
    ],
    [
      'a call is started once, when it is taken on, and answered once though the 200 comes three times',
      () => {
        const packets = phone().call(T, '1001', '0037167001122', { talk: 5_000 });
        const ok = packets[5]!;
        return [...packets.slice(0, 6), ok, { ...ok, at: ok.at + 500 }, packets[6]!];
      },
      [
        'succeeded 1001 from 203.0.113.5',
        'call.started 1001 to 0037167001122 from 203.0.113.5 none',
        'call.answered 1001 to 0037167001122 from 203.0.113.5 none',
        'call.ended 0037167001122 0',
      ],
    ],
    [
      'a wrong password is one failure for each guess, though Call-ID and CSeq stay the same',
      () => {
        const s = phone();
        return [1, 2, 3].flatMap((n) => {
          const guess = s.request(T + n * 100, {
            user: '1001',
            callId: 'same',
            cseq: 2,
            auth: '1001',
            answer: `${n}`.repeat(32),
          });
          return [guess, s.answer(T + n * 100 + 5, guess, 401, challenge)];
        });
      },
      Array.from({ length: 3 }, () => 'failed 1001 from 203.0.113.5: wrong-credentials'),
    ],
    [
      'a guesser who keeps the branch too is still counted by his answers',
      () => {
        const s = phone();
        return [1, 2, 3].flatMap((n) => {
          const guess = s.request(T + n * 100, {
            user: '1001',
            callId: 'same',
            cseq: 2,
            branch: 'z9hG4bKx',
            auth: '1001',
            answer: `${n}`.repeat(32),
          });
          return [guess, s.answer(T + n * 100 + 5, guess, 401, challenge)];
        });
      },
      Array.from({ length: 3 }, () => 'failed 1001 from 203.0.113.5: wrong-credentials'),
    ],
    [
      'a retransmitted guess and a guess mirrored twice are one failure',
      () => {
        const s = phone();
        const guess = s.request(T, { user: '1001', callId: 'c', cseq: 2, auth: '1001' });
        const no = s.answer(T + 5, guess, 401, challenge);
        return [guess, guess, no, { ...guess, at: T + 500 }, { ...no, at: T + 505 }];
      },
      ['failed 1001 from 203.0.113.5: wrong-credentials'],
    ],
    [
      'an expired nonce (stale=true) is no failure',
      () => {
        const s = phone();
        const request = s.request(T, { user: '1001', callId: 'c', cseq: 2, auth: '1001' });
        return [request, s.answer(T + 5, request, 401, [`${challenge[0]!}, stale=true`])];
      },
      [],
    ],
    [
      'a name the registrar does not know, and one it forbids',
      () => {
        const s = phone();
        const a = s.request(T, { user: '9999', callId: 'a' });
        const b = s.request(T + 100, { user: '1001', callId: 'b', auth: '1001' });
        return [a, s.answer(T + 5, a, 404), b, s.answer(T + 105, b, 403)];
      },
      ['failed 9999 from 203.0.113.5: unknown-account', 'failed 1001 from 203.0.113.5: forbidden'],
    ],
    [
      'an escaped user is the user',
      () => phone().register(T, '%31001', { auth: '1001' }),
      [
        'succeeded 1001 from 203.0.113.5',
        'registered 1001@pbx.example as sip:%31001@203.0.113.5:5060 from 203.0.113.5',
      ],
    ],
    [
      'a call refused before it was taken on starts nothing',
      () => {
        const s = phone();
        const invite = s.request(T, { method: 'INVITE', user: '1001', to: '00371', callId: 'c', auth: '1001' });
        return [invite, s.answer(T + 5, invite, 404)];
      },
      [],
    ],
    [
      'a cancelled call ends, and its 487 ends nothing more',
      () => {
        const s = phone();
        const packets = s.call(T, '1001', '0037167001122', { callId: 'c' }).slice(0, 5);
        const cancel = s.request(T + 3_000, {
          method: 'CANCEL',
          user: '1001',
          to: '0037167001122',
          callId: 'c',
          cseq: 2,
        });
        return [...packets, cancel, s.answer(T + 3_005, packets[3]!, 487)];
      },
      [
        'succeeded 1001 from 203.0.113.5',
        'call.started 1001 to 0037167001122 from 203.0.113.5 none',
        'call.ended 0037167001122 487',
      ],
    ],
    [
      'Contact: * with Expires: 0 removes every binding',
      () => {
        const s = phone();
        const gone = s.request(T + 5_000, { user: '1001', callId: 'x', contact: '*', expires: 0, auth: '1001' });
        return [...s.register(T, '1001'), gone, s.answer(T + 5_005, gone, 200)];
      },
      [
        'succeeded 1001 from 203.0.113.5',
        'registered 1001@pbx.example as sip:1001@203.0.113.5:5060 from 203.0.113.5',
        'succeeded 1001 from 203.0.113.5',
        'unregistered 1001@pbx.example by 203.0.113.5',
      ],
    ],
    [
      'keep-alives and the registration of nobody tell nothing, garbage is malformed',
      () => [
        { path: phone().request(T, { user: '1', callId: 'k' }).path, payload: Buffer.from('\r\n\r\n'), at: T },
        { path: phone().request(T, { user: '1', callId: 'k' }).path, payload: Buffer.alloc(4), at: T },
        {
          path: phone().request(T, { user: '1', callId: 'k' }).path,
          payload: Buffer.from('GET / HTTP/1.1\r\n\r\n'),
          at: T,
        },
      ],
      ['malformed sip from 203.0.113.5'],
    ],
  ];
  for (const [sentence, packets, expected] of cases)
    it(sentence, () => {
      const w = watch(siteOf({ network: { pbx: [PBX] } }));
      w.play(packets());
      assert.deepEqual(told(w.events), expected);
    });

  it("does not take a proxy's 100 for the PBX's word: a call that is then refused was none, and proves no password", () => {
    const w = watch(siteOf({ network: { pbx: [PBX, '192.0.2.11'] } }));
    const s = phone();
    const out = new Station(PBX, 5060, '192.0.2.11');
    const invite = s.request(T + 100, { method: 'INVITE', user: '1001', to: '00371', callId: 'c', auth: '1001' });
    const passed = out.request(T + 101, { method: 'INVITE', user: '1001', to: '00371', callId: 'c', auth: '1001' });
    w.play([
      out.request(T, { user: '1002', callId: 'r' }),
      invite,
      passed,
      s.answer(T + 102, invite, 100),
      out.answer(T + 110, passed, 401, challenge),
      s.answer(T + 111, invite, 401, challenge),
    ]);
    assert.deepEqual(told(w.events), ['failed 1001 from 203.0.113.5: wrong-credentials']);
    const taken = s.request(T + 200, { method: 'INVITE', user: '1001', to: '00371', callId: 'd', auth: '1001' });
    w.play([taken, s.answer(T + 202, taken, 100), s.answer(T + 220, taken, 180)]);
    assert.deepEqual(told(w.events).slice(1), [
      'succeeded 1001 from 203.0.113.5',
      'call.started 1001 to 00371 from 203.0.113.5 none',
    ]);
  });

  it('tells the same set of facts in whatever order the mirror sends packets of one moment', () => {
    const owner = new Station('203.0.113.5');
    const thief = new Station('198.51.100.7', 5080);
    const packets = [
      ...owner.register(T, '1001', { seconds: 600 }),
      ...thief.register(T + 1_000, '1001', { callId: 'thief' }),
      ...thief.call(T + 2_000, '1001', '0037167001122', { talk: 500 }),
    ].sort((a, b) => a.at - b.at);
    const straight = watch(siteOf({ network: { pbx: [PBX] } }));
    straight.play(packets);
    let seed = 7;
    const random = (): number => (seed = (seed * 16_807) % 2_147_483_647) / 2_147_483_647;
    for (let round = 0; round < 200; round++) {
      // each answer may overtake its request and each request the answer before it, within 8 ms
      const shuffled = packets.map((p) => ({ p, key: p.at + random() * 8 })).sort((a, b) => a.key - b.key);
      const w = watch(siteOf({ network: { pbx: [PBX] } }));
      w.play(shuffled.map((s) => s.p));
      assert.deepEqual(told(w.events).sort(), told(straight.events).sort(), `round ${round}`);
    }
  });

  it('tells who else is registered, what a REGISTER displaced, and the account behind credentials', () => {
    const w = watch(siteOf({ network: { pbx: [PBX] } }, ['1001', '1002']));
    w.play(new Station('203.0.113.5').register(T, '1001', { userAgent: 'Yealink' }));
    const both = ['<sip:1001@203.0.113.5:5060>;expires=3000', '<sip:1001@198.51.100.7:5060>;expires=3600'];
    w.play(new Station('198.51.100.7').register(T + 60_000, '1001', { callId: 't', listed: both, auth: '1002' }));
    w.play(new Station('198.51.100.8').register(T + 120_000, '1001', { callId: 'u', userAgent: 'x' }));
    const [first, second, third] = w.of('register.accepted');
    assert.deepEqual([first?.others.length, first?.previous, first?.authUser], [0, null, '1001']);
    assert.deepEqual(
      second?.others.map((o) => [o.source, o.userAgent, o.expiresAt]),
      [['203.0.113.5', 'Yealink', T + 15 + 3_600_000]],
    );
    assert.equal(second.authUser, '1002');
    // the third answer lists its own contact alone: the registrar kept one binding only
    assert.deepEqual([...(third?.displaced ?? [])].map((d) => d.source).sort(), ['198.51.100.7', '203.0.113.5']);
    assert.deepEqual(third?.others, []);
  });

  it('knows the same contact from another source as the same binding, moved', () => {
    const w = watch(siteOf({ network: { pbx: [PBX] } }));
    const contact = '<sip:1001@192.168.1.20:5060>';
    w.play(new Station('203.0.113.5').register(T, '1001', { contact }));
    w.play(new Station('198.51.100.7').register(T + 60_000, '1001', { contact, callId: 't' }));
    const second = w.of('register.accepted')[1];
    assert.deepEqual([second?.previous?.source, second?.binding.source], ['203.0.113.5', '198.51.100.7']);
  });

  it('is not led astray by credentials of somebody else before the real ones', () => {
    const w = watch(siteOf({ network: { pbx: [PBX] } }, ['1001']));
    const s = new Station('203.0.113.66');
    const decoy = 'Authorization: Digest username="nobody", realm="asterisk", nonce="x", uri="sip:x", response="1"';
    const guess = s.request(T, { user: '1001', callId: 'c', auth: '1001', answer: 'f'.repeat(32) });
    const payload = Buffer.from(guess.payload.toString().replace('Authorization:', `${decoy}\r\nAuthorization:`));
    w.play([{ ...guess, payload }, s.answer(T + 5, { ...guess, payload }, 401, challenge)]);
    assert.deepEqual(told(w.events), ['failed 1001 from 203.0.113.66: wrong-credentials']);
  });

  it('does not miss registrations between carriers, where nobody registers or asks for passwords', () => {
    const play = (pbx: readonly string[]): string | undefined => {
      const w = watch(siteOf({ network: { pbx: [...pbx] } }));
      const s = new Station('203.0.113.5');
      const invite = s.request(T, { method: 'INVITE', user: '4930', to: '00371670', callId: 'c' });
      w.play([invite, s.answer(T + 5, invite, 100), s.answer(T + 9, invite, 200)]);
      return w.of('call.started')[0]?.registration;
    };
    assert.deepEqual([play([]), play([PBX])], ['unknown', 'none']);
  });

  it('says where a caller is registered from', () => {
    const w = watch(siteOf({ network: { pbx: [PBX] } }, ['1001']));
    const owner = new Station('203.0.113.5');
    w.play(new Station('198.51.100.9').call(T, '1001', '00371670'));
    w.play(owner.register(T + 10_000, '1001'));
    w.play(owner.call(T + 20_000, '1001', '00371671'));
    w.play(new Station('198.51.100.7').call(T + 30_000, '1001', '00371672'));
    assert.deepEqual(
      w.of('call.started').map((c) => c.registration),
      ['none', 'this-source', 'other-source'],
    );
  });

  it('does not claim to know the past after a cold start, until a registration period has passed', () => {
    const w = watch(siteOf({ network: { pbx: [PBX] } }), true);
    const s = new Station('203.0.113.5');
    w.play(s.call(T, '1001', '00371670'));
    w.play(s.register(T + 60_000, '1002'));
    w.correlator.tick(T + 3_600_000);
    w.play(new Station('198.51.100.7').call(T + 3_600_001, '1001', '00371671'));
    assert.deepEqual(
      w.of('call.started').map((c) => c.registration),
      ['unknown', 'none'],
    );
    assert.equal(w.of('register.accepted')[0]?.historyKnown, false);
  });

  it('names the trunk a call comes in by, and does not take the second leg for a call', () => {
    const site = siteOf({ network: { pbx: [PBX], trunks: [{ name: 'carrier', addresses: ['198.51.100.0/28'] }] } }, [
      '1001',
    ]);
    const w = watch(site);
    const trunk = new Station('198.51.100.1');
    const invite = trunk.request(T, { method: 'INVITE', user: '4930111', to: '4940222', callId: 'in' });
    w.play([invite, trunk.answer(T + 5, invite, 100)]);
    w.play(new Station('203.0.113.5').call(T + 10_000, '1001', '0037167001122'));
    const out = new Station(PBX, 5060, '198.51.100.1').request(T + 10_020, {
      method: 'INVITE',
      user: '1001',
      to: '+37167001122',
      callId: 'leg-b',
    });
    const alone = new Station(PBX, 5060, '198.51.100.1').request(T + 60_000, {
      method: 'INVITE',
      user: 'x',
      to: '0088213',
      callId: 'own',
    });
    w.play([out, alone]);
    w.correlator.tick(T + 70_000);
    assert.deepEqual(
      told(w.events).filter((l) => l.startsWith('call.started')),
      [
        'call.started null to 4940222 from 198.51.100.1 unknown',
        'call.started 1001 to 0037167001122 from 203.0.113.5 none',
        'call.started null to 0088213 from null unknown',
      ],
    );
    assert.equal(w.of('call.started')[0]?.trunk, 'carrier');
  });

  it('keeps what it holds bounded under 120,000 spoofed sources', () => {
    const w = watch(siteOf());
    const before = w.events.length;
    for (let i = 0; i < 120_000; i++) {
      const s = new Station(`10.${i >> 16}.${(i >> 8) & 255}.${i & 255}`);
      w.play([s.request(T + i, { user: `u${i}`, callId: `c${i}` })]);
      if (i % 1_000 === 0) w.events.length = before;
    }
    assert.ok(w.correlator.size() <= 110_000, `${w.correlator.size()} entries`);
  });

  it('goes on from a snapshot as if nothing had happened', () => {
    const packets = [
      ...new Station('203.0.113.5').register(T, '1001'),
      ...new Station('198.51.100.7').register(T + 60_000, '1001', { callId: 't' }),
      ...new Station('198.51.100.7').call(T + 120_000, '1001', '00371670', { talk: 1_000 }),
    ];
    const whole = watch(siteOf());
    whole.play(packets);
    for (const cut of [4, 8]) {
      const first = watch(siteOf());
      first.play(packets.slice(0, cut));
      const second = watch(siteOf());
      second.correlator.restore(JSON.parse(JSON.stringify(first.correlator.snapshot())));
      second.play(packets.slice(cut));
      // which challenges were sent before is not kept: for a moment nobody can prove where he is
      const unproved = (events: readonly Event[]): unknown =>
        JSON.parse(JSON.stringify(events, (name, value: unknown) => (name === 'proof' ? undefined : value)));
      assert.deepEqual(unproved([...first.events, ...second.events]), unproved(whole.events));
    }
  });

  describeWithData('recorded in the lab', 'hep', () => {
    const recorded: [string, string, string, string[]][] = [
      [
        'a registration and a call through Kamailio, both legs mirrored',
        'hep/kamailio-5.6',
        'call',
        [
          'succeeded alice from 127.0.0.10',
          'registered alice@lab.local as sip:alice@127.0.0.10:5062;transport=UDP from 127.0.0.10',
          'succeeded alice from 127.0.0.10',
          'call.started alice to 004412345678 from 127.0.0.10 this-source',
          'call.answered alice to 004412345678 from 127.0.0.10 this-source',
          'call.ended 004412345678 0',
        ],
      ],
      [
        'bob registers a contact for alice with his own credentials',
        'hep/kamailio-5.6',
        'hijack',
        ['succeeded bob from 127.0.0.41', 'registered alice@lab.local as sip:x@127.0.0.41:44708 from 127.0.0.41'],
      ],
      [
        'SIPVicious guesses until it is in',
        'hep/kamailio-5.6',
        'svcrack',
        [
          ...Array.from({ length: 10 }, () => 'failed 1001 from 127.0.0.1: wrong-credentials'),
          'succeeded 1001 from 127.0.0.1',
          'registered 1001@127.0.0.1 as sip:123@1.1.1.1 from 127.0.0.1',
        ],
      ],
      [
        'Asterisk: a registration, a call, a wrong password',
        'hep/asterisk-22',
        '',
        [
          'succeeded 100 from 127.0.0.2',
          'registered 100@127.0.0.1 as sip:100@127.0.0.2:44958 from 127.0.0.2',
          'succeeded 100 from 127.0.0.2',
          'call.started 100 to 600 from 127.0.0.2 this-source',
          'call.answered 100 to 600 from 127.0.0.2 this-source',
          'call.ended 600 0',
          'failed 100 from 127.0.0.3: wrong-credentials',
        ],
      ],
    ];
    for (const [sentence, folder, prefix, expected] of recorded)
      it(sentence, () => {
        const w = watch(siteOf());
        w.play(mirrored(folder, prefix));
        assert.deepEqual(told(w.events), expected);
      });
  });
});
