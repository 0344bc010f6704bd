import { z } from 'zod';
import { amount } from '../../parameters.ts';
import { defineTool, refuse } from '../tool.ts';

const parameters = z.strictObject({
  require: z
    .array(z.string().min(1).max(64))
    .max(32)
    .default([])
    .describe('headers that must be there (Date, Contact …); list of names'),
  max_bytes: amount(65_536, 'bytes', 'a larger message is refused', 256, 262_144),
  hops: z
    .int()
    .min(0)
    .max(255)
    .default(0)
    .describe('a request with fewer hops left (Max-Forwards) is refused, 0 = not looked at; number of hops'),
});

/**
 * Attack: a message that two readers read differently: a second From, two Content-Lengths, bytes behind the body, so that what was checked
 * is not what the PBX obeys (Asterisk takes the first of two headers, others the last; measured).
 */
export const headersCheck = defineTool({
  name: 'headers.check',
  family: 'headers',
  summary: 'refuses a message that two readers could read differently, or that lacks a header',
  parameters,
  directions: ['in', 'out'],
  create: (p) => (passage) => {
    const { message } = passage;
    if (message.bytes.length > p.max_bytes)
      return refuse('too-large', `${message.bytes.length} bytes, ${p.max_bytes} allowed`);
    const [doubled] = message.doubled;
    if (doubled !== undefined) return refuse('headers', `${doubled} stands there twice`);
    if (!message.exact) return refuse('headers', 'the body is not as long as Content-Length says');
    const missing = p.require.find((name) => message.header(name) === null);
    if (missing !== undefined) return refuse('headers', `there is no ${missing}`);
    const hops = message.header('max-forwards');
    if (p.hops > 0 && message.isRequest && !(Number(hops ?? 70) >= p.hops))
      return refuse('headers', `Max-Forwards is ${hops ?? ''}, less than ${p.hops}`);
    return null;
  },
});
