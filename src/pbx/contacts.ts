import { canonicalAddress } from '../address.ts';
import { PeerError } from '../errors.ts';
import type { AmiMessage } from '../wire/ami.ts';
import type { AmiSession } from './ami.ts';

const REGISTRAR = 'registrar/contact';

/** Which contacts to end: those of an account (endpoint or AOR) that have this URI, or came from this address. */
export interface ContactChoice {
  /** PJSIP endpoint id or AOR */
  readonly account: string;
  /** Contact URIs, exact */
  readonly contacts: readonly string[];
  /** canonical addresses */
  readonly sources: readonly string[];
}

interface Stored {
  /** `<aor>;@<hash>` */
  readonly key: string;
  readonly uri: string;
  readonly endpoint: string;
  readonly expiration: string;
  /** addresses that it names: host of the URI, of Path and `received`, the Via as the client claimed it */
  readonly addresses: ReadonlySet<string>;
}

/**
 * Ends contacts at the registrar the clean way: their stored copy is made one that has long expired, then the endpoint is
 * shown, at which the registrar itself removes them, tells ContactStatus Removed and stops asking (OPTIONS) there.
 * Deleting the stored copy would leave the registrar asking for ever. Contacts that are not named stay.
 * @returns the Contact URIs that were ended; none: no such contact stands (any more)
 * @throws PeerError as AmiSession; peer-refused when the contacts are not kept where AMI can reach them (realtime)
 */
export async function expireContacts(session: AmiSession, choice: ContactChoice): Promise<string[]> {
  const chosen = choose(await storedContacts(session), choice);
  await Promise.all(chosen.map((contact) => expire(session, contact)));
  const endpoints = new Set(chosen.map(({ endpoint }) => endpoint).filter((name) => name !== ''));
  await Promise.all([...endpoints].map((name) => session.list('PJSIPShowEndpoint', [['Endpoint', name]])));
  if (chosen.length === 0) return [];
  const left = new Map((await storedContacts(session)).map((contact) => [contact.key, contact]));
  for (const { key, uri } of chosen)
    if (left.get(key)?.expiration === '1')
      throw new PeerError('peer-timeout', `the registrar has not removed ${uri} yet`, true);
  return chosen.map(({ uri }) => uri);
}

function choose(all: readonly Stored[], { account, contacts, sources }: ContactChoice): Stored[] {
  const uris = new Set(contacts);
  return all.filter(
    (contact) =>
      (contact.endpoint === account || contact.key.startsWith(`${account};@`)) &&
      (uris.has(contact.uri) || sources.some((source) => contact.addresses.has(source))),
  );
}

async function storedContacts(session: AmiSession): Promise<Stored[]> {
  const items = await session.list('DBGetTree', [['Family', REGISTRAR]]);
  const prefix = `/${REGISTRAR}/`;
  return items.flatMap((item) => {
    const key = item.get('Key') ?? '';
    const stored = key.startsWith(prefix) ? storedOf(key.slice(prefix.length), item) : null;
    return stored === null ? [] : [stored];
  });
}

function storedOf(key: string, item: AmiMessage): Stored | null {
  let value: Record<string, unknown>;
  try {
    value = JSON.parse(item.get('Val') ?? '') as Record<string, unknown>;
  } catch {
    return null; // not a contact of the registrar's
  }
  const field = (name: string): string => {
    const text = value[name];
    return typeof text === 'string' ? text : '';
  };
  const uri = field('uri');
  if (uri === '') return null;
  const hosts = [hostOf(uri), field('via_addr'), ...receivedOf(field('path'))];
  const addresses = new Set(hosts.flatMap((host) => canonicalAddress(host) ?? []));
  return { key, uri, endpoint: field('endpoint'), expiration: field('expiration_time'), addresses };
}

/** Host of `sip:101@127.0.0.2:44773;…` or `sip:101@[2001:db8::1]:5060`. */
export const hostOf = (uri: string): string => {
  const found = /^sips?:(?:[^@]*@)?(?:\[([^\]]+)\]|([^:;?>]+))/i.exec(uri);
  return found?.[1] ?? found?.[2] ?? '';
};

/** A proxy in front writes where the REGISTER came from into the Path (RFC 3327): `;received=sip:192.0.2.7:5060`. */
const receivedOf = (path: string): string[] =>
  [...path.slice(0, 2_000).matchAll(/;received="?(sips?(?::|%3a)[^;>,"]*)/gi)].map((m) =>
    hostOf((m[1] ?? '').replace(/%3a/gi, ':').replace(/%40/g, '@').replace(/%5b/gi, '[').replace(/%5d/gi, ']')),
  );

async function expire(session: AmiSession, { key, uri, endpoint }: Stored): Promise<void> {
  const answer = await session.action('DBPut', [
    ['Family', REGISTRAR],
    ['Key', key],
    ['Val', JSON.stringify({ uri, endpoint, expiration_time: '1' })],
  ]);
  if (answer.name !== 'Success')
    throw new PeerError('peer-refused', `Asterisk refuses DBPut: ${answer.get('Message') ?? answer.name}`, false);
}
