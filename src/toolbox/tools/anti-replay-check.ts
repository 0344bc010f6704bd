import { z } from 'zod';
import type { Millis } from '../../model.ts';
import { duration } from '../../parameters.ts';
import { formatDuration, HOUR, iso } from '../../time.ts';
import { RETRANSMITTED, type Replays, type Shown } from '../replays.ts';
import type { ReplayRow } from '../../store/index.ts';
import { defineTool, refuse, type Alert, type Outcome, type Passage, type Refusal } from '../tool.ts';

const parameters = z.strictObject({
  window: duration('10m', 'a message is fresh for so long after the Date in it'),
  skew: duration('2m', 'the sender’s clock may be wrong by so much, either way'),
  date: z
    .enum(['signed', 'any', 'ignore'])
    .default('any')
    .describe(
      'signed: a Date under the signature is required; any: a Date that is there has to be fresh; ignore: dates are not looked at. ' +
        'Only a signed Date shortens how long a message is remembered',
    ),
  remember: duration('30d', 'a message without signed Date is known again for so long'),
  session: z
    .enum(['refuse', 'ignore'])
    .default('refuse')
    .describe('what is done when an o= line of this sender comes in another call: refuse or ignore'),
});
type Parameters = z.output<typeof parameters>;

/** Shorter session ids (`o=- 0 0`) are the same in every call of many phones. */
const TELLING = 8;
// RFC 3261 section 25.1: SIP-date is an rfc1123-date
const DATE = /^(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun), \d{2} [A-Z][a-z]{2} \d{4} \d{2}:\d{2}:\d{2} GMT$/;

/** One thing by which a message is known again. */
interface Trait {
  readonly what: string;
  readonly key: string;
  /** may the next message of the same call have it too? */
  readonly goesOn: boolean;
}

/**
 * Attack: Charles has recorded an INVITE by which Bob had called Alice, its SDP encrypted to her, and sends it to her again. S/MIME
 * does not notice: the ciphertext is right. Alice answers with the SRTP key of Bob's call (RFC 3711 section 9.1). Whatever he changes
 * outside, be it Call-ID, Via, CSeq, From tag, something he cannot make anew stays: the ciphertext, the content, the signature, the o= line.
 *
 * Innocent: a transport sends the same bytes by the same branch again (RFC 3261 section 17); a phone that was challenged sends its request
 * again, with credentials and the next CSeq, and the body as it was; a re-INVITE refreshes a session without changing it (RFC 4028).
 */
export const antiReplayCheck = defineTool({
  name: 'anti-replay.check',
  family: 'anti-replay',
  summary: 'refuses a message that was accepted before, whatever was changed around what is protected in it',
  parameters,
  directions: ['in'],
  clear: true,
  services: ['memory'],
  create(p, { memory }) {
    if (memory === null) throw new Error('no memory');
    return (passage) => {
      const { refusal, until, dated } = freshness(p, passage, memory);
      if (refusal !== null) return refusal.reason === 'stale' ? (named(p, passage, memory) ?? refusal) : refusal;
      const first = look(p, passage, memory);
      if (first.refusal !== null || first.repeated) return first.refusal;
      passage.commits.push(() => commit(p, passage, memory, until, dated));
      return null;
    };
  },
});

/** Until when the message could be accepted, and thus has to be remembered. */
function freshness(
  { window, skew, date, remember }: Parameters,
  passage: Passage,
  memory: Replays,
): { readonly refusal: Refusal | null; readonly until: Millis; readonly dated: boolean } {
  const { message, signer, arrival } = passage;
  const at = arrival.at;
  const signed = signer?.date ?? null;
  const forever = { refusal: null, until: at + remember, dated: false };
  const no = (detail: string, alert: Alert | null = null) => ({ ...forever, refusal: refuse('stale', detail, alert) });
  if (date === 'ignore') return forever;
  if (date === 'signed' && signed === null) return no('there is no Date under the signature');
  const sent = signed ?? outerDate(message.header('date'));
  if (sent === null) return forever;
  if (Number.isNaN(sent)) return no('its Date is none');
  const until = sent + window + skew;
  if (at > until)
    return no(
      `it is of ${iso(sent)}, and was fresh until ${iso(until)}`,
      signed === null ? null : old(sent, until, passage),
    );
  if (at < sent - skew) return no(`it is of ${iso(sent)}, which is still to come`);
  if (signed === null) return forever;
  if (memory.isForgotten(until))
    return no(`what was fresh until ${iso(until)} is forgotten already: has the clock been set back?`);
  return { refusal: null, until, dated: true };
}

/** null: there is none; NaN: it is none */
const outerDate = (text: string | null): Millis | null =>
  text === null ? null : DATE.test(text) ? Date.parse(text) : NaN;

