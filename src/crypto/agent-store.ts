import { randomBytes } from 'node:crypto';
import type { Millis } from '../model.ts';
import { parsed, refused, type Parsed } from '../parsed.ts';
import { openPrivate, sealPrivate } from './key-store.ts';
import type { MasterKey } from './master-key.ts';
import type { PrivateKeyHandle } from './private-key.ts';
import { publicKeyFromSpki, type PublicKey } from './public-key.ts';
import { readCertificate, type Certificate } from './x509/certificate.ts';

/** A private key of an agent, encrypted, with its certificate. */
export interface AgentKey {
  readonly kid: string;
  /** token by which it came (`tokenId`), base64url */
  readonly tid: string;
  readonly madeAt: Millis;
  /** PKCS#8 under the master key, AAD its kid */
  readonly sealed: string;
  /** DER in base64 */
  readonly certificate: string;
}

/** A key whose certificate is asked for: the same request goes out again when the answer was lost. */
export interface PendingKey {
  /** name of the token (`tokenId`), base64url */
  readonly tid: string;
  readonly kid: string;
  readonly sealed: string;
  /** the request, DER in base64 */
  readonly csr: string;
}

/** What an agent keeps: who it is, and whom it trusts. The secrets in it are under its master key. */
export interface AgentStore {
  readonly account: string;
  /** host:port of the token */
  readonly gateway: string;
  /** this program's instance, 16 bytes, base64url */
  readonly inst: string;
  /** 32 bytes of which branches and names of contacts are made, under the master key */
  readonly secret: string;
  /** CAs that may have issued the gateway's TLS certificate, DER in base64, youngest first */
  readonly authorities: readonly string[];
  /** the gateway's pinned keys, SPKI in base64, youngest first */
  readonly pinned: readonly string[];
  /** youngest first */
  readonly keys: readonly AgentKey[];
  readonly pending: PendingKey | null;
}

const VERSION = 1;
const SECRET = 'agent secret';
/** Keys of the gateway, and CAs, that are kept beside the youngest: for the overlap of a rotation. */
const MOST_PINNED = 2;

export function newAgentStore(master: MasterKey, account: string, gateway: string): AgentStore {
  const bytes = randomBytes(32);
  try {
    return {
      ...{ account, gateway, inst: randomBytes(16).toString('base64url'), secret: master.seal(SECRET, 'agent', bytes) },
      ...{ authorities: [], pinned: [], keys: [], pending: null },
    };
  } finally {
    bytes.fill(0);
  }
}

/** With a request that goes out by the token `tid`. */
export const withPending = (
  store: AgentStore,
  master: MasterKey,
  tid: string,
  key: PrivateKeyHandle,
  csr: Uint8Array,
): AgentStore & { readonly pending: PendingKey } => ({
  ...store,
  pending: { tid, kid: key.kid, sealed: sealPrivate(master, key), csr: base64(csr) },
});

/** The certificate has come. */
export function withEnrolment(
  store: AgentStore,
  pending: PendingKey,
  found: { readonly certificate: Uint8Array; readonly authority: Uint8Array; readonly gateway: PublicKey },
  now: Millis,
): AgentStore {
  const { kid, tid, sealed } = pending;
  const key: AgentKey = { kid, tid, sealed, madeAt: now, certificate: base64(found.certificate) };
  return {
    ...withPinned(store, found.gateway.spki),
    authorities: youngest(base64(found.authority), store.authorities),
    keys: [key, ...store.keys.filter((one) => one.kid !== kid)].slice(0, MOST_PINNED),
    pending: null,
  };
}

/** With a key of the gateway at the front. */
export const withPinned = (store: AgentStore, spki: Uint8Array): AgentStore => ({
  ...store,
  pinned: youngest(base64(spki), store.pinned),
});

const youngest = (one: string, others: readonly string[]): string[] =>
  [one, ...others.filter((other) => other !== one)].slice(0, MOST_PINNED);

/** An agent's youngest key with its certificate, and whom it trusts. */
export interface OpenedAgent {
  readonly account: string;
  readonly key: PrivateKeyHandle;
  readonly certificate: Certificate;
  readonly inst: Uint8Array;
  readonly secret: Buffer;
  readonly pinned: readonly PublicKey[];
  /** DER */
  readonly authorities: readonly Uint8Array[];
}

/** Opens what is kept. Refused: another master key, something changed, or it is not enrolled. */
export function openAgent(master: MasterKey, store: AgentStore): Parsed<OpenedAgent> {
  const [own] = store.keys;
  if (own === undefined) return refused('it is not enrolled');
  const key = openPrivate(master, own.kid, own.sealed);
  if (!key.ok) return key;
  const certificate = readCertificate(bytes(own.certificate));
  if (!certificate.ok) return certificate;
  if (certificate.value.kid !== own.kid) return refused('its certificate is of another key');
  const secret = master.open(SECRET, 'agent', store.secret);
  if (!secret.ok) return secret;
  const pinned: PublicKey[] = [];
  for (const spki of store.pinned) {
    const read = publicKeyFromSpki(bytes(spki));
    if (!read.ok) return read;
    pinned.push(read.value);
  }
  const authorities = store.authorities.map((der) => bytes(der));
  const { account } = store;
  return parsed({
    ...{ account, key: key.value, certificate: certificate.value, inst: bytes(store.inst, 'base64url') },
    ...{ secret: secret.value, pinned, authorities },
  });
}

/** The store as a file's text. */
export const writeAgentStore = (store: AgentStore): string =>
  `${JSON.stringify({ version: VERSION, ...store }, null, 1)}\n`;

/** Reads a file's text. */
export function readAgentStore(text: string): Parsed<AgentStore> {
  let tree: unknown;
  try {
    tree = JSON.parse(text);
  } catch {
    return refused('not JSON: damaged, or no agent’s state');
  }
  const { version, ...store } = isTable(tree) ? tree : {};
  if (typeof version === 'number' && version > VERSION) return refused('written by a newer ringfence');
  return version === VERSION && isAgentStore(store) ? parsed(store) : refused('no agent’s state');
}

const isTable = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
const areTexts = (value: unknown, ...names: readonly string[]): boolean =>
  isTable(value) && names.every((name) => typeof value[name] === 'string');
const isList = (value: unknown, each: (one: unknown) => boolean): boolean => Array.isArray(value) && value.every(each);

const isAgentStore = (store: unknown): store is AgentStore => {
  if (!isTable(store) || !areTexts(store, 'account', 'gateway', 'inst', 'secret')) return false;
  const { authorities, pinned, keys, pending } = store;
  const isText = (one: unknown): boolean => typeof one === 'string';
  return (
    isList(authorities, isText) &&
    isList(pinned, isText) &&
    isList(keys, (one) => areTexts(one, 'kid', 'tid', 'sealed', 'certificate')) &&
    (pending === null || areTexts(pending, 'tid', 'kid', 'sealed', 'csr'))
  );
};

const base64 = (data: Uint8Array): string => Buffer.from(data).toString('base64');
const bytes = (text: string, encoding: 'base64' | 'base64url' = 'base64'): Uint8Array =>
  new Uint8Array(Buffer.from(text, encoding));
