import assert from 'node:assert/strict';
import type { Event } from '../../src/model.ts';
import { PBX, Station } from '../support/sip-builder.ts';
import { line, siteOf, watch, type Watch } from './support.ts';

type Header = readonly [string, string];
const T = Date.UTC(2026, 10, 21, 1, 0, 0);
const told = (events: readonly Event[]): string[] =>
  events.filter((e) => !/^(?:request|dialog|answer)\./.test(e.kind) && e.kind !== 'tick').map(line);

const security = (name: string, account: string, source: string, callId: string, ...extra: Header[]): Header[] => [
  ['Event', name],
  ['Service', 'PJSIP'],
  ['AccountID', account],
  ['SessionID', callId],
  ['LocalAddress', 'IPV4/UDP/192.0.2.10/5060'],
  ['RemoteAddress', `IPV4/UDP/${source}/5060`],
  ...extra,
];
const success = (account: string, source: string, callId: string): Header[] =>
  security('SuccessfulAuth', account, source, callId, ['UsingPassword', '1']);
const contact = (status: string, account: string, uri: string): Header[] => [
  ['Event', 'ContactStatus'],
  ['URI', uri],
  ['ContactStatus', status],
  ['AOR', account],
  ['EndpointName', account],
];
const channel = (endpoint: string, exten: string, uniqueid: string, linkedid = uniqueid): Header[] => [
  ['Event', 'Newchannel'],
  ['Channel', `PJSIP/${endpoint}-0000000${uniqueid.at(-1) ?? '0'}`],
  ['ChannelState', '4'],
  ['CallerIDNum', endpoint],
  ['Exten', exten],
  ['Uniqueid', uniqueid],
  ['Linkedid', linkedid],
];
const about = (event: string, uniqueid: string, ...extra: Header[]): Header[] => [
  ['Event', event],
  ['Uniqueid', uniqueid],
  ...extra,
];

const pbx = (live = false): Watch =>
  watch(
    siteOf({ network: { pbx: [PBX], trunks: [{ name: 'carrier', addresses: ['198.51.100.0/28'] }] } }, [
      '1001',
      '1002',
      'carrier',
    ]),
    live,
  );

