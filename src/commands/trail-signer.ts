import { statSync } from 'node:fs';
import type { Config } from '../config.ts';
import { keyOf, openKey } from '../crypto/key-store.ts';
import { RingfenceError } from '../errors.ts';
import type { Log } from '../log.ts';
import type { AuditSigner } from '../store/index.ts';
import { keyStorePath, loadKeyStore, readMasterKey } from './keys/private-files.ts';

/**
 * Who signs the audit trail: the gateway's key, as it now stands in the key store. It is opened again only when the file is another one, so
 * that a rotated key signs from then on. null: there is no key; one that cannot be opened is told, once.
 */
export function trailSigner(config: Config, log: Log): () => AuditSigner | null {
  let known = '';
  let signer: AuditSigner | null = null;
  let told = '';
  return () => {
    const now = versionOf(keyStorePath(config));
    if (now === known) return signer;
    known = now;
    try {
      signer = now === '' ? null : openSigner(config);
      told = '';
      if (signer !== null) log.info({ kid: signer.kid }, 'the audit trail is signed by the key of the gateway');
    } catch (error) {
      if (!(error instanceof RingfenceError)) throw error;
      signer = null;
      known = ''; // it may be mended by then
      if (error.message !== told) log.warn({ code: error.code }, `the audit trail is not signed: ${error.message}`);
      told = error.message;
    }
    return signer;
  };
}

/** '' where there is no file, or none that we may see. */
function versionOf(path: string): string {
  const stat = statSync(path, { throwIfNoEntry: false });
  return stat === undefined ? '' : `${stat.ino} ${stat.mtimeMs} ${stat.size}`;
}

function openSigner(config: Config): AuditSigner | null {
  const stored = keyOf(loadKeyStore(config), 'gateway');
  if (stored === null) return null;
  const key = openKey(readMasterKey(config), stored);
  if (!key.ok) throw new RingfenceError('input-malformed', `the key ${stored.kid} cannot be opened: ${key.reason}`);
  const handle = key.value;
  return { kid: Buffer.from(handle.kid, 'base64url').toString('hex'), sign: (bytes) => handle.signPssAsync(bytes) };
}
