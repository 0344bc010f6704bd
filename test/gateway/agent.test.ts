import assert from 'node:assert/strict';
import { createSocket } from 'node:dgram';
import type { CscServer } from '../../src/gateway/csc-server.ts';
import type { Session } from '../../src/gateway/session.ts';
import { makeAgent, PhoneSocket, Resetter, testAgent } from '../support/agent.ts';
import { FakeSession, sipAnswer, sipRequest, startOf, valuesIn } from '../support/border.ts';
import { TestKeys, testGateway, until, type TestGateway } from '../support/csc.ts';
import { testKey } from '../support/keys.ts';

const CONTACT = '<sip:1004@192.168.1.5:5062>';
const VIA = 'SIP/2.0/UDP 192.168.1.5:5062';
const request = (method: string, more: Partial<Parameters<typeof sipRequest>[0]> = {}): string =>
  sipRequest({ method, from: '1004', via: VIA, contact: CONTACT, ...more });

describe('the agent, message by message', () => {
  it('a registration goes out under a name that says nothing, and comes back as the phone sent it', () => {
    const { proxy, local, fromPhone } = makeAgent();
    const session = new FakeSession('1004');
    proxy.opened(session);
    fromPhone(request('REGISTER', { to: '1004', uri: 'sip:example.com', more: ['Expires: 600'] }));
    const [out = ''] = session.take();
    assert.equal(startOf(out), 'REGISTER sip:example.com SIP/2.0');
    const [contact = ''] = valuesIn(out, 'Contact');
    assert.match(contact, /^<sip:[\w-]{22}@[0-9a-f]{16}\.invalid>$/);
    const vias = valuesIn(out, 'Via');
    assert.equal(vias.length, 2);
    assert.match(vias[0] ?? '', /^SIP\/2\.0\/TLS [0-9a-f]{16}\.invalid;branch=z9hG4bK[\w-]{22};rport$/);
    proxy.message(session, Buffer.from(sipAnswer(out, 200, [`Contact: ${contact};expires=600`])));
    const [back = ''] = local.take();
    assert.deepEqual(valuesIn(back, 'Contact'), [`${CONTACT};expires=600`]);
    assert.equal(valuesIn(back, 'Via').length, 1);
    // the same again is answered here
    fromPhone(request('REGISTER', { to: '1004', uri: 'sip:example.com', more: ['Expires: 600'] }));
    assert.deepEqual([session.take(), local.take()], [[], [back]]);
    // the next one is the same binding
    fromPhone(request('REGISTER', { to: '1004', uri: 'sip:example.com', cseq: 2 }));
    assert.deepEqual(valuesIn(session.take()[0] ?? '', 'Contact'), [contact]);
  });

  it('a call in finds the phone, its answer goes back, ACK and BYE follow the route', () => {
    const { proxy, local, fromPhone, pass } = makeAgent();
    const session = new FakeSession('1004');
    proxy.opened(session);
    fromPhone(request('REGISTER', { to: '1004', uri: 'sip:example.com' }));
    const name = /<(.*)>/.exec(valuesIn(session.take()[0] ?? '', 'Contact')[0] ?? '')?.[1] ?? '';
    const invite = sipRequest({
      ...{ method: 'INVITE', uri: name, from: '1001', to: '1004', contact: '<sip:1001@pbx.example>' },
      via: 'SIP/2.0/TLS gw.example:5061',
      more: ['Record-Route: <sip:tok@10.0.0.9:5070;lr>'],
    });
    proxy.message(session, Buffer.from(invite));
    assert.equal(startOf(session.take()[0]), 'SIP/2.0 100 Trying');
    const [rings = ''] = local.take();
    assert.equal(startOf(rings), 'INVITE sip:1004@192.168.1.5:5062 SIP/2.0');
    assert.deepEqual(valuesIn(rings, 'Record-Route'), [
      '<sip:192.168.1.2:5060;transport=udp;lr>',
      '<sip:tok@10.0.0.9:5070;lr>',
    ]);
    pass(600);
    assert.equal(local.take().length, 1, 'over UDP it is sent again');
    // the gateway sends it again over its next connection: the phone does not hear of that
    proxy.message(session, Buffer.from(invite));
    assert.deepEqual(local.take(), []);
    session.take();
    fromPhone(sipAnswer(rings, 200, [`Contact: ${CONTACT}`]));
    const [taken = ''] = session.take();
    const [hidden = ''] = valuesIn(taken, 'Contact');
    assert.match(hidden, /\.invalid>$/);
    assert.equal(valuesIn(taken, 'Via').length, 1);
    const inDialog = (method: string, cseq: number): string =>
      sipRequest({
        ...{
          method,
          cseq,
          uri: hidden.slice(1, -1),
          from: '1001',
          to: '1004',
          toTag: 'tt',
          via: 'SIP/2.0/TLS gw.example:5061',
        },
        more: ['Route: <sip:192.168.1.2:5060;transport=udp;lr>'],
      });
    proxy.message(session, Buffer.from(inDialog('ACK', 1)));
    proxy.message(session, Buffer.from(inDialog('BYE', 2)));
    const [ack = '', bye = ''] = local.take();
    assert.deepEqual(
      [startOf(ack), startOf(bye)],
      ['ACK sip:1004@192.168.1.5:5062 SIP/2.0', 'BYE sip:1004@192.168.1.5:5062 SIP/2.0'],
    );
    assert.deepEqual(valuesIn(bye, 'Route'), []);
    assert.equal(proxy.sizes().unanswered, 1, 'the registration, which nobody has answered');
  });

  it('a call out: ringing, busy and its ACK; a CANCEL goes behind its INVITE', () => {
    const { proxy, local, fromPhone } = makeAgent();
    const session = new FakeSession('1004');
    proxy.opened(session);
    fromPhone(request('INVITE'));
    const [invite = ''] = session.take();
    assert.equal(startOf(local.take()[0]), 'SIP/2.0 100 Trying');
    proxy.message(session, Buffer.from(sipAnswer(invite, 180)));
    assert.equal(startOf(local.take()[0]), 'SIP/2.0 180 Because');
    fromPhone(request('CANCEL', { branch: 'z9hG4bK-INVITE-1' }));
    const [cancel = ''] = session.take();
    assert.equal(startOf(cancel), 'CANCEL sip:1002@pbx.example SIP/2.0');
    assert.equal(valuesIn(cancel, 'Via')[0], valuesIn(invite, 'Via')[0]);
    assert.equal(startOf(local.take()[0]), 'SIP/2.0 200 OK');
    proxy.message(session, Buffer.from(sipAnswer(cancel, 200)));
    proxy.message(session, Buffer.from(sipAnswer(invite, 487)));
    assert.equal(startOf(session.take()[0]), 'ACK sip:1002@pbx.example SIP/2.0');
    assert.equal(startOf(local.take()[0]), 'SIP/2.0 487 Because');
    fromPhone(request('ACK', { branch: 'z9hG4bK-INVITE-1', toTag: 'tt' }));
    assert.deepEqual([session.take(), local.take(), proxy.sizes().unanswered], [[], [], 0]);
  });

  it('what waits for an answer is sent again, byte for byte, over the next connection', () => {
    const { proxy, local, fromPhone, pass } = makeAgent();
    const first = new FakeSession('1004');
    proxy.opened(first);
    fromPhone(request('INVITE'));
    fromPhone(request('REGISTER', { to: '1004', callId: 'other' }));
    const sent = first.take();
    assert.equal(sent.length, 2);
    proxy.closed(first);
    pass(25_000);
    fromPhone(request('MESSAGE', { callId: 'third', cseq: 7 }));
    const second = new FakeSession('1004');
    proxy.opened(second);
    const again = second.take();
    assert.deepEqual(again.slice(0, 2), sent);
    assert.match(again[2] ?? '', /^MESSAGE /);
    local.take();
    proxy.message(second, Buffer.from(sipAnswer(sent[1] ?? '', 200)));
    assert.equal(startOf(local.take()[0]), 'SIP/2.0 200 Because');
  });

  it('when none comes within 30 s who waits is told 408, and who asks later at once 503', () => {
    const { proxy, local, fromPhone, pass } = makeAgent();
    const session = new FakeSession('1004');
    proxy.opened(session);
    fromPhone(request('INVITE'));
    local.take();
    proxy.closed(session);
    pass(29_900);
    assert.deepEqual(local.take(), []);
    pass(200);
    assert.equal(startOf(local.take()[0]), 'SIP/2.0 408 Request Timeout');
    fromPhone(request('REGISTER', { callId: 'late' }));
    const [answer = ''] = local.take();
    assert.deepEqual([startOf(answer), valuesIn(answer, 'Retry-After')], ['SIP/2.0 503 Service Unavailable', ['5']]);
    const next = new FakeSession('1004');
    proxy.opened(next);
    assert.deepEqual(next.take(), [], 'what was given up is not sent again');
  });

  it('what is addressed to the agent itself is for the domain; OPTIONS asks whether it is connected', () => {
    const { proxy, local, fromPhone } = makeAgent();
    fromPhone(request('OPTIONS', { uri: 'sip:192.168.1.2:5060' }));
    assert.equal(startOf(local.take()[0]), 'SIP/2.0 503 Service Unavailable');
    const session = new FakeSession('1004');
    proxy.opened(session);
    fromPhone(request('OPTIONS', { uri: 'sip:192.168.1.2:5060', cseq: 2 }));
    assert.equal(startOf(local.take()[0]), 'SIP/2.0 200 OK');
    fromPhone(request('INVITE', { uri: 'sip:1002@192.168.1.2:5060' }));
    assert.equal(startOf(session.take()[0]), 'INVITE sip:1002@example.com SIP/2.0');
  });

  it('calls that name no contact of ours go to [agent] deliver, else to who registered last, else nowhere', () => {
    const plain = makeAgent();
    const session = new FakeSession('1004');
    plain.proxy.opened(session);
    const invite = sipRequest({ method: 'INVITE', uri: 'sip:4930@example.com', via: 'SIP/2.0/TLS gw:5061' });
    plain.proxy.message(session, Buffer.from(invite));
    assert.equal(startOf(session.take()[0]), 'SIP/2.0 404 Not Found');
    plain.fromPhone(request('REGISTER', { to: '1004' }));
    plain.proxy.message(session, Buffer.from(invite.replaceAll('call-1', 'call-2').replaceAll('INVITE-1', 'INVITE-2')));
    assert.equal(startOf(plain.local.take()[0]), 'INVITE sip:1004@192.168.1.5:5062 SIP/2.0');
    const trunk = makeAgent({ deliver: plain.phone });
    trunk.proxy.opened(session);
    trunk.proxy.message(session, Buffer.from(invite));
    assert.equal(startOf(trunk.local.take()[0]), 'INVITE sip:4930@example.com SIP/2.0');
  });

  it('private media addresses become the one that STUN told, and public ones stay', () => {
    const { proxy, fromPhone } = makeAgent({ mediaAddress: () => '203.0.113.9' });
    const session = new FakeSession('1004');
    proxy.opened(session);
    const sdp = (address: string): string =>
      `v=0\r\no=- 1 1 IN IP4 ${address}\r\ns=-\r\nc=IN IP4 ${address}\r\nt=0 0\r\nm=audio 4000 RTP/AVP 8\r\n`;
    const bodyOf = (text: string | undefined): string => text?.split('\r\n\r\n')[1] ?? '';
    fromPhone(request('INVITE', { body: sdp('192.168.1.5'), more: ['Content-Type: application/sdp'] }));
    const [out] = session.take();
    assert.equal(bodyOf(out), sdp('203.0.113.9'));
    assert.deepEqual(valuesIn(out ?? '', 'Content-Length'), [String(bodyOf(out).length)]);
    fromPhone(request('INVITE', { body: sdp('198.51.100.4'), more: ['Content-Type: application/sdp'], cseq: 2 }));
    assert.equal(bodyOf(session.take()[0]), sdp('198.51.100.4'));
  });
});

