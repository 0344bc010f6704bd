import { z } from 'zod';
import { isAddressOrBlock } from '../address.ts';
import { endpointOf } from '../crypto/identity.ts';
import { amount, duration } from '../parameters.ts';

const endpoint = z
  .string()
  .refine((text) => endpointOf(text) !== null, { error: 'write it like 192.0.2.1:5061 or [2001:db8::1]:5061' });
const neighbour = z.string().refine((text) => /^(?:udp|tcp|tls):/.test(text) && endpointOf(text.slice(4)) !== null, {
  error: 'write it like udp:127.0.0.1:5060, tcp:[::1]:5060 or tls:pbx.example.com:5061',
});
const names = z.array(z.string().min(1).max(128));

const upstream = z.strictObject({
  name: z
    .string()
    .regex(/^[a-z0-9][a-z0-9-]{0,31}$/, { error: 'lower-case letters, digits and hyphens' })
    .describe('what it is called in logs and metrics, and in the Record-Route of its calls'),
  address: neighbour.describe('where it takes SIP: udp:, tcp: or tls: and host:port'),
  registrations: z
    .enum(['contact', 'path'])
    .default('contact')
    .describe(
      'how its registrar learns the way back: "contact" puts the gateway into the Contact, which every registrar takes; "path" (RFC 3327) leaves the Contact alone (Asterisk: support_path = yes in the AOR)',
    ),
  domain: z
    .string()
    .max(253)
    .default('')
    .describe(
      'domain that stands in request URIs towards it in place of the gateway\'s own; "" leaves them as they are',
    ),
  ca_file: z.string().min(1).optional().describe("with tls: PEM certificates to trust; without it the system's"),
});

const rule = z.strictObject({
  action: z.enum(['allow', 'deny']),
  accounts: names.default([]).describe('account or trunk names, * at the end for a prefix; none: everybody'),
  methods: z
    .array(z.string().regex(/^[A-Z]{1,32}$/, { error: 'a SIP method in capitals' }))
    .default([])
    .describe('SIP methods; none: all'),
  to: names.default([]).describe('dialled numbers or users, * at the end for a prefix; none: all'),
  why: z.string().max(200).default('').describe('said in the alert'),
});

/** One line of the firewall; the first that fits counts, and what none fits is allowed. */
export type Rule = z.output<typeof rule>;

