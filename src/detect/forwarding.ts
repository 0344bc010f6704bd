import { z } from 'zod';
import type { Millis, Severity } from '../model.ts';
import { defineDetector } from './detector.ts';
import { amount, duration, score } from './parameters.ts';
import { talkOfAll } from './placed-calls.ts';
import { SENDING_KINDS, SendingOn, type Sent } from './sending-on.ts';

const parameters = z.strictObject({
  calls: amount(3, 'calls', 'so many calls forwarded to risky numbers are an attack'),
  targets: amount(3, 'numbers', 'so many different numbers that cost money, and are no old arrangement, are odd', 2),
  at_once: amount(3, 'calls', 'so many forwarded calls up at one time: nobody talks to so many', 2),
  risk: score(60, 'numbers of this risk or more are risky'),
  window: duration('24h', 'calls are counted within this time'),
  talk: duration(
    '60m',
    'so much talk with risky numbers costs money that matters, and a sixth of it where they are dear by nature',
  ),
});

/** Of numbers that are dear by nature less talk is enough. */
const GRAVE_SHARE = 6;

function severityOf(p: z.output<typeof parameters>, sent: Sent, at: Millis): Severity {
  const { fresh, risky, grave, targets, connected, atOnce } = sent;
  const risk = risky.length > 0;
  const pumped = atOnce >= p.at_once || (risk && targets >= p.targets);
  if (connected > 0 && risk && pumped) return 'critical';
  if (talkOfAll(risky, at) >= p.talk || talkOfAll(grave, at) >= p.talk / GRAVE_SHARE) return 'critical';
  if (pumped || grave.length > 0 || risky.length >= p.calls || (targets >= p.targets && fresh.length >= p.calls))
    return 'high';
  return 'medium';
}

/**
 * Attack: an extension's calls are forwarded to a number that pays its owner (by a stolen password, the web page of the
 * phone, a star code from an unattended desk), and then the extension is called, from outside and many times at once: the PBX
 * places and pays the second half. No password is used and no phone seems to call.
 *
 * Innocent twins: forwarding at home costs nothing that matters and is not counted; the boss who forwards to his mobile
 * abroad talks to one at a time, to one number: it is told once, as medium, and after some days not any more.
 */
export default defineDetector({
  name: 'forwarding',
  summary: 'Calls to an extension that is forwarded to a number that costs money',
  parameters,
  consumes: SENDING_KINDS,
  create: (p, site, { exits }) =>
    new SendingOn({
      site,
      exits,
      type: 'account',
      window: p.window,
      risk: p.risk,
      calls: p.calls,
      severity: (sent, at) => severityOf(p, sent, at),
      summary: (account, what) => `Calls to extension ${account} are forwarded: ${what}`,
    }),
});
