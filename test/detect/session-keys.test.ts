import assert from 'node:assert/strict';
import { Correlator } from '../../src/correlate/index.ts';
import replay from '../../src/detect/replay.ts';
import type { EvidenceDraft } from '../../src/model.ts';
import { HOUR, MINUTE, SECOND } from '../../src/time.ts';
import { judge, told } from '../support/events.ts';
import { testSite } from '../support/site.ts';
import { Station, type Packet } from '../support/sip-builder.ts';

const T = Date.parse('2026-11-20T09:00:00Z');
const bob = new Station('203.0.113.7');
const charles = new Station('198.18.5.66');
const KEY = 'd0RmdmcmVCspeEc3QGZiNWpVLFJhQX1cfHAwJSoj';
const OTHER = 'aDRmdmcmVCspeEc3QGZiNWpVLFJhQX1cfHAwJSpr';

const sdp = (key: string | null, id = 3724394400, address = '192.168.7.20'): string =>
  [
    'v=0',
    `o=bob ${id} 1 IN IP4 ${address}`,
    's=-',
    `c=IN IP4 ${address}`,
    't=0 0',
    `m=audio 11000 RTP/${key === null ? '' : 'S'}AVP 8`,
    ...(key === null ? [] : [`a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:${key}|2^31`]),
    '',
  ].join('\r\n');

/** The INVITEs among some packets carry a session description. */
const offering = (packets: readonly Packet[], body: string, type = 'application/sdp'): Packet[] =>
  packets.map((packet) => {
    const text = packet.payload.toString('latin1');
    if (!text.startsWith('INVITE')) return packet;
    const headers = text.replace('Content-Length: 0', `Content-Type: ${type}\r\nContent-Length: ${body.length}`);
    return { ...packet, payload: Buffer.from(headers + body, 'latin1') };
  });
/** The same bytes from somebody else's address, so much later. */
const copied = (packets: readonly Packet[], by: Station, later: number): Packet[] =>
  packets
    .filter((packet) => packet.path.source === bob.address)
    .map((packet) => ({ ...packet, at: packet.at + later, path: { ...packet.path, source: by.address } }));
const counted = (nc: string, nonce = 'n-203.0.113.7'): string =>
  `Authorization: Digest username="1004", realm="asterisk", nonce="${nonce}", uri="sip:pbx.example", response="${'0'.repeat(32)}", algorithm=MD5, qop=auth, nc=${nc}, cnonce="c"`;

/** Mirrored packets through the correlator into the detector, a minute beyond the last. */
function judged(packets: readonly Packet[]): EvidenceDraft[] {
  const found: EvidenceDraft[] = [];
  const site = testSite();
  const one = judge(replay, {}, site);
  const correlator = new Correlator(site, { live: false }, (event) => found.push(...one.take(event)));
  for (const { path, payload, at } of [...packets].sort((a, b) => a.at - b.at)) {
    if (at - correlator.now > SECOND && correlator.now > 0) correlator.tick(at);
    correlator.sip(path, payload, at, at);
  }
  correlator.tick(correlator.now + MINUTE);
  return found;
}

const call = offering(bob.call(T, '1004', '1007', { callId: 'one@bob' }), sdp(KEY));
const registration = bob.register(T, '1004', { callId: 'reg@bob' });

/** A registration with qop, so that the credentials carry a count. */
const asked = bob.request(T, { user: '1004', callId: 'reg@bob' });
const given = bob.request(T + 10, { user: '1004', callId: 'reg@bob', cseq: 2, extra: [counted('00000001')] });
const counting = [
  asked,
  bob.answer(T + 5, asked, 401, bob.challenge()),
  given,
  bob.answer(T + 15, given, 200, [`Contact: <sip:1004@${bob.address}>;expires=3600`]),
];

// what S/MIME makes of a description: nobody on the path can read it, and nobody makes it twice
const ENVELOPED = 'application/pkcs7-mime; smime-type=authEnveloped-data; name="smime.p7m"';
const sealed = offering(bob.call(T, '1004', '1007', { callId: 'one@bob' }), '0\x82ciphertext-1', ENVELOPED);
/** Bob's encrypted INVITE in a call of Charles's making, at some later time: what changes is Call-ID, CSeq, tag and Via. */
const charlesCalls = (later: number, body = '0\x82ciphertext-1'): Packet[] =>
  offering(charles.call(T + later, '1004', '1007', { callId: `c${later}@charles` }).slice(0, 2), body, ENVELOPED);

