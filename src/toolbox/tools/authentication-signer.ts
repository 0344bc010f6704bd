import { z } from 'zod';
import { fits } from '../identities.ts';
import { defineTool, refuse } from '../tool.ts';

const parameters = z.strictObject({
  identities: z
    .array(z.string().regex(/^[^\s@]+@[^\s@]+$|^\*$/, { error: 'write it as user@host, *@host, user@* or *' }))
    .min(1)
    .max(256)
    .default(['*'])
    .describe('who may have signed it: user@host, *@host, user@* or * for all; list'),
});

/** From here on the identity is the one that the signature proves, and no longer what From claims. */
export const authenticationSigner = defineTool({
  name: 'authentication.signer',
  family: 'authentication',
  summary: 'takes the identity that the signer’s certificate names (SAN), if it is one of those allowed',
  parameters,
  directions: ['in'],
  needs: ['signer'],
  gives: ['identity'],
  create:
    ({ identities }) =>
    (passage) => {
      const { signer } = passage;
      if (signer === null) return refuse('identity', 'nobody has signed it');
      if (!identities.some((pattern) => fits(pattern, signer.aor)))
        return refuse('identity', `${signer.aor} is none of those who may sign it`);
      passage.identity = signer.aor;
      return null;
    },
});
