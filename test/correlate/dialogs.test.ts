import assert from 'node:assert/strict';
import type { AnswerReceived, DialogRequest, Event } from '../../src/model.ts';
import { PBX, Station, type Packet, type RequestOptions } from '../support/sip-builder.ts';
import { line, siteOf, watch, type Watch } from './support.ts';
import { cpuTime } from '../support/cpu-time.ts';

const T = Date.UTC(2026, 10, 21, 1, 0, 0);
const PHONE = '203.0.113.5';
const STRANGER = '198.18.5.66';
const site = () =>
  siteOf({ network: { pbx: [PBX], trunks: [{ name: 'carrier', addresses: ['198.51.100.0/28'] }] } }, ['1001']);

const KEY = 'WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz';
const sdp = (key = '', address = PHONE): string =>
  [
    'v=0',
    `o=alice 42 7 IN IP4 ${address}`,
    's=-',
    `c=IN IP4 ${address}`,
    't=0 0',
    'm=audio 4000 RTP/SAVP 0',
    ...(key === '' ? [] : [`a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:${key}|2^20`]),
    '',
  ].join('\r\n');
const withBody = (packet: Packet, body: string): Packet => ({
  ...packet,
  payload: Buffer.from(
    packet.payload
      .toString()
      .replace(
        'Content-Length: 0\r\n\r\n',
        `Content-Type: application/sdp\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
      ),
  ),
});
const within = (s: Station, at: number, method: string, o: Partial<RequestOptions> = {}): Packet =>
  s.request(at, { method, user: '1001', to: '00371', callId: 'c', cseq: 3, toTag: 't1', ...o });
const call = (s = new Station(PHONE)): Packet[] => s.call(T, '1001', '00371', { callId: 'c' });
const dialogs = (w: Watch): string[] => w.of('dialog.request').map(line);
const ends = (w: Watch): number => w.of('call.ended').length;

describe('correlate: who is in a dialog', () => {
  const stranger = new Station(STRANGER);
  const table: [string, Packet, string, number][] = [
    [
      'the caller hangs up',
      within(new Station(PHONE), T + 9_000, 'BYE'),
      `BYE in a dialog from ${PHONE}: true true`,
      1,
    ],
    [
      'his NAT has given him another port',
      within(new Station(PHONE, 61_000), T + 9_000, 'BYE'),
      `BYE in a dialog from ${PHONE}: true true`,
      1,
    ],
    [
      'a BYE from elsewhere, with the right tags',
      within(stranger, T + 9_000, 'BYE'),
      `BYE in a dialog from ${STRANGER}: false true`,
      0,
    ],
    [
      'a BYE from elsewhere, with guessed tags',
      within(stranger, T + 9_000, 'BYE', { toTag: 'guess' }),
      `BYE in a dialog from ${STRANGER}: false false`,
      0,
    ],
    [
      'the caller feigns a BYE that the PBX refuses',
      within(new Station(PHONE), T + 9_000, 'BYE', { toTag: 'guess' }),
      `BYE in a dialog from ${PHONE}: true false`,
      0,
    ],
    [
      'a re-INVITE from elsewhere',
      within(stranger, T + 9_000, 'INVITE'),
      `INVITE in a dialog from ${STRANGER}: false true`,
      0,
    ],
    [
      'a BYE of a dialog that nobody saw begin',
      within(stranger, T + 9_000, 'BYE', { callId: 'other' }),
      `BYE in a dialog from ${STRANGER}: null null`,
      0,
    ],
  ];
  for (const [sentence, packet, told, ended] of table)
    it(sentence, () => {
      const w = watch(site());
      w.play([...call(), packet]);
      assert.deepEqual(dialogs(w), [told]);
      assert.equal(ends(w), ended);
    });

  it('takes proxies that recorded their route, and the Contact of who answered, for members', () => {
    const w = watch(site());
    const out = new Station(PBX, 5060, '198.51.100.1');
    const invite = out.request(T, { method: 'INVITE', user: '1001', to: '0030', callId: 'leg-b' });
    const ok = out.answer(T + 50, invite, 200, [
      'Record-Route: <sip:203.0.113.80:5060;lr>, <sip:[2001:db8::1];lr>',
      'Contact: <sip:gw@203.0.113.81>',
    ]);
    const bye = (from: string): Packet => {
      const p = new Station(from).request(T + 90, { method: 'BYE', user: 'x', callId: 'leg-b', toTag: 'f5' });
      return { ...p, payload: Buffer.from(p.payload.toString().replace('tag=f5\r\nTo', 'tag=t1\r\nTo')) };
    };
    const members = ['198.51.100.1', '198.51.100.2', '203.0.113.80', '2001:db8::99', '203.0.113.81'];
    w.play([invite, ok, ...[...members, STRANGER].map(bye)]);
    assert.deepEqual(
      w.of('dialog.request').map((e: DialogRequest) => [e.source, e.inDialogSource, e.tagsMatch]),
      [...members.map((m) => [m, true, true]), [STRANGER, false, true]],
    );
    assert.equal(w.of('dialog.request')[0]?.trunk, 'carrier');
  });

  it('knows the dialogs that go on after a restart', () => {
    const first = watch(site());
    first.play(call());
    const second = watch(site());
    second.correlator.restore(JSON.parse(JSON.stringify(first.correlator.snapshot())));
    second.play([within(stranger, T + 9_000, 'BYE'), within(new Station(PHONE), T + 9_001, 'BYE')]);
    assert.deepEqual(
      second.of('dialog.request').map((e) => e.inDialogSource),
      [false, true],
    );
    assert.equal(ends(second), 1);
  });
});

describe('correlate: answers to the PBX', () => {
  const carrier = new Station(PBX, 5060, '198.51.100.1');
  const invite = carrier.request(T, { method: 'INVITE', user: '1001', to: '0030', callId: 'leg-b' });
  const from = (packet: Packet, source: string): Packet => ({ ...packet, path: { ...packet.path, source } });
  const told = (packets: readonly Packet[]): unknown[] => {
    const w = watch(site());
    w.play(packets);
    return w
      .of('answer.received')
      .map((e: AnswerReceived) => [e.status, e.source, e.asked, e.peer, e.trunk, e.tookMs, e.retransmissions]);
  };

  it('tells the first that rings and the final one, once each, with their times', () => {
    const again = { ...invite, at: T + 500 };
    const [ring, ok] = [carrier.answer(T + 700, invite, 180), carrier.answer(T + 2_000, invite, 200)];
    assert.deepEqual(told([invite, again, carrier.answer(T + 600, invite, 100), ring, ring, ok, ok]), [
      [180, '198.51.100.1', '198.51.100.1', true, 'carrier', 700, 1],
      [200, '198.51.100.1', '198.51.100.1', true, 'carrier', 2_000, 1],
    ]);
  });

  it('tells an answer from another address than was asked, and one that nobody asked for', () => {
    const moved = carrier.answer(T + 50, invite, 302, ['Contact: <sip:1900@203.0.113.99>', 'Server: x']);
    const blind = carrier.request(T, { method: 'INVITE', user: '1', callId: 'never' });
    assert.deepEqual(told([invite, from(moved, STRANGER), from(carrier.answer(T + 60, blind, 200), STRANGER)]), [
      [302, STRANGER, '198.51.100.1', false, 'carrier', 50, 0],
      [200, STRANGER, null, false, null, null, 0],
    ]);
  });
});

describe('correlate: what a request says of itself', () => {
  const play = (packets: readonly Packet[]): Event[] => {
    const w = watch(site());
    w.play(packets);
    return w.events;
  };

  it('Contact, From and lower Vias, and the session without its key', () => {
    const s = new Station(PHONE);
    const invite = withBody(
      s.request(T, {
        method: 'INVITE',
        user: '1001',
        to: '00371',
        callId: 'c',
        contact: '"A, B" <sip:1001@192.168.1.20:5060;ob>, <sip:x@y>',
        extra: ['Via: SIP/2.0/UDP 192.0.2.99:5060;branch=z9hG4bKa, SIP/2.0/TCP phone.example;branch=z9hG4bKb'],
      }),
      sdp(KEY),
    );
    const events = play([invite, withBody(s.answer(T + 30, invite, 200), sdp('', '192.0.2.10'))]);
    const seen = events.find((e) => e.kind === 'request.seen');
    assert.ok(seen?.kind === 'request.seen');
    const { contactHost, fromHost, viaHosts, session } = seen.request;
    assert.deepEqual(
      [contactHost, fromHost, viaHosts],
      ['192.168.1.20', 'pbx.example', ['192.0.2.99', 'phone.example']],
    );
    assert.deepEqual(
      { ...session, keys: session?.keys.map((k) => k.length) },
      { origin: 'alice 42', version: '7', originAddress: PHONE, connection: PHONE, keys: [32] },
    );
    assert.ok(!JSON.stringify(events).includes(KEY.slice(0, 12)));
    const answered = events.find((e) => e.kind === 'request.answered');
    assert.deepEqual(
      [answered?.session?.originAddress, answered?.session?.keys, answered?.tookMs],
      ['192.0.2.10', [], 30],
    );
  });

  it('one key has one digest, another key another', () => {
    const keys = [KEY, KEY, KEY.replace('W', 'X')].map((key, i) => {
      const invite = new Station(PHONE).request(T, { method: 'INVITE', user: '1', callId: `k${i}` });
      const [seen] = play([withBody(invite, sdp(key))]);
      return seen?.kind === 'request.seen' ? seen.request.session?.keys[0] : '';
    });
    assert.equal(keys[0], keys[1]);
    assert.notEqual(keys[0], keys[2]);
  });

  it('hostile session descriptions cost little and come out empty', () => {
    const bodies = [
      'v=0\r\no=',
      `v=0\r\n${'o=a '.repeat(4_000)}`,
      `\na=crypto:${'1 '.repeat(8_000)}`,
      '\na=crypto:'.repeat(1_600),
    ];
    for (const body of bodies) {
      const began = cpuTime();
      const [seen] = play([
        withBody(new Station(PHONE).request(T, { method: 'INVITE', user: '1', callId: 'h' }), body),
      ]);
      assert.ok(cpuTime() - began < 100);
      assert.ok(seen?.kind === 'request.seen');
      assert.deepEqual(seen.request.session, { origin: '', version: '', originAddress: '', connection: '', keys: [] });
    }
  });

  it('counts retransmissions, and tells copies: from elsewhere, or more than timers send', () => {
    const s = new Station(PHONE);
    const register = s.request(T, { user: '1001', callId: 'r', auth: '1001' });
    const copies = Array.from({ length: 20 }, (_, i) => ({ ...register, at: T + 1 + i }));
    const w = watch(site());
    w.play([register, { ...register, at: T + 500 }, { ...register, at: T + 501 }, s.answer(T + 900, register, 403)]);
    assert.deepEqual(
      w.of('request.answered').map((e) => [e.tookMs, e.retransmissions]),
      [[900, 1]],
    );
    w.play([...copies, { ...register, path: { ...register.path, source: STRANGER }, at: T + 1_000 }]);
    assert.deepEqual(w.of('request.repeated').map(line), [
      `repeated REGISTER from ${PHONE}, first from ${PHONE}, 16`,
      `repeated REGISTER from ${STRANGER}, first from ${PHONE}, 23`,
    ]);
  });

  it("tells the PBX's own address as a source from where nothing of it is", () => {
    const forged = new Station(PBX, 5070);
    const loop = new Station(PBX, 5060);
    const phone = new Station(PHONE);
    const known = new Station(PBX, 5080);
    const behind = new Station(PHONE, 5060);
    const w = watch(site());
    w.play([
      phone.request(T, { user: '1001', callId: 'a' }),
      {
        ...phone.request(T, { user: '1001', callId: 'b' }),
        path: { ...behind.request(T, { user: '1', callId: 'x' }).path, destinationPort: 5080 },
      },
      known.request(T + 1, { method: 'INVITE', user: '1', callId: 'same-host proxy' }),
      forged.request(T + 2, { method: 'INVITE', user: '1', callId: 'f' }),
      loop.request(T + 3, { user: '1', callId: 'g' }),
    ]);
    assert.deepEqual(w.of('request.own-address').map(line), [
      `own address INVITE from ${PBX}:5070`,
      `own address REGISTER from ${PBX}:5060`,
    ]);
  });
});
