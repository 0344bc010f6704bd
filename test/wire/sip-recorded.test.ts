import assert from 'node:assert/strict';
import { decodeHep } from '../../src/wire/hep.ts';
import { parseSdp, sdpPart } from '../../src/wire/sdp.ts';
import { parseSip, type SipMessage } from '../../src/wire/sip.ts';
import { describeWithData, listData, readData } from '../support/data.ts';

/** The SIP inside a recorded HEP datagram, null if it carries something else (RTCP). */
function sipIn(path: string): Buffer | null {
  const packet = decodeHep(readData(path));
  assert.ok(packet.ok, path);
  return packet.value.payloadType === 1 ? packet.value.payload : null;
}

function read(path: string): SipMessage {
  const bytes = sipIn(path);
  assert.ok(bytes !== null, path);
  const result = parseSip(bytes);
  assert.ok(result.ok, result.ok ? '' : `${path}: ${result.reason}`);
  return result.value;
}

const fields = (message: SipMessage, expected: object): Record<string, unknown> =>
  Object.fromEntries(Object.keys(expected).map((key) => [key, Reflect.get(message, key) as unknown]));

const FOLDERS = ['asterisk-16', 'asterisk-22', 'kamailio-5.6'];

describeWithData('SIP as Asterisk and Kamailio mirrored it', 'hep', () => {
  for (const folder of FOLDERS) {
    it(`${folder}: every message is read, complete and with all that correlating needs`, () => {
      let messages = 0;
      for (const path of listData(`hep/${folder}`, '.bin')) {
        const bytes = sipIn(path);
        if (bytes === null) continue;
        messages++;
        const message = read(path);
        const text = bytes.toString('latin1');
        assert.equal(text.includes(`\r\nCall-ID: ${message.callId}\r\n`), true, path);
        assert.match(message.branch, /^z9hG4bK./, path);
        assert.notEqual(message.fromTag, '', path);
        assert.notEqual(message.sentBy, '', path);
        assert.equal(message.truncated, false, path);
        assert.equal(message.body.length, message.contentLength, path);
        if (message.isRequest) assert.ok(text.startsWith(`${message.method} ${message.requestUri} SIP/2.0`), path);
        else assert.ok(text.startsWith(`SIP/2.0 ${message.status} ${message.reason}\r\n`), path);
        assert.ok(text.includes(`CSeq: ${message.cseq} `) || message.method === 'ACK', path);
        if (message.contentType === 'application/sdp') assert.ok(parseSdp(message.body).ok, path);
      }
      assert.ok(messages > 10);
    });
  }

  it('a phone registers at Asterisk', () => {
    const [path] = listData('hep/asterisk-22').filter((p) => p.includes('/02_'));
    const message = read(path ?? '');
    const expected = {
      method: 'REGISTER',
      fromUser: '100',
      toUser: '100',
      cseq: 885,
      expires: 300,
      userAgent: 'LabPhone/1.0',
    };
    assert.deepEqual(fields(message, expected), expected);
    assert.deepEqual(message.credentials(), {
      scheme: 'Digest',
      username: '100',
      realm: 'asterisk',
      nonce: '1795288203/09d30038915c000dcd7c791b8aa83493',
      uri: 'sip:127.0.0.1:5062',
      response: 'f5c690ebe23c3306caddb3119e1fc994',
      nc: 1,
      ncText: '00000001',
      cnonce: 'sdmdiamo',
      qop: 'auth',
      algorithm: 'MD5',
      opaque: '50d8cce43096988b',
      header: 'authorization',
    });
  });

  it('Asterisk challenges, accepts and lists the binding', () => {
    const [challenged] = listData('hep/asterisk-22').filter((p) => p.includes('/01_'));
    assert.deepEqual(read(challenged ?? '').challenge(), {
      scheme: 'Digest',
      realm: 'asterisk',
      nonce: '1795288203/09d30038915c000dcd7c791b8aa83493',
      stale: false,
      algorithm: 'MD5',
      opaque: '50d8cce43096988b',
    });
    const [accepted] = listData('hep/asterisk-22').filter((p) => p.includes('/03_'));
    const message = read(accepted ?? '');
    const contacts = message.contacts();
    assert.ok(contacts !== '*');
    assert.deepEqual(
      contacts.map((c) => [c.uri, c.user, c.host, c.port, c.expires]),
      [['sip:100@127.0.0.2:44958', '100', '127.0.0.2', 44958, 299]],
    );
    assert.deepEqual([message.userAgent, message.received, message.rport], ['LabPBX', '127.0.0.2', '44958']);
  });

  it('bob registers a contact for alice', () => {
    const message = read('hep/kamailio-5.6/hijack-bob-registers-alice-2.bin');
    assert.deepEqual([message.fromUser, message.toUser, message.credentials()?.username], ['bob', 'alice', 'bob']);
  });

  it('%61lice is alice', () => {
    assert.equal(read('hep/kamailio-5.6/escaped-aor-2.bin').toUser, 'alice');
  });

  it('svcrack: a bare Contact, credentials at the end', () => {
    const message = read('hep/kamailio-5.6/svcrack-002-REGISTER-auth.bin');
    const contacts = message.contacts();
    assert.ok(contacts !== '*');
    assert.deepEqual([contacts[0]?.uri, contacts[0]?.host], ['sip:123@1.1.1.1', '1.1.1.1']);
    assert.equal(message.credentials()?.username, '1001');
    assert.equal(message.userAgent, 'friendly-scanner');
  });

  it('svwar writes CSeq with two blanks', () => {
    const message = read('hep/kamailio-5.6/svwar-invite-004-ACK.bin');
    assert.deepEqual([message.cseq, message.cseqMethod, message.method], [1, 'ACK', 'ACK']);
  });

  it('an authenticated INVITE with its offer', () => {
    const message = read('hep/kamailio-5.6/call-007-INVITE-auth.bin');
    assert.deepEqual([message.requestUser, message.credentials()?.header], ['004412345678', 'proxy-authorization']);
    const body = sdpPart(message.contentType, message.body);
    assert.ok(body !== null);
    const sdp = parseSdp(body);
    assert.ok(sdp.ok);
    assert.deepEqual([sdp.value.origin.address, sdp.value.origin.sessionId], ['127.0.0.10', '20800']);
    assert.deepEqual(sdp.value.media[0]?.formats, ['9', '0', '8', '18', '101']);
  });
});