describe('correlate: AMI events', () => {
  const cases: [string, (w: Watch) => void, string[]][] = [
    [
      'a SuccessfulAuth and the new contact after it are an accepted registration from that source',
      (w) => {
        w.ami(T, ...success('1001', '203.0.113.5', 'r1'));
        w.ami(T + 3, ...contact('NonQualified', '1001', 'sip:1001@203.0.113.5:5060'));
        w.ami(T + 9, ...contact('Reachable', '1001', 'sip:1001@203.0.113.5:5060'));
      },
      ['succeeded 1001 from 203.0.113.5', 'registered 1001 as sip:1001@203.0.113.5:5060 from 203.0.113.5'],
    ],
    [
      'a contact that goes is a registration that ended by the registrar',
      (w) => {
        w.ami(T, ...success('1001', '203.0.113.5', 'r1'));
        w.ami(T + 3, ...contact('NonQualified', '1001', 'sip:1001@203.0.113.5:5060'));
        w.ami(T + 60_000, ...contact('Removed', '1001', 'sip:1001@203.0.113.5:5060'));
      },
      [
        'succeeded 1001 from 203.0.113.5',
        'registered 1001 as sip:1001@203.0.113.5:5060 from 203.0.113.5',
        'unregistered 1001 by null',
      ],
    ],
    [
      'a name the PBX does not know is told once for one attempt, by its name',
      (w) => {
        const id = security('InvalidAccountID', '7777', '203.0.113.66', 'x1');
        w.ami(T, ...id);
        w.ami(T + 1, ...security('ChallengeSent', '<unknown>', '203.0.113.66', 'x1'));
        w.ami(T + 5, ...id);
        w.ami(T + 6, ...security('ChallengeResponseFailed', '<unknown>', '203.0.113.66', 'x1'));
      },
      ['failed 7777 from 203.0.113.66: unknown-account'],
    ],
    [
      'each guess is a failure though they keep one Call-ID',
      (w) => {
        for (let i = 0; i < 3; i++)
          w.ami(T + i * 30, ...security('ChallengeResponseFailed', '1001', '203.0.113.66', 'x1'));
      },
      Array.from({ length: 3 }, () => 'failed 1001 from 203.0.113.66: wrong-credentials'),
    ],
    [
      'a full AOR is a failure of its own kind, and somebody at the manager interface another',
      (w) => {
        w.ami(
          T,
          ...security('FailedACL', '1001', '203.0.113.66', 'x1', [
            'ACLName',
            'registrar_attempt_exceeds_maximum_configured_contacts',
          ]),
        );
        w.ami(
          T + 1,
          ['Event', 'InvalidPassword'],
          ['Service', 'AMI'],
          ['AccountID', 'admin'],
          ['SessionID', '0x55'],
          ['RemoteAddress', 'IPV4/TCP/203.0.113.66/40000'],
        );
      },
      ['failed 1001 from 203.0.113.66: too-many-contacts', 'failed admin from 203.0.113.66: wrong-credentials'],
    ],
    [
      'a call: authenticated, a channel with a number, up, hung up; its second leg is no call',
      (w) => {
        w.ami(T, ...success('1001', '203.0.113.5', 'c1'));
        w.ami(T + 3, ...channel('1001', '0037167001122', '1795285803.1'));
        w.ami(T + 8, ...channel('carrier', 's', '1795285803.2', '1795285803.1'));
        w.ami(T + 900, ...about('Newstate', '1795285803.1', ['ChannelState', '6']));
        w.ami(T + 5_000, ...about('Hangup', '1795285803.1'));
        w.ami(T + 5_001, ...about('Hangup', '1795285803.2'));
      },
      [
        'succeeded 1001 from 203.0.113.5',
        'call.started 1001 to 0037167001122 from 203.0.113.5 none',
        'call.answered 1001 to 0037167001122 from 203.0.113.5 none',
        'call.ended 0037167001122 0',
      ],
    ],
    [
      'two calls of one phone in the same second are two calls',
      (w) => {
        w.ami(T, ...success('1001', '203.0.113.5', 'c1'));
        w.ami(T + 3, ...channel('1001', '0037167001122', '1795285803.1'));
        w.ami(T + 500, ...success('1001', '203.0.113.5', 'c2'));
        w.ami(T + 503, ...channel('1001', '0037167001122', '1795285803.3'));
      },
      [
        'succeeded 1001 from 203.0.113.5',
        'call.started 1001 to 0037167001122 from 203.0.113.5 none',
        'succeeded 1001 from 203.0.113.5',
        'call.started 1001 to 0037167001122 from 203.0.113.5 none',
      ],
    ],
    [
      "a trunk's channel is a call that came in by it",
      (w) => w.ami(T, ...channel('carrier', '4930555', '1795285803.4')),
      ['call.started null to 4930555 from null unknown'],
    ],
  ];
  for (const [sentence, play, expected] of cases)
    it(sentence, () => {
      const w = pbx();
      play(w);
      assert.deepEqual(told(w.events), expected);
    });

  it('tells what both feeds saw once, whichever came first', () => {
    const owner = new Station('203.0.113.5');
    const register = owner.register(T, '1001');
    const call = owner.call(T + 10_000, '1001', '0037167001122', { callId: 'c1', talk: 5_000 });
    const wrong = owner.request(T + 30_000, {
      user: '1001',
      callId: 'w',
      cseq: 2,
      auth: '1001',
      answer: 'f'.repeat(32),
    });
    const no = owner.answer(T + 30_005, wrong, 401, ['WWW-Authenticate: Digest realm="asterisk", nonce="n"']);
    const ami: [number, Header[]][] = [
      [T + 15, success('1001', '203.0.113.5', 'reg-1001-203.0.113.5')],
      [T + 15, contact('NonQualified', '1001', 'sip:1001@203.0.113.5:5060')],
      [T + 10_011, success('1001', '203.0.113.5', 'c1')],
      [T + 10_012, channel('1001', '0037167001122', '1795285803.1')],
      [T + 10_200, about('Newstate', '1795285803.1', ['ChannelState', '6'])],
      [T + 15_201, about('Hangup', '1795285803.1')],
      [T + 30_004, security('ChallengeResponseFailed', '1001', '203.0.113.5', 'w')],
    ];
    const expected = [
      'call.answered 1001 to 0037167001122 from 203.0.113.5 this-source',
      'call.ended 0037167001122 0',
      'call.started 1001 to 0037167001122 from 203.0.113.5 this-source',
      'failed 1001 from 203.0.113.5: wrong-credentials',
      'registered 1001',
      'succeeded 1001 from 203.0.113.5',
      'succeeded 1001 from 203.0.113.5',
    ];
    for (const delay of [-4, 4]) {
      const w = pbx();
      const all = [
        ...[...register, ...call, wrong, no].map((p) => ({ at: p.at, run: () => w.play([p]) })),
        ...ami.map(([at, headers]) => ({ at: at + delay, run: () => w.ami(at + delay, ...headers) })),
      ].sort((a, b) => a.at - b.at);
      for (const { run } of all) run();
      w.correlator.tick(T + 60_000);
      const lines = told(w.events)
        .filter((l) => !l.startsWith('call.updated'))
        .map((l) => (l.startsWith('registered') ? l.slice(0, 15) : l));
      assert.deepEqual(lines.sort(), expected, `AMI ${delay} ms after SIP`);
      const last = w.of('call.ended')[0];
      assert.deepEqual([last?.uniqueid, last?.callId, last?.source], ['1795285803.1', 'c1', '203.0.113.5']);
    }
  });

  it('knows what a REGISTER displaced though AMI told its end first', () => {
    const w = pbx();
    const uri = 'sip:1001@203.0.113.5:5060';
    w.play(new Station('203.0.113.5').register(T, '1001'));
    const thief = new Station('198.51.100.66').register(T + 60_000, '1001', { callId: 't' });
    w.play(thief.slice(0, 3));
    w.ami(T + 60_012, ...contact('Removed', '1001', uri));
    w.play(thief.slice(3));
    const second = w.of('register.accepted')[1];
    assert.deepEqual(
      second?.displaced.map((b) => b.contact),
      [uri],
    );
    w.play(new Station('198.51.100.67').register(T + 120_000, '1001', { callId: 'u' }));
    assert.deepEqual(
      w.of('register.accepted')[2]?.displaced.map((b) => b.source),
      ['198.51.100.66'],
      'not again',
    );
  });

  it('takes a success without contact or channel for a refresh, and learns the source of a binding by it', () => {
    const w = pbx(true);
    w.correlator.seed(
      {
        contacts: [
          {
            aor: '1001',
            endpoint: '1001',
            contact: 'sip:1001@10.1.1.1:5060',
            source: null,
            sourcePort: 0,
            userAgent: 'Snom',
            callId: 'a',
            expiresAt: T + 3_600_000,
          },
        ],
        channels: [],
      },
      T,
    );
    w.ami(T + 1_000, ...success('1001', '203.0.113.5', 'r'));
    w.correlator.tick(T + 2_000);
    w.ami(T + 5_000, ...success('1001', '203.0.113.5', 'c'));
    w.ami(T + 5_003, ...channel('1001', '00371670', '1.1'));
    w.ami(T + 9_000, ...success('1001', '198.51.100.66', 'd'));
    w.ami(T + 9_003, ...channel('1001', '00371671', '1.2'));
    assert.deepEqual(
      w.of('call.started').map((c) => c.registration),
      ['this-source', 'other-source'],
    );
  });

  it("does not take the owner's call for the thief's when both are at it in the same moment", () => {
    const w = pbx();
    w.ami(T, ...success('1001', '203.0.113.5', 'owner'));
    w.ami(T + 1, ...success('1001', '198.51.100.66', 'thief'));
    w.ami(T + 2, ...channel('1001', '0301234567', '1.1'));
    w.ami(T + 3, ...channel('1001', '00371670', '1.2'));
    assert.deepEqual(
      w.of('call.started').map(({ dialled, source }) => [dialled, source]),
      [
        ['0301234567', null],
        ['00371670', null],
      ],
    );
    w.ami(T + 3_000, ...success('1001', '203.0.113.5', 'owner again'));
    w.ami(T + 3_001, ...channel('1001', '0301234568', '1.3'));
    w.ami(T + 3_100, ...success('1001', '198.51.100.66', 'thief again'));
    w.ami(T + 3_101, ...channel('1001', '00371671', '1.4'));
    assert.deepEqual(
      w
        .of('call.started')
        .slice(2)
        .map(({ source }) => source),
      ['203.0.113.5', '198.51.100.66'],
      'one after the other each is known',
    );
  });

  it("takes the first hop's address where the PBX sees its proxy's", () => {
    const w = pbx();
    const phone = new Station('203.0.113.5');
    w.play(phone.call(T, '1001', '00371670', { callId: 'c1' }).slice(0, 4));
    w.ami(T + 11, ...success('1001', PBX, 'c1'));
    w.ami(T + 12, ...channel('1001', '00371670', '1.1'));
    assert.deepEqual(told(w.events), [
      'succeeded 1001 from 203.0.113.5',
      'call.started 1001 to 00371670 from 203.0.113.5 none',
    ]);
  });

  it('takes calls that were up at the start for calls, if what they dialled is known', () => {
    const w = pbx(true);
    const up = {
      channel: 'PJSIP/1001-00000001',
      uniqueid: '1.1',
      linkedid: '1.1',
      from: '1001',
      startedAt: T - 60_000,
      answered: true,
    };
    w.correlator.seed(
      {
        contacts: [],
        channels: [
          { ...up, dialled: '00371670' },
          { ...up, uniqueid: '1.2', linkedid: '1.2', dialled: 's' },
        ],
      },
      T,
    );
    assert.deepEqual(
      told(w.events).map((l) => l.split(' from')[0]),
      ['call.started 1001 to 00371670', 'call.answered 1001 to 00371670'],
    );
  });
});

