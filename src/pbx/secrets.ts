import { createHash, randomInt } from 'node:crypto';
import { PeerError } from '../errors.ts';
import type { AmiMessage } from '../wire/ami.ts';
import { namesIn } from './ami-state.ts';
import type { AmiSession } from './ami.ts';
import { DIGESTS, type DigestAlgorithm, type HashFor } from './register-probe.ts';

/** An auth object (pjsip.conf, type=auth) that an endpoint's phone authenticates with. */
export interface AuthObject {
  readonly id: string;
  readonly username: string;
  /** realm of the challenge */
  readonly realm: string;
  /** digests that phones are asked for, in the order in which they are offered; one at least */
  readonly algorithms: readonly DigestAlgorithm[];
  /** the endpoint's first AOR, '' if it has none */
  readonly aor: string;
  /** of the secret that is good now, for one REGISTER that proves it refused later: a function, so that nothing prints it */
  readonly hash: HashFor;
  /** other endpoints that use it: they get the new secret too */
  readonly sharedWith: readonly string[];
}

/** What Asterisk takes where neither the auth object nor [global] default_realm says anything. */
const DEFAULT_REALM = 'asterisk';

const refused = (words: string): PeerError => new PeerError('peer-refused', words, false);

/**
 * The auth objects of an endpoint as Asterisk uses them now, shadowed ones included.
 * @throws PeerError as AmiSession; peer-refused where a new secret would do nothing or harm: no such endpoint, no auth
 * object, one that a trunk's registration uses, or none of the algorithms that we know
 */
export async function authObjects(session: AmiSession, endpoint: string): Promise<AuthObject[]> {
  const [details, users, outbound, realm] = await Promise.all([
    session.list('PJSIPShowEndpoint', [['Endpoint', endpoint]]),
    endpointsByAuth(session),
    outboundAuths(session),
    defaultRealm(session),
  ]);
  const aor = namesIn(details.find(({ name }) => name === 'EndpointDetail')?.get('Aors') ?? null)[0] ?? '';
  const auths = details
    .filter(({ name }) => name === 'AuthDetail')
    .map((item) => authOf(item, endpoint, users, realm))
    .map((auth): AuthObject => ({ ...auth, aor }));
  if (auths.length === 0) throw refused(`endpoint ${endpoint} has no auth object: there is no secret to change`);
  for (const { id } of auths)
    if (outbound.has(id))
      throw refused(
        `auth object ${id} is also what the PBX itself logs in with elsewhere: a new secret would cut that`,
      );
  return auths;
}

function authOf(
  item: AmiMessage,
  endpoint: string,
  users: ReadonlyMap<string, readonly string[]>,
  realm: string,
): Omit<AuthObject, 'aor'> {
  const id = item.get('ObjectName') ?? '';
  const username = item.get('Username') ?? '';
  const type = item.get('AuthType') ?? '';
  if (id === '' || username === '' || type === 'google_oauth')
    throw refused(`auth object "${id}" of endpoint ${endpoint} (${type}) holds no name and password`);
  // Asterisk before 20.16 and 22.6 knows MD5 alone and does not name it
  const said = namesIn(item.get('SupportedAlgorithmsUas') ?? 'MD5').map((name) => name.toUpperCase());
  const algorithms = said.filter((name): name is DigestAlgorithm => name in DIGESTS);
  if (algorithms.length === 0) throw refused(`auth object ${id} asks for ${said.join(', ')}, of which none is known`);
  const own = item.get('Realm') ?? '';
  const sharedWith = (users.get(id) ?? []).filter((name) => name !== endpoint);
  return { id, username, realm: own === '' ? realm : own, algorithms, sharedWith, hash: standingHash(item, username) };
}

/** What AMI shows of the secret that is good now, in clear or as a hash. */
function standingHash(item: AmiMessage, username: string): HashFor {
  const [password = '', md5 = '', digests = ''] = ['Password', 'Md5Cred', 'PasswordDigest'].map(
    (name) => item.get(name) ?? '',
  );
  return (algorithm, realm) => {
    if (password !== '') return ha1(algorithm, username, realm, password);
    if (algorithm === 'MD5' && /^[0-9a-f]{32}$/i.test(md5)) return md5;
    return new RegExp(`(?:^|[\\s,])${algorithm}:([0-9a-f]{32,64})(?:$|[\\s,])`, 'i').exec(digests)?.[1] ?? null;
  };
}

async function endpointsByAuth(session: AmiSession): Promise<Map<string, string[]>> {
  const found = new Map<string, string[]>();
  for (const item of await session.list('PJSIPShowEndpoints'))
    for (const id of namesIn(item.get('Auths')))
      found.set(id, [...(found.get(id) ?? []), item.get('ObjectName') ?? '']);
  return found;
}

/** Auth objects by which the PBX itself logs in: of its registrations elsewhere, and of endpoints' outgoing calls. */
async function outboundAuths(session: AmiSession): Promise<Set<string>> {
  const [registrations, endpoints] = await Promise.all([
    optional(session.list('PJSIPShowRegistrationsOutbound'), []),
    session.list('PJSIPShowEndpoints'),
  ]);
  const found = new Set<string>();
  for (const item of registrations) for (const id of namesIn(item.get('OutboundAuth'))) found.add(id);
  for (const item of endpoints) for (const id of namesIn(item.get('OutboundAuths'))) found.add(id);
  return found;
}

