import { z } from 'zod';
import { defineTool, refuse } from '../tool.ts';

const parameters = z.strictObject({
  of: z
    .enum(['keys', 'body'])
    .default('keys')
    .describe('keys: an SRTP key (a=crypto) must not come in the clear; body: no body may'),
});

/**
 * Attack: an SRTP key in a message that anybody on the path can read is none (RFC 4568 section 7.1). What came by TLS, in a CSC session, or
 * was enveloped is not in the clear.
 */
export const confidentialityRequire = defineTool({
  name: 'confidentiality.require',
  family: 'confidentiality',
  summary: 'refuses SRTP keys, or bodies, that came in the clear',
  parameters,
  directions: ['in'],
  clear: true,
  create:
    ({ of }) =>
    ({ message, arrival, opened }) => {
      const hidden =
        ['tls', 'wss', 'csc'].includes(arrival.transport) || opened.some((digest) => digest.startsWith('content:'));
      if (hidden) return null;
      const { session, body } = message;
      if (of === 'body' && body.length > 0) return refuse('clear-keys', `a body in the clear, by ${arrival.transport}`);
      if (session !== null && session.keys.length > 0)
        return refuse('clear-keys', `an SRTP key in the clear, by ${arrival.transport}`, {
          severity: 'medium',
          reason: 'clear-keys',
          summary: `An SRTP key of ${message.from} came in the clear from ${arrival.source ?? 'an unknown address'}`,
          facts: { rule: 'an SRTP key in a message that anybody can read', transport: arrival.transport },
        });
      return null;
    },
});
