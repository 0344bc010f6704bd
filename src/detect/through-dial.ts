import { z } from 'zod';
import type { Millis, Severity } from '../model.ts';
import { defineDetector } from './detector.ts';
import { amount, duration, score } from './parameters.ts';
import { talkOfAll } from './placed-calls.ts';
import { SENDING_KINDS, SendingOn, type Sent } from './sending-on.ts';

const parameters = z.strictObject({
  calls: amount(3, 'calls', 'so many calls dialled through to risky numbers are an attack'),
  targets: amount(
    3,
    'numbers',
    'so many different numbers that cost money, and are no old arrangement, are one too',
    2,
  ),
  risk: score(60, 'numbers of this risk or more are risky'),
  window: duration('24h', 'calls are counted within this time'),
  late: duration(
    '20m',
    'so much talk while the office is closed, with numbers that are no old arrangement, is an attack',
  ),
  talk: duration('10m', 'so much talk with a number that is dear by nature costs money that matters'),
});

function severityOf(p: z.output<typeof parameters>, sent: Sent, at: Millis): Severity {
  const { fresh, risky, grave, targets, connected } = sent;
  const pumped = risky.length >= p.calls;
  if ((pumped && risky.some(({ answered }) => answered !== null)) || talkOfAll(grave, at) >= p.talk) return 'critical';
  if (targets >= 2 * p.targets && connected >= p.calls) return 'critical';
  if (
    pumped ||
    grave.length > 0 ||
    talkOfAll(sent.late, at) >= p.late ||
    (targets >= p.targets && fresh.length >= p.calls && connected > 0)
  )
    return 'high';
  return 'medium';
}

/**
 * Attack: somebody calls in from outside and gets an outside line: by DISA whose PIN he guessed, by a voicemail box that
 * calls back or lets its owner dial out, by an IVR or a dialplan that includes the outgoing context in the incoming one.
 * The PBX pays for the second half of the call, again and again, to dear numbers, while no extension is seen to do anything.
 *
 * Innocent twins: a staff mobile or an answering service at home costs nothing that matters and is not counted; a colleague
 * abroad, or an overflow of the queue to a partner there, is one number day after day: it is told once, as medium, and after
 * some days it is an arrangement and not told again; a short call by night to a colleague who travels. A call that is forwarded by an extension is told by forwarding.
 */
export default defineDetector({
  name: 'through-dial',
  summary: 'Calls that come in by a trunk and leave again to a number that costs money',
  parameters,
  consumes: SENDING_KINDS,
  create: (p, site, { exits }) =>
    new SendingOn({
      site,
      exits,
      type: 'trunk',
      window: p.window,
      risk: p.risk,
      calls: p.calls,
      severity: (sent, at) => severityOf(p, sent, at),
      summary: (trunk, what) => `What came in by trunk ${trunk} went out again: ${what}`,
    }),
});
