import assert from 'node:assert/strict';
import { DigestAnswers, type AcceptedAnswer } from '../../src/correlate/digest-answers.ts';
import type { PacketPath } from '../../src/correlate/sip-facts.ts';

const PHONE = '192.0.2.20';
const THIEF = '203.0.113.7';
const PBX = '192.0.2.1';
const RESPONSE = '0123456789abcdef0123456789abcdef';

const path = (source: string, destination: string): PacketPath => ({
  ...{ source, sourcePort: 5060, destination, destinationPort: 5060, transport: 'udp' as const },
});

interface Shape {
  readonly method?: string;
  readonly from?: string;
  readonly callId?: string;
  readonly branch?: string;
  readonly cseq?: number;
  readonly nonce?: string | undefined;
  readonly response?: string;
}

const head = ({ method = 'REGISTER', from = '1004', callId = 'c1', branch = 'z9hG4bKa', cseq = 1 }: Shape): string =>
  `Via: SIP/2.0/UDP ${PHONE};branch=${branch}\r\nFrom: "Anna" <sip:${from}@pbx>;tag=1\r\nTo: <sip:${from}@pbx>\r\nCall-ID: ${callId}\r\nCSeq: ${cseq} ${method}\r\n`;

const request = (shape: Shape, header = 'Authorization'): Buffer => {
  const { method = 'REGISTER', nonce, response = RESPONSE } = shape;
  const digest = nonce === undefined ? '' : `${header}: Digest username="1004", realm="asterisk", nonce="${nonce}", uri="sip:pbx", response="${response}", algorithm=MD5\r\n`; // prettier-ignore
  return Buffer.from(`${method} sip:pbx SIP/2.0\r\n${head(shape)}${digest}Content-Length: 0\r\n\r\n`);
};

const reply = (status: number, shape: Shape, header = 'WWW-Authenticate'): Buffer => {
  const challenge = shape.nonce === undefined ? '' : `${header}: Digest realm="asterisk", nonce="${shape.nonce}", algorithm=MD5\r\n`; // prettier-ignore
  return Buffer.from(`SIP/2.0 ${status} X\r\n${head(shape)}${challenge}Content-Length: 0\r\n\r\n`);
};

type Step = readonly [from: string, to: string, packet: Buffer, at?: number];

const told = (steps: readonly Step[]): AcceptedAnswer[] => {
  const all: AcceptedAnswer[] = [];
  const answers = new DigestAnswers((accepted) => all.push(accepted));
  for (const [from, to, packet, at] of steps) answers.take(path(from, to), packet, at ?? 1_000);
  return all;
};

const FIRST: Shape = { branch: 'z9hG4bK1', cseq: 1 };
const SECOND: Shape = { branch: 'z9hG4bK2', cseq: 2, nonce: 'n1' };
const challenged = (who: string): Step[] => [
  [who, PBX, request(FIRST)],
  [PBX, who, reply(401, { ...FIRST, nonce: 'n1' })],
];
const offered: Step = [PHONE, PBX, request(SECOND)];
const accepted: Step = [PBX, PHONE, reply(200, { ...SECOND, nonce: undefined })];

