import { isIP } from 'node:net';
import { canonicalAddress } from '../address.ts';
import { PeerError } from '../errors.ts';
import type { Millis } from '../model.ts';
import type { AmiMessage } from '../wire/ami.ts';
import type { AmiSession } from './ami.ts';

/** A PJSIP endpoint and the names that lead to it: its AORs and the usernames of its auth objects. */
export interface PbxEndpoint {
  readonly endpoint: string;
  readonly aliases: readonly string[];
}

/** A contact that the registrar holds. */
export interface PbxContact {
  readonly aor: string;
  readonly endpoint: string;
  /** the Contact URI */
  readonly contact: string;
  /** the address it was registered from, where the registrar rewrites contacts to it (rewrite_contact); else null */
  readonly source: string | null;
  readonly sourcePort: number;
  readonly userAgent: string;
  readonly callId: string;
  readonly expiresAt: Millis;
}

/** A channel that is up. */
export interface PbxChannel {
  readonly channel: string;
  readonly uniqueid: string;
  readonly linkedid: string;
  /** the extension that it runs in now: for a caller's channel what was dialled, unless the dialplan has moved it on */
  readonly dialled: string;
  /** caller id number */
  readonly from: string;
  readonly startedAt: Millis;
  readonly answered: boolean;
}

export interface PbxState {
  readonly endpoints: readonly PbxEndpoint[];
  readonly contacts: readonly PbxContact[];
  readonly channels: readonly PbxChannel[];
}

/** Reads what stands in the PBX now. A PBX without PJSIP has no endpoints and contacts. @throws PeerError */
export async function readPbxState(session: AmiSession, now: Millis): Promise<PbxState> {
  const [endpoints, auths, channels, stored] = await Promise.all([
    optional(session, 'PJSIPShowEndpoints'),
    optional(session, 'PJSIPShowAuths'),
    session.list('CoreShowChannels'),
    optional(session, 'DBGetTree', [['Family', REGISTRAR]]),
  ]);
  // the registrar may keep its contacts elsewhere (realtime), and before 16.28 there is no DBGetTree
  const found =
    stored.length > 0 ? storedContacts(stored) : shownContacts(await optional(session, 'PJSIPShowContacts'));
  return {
    endpoints: endpointsOf(endpoints, auths),
    contacts: await withSources(session, found),
    channels: channels.flatMap((item) => channelOf(item, now)),
  };
}

/** The PBX's endpoints alone; none where it has no PJSIP. @throws PeerError */
export async function readEndpoints(session: AmiSession): Promise<PbxEndpoint[]> {
  const [endpoints, auths] = await Promise.all([
    optional(session, 'PJSIPShowEndpoints'),
    optional(session, 'PJSIPShowAuths'),
  ]);
  return endpointsOf(endpoints, auths);
}

const REGISTRAR = 'registrar/contact';

/** A list that this Asterisk may not have, or not allow: then it is empty. */
async function optional(
  session: AmiSession,
  name: string,
  headers: readonly (readonly [string, string])[] = [],
): Promise<AmiMessage[]> {
  try {
    return await session.list(name, headers);
  } catch (error) {
    if (error instanceof PeerError && !error.retryable) return [];
    throw error;
  }
}

/** The names in a list that Asterisk writes with commas between. */
export const namesIn = (text: string | null): string[] =>
  (text ?? '')
    .split(',')
    .map((word) => word.trim())
    .filter((word) => word !== '');

function endpointsOf(items: readonly AmiMessage[], auths: readonly AmiMessage[]): PbxEndpoint[] {
  const usernames = new Map<string, string>();
  for (const auth of auths) usernames.set(auth.get('ObjectName') ?? '', auth.get('Username') ?? '');
  return items.flatMap((item) => {
    const endpoint = item.get('ObjectName') ?? '';
    if (item.name !== 'EndpointList' || endpoint === '') return [];
    const aliases = new Set(namesIn(item.get('Aor')));
    for (const auth of namesIn(item.get('Auths'))) {
      const username = usernames.get(auth) ?? '';
      if (username !== '') aliases.add(username);
    }
    aliases.delete(endpoint);
    return [{ endpoint, aliases: [...aliases] }];
  });
}

/** Before it is known whether its host is the real source. */
type Contact = Omit<PbxContact, 'source' | 'sourcePort'>;

