import type { Call } from './call.ts';
import type { Lab } from './lab.ts';
import { pause } from './process.ts';
import { header } from './sip-message.ts';
import type { SipMessage, SipRequest } from './sip-message.ts';
import type { UserAgent } from './ua.ts';

/** A tone by SIP INFO, within the call that `answer` established. */
const info = (phone: UserAgent, answer: SipMessage, call: Call, sequence: number, tone: string): SipRequest => ({
  method: 'INFO',
  uri: /<([^>]*)>/.exec(header(answer, 'Contact'))?.[1] ?? '',
  headers: [
    ['Via', phone.transactions.via()],
    ['Max-Forwards', '70'],
    ['From', header(answer, 'From')],
    ['To', header(answer, 'To')],
    ['Call-ID', call.callId],
    ['CSeq', `${sequence} INFO`],
    ['Content-Type', 'application/dtmf-relay'],
  ],
  body: `Signal=${tone}\r\nDuration=100\r\n`,
});

/** Dials *54 and gives PINs by tones; `judged` resolves when the PBX has said what each is worth. Ends when the PBX hangs up. */
export async function givePins(
  lab: Lab,
  phone: UserAgent,
  pins: readonly string[],
  judged: () => Promise<unknown>,
): Promise<void> {
  const call = phone.dial('*54');
  if ((await call.settled) !== 200) return;
  const answer = phone.packets.findLast(({ label }) => label === '200 INVITE')?.message;
  if (answer === undefined) throw new Error('answered without an answer');
  await pause(600); // until Asterisk reads
  let sequence = 100;
  for (const pin of pins) {
    const after = judged();
    for (const tone of [...Array.from(pin), '#']) {
      await phone.transactions.request(info(phone, answer, call, ++sequence, tone), lab.edge);
      await pause(120);
    }
    await after;
    await pause(100);
  }
  await call.ended;
}