describe('correlate: the channels of a call', () => {
  const named = (uniqueid: string, callId: string): Header[] =>
    about('DialBegin', uniqueid, ['ChanVariable', `RINGFENCE_CALLID=${callId}`]);
  const cases: [
    string,
    (w: Watch) => void,
    string,
    { uniqueid: string; dialled: string | null; account: string | null }[],
  ][] = [
    ['a call that nobody knows', () => undefined, 'c1', []],
    [
      'a call whose channel has not been told yet',
      (w) => w.play(new Station('203.0.113.5').call(T, '1001', '00371670', { callId: 'c1' })),
      'c1',
      [],
    ],
    [
      'by its key once the channel is known',
      (w) => {
        w.play(new Station('203.0.113.5').call(T, '1001', '00371670', { callId: 'c1' }));
        w.ami(T + 201, ...success('1001', '203.0.113.5', 'c1'));
        w.ami(T + 202, ...channel('1001', '00371670', '1.1'));
      },
      'c1',
      [{ uniqueid: '1.1', dialled: '00371670', account: '1001' }],
    ],
    [
      'by its uniqueid; the called leg is not the caller',
      (w) => {
        w.ami(T, ...channel('1001', '00371670', '1.1'));
        w.ami(T + 1, ...channel('carrier', 's', '1.2', '1.1'));
      },
      '1.1',
      [{ uniqueid: '1.1', dialled: '00371670', account: '1001' }],
    ],
    [
      'by a Call-ID that AMI told later',
      (w) => {
        w.ami(T, ...channel('1001', '00371670', '1.1'));
        w.ami(T + 5, ...named('1.1', 'c1'));
      },
      'c1',
      [{ uniqueid: '1.1', dialled: '00371670', account: '1001' }],
    ],
    [
      'all the calls of one who gives them one Call-ID',
      (w) => {
        w.play(new Station('203.0.113.5').call(T, '1001', '00371670', { callId: 'c1' }));
        for (const n of [1, 2, 3]) {
          w.ami(T + n * 5_000, ...channel('1001', `0037167${n}`, `1.${n}`));
          w.ami(T + n * 5_000 + 5, ...named(`1.${n}`, 'c1'));
        }
      },
      'c1',
      [1, 2, 3].map((n) => ({ uniqueid: `1.${n}`, dialled: `0037167${n}`, account: '1001' })),
    ],
  ];
  for (const [sentence, play, target, expected] of cases)
    it(sentence, () => {
      const w = pbx();
      play(w);
      assert.deepEqual(w.correlator.legsOf(target), expected);
    });
});

