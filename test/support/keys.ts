/** Keys and certificates of the run: making a key is slow, so each is made once. */
import { generateKeyPairSync } from 'node:crypto';
import { createAuthority, issueCertificate, type Authority, type Issued, type Wanted } from '../../src/crypto/issue.ts';
import { privateKeyFromPem, type PrivateKeyHandle } from '../../src/crypto/private-key.ts';
import { pemText } from '../../src/crypto/x509/pem.ts';
import type { Parsed } from '../../src/parsed.ts';

const keys = new Map<string, { pem: string; key: PrivateKeyHandle }>();

/** What was read; the test fails with the reason where it was refused. */
export function value<T>(read: Parsed<T>): T {
  if (!read.ok) throw new Error(`${read.reason} (at ${read.offset})`);
  return read.value;
}

/** Why something was refused; the test fails where it was not. */
export function reasonOf(read: Parsed<unknown>): string {
  if (read.ok) throw new Error('it was taken');
  return read.reason;
}

/** The key of this name and size: the same at each call. */
export function testKey(name: string, bits = 2048): PrivateKeyHandle {
  return made(name, bits).key;
}

/** The same as PEM, PKCS#8. */
export const testPem = (name: string, bits = 2048): string => made(name, bits).pem;

function made(name: string, bits: number): { pem: string; key: PrivateKeyHandle } {
  const id = `${name} ${bits}`;
  const known = keys.get(id);
  if (known !== undefined) return known;
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: bits });
  const pem = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
  const pair = { pem, key: value(privateKeyFromPem(pem)) };
  keys.set(id, pair);
  return pair;
}

export const DAY = 86_400_000;
export const NOW = Date.parse('2026-11-29T12:00:00Z');

export const testAuthority = (name = 'ca', bits = 2048, now = NOW): Authority =>
  createAuthority(testKey(name, bits), 'example.com', now);

export const testCertificate = (authority: Authority, more: Partial<Wanted> = {}): Issued =>
  issueCertificate(authority, {
    use: 'account',
    account: '1004',
    domain: 'example.com',
    host: '',
    spki: testKey('phone').spki,
    notBefore: NOW - DAY,
    notAfter: NOW + 365 * DAY,
    ...more,
  });

export const pem = pemText;