describe('digest answers that were accepted', () => {
  const over = (more: Shape): Shape => ({ ...SECOND, ...more });
  const CASES: readonly (readonly [sentence: string, count: number, steps: readonly Step[]])[] = [
    ['a REGISTER that is challenged, answered and taken', 1, [...challenged(PHONE), offered, accepted]],
    ['its 200 mirrored before it', 1, [...challenged(PHONE), accepted, offered]],
    ['… but not two seconds before', 0, [...challenged(PHONE), [...accepted.slice(0, 3), 1_000] as unknown as Step, [PHONE, PBX, request(SECOND), 9_000]]], // prettier-ignore
    ['retransmissions of both', 1, [...challenged(PHONE), offered, offered, accepted, accepted, offered]],
    ['a wrong guess', 0, [...challenged(PHONE), offered, [PBX, PHONE, reply(401, over({ nonce: 'n2' }))]]],
    ['a wrong guess, and a 200 behind it in the same transaction', 0, [...challenged(PHONE), offered, [PBX, PHONE, reply(401, over({ nonce: 'n2' }))], accepted]], // prettier-ignore
    ['refused for another reason', 0, [...challenged(PHONE), offered, [PBX, PHONE, reply(403, { ...SECOND, nonce: undefined })], accepted]], // prettier-ignore
    ['never challenged: whoever needs no password may write what he likes', 0, [offered, accepted]],
    ['challenged with another nonce', 0, [...challenged(PHONE), [PHONE, PBX, request(over({ nonce: 'mine' }))], accepted]], // prettier-ignore
    ['challenged in another call', 0, [...challenged(PHONE), [PHONE, PBX, request(over({ callId: 'c2' }))], [PBX, PHONE, reply(200, { ...SECOND, callId: 'c2', nonce: undefined })]]], // prettier-ignore
    ['challenged as somebody else', 0, [...challenged(PHONE), [PHONE, PBX, request(over({ from: 'guest' }))], [PBX, PHONE, reply(200, { ...SECOND, from: 'guest', nonce: undefined })]]], // prettier-ignore
    ['challenged elsewhere', 0, [...challenged(PHONE), [THIEF, PBX, request(SECOND)], [PBX, THIEF, reply(200, { ...SECOND, nonce: undefined })]]], // prettier-ignore
    ['a 200 that another sends', 0, [...challenged(PHONE), offered, [THIEF, PHONE, accepted[2]], [THIEF, PBX, accepted[2]]]], // prettier-ignore
    ['a 200 that goes to another', 0, [...challenged(PHONE), offered, [PBX, THIEF, accepted[2]]]],
    ['two answers in one transaction', 0, [...challenged(PHONE), offered, [PHONE, PBX, request(over({ response: 'f'.repeat(32) }))], accepted]], // prettier-ignore
    ['provisional answers say nothing', 0, [...challenged(PHONE), offered, [PBX, PHONE, reply(180, { ...SECOND, nonce: undefined })]]], // prettier-ignore
    ['a nonce that is used again in the same registration', 2, [...challenged(PHONE), offered, accepted, [PHONE, PBX, request(over({ branch: 'z9hG4bK3', cseq: 3 }))], [PBX, PHONE, reply(200, { branch: 'z9hG4bK3', cseq: 3 })]]], // prettier-ignore
    ['an INVITE by a proxy (407)', 1, [
      [PHONE, PBX, request({ ...FIRST, method: 'INVITE' })],
      [PBX, PHONE, reply(407, { ...FIRST, method: 'INVITE', nonce: 'n1' }, 'Proxy-Authenticate')],
      [PHONE, PBX, request(over({ method: 'INVITE' }), 'Proxy-Authorization')],
      [PBX, PHONE, reply(200, { ...FIRST, branch: 'z9hG4bK2', cseq: 2, method: 'INVITE' })],
    ]], // prettier-ignore
    ['junk', 0, [[PHONE, PBX, Buffer.from('Digest')], [PHONE, PBX, Buffer.from('SIP/2.0 200')], [PHONE, PBX, Buffer.alloc(0)]]], // prettier-ignore
  ];
  for (const [sentence, count, steps] of CASES) it(sentence, () => assert.equal(told(steps).length, count));

  it('tells everything that the answer was made over, and the display name', () => {
    const [one] = told([...challenged(PHONE), offered, accepted]);
    assert.deepEqual(one, {
      at: 1_000,
      displayName: 'Anna',
      answer: { username: '1004', realm: 'asterisk', nonce: 'n1', uri: 'sip:pbx', method: 'REGISTER', qop: '', nc: '', cnonce: '', algorithm: 'MD5', response: RESPONSE, bodyHash: '' }, // prettier-ignore
    });
  });

  it('holds a bounded amount, whatever is sent', () => {
    const answers = new DigestAnswers(() => undefined);
    for (let i = 0; i < 60_000; i++) {
      const shape = { callId: `c${i}`, branch: `z9hG4bK${i}`, nonce: `n${i}` };
      answers.take(path(PBX, PHONE), reply(401, shape), i);
      if (i % 2 === 0) answers.take(path(PHONE, PBX), request(shape), i);
      answers.take(path(PBX, PHONE), reply(200, { callId: `d${i}` }), i);
    }
    assert.ok(answers.size <= 16_384 + 8_192 + 2_048, String(answers.size));
  });
});
