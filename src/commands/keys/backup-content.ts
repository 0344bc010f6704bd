import { MASTER_KEY_BYTES } from '../../crypto/master-key.ts';
import { readKeyStore, writeKeyStore, type KeyStore } from '../../crypto/key-store.ts';
import type { Millis } from '../../model.ts';
import { parsed, refused, type Parsed } from '../../parsed.ts';
import type { IssuedCertificate } from '../../store/index.ts';

/** All that makes the CA what it is: with it, and nothing else, another machine takes over. */
export interface BackupContent {
  readonly madeAt: Millis;
  readonly domain: string;
  readonly masterKey: Buffer;
  readonly keys: KeyStore;
  /** what was issued, and what of it is good no more */
  readonly certificates: readonly IssuedCertificate[];
}

const VERSION = 1;

/** Erase it after use. */
export const writeBackup = ({ madeAt, domain, masterKey, keys, certificates }: BackupContent): Buffer =>
  Buffer.from(
    JSON.stringify({
      version: VERSION,
      madeAt,
      domain,
      masterKey: masterKey.toString('base64'),
      keyStore: writeKeyStore(keys),
      certificates,
    }),
  );

/** What `writeBackup` wrote. It came out of our own encryption, so that nobody else made it. */
export function readBackup(bytes: Uint8Array): Parsed<BackupContent> {
  let tree: Record<string, unknown>;
  try {
    tree = JSON.parse(Buffer.from(bytes).toString()) as Record<string, unknown>;
  } catch {
    return refused('not a backup of ringfence keys');
  }
  if (tree['version'] !== VERSION) return refused('written by a newer ringfence');
  const masterKey = Buffer.from(String(tree['masterKey']), 'base64');
  const keys = readKeyStore(String(tree['keyStore']));
  if (!keys.ok) return keys;
  if (masterKey.length !== MASTER_KEY_BYTES) return refused('its master key is damaged');
  return parsed({
    madeAt: Number(tree['madeAt']),
    domain: String(tree['domain']),
    masterKey,
    keys: keys.value,
    certificates: tree['certificates'] as IssuedCertificate[],
  });
}
