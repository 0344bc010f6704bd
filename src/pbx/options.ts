import { z } from 'zod';
import { canonicalAddress } from '../address.ts';

/** [asterisk.ami]: the manager interface (manager.conf). */
export const amiOptions = z.strictObject({
  host: z.string().min(1).default('127.0.0.1').describe('address of the manager interface'),
  port: z
    .int()
    .min(1)
    .max(65_535)
    .default(5038)
    .describe('its port: bindport of manager.conf, or tlsbindaddr with tls'),
  tls: z.boolean().default(false).describe('connect by TLS (tlsenable of manager.conf)'),
  ca_file: z.string().min(1).optional().describe("PEM certificates to trust with tls; without it the system's"),
  username: z.string().min(1).max(128).default('ringfence').describe('manager account'),
  secret_file: z.string().min(1).describe('file with its secret, readable by ringfence alone'),
});

/** [kamailio]: the proxy in front, by its JSON-RPC. */
export const kamailioOptions = z.strictObject({
  rpc: z
    .string()
    .regex(/^(?:udp:.+:\d{1,5}|http:\/\/.+)$/, {
      error: 'write it like udp:127.0.0.1:8091 or http://127.0.0.1:8090/rpc',
    })
    .describe("Kamailio's JSON-RPC: udp:address:port or http://address:port/path"),
  addresses: z
    .array(z.string().refine((text) => canonicalAddress(text) !== null, { error: 'not an IP address' }))
    .default([])
    .describe('addresses from which Kamailio speaks to Asterisk, never blocked; loopback and that of rpc always count'),
});

/** [nftables]: the machine's own packet filter. */
export const nftOptions = z.strictObject({
  command: z
    .array(z.string().min(1))
    .min(1)
    .default(['nft'])
    .describe('how nft is called, as ["sudo", "-n", "nft"]; it needs the capability CAP_NET_ADMIN'),
  ports: z
    .array(z.int().min(1).max(65_535))
    .min(1)
    .default([5060, 5061])
    .describe('SIP ports, UDP and TCP, that a blocked address cannot reach'),
});
