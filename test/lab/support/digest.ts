import { createHash, randomBytes } from 'node:crypto';
import { header, headers, parameter } from './sip-message.ts';
import type { SipResponse } from './sip-message.ts';

export interface Credentials {
  readonly username: string;
  readonly password: string;
}

const HASHES: Readonly<Record<string, string>> = { MD5: 'md5', 'SHA-256': 'sha256' };

/**
 * The answer to a 401 or 407 (RFC 7616, RFC 8760; qop=auth where it is offered), as header name and value. Of several challenges
 * the first with a known algorithm is answered. Undefined if there is none.
 */
export function answerChallenge(
  challenge: SipResponse,
  method: string,
  uri: string,
  credentials: Credentials,
  nonceCount = 1,
): readonly [string, string] | undefined {
  const proxy = challenge.status === 407;
  const offered = headers(challenge, proxy ? 'Proxy-Authenticate' : 'WWW-Authenticate');
  for (const value of offered) {
    const algorithm = (parameter(value, 'algorithm') ?? 'MD5').toUpperCase();
    const hash = HASHES[algorithm];
    const nonce = parameter(value, 'nonce');
    const realm = parameter(value, 'realm');
    if (hash === undefined || nonce === undefined || realm === undefined) continue;
    const digest = (text: string): string => createHash(hash).update(text).digest('hex');
    const ha1 = digest(`${credentials.username}:${realm}:${credentials.password}`);
    const ha2 = digest(`${method}:${uri}`);
    const qop = (parameter(value, 'qop') ?? '')
      .split(',')
      .map((word) => word.trim())
      .includes('auth');
    const nc = nonceCount.toString(16).padStart(8, '0');
    const cnonce = randomBytes(8).toString('hex');
    const response = qop ? digest(`${ha1}:${nonce}:${nc}:${cnonce}:auth:${ha2}`) : digest(`${ha1}:${nonce}:${ha2}`);
    const opaque = parameter(value, 'opaque');
    const fields = [
      `username="${credentials.username}"`,
      `realm="${realm}"`,
      `nonce="${nonce}"`,
      `uri="${uri}"`,
      `response="${response}"`,
      `algorithm=${algorithm}`,
      ...(opaque === undefined ? [] : [`opaque="${opaque}"`]),
      ...(qop ? ['qop=auth', `nc=${nc}`, `cnonce="${cnonce}"`] : []),
    ];
    return [proxy ? 'Proxy-Authorization' : 'Authorization', `Digest ${fields.join(', ')}`];
  }
  return undefined;
}

/** Whether a response asks for credentials. */
export function isChallenge(response: SipResponse): boolean {
  return (
    (response.status === 401 && header(response, 'WWW-Authenticate') !== '') ||
    (response.status === 407 && header(response, 'Proxy-Authenticate') !== '')
  );
}
