import { createHash } from 'node:crypto';
import { z } from 'zod';
import { decryptSip } from '../../crypto/smime/index.ts';
import { CBC_WITHOUT_TRUST } from '../../crypto/smime/layers.ts';
import { defineTool, refuse } from '../tool.ts';

const parameters = z.strictObject({
  cbc: z
    .enum(['signed', 'refuse'])
    .default('signed')
    .describe('AES-CBC of older peers: signed, where a signature inside holds; or refuse'),
});

const digest = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('base64url');

/**
 * Opens what was encrypted to a key of ours. What the ciphertext was, and what was in it, is noted for anti-replay: nobody without the key
 * makes another ciphertext of the same content.
 */
export const confidentialityDecrypt = defineTool({
  name: 'confidentiality.decrypt',
  family: 'confidentiality',
  summary: 'decrypts a body (S/MIME, AES-GCM with RSA-OAEP) that is for a key of ours',
  parameters,
  directions: ['in'],
  layer: 'enveloped',
  services: ['keys'],
  create({ cbc }, { keys }) {
    if (keys === null) throw new Error('no keys');
    return (passage) => {
      const { message, arrival } = passage;
      const options = { keyholders: keys.keyholders, now: arrival.at };
      const ciphertext = digest(message.body);
      let opened = decryptSip(message.bytes, { ...options, trust: null, layers: 1 });
      if (!opened.ok && opened.reason === CBC_WITHOUT_TRUST && cbc === 'signed')
        opened = decryptSip(message.bytes, { ...options, trust: keys.trust });
      if (!opened.ok) return refuse('decryption', opened.reason);
      const fault = message.replace(opened.value.message);
      if (fault !== null) return refuse('content', fault);
      passage.opened.push(`ciphertext:${ciphertext}`, `content:${digest(message.body)}`);
      passage.notes['cipher'] = opened.value.cipher;
      return null;
    };
  },
});
