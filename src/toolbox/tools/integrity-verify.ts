import { z } from 'zod';
import { defineTool } from '../tool.ts';
import { takeSignatureOff } from '../verifying.ts';

const parameters = z.strictObject({
  headers: z
    .enum(['required', 'optional'])
    .default('required')
    .describe(
      'must To, From, Call-ID, CSeq and Date be under the signature? required or optional; where they are they must agree',
    ),
});

/** Attack: a message that was changed on its way, or that somebody else has signed. */
export const integrityVerify = defineTool({
  name: 'integrity.verify',
  family: 'integrity',
  summary:
    'verifies a signature (S/MIME) and takes it off: certificate, chain, dates, revocation, From, signed headers',
  parameters,
  directions: ['in'],
  layer: 'signed',
  gives: ['signer'],
  services: ['keys'],
  create({ headers }, { keys }) {
    if (keys === null) throw new Error('no keys');
    return (passage) => takeSignatureOff(passage, keys, headers);
  },
});
