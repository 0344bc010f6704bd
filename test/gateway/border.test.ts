import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { FakeInside, FakeSession, makeBorder, sipAnswer, sipRequest, startOf, valuesIn } from '../support/border.ts';

const SDP = 'v=0\r\no=- 1 1 IN IP4 192.168.1.5\r\ns=-\r\nt=0 0\r\n';
const register = (more: Partial<Parameters<typeof sipRequest>[0]> = {}): string =>
  sipRequest({
    method: 'REGISTER',
    uri: 'sip:pbx.example',
    to: '1001',
    contact: '<sip:1001@192.168.1.5:50000;transport=tls>;expires=300',
    ...more,
  });
const invite = (more: Partial<Parameters<typeof sipRequest>[0]> = {}): string =>
  sipRequest({ method: 'INVITE', contact: '<sip:1001@192.168.1.5:50000>', body: SDP, ...more });

describe('gateway: the border proxy, from a session to the PBX', () => {
  it('sends a REGISTER on with a Contact that leads back, and gives the phone its own in the answer', () => {
    const { border, inside, toSession } = makeBorder();
    const phone = new FakeSession('1001');
    border.opened(phone);
    toSession(phone, register());
    const [sent = ''] = inside.take();
    const [contact = ''] = valuesIn(sent, 'Contact');
    assert.match(contact, /^<sip:1001@10\.0\.0\.9:5070;transport=udp;fl=[\w-]{22}\.[\w-]+>;expires=300$/);
    assert.match(valuesIn(sent, 'Via')[0] ?? '', /^SIP\/2\.0\/UDP 10\.0\.0\.9:5070;branch=z9hG4bK[\w-]{22};rport$/);
    assert.match(valuesIn(sent, 'Via')[1] ?? '', /;rport=40000;received=203\.0\.113\.7$/, 'the true source');
    assert.equal(valuesIn(sent, 'Max-Forwards')[0], '69');
    border.fromInside(Buffer.from(sipAnswer(sent, 200, [`Contact: ${contact}`])), origin(inside));
    const [answer = ''] = phone.take();
    assert.equal(startOf(answer), 'SIP/2.0 200 Because');
    assert.deepEqual(valuesIn(answer, 'Contact'), ['<sip:1001@192.168.1.5:50000;transport=tls>;expires=300']);
    assert.equal(valuesIn(answer, 'Via').length, 1);
  });

  it('sends a REGISTER on with Path where the registrar takes it', () => {
    const { inside, open, toSession } = makeBorder({ inside: new FakeInside([{ registrations: 'path' }]) });
    const phone = open(new FakeSession('1001'));
    toSession(
      phone,
      register({
        contact: '<sip:1001@192.168.1.5>;reg-id=1;+sip.instance="<urn:x>"',
        more: ['Path: <sip:thief.example;lr>'],
      }),
    );
    const [sent = ''] = inside.take();
    assert.match(valuesIn(sent, 'Path').join(), /^<sip:[\w-]{22}@10\.0\.0\.9:5070;transport=udp;lr;ob>$/);
    assert.deepEqual(valuesIn(sent, 'Supported'), ['path']);
    assert.match(valuesIn(sent, 'Contact')[0] ?? '', /^<sip:1001@192\.168\.1\.5>/);
  });

  it('makes the branch by the rule of the protocol, so that it is the same after a restart', () => {
    const expected = createHmac('sha256', Buffer.alloc(32, 7))
      .update('kid-of-1001\0z9hG4bK-INVITE-1\0INVITE')
      .digest('base64url')
      .slice(0, 22);
    for (let start = 0; start < 2; start++) {
      const { inside, open, toSession } = makeBorder();
      toSession(open(new FakeSession('1001')), invite());
      assert.match(inside.take()[0] ?? '', new RegExp(`branch=z9hG4bK${expected};`));
    }
  });

  it('stays in the dialog by two Record-Routes, drops a preloaded Route, and takes its own off later requests', () => {
    const { inside, open, toSession, fromInside } = makeBorder();
    const phone = open(new FakeSession('1001'));
    toSession(phone, invite({ more: ['Route: <sip:evil.example;lr>'] }));
    assert.equal(startOf(phone.take()[0]), 'SIP/2.0 100 Trying');
    const [sent = ''] = inside.take();
    assert.deepEqual(valuesIn(sent, 'Route'), []);
    const routes = valuesIn(sent, 'Record-Route');
    assert.match(routes[0] ?? '', /^<sip:[\w-]{22}@10\.0\.0\.9:5070;transport=udp;up=pbx0;lr>$/);
    assert.equal(routes[1], '<sip:gw.example:5061;transport=tls;lr>');
    fromInside(sipAnswer(sent, 200, ['Contact: <sip:10.0.0.1:5060>']));
    const [ok = ''] = phone.take();
    assert.deepEqual(valuesIn(ok, 'Record-Route'), routes);
    const route = [...routes.toReversed(), '<sip:kamailio.example;lr>'].map((each) => `Route: ${each}`);
    toSession(
      phone,
      sipRequest({ method: 'ACK', uri: 'sip:10.0.0.1:5060', toTag: 'tt', more: route, branch: 'z9hG4bK-ack' }),
    );
    toSession(phone, sipRequest({ method: 'BYE', uri: 'sip:10.0.0.1:5060', toTag: 'tt', cseq: 2, more: route }));
    const later = inside.take();
    assert.deepEqual(later.map(startOf), ['ACK sip:10.0.0.1:5060 SIP/2.0', 'BYE sip:10.0.0.1:5060 SIP/2.0']);
    for (const text of later) assert.deepEqual(valuesIn(text, 'Route'), ['<sip:kamailio.example;lr>']);
  });

  it('answers a resend itself, and sends on every byte that it need not change', () => {
    const { inside, open, toSession, fromInside } = makeBorder();
    const phone = open(new FakeSession('1001'));
    const odd = invite({
      more: ['X-Odd:\t "a,b" ;  c', 'subject: Grüße', 'v: SIP/2.0/UDP 10.9.9.9;branch=z9hG4bKold'],
    });
    toSession(phone, odd);
    const [sent = ''] = inside.take();
    for (const line of ['X-Odd:\t "a,b" ;  c', 'subject: Grüße', 'v: SIP/2.0/UDP 10.9.9.9;branch=z9hG4bKold'])
      assert.ok(sent.includes(`\r\n${line}\r\n`), line);
    assert.ok(sent.endsWith(`\r\n\r\n${SDP}`));
    fromInside(sipAnswer(sent, 486));
    assert.deepEqual(
      inside.take().map(startOf),
      ['ACK sip:1002@pbx.example SIP/2.0'],
      'a failure is acknowledged hop by hop',
    );
    phone.take();
    toSession(phone, odd);
    assert.deepEqual(phone.take().map(startOf), ['SIP/2.0 486 Because']);
    assert.deepEqual(inside.take(), []);
    toSession(phone, sipRequest({ method: 'ACK', branch: 'z9hG4bK-INVITE-1', toTag: 'tt' }));
    assert.deepEqual(inside.take(), [], 'its ACK goes no further');
  });

  it('retransmits over UDP until something comes, and gives up after 32 s', () => {
    const { inside, open, toSession, fromInside, pass } = makeBorder();
    const phone = open(new FakeSession('1001'));
    toSession(phone, sipRequest({ method: 'OPTIONS' }));
    pass(32_100);
    assert.equal(inside.take().length, 11, 'timer E: 0, 0.5, 1.5, 3.5, 7.5, then every 4 s');
    assert.deepEqual(phone.take().map(startOf), ['SIP/2.0 408 Request Timeout']);
    assert.ok(inside.suspected.includes('pbx0'));
    toSession(phone, invite());
    pass(1_100);
    const sent = inside.take();
    assert.equal(sent.length, 2);
    assert.equal(new Set(sent).size, 1, 'the same bytes');
    fromInside(sipAnswer(sent[0] ?? '', 100));
    pass(20_000);
    assert.deepEqual(inside.take(), []);
  });

  it('cancels when the INVITE has been answered by anything, and not before', () => {
    const { inside, open, toSession, fromInside, pass } = makeBorder();
    const phone = open(new FakeSession('1001'));
    toSession(phone, invite());
    const [sent = ''] = inside.take();
    phone.take();
    toSession(phone, sipRequest({ method: 'CANCEL', branch: 'z9hG4bK-INVITE-1', more: ['Reason: SIP;cause=200'] }));
    assert.deepEqual(phone.take().map(startOf), ['SIP/2.0 200 OK']);
    assert.deepEqual(inside.take(), []);
    fromInside(sipAnswer(sent, 180));
    const [cancel = ''] = inside.take();
    assert.equal(startOf(cancel), 'CANCEL sip:1002@pbx.example SIP/2.0');
    assert.deepEqual(valuesIn(cancel, 'Via'), valuesIn(sent, 'Via').slice(0, 1));
    assert.deepEqual(valuesIn(cancel, 'Reason'), ['SIP;cause=200']);
    pass(600);
    assert.equal(inside.take().length, 1, 'and again over UDP');
    fromInside(sipAnswer(cancel, 200));
    pass(3_000);
    assert.equal(inside.take().length, 0);
    fromInside(sipAnswer(sent, 487));
    assert.deepEqual(
      inside.take().map((text) => startOf(text).split(' ')[0]),
      ['ACK'],
    );
    assert.deepEqual(phone.take().map(startOf), ['SIP/2.0 180 Because', 'SIP/2.0 487 Because']);
    toSession(phone, sipRequest({ method: 'CANCEL', branch: 'z9hG4bK-none' }));
    assert.deepEqual(phone.take().map(startOf), ['SIP/2.0 481 Call/Transaction Does Not Exist']);
  });

  it('goes to the next upstream when the first says nothing, and to the one of the dialog later', () => {
    const { inside, open, toSession, fromInside, pass, counters } = makeBorder({ inside: new FakeInside([{}, {}]) });
    const phone = open(new FakeSession('1001'));
    toSession(phone, invite());
    pass(2_100);
    assert.deepEqual(
      inside.sent.map(({ to }) => to),
      ['pbx0', 'pbx0', 'pbx0', 'pbx1'],
    );
    assert.equal(counters.get('gateway.failovers'), 1);
    const second = inside.sent.at(-1)?.text ?? '';
    inside.take();
    fromInside(sipAnswer(second, 200), 0);
    assert.equal(counters.get('gateway.answers.stray'), 1, 'who was not asked does not answer');
    fromInside(sipAnswer(second, 200), 1);
    const routes = valuesIn(second, 'Record-Route')
      .toReversed()
      .map((route) => `Route: ${route}`);
    toSession(phone, sipRequest({ method: 'BYE', uri: 'sip:10.0.0.1:5061', toTag: 'tt', cseq: 2, more: routes }));
    assert.equal(inside.sent.at(-1)?.to, 'pbx1');
    inside.take();
    const first = inside.upstreams[0];
    if (first !== undefined) first.up = false;
    toSession(phone, sipRequest({ method: 'OPTIONS', cseq: 9 }));
    assert.deepEqual(
      inside.sent.map(({ to }) => to),
      ['pbx1'],
    );
  });

  it('refuses what a proxy must: hops used up, unknown extensions, other schemes, loops', () => {
    const { inside, open, toSession, findings } = makeBorder();
    const phone = open(new FakeSession('1001'));
    const ours = Array.from({ length: 4 }, (_, i) => `Via: SIP/2.0/UDP 10.0.0.9:5070;branch=z9hG4bK${i}`);
    for (const [text, status] of [
      [sipRequest({ method: 'OPTIONS', cseq: 1, maxForwards: '0' }), '483 Too Many Hops'],
      [sipRequest({ method: 'OPTIONS', cseq: 2, more: ['Proxy-Require: teleport'] }), '420 Bad Extension'],
      [sipRequest({ method: 'OPTIONS', cseq: 3, uri: 'mailto:a@b' }), '416 Unsupported URI Scheme'],
      [sipRequest({ method: 'OPTIONS', cseq: 4, more: ours }), '482 Loop Detected'],
    ] as const) {
      toSession(phone, text);
      assert.deepEqual(phone.take().map(startOf), [`SIP/2.0 ${status}`]);
    }
    assert.deepEqual(inside.take(), []);
    assert.deepEqual(
      findings.map(({ kind }) => kind),
      ['loop'],
    );
  });

  it('takes no message that two readers could read as two', () => {
    const { inside, open, toSession, findings } = makeBorder();
    const phone = open(new FakeSession('1001'));
    const good = sipRequest({ method: 'OPTIONS' });
    for (const bad of [
      good.replace('Call-ID', 'From: <sip:1002@x>;tag=1\r\nCall-ID'),
      good.replace('1 OPTIONS', '1 INVITE'),
      `${good}more`,
      good.replace('Content-Length: 0', 'Content-Length: 5'),
      good.replace(';tag=ft', ''),
      good.replace(/branch=[^;]*;/, ''),
    ])
      toSession(phone, bad);
    assert.deepEqual(inside.take(), []);
    assert.deepEqual(
      findings.map(({ kind }) => kind),
      ['malformed'],
      'told once a minute',
    );
    assert.equal(phone.closedFor, null);
    for (let i = 0; i < 4; i++) toSession(phone, 'nonsense');
    assert.equal(phone.closedFor, 'refused');
  });
});

