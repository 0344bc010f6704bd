import assert from 'node:assert/strict';
import { createSocket } from 'node:dgram';
import { answerChallenge } from './support/digest.ts';
import { officeAddress, strangerAddress, useLab } from './support/lab.ts';
import { header, isResponse, parameter, parse, type SipResponse } from './support/sip-message.ts';
import type { Endpoint } from './support/sip-transport.ts';

let asked = 0;

/** One REGISTER over UDP from a socket of its own, with or without credentials; its final answer. */
async function register(
  from: string,
  to: Endpoint,
  user: string,
  credentials?: readonly [string, string],
): Promise<SipResponse> {
  const socket = createSocket('udp4');
  await new Promise<void>((bound) => socket.bind(0, from, bound));
  const { port } = socket.address();
  const host = `${to.host}:${to.port}`;
  const lines = [
    `REGISTER sip:${host} SIP/2.0`,
    `Via: SIP/2.0/UDP ${from}:${port};branch=z9hG4bK-path-${++asked};rport`,
    `From: <sip:${user}@${host}>;tag=f${asked}`,
    `To: <sip:${user}@${host}>`,
    `Call-ID: path-${process.pid}-${asked}`,
    'CSeq: 1 REGISTER',
    `Contact: <sip:${user}@${from}:${port}>`,
    'Expires: 60',
    'Max-Forwards: 70',
    ...(credentials === undefined ? [] : [credentials.join(': ')]),
    'Content-Length: 0',
    '',
    '',
  ];
  try {
    return await new Promise<SipResponse>((answered, failed) => {
      const timer = setTimeout(() => failed(new Error(`no answer to a REGISTER from ${from}`)), 4_000);
      socket.on('message', (data) => {
        const message = parse(data.toString());
        if (message === undefined || !isResponse(message) || message.status < 200) return;
        clearTimeout(timer);
        answered(message);
      });
      socket.send(lines.join('\r\n'), to.port, to.host);
    });
  } finally {
    socket.close();
  }
}

/**
 * A success that PJSIP tells over AMI proves the caller's address (src/correlate/manager-events.ts), because a nonce is
 * good only where it was sent.
 */
describe('lab: where a nonce of PJSIP is good', () => {
  const lab = useLab();
  const [mine, other] = [officeAddress('1001'), strangerAddress(9)];

  it('at the address that it was sent to, from any port, and nowhere else', async () => {
    const { asterisk, account } = lab();
    const { extension, password } = account('1001');
    const pbx = lab().edge;
    const right = (challenge: SipResponse): readonly [string, string] => {
      const answer = answerChallenge(challenge, 'REGISTER', `sip:${pbx.host}:${pbx.port}`, {
        username: extension,
        password,
      });
      assert.ok(answer);
      return answer;
    };
    const challenge = await register(mine, pbx, extension);
    assert.equal(challenge.status, 401);
    const elsewhere = await register(other, pbx, extension, right(challenge));
    assert.equal(elsewhere.status, 401, 'the right password with a nonce that was sent elsewhere');
    assert.notEqual(
      parameter(header(elsewhere, 'WWW-Authenticate'), 'nonce'),
      parameter(header(challenge, 'WWW-Authenticate'), 'nonce'),
    );
    assert.equal((await register(mine, pbx, extension, right(challenge))).status, 200, 'from another port of its own');
    const success = await asterisk.ami.event('SuccessfulAuth', ({ headers }) => headers.get('AccountID') === extension);
    assert.match(success.headers.get('RemoteAddress') ?? '', new RegExp(`/${mine.replaceAll('.', '\\.')}/`));
  });
});
