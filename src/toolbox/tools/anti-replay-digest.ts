import { z } from 'zod';
import { duration } from '../../parameters.ts';
import { iso } from '../../time.ts';
import type { ReplayRow } from '../../store/index.ts';
import type { Replays, Shown } from '../replays.ts';
import { defineTool, type DigestAnswer, type Passage, type Refusal } from '../tool.ts';

const parameters = z.strictObject({
  window: duration('1h', 'a digest answer is known again for so long; longer than the PBX takes its nonces'),
});
type Parameters = z.output<typeof parameters>;

/**
 * Attack: the credentials of a request (RFC 7616) are shown again, in a request of one's own where the PBX does not compare URI and
 * count. A forger cannot make a new answer, only show an old one.
 *
 * Innocent: a repetition by the transport; a phone without nonce count that answers one nonce for each REGISTER of its registration (same
 * Call-ID, next CSeq, same address); the ACK of an INVITE. What is refused is challenged: a true phone answers the new nonce and never notices.
 */
export const antiReplayDigest = defineTool({
  name: 'anti-replay.digest',
  family: 'anti-replay',
  summary: 'challenges a digest answer that was shown before',
  parameters,
  directions: ['in'],
  services: ['memory'],
  create(p, { memory }) {
    if (memory === null) throw new Error('no memory');
    return (passage) => {
      const { digests } = passage.message;
      if (digests.length === 0 || passage.retransmission) return null;
      const { refusal } = look(digests, passage, memory);
      if (refusal !== null) return refusal;
      passage.commits.push(() => commit(p, digests, passage, memory));
      return null;
    };
  },
});

function look(
  answers: readonly DigestAnswer[],
  passage: Passage,
  memory: Replays,
): { readonly refusal: Refusal | null; readonly unseen: readonly string[]; readonly ongoing: readonly string[] } {
  const shown = memory.shown(passage);
  const unseen = new Set<string>();
  const ongoing: string[] = [];
  for (const answer of answers) {
    // the answer is made of nonce, count, method and URI, and nobody without the password makes another
    const key = memory.seal('digest', answer.realm, answer.username, answer.nonce, answer.response);
    const first = memory.first('digest', key);
    if (first === null) unseen.add(key);
    else if (memory.isRetransmission(first, shown)) continue;
    else if (isOfCall(first, shown) && isAllowed(answer, first, shown, passage)) ongoing.push(key);
    else return { refusal: shownAgain(answer, first, passage), unseen: [], ongoing: [] };
  }
  return { refusal: null, unseen: [...unseen], ongoing };
}

const isOfCall = (first: ReplayRow, shown: Shown): boolean =>
  first.call === shown.call && first.source === shown.source;

/** An ACK carries its INVITE's credentials (RFC 3261 section 13.2.2.4), as a CANCEL may; without a count one nonce serves many requests. */
const isAllowed = ({ nc }: DigestAnswer, first: ReplayRow, shown: Shown, { message }: Passage): boolean =>
  ['ACK', 'CANCEL'].includes(message.method) ? shown.cseq === first.cseq : nc === null && shown.cseq > first.cseq;

function commit(
  { window }: Parameters,
  answers: readonly DigestAnswer[],
  passage: Passage,
  memory: Replays,
): Refusal | null {
  const { refusal, unseen, ongoing } = look(answers, passage, memory);
  if (refusal !== null) return refusal;
  const shown = memory.shown(passage);
  for (const key of unseen) {
    const full = memory.remember('digest', key, shown, shown.at + window, false);
    if (full !== null) return full;
  }
  for (const key of ongoing) memory.advance('digest', key, shown.cseq);
  return null;
}

function shownAgain(answer: DigestAnswer, first: ReplayRow, { message, arrival }: Passage): Refusal {
  const from = arrival.source ?? 'an unknown address';
  return {
    reason: 'nonce-reuse',
    detail: `the digest answer of ${answer.username} was accepted at ${iso(first.at)} in call ${first.callId} from ${first.source}`,
    verdict: 'challenge',
    alert: {
      severity: 'high',
      reason: 'nonce-reuse',
      summary: `Credentials of ${answer.username} that were used before were shown again from ${from}`,
      facts: {
        rule: 'one digest answer in two requests',
        method: message.method,
        nonceCount: answer.nc,
        firstAt: iso(first.at),
        firstAddress: first.source,
        callId: message.callId.slice(0, 256),
      },
    },
  };
}
