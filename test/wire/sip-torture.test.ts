import assert from 'node:assert/strict';
import { parseSdp, sdpPart } from '../../src/wire/sdp.ts';
import { parseSip, type SipMessage } from '../../src/wire/sip.ts';
import { describeWithData, listData, readData } from '../support/data.ts';

const name = (path: string): string => /([^/]+)\.dat$/.exec(path)?.[1] ?? path;

/** What the messages of RFC 4475 section 3.1.1 say. */
const VALID: Record<string, Record<string, unknown>> = {
  wsinv: {
    method: 'INVITE',
    requestUri: 'sip:vivekg@chair-dnrc.example.com;unknownparam',
    requestUser: 'vivekg',
    toUser: 'vivekg',
    toTag: '1918181833n',
    fromUser: 'jdrosen',
    fromTag: '98asjd8',
    cseq: 9,
    cseqMethod: 'INVITE',
    branch: '390skdjuw',
    sentBy: '192.0.2.2',
    viaTransport: 'UDP',
    contentLength: 150,
    contentType: 'application/sdp',
  },
  intmeth: {
    method: "!interesting-Method0123456789_*+`.%indeed'~",
    cseqMethod: "!interesting-Method0123456789_*+`.%indeed'~",
    cseq: 139122385,
    requestUser: "1_unusual.URI~(to-be!sure)&isn't+it$/crazy?,/;;*",
    requestHost: 'example.com',
    toUser: "1_unusual.URI~(to-be!sure)&isn't+it$/crazy?,/;;*",
    fromUser: 'mundane',
    fromTag: "_token~1'+`*%!-.",
    callId: 'intmeth.word%ZK-!.*_+\'@word`~)(><:\\/"][?}{',
    branch: "z9hG4bK-.!%66*_+`'~",
  },
  esc01: {
    requestUser: 'sips:user@example.com',
    requestHost: 'example.net',
    toUser: 'user',
    fromUser: 'I have spaces',
    fromTag: '938',
  },
  escnull: { method: 'REGISTER', toUser: 'null-%00-null', fromUser: 'null-%00-null', contentLength: 0 },
  esc02: { method: 'RE%47IST%45R', cseqMethod: 'RE%47IST%45R', toUser: 'resource', branch: 'z9hG4bK209%fzsnel234' },
  lwsdisp: { method: 'OPTIONS', fromUser: 'caller', fromTag: '323' },
  longreq: {
    method: 'INVITE',
    fromUser: 'amazinglylongcallername'.repeat(5),
    sentBy: 'sip33.example.com',
    branch: '',
    contentLength: 150,
  },
  dblreq: { method: 'REGISTER', callId: 'dblreq.0ha0isndaksdj99sdfafnl3lk233412', contentLength: 0, cseq: 8 },
  semiuri: { method: 'OPTIONS', requestUser: 'user;par=u@example.net', requestHost: 'example.com' },
  transports: { viaTransport: 'UDP', sentBy: 't1.example.com', callId: 'transports.kijh4akdnaqjkwendsasfdj' },
  mpart01: { method: 'MESSAGE', contentLength: 553, userAgent: 'SIPimp.org/0.2.5 (curses)', rport: '' },
  unreason: {
    status: 200,
    reason: '= 2**3 * 5**2 но сто девяносто девять - простое',
    fromTag: '11141343',
    toTag: '2229',
  },
  noreason: { status: 100, reason: '', callId: 'noreason.asndj203insdf99223ndf' },
};

/**
 * Section 3.1.2 and later: what is refused here, and why. The others are messages that a PBX answers, if only with 400 or 416,
 * and therefore read.
 */
const REFUSED: Record<string, RegExp> = {
  badvers: /SIP\/2\.0/,
  bigcode: /status/,
  insuf: /no From/,
  lwsruri: /SIP\/2\.0/,
  ncl: /Content-Length/,
  scalar02: /CSeq/,
  scalarlg: /CSeq/,
  test: /SIP\/2\.0/,
};

const READ: Record<string, Record<string, unknown>> = {
  badaspec: { toUser: 't.watson', toHost: 'example.org', fromUser: 'a.g.bell' },
  badbranch: { branch: 'z9hG4bK', sentBy: '192.0.2.1' },
  baddn: { fromUser: 'a.g.bell', fromTag: '43', sentBy: 'c.example.com', sentByPort: 5060 },
  badinv01: { fromUser: 'caller', branch: '', sentBy: '192.0.2.15' },
  clerr: { contentLength: 9999, truncated: true },
  ltgtruri: { requestUri: '<sip:user@example.com>', requestUser: '' },
  lwsstart: { method: 'INVITE', requestUser: 'user' },
  mcl01: { contentLength: 13 },
  mismatch01: { method: 'OPTIONS', cseqMethod: 'INVITE' },
  multi01: { cseq: 5, callId: 'multi01.98asdh@192.0.2.1', toUser: 'user', fromTag: '3413415' },
  quotbal: { toUser: 'j.user', fromUser: 'caller' },
  trws: { method: 'OPTIONS', requestUser: 'remote-target' },
  unksm2: { toUser: '', fromUser: '', fromTag: '3234233' },
  inv2543: { branch: '', fromUser: '+13035551111', toUser: '+16505552222' },
};

