import { z } from 'zod';
import { CIPHER_NAMES, protectSip } from '../../crypto/smime/index.ts';
import { defineTool, refuse } from '../tool.ts';

const parameters = z.strictObject({
  cipher: z
    .enum(CIPHER_NAMES)
    .default('aes-256-gcm')
    .describe('how; AES-CBC, for older peers, only around a signature; name of a cipher'),
  transfer: z
    .enum(['binary', 'base64'])
    .default('binary')
    .describe('how it stands in the body; base64 for peers that expect mail: binary or base64'),
});

/** Encrypts to whom pki.resolve has found, with RSA-OAEP and a fresh key. */
export const confidentialityEncrypt = defineTool({
  name: 'confidentiality.encrypt',
  family: 'confidentiality',
  summary: 'encrypts the body (S/MIME, AES-GCM with RSA-OAEP) to the recipients',
  parameters,
  directions: ['out'],
  layer: 'enveloped',
  needs: ['recipients'],
  create:
    ({ cipher, transfer }) =>
    ({ message, arrival, recipients }) => {
      const sealed = protectSip(message.bytes, { now: arrival.at, encrypt: { recipients, cipher }, transfer });
      if (!sealed.ok) return refuse('content', sealed.reason);
      const fault = message.replace(sealed.value);
      return fault === null ? null : refuse('content', fault);
    },
});
