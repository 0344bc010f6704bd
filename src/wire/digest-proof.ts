import { hash } from 'node:crypto';
import type { Credentials } from './digest.ts';

/**
 * What a digest response was computed over (RFC 7616 section 3.4, RFC 8760): everything but the secret. All texts as they
 * were sent, for the hash is over those.
 */
export interface DigestAnswer {
  readonly username: string;
  readonly realm: string;
  readonly nonce: string;
  /** the digest-uri, which need not be the request's */
  readonly uri: string;
  readonly method: string;
  /** '' for none (RFC 2069) */
  readonly qop: string;
  readonly nc: string;
  readonly cnonce: string;
  /** MD5, SHA-256, SHA-512-256, each with or without -sess; in capitals */
  readonly algorithm: string;
  /** hexadecimal, lower case */
  readonly response: string;
  /** hash of the body under the algorithm, lower-case hex; '' unless qop is auth-int */
  readonly bodyHash: string;
}

/** OpenSSL's names. SHA-512/256 is FIPS 180-4 section 5.3.6, not a truncated SHA-512. */
const HASHES: Readonly<Record<string, readonly [name: string, digits: number]>> = {
  MD5: ['md5', 32],
  'SHA-256': ['sha256', 64],
  'SHA-512-256': ['sha512-256', 64],
};

const SESS = '-SESS';

/**
 * The answer that a request's credentials give; null: an algorithm or qop that is not known, or no proper response. `body` is that
 * of the request.
 */
export function digestAnswer(credentials: Credentials, method: string, body: Buffer): DigestAnswer | null {
  const algorithm = credentials.algorithm === '' ? 'MD5' : credentials.algorithm.toUpperCase();
  const known = HASHES[algorithm.endsWith(SESS) ? algorithm.slice(0, -SESS.length) : algorithm];
  const response = credentials.response.toLowerCase();
  const qop = credentials.qop.toLowerCase();
  if (known === undefined || !['', 'auth', 'auth-int'].includes(qop)) return null;
  if (response.length !== known[1] || !/^[0-9a-f]+$/.test(response)) return null;
  const { username, realm, nonce, uri, ncText, cnonce } = credentials;
  const bodyHash = qop === 'auth-int' ? hash(known[0], body, 'hex') : '';
  return { username, realm, nonce, uri, method, qop, nc: ncText, cnonce, algorithm, response, bodyHash };
}

/**
 * A test of secrets against an answer: true where the secret is the one that it was made with. What does not depend on the secret is
 * computed once. @returns null: the algorithm is not known
 */
export function digestTester(answer: DigestAnswer): ((secret: string) => boolean) | null {
  const session = answer.algorithm.endsWith(SESS);
  const name = HASHES[session ? answer.algorithm.slice(0, -SESS.length) : answer.algorithm]?.[0];
  if (name === undefined) return null;
  const { username, realm, nonce, cnonce, qop, nc, response } = answer;
  const h = (text: string): string => hash(name, text, 'hex');
  const a2 = `${answer.method}:${answer.uri}${qop === 'auth-int' ? `:${answer.bodyHash}` : ''}`;
  const tail = qop === '' ? `:${nonce}:${h(a2)}` : `:${nonce}:${nc}:${cnonce}:${qop}:${h(a2)}`;
  const head = `${username}:${realm}:`;
  const inner = `:${nonce}:${cnonce}`;
  if (session) return (secret) => h(h(h(head + secret) + inner) + tail) === response;
  return (secret) => h(h(head + secret) + tail) === response;
}
