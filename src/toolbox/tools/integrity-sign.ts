import { z } from 'zod';
import { protectSip, receiptRequest } from '../../crypto/smime/index.ts';
import { defineTool, refuse } from '../tool.ts';

const parameters = z.strictObject({
  signature: z
    .enum(['pss', 'pkcs1'])
    .default('pss')
    .describe('RSA-PSS, or PKCS#1 v1.5 for peers that know nothing else: pss or pkcs1'),
  detached: z
    .boolean()
    .default(false)
    .describe('true: multipart/signed, which whoever does not know S/MIME can read; false: application/pkcs7-mime'),
  headers: z
    .boolean()
    .default(true)
    .describe('true: To, From, Call-ID, CSeq, Date and Contact are signed too; false: the body alone'),
  receipt: z.boolean().default(false).describe('true: ask for a signed receipt (RFC 2634); false: do not'),
});

/** Signs with the key of From. There has to be one here: keys of phones are with the phones. */
export const integritySign = defineTool({
  name: 'integrity.sign',
  family: 'integrity',
  summary: 'signs body and headers (S/MIME) with the key of From',
  parameters,
  directions: ['out'],
  layer: 'signed',
  services: ['keys'],
  create({ signature, detached, headers, receipt }, { keys }) {
    if (keys === null) throw new Error('no keys');
    return ({ message, arrival }) => {
      const author = message.isRequest ? message.from : message.to;
      const identity = keys.signerOf(author);
      if (identity === null) return refuse('no-certificate', `there is no key of ${author} here`);
      const attributes = receipt ? [receiptRequest(`sip:${author}`)] : [];
      const signed = protectSip(message.bytes, {
        now: arrival.at,
        sign: { signers: [identity], signature, detached, headers, attributes },
      });
      if (!signed.ok) return refuse('content', signed.reason);
      const fault = message.replace(signed.value);
      return fault === null ? null : refuse('content', fault);
    };
  },
});