describe('correlate: what the guard tells', () => {
  const block = (...extra: Header[]): Header[] => [
    ['Event', 'UserEvent'],
    ['UserEvent', 'RingfenceBlock'],
    ['Channel', 'PJSIP/1001-00000001'],
    ['Uniqueid', '1.1'],
    ['Rule', 'account/1001'],
    ['Endpoint', '1001'],
    ['Source', '203.0.113.5:5060'],
    ['Dialled', '00371670'],
    ['CallID', 'c1'],
    ...extra,
  ];
  const cases: [string, (w: Watch) => void, string[]][] = [
    [
      'a refusal of a call that nobody else told',
      (w) => w.ami(T, ...block()),
      ['refused 1001 to 00371670 from 203.0.113.5 by account/1001'],
    ],
    [
      'a refusal from an IPv6 address, by the channel variable',
      (w) => w.ami(T, ...block(['ChanVariable', 'RINGFENCE_SRC=[2001:db8::1]:5060'])),
      ['refused 1001 to 00371670 from 2001:db8::1 by account/1001'],
    ],
    [
      "behind a proxy the first hop's address",
      (w) => {
        w.play(new Station('203.0.113.9').call(T, '1001', '00371670', { callId: 'c1' }).slice(0, 1));
        w.ami(T + 5, ...block(['ChanVariable', `RINGFENCE_SRC=${PBX}:5060`]));
      },
      ['refused 1001 to 00371670 from 203.0.113.9 by account/1001'],
    ],
    [
      "a proxy's address is nobody's",
      (w) => w.ami(T, ...block(['ChanVariable', `RINGFENCE_SRC=${PBX}:5060`])),
      ['refused 1001 to 00371670 from null by account/1001'],
    ],
    [
      'a failure behind a proxy is told when the mirror shows whose it is, once',
      (w) => {
        w.ami(T, ...security('InvalidAccountID', '100', PBX, 'c1'));
        w.ami(T, ...security('InvalidAccountID', '100', PBX, 'c2'));
        w.play(new Station('203.0.113.9').call(T + 900, '100', '00371670', { callId: 'c1' }).slice(0, 1));
        w.play(new Station('203.0.113.9').call(T + 901, '100', '00371670', { callId: 'c1' }).slice(0, 1));
      },
      ['failed 100 from 203.0.113.9: unknown-account'],
    ],
    [
      'one that the mirror shows more than two seconds later is not',
      (w) => {
        w.ami(T, ...security('InvalidAccountID', '100', PBX, 'c1'));
        w.play(new Station('203.0.113.9').call(T + 2_001, '100', '00371670', { callId: 'c1' }).slice(0, 1));
      },
      [],
    ],
    [
      'one whose wrong password the mirror tells as well is one',
      (w) => {
        const phone = new Station('203.0.113.9');
        const register = phone.request(T + 5, { user: '1001', callId: 'c1', auth: '1001' });
        w.ami(T, ...security('ChallengeResponseFailed', '1001', PBX, 'c1'));
        w.play([register, phone.answer(T + 9, register, 403)]);
      },
      ['failed 1001 from 203.0.113.9: wrong-credentials'],
    ],
    [
      'a PIN',
      (w) =>
        w.ami(
          T,
          ['Event', 'UserEvent'],
          ['UserEvent', 'RingfencePin'],
          ['Result', 'wrong'],
          ['Endpoint', '1002'],
          ['Source', '203.0.113.5:0'],
        ),
      ['pin wrong by 1002 from 203.0.113.5'],
    ],
    [
      'a result that is not known, and events of others',
      (w) => {
        w.ami(T, ['Event', 'UserEvent'], ['UserEvent', 'RingfencePin'], ['Result', 'x']);
        w.ami(T, ['Event', 'UserEvent'], ['UserEvent', 'SomethingElse'], ['Rule', 'account/1001']);
      },
      [],
    ],
    [
      'a source that is none',
      (w) => w.ami(T, ...block().map(([k, v]): Header => (k === 'Source' ? [k, 'x'.repeat(1_000)] : [k, v]))),
      ['refused 1001 to 00371670 from null by account/1001'],
    ],
  ];
  for (const [sentence, play, expected] of cases)
    it(sentence, () => {
      const w = pbx();
      play(w);
      assert.deepEqual(told(w.events), expected);
    });

  it('a Call-ID with quotation marks and backslashes, which Asterisk escapes, joins what was mirrored', () => {
    const callId = 'a"b\\c\\"d';
    for (const escaped of ['a\\"b\\\\c\\\\\\"d']) {
      const w = pbx();
      w.play(new Station('203.0.113.5').call(T, '1001', '00371670', { callId }));
      w.ami(T + 4_000, ...channel('1001', '00371671', '1.1'));
      w.ami(T + 4_005, ...about('DialBegin', '1.1', ['ChanVariable', `RINGFENCE_CALLID=${escaped}`]));
      assert.deepEqual(w.correlator.legsOf(callId), [{ uniqueid: '1.1', dialled: '00371671', account: '1001' }]);
    }
  });

  it('gives a call without mirrored SIP its address', () => {
    const w = pbx();
    w.ami(T, ...channel('1001', '00371670', '1.1'));
    w.ami(
      T + 5,
      ...about(
        'DialBegin',
        '1.1',
        ['ChanVariable', 'RINGFENCE_SRC=203.0.113.5:5060'],
        ['ChanVariable', 'RINGFENCE_CALLID=c1'],
      ),
    );
    const [update] = w.of('call.updated');
    assert.deepEqual(
      [update?.source, update?.sourcePort, update?.callId, update?.proof],
      ['203.0.113.5', 5060, 'c1', 'none'],
    );
  });
});