const fields = (message: SipMessage, expected: object): Record<string, unknown> =>
  Object.fromEntries(Object.keys(expected).map((key) => [key, Reflect.get(message, key) as unknown]));

function read(bytes: Buffer): SipMessage {
  const result = parseSip(bytes);
  assert.ok(result.ok, result.ok ? '' : `${result.reason} at ${result.offset}`);
  return result.value;
}

describeWithData('RFC 4475: valid torture messages are read', 'rfc4475/valid', () => {
  for (const path of listData('rfc4475/valid', '.dat')) {
    it(name(path), () => {
      const expected = VALID[name(path)];
      assert.ok(expected !== undefined, 'an expectation for every message');
      assert.deepEqual(fields(read(readData(path)), expected), expected);
    });
  }

  it('wsinv: Vias over folds and commas, a Contact with a quoted name', () => {
    const message = read(readData('rfc4475/valid/wsinv.dat'));
    assert.deepEqual(message.headers('via').length, 2);
    assert.equal(message.values('via').length, 3);
    const contacts = message.contacts();
    assert.ok(contacts !== '*');
    assert.equal(contacts[0]?.user, 'jdrosen');
    assert.deepEqual({ ...contacts[0].params }, { newparam: 'newvalue', secondparam: '', q: '0.33' });
    assert.equal(message.header('NewFangledHeader'), 'newfangled value continued newfangled value');
    assert.equal(message.header('s'), '');
  });

  it('esc02: an escaped header name is another header', () => {
    const contacts = read(readData('rfc4475/valid/esc02.dat')).contacts();
    assert.ok(contacts !== '*');
    assert.deepEqual(
      contacts.map((c) => c.user),
      ['alias1', 'alias3'],
    );
  });

  it('escnull: two contacts that are not the empty one', () => {
    const contacts = read(readData('rfc4475/valid/escnull.dat')).contacts();
    assert.ok(contacts !== '*');
    assert.deepEqual(
      contacts.map((c) => c.user),
      ['%00', '%00%00'],
    );
  });

  it('longreq: 34 Vias, all of the body', () => {
    const message = read(readData('rfc4475/valid/longreq.dat'));
    assert.equal(message.values('v').length, 34);
    const sdp = parseSdp(message.body);
    assert.ok(sdp.ok);
    assert.equal(sdp.value.media[1]?.port, 3227);
  });

  it('mpart01: a multipart body without SDP', () => {
    const message = read(readData('rfc4475/valid/mpart01.dat'));
    assert.equal(sdpPart(message.contentType, message.body), null);
  });
});

describeWithData('RFC 4475: invalid torture messages never throw', 'rfc4475/invalid', () => {
  for (const path of listData('rfc4475/invalid', '.dat')) {
    const reason = REFUSED[name(path)];
    it(`${name(path)}: ${reason === undefined ? 'read' : 'refused'}`, () => {
      const result = parseSip(readData(path));
      if (reason !== undefined) {
        assert.ok(!result.ok);
        assert.match(result.reason, reason);
        return;
      }
      assert.ok(result.ok, result.ok ? '' : result.reason);
      const expected = READ[name(path)] ?? {};
      assert.deepEqual(fields(result.value, expected), expected);
    });
  }

  it('regbadct, regescrt: URI headers in a Contact stay in its URI', () => {
    for (const file of ['regbadct', 'regescrt']) {
      const contacts = read(readData(`rfc4475/invalid/${file}.dat`)).contacts();
      assert.ok(contacts !== '*');
      assert.equal(contacts[0]?.uri, 'sip:user@example.com?Route=%3Csip:sip.example.com%3E');
      assert.equal(contacts[0].host, 'example.com');
    }
  });

  it('cparam01, cparam02: a parameter of the header, a parameter of the URI', () => {
    const ofHeader = read(readData('rfc4475/invalid/cparam01.dat')).contacts();
    const ofUri = read(readData('rfc4475/invalid/cparam02.dat')).contacts();
    assert.ok(ofHeader !== '*' && ofUri !== '*');
    assert.deepEqual(
      [ofHeader[0]?.uri, { ...ofHeader[0]?.params }],
      ['sip:+19725552222@gw1.example.net', { unknownparam: '' }],
    );
    assert.deepEqual([ofUri[0]?.uri, { ...ofUri[0]?.params }], ['sip:+19725552222@gw1.example.net;unknownparam', {}]);
  });

  it('regaut01: credentials of an unknown scheme are none', () => {
    const message = read(readData('rfc4475/invalid/regaut01.dat'));
    assert.equal(message.credentials(), null);
    assert.equal(message.header('authorization'), 'NoOneKnowsThisScheme opaque-data=here');
  });
});
