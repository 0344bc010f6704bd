import { z } from 'zod';
import { defineTool, refuse } from '../tool.ts';

const parameters = z.strictObject({
  contact: z
    .enum(['note', 'refuse'])
    .default('note')
    .describe('what is done where Contact is not the signed one, as proxies rewrite it: note or refuse'),
});

/** Attack: a body that Bob has signed, under headers that he has not. Innocent: a proxy that rewrites Contact (RFC 3261 section 23.4.2). */
export const integrityHeaders = defineTool({
  name: 'integrity.headers',
  family: 'integrity',
  summary: 'refuses a message whose To, From, Call-ID, CSeq and Date are not under the signature',
  parameters,
  directions: ['in'],
  needs: ['signer'],
  create:
    ({ contact }) =>
    ({ signer, notes }) => {
      if (signer?.headersSigned !== true) return refuse('mismatch', 'the headers are not under the signature');
      if (!signer.contactChanged) return null;
      if (contact === 'refuse') return refuse('mismatch', 'Contact is not the signed one');
      notes['contactChanged'] = true;
      return null;
    },
});
