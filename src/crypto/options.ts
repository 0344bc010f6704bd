import { z } from 'zod';
import { duration } from '../parameters.ts';
import { DAY } from '../time.ts';
import { endpointOf, isHost } from './identity.ts';

const lasting = (initial: string, help: string, least: number, most: number) =>
  duration(initial, help).refine((value) => value >= least * DAY && value <= most * DAY, {
    error: `between ${least}d and ${most}d`,
  });

/** [crypto]: the site's own certificate authority and the keys that ringfence holds. */
export const cryptoOptions = z.strictObject({
  domain: z
    .string()
    .refine((text) => text === '' || isHost(text), { error: 'not a host name or IP address' })
    .default('')
    .describe('SIP domain of the site: certificates are for sip:ACCOUNT@DOMAIN; needed by ringfence keys'),
  gateway: z
    .string()
    .refine((text) => text === '' || endpointOf(text) !== null, { error: 'write it like gw.example.com:5061' })
    .default('')
    .describe('host:port at which phones and agents reach the crypto gateway; stands in its certificate and in tokens'),
  bits: z
    .union([z.literal(2048), z.literal(3072), z.literal(4096)])
    .default(2048)
    .describe('size of new RSA keys, bits: 2048, 3072 or 4096'),
  validity: lasting('365d', 'how long a certificate is good', 1, 825),
  overlap: lasting('14d', 'how long the old key stays good beside a new one', 0, 90),
  crl_validity: lasting('7d', 'how long a revocation list is good: a new one must be fetched by then', 1, 90),
  key_store: z
    .string()
    .min(1)
    .default('/var/lib/ringfence/keys.json')
    .describe('private keys of the CA and the gateway, encrypted under the master key'),
  master_key_file: z
    .string()
    .min(1)
    .default('/etc/ringfence/master.key')
    .describe(
      '32 random bytes, readable by ringfence alone; a systemd credential named ringfence-master-key goes before it',
    ),
});
