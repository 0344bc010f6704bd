import { z } from 'zod';
import { defineTool, PROOFS } from '../tool.ts';

const parameters = z.strictObject({
  proofs: z
    .array(z.enum([...PROOFS, 'signature']))
    .min(1)
    .max(4)
    .default(['csc', 'client-certificate', 'digest'])
    .describe(
      'one of them is enough: csc (a session of the crypto gateway), client-certificate (TLS), digest (a nonce of ours, just now), ' +
        'signature (S/MIME, proved to be From’s by authentication.signer); list of names',
    ),
});

/** Whoever took the message off the wire says what was proved there; a message itself can only claim. */
export const authenticationRequire = defineTool({
  name: 'authentication.require',
  family: 'authentication',
  summary: 'asks for one proof that the sender holds a secret, or challenges him',
  parameters,
  directions: ['in'],
  create:
    ({ proofs }) =>
    ({ arrival, identity }) => {
      const shown: readonly string[] = [...arrival.proofs, ...(identity === null ? [] : ['signature'])];
      if (proofs.some((proof) => shown.includes(proof))) return null;
      return {
        reason: 'proof',
        detail: `shown: ${shown.join(', ') || 'nothing'}; asked for: ${proofs.join(' or ')}`,
        verdict: proofs.includes('digest') ? 'challenge' : 'refuse',
      };
    },
});