/** [gateway]: the signalling firewall in front of the PBX, for phones, PBXs and trunks on untrusted networks (docs/gateway.md). */
export const gatewayOptions = z.strictObject({
  in_run: z
    .boolean()
    .default(true)
    .describe('ringfence run has the gateway in it; false: it runs as a service of its own (ringfence gateway)'),
  listen: z
    .array(endpoint)
    .min(1)
    .default(['0.0.0.0:5061'])
    .describe('addresses and ports outside: TLS, with CSC/1 for agents and plain SIP where policy lets it'),
  advertise: z
    .union([z.literal(''), endpoint])
    .default('')
    .describe(
      'host:port that phones use, where it is another one (NAT, a name); "": that of [crypto] gateway, else listen',
    ),
  inside: endpoint
    .default('127.0.0.1:5070')
    .describe('address and port at which the PBX reaches the gateway, UDP and TCP; never open to the outside'),
  inside_allow: z
    .array(z.string().refine(isAddressOrBlock, { error: 'not an IP address or CIDR block' }))
    .default([])
    .describe('addresses beside those of the upstreams that may send requests from inside'),
  upstreams: z
    .array(upstream)
    .min(1)
    .default([{ name: 'pbx', address: 'udp:127.0.0.1:5060', registrations: 'contact', domain: '' }])
    .describe('the PBX or the proxy before it, in order of preference: the first that answers OPTIONS gets new calls'),
  check_every: duration('10s', 'each upstream is asked by OPTIONS so often'),
  failover_after: duration(
    '2s',
    'a new request that an upstream leaves without any answer for so long goes to the next',
  ),
  plain: z
    .strictObject({
      allow: z.boolean().default(true).describe('plain SIP over TLS, without an agent'),
      tls12: z.boolean().default(false).describe('also over TLS 1.2, for old phones; CSC is never'),
      with_key: names
        .default([])
        .describe(
          'accounts (* at the end: a prefix) that may use it though they have a key; others are refused: somebody tries it without',
        ),
      unregistered: z
        .boolean()
        .default(false)
        .describe('also other requests before the PBX has accepted a REGISTER in the same session'),
      accounts_per_session: amount(1, 'accounts', 'lines of one phone that share a connection', 1, 64),
    })
    .prefault({})
    .describe('sessions without a key of their own'),
  trunks: z
    .record(
      z.string().min(1).max(64),
      z.strictObject({
        identities: names
          .default([])
          .describe('whose name the trunk may use in From, beside its own: numbers, or prefixes with * at their end'),
      }),
    )
    .default({})
    .describe('accounts that are other PBXs or providers: [gateway.trunks.NAME]'),
  rules: z
    .array(rule)
    .default([])
    .describe('firewall: the first line that fits decides; emergency calls pass them all'),
  limits: z
    .strictObject({
      message_bytes: amount(65_536, 'bytes', 'longest SIP message', 1_024, 65_536),
      header_bytes: amount(16_384, 'bytes', 'longest headers of one', 512, 65_536),
      source_rate: amount(
        20,
        'messages a second',
        'from an address (IPv6: a /64) whose sessions nobody has registered in; ten times as many at once',
        1,
        100_000,
      ),
      session_rate: amount(50, 'messages a second', "in an account's session; ten times as many at once", 1, 100_000),
      trunk_rate: amount(1_000, 'messages a second', "in a trunk's session; ten times as many at once", 1, 100_000),
      pending: amount(
        100,
        'requests',
        "without final answer in an account's session; a trunk may have fifty times as many",
        1,
        10_000,
      ),
    })
    .prefault({}),
  secret_calls: z
    .strictObject({
      no_key: z
        .enum(['deny', 'clear'])
        .default('deny')
        .describe('a secret call to somebody outside who has no key: refused, or let through with the caller in clear'),
      hide: names.default([]).describe('accounts (* at the end: a prefix) to which every call is secret'),
    })
    .prefault({})
    .describe('who calls whom, hidden from whoever opens TLS and CSC (docs/agent.md)'),
  mirror: z
    .array(
      z.string().refine((text) => text.startsWith('udp:') && endpointOf(text.slice(4)) !== null, {
        error: 'write it like udp:127.0.0.1:9060',
      }),
    )
    .default([])
    .describe(
      "HEP collectors that get a copy of the decrypted signalling: ringfence's own [hep] where the gateway runs alone, a Homer",
    ),
  mirror_password_file: z.string().min(1).optional().describe('file with the HEP authentication key'),
  capture_id: amount(2003, 'the HEP capture agent', 'capture id of that copy', 1, 2 ** 31 - 1),
  source_header: z
    .string()
    .regex(/^(?:X-[A-Za-z0-9-]{1,60})?$/, { error: 'a header name that begins with X-' })
    .default('')
    .describe(
      'header that tells the PBX the true source, as X-Real-Source: taken out of what strangers send; "": none, Via has it',
    ),
  account_header: z
    .string()
    .regex(/^(?:X-[A-Za-z0-9-]{1,60})?$/, { error: 'a header name that begins with X-' })
    .default('')
    .describe(
      'header that tells the PBX whose key was proved, as X-Account, by which Asterisk knows a trunk (match_header); taken out of what comes; "": none',
    ),
  secret_file: z
    .string()
    .min(1)
    .default('/var/lib/ringfence/border.key')
    .describe(
      '32 bytes in hex of which branches and flow tokens are made, so that they outlive a restart; made at the first start',
    ),
});

export type GatewaySettings = z.output<typeof gatewayOptions>;

export { agentOptions, type AgentSettings } from './agent-options.ts';