/** A module that is not loaded, or a right that is missing, is no reason to fail. */
async function optional<T>(asked: Promise<T>, otherwise: T): Promise<T> {
  try {
    return await asked;
  } catch (error) {
    if (error instanceof PeerError && !error.retryable) return otherwise;
    throw error;
  }
}

/** [global] default_realm of pjsip.conf; only the section of that type is asked for, so that no secret comes along. */
async function defaultRealm(session: AmiSession): Promise<string> {
  const answer = await session.action('GetConfig', [
    ['Filename', 'pjsip.conf'],
    ['Filter', 'type=global'],
  ]);
  if (answer.name !== 'Success') return DEFAULT_REALM;
  for (const [name, line] of answer.entries)
    if (name.startsWith('Line-') && line.startsWith('default_realm=')) return line.slice('default_realm='.length);
  return DEFAULT_REALM;
}

/** Without letters that look alike (0 O, 1 l I) and without signs that phones' menus lack. */
const LETTERS = 'abcdefghijkmnopqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789';
/** 24 of 57 letters are 139 bits: a digest that is overheard cannot be searched through. */
const LENGTH = 24;

/** A new secret, by the system's cryptographic source. */
export const newSecret = (): string =>
  Array.from({ length: LENGTH }, () => LETTERS[randomInt(LETTERS.length)]).join('');

/** HA1 of RFC 7616, 3.4.2: what the server needs to know of a password. */
const ha1 = (algorithm: DigestAlgorithm, username: string, realm: string, secret: string): string =>
  createHash(DIGESTS[algorithm]).update(`${username}:${realm}:${secret}`).digest('hex');

/** The hash of a secret for whatever challenge comes. */
export const hashOfSecret =
  (username: string, secret: string): HashFor =>
  (algorithm, realm) =>
    ha1(algorithm, username, realm, secret);

/**
 * The object that takes the place of `auth` (AstDB ringfence/auth/<id>, through sorcery.conf): the secret's hashes alone. For MD5 by itself
 * in the form that every Asterisk reads; else in that of 20.16, 22.6 and later, which holds a hash for each digest that is offered, so that
 * phones of both kinds go on.
 */
export function authValue(auth: Pick<AuthObject, 'username' | 'realm' | 'algorithms'>, secret: string): string {
  const { username, realm, algorithms } = auth;
  const hashOf = (algorithm: DigestAlgorithm): string => ha1(algorithm, username, realm, secret);
  if (algorithms.every((algorithm) => algorithm === 'MD5'))
    return JSON.stringify({ auth_type: 'md5', username, realm, md5_cred: hashOf('MD5') });
  const offered = algorithms.join(',');
  return JSON.stringify({
    auth_type: 'digest',
    username,
    realm,
    // one text: as a list, or twice, Asterisk passes the whole object over
    password_digest: algorithms.map((algorithm) => `${algorithm}:${hashOf(algorithm)}`).join(','),
    supported_algorithms_uas: offered,
    // without it the object is invalid, and everybody is refused
    supported_algorithms_uac: offered,
  });
}

const DIGEST = /^(?:MD5:[0-9a-f]{32}|SHA-[0-9-]+:[0-9a-f]{64})$/;

/** The hashes in an object that authValue made, as AMI shows them; []: not one of ours. */
export function hashesIn(value: string): readonly string[] {
  let fields: Record<string, unknown> | null;
  try {
    fields = JSON.parse(value) as Record<string, unknown> | null;
  } catch {
    return [];
  }
  const { md5_cred: md5, password_digest: digest } = fields ?? {};
  if (typeof md5 === 'string') return /^[0-9a-f]{32}$/.test(md5) ? [md5] : [];
  const digests = typeof digest === 'string' ? digest.split(',') : [];
  return digests.every((each) => DIGEST.test(each)) ? digests : [];
}

/**
 * Which of these objects (id -> value) Asterisk really uses. An object that it cannot read, or for which sorcery.conf has
 * no line, it passes over without a word, and then the old secret is good. One that no endpoint uses any more counts as used.
 * @throws PeerError as AmiSession
 */
export async function secretsInForce(
  session: AmiSession,
  values: ReadonlyMap<string, string>,
): Promise<ReadonlySet<string>> {
  if (values.size === 0) return new Set();
  const users = await endpointsByAuth(session);
  const inForce = new Set<string>();
  for (const [id, value] of values) {
    const endpoint = users.get(id)?.[0];
    const details = endpoint === undefined ? [] : await session.list('PJSIPShowEndpoint', [['Endpoint', endpoint]]);
    const shown = details.find((item) => item.name === 'AuthDetail' && item.get('ObjectName') === id);
    const used = new Set([shown?.get('Md5Cred'), ...(shown?.get('PasswordDigest') ?? '').split(',')]);
    const wanted = hashesIn(value);
    if (shown === undefined || (wanted.length > 0 && wanted.every((hash) => used.has(hash)))) inForce.add(id);
  }
  return inForce;
}

/** Why an object that stands in AstDB is not used. */
export const notInForce = (id: string): PeerError =>
  refused(
    `AstDB holds a new secret for auth object ${id} and Asterisk does not use it: the old one is still good. ` +
      'Put "auth = astdb,ringfence" before the other auth lines of [res_pjsip] in sorcery.conf (sorcery_ringfence.conf) ' +
      'and restart Asterisk',
  );
