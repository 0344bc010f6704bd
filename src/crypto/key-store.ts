import type { Millis } from '../model.ts';
import { parsed, refused, type Parsed } from '../parsed.ts';
import type { MasterKey } from './master-key.ts';
import { pkcs8Of } from './key-objects.ts';
import { privateKeyFromPkcs8, type PrivateKeyHandle } from './private-key.ts';
import { readCertificate } from './x509/certificate.ts';

/** Whose key: the CA's, the gateway's (signs and decrypts), the gateway's for TLS alone. */
export const ROLES = ['ca', 'gateway', 'gateway-tls'] as const;
export type Role = (typeof ROLES)[number];

/** A private key as it is kept: encrypted, with the certificate that goes with it. Nothing here is secret. */
export interface StoredKey {
  readonly kid: string;
  readonly role: Role;
  readonly madeAt: Millis;
  /** PKCS#8 under the master key, AAD its kid */
  readonly sealed: string;
  /** certificates, DER in base64, its own first: it may have been issued elsewhere, with a chain */
  readonly chain: readonly string[];
}

/** The keys that ringfence itself holds, youngest first of each role. */
export interface KeyStore {
  readonly keys: readonly StoredKey[];
}

export const EMPTY_KEY_STORE: KeyStore = { keys: [] };

const PURPOSE = 'key store';
const VERSION = 1;

/** Encrypts a private key for the store. */
export function sealKey(
  master: MasterKey,
  key: PrivateKeyHandle,
  role: Role,
  chain: readonly Uint8Array[],
  now: Millis,
): StoredKey {
  const sealed = sealPrivate(master, key);
  return { kid: key.kid, role, madeAt: now, sealed, chain: chain.map((one) => Buffer.from(one).toString('base64')) };
}

/** PKCS#8 under the master key, AAD its kid. */
export function sealPrivate(master: MasterKey, key: PrivateKeyHandle): string {
  const der = pkcs8Of(key);
  try {
    return master.seal(PURPOSE, key.kid, der);
  } finally {
    der.fill(0);
  }
}

/** What `sealPrivate` made. Refused: another master key or kid, or it was changed. */
export function openPrivate(master: MasterKey, kid: string, sealed: string): Parsed<PrivateKeyHandle> {
  const plain = master.open(PURPOSE, kid, sealed);
  if (!plain.ok) return plain;
  const key = privateKeyFromPkcs8(plain.value);
  plain.value.fill(0);
  if (key.ok && key.value.kid !== kid) return refused('a key under the name of another');
  return key;
}

/** A key out of the store. Refused: another master key, a changed file, a certificate that is not this key's. */
export function openKey(master: MasterKey, stored: StoredKey): Parsed<PrivateKeyHandle> {
  const key = openPrivate(master, stored.kid, stored.sealed);
  if (!key.ok) return key;
  const certificate = certificateOf(stored);
  if (!certificate.ok) return certificate;
  // whoever may write the file must not make the gateway's certificate a CA's, or one key speak for another
  if (certificate.value.kid !== stored.kid) return refused('its certificate is of another key');
  if (certificate.value.ca !== (stored.role === 'ca')) return refused('its certificate is for something else');
  return key;
}

/** The certificate of a stored key, read. */
export function certificateOf({ chain }: StoredKey): ReturnType<typeof readCertificate> {
  return readCertificate(Buffer.from(chain[0] ?? '', 'base64'));
}

/** Youngest key of a role, or null. */
export const keyOf = ({ keys }: KeyStore, role: Role): StoredKey | null =>
  keys.find((key) => key.role === role) ?? null;

/** With one more key, which is now the youngest. */
export const withKey = (store: KeyStore, key: StoredKey): KeyStore => ({
  keys: [key, ...store.keys.filter(({ kid }) => kid !== key.kid)],
});

export const withoutKey = (store: KeyStore, kid: string): KeyStore => ({
  keys: store.keys.filter((key) => key.kid !== kid),
});

/** The store as a file's text. */
export const writeKeyStore = ({ keys }: KeyStore): string => `${JSON.stringify({ version: VERSION, keys }, null, 1)}\n`;

/** Reads a file's text. */
export function readKeyStore(text: string): Parsed<KeyStore> {
  let tree: unknown;
  try {
    tree = JSON.parse(text);
  } catch {
    return refused('not JSON: damaged, or not a key store');
  }
  const { version, keys } = (typeof tree === 'object' && tree !== null ? tree : {}) as Record<string, unknown>;
  if (typeof version === 'number' && version > VERSION) return refused('written by a newer ringfence');
  if (version !== VERSION || !Array.isArray(keys) || !keys.every(isStoredKey)) return refused('not a key store');
  return parsed({ keys });
}

const isStoredKey = (value: unknown): value is StoredKey => {
  if (typeof value !== 'object' || value === null) return false;
  const { kid, role, madeAt, sealed, chain } = value as Record<string, unknown>;
  return (
    typeof kid === 'string' &&
    ROLES.includes(role as Role) &&
    typeof madeAt === 'number' &&
    typeof sealed === 'string' &&
    Array.isArray(chain) &&
    chain.every((one) => typeof one === 'string')
  );
};
