import { createSecureContext, type SecureContext, type SecureContextOptions } from 'node:tls';
import { pkcs8Of } from './key-objects.ts';
import type { PrivateKeyHandle } from './private-key.ts';

const ALPHABET = Buffer.from('ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/');

/** PEM as bytes: a string of the key could not be erased. Node's own encoders make strings only. */
function pemBytes(label: string, der: Uint8Array): Buffer {
  const begin = Buffer.from(`-----BEGIN ${label}-----\n`);
  const end = Buffer.from(`-----END ${label}-----\n`);
  const body = Math.ceil(der.length / 3) * 4;
  const pem = Buffer.alloc(begin.length + body + Math.ceil(body / 64) + end.length);
  let at = begin.copy(pem);
  let column = 0;
  for (let i = 0; i < der.length; i += 3) {
    const [a = 0, b = 0, c = 0] = der.subarray(i, i + 3);
    const group = (a << 16) | (b << 8) | c;
    for (let digit = 0; digit < 4; digit++) {
      const padding = i + digit > der.length; // one byte gives two digits, two give three
      pem[at++] = padding ? 0x3d : (ALPHABET[(group >> (18 - 6 * digit)) & 63] ?? 0);
    }
    column += 4;
    if (column === 64 || i + 3 >= der.length) {
      pem[at++] = 0x0a;
      column = 0;
    }
  }
  end.copy(pem, at);
  return pem;
}

/**
 * What a TLS socket needs to speak as the holder of `key`: for those who may not hold keys (gateway, toolbox).
 * @param chain certificates as PEM, the key's own first
 * @param options further options of tls.createSecureContext (`ca`, `minVersion`, `crl` …)
 * @throws Error when the certificate is not this key's
 */
export function secureContextOf(
  key: PrivateKeyHandle,
  chain: string,
  options: Omit<SecureContextOptions, 'key' | 'cert' | 'pfx' | 'passphrase'> = {},
): SecureContext {
  const der = pkcs8Of(key);
  const pem = pemBytes('PRIVATE KEY', der);
  try {
    return createSecureContext({ ...options, key: pem, cert: chain });
  } finally {
    der.fill(0);
    pem.fill(0);
  }
}
