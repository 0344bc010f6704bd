import assert from 'node:assert/strict';
import { FakeSession, makeBorder, sipAnswer, sipRequest, startOf, type Sip } from '../support/border.ts';

type Setup = Parameters<typeof makeBorder>[0];

/** The status that one request of a session gets (null: it goes on), and what is told of it. */
function outcome(session: FakeSession, sip: Sip, setup: Setup = {}): { status: string | null; told: string[] } {
  const { inside, findings, open, toSession } = makeBorder(setup);
  toSession(open(session), sipRequest(sip));
  const gone = inside.take().length > 0;
  const answers = session
    .take()
    .map(startOf)
    .filter((line) => !line.includes(' 100 '));
  assert.equal(gone, answers.length === 0, 'it goes on or is refused');
  return {
    status: answers[0]?.slice(8, 11) ?? null,
    told: findings.map(({ kind, account, claimed }) => `${kind} ${account} ${claimed}`),
  };
}

const rule = (more: object) => ({ action: 'deny' as const, accounts: [], methods: [], to: [], why: '', ...more });
const credentials = (username: string): string[] => [
  `Authorization: Digest username="${username}", realm="asterisk", nonce="n", uri="sip:x", response="0"`,
];

const cases: readonly (readonly [
  sentence: string,
  account: string | undefined,
  sip: Sip,
  status: string | null,
  told: readonly string[],
  setup?: Setup,
])[] = [
  ['an own call', '1001', { method: 'INVITE', contact: '<sip:1001@10.1.1.1>' }, null, []],
  ['a Contact that is nobody’s name', '1001', { method: 'INVITE', contact: '<sip:x7f3@10.1.1.1>' }, null, []],
  ['From of another account', '1001', { method: 'INVITE', from: '1002' }, '403', ['identity 1001 1002']],
  ['From written with escapes', '1001', { method: 'INVITE', from: '%31002' }, '403', ['identity 1001 1002']],
  ['From of nobody that we know', '1001', { method: 'INVITE', from: '9999' }, '403', ['identity 1001 9999']],
  ['an anonymous call', '1001', { method: 'INVITE', from: 'anonymous', fromHost: 'anonymous.invalid' }, null, []],
  [
    'Contact of another account',
    '1001',
    { method: 'INVITE', contact: '<sip:1003@10.1.1.1>' },
    '403',
    ['identity 1001 1003'],
  ],
  [
    'credentials of another account',
    '1001',
    { method: 'INVITE', more: credentials('1003') },
    '403',
    ['identity 1001 1003'],
  ],
  ['a registration of another account', '1001', { method: 'REGISTER', to: '1002' }, '403', ['identity 1001 1002']],
  [
    'credentials of another account in a dialog',
    '1001',
    { method: 'BYE', toTag: 't', more: credentials('1003') },
    '403',
    ['identity 1001 1003'],
  ],
  [
    'the number that a call was sent on from, in a dialog',
    '1001',
    { method: 'BYE', toTag: 't', from: '1002' },
    null,
    [],
  ],
  [
    'a trunk under a number of its range',
    'trunk-a',
    { method: 'INVITE', from: '+4930123', contact: '<sip:1001@10.1.1.1>' },
    null,
    [],
  ],
  ['a trunk under another number', 'trunk-a', { method: 'INVITE', from: '1001' }, '403', ['identity trunk-a 1001']],
  ['plain TLS: a REGISTER', undefined, { method: 'REGISTER', to: '1001' }, null, []],
  ['plain TLS: a call before any', undefined, { method: 'INVITE' }, '403', ['identity  ']],
  [
    'plain TLS: a call before any, where that is allowed',
    undefined,
    { method: 'INVITE' },
    null,
    [],
    { policy: { plain: { withKey: [], unregistered: true, accountsPerSession: 1 } } },
  ],
  [
    'plain TLS: an account that has a key',
    undefined,
    { method: 'REGISTER', to: '1001' },
    '403',
    ['downgrade  1001'],
    { keyed: ['1001'] },
  ],
  [
    'plain TLS: one that may all the same',
    undefined,
    { method: 'REGISTER', to: '1001' },
    null,
    [],
    {
      keyed: ['1001'],
      policy: { plain: { withKey: ['10*'], unregistered: false, accountsPerSession: 1 } },
    },
  ],
  [
    'a method that a rule denies',
    '1001',
    { method: 'SUBSCRIBE' },
    '403',
    ['rule 1001 '],
    { policy: { rules: [rule({ methods: ['SUBSCRIBE'] })] } },
  ],
  [
    'a destination that a rule denies',
    '1001',
    { method: 'INVITE', to: '0037160' },
    '403',
    ['rule 1001 '],
    { policy: { rules: [rule({ to: ['00*'] })] } },
  ],
  [
    'an earlier rule that allows it',
    '1001',
    { method: 'INVITE', to: '0037160' },
    null,
    [],
    { policy: { rules: [rule({ action: 'allow', accounts: ['1001'] }), rule({ to: ['00*'] })] } },
  ],
  [
    'an emergency call that a rule would deny',
    '1001',
    { method: 'INVITE', to: '112' },
    null,
    [],
    { policy: { rules: [rule({})] } },
  ],
  [
    'the BYE of a call that a rule would deny',
    '1001',
    { method: 'BYE', to: '0037160', toTag: 't' },
    null,
    [],
    { policy: { rules: [rule({})] } },
  ],
];