describe('correlate: calls whose end is not told', () => {
  const MINUTE = 60_000;
  const up = (w: Watch): void => w.play(new Station('203.0.113.5').call(T, '1001', '00371670', { callId: 'c1' }));
  const ends = (w: Watch): [number, number | null][] =>
    w.of('call.ended').map((e) => [e.at - T, e.lostSince === null ? null : e.lostSince - T]);
  const idle = (w: Watch, from: number, to: number): void => {
    for (let at = from; at <= to; at += MINUTE) w.correlator.tick(T + at);
  };

  it('mirrored SIP alone: given up after 45 min of silence, and not a minute before', () => {
    const w = pbx();
    up(w);
    idle(w, MINUTE, 45 * MINUTE);
    assert.deepEqual(ends(w), []);
    idle(w, 46 * MINUTE, 120 * MINUTE);
    assert.deepEqual(ends(w), [[46 * MINUTE, 200]]);
  });

  it('a sign of life within the dialog (a session timer) keeps it', () => {
    const w = pbx();
    up(w);
    const phone = new Station('203.0.113.5');
    for (let at = 30 * MINUTE; at < 180 * MINUTE; at += 30 * MINUTE) {
      idle(w, at - 29 * MINUTE, at);
      w.play([
        phone.request(T + at, { method: 'UPDATE', user: '1001', to: '00371670', callId: 'c1', cseq: at, toTag: 't1' }),
      ]);
    }
    assert.deepEqual(ends(w), []);
  });

  it('a call whose channel the PBX tells of ends when it says so, however long it is silent', () => {
    const w = pbx(true);
    up(w);
    w.ami(T + 300, ...success('1001', '203.0.113.5', 'c1'));
    w.ami(T + 301, ...channel('1001', '00371670', '1.1'));
    idle(w, MINUTE, 180 * MINUTE);
    assert.deepEqual(ends(w), []);
    w.ami(T + 181 * MINUTE, ...about('Hangup', '1.1'));
    assert.deepEqual(ends(w), [[181 * MINUTE, null]]);
  });

  it('what ended while ringfence was away is found out at the next login, and what began just then is left', () => {
    const first = pbx(true);
    for (const n of [1, 2]) {
      first.ami(T + n, ...channel('1001', `0037167${n}`, `1.${n}`));
      first.ami(T + 200 + n, ...about('Newstate', `1.${n}`, ['ChannelState', '6']));
    }
    const w = pbx(true);
    w.correlator.restore(JSON.parse(JSON.stringify(first.correlator.snapshot())));
    w.ami(T + 60 * MINUTE - 1, ...channel('1002', '00371673', '1.3'));
    w.ami(T + 60 * MINUTE, ...about('Newstate', '1.3', ['ChannelState', '6']));
    const standing = {
      channel: 'PJSIP/1001-00000002',
      uniqueid: '1.2',
      linkedid: '1.2',
      dialled: '00371672',
      from: '1001',
      startedAt: T,
      answered: true,
    };
    w.correlator.seed({ contacts: [], channels: [standing] }, T + 60 * MINUTE + 1);
    assert.deepEqual(
      w.of('call.ended').map((e) => e.uniqueid),
      ['1.1'],
    );
    assert.equal(w.of('call.started').length, 1, 'what goes on is told once');
  });
});

