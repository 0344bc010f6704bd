import { Resolver } from 'node:dns/promises';
import { isIP } from 'node:net';
import { endpointOf } from '../crypto/identity.ts';

/** Where a gateway is reached. */
export interface Place {
  readonly host: string;
  readonly port: number;
}

/** What is asked of DNS; each is rejected or empty where there is nothing. */
export type Dns = Pick<Resolver, 'resolveNaptr' | 'resolveSrv'>;

/** SIP over TLS (RFC 3261 section 19.1.2). */
const SIPS_PORT = 5061;
/** An answer of DNS is waited for so long, and asked for twice. */
const WITHIN = 2_000;

export const systemDns = (): Dns => new Resolver({ timeout: WITHIN, tries: 2 });

/**
 * The places behind the name of a gateway, in the order in which they are to be tried. `host:port` and an address are themselves; a bare
 * domain is looked up as RFC 3263 section 4 says for TLS: NAPTR (SIPS+D2T), then SRV (RFC 2782), then its address at port 5061.
 */
export async function placesOf(gateway: string, dns: Dns, random: () => number = Math.random): Promise<Place[]> {
  const endpoint = endpointOf(gateway);
  if (endpoint !== null) return [endpoint];
  if (isIP(gateway) !== 0) return [{ host: gateway, port: SIPS_PORT }];
  for (const service of [...(await naptr(gateway, dns)), `_sips._tcp.${gateway}`]) {
    const records = await orNone(dns.resolveSrv(service));
    const places = inOrder(records, random);
    // a single "." says that the service is not there (RFC 2782)
    if (places.length > 0 && !(places.length === 1 && places[0]?.host === '')) return places;
  }
  return [{ host: gateway, port: SIPS_PORT }];
}

/** Names of SRV records for SIP over TLS, best first. */
async function naptr(domain: string, dns: Dns): Promise<string[]> {
  const records = await orNone(dns.resolveNaptr(domain));
  return records
    .filter(({ service, flags }) => service.toUpperCase() === 'SIPS+D2T' && flags.toLowerCase() === 's')
    .sort((a, b) => a.order - b.order || a.preference - b.preference)
    .map(({ replacement }) => replacement)
    .filter((name) => name !== '');
}

const orNone = <T>(asked: Promise<T[]>): Promise<T[]> => asked.catch(() => []);

interface Srv {
  readonly name: string;
  readonly port: number;
  readonly priority: number;
  readonly weight: number;
}

/** By priority; within one at random, each as often as its weight says (RFC 2782). */
function inOrder(records: readonly Srv[], random: () => number): Place[] {
  const places: Place[] = [];
  for (const priority of [...new Set(records.map((one) => one.priority))].sort((a, b) => a - b)) {
    // those of weight 0 first, so that they have their small chance
    const left = records.filter((one) => one.priority === priority).sort((a, b) => a.weight - b.weight);
    while (left.length > 0) {
      let point = random() * left.reduce((sum, { weight }) => sum + weight, 0);
      const at = left.findIndex(({ weight }) => (point -= weight) <= 0);
      const [one] = left.splice(at < 0 ? left.length - 1 : at, 1);
      if (one !== undefined) places.push({ host: one.name, port: one.port });
    }
  }
  return places;
}