/** What stands behind the gateway in these tests: answers each request once, by branch as a PBX does, after `delay()`. */
function answering(gateway: TestGateway, delay: () => number): { readonly seen: Map<string, number> } {
  const seen = new Map<string, number>();
  const answers = new Map<string, string>();
  gateway.heard.onMessage = (session: Session, bytes) => {
    const text = bytes.toString('latin1');
    const method = text.slice(0, text.indexOf(' '));
    if (method === 'ACK' || method.startsWith('SIP/')) return;
    const branch = /branch=([^;\s]+)/.exec(text)?.[1] ?? '';
    seen.set(branch, (seen.get(branch) ?? 0) + 1);
    const known = answers.get(branch);
    if (known !== undefined) {
      session.send(Buffer.from(known));
      return;
    }
    if ((seen.get(branch) ?? 0) > 1) return;
    setTimeout(() => {
      const answer = sipAnswer(text, 200);
      answers.set(branch, answer);
      // over the session that stands now; what a cut swallows the agent asks for again
      gateway.heard.sessions.at(-1)?.send(Buffer.from(answer));
    }, delay());
  };
  return { seen };
}

describe('the agent on the loopback', function () {
  this.timeout(120_000);
  const opened: CscServer[] = [];
  afterEach(async () => {
    for (const server of opened.splice(0)) await server.close();
  });

  it('connections reset every 200 ms lose no call set-up and no registration', async () => {
    const gateway = await testGateway();
    opened.push(gateway.server);
    answering(gateway, () => Math.random() * 300);
    const resetter = await Resetter.open(gateway.server.port);
    const agent = await testAgent([`127.0.0.1:${resetter.port}`], gateway.keys);
    const phone = await PhoneSocket.open(agent.port);
    const answered = new Map<string, string[]>();
    phone.heard = (text) => {
      const id = valuesIn(text, 'Call-ID')[0] ?? '';
      answered.set(id, [...(answered.get(id) ?? []), startOf(text)]);
    };
    const long = process.env['RINGFENCE_LONG'] === '1';
    const end = Date.now() + (long ? 60_000 : 5_000);
    const storm = setInterval(() => resetter.reset(), 200);
    const asked: string[] = [];
    try {
      await until('the first connection', () => agent.link.session !== null);
      while (Date.now() < end) {
        const callId = `storm-${asked.length}`;
        asked.push(callId);
        const method = asked.length % 2 === 0 ? 'INVITE' : 'REGISTER';
        phone.send(
          sipRequest({
            method,
            from: '1004',
            callId,
            via: phone.via,
            contact: `<${phone.contact}>`,
            branch: `z9hG4bK-${callId}`,
          }),
        );
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
      clearInterval(storm);
      const isDone = (id: string): boolean => answered.get(id)?.includes('SIP/2.0 200 Because') === true;
      await until('every answer', () => asked.every(isDone), 25_000);
      assert.ok(resetter.resets >= (long ? 200 : 15), `${resetter.resets} resets`);
      for (const [id, lines] of answered)
        assert.deepEqual(
          lines.filter((line) => !/ (?:100|200) /.test(line)),
          [],
          `${id} was refused`,
        );
      assert.ok(
        agent.lines.some((line) => /^error .*somebody forges resets/.test(line)),
        agent.lines.join('\n'),
      );
    } finally {
      clearInterval(storm);
      phone.close();
      await agent.stop();
      resetter.close();
    }
  });

  it('a gateway that dies and comes back 3 s later loses nothing; the second of two takes over meanwhile', async () => {
    const first = await testGateway();
    const resetter = await Resetter.open(first.server.port);
    const { port } = first.server;
    answering(first, () => 60_000); // it dies before it answers
    const agent = await testAgent([`127.0.0.1:${port}`], first.keys);
    const phone = await PhoneSocket.open(agent.port);
    try {
      await until('the first connection', () => agent.link.session !== null);
      phone.send(sipRequest({ method: 'REGISTER', from: '1004', via: phone.via, contact: `<${phone.contact}>` }));
      await until('the request at the gateway', () => first.heard.messages.length === 1);
      await first.server.close();
      await new Promise((resolve) => setTimeout(resolve, 500));
      const second = await testGateway({ port });
      opened.push(second.server);
      answering(second, () => 0);
      await until('the answer', () => phone.received.some((text) => startOf(text) === 'SIP/2.0 200 Because'), 20_000);
      assert.equal(second.heard.messages[0], first.heard.messages[0]);
    } finally {
      phone.close();
      await agent.stop();
      resetter.close();
    }
  });

  it('the second gateway of the list takes over from one that is not there', async () => {
    const gateway = await testGateway();
    opened.push(gateway.server);
    const gone = await Resetter.open(1);
    const { port } = gone;
    gone.close();
    const agent = await testAgent([`127.0.0.1:${port}`, `127.0.0.1:${gateway.server.port}`], gateway.keys);
    try {
      await until('the connection', () => agent.link.session !== null);
      assert.equal(agent.link.at, `127.0.0.1:${gateway.server.port}`);
    } finally {
      await agent.stop();
    }
  });

  it('a revoked key is cut, and the agent says in plain words why it does not come back', async () => {
    const gateway = await testGateway();
    opened.push(gateway.server);
    const agent = await testAgent([`127.0.0.1:${gateway.server.port}`], gateway.keys);
    try {
      await until('the connection', () => gateway.heard.sessions.length === 1);
      for (const [kid, known] of gateway.keys.accounts) {
        gateway.keys.accounts.set(kid, { ...known, state: 'revoked' });
        gateway.server.revoked(kid);
      }
      await until('the words', () => agent.lines.some((line) => line.includes('unknown or revoked')));
      assert.equal(agent.link.session, null);
    } finally {
      await agent.stop();
    }
  });

  it('whoever answers in the place of the gateway without its key is refused, whatever certificate it shows', async () => {
    const between = new TestKeys();
    Object.assign(between, { own: () => testKey('somebody-else') });
    const gateway = await testGateway({ keys: between });
    opened.push(gateway.server);
    const agent = await testAgent([`127.0.0.1:${gateway.server.port}`], gateway.keys);
    try {
      await until('the words', () =>
        agent.lines.some((line) => /^error .*cannot prove that it holds the pinned key/.test(line)),
      );
      assert.equal(gateway.heard.sessions.length, 0);
    } finally {
      await agent.stop();
    }
  });

  it('who is not allowed in is not heard', async () => {
    const gateway = await testGateway();
    opened.push(gateway.server);
    const agent = await testAgent([`127.0.0.1:${gateway.server.port}`], gateway.keys);
    const stranger = createSocket('udp4');
    try {
      await new Promise<void>((resolve) => stranger.bind(0, '127.0.0.9', resolve));
      stranger.send(Buffer.from(request('OPTIONS', { uri: `sip:127.0.0.1:${agent.port}` })), agent.port, '127.0.0.1');
      await until('the count', () => agent.counters.get('agent.refused.address') === 1);
    } finally {
      stranger.close();
      await agent.stop();
    }
  });
});
