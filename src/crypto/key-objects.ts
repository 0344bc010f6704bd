import { webcrypto, type KeyObject } from 'node:crypto';
import type { PrivateKeyHandle } from './private-key.ts';

/** The key behind each handle. test/layers.test.ts lets nobody outside src/crypto import this file. */
const keys = new WeakMap<PrivateKeyHandle, KeyObject>();

export const keepKeyObject = (handle: PrivateKeyHandle, key: KeyObject): void => void keys.set(handle, key);

/** @throws TypeError when the handle is none of ours: a bug */
export function keyObjectOf(handle: PrivateKeyHandle): KeyObject {
  const key = keys.get(handle);
  if (key === undefined) throw new TypeError('not a handle of src/crypto/private-key.ts');
  return key;
}

/** The key as PKCS#8 DER (RFC 5208), for what encrypts it or hands it to TLS. Whoever asks fills it with zeros after use. */
export const pkcs8Of = (handle: PrivateKeyHandle): Buffer =>
  keyObjectOf(handle).export({ type: 'pkcs8', format: 'der' });

/** The same keys for WebCrypto, made at the first use of each. */
const cryptoKeys = new WeakMap<PrivateKeyHandle, Promise<webcrypto.CryptoKey>>();

/** The key as WebCrypto wants it for RSA-OAEP with SHA-256; it cannot be exported. */
export function cryptoKeyOf(handle: PrivateKeyHandle): Promise<webcrypto.CryptoKey> {
  let key = cryptoKeys.get(handle);
  if (key === undefined) {
    const der = pkcs8Of(handle);
    key = webcrypto.subtle
      .importKey('pkcs8', der, { name: 'RSA-OAEP', hash: 'SHA-256' }, false, ['decrypt'])
      .finally(() => der.fill(0));
    cryptoKeys.set(handle, key);
  }
  return key;
}
