/**
 * Mirrored traffic for the benchmarks, the same in every run: what a proxy in front of a PBX mirrors of one phone that
 * registers and places one call, twenty messages over both legs, as phones, Kamailio and Asterisk write them (on average
 * 660 bytes with the HEP header); every fiftieth dialogue is somebody who guesses passwords instead.
 */
import { encodeHep } from '../../../src/wire/hep.ts';

/** One message: who sent it to whom, and its text. */
interface Message {
  readonly from: Host;
  readonly to: Host;
  readonly text: string;
}

interface Host {
  readonly address: string;
  readonly port: number;
}

export const PROXY: Host = { address: '10.1.0.2', port: 5060 };
export const PBX: Host = { address: '10.1.0.3', port: 5060 };
const DOMAIN = 'pbx.example';
const ACCOUNTS = 2000;
/** Dialogues between two of the guesser's. */
const GUESSER_EVERY = 50;
/** 2026-11-18 09:00 in Berlin, a Wednesday. */
export const BENCH_START = Date.UTC(2026, 10, 18, 8);

export const MESSAGES_PER_DIALOGUE = 20;

const ALLOW =
  'Allow: INVITE, INFO, PRACK, ACK, BYE, CANCEL, OPTIONS, NOTIFY, REGISTER, SUBSCRIBE, REFER, PUBLISH, UPDATE, MESSAGE';

const sdp = (address: string, session: number): string =>
  [
    'v=0',
    `o=- ${session} ${session} IN IP4 ${address}`,
    's=call',
    `c=IN IP4 ${address}`,
    't=0 0',
    'm=audio 11796 RTP/AVP 9 0 8 18 101',
    'a=rtpmap:9 G722/8000',
    'a=rtpmap:0 PCMU/8000',
    'a=rtpmap:8 PCMA/8000',
    'a=rtpmap:18 G729/8000',
    'a=fmtp:18 annexb=no',
    'a=rtpmap:101 telephone-event/8000',
    'a=fmtp:101 0-15',
    'a=ptime:20',
    'a=sendrecv',
    '',
  ].join('\r\n');

const text = (lines: readonly string[], body = ''): string =>
  [
    ...lines,
    ...(body === '' ? [] : ['Content-Type: application/sdp']),
    `Content-Length: ${body.length}`,
    '',
    body,
  ].join('\r\n');

/** What a phone dials: mostly a colleague or a number at home, one call in twenty goes abroad. */
function dialledBy(index: number): string {
  if (index % 20 === 7) return `00371261${String(10_000 + (index % 89_999)).padStart(5, '0')}`;
  return index % 3 === 0 ? String(1000 + ((index * 7) % ACCOUNTS)) : `030${String(20_000_000 + (index % 9_999_999))}`;
}