const origin = (inside: FakeInside) => ({
  ...{ upstream: inside.upstreams[0] ?? null, transport: 'udp' as const, connection: null },
  peer: { address: '10.0.0.1', port: 5060 },
});

describe('gateway: the border proxy, from the PBX to a session', () => {
  /** A phone that has registered, and the Contact that the registrar holds. */
  function registered(registrations: 'contact' | 'path' = 'contact') {
    const test = makeBorder({ inside: new FakeInside([{ registrations }]) });
    const phone = test.open(new FakeSession('1001'));
    test.toSession(phone, register());
    const [sent = ''] = test.inside.take();
    test.fromInside(sipAnswer(sent, 200));
    phone.take();
    const contact = /<([^>]*)>/.exec(valuesIn(sent, 'Contact')[0] ?? '')?.[1] ?? '';
    const path = valuesIn(sent, 'Path')[0];
    const call = (more: Partial<Parameters<typeof sipRequest>[0]> = {}): string =>
      sipRequest({
        ...{
          method: 'INVITE',
          uri: contact,
          from: '1002',
          to: '1001',
          via: 'SIP/2.0/UDP 10.0.0.1:5060',
          body: SDP,
          callId: 'in-1',
        },
        contact: '<sip:10.0.0.1:5060>',
        ...more,
        more: [...(path === undefined ? [] : [`Route: ${path}`]), ...(more.more ?? [])],
      });
    return { ...test, phone, call };
  }

  for (const registrations of ['contact', 'path'] as const)
    it(`finds the session by ${registrations}, and the dialog's later requests both ways`, () => {
      const { phone, call, fromInside, inside, toSession } = registered(registrations);
      fromInside(call());
      assert.deepEqual(inside.takeAnswers().map(startOf), ['SIP/2.0 100 Trying']);
      const [ringing = ''] = phone.take();
      assert.equal(startOf(ringing), 'INVITE sip:1001@192.168.1.5:50000;transport=tls SIP/2.0', 'his own Contact');
      assert.deepEqual(valuesIn(ringing, 'Route'), []);
      const routes = valuesIn(ringing, 'Record-Route');
      assert.match(
        routes.join(' '),
        /^<sip:gw\.example:5061;transport=tls;lr> <sip:[\w-]{22}@10\.0\.0\.9:5070;transport=udp;up=pbx0;lr>$/,
      );
      assert.match(valuesIn(ringing, 'Via')[0] ?? '', /^SIP\/2\.0\/TLS gw\.example:5061;branch=/);
      toSession(phone, sipAnswer(ringing, 180));
      toSession(phone, sipAnswer(ringing, 200, ['Contact: <sip:1001@192.168.1.5:50000>']));
      const [, ok = ''] = inside.takeAnswers();
      assert.equal(valuesIn(ok, 'Via').length, 1);
      assert.match(valuesIn(ok, 'Via')[0] ?? '', /10\.0\.0\.1:5060/);
      const route = routes.toReversed().map((each) => `Route: ${each}`);
      const own = {
        from: '1002',
        to: '1001',
        toTag: 'tt',
        callId: 'in-1',
        uri: 'sip:1001@192.168.1.5:50000',
        via: 'SIP/2.0/UDP 10.0.0.1:5060',
      };
      fromInside(sipRequest({ ...own, method: 'ACK', branch: 'z9hG4bK-ack', more: route }));
      fromInside(sipRequest({ ...own, method: 'BYE', cseq: 2, more: route }));
      const later = phone.take();
      assert.deepEqual(
        later.map((text) => startOf(text).split(' ')[0]),
        ['ACK', 'BYE'],
      );
      for (const text of later) assert.deepEqual(valuesIn(text, 'Route'), []);
      // and the phone hangs up by its own route set
      toSession(
        phone,
        sipRequest({
          method: 'BYE',
          uri: 'sip:10.0.0.1:5060',
          from: '1001',
          to: '1002',
          toTag: 'ft',
          callId: 'in-1',
          cseq: 7,
          more: routes.map((each) => `Route: ${each}`),
        }),
      );
      const [bye = ''] = inside.take();
      assert.equal(startOf(bye), 'BYE sip:10.0.0.1:5060 SIP/2.0');
      assert.deepEqual(valuesIn(bye, 'Route'), []);
    });

  it('repeats a failure to the PBX over UDP until its ACK comes, and acknowledges it to the phone', () => {
    const { phone, call, fromInside, inside, toSession, pass } = registered();
    fromInside(call());
    inside.takeAnswers();
    const [ringing = ''] = phone.take();
    toSession(phone, sipAnswer(ringing, 486));
    assert.deepEqual(
      phone.take().map((text) => startOf(text).split(' ')[0]),
      ['ACK'],
    );
    pass(1_700);
    assert.equal(inside.takeAnswers().length, 3, 'timer G: 0, 0.5, 1.5 s');
    fromInside(
      sipRequest({
        method: 'ACK',
        branch: 'z9hG4bK-INVITE-1',
        via: 'SIP/2.0/UDP 10.0.0.1:5060',
        callId: 'in-1',
        toTag: 'tt',
      }),
    );
    pass(10_000);
    assert.deepEqual(inside.takeAnswers(), []);
    assert.deepEqual(phone.take(), []);
  });

  it('absorbs what the PBX retransmits, and cancels to the phone', () => {
    const { phone, call, fromInside, inside, toSession } = registered();
    for (let i = 0; i < 3; i++) fromInside(call());
    const [ringing = '', ...more] = phone.take();
    assert.deepEqual(more, []);
    toSession(phone, sipAnswer(ringing, 180));
    inside.takeAnswers();
    fromInside(
      sipRequest({ method: 'CANCEL', branch: 'z9hG4bK-INVITE-1', via: 'SIP/2.0/UDP 10.0.0.1:5060', callId: 'in-1' }),
    );
    const [cancel = ''] = phone.take();
    assert.match(startOf(cancel), /^CANCEL sip:1001@192\.168\.1\.5/);
    assert.deepEqual(valuesIn(cancel, 'Via'), valuesIn(ringing, 'Via').slice(0, 1));
    toSession(phone, sipAnswer(cancel, 200));
    toSession(phone, sipAnswer(ringing, 487));
    assert.deepEqual(inside.takeAnswers().map(startOf), ['SIP/2.0 200 OK', 'SIP/2.0 487 Because']);
  });

  it('keeps what the PBX asks of a flow that is only coming back after a start of ours', () => {
    const before = registered();
    const started = makeBorder();
    const retransmitted = before.call();
    for (let i = 0; i < 2; i++) started.fromInside(retransmitted);
    assert.deepEqual(started.inside.takeAnswers().map(startOf), ['SIP/2.0 100 Trying', 'SIP/2.0 100 Trying']);
    started.pass(5_000);
    const other = started.open(new FakeSession('1002'));
    const phone = started.open(new FakeSession('1001'));
    assert.deepEqual(other.take(), []);
    assert.deepEqual(phone.take().map((text) => startOf(text).split(' ')[0]), ['INVITE']); // prettier-ignore

    const cancelled = makeBorder();
    cancelled.fromInside(before.call());
    cancelled.inside.takeAnswers();
    cancelled.fromInside(
      sipRequest({ method: 'CANCEL', branch: 'z9hG4bK-INVITE-1', via: 'SIP/2.0/UDP 10.0.0.1:5060', callId: 'in-1' }),
    );
    assert.deepEqual(cancelled.inside.takeAnswers().map((text) => startOf(text).slice(0, 11)), ['SIP/2.0 200', 'SIP/2.0 487']); // prettier-ignore
    assert.deepEqual(cancelled.open(new FakeSession('1001')).take(), []);

    const alone = makeBorder();
    alone.fromInside(before.call());
    alone.inside.takeAnswers();
    alone.pass(30_000);
    assert.deepEqual(alone.inside.takeAnswers().map(startOf), ['SIP/2.0 430 Flow Failed']);
    alone.fromInside(before.call());
    assert.deepEqual(alone.inside.takeAnswers().map(startOf), ['SIP/2.0 430 Flow Failed'], 'later at once');
  });

  it('says 430 where the flow is gone, 404 for what is not ours, 200 when it is asked itself', () => {
    const { call, fromInside, inside, phone, border } = registered();
    border.closed(phone, 'revoked');
    fromInside(call());
    fromInside(
      sipRequest({
        method: 'INVITE',
        uri: 'sip:9@elsewhere.example',
        callId: 'x',
        via: 'SIP/2.0/UDP 10.0.0.1:5060',
        branch: 'z9hG4bK-x',
      }),
    );
    fromInside(
      sipRequest({ method: 'OPTIONS', uri: 'sip:10.0.0.9:5070', callId: 'y', via: 'SIP/2.0/UDP 10.0.0.1:5060' }),
    );
    assert.deepEqual(inside.takeAnswers().map(startOf), [
      'SIP/2.0 430 Flow Failed',
      'SIP/2.0 404 Not Found',
      'SIP/2.0 200 OK',
    ]);
  });

  it('lets the PBX name a trunk by its account, in a Route or in the URI', () => {
    const { fromInside, open } = makeBorder();
    const trunk = open(new FakeSession('trunk-a'));
    const via = 'SIP/2.0/UDP 10.0.0.1:5060';
    fromInside(
      sipRequest({
        method: 'INVITE',
        uri: 'sip:00371@branch.example',
        via,
        more: ['Route: <sip:trunk-a@10.0.0.9:5070;lr>'],
      }),
    );
    fromInside(
      sipRequest({
        method: 'INVITE',
        uri: 'sip:00372@10.0.0.9:5070;account=trunk-a',
        via,
        callId: 'b',
        branch: 'z9hG4bK-b',
      }),
    );
    assert.deepEqual(trunk.take().map(startOf), [
      'INVITE sip:00371@branch.example SIP/2.0',
      'INVITE sip:00372@10.0.0.9:5070;account=trunk-a SIP/2.0',
    ]);
  });

  it('lets a session answer only what it was asked', () => {
    const { phone, call, fromInside, inside, toSession, open, counters } = registered();
    const other = open(new FakeSession('1002'));
    fromInside(call());
    inside.takeAnswers();
    const [ringing = ''] = phone.take();
    toSession(other, sipAnswer(ringing, 200));
    assert.deepEqual(inside.takeAnswers(), []);
    assert.equal(counters.get('gateway.answers.stray'), 1);
  });
});