describe('correlate: call records', () => {
  const record = {
    accountcode: '',
    src: '1001',
    dst: '0037167001122',
    dcontext: '',
    clid: '',
    channel: 'PJSIP/1001-00000001',
    dstchannel: '',
    lastapp: 'Dial',
    lastdata: '',
    start: T + 10_000,
    answer: T + 10_200,
    end: T + 70_200,
    duration: 60,
    billsec: 60,
    disposition: 'ANSWERED' as const,
    amaflags: '',
    uniqueid: '1.1',
    userfield: '',
    linkedid: '',
    sequence: null,
    peeraccount: '',
  };
  it('confirm the live call, by uniqueid or else by caller, number and start', () => {
    const byAmi = pbx();
    byAmi.ami(T + 10_000, ...channel('1001', '0037167001122', '1.1'));
    byAmi.correlator.cdr(record, T + 70_201);
    const bySip = pbx();
    bySip.play(new Station('203.0.113.5').call(T + 10_000, '1001', '0037167001122', { callId: 'c1' }));
    bySip.correlator.cdr(record, T + 70_201);
    const alone = pbx();
    alone.correlator.cdr(record, T + 70_201);
    const facts = [byAmi, bySip, alone].map((w) => w.of('cdr')[0]).map((c) => [c?.call, c?.live, c?.account, c?.at]);
    assert.deepEqual(facts, [
      ['1.1', true, '1001', T + 70_200],
      ['c1', true, '1001', T + 70_200],
      ['1.1', false, '1001', T + 70_200],
    ]);
  });

  it('are told in time that never goes back, nor runs ahead of their arrival', () => {
    const w = pbx();
    w.correlator.cdr({ ...record, end: Date.UTC(2099, 0, 1) }, T + 1_000);
    w.correlator.cdr({ ...record, uniqueid: '1.2', end: T }, T + 2_000);
    assert.deepEqual(
      w.of('cdr').map((c) => c.at),
      [T + 1_000, T + 1_000],
    );
  });
});
