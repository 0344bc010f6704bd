import assert from 'node:assert/strict';
import { setImmediate as turn } from 'node:timers/promises';
import { publicHalf, type PrivateKeyHandle } from '../../src/crypto/private-key.ts';
import { AgentVeil, type VeilOptions } from '../../src/gateway/agent-veil.ts';
import { SecretEdge, type SecretEdgeOptions, type SecretMemory } from '../../src/gateway/secret-edge.ts';
import { makeAgent, recordingLog, type FakeAgent } from '../support/agent.ts';
import {
  FakeSession,
  makeBorder,
  sipAnswer,
  sipRequest,
  startOf,
  valuesIn,
  type TestBorder,
} from '../support/border.ts';
import { testKey } from '../support/keys.ts';

const GATEWAY = (): PrivateKeyHandle => testKey('gateway');
const SDP = 'v=0\r\no=1004 1 1 IN IP4 192.0.2.4\r\ns=1004\r\nc=IN IP4 192.0.2.4\r\nt=0 0\r\nm=audio 4000 RTP/AVP 8\r\n';
const NAMES = /\b100[24]\b|Sales|Accounting/;

/** What outlives the gateway in these tests. */
class Memory implements SecretMemory {
  readonly nonces = new Map<string, string>();
  readonly calls = new Map<string, string>();

  once(nonce: string, message: string): boolean {
    const known = this.nonces.get(nonce);
    this.nonces.set(nonce, known ?? message);
    return known === undefined || known === message;
  }

  keep(key: string, value: string): void {
    this.calls.set(key, value);
  }

  find(key: string): string | null {
    return this.calls.get(key) ?? null;
  }
}

/** The kid of a fake session stands for that account's test key. */
const keyOf = (account: string): PrivateKeyHandle => testKey(account === '1004' ? 'phone' : 'phone-b');

interface Scene extends TestBorder {
  readonly a: FakeAgent;
  readonly b: FakeAgent;
  readonly sessionA: FakeSession;
  readonly sessionB: FakeSession;
  /** every message on the untrusted side since the last look, REGISTER left out */
  readonly outside: string[];
  readonly warnings: string[];
  /** carries on what is under way: agents' messages to the gateway and back */
  readonly settle: () => Promise<void>;
  readonly memory: Memory;
}

function scene(
  more: {
    readonly veil?: Partial<VeilOptions>;
    readonly edge?: Partial<SecretEdgeOptions['settings']>;
    readonly memory?: Memory;
    readonly before?: Scene;
    readonly rules?: boolean;
    readonly clock?: () => number;
  } = {},
): Scene {
  const memory = more.memory ?? new Memory();
  const warnings: string[] = [];
  const now = more.clock ?? Date.now;
  const edge = new SecretEdge({
    ...{ domain: 'example.com', own: () => [GATEWAY()], secret: Buffer.alloc(32, 3), memory, now },
    known: (kid) => {
      const account = kid.replace('kid-of-', '');
      return { account, key: publicHalf(keyOf(account)), state: 'good' };
    },
    accountOf: (name) => (['1002', '1004'].includes(name) ? name : null),
    settings: { noKey: 'deny', hide: [], ...more.edge },
    warn: (text) => warnings.push(text),
  });
  const border = makeBorder({
    accounts: ['1002', '1003', '1004'],
    settings: { edges: [edge] },
    ...(more.rules === true
      ? {
          policy: {
            rules: [{ action: 'deny', accounts: [], methods: ['INVITE'], to: ['1002'], why: '' }],
          },
        }
      : {}),
  });
  const agentOf = (account: string, veil: Partial<VeilOptions> = {}): FakeAgent =>
    makeAgent({
      veil: new AgentVeil({
        ...{ account, domain: 'example.com', hides: true, emergency: ['112'], clock: now, log: recordingLog().log },
        keys: () => ({ key: keyOf(account), pinned: [publicHalf(GATEWAY())] }),
        ...veil,
      }),
    });
  const a = more.before?.a ?? agentOf('1004', more.veil);
  const b = more.before?.b ?? agentOf('1002');
  const sessionA = border.open(new FakeSession('1004'));
  const sessionB = border.open(new FakeSession('1002'));
  const [linkA, linkB] = [new FakeSession('1004'), new FakeSession('1002')];
  a.proxy.opened(linkA);
  b.proxy.opened(linkB);
  const outside: string[] = [];
  const settle = async (): Promise<void> => {
    for (let quiet = 0; quiet < 12;) {
      let moved = false;
      for (const [link, session, agent] of [
        [linkA, sessionA, a],
        [linkB, sessionB, b],
      ] as const) {
        for (const text of link.take()) {
          outside.push(text);
          border.toSession(session, text);
          moved = true;
        }
        for (const text of session.take()) {
          outside.push(text);
          agent.proxy.message(link, Buffer.from(text, 'latin1'));
          moved = true;
        }
      }
      quiet = moved ? 0 : quiet + 1;
      // keys work in other threads
      await (quiet > 2 ? new Promise((resolve) => setTimeout(resolve, 5)) : turn());
    }
  };
  return { ...border, a, b, sessionA, sessionB, outside, warnings, settle, memory };
}

