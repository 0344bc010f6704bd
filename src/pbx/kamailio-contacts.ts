import { canonicalAddress } from '../address.ts';
import { hostOf } from './contacts.ts';
import { RpcError, type KamailioRpc } from './kamailio.ts';

/** Which contacts to end, where Kamailio itself is the registrar: of these users, those with this URI or from this address. */
export interface KamailioContacts {
  /** users of addresses-of-record: the endpoint's id and its aliases */
  readonly users: readonly string[];
  /** Contact URIs, exact */
  readonly contacts: readonly string[];
  /** canonical addresses */
  readonly sources: readonly string[];
}

interface Held {
  readonly uri: string;
  readonly addresses: readonly string[];
}

/** No such method: module usrloc is not loaded, and Kamailio holds no contacts. */
const NO_USRLOC = /method not found|command .*not found|invalid method/i;
const NOBODY = /aor not found|record not found|contact not found|not found/i;

/**
 * Evicts contacts from Kamailio's location table (module usrloc, `ul.lookup` and `ul.rm_contact`); what is not named stays.
 * A Kamailio that is no registrar has nothing to evict. Where usrloc has use_domain = 1, addresses-of-record hold a domain
 * too, which is not known here: then none is found.
 * @returns the Contact URIs that were ended @throws PeerError
 */
export async function evictContacts(
  rpc: KamailioRpc,
  { users, contacts, sources }: KamailioContacts,
  table = 'location',
): Promise<string[]> {
  const [uris, addresses] = [new Set(contacts), new Set(sources)];
  const ended: string[] = [];
  for (const user of users) {
    const held = await lookup(rpc, table, user);
    if (held === null) return ended;
    for (const { uri, addresses: from } of held) {
      if (!uris.has(uri) && !from.some((address) => addresses.has(address))) continue;
      if (await remove(rpc, table, user, uri)) ended.push(uri);
    }
  }
  return ended;
}

/** null: there is no location table at all. */
async function lookup(rpc: KamailioRpc, table: string, user: string): Promise<Held[] | null> {
  let found: unknown;
  try {
    found = await rpc.call('ul.lookup', [table, user]);
  } catch (error) {
    if (error instanceof RpcError && (error.rpcCode === -32601 || NO_USRLOC.test(error.message))) return null;
    if (error instanceof RpcError && NOBODY.test(error.message)) return [];
    throw error;
  }
  const { Contacts: list } = (found ?? {}) as { Contacts?: unknown };
  return (Array.isArray(list) ? (list as unknown[]) : []).flatMap((item) => {
    const fields = ((item as { Contact?: unknown } | null)?.Contact ?? {}) as Record<string, unknown>;
    const field = (name: string): string => (typeof fields[name] === 'string' ? fields[name] : '');
    const uri = field('Address');
    // behind a router the packet's own source is in Received; the URI's host is then what the phone believes
    const hosts = [hostOf(field('Received')), hostOf(uri)];
    return uri === '' ? [] : [{ uri, addresses: hosts.flatMap((host) => canonicalAddress(host) ?? []) }];
  });
}

async function remove(rpc: KamailioRpc, table: string, user: string, uri: string): Promise<boolean> {
  try {
    await rpc.call('ul.rm_contact', [table, user, uri]);
    return true;
  } catch (error) {
    if (error instanceof RpcError && NOBODY.test(error.message)) return false; // it has ended meanwhile
    throw error;
  }
}
