import { z } from 'zod';
import { isAddressOrBlock } from '../address.ts';
import { parseDuration } from '../time.ts';

const listen = z.string().regex(/^(?:udp|tcp|tls):(?:\[[0-9a-fA-F:.]+\]|[^:\s]+):\d{1,5}$/, {
  error: 'write it like udp:127.0.0.1:9060, tcp:[::1]:9060 or tls:0.0.0.0:9061',
});

/** [hep]: mirrored SIP from Asterisk's res_hep, Kamailio's siptrace or a capture agent. */
export const hepOptions = z.strictObject({
  listen: z
    .array(listen)
    .min(1)
    .default(['udp:127.0.0.1:9060'])
    .describe('where capture agents send to: udp:, tcp: or tls: address:port'),
  allow: z
    .array(z.string().refine(isAddressOrBlock, { error: 'not an IP address or CIDR block' }))
    .default(['127.0.0.1', '::1'])
    .describe('addresses or blocks of capture agents; anything else is counted and dropped'),
  password_file: z
    .string()
    .min(1)
    .optional()
    .describe('file with the HEP authentication key that every packet must carry'),
  cert_file: z.string().min(1).optional().describe('PEM certificate for tls: listeners'),
  key_file: z.string().min(1).optional().describe('PEM private key for tls: listeners'),
  call_silence: z
    .string()
    .refine((text) => parseDuration(text).ok, { error: 'write it like 45m' })
    .default('45m')
    .describe('a call of which nothing was mirrored for so long has ended (its BYE was lost), unless AMI tells of it'),
});

/** [asterisk.cdr]: the call records that cdr_csv writes. */
export const cdrOptions = z.strictObject({
  path: z.string().min(1).default('/var/log/asterisk/cdr-csv/Master.csv').describe('Master.csv as cdr_csv writes it'),
  utc: z
    .boolean()
    .default(true)
    .describe('usegmtime of cdr.conf: true = times are UTC (Debian), false = local time of site.timezone'),
});