function traitsOf({ session: rule }: Parameters, passage: Passage, memory: Replays): Trait[] {
  const { message, signer, identity, opened } = passage;
  const { session } = message;
  const own = identity ?? message.from;
  const numbered = [message.callId, message.cseq, message.method, message.fromTag];
  const answer = message.isRequest ? [] : [message.status, message.toTag];
  const traits: Trait[] = [
    {
      what: 'the same Call-ID, CSeq and From tag',
      key: memory.seal('numbers', own, ...numbered, ...answer),
      goesOn: false,
    },
  ];
  for (const digest of opened)
    traits.push({
      what: `the same ${digest.split(':')[0] ?? ''}`,
      key: memory.seal('opened', digest),
      goesOn: digest.startsWith('content:'),
    });
  if (signer !== null)
    traits.push({
      what: 'the same signature',
      key: memory.seal('signature', signer.kid, signer.digest),
      goesOn: false,
    });
  if (rule === 'refuse' && session !== null && session.originId.length > TELLING)
    traits.push({ what: 'the same o= line', key: memory.seal('origin', own, session.origin), goesOn: true });
  return traits;
}

/** What of an old message was accepted once: then it is no sender's clock that is wrong. */
function named(p: Parameters, passage: Passage, memory: Replays): Refusal | null {
  const shown = memory.shown(passage);
  for (const trait of traitsOf(p, passage, memory)) {
    const first = memory.former('message', trait.key);
    if (first !== null) return memory.isRetransmission(first, shown) ? null : replayed(trait, first, passage);
  }
  return null;
}

/** An hour is no clock that drifts. */
const VERY_LATE: Millis = HOUR;

/** Nobody but its signer could have made it, so somebody held it back, sends it again, or the signer's clock is wrong. */
function old(sent: Millis, until: Millis, { message, arrival, identity }: Passage): Alert {
  const who = identity ?? message.from;
  return {
    severity: arrival.at - until > VERY_LATE ? 'medium' : 'low',
    reason: 'stale',
    summary: `A signed ${message.method} of ${who} that is ${formatDuration(arrival.at - sent)} old came from ${arrival.source ?? 'an unknown address'}: held back, sent again, or a clock that is wrong`,
    facts: { date: iso(sent), freshUntil: iso(until), callId: message.callId.slice(0, 256) },
  };
}

interface Looked {
  readonly refusal: Refusal | null;
  /** the transport's repetition */
  readonly repeated: boolean;
  /** to be remembered, or of a call that goes on */
  readonly unseen: readonly Trait[];
  readonly ongoing: readonly Trait[];
}

function look(p: Parameters, passage: Passage, memory: Replays): Looked {
  const shown = memory.shown(passage);
  const unseen: Trait[] = [];
  const ongoing: Trait[] = [];
  for (const [index, trait] of traitsOf(p, passage, memory).entries()) {
    const first = memory.first('message', trait.key);
    if (first === null) unseen.push(trait);
    else if (index === 0 && memory.isRetransmission(first, shown)) {
      passage.retransmission = true;
      return { refusal: null, repeated: true, unseen: [], ongoing: [] };
    } else if (index > 0 && (isAnswered(first, shown) || (trait.goesOn && isOngoing(first, shown, passage))))
      ongoing.push(trait);
    else return { refusal: replayed(trait, first, passage), repeated: false, unseen: [], ongoing: [] };
  }
  return { refusal: null, repeated: false, unseen, ongoing };
}

/** The answer to a challenge: the request of a moment ago with other credentials and the next CSeq (RFC 3261 section 22.2). */
const isAnswered = (first: ReplayRow, shown: Shown): boolean =>
  first.call === shown.call &&
  first.source === shown.source &&
  shown.cseq > first.cseq &&
  shown.at - first.at <= RETRANSMITTED &&
  shown.credentials !== '' &&
  shown.credentials !== first.credentials;

/** The next request of the same call: from where it came before, or with its numbers under the signature. */
const isOngoing = (first: ReplayRow, shown: Shown, { headersBound }: Passage): boolean =>
  first.call === shown.call && shown.cseq > first.cseq && (headersBound || first.source === shown.source);

function commit(p: Parameters, passage: Passage, memory: Replays, until: Millis, dated: boolean): Outcome {
  // another copy may have been accepted while this one waited for its keys
  const { refusal, repeated, unseen, ongoing } = look(p, passage, memory);
  if (refusal !== null || repeated) return refusal;
  const shown = memory.shown(passage);
  for (const { key } of unseen) {
    const full = memory.remember('message', key, shown, until, dated);
    if (full !== null) return full;
  }
  for (const { key } of ongoing) memory.advance('message', key, shown.cseq);
  return null;
}

function replayed(trait: Trait, first: ReplayRow, { message, arrival, identity }: Passage): Refusal {
  const who = identity ?? message.from;
  const from = arrival.source ?? 'an unknown address';
  return refuse(
    'replay',
    `${trait.what} was accepted at ${iso(first.at)} in call ${first.callId} from ${first.source}`,
    {
      severity: 'high',
      reason: 'replay',
      summary: `An old ${message.method} of ${who} was sent again from ${from}`,
      facts: {
        rule: trait.what,
        firstAt: iso(first.at),
        firstCall: first.callId,
        firstAddress: first.source,
        callId: message.callId.slice(0, 256),
      },
    },
  );
}