/** Values of AstDB family registrar/contact: JSON with text values, the key is `<aor>;@<hash>`. */
function storedContacts(items: readonly AmiMessage[]): Contact[] {
  return items.flatMap((item) => {
    const key = item.get('Key') ?? '';
    const prefix = `/${REGISTRAR}/`;
    // the tree is found by SQL LIKE, so that other families may come along
    if (!key.startsWith(prefix)) return [];
    const value = json(item.get('Val') ?? '');
    const field = (name: string): string => {
      const text = value?.[name];
      return typeof text === 'string' ? text : '';
    };
    const contact = field('uri');
    if (contact === '') return [];
    return [
      {
        aor: aorOf(key.slice(prefix.length)),
        endpoint: field('endpoint'),
        contact,
        userAgent: field('user_agent'),
        callId: field('call_id'),
        expiresAt: (Number(field('expiration_time')) || 0) * 1000,
      },
    ];
  });
}

function shownContacts(items: readonly AmiMessage[]): Contact[] {
  return items.flatMap((item) => {
    const contact = item.get('Uri') ?? '';
    if (item.name !== 'ContactList' || contact === '') return [];
    return [
      {
        aor: aorOf(item.get('ObjectName') ?? ''),
        endpoint: item.get('Endpoint') ?? '',
        contact,
        userAgent: item.get('UserAgent') ?? '',
        callId: item.get('CallId') ?? '',
        expiresAt: (Number(item.get('ExpirationTime')) || 0) * 1000,
      },
    ];
  });
}

const aorOf = (objectName: string): string =>
  objectName.slice(0, (objectName.lastIndexOf(';@') + 1 || objectName.length + 1) - 1);

function json(text: string): Record<string, unknown> | null {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : null;
  } catch {
    return null;
  }
}

/** Endpoints asked one by one for rewrite_contact; beyond it contacts keep an unknown source. */
const ASKED_LIMIT = 2_000;
const ASKED_AT_ONCE = 50;

/** Only rewrite_contact makes a contact's host the packet's source; else it is what the phone claimed. */
async function withSources(session: AmiSession, contacts: readonly Contact[]): Promise<PbxContact[]> {
  const names = [...new Set(contacts.map((contact) => contact.endpoint))]
    .filter((name) => name !== '')
    .slice(0, ASKED_LIMIT);
  const rewritten = new Set<string>();
  for (let at = 0; at < names.length; at += ASKED_AT_ONCE) {
    const asked = names.slice(at, at + ASKED_AT_ONCE);
    await Promise.all(
      asked.map(async (name) => {
        const details = await optional(session, 'PJSIPShowEndpoint', [['Endpoint', name]]);
        const rewrites = details.find((item) => item.name === 'EndpointDetail')?.get('RewriteContact') ?? '';
        if (/^(true|yes)$/i.test(rewrites)) rewritten.add(name);
      }),
    );
  }
  return contacts.map((contact) => ({
    ...contact,
    ...(rewritten.has(contact.endpoint) ? hostOf(contact.contact) : UNKNOWN),
  }));
}

const UNKNOWN = { source: null, sourcePort: 0 } as const;

/** Address and port of `sip:101@127.0.0.2:44773;…` or `sip:101@[2001:db8::1]:5060`. */
function hostOf(uri: string): { source: string | null; sourcePort: number } {
  const found = /^sips?:(?:[^@]*@)?(?:\[([^\]]+)\]|([^:;?>]+))(?::(\d{1,5}))?/i.exec(uri);
  const host = found?.[1] ?? found?.[2] ?? '';
  if (isIP(host) === 0) return UNKNOWN;
  return { source: canonicalAddress(host), sourcePort: Number(found?.[3] ?? 5060) };
}

function channelOf(item: AmiMessage, now: Millis): PbxChannel[] {
  const channel = item.get('Channel') ?? '';
  if (item.name !== 'CoreShowChannel' || channel === '') return [];
  const uniqueid = item.get('Uniqueid') ?? '';
  const [hours = 0, minutes = 0, seconds = 0] = (item.get('Duration') ?? '').split(':').map(Number);
  const lasted = (hours * 3600 + minutes * 60 + seconds) * 1000;
  return [
    {
      channel,
      uniqueid,
      linkedid: item.get('Linkedid') ?? uniqueid,
      dialled: item.get('Exten') ?? '',
      from: item.get('CallerIDNum') ?? '',
      startedAt: now - (Number.isFinite(lasted) ? lasted : 0),
      answered: item.get('ChannelStateDesc') === 'Up',
    },
  ];
}
