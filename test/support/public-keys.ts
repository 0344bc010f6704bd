import { createHash, X509Certificate } from 'node:crypto';
import type { IssuedCertificate } from '../../src/store/index.ts';
import { selfSigned } from './self-signed.ts';

const made = new Map<string, X509Certificate>();

/** A certificate by name, the same within a test run: large keys take a second to make. */
function certificateOf(name: string, bits: number): X509Certificate {
  const known = made.get(name) ?? new X509Certificate(selfSigned(bits).cert);
  made.set(name, known);
  return known;
}

let count = 0;
const HOUR_AGO = Date.now() - 3_600_000;

/** A row of the public-key database. Certificates with the same `name` are of the same key. */
export function issued(
  account: string,
  over: Partial<IssuedCertificate> = {},
  name = account,
  bits = 2048,
): IssuedCertificate {
  const certificate = certificateOf(name, bits);
  const spki = certificate.publicKey.export({ type: 'spki', format: 'der' });
  return {
    serial: String(++count).padStart(32, '0'),
    kid: createHash('sha256').update(spki).digest('base64url'),
    use: 'account',
    account,
    issuer: 'ca',
    bits,
    notBefore: HOUR_AGO + count,
    notAfter: Date.now() + 86_400_000,
    revokedAt: null,
    reason: null,
    certificate: certificate.raw.toString('base64'),
    spki: spki.toString('base64'),
    ...over,
  };
}

/**
 * The key of an account as a reader of AstDB finds it (rows without the family): by the pointer, from its pieces, checked by
 * its digest. null: there is none · 'broken': what is pointed to is not whole.
 */
export function published(
  rows: Readonly<Record<string, string>>,
  account: string,
  pointer: 'current' | 'former' = 'current',
): { readonly kid: string; readonly spki: Buffer; readonly certificate: Buffer } | 'broken' | null {
  const version = rows[`pubkey/${account}/${pointer}`];
  if (version === undefined) return null;
  const at = `pubkey/${account}/${version}`;
  const [pieces = '', certs = '', sum] = (rows[`${at}/digest`] ?? '').split('-');
  const join = (what: string, n: number): Buffer =>
    Buffer.from(Array.from({ length: n }, (_, i) => rows[`${at}/${what}/${i}`] ?? '').join(''), 'base64');
  const spki = join('spki', Number(pieces));
  const certificate = join('cert', Number(certs));
  const kid = rows[`${at}/kid`] ?? '';
  const whole = createHash('sha256').update(spki).update(certificate).digest('hex') === sum;
  const named = createHash('sha256').update(spki).digest('hex') === kid;
  return whole && named ? { kid, spki, certificate } : 'broken';
}
