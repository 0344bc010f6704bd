import { z } from 'zod';

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
