import { z } from 'zod';
import { duration } from '../../parameters.ts';
import { iso } from '../../time.ts';
import type { ReplayRow } from '../../store/index.ts';
import type { Replays } from '../replays.ts';
import { defineTool, refuse, type Passage, type Refusal } from '../tool.ts';

const parameters = z.strictObject({
  remember: duration('30d', 'an SRTP key is known again for so long'),
  own: z
    .enum(['refuse', 'alert'])
    .default('refuse')
    .describe(
      'what is done with a phone that uses a key of its own in another call from its own address: refuse, or alert and let it pass',
    ),
});
type Parameters = z.output<typeof parameters>;

/**
 * Attack: an SRTP master key (RFC 4568) serves in a second call. The same key makes the same key stream (RFC 3711 section 9.1), so whoever
 * has recorded both calls takes one from the other and hears both; the replay of an encrypted INVITE is one way to bring this about.
 *
 * Innocent: the same key again within its call (a re-INVITE, the answer to a challenge). A phone that draws its key when it starts, or
 * never, has no encryption worth the name: refused too unless `own` says alert.
 */
export const antiReplaySdes = defineTool({
  name: 'anti-replay.sdes',
  family: 'anti-replay',
  summary: 'refuses an SRTP key (a=crypto) that was used in another call',
  parameters,
  directions: ['in', 'out'],
  clear: true,
  services: ['memory'],
  create(p, { memory }) {
    if (memory === null) throw new Error('no memory');
    return (passage) => {
      const keys = sealed(passage, memory);
      if (keys.length === 0 || passage.retransmission) return null;
      const { refusal } = look(p, keys, passage, memory);
      if (refusal !== null) return refusal;
      passage.commits.push(() => commit(p, keys, passage, memory));
      return null;
    };
  },
});

const sealed = ({ message }: Passage, memory: Replays): string[] =>
  (message.session?.keys ?? []).map((key) => memory.seal('sdes', key));

function look(
  { own }: Parameters,
  keys: readonly string[],
  passage: Passage,
  memory: Replays,
): { readonly refusal: Refusal | null; readonly unseen: readonly string[] } {
  const shown = memory.shown(passage);
  const unseen: string[] = [];
  for (const key of keys) {
    const first = memory.first('sdes', key);
    if (first === null) unseen.push(key);
    else if (first.call !== shown.call) {
      const refusal = reused(first, passage);
      if (own === 'refuse' || first.source === '' || first.source !== shown.source) return { refusal, unseen: [] };
      if (refusal.alert) passage.alerts.push({ ...refusal.alert, severity: 'medium' });
    }
  }
  return { refusal: null, unseen };
}

function commit(p: Parameters, keys: readonly string[], passage: Passage, memory: Replays): Refusal | null {
  const told = passage.alerts.length;
  const { refusal, unseen } = look(p, keys, passage, memory);
  passage.alerts.length = told; // told once, by the step
  if (refusal !== null) return refusal;
  const shown = memory.shown(passage);
  for (const key of unseen) {
    const full = memory.remember('sdes', key, shown, shown.at + p.remember, false);
    if (full !== null) return full;
  }
  return null;
}

function reused(first: ReplayRow, { message, arrival }: Passage): Refusal {
  const from = arrival.source ?? 'an unknown address';
  return refuse('key-reuse', `an SRTP key of call ${first.callId}, accepted at ${iso(first.at)} from ${first.source}`, {
    severity: 'high',
    reason: 'key-reuse',
    summary: `An SRTP key of an earlier call came again from ${from} in a ${message.method}: with it who has recorded that call could listen to both`,
    facts: {
      rule: 'one SRTP key in two calls',
      firstAt: iso(first.at),
      firstCall: first.callId,
      firstAddress: first.source,
      callId: message.callId.slice(0, 256),
    },
  });
}