describe('replay, on the wire', () => {
  const table: [string, Packet[], string[]][] = [
    [
      'Charles sends all that Bob had sent again, an hour later',
      [...call, ...copied(call, charles, HOUR)],
      ['medium 1004', 'high 1004'],
    ],
    ['Charles sends it again at once', [...call, ...copied(call, charles, 300)], ['medium 1004', 'high 1004']],
    [
      "Charles calls Alice with Bob's session description",
      [...call, ...offering(charles.call(T + HOUR, '1004', '1007', {}).slice(0, 2), sdp(KEY))],
      ['high 1004'],
    ],
    [
      'without encryption: odd, no more',
      [
        ...offering(bob.call(T, '1004', '1007', { callId: 'one@bob' }), sdp(null)),
        ...offering(charles.call(T + HOUR, '1004', '1007', {}).slice(0, 2), sdp(null)),
      ],
      ['medium 1004'],
    ],
    [
      "Charles registers Bob's account with Bob's credentials and a Contact of his own",
      [
        ...counting,
        charles.request(T + 20 * SECOND, { user: '1004', callId: 'reg@charles', extra: [counted('00000001')] }),
      ],
      ['high 1004'],
    ],
    [
      'Charles sends Bob’s encrypted INVITE again, the very same, at once',
      [...sealed, ...copied(sealed, charles, 300)],
      ['medium 1004', 'high 1004'],
    ],
    [
      'Charles calls Alice with Bob’s encrypted description, at once',
      [...sealed, ...charlesCalls(5_000)],
      ['high 1004'],
    ],
    ['Charles calls Alice with it after an hour', [...sealed, ...charlesCalls(HOUR)], ['high 1004']],
    ...(
      [
        ['another CSeq', 'CSeq: 2 ', 'CSeq: 7 '],
        ['another From tag', ';tag=', ';tag=x'],
      ] as const
    ).map(([what, from, to]): [string, Packet[], string[]] => [
      `Charles sends it after an hour in the same call, with ${what}`,
      [
        ...sealed,
        ...copied(sealed, charles, HOUR)
          .map((p) => ({ ...p, text: p.payload.toString('latin1') }))
          .filter(({ text }) => /^INVITE[\s\S]*\r\nCSeq: 2 /.test(text))
          .map(({ text, ...p }) => ({ ...p, payload: Buffer.from(text.replace(from, to), 'latin1') })),
      ],
      ['high 1004'],
    ]),
    // twins
    ['the phone encrypts each description anew', [...sealed, ...charlesCalls(HOUR, '0\x82ciphertext-2')], []],
    [
      'an encrypted INVITE is retransmitted',
      [...sealed, ...copied(sealed, bob, 500), ...copied(sealed, bob, 1_500)],
      [],
    ],
    ['every packet is retransmitted', [...call, ...copied(call, bob, 500), ...copied(call, bob, 1_500)], []],
    ['every packet is mirrored twice', [...call, ...call.map((packet) => ({ ...packet, at: packet.at + 3 }))], []],
    [
      'the phone is behind a NAT that moves it to another port',
      [...call, ...copied(call, bob, HOUR).map((p) => ({ ...p, path: { ...p.path, sourcePort: 40_001 } }))],
      [],
    ],
    [
      'a re-INVITE and a second call, each with a key of its own',
      [
        ...call,
        ...offering(
          [
            bob.request(T + MINUTE, {
              method: 'INVITE',
              user: '1004',
              to: '1007',
              callId: 'one@bob',
              cseq: 3,
              toTag: 't1',
            }),
          ],
          sdp(KEY),
        ),
        ...offering(bob.call(T + HOUR, '1004', '1007', { callId: 'two@bob' }), sdp(OTHER, 3724398000)),
      ],
      [],
    ],
    [
      'the phone goes home and calls from there, with a password and the key that it has always had',
      [...call, ...offering(charles.call(T + HOUR, '1004', '1007', {}), sdp(KEY, 3724398000, '192.168.178.3'))],
      [],
    ],
    [
      'the phone goes home and registers from there',
      [...registration, ...charles.register(T + MINUTE, '1004', { callId: 'reg@home' })],
      [],
    ],
    [
      'two phones of one account behind Kamailio get one nonce in one second',
      [bob, charles].flatMap((phone, i) => {
        const packets = phone.register(T + 100 * i, '1004', { callId: `reg@${i}`, nonce: 'shared' });
        return packets.map((packet, n) =>
          n === 1 && packets[0] !== undefined
            ? phone.answer(T + 100 * i + 5, packets[0], 401, phone.challenge('shared'))
            : packet,
        );
      }),
      [],
    ],
    [
      'a proxy passes the INVITE on, and both ways are mirrored',
      [
        ...call,
        ...copied(call, new Station('10.0.0.5'), 2).map((packet) => ({
          ...packet,
          payload: Buffer.from(
            packet.payload
              .toString('latin1')
              .replace('\r\nVia:', '\r\nVia: SIP/2.0/UDP 10.0.0.5:5060;branch=z9hG4bK-proxy\r\nVia:'),
            'latin1',
          ),
        })),
      ],
      [],
    ],
  ];
  for (const [sentence, packets, expected] of table)
    it(sentence, () => assert.deepEqual([...new Set(told(judged(packets)))], expected));

  it('never shows a key, nor its digest', () => {
    const text = JSON.stringify(
      judged([...call, ...offering(charles.call(T + HOUR, '1004', '1007', {}).slice(0, 2), sdp(KEY))]),
    );
    assert.doesNotMatch(text, /d0RmdmcmVCspe|[0-9a-f]{32}/);
  });
});
