import { isIP } from 'node:net';
import { z } from 'zod';
import { canonicalAddress, CidrSet, isAddressOrBlock } from '../address.ts';
import { parseDuration } from '../time.ts';

/** An address and a port to listen on, as `127.0.0.1:8089` or `[::1]:8089`; null when it is not of that form. */
export function parsePlace(text: string): { readonly address: string; readonly port: number } | null {
  const found = /^(?:\[([0-9a-fA-F:.]+)\]|([0-9.]+)):(\d{1,5})$/.exec(text);
  if (found === null) return null;
  const [, v6, v4, digits] = found;
  const address = v6 ?? v4 ?? '';
  const port = Number(digits);
  return isIP(address) === (v6 === undefined ? 4 : 6) && port <= 65_535 ? { address, port } : null;
}

const LOOPBACK = new CidrSet(['127.0.0.0/8', '::1']);
/** Is this one of the machine's own addresses that nobody else can reach? */
export const isLoopback = (address: string): boolean => LOOPBACK.has(canonicalAddress(address) ?? address);

const place = z.string().refine((text) => text === '' || parsePlace(text) !== null, {
  error: 'write it like 127.0.0.1:8089 or [::1]:8089, or "" for none',
});
const reachable = (text: string): boolean => {
  const parsed = parsePlace(text);
  return parsed !== null && !isLoopback(parsed.address);
};
const duration = z.string().refine((text) => parseDuration(text).ok, { error: 'write it like 2m or 1h' });

/** A host name as it stands in an address: `console.example.net`. */
const hostName = z.string().regex(/^(?=.{1,253}$)[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?$/, {
  error: 'write a host name alone, like console.example.net',
});
const headerName = z
  .string()
  .regex(/^[A-Za-z0-9-]{1,64}$/, { error: 'write the name of a header, like X-Remote-User' });

/** [console]: what people and programs of this machine look at. */
export const consoleOptions = z
  .strictObject({
    listen: place
      .default('127.0.0.1:8089')
      .describe('address:port of the web page, of /metrics, /healthz and /readyz; "" = none'),
    allow: z
      .array(z.string().refine(isAddressOrBlock, { error: 'not an IP address or CIDR block' }))
      .default([])
      .describe('addresses or blocks that may come beside this machine; anybody else is cut off and counted'),
    names: z
      .array(hostName)
      .default([])
      .describe('host names by which browsers may call it, beside its addresses and localhost; any other is refused'),
    cert_file: z.string().min(1).optional().describe('certificate chain for TLS, PEM; needed beyond this machine'),
    key_file: z.string().min(1).optional().describe('its private key, PEM'),
    users_file: z
      .string()
      .default('')
      .describe('who may log in, made by ringfence console user add; "" = beside the store'),
    session: duration.default('12h').describe('after so long everybody has to log in again'),
    idle: duration.default('1h').describe('after so long without a click too'),
    proxy_header: headerName
      .optional()
      .describe(
        'header by which a reverse proxy on this machine names who has logged in there; needs proxy_secret_file',
      ),
    proxy_secret_file: z
      .string()
      .min(1)
      .optional()
      .describe('file with what the proxy sends as X-Ringfence-Secret: without it any program here could name itself'),
    proxy_act: z
      .array(z.string().min(1))
      .default([])
      .describe('names by that header that may act; all others may read'),
    countries_file: z
      .string()
      .min(1)
      .optional()
      .describe('where addresses are, for the map: CSV of first address, last address, ISO 3166-1 country'),
  })
  .refine(({ listen, cert_file }) => !reachable(listen) || cert_file !== undefined, {
    path: ['listen'],
    error:
      'beyond this machine the console needs TLS: give cert_file and key_file, or listen on 127.0.0.1; [metrics] listen lets a Prometheus elsewhere in',
  })
  .refine(({ listen, allow }) => !reachable(listen) || allow.length > 0, {
    path: ['allow'],
    error: 'listen can be reached by others: name those who may come, as ["192.0.2.0/24"]',
  })
  .refine(({ cert_file, key_file }) => (cert_file === undefined) === (key_file === undefined), {
    path: ['key_file'],
    error: 'cert_file and key_file go together',
  })
  .refine(({ proxy_header, proxy_secret_file }) => (proxy_header === undefined) === (proxy_secret_file === undefined), {
    path: ['proxy_secret_file'],
    error: 'proxy_header and proxy_secret_file go together',
  });

/** [metrics]: the same three, for a Prometheus on another machine. */
export const metricsOptions = z
  .strictObject({
    listen: place
      .default('')
      .describe('a second address:port for /metrics, /healthz and /readyz alone, which others may reach; "" = none'),
    allow: z
      .array(z.string().refine(isAddressOrBlock, { error: 'not an IP address or CIDR block' }))
      .default([])
      .describe('addresses or blocks that may ask there beside this machine; anybody else is cut off and counted'),
  })
  .refine(({ listen, allow }) => !reachable(listen) || allow.length > 0, {
    path: ['allow'],
    error: 'listen can be reached by others: name those who may ask, as ["192.0.2.10"]',
  });

/** [heartbeat]: a dead man's switch, so that somebody else tells when ringfence is gone. */
export const heartbeatOptions = z
  .strictObject({
    url: z
      .string()
      .refine((text) => /^https?:$/.test(protocolOf(text)), { error: 'write it like https://watch.example/ping/…' })
      .optional()
      .describe('asked for (GET) while ringfence is well, so that a service outside tells when it stops being asked'),
    url_file: z
      .string()
      .min(1)
      .optional()
      .describe('file with that address instead, where the address itself is the secret'),
    every: duration.default('1m').describe('how often'),
  })
  .refine(({ url, url_file }) => (url === undefined) !== (url_file === undefined), {
    path: ['url'],
    error: 'give url or url_file, one of them',
  });

const protocolOf = (text: string): string => (URL.canParse(text) ? new URL(text).protocol : '');

/** [health]: when ringfence tells that something is wrong with itself. */
export const healthOptions = z.strictObject({
  silent: duration
    .default('2h')
    .describe('mirrored SIP of which nothing comes for so long while the office is open is a dead feed'),
  calls: z
    .int()
    .min(5)
    .max(10_000)
    .default(30)
    .describe('so many calls told by other feeds, or usual by what was learned, and none by this one: a dead feed'),
  away: duration
    .default('5m')
    .describe('Asterisk, Kamailio, nftables or a file that cannot be reached for so long is told'),
  stuck: duration.default('2m').describe('a store or an alert channel that takes nothing for so long is told'),
});

export type ConsoleSettings = z.output<typeof consoleOptions>;
export type MetricsSettings = z.output<typeof metricsOptions>;
export type HeartbeatSettings = z.output<typeof heartbeatOptions>;
export type HealthSettings = z.output<typeof healthOptions>;
