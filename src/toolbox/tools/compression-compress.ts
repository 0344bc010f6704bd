import { deflateSync, gzipSync } from 'node:zlib';
import { z } from 'zod';
import { amount } from '../../parameters.ts';
import { defineTool, refuse } from '../tool.ts';

const parameters = z.strictObject({
  encoding: z.enum(['gzip', 'deflate']).default('gzip').describe('how, as Content-Encoding names it: gzip or deflate'),
  least: amount(1_024, 'bytes', 'a smaller body stays as it is: it would hardly get smaller', 1, 262_144),
});

/**
 * Makes a body smaller (RFC 3261 section 20.12), before it is signed and encrypted: afterwards nothing can. One body holds what one side
 * wrote; where an attacker may put words of his into a body beside a secret, its size would tell of the secret (CRIME), and it must not
 * be compressed. In a session description nobody but the phone writes.
 */
export const compressionCompress = defineTool({
  name: 'compression.compress',
  family: 'compression',
  summary: 'makes a large body smaller (Content-Encoding)',
  parameters,
  directions: ['out'],
  layer: 'compressed',
  create:
    ({ encoding, least }) =>
    ({ message, notes }) => {
      const { body } = message;
      if (body.length < least || message.header('content-encoding') !== null) return null;
      const smaller = encoding === 'gzip' ? gzipSync(body) : deflateSync(body);
      if (smaller.length >= body.length) return null;
      const fault = message.change({ set: [['Content-Encoding', encoding]], body: smaller });
      if (fault !== null) return refuse('content', fault);
      notes['compressed'] = `${body.length} to ${smaller.length} bytes`;
      return null;
    },
});