function officeDialogue(index: number): Message[] {
  const user = String(1000 + (index % ACCOUNTS));
  const phone = { address: `10.20.${(index % ACCOUNTS) >> 8}.${(index % ACCOUNTS) & 255}`, port: 5062 };
  const id = String(100_000 + index);
  const dialled = dialledBy(index);
  const via = (n: number): string => `SIP/2.0/UDP ${phone.address}:5062;branch=z9hG4bK-${id}-1-${n};rport`;
  const received = (n: number): string => `${via(n)}=5062;received=${phone.address}`;
  const outer = `SIP/2.0/UDP ${PROXY.address};branch=z9hG4bK${id}.4367fdce604b4875392fc19398481cab.0`;
  const from = `From: "Alice ${user}" <sip:${user}@${DOMAIN}>;tag=${id}SIPpTag001`;
  const contact = `Contact: <sip:${user}@${phone.address}:5062;transport=UDP>`;
  const agent = `User-Agent: Yealink SIP-T46S 66.85.0.5`;
  const pbxContact = `Contact: <sip:${PBX.address}:${PBX.port};transport=UDP>`;
  const pbxServer = 'Server: Asterisk PBX 22.5.2';
  const proxyServer = 'Server: kamailio (5.6.3 (x86_64/linux))';
  const route = `Record-Route: <sip:${PROXY.address};lr;ftag=${id}SIPpTag001>`;
  const digest = (uri: string): string =>
    `Digest username="${user}",realm="${DOMAIN}",cnonce="6b8b4567",nc=00000001,qop=auth,uri="${uri}",` +
    `nonce="awHklWsB42k3JSSvcGkR6vXSWHAp${id}",response="54786d41ace33f0be9b487954257${id.slice(-4)}",algorithm=MD5`;
  const asked = `Digest realm="${DOMAIN}", nonce="awHklWsB42k3JSSvcGkR6vXSWHAp${id}", qop="auth"`;

  const reg = (cseq: number, extra: readonly string[]): string =>
    text([
      `REGISTER sip:${DOMAIN} SIP/2.0`,
      `Via: ${via(cseq)}`,
      'Max-Forwards: 70',
      from,
      `To: "Alice ${user}" <sip:${user}@${DOMAIN}>`,
      `Call-ID: r-${id}@${phone.address}`,
      `CSeq: ${cseq} REGISTER`,
      `${contact};expires=600`,
      ...extra,
      agent,
      ALLOW,
      'Expires: 600',
      'Allow-Events: talk,hold,conference,refer,check-sync',
    ]);
  const regAnswer = (cseq: number, line: string, extra: string): string =>
    text([
      `SIP/2.0 ${line}`,
      `Via: ${received(cseq)}`,
      from,
      `To: "Alice ${user}" <sip:${user}@${DOMAIN}>;tag=9dd61ff61e802d8e2bef5f14621ef3c2.efa8${id}`,
      `Call-ID: r-${id}@${phone.address}`,
      `CSeq: ${cseq} REGISTER`,
      extra,
      proxyServer,
    ]);
  const to = `To: <sip:${dialled}@${DOMAIN}>`;
  const tagged = `${to};tag=20362SIPpTag01${id}`;
  const callId = `Call-ID: c-${id}@${phone.address}`;
  const uri = `sip:${dialled}@${DOMAIN}`;
  const invite = (cseq: number, extra: readonly string[], vias: readonly string[], hops: number): string =>
    text(
      [
        `INVITE ${uri} SIP/2.0`,
        ...vias.map((v) => `Via: ${v}`),
        `Max-Forwards: ${hops}`,
        from,
        to,
        callId,
        `CSeq: ${cseq} INVITE`,
        contact,
        ...extra,
        agent,
        ALLOW,
        'Supported: replaces',
      ],
      sdp(phone.address, 20_000 + index),
    );
  const answer = (line: string, vias: string, cseq: string, extra: readonly string[], body = ''): string =>
    text([`SIP/2.0 ${line}`, `Via: ${vias}`, ...extra, from, tagged, callId, `CSeq: ${cseq}`], body);
  const inDialog = (method: string, cseq: number, n: number, forwarded: boolean): string =>
    text([
      `${method} sip:${PBX.address}:${PBX.port};transport=UDP SIP/2.0`,
      ...(forwarded
        ? [`Via: ${outer}`, `Via: ${received(n)}`]
        : [`Via: ${via(n)}`, `Route: <sip:${PROXY.address};lr>`]),
      `Max-Forwards: ${forwarded ? 69 : 70}`,
      from,
      tagged,
      callId,
      `CSeq: ${cseq} ${method}`,
      ...(method === 'BYE' ? [agent] : []),
    ]);
  const both = `${outer}, ${received(4)}`;
  const pbx = [route, pbxServer, pbxContact];
  return [
    { from: phone, to: PROXY, text: reg(1, []) },
    { from: PROXY, to: phone, text: regAnswer(1, '401 Unauthorized', `WWW-Authenticate: ${asked}`) },
    { from: phone, to: PROXY, text: reg(2, [`Authorization: ${digest(`sip:${PROXY.address}:5060`)}`]) },
    { from: PROXY, to: phone, text: regAnswer(2, '200 OK', `${contact};expires=600`) },
    { from: phone, to: PROXY, text: invite(1, [], [via(3)], 70) },
    {
      from: PROXY,
      to: phone,
      text: answer('407 Proxy Authentication Required', received(3), '1 INVITE', [
        `Proxy-Authenticate: ${asked}`,
        proxyServer,
      ]),
    },
    { from: phone, to: PROXY, text: inDialog('ACK', 1, 3, false) },
    { from: phone, to: PROXY, text: invite(2, [`Proxy-Authorization: ${digest(uri)}`], [via(4)], 70) },
    { from: PROXY, to: phone, text: answer('100 trying -- your call is important to us', received(4), '2 INVITE', [proxyServer]) }, // prettier-ignore
    { from: PROXY, to: PBX, text: invite(2, [route], [outer, received(4)], 69) },
    { from: PBX, to: PROXY, text: answer('180 Ringing', both, '2 INVITE', pbx) },
    { from: PROXY, to: phone, text: answer('180 Ringing', received(4), '2 INVITE', pbx) },
    { from: PBX, to: PROXY, text: answer('200 OK', both, '2 INVITE', [...pbx, ALLOW], sdp(PBX.address, 1821)) },
    { from: phone, to: PROXY, text: inDialog('ACK', 2, 5, false) },
    { from: PROXY, to: PBX, text: inDialog('ACK', 2, 5, true) },
    { from: PROXY, to: phone, text: answer('200 OK', received(4), '2 INVITE', [...pbx, ALLOW], sdp(PBX.address, 1821)) }, // prettier-ignore
    { from: phone, to: PROXY, text: inDialog('BYE', 3, 6, false) },
    { from: PROXY, to: PBX, text: inDialog('BYE', 3, 6, true) },
    { from: PBX, to: PROXY, text: answer('200 OK', `${outer}, ${received(6)}`, '3 BYE', [pbxServer]) },
    { from: PROXY, to: phone, text: answer('200 OK', received(6), '3 BYE', [pbxServer]) },
  ];
}

