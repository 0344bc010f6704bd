import { createPrivateKey, X509Certificate, type KeyObject } from 'node:crypto';
import { parsed, refused, type Parsed } from '../parsed.ts';

/**
 * Do these two PEM files belong together, as a TLS server needs them? Any kind of key: they are another program's. The first
 * certificate of the file is the server's own.
 * @returns the certificate, or why a server could not use them
 */
export function readServerFiles(certificatePem: string, keyPem: Uint8Array): Parsed<X509Certificate> {
  let certificate: X509Certificate;
  let key: KeyObject;
  try {
    certificate = new X509Certificate(certificatePem);
  } catch {
    return refused('the certificate file is no certificate in PEM');
  }
  try {
    key = createPrivateKey({ key: Buffer.from(keyPem.buffer, keyPem.byteOffset, keyPem.byteLength), format: 'pem' });
  } catch {
    return refused('the key file is no private key in PEM, or it is encrypted');
  }
  return certificate.checkPrivateKey(key)
    ? parsed(certificate)
    : refused('the private key is not that of the certificate');
}
