import { z } from 'zod';
import { receiptRequestOf, signReceipt } from '../../crypto/smime/index.ts';
import { defineTool, refuse } from '../tool.ts';

const parameters = z.strictObject({
  asked: z
    .enum(['optional', 'required'])
    .default('optional')
    .describe('must the sender have asked for a receipt (RFC 2634)? optional or required'),
});

/** Our word, signed, that exactly this message came and was verified; whoever runs the template sends it back. */
export const nonRepudiationReceipt = defineTool({
  name: 'non-repudiation.receipt',
  family: 'non-repudiation',
  summary: 'makes a signed receipt for a signed message whose sender has asked for one',
  parameters,
  directions: ['in'],
  needs: ['signer'],
  services: ['keys'],
  create({ asked }, { keys }) {
    if (keys === null) throw new Error('no keys');
    return (passage) => {
      const { signer, message, arrival } = passage;
      if (signer === null || receiptRequestOf(signer.info.info) === null)
        return asked === 'required' ? refuse('content', 'no receipt was asked for') : null;
      const identity = keys.signerOf(message.to);
      if (identity === null) return refuse('no-certificate', `there is no key of ${message.to} to sign a receipt with`);
      const receipt = signReceipt(signer.info.info, identity, arrival.at);
      if (!receipt.ok) return refuse('content', receipt.reason);
      passage.receipt = receipt.value;
      return null;
    };
  },
});