/** Ten guesses at one account, each with its answer, as a password cracker sends them: one Call-ID, a new answer each time. */
function guesses(index: number): Message[] {
  const stranger = { address: `203.0.113.${((index / GUESSER_EVERY) % 250) | 0}`, port: 5099 };
  const user = String(1000 + ((index * 13) % ACCOUNTS));
  const id = String(100_000 + index);
  const found: Message[] = [];
  for (let guess = 0; guess < MESSAGES_PER_DIALOGUE / 2; guess++) {
    const head = [
      `Via: SIP/2.0/UDP ${stranger.address}:5099;branch=z9hG4bK-${id}-${guess};rport`,
      `From: "${user}" <sip:${user}@${DOMAIN}>;tag=${id}`,
      `To: "${user}" <sip:${user}@${DOMAIN}>`,
      `Call-ID: g-${id}`,
      `CSeq: ${guess + 1} REGISTER`,
    ];
    const offered =
      `Authorization: Digest username="${user}",realm="${DOMAIN}",nonce="awHklWsB42k3JSSvcGkR${id}",` +
      `uri="sip:${DOMAIN}",response="54786d41ace33f0be9b4879542${String(guess).padStart(6, '0')}",algorithm=MD5`;
    const asked = `WWW-Authenticate: Digest realm="${DOMAIN}", nonce="awHklWsB42k3JSSvcGkR${id}", qop="auth"`;
    const request = [`REGISTER sip:${DOMAIN} SIP/2.0`, ...head, 'Max-Forwards: 70', `Contact: <sip:123@1.1.1.1>`];
    found.push({ from: stranger, to: PROXY, text: text([...request, offered, 'User-Agent: friendly-scanner']) });
    found.push({ from: PROXY, to: stranger, text: text(['SIP/2.0 401 Unauthorized', ...head, asked]) });
  }
  return found;
}

/**
 * The HEPv3 datagrams of `dialogues` dialogues, interleaved as on a line where `overlap` of them go on at once. `agentTime`
 * gives the capture agent's clock for the nth packet.
 */
export function mirrored(dialogues: number, agentTime: (n: number) => number, overlap = 100): Buffer[] {
  const packets: Buffer[] = [];
  for (let first = 0; first < dialogues; first += overlap) {
    const count = Math.min(overlap, dialogues - first);
    const block = Array.from({ length: count }, (_, i) => {
      const index = first + i;
      return index % GUESSER_EVERY === GUESSER_EVERY - 1 ? guesses(index) : officeDialogue(index);
    });
    for (let step = 0; step < MESSAGES_PER_DIALOGUE; step++)
      for (const dialogue of block) {
        const message = dialogue[step];
        if (message !== undefined) packets.push(datagram(message, agentTime(packets.length)));
      }
  }
  return packets;
}

const datagram = ({ from, to, text: payload }: Message, seenAt: number): Buffer =>
  encodeHep({
    protocol: 17,
    source: from.address,
    sourcePort: from.port,
    destination: to.address,
    destinationPort: to.port,
    seenAt,
    captureId: 2001,
    payloadType: 1,
    payload: Buffer.from(payload, 'latin1'),
    authKey: null,
    correlationId: null,
    nodeName: null,
  });