const invite = (more: Partial<Parameters<typeof sipRequest>[0]> = {}): string =>
  sipRequest({
    ...{ method: 'INVITE', from: '1004', fromHost: 'example.com', to: '1002', uri: 'sip:1002@example.com' },
    ...{ via: 'SIP/2.0/UDP 192.168.1.5:5062', contact: '<sip:1004@192.168.1.5:5062>', body: SDP },
    more: ['Content-Type: application/sdp', 'P-Preferred-Identity: "Sales" <sip:1004@example.com>'],
    ...more,
  });

/** The PBX calls B: a leg of its own, as a B2BUA makes it. */
const leg = (uri: string): string =>
  sipRequest({
    ...{ method: 'INVITE', from: '1004', to: '1002', uri, callId: 'leg-of-pbx', branch: 'z9hG4bK-leg', body: SDP },
    ...{ via: 'SIP/2.0/UDP 10.0.0.1:5060', contact: '<sip:1004@10.0.0.1:5060>' },
    more: ['Content-Type: application/sdp', 'P-Asserted-Identity: "Sales" <sip:1004@10.0.0.1>'],
  });

/** B registers; the URI at which the PBX reaches it. */
async function registered(scene_: Scene, agent = scene_.b, account = '1002'): Promise<string> {
  agent.fromPhone(
    sipRequest({
      ...{ method: 'REGISTER', from: account, to: account, uri: 'sip:example.com', callId: `reg-${account}` },
      ...{ fromHost: 'example.com', via: 'SIP/2.0/UDP 192.168.1.5:5062', contact: `<sip:${account}@192.168.1.5:5062>` },
    }),
  );
  await scene_.settle();
  const [register = ''] = scene_.inside.take();
  scene_.fromInside(sipAnswer(register, 200, [`Contact: ${valuesIn(register, 'Contact')[0] ?? ''};expires=600`]));
  await scene_.settle();
  agent.local.take();
  scene_.outside.splice(0);
  return /<(.*)>/.exec(valuesIn(register, 'Contact')[0] ?? '')?.[1] ?? '';
}

const clean = (texts: readonly string[]): void => {
  assert.ok(texts.length > 0);
  for (const text of texts) assert.doesNotMatch(text, NAMES, text);
};

