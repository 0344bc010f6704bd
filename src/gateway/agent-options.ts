import { z } from 'zod';
import { isAddressOrBlock } from '../address.ts';
import { endpointOf, isHost } from '../crypto/identity.ts';
import { duration } from '../parameters.ts';

const local = z.string().refine((text) => /^(?:udp|tcp):/.test(text) && endpointOf(text.slice(4)) !== null, {
  error: 'write it like udp:127.0.0.1:5060 or tcp:[::1]:5060',
});

/** [agent]: the gateway's client side, beside a phone, softphone, PBX or trunk (docs/agent.md). */
export const agentOptions = z.strictObject({
  listen: z
    .array(local)
    .min(1)
    .default(['udp:127.0.0.1:5060', 'tcp:127.0.0.1:5060'])
    .describe('where phones reach the agent: their outbound proxy'),
  allow: z
    .array(z.string().refine(isAddressOrBlock, { error: 'not an IP address or CIDR block' }))
    .default(['127.0.0.0/8', '::1'])
    .describe('addresses that may use it: whoever may speaks with the key of this account'),
  gateways: z
    .array(
      z.string().refine((text) => endpointOf(text) !== null || isHost(text), {
        error: 'write it like gw.example.com:5061, or a domain whose SRV records are looked up',
      }),
    )
    .default([])
    .describe('gateways in order of preference; none: the one that the token names'),
  token_file: z
    .string()
    .min(1)
    .optional()
    .describe('file with an enrolment token, used once; ringfence agent enrol TOKEN does without'),
  state: z
    .string()
    .min(1)
    .default('/var/lib/ringfence-agent')
    .describe('folder of its own: key, certificate, what is pinned, contacts of phones'),
  public_ca: z
    .boolean()
    .default(false)
    .describe("the gateway's TLS certificate may also be of a public CA; its own key is pinned in any case"),
  deliver: z
    .union([z.literal(''), local])
    .default('')
    .describe('a PBX or trunk on this side that does not register: calls for it go there'),
  stun: z
    .string()
    .refine((text) => text === '' || endpointOf(text) !== null, { error: 'write it like stun.example.com:3478' })
    .default('')
    .describe(
      'STUN server (RFC 8489): private addresses in descriptions of media become the one that it sees; "": they stay',
    ),
  stun_every: duration('5m', 'the STUN server is asked again so often'),
  secret_calls: z
    .boolean()
    .default(false)
    .describe('outgoing calls hide who calls whom, also from whoever opens TLS and CSC (docs/agent.md)'),
  renew_before: duration('30d', 'so long before its end the certificate is said to need renewal'),
});

export type AgentSettings = z.output<typeof agentOptions>;