describe('gateway: the border proxy when sessions are cut', () => {
  it('sends again over the next session of the same key what has no answer, in order and with the same bytes', () => {
    const { inside, open, toSession, border, fromInside, pass } = makeBorder();
    const phone = open(new FakeSession('1001'));
    toSession(phone, invite());
    const [sent = ''] = inside.take();
    fromInside(sipAnswer(sent, 200, ['Contact: <sip:10.0.0.1:5060>']));
    const ok = phone.take().at(-1) ?? '';
    border.closed(phone, 'lost');
    // a call comes in while it is away
    fromInside(
      sipRequest({
        method: 'INVITE',
        uri: 'sip:1001@10.0.0.9:5070;account=1001',
        via: 'SIP/2.0/UDP 10.0.0.1:5060',
        callId: 'late',
      }),
    );
    fromInside(
      sipRequest({
        method: 'OPTIONS',
        uri: 'sip:1001@x',
        more: [`Route: ${valuesIn(sent, 'Record-Route')[0] ?? ''}`],
        via: 'SIP/2.0/UDP 10.0.0.1:5060',
        callId: 'late2',
      }),
    );
    pass(5_000);
    const next = open(new FakeSession('1001'));
    const again = next.take();
    assert.equal(again[0], ok);
    assert.deepEqual(
      again.map((text) => startOf(text).split(' ')[0]),
      ['SIP/2.0', 'OPTIONS'],
    );
    toSession(next, sipRequest({ method: 'ACK', uri: 'sip:10.0.0.1:5060', toTag: 'tt', branch: 'z9hG4bK-ack' }));
    border.closed(next, 'lost');
    assert.deepEqual(
      open(new FakeSession('1001'))
        .take()
        .map((text) => startOf(text).split(' ')[0]),
      ['OPTIONS'],
      'the ACK has come',
    );
  });

  it('answers 408 to the PBX and cancels what rings when nobody comes back within 30 s', () => {
    const { inside, open, toSession, border, fromInside, pass } = makeBorder();
    const phone = open(new FakeSession('1001'));
    toSession(phone, invite());
    const [sent = ''] = inside.take();
    fromInside(sipAnswer(sent, 180));
    fromInside(
      sipRequest({
        method: 'OPTIONS',
        uri: 'sip:1001@x',
        more: [`Route: ${valuesIn(sent, 'Record-Route')[0] ?? ''}`],
        via: 'SIP/2.0/UDP 10.0.0.1:5060',
        callId: 'in-2',
      }),
    );
    inside.takeAnswers();
    border.closed(phone, 'lost');
    pass(29_000);
    assert.deepEqual(inside.takeAnswers(), []);
    pass(1_200);
    assert.deepEqual(inside.takeAnswers().map(startOf), ['SIP/2.0 408 Request Timeout']);
    assert.ok(inside.take().some((text) => text.startsWith('CANCEL ')));
    const late = open(new FakeSession('1001'));
    assert.deepEqual(late.take(), []);
  });

  it('takes a resent INVITE after a restart for the same, by its branch', () => {
    const before = makeBorder();
    before.toSession(before.open(new FakeSession('1001')), invite());
    const after = makeBorder({ start: 2_000_000 });
    const phone = after.open(new FakeSession('1001'));
    after.toSession(phone, invite());
    const [first = ''] = before.inside.take();
    const [second = ''] = after.inside.take();
    assert.equal(second, first);
    after.fromInside(sipAnswer(first, 200));
    assert.equal(startOf(phone.take().at(-1)), 'SIP/2.0 200 Because');
  });
});
