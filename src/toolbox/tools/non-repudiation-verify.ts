import { z } from 'zod';
import { defineTool } from '../tool.ts';
import { takeSignatureOff } from '../verifying.ts';

const parameters = z.strictObject({
  keep: z
    .enum(['digest', 'message'])
    .default('digest')
    .describe('what the audit record keeps as evidence: digest of the signed message, or message, all of it'),
});

/** A signature over body and headers that is verified, and kept: so that later he cannot say that he never sent it. */
export const nonRepudiationVerify = defineTool({
  name: 'non-repudiation.verify',
  family: 'non-repudiation',
  summary: 'verifies a signature over body and headers, takes it off, and keeps the signed message as evidence',
  parameters,
  directions: ['in'],
  layer: 'signed',
  gives: ['signer'],
  services: ['keys'],
  create({ keep }, { keys }) {
    if (keys === null) throw new Error('no keys');
    return (passage) => {
      const signed = passage.message.bytes;
      const refusal = takeSignatureOff(passage, keys, 'required');
      if (refusal === null && keep === 'message') passage.evidence = signed;
      return refusal;
    };
  },
});