describe('gateway: whose name is in a request, and may it go there', () => {
  for (const [sentence, account, sip, status, told, setup] of cases)
    it(sentence, () => {
      assert.deepEqual(outcome(new FakeSession(account), sip, setup), { status, told });
    });

  it('binds a plain TLS session to the account whose registration the PBX took', () => {
    const { inside, findings, open, toSession, fromInside } = makeBorder();
    const phone = open(new FakeSession());
    toSession(phone, sipRequest({ method: 'REGISTER', to: '1001', contact: '<sip:1001@10.1.1.1>' }));
    const [sent = ''] = inside.take();
    fromInside(sipAnswer(sent, 401));
    toSession(phone, sipRequest({ method: 'INVITE', cseq: 2 }));
    assert.equal(inside.take().length, 0, 'a challenge is no proof');
    toSession(
      phone,
      sipRequest({
        method: 'REGISTER',
        to: '1001',
        contact: '<sip:1001@10.1.1.1>',
        cseq: 3,
        more: credentials('1001'),
      }),
    );
    fromInside(sipAnswer(inside.take()[0] ?? '', 200));
    toSession(phone, sipRequest({ method: 'INVITE', cseq: 4 }));
    assert.equal(inside.take().length, 1);
    for (const sip of [
      { method: 'INVITE', cseq: 5, from: '1002' },
      { method: 'REGISTER', cseq: 6, from: '1002', to: '1002' },
    ])
      toSession(phone, sipRequest(sip));
    assert.equal(inside.take().length, 0);
    assert.deepEqual(
      findings.map(({ kind, claimed }) => `${kind} ${claimed}`),
      ['identity ', 'identity 1002'],
    );
  });

  it('takes out what a stranger says of himself, and not what a trunk says', () => {
    for (const [account, kept] of [
      ['1001', 0],
      ['trunk-a', 1],
    ] as const) {
      const { inside, open, toSession } = makeBorder({
        settings: { sourceHeader: 'X-Source', accountHeader: 'X-Account' },
      });
      const more = ['P-Asserted-Identity: <sip:boss@pbx>', 'X-Source: 192.0.2.1', 'X-Account: boss', 'CGS-Callee: abc'];
      toSession(open(new FakeSession(account)), sipRequest({ method: 'INVITE', from: account, more }));
      const [sent = ''] = inside.take();
      assert.equal(sent.includes('P-Asserted-Identity') ? 1 : 0, kept);
      assert.deepEqual(sent.match(/X-Account: .*/g), [`X-Account: ${account}`]);
      assert.ok(sent.includes('X-Source: 203.0.113.7\r\n') && !sent.includes('192.0.2.1') && !sent.includes('CGS-'));
    }
  });

  it('holds back who sends too much, but not what ends calls, nor an emergency call, nor another source', () => {
    const { inside, open, toSession, counters, pass, findings } = makeBorder({
      settings: { limits: { sourceRate: 20, sessionRate: 1, trunkRate: 1_000, messageBytes: 2_000 } },
    });
    const phone = open(new FakeSession('1001'));
    for (let i = 0; i < 12; i++) toSession(phone, sipRequest({ method: 'OPTIONS', cseq: i + 1 }));
    assert.equal(inside.take().length, 10);
    assert.equal(counters.get('gateway.refused.rate'), 2);
    assert.equal(startOf(phone.take().at(-1)), 'SIP/2.0 503 Service Unavailable');
    toSession(phone, sipRequest({ method: 'BYE', toTag: 't' }));
    toSession(phone, sipRequest({ method: 'INVITE', to: '112' }));
    toSession(open(new FakeSession('1002')), sipRequest({ method: 'OPTIONS', from: '1002' }));
    assert.equal(inside.take().length, 3);
    pass(2_000);
    toSession(phone, sipRequest({ method: 'OPTIONS', cseq: 99 }));
    assert.equal(inside.take().filter((text) => text.includes('CSeq: 99 OPTIONS')).length, 1);
    assert.deepEqual(
      findings.map(({ kind }) => kind),
      ['rate'],
    );
  });

  it('takes no message that is longer than the settings say', () => {
    const limits = { sourceRate: 20, sessionRate: 50, trunkRate: 1_000, messageBytes: 2_000 };
    const { inside, open, toSession } = makeBorder({ settings: { limits } });
    const phone = open(new FakeSession('1001'));
    toSession(phone, sipRequest({ method: 'MESSAGE', body: 'x'.repeat(2_000) }));
    assert.deepEqual([phone.take().map(startOf), inside.take()], [['SIP/2.0 413 Request Entity Too Large'], []]);
  });

  it('has a limit to what one session leaves without answer', () => {
    const { inside, open, toSession } = makeBorder({ settings: { pending: 3 } });
    const phone = open(new FakeSession('1001'));
    for (let i = 0; i < 5; i++) toSession(phone, sipRequest({ method: 'OPTIONS', cseq: i + 1 }));
    assert.equal(inside.take().length, 3);
    assert.deepEqual(phone.take().map(startOf), Array<string>(2).fill('SIP/2.0 503 Service Unavailable'));
  });
});