describe('the secret call, message by message', function () {
  this.timeout(20_000);

  it('connects, and neither name stands in any message outside; the PBX and the phones see both', async () => {
    const it_ = scene();
    const target = await registered(it_);
    it_.a.fromPhone(invite());
    await it_.settle();
    const [atPbx = ''] = it_.inside.take();
    assert.equal(startOf(atPbx), 'INVITE sip:1002@example.com SIP/2.0');
    assert.deepEqual(valuesIn(atPbx, 'From'), ['<sip:1004@example.com>;tag=ft']);
    assert.deepEqual(valuesIn(atPbx, 'To'), ['<sip:1002@example.com>']);
    assert.deepEqual(valuesIn(atPbx, 'CGS-Callee'), []);
    assert.notEqual(valuesIn(atPbx, 'Call-ID')[0], 'call-1');
    it_.fromInside(leg(target));
    await it_.settle();
    const atPhone = it_.b.local.take().find((text) => text.startsWith('INVITE')) ?? '';
    assert.deepEqual(valuesIn(atPhone, 'From'), ['<sip:1004@example.com>;tag=ft']);
    assert.deepEqual(valuesIn(atPhone, 'To'), ['<sip:1002@example.com>']);
    it_.b.fromPhone(
      sipAnswer(atPhone, 200, [
        'Contact: "Accounting" <sip:1002@192.168.1.5:5062>',
        'P-Asserted-Identity: <sip:1002@example.com>',
      ]),
    );
    await it_.settle();
    const answer = it_.inside.takeAnswers().find((text) => startOf(text).includes(' 200 ')) ?? '';
    assert.deepEqual(valuesIn(answer, 'From'), ['<sip:1004@pbx.example>;tag=ft']);
    assert.deepEqual(valuesIn(answer, 'Call-ID'), ['leg-of-pbx']);
    it_.fromInside(
      sipAnswer(atPbx, 200, [
        'Contact: <sip:1002@10.0.0.1:5060>',
        'P-Asserted-Identity: "Accounting" <sip:1002@10.0.0.1>',
      ]),
    );
    await it_.settle();
    const back = it_.a.local.take().find((text) => startOf(text).includes(' 200 ')) ?? '';
    assert.deepEqual(
      [valuesIn(back, 'Call-ID'), valuesIn(back, 'From')],
      [['call-1'], ['<sip:1004@example.com>;tag=ft']],
    );
    clean(it_.outside);
    assert.ok(it_.outside.some((text) => valuesIn(text, 'CGS-Callee').length === 1));
    assert.ok(it_.outside.some((text) => valuesIn(text, 'CGS-Caller').length === 1));
    // the caller acknowledges and hangs up
    const contact = /<(.*)>/.exec(valuesIn(back, 'Contact')[0] ?? '')?.[1] ?? '';
    it_.a.fromPhone(invite({ method: 'ACK', uri: contact, toTag: 'tt', body: '', more: [] }));
    it_.a.fromPhone(invite({ method: 'BYE', cseq: 2, uri: contact, toTag: 'tt', body: '', more: [] }));
    await it_.settle();
    const [ack = '', bye = ''] = it_.inside.take();
    assert.equal(startOf(ack), 'ACK sip:1002@10.0.0.1:5060 SIP/2.0');
    assert.equal(startOf(bye), 'BYE sip:1002@10.0.0.1:5060 SIP/2.0');
    assert.deepEqual(valuesIn(bye, 'Call-ID'), valuesIn(atPbx, 'Call-ID'));
    // the PBX hangs up at the callee
    const hidden = /<(.*)>/.exec(valuesIn(answer, 'Contact')[0] ?? '')?.[1] ?? '';
    it_.fromInside(
      sipRequest({
        ...{ method: 'BYE', uri: hidden, from: '1004', to: '1002', toTag: 'tt', callId: 'leg-of-pbx', cseq: 2 },
        via: 'SIP/2.0/UDP 10.0.0.1:5060',
        more: valuesIn(answer, 'Record-Route')
          .toReversed()
          .map((route) => `Route: ${route}`),
      }),
    );
    await it_.settle();
    const end = it_.b.local.take().find((text) => text.startsWith('BYE')) ?? '';
    assert.equal(startOf(end), 'BYE sip:1002@192.168.1.5:5062 SIP/2.0');
    assert.deepEqual(valuesIn(end, 'From'), ['<sip:1004@example.com>;tag=ft']);
    clean(it_.outside);
  });

  it('goes on after a restart of the gateway in the middle of it', async () => {
    const first = scene();
    const target = await registered(first);
    first.a.fromPhone(invite());
    await first.settle();
    const [atPbx = ''] = first.inside.take();
    first.fromInside(leg(target));
    await first.settle();
    const atPhone = first.b.local.take().find((text) => text.startsWith('INVITE')) ?? '';
    first.b.fromPhone(sipAnswer(atPhone, 200, ['Contact: <sip:1002@192.168.1.5:5062>']));
    await first.settle();
    const answer = first.inside.takeAnswers().find((text) => startOf(text).includes(' 200 ')) ?? '';
    first.fromInside(sipAnswer(atPbx, 200, ['Contact: <sip:1002@10.0.0.1:5060>']));
    await first.settle();
    const back = first.a.local.take().find((text) => startOf(text).includes(' 200 ')) ?? '';
    const second = scene({ memory: first.memory, before: first });
    await second.settle();
    second.inside.take();
    second.outside.splice(0);
    const contact = /<(.*)>/.exec(valuesIn(back, 'Contact')[0] ?? '')?.[1] ?? '';
    second.a.fromPhone(invite({ method: 'BYE', cseq: 2, uri: contact, toTag: 'tt', body: '', more: [] }));
    const hidden = /<(.*)>/.exec(valuesIn(answer, 'Contact')[0] ?? '')?.[1] ?? '';
    const routes = valuesIn(answer, 'Record-Route')
      .toReversed()
      .map((route) => `Route: ${route}`);
    second.fromInside(
      sipRequest({
        ...{ method: 'BYE', uri: hidden, from: '1004', to: '1002', toTag: 'tt', callId: 'leg-of-pbx', cseq: 2 },
        ...{ via: 'SIP/2.0/UDP 10.0.0.1:5060', more: routes },
      }),
    );
    await second.settle();
    const bye = second.inside.take().find((text) => text.startsWith('BYE')) ?? '';
    assert.equal(startOf(bye), 'BYE sip:1002@10.0.0.1:5060 SIP/2.0');
    assert.deepEqual(valuesIn(bye, 'From'), ['<sip:1004@example.com>;tag=ft']);
    const end = second.b.local.take();
    assert.ok(
      end.some((text) => text.startsWith('BYE sip:1002@192.168.1.5:5062')),
      [...end, ...second.inside.takeAnswers()].join('\n'),
    );
    clean(second.outside);
  });

  /** What A's agent has sent, kept from the gateway; then sent to it as `change` makes it. */
  const tampered = async (
    change: (text: string) => string,
    more: Parameters<typeof scene>[0] = {},
  ): Promise<{ readonly it_: Scene; readonly answers: () => string[] }> => {
    const it_ = scene(more);
    const lone = makeAgent({
      veil: new AgentVeil({
        ...{ account: '1004', domain: 'example.com', hides: true, emergency: [], log: recordingLog().log },
        ...{ clock: more.clock ?? Date.now, keys: () => ({ key: keyOf('1004'), pinned: [publicHalf(GATEWAY())] }) },
        ...more.veil,
      }),
    });
    const link = new FakeSession('1004');
    lone.proxy.opened(link);
    lone.fromPhone(invite());
    for (let i = 0; i < 200 && link.sent.length === 0; i++) await new Promise((resolve) => setTimeout(resolve, 5));
    const [text = ''] = link.take();
    assert.match(text, /CGS-Callee/);
    it_.toSession(it_.sessionA, change(text));
    for (let i = 0; i < 20; i++) await new Promise((resolve) => setTimeout(resolve, 5));
    return { it_, answers: () => it_.sessionA.take().map(startOf) };
  };

  const again = (text: string): string => text.replace(/branch=z9hG4bK[\w-]+/, 'branch=z9hG4bKanother');
  const REFUSALS: readonly (readonly [string, RegExp, (text: string) => string, Parameters<typeof scene>[0]?])[] = [
    ['a changed body', /another INVITE/, (text) => text.replace('m=audio 4000', 'm=audio 4002')],
    ['another Call-ID', /another INVITE/, (text) => text.replace(/Call-ID: \w+/, 'Call-ID: 00112233')],
    ['another CSeq', /another INVITE/, (text) => text.replace('CSeq: 1 ', 'CSeq: 2 ')],
    [
      'a changed box',
      /somebody else, or changed/,
      (text) => text.replace(/(CGS-Callee: \S{900})./, (_, head: string) => `${head}${head.endsWith('A') ? 'B' : 'A'}`),
    ],
    ['a box that is none', /not a box/, (text) => text.replace(/CGS-Callee: \S+/, 'CGS-Callee: AAAA')],
    ['the caller somebody else', /names 1002 as the caller/, (text) => text, { veil: { account: '1002' } }],
    [
      'the key of somebody else',
      /nobody has signed/,
      (text) => text,
      { veil: { keys: () => ({ key: testKey('phone-b'), pinned: [publicHalf(GATEWAY())] }) } },
    ],
    [
      'a box of three minutes ago',
      /older than two minutes/,
      (text) => text,
      { veil: { clock: () => Date.now() - 180_000 } },
    ],
    ['a destination that the rules forbid', /not allowed/, (text) => text, { rules: true }],
  ];
  for (const [what, why, change, more = {}] of REFUSALS)
    it(`${what}: 403 after 200 ms, and the reason for people alone`, async () => {
      // the phone names itself in From; for "somebody else" it is another phone behind the same key
      const asOther = what === 'the caller somebody else';
      const { it_, answers } = await tampered(change, more);
      if (asOther) {
        // 1004's own box says 1004: sealed anew for 1002 by the right key
        const lone = makeAgent({
          veil: new AgentVeil({
            ...{
              account: '1002',
              domain: 'example.com',
              hides: true,
              emergency: [],
              clock: Date.now,
              log: recordingLog().log,
            },
            keys: () => ({ key: keyOf('1004'), pinned: [publicHalf(GATEWAY())] }),
          }),
        });
        const link = new FakeSession('1004');
        lone.proxy.opened(link);
        lone.fromPhone(invite({ from: '1002', contact: '<sip:x@192.168.1.5>' }));
        for (let i = 0; i < 200 && link.sent.length === 0; i++) await new Promise((resolve) => setTimeout(resolve, 5));
        it_.inside.take();
        answers();
        it_.toSession(it_.sessionA, again(link.take()[0] ?? ''));
        for (let i = 0; i < 20; i++) await new Promise((resolve) => setTimeout(resolve, 5));
      }
      it_.pass(50);
      assert.deepEqual(
        answers().filter((line) => !line.includes(' 100 ')),
        [],
        'not at once',
      );
      it_.pass(250);
      assert.deepEqual(answers(), ['SIP/2.0 403 Forbidden']);
      assert.deepEqual(it_.inside.take(), []);
      assert.ok(
        it_.findings.some(({ detail }) => why.test(detail)),
        it_.findings.map(({ detail }) => detail).join('\n'),
      );
    });

  it('the same box in another message is a replay, the same message after a restart is not', async () => {
    let sent = '';
    const { it_ } = await tampered((text) => (sent = text));
    assert.equal(it_.inside.take().length, 1);
    it_.toSession(it_.sessionA, again(sent));
    for (let i = 0; i < 20; i++) await new Promise((resolve) => setTimeout(resolve, 5));
    it_.pass(300);
    assert.ok(it_.sessionA.take().map(startOf).includes('SIP/2.0 403 Forbidden'));
    assert.deepEqual(it_.inside.take(), []);
    const after = scene({ memory: it_.memory });
    after.toSession(after.sessionA, sent);
    for (let i = 0; i < 20; i++) await new Promise((resolve) => setTimeout(resolve, 5));
    assert.equal(after.inside.take().length, 1, 'its branch is the same: the PBX absorbs it');
    after.toSession(after.sessionA, again(sent));
    for (let i = 0; i < 20; i++) await new Promise((resolve) => setTimeout(resolve, 5));
    assert.deepEqual(after.inside.take(), [], 'a replay after the restart too');
  });

  it('a challenge of the PBX is no challenge to the caller', async () => {
    const it_ = scene();
    it_.a.fromPhone(invite());
    await it_.settle();
    const [atPbx = ''] = it_.inside.take();
    it_.fromInside(sipAnswer(atPbx, 401, ['WWW-Authenticate: Digest realm="1002", nonce="x"']));
    await it_.settle();
    assert.ok(it_.a.local.take().some((text) => startOf(text) === 'SIP/2.0 403 Forbidden'));
    assert.match(it_.warnings.join(), /asks for a password/);
    clean(it_.outside);
  });

  it('a callee without a key: refused, or by policy in clear', async () => {
    for (const noKey of ['deny', 'clear'] as const) {
      const it_ = scene({ edge: { noKey } });
      const plain = it_.open(new FakeSession());
      it_.toSession(
        plain,
        sipRequest({ method: 'REGISTER', from: '1003', to: '1003', contact: '<sip:1003@192.168.1.9>' }),
      );
      const [register = ''] = it_.inside.take();
      const contact = valuesIn(register, 'Contact')[0] ?? '';
      it_.fromInside(sipAnswer(register, 200, [`Contact: ${contact};expires=600`]));
      plain.take();
      it_.a.fromPhone(invite());
      await it_.settle();
      it_.inside.take();
      it_.fromInside(leg(contact.slice(1, -1)));
      await it_.settle();
      const got = plain.take();
      assert.equal(
        got.some((text) => text.startsWith('INVITE')),
        noKey === 'clear',
      );
      const answers = it_.inside.takeAnswers().map(startOf);
      assert.equal(answers.includes('SIP/2.0 403 Forbidden'), noKey === 'deny', answers.join());
    }
  });

  it('emergency calls, calls by other callers, and calls of a phone that hides nothing, are as ever', async () => {
    const it_ = scene();
    const target = await registered(it_);
    it_.a.fromPhone(invite({ uri: 'sip:112@example.com', to: '112' }));
    await it_.settle();
    assert.equal(startOf(it_.inside.take()[0]), 'INVITE sip:112@example.com SIP/2.0');
    assert.ok(it_.outside.every((text) => valuesIn(text, 'CGS-Callee').length === 0));
    it_.fromInside(leg(target).replaceAll('sip:1004@pbx', 'sip:1003@pbx'));
    await it_.settle();
    assert.ok(it_.b.local.take().some((text) => text.includes('From: <sip:1003@pbx.example>')));
    const listed = scene({ edge: { hide: ['10*'] }, veil: { hides: false } });
    const there = await registered(listed);
    listed.fromInside(leg(there));
    await listed.settle();
    assert.ok(listed.b.local.take().some((text) => text.includes('From: <sip:1004@example.com>')));
    clean(listed.outside);
  });

  it("the callee's agent takes no box of somebody else, none twice, and none of another INVITE", async () => {
    const it_ = scene({ edge: { hide: ['1002'] } });
    const target = await registered(it_);
    it_.fromInside(leg(target));
    for (let i = 0; i < 40 && !it_.sessionB.sent.some((text) => text.startsWith('INVITE')); i++)
      await new Promise((resolve) => setTimeout(resolve, 5));
    const sent = it_.sessionB.take().find((text) => text.startsWith('INVITE')) ?? '';
    const lone = async (text: string, times = 1, gateway = GATEWAY()): Promise<string[]> => {
      const agent = makeAgent({
        veil: new AgentVeil({
          ...{
            account: '1002',
            domain: 'example.com',
            hides: false,
            emergency: [],
            clock: Date.now,
            log: recordingLog().log,
          },
          keys: () => ({ key: keyOf('1002'), pinned: [publicHalf(gateway)] }),
        }),
      });
      await registered(it_, agent).catch(() => undefined);
      const link = new FakeSession('1002');
      agent.proxy.opened(link);
      link.take();
      for (let i = 0; i < times; i++) {
        agent.proxy.message(link, Buffer.from(i === 0 ? text : again(text), 'latin1'));
        for (let j = 0; j < 20; j++) await new Promise((resolve) => setTimeout(resolve, 5));
      }
      return link
        .take()
        .map(startOf)
        .filter((line) => !line.includes(' 100 '));
    };
    assert.deepEqual(await lone(sent), []);
    assert.deepEqual(await lone(sent, 2), ['SIP/2.0 403 Forbidden']);
    assert.deepEqual(await lone(sent.replace('m=audio 4000', 'm=audio 4002')), ['SIP/2.0 403 Forbidden']);
    assert.deepEqual(await lone(sent, 1, testKey('phone')), ['SIP/2.0 403 Forbidden']);
  });
});
