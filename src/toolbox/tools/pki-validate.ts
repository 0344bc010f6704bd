import { z } from 'zod';
import { iso } from '../../time.ts';
import { defineTool, refuse } from '../tool.ts';

const parameters = z.strictObject({
  bits: z.int().min(2_048).max(16_384).default(2_048).describe('a smaller key is refused; number of bits'),
  revocation: z
    .enum(['required', 'given'])
    .default('required')
    .describe('required: without a revocation list of a CA nothing passes; given: it is looked at where there is one'),
  known: z
    .enum(['any', 'issued'])
    .default('any')
    .describe('any: whoever a CA of ours vouches for; issued: only a key that stands in our own database and is good'),
});

/**
 * Asks more of the signer's certificate than that it holds (integrity.verify has seen to that): the size of its key, that revocation could be checked
 * at all, that the key is one that was issued here.
 */
export const pkiValidate = defineTool({
  name: 'pki.validate',
  family: 'pki',
  summary: 'validates the signer’s chain and revocation list anew, and asks for key size and origin',
  parameters,
  directions: ['in'],
  needs: ['signer'],
  services: ['keys'],
  create({ bits, revocation, known }, { keys }) {
    if (keys === null) throw new Error('no keys');
    return ({ signer, arrival }) => {
      if (signer === null) return refuse('signature', 'nobody has signed it');
      const { certificate, info, kid } = signer;
      if (certificate.bits < bits) return refuse('chain', `a key of ${certificate.bits} bits, ${bits} asked for`);
      if (revocation === 'required' && keys.trust.lists.length === 0)
        return refuse('revoked', 'there is no revocation list');
      const path = keys.trust.path(certificate, info.path, arrival.at, 'sign');
      if (!path.ok) return refuse('chain', path.reason);
      if (known === 'issued' && !keys.isIssued(kid, arrival.at))
        return refuse('revoked', `the key ${kid} is none of ours, or good no more at ${iso(arrival.at)}`);
      return null;
    };
  },
});
