import { z } from 'zod';
import { duration } from '../../parameters.ts';
import { iso } from '../../time.ts';
import { Origins, type Standing } from '../origins.ts';
import { defineTool, refuse, type Alert, type Passage, type Refusal } from '../tool.ts';

const parameters = z.strictObject({
  policy: z
    .enum(['deny', 'challenge', 'alert'])
    .default('alert')
    .describe(
      'what a new address without proof of possession means. deny: refused; challenge: let him prove himself; alert: told and let pass, but ' +
        'challenged where the identity is still heard from another address',
    ),
  alive: duration('10m', 'an address is alive when the identity was heard from it within this time'),
  remember: duration('30d', 'an address is forgotten when nothing was heard from it for so long'),
  ipv4_bits: z
    .int()
    .min(8)
    .max(32)
    .default(32)
    .describe(
      'IPv4 addresses that agree in so many bits are one (a carrier’s NAT pool: 24); of IPv6 the /64 always; number of bits',
    ),
});
type Parameters = z.output<typeof parameters>;

/**
 * Attack: Charles has become Bob: his message is fresh, or was never seen here, and comes from Charles's address while Bob is still there.
 *
 * Innocent: a NAT gives Bob's phone another port or, after its line was cut, another address (the old one is silent then); his mobile
 * goes from Wi-Fi to the cell network (it registers anew, and answers the challenge); he has a desk phone and a softphone; IPv6 privacy
 * addresses. So the port does not count, of IPv6 the /64 does, and nobody is refused for good who can still prove himself: with `alert`,
 * where the old address is alive, a message without proof is challenged, which is a denial for whoever cannot answer.
 */
export const originBind = defineTool({
  name: 'origin.bind',
  family: 'origin',
  summary: 'knows the addresses an identity speaks from, and asks for proof from a new one',
  parameters,
  directions: ['in'],
  services: ['origins'],
  create(p, { origins }) {
    if (origins === null) throw new Error('no origins');
    return (passage) => {
      const { arrival, message } = passage;
      const { source, at, proofs } = arrival;
      if (source === null) return refuse('origin', 'nobody knows where it came from');
      if (passage.retransmission) return null;
      const identity = passage.identity ?? message.from;
      const origin = Origins.of(source, p.ipv4_bits);
      const standing = origins.standing(identity, origin, at, p.alive, p.remember);
      const [proof] = proofs;
      const judged = proof === undefined ? judge(p, standing, identity, origin, passage) : null;
      if (judged?.refusal) return judged.refusal;
      if (judged?.alert) passage.alerts.push(judged.alert);
      const how = proof ?? (standing.kind === 'new' ? 'alert' : 'first');
      passage.commits.push(() => {
        origins.learn(identity, origin, at, how, p.remember);
        return null;
      });
      return null;
    };
  },
});

function judge(
  { policy }: Parameters,
  standing: Standing,
  identity: string,
  origin: string,
  passage: Passage,
): { readonly refusal?: Refusal; readonly alert?: Alert } {
  if (standing.kind !== 'new') return {};
  const { alive, known } = standing;
  const { message, arrival } = passage;
  const last = alive ?? known[0];
  const told = (severity: Alert['severity'], summary: string): Alert => ({
    severity,
    reason: 'origin',
    summary,
    facts: {
      rule: alive === null ? 'a new address' : 'a new address while the old one is alive',
      method: message.method,
      address: origin,
      knownAddress: last?.origin ?? null,
      lastHeard: last === undefined ? null : iso(last.last),
      callId: message.callId.slice(0, 256),
    },
  });
  const detail = `${identity} is not known at ${origin}; it was last heard at ${last?.origin ?? 'none'}${last === undefined ? '' : ` at ${iso(last.last)}`}`;
  if (policy === 'deny')
    return {
      refusal: refuse(
        'origin',
        detail,
        told('high', `${identity} was refused at an address that is new: ${arrival.source ?? ''}`),
      ),
    };
  if (policy === 'challenge' || alive !== null)
    return {
      refusal: {
        reason: 'origin',
        detail,
        verdict: 'challenge',
        alert:
          alive === null
            ? null
            : told(
                'medium',
                `${identity} spoke from ${arrival.source ?? ''} without proof while heard from ${alive.origin}: challenged`,
              ),
      },
    };
  return { alert: told('low', `${identity} speaks from a new address: ${arrival.source ?? ''}`) };
}
