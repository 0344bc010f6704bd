/** People, CAs and files for the tests of CMS and S/MIME; made once in a run. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { readRevocationList, Trust, type RevocationList } from '../../src/crypto/chain.ts';
import type { Identity } from '../../src/crypto/cms/sign.ts';
import { authority, identity, NOW, pemOf, revocationListDer, rsaPair, value, type Authority } from './pki.ts';

export interface Scene {
  readonly root: Authority;
  readonly middle: Authority;
  readonly low: Authority;
  readonly evil: Authority;
  /** of the root, 2048 bits */
  readonly alice: Identity;
  readonly bob: Identity;
  readonly carol: Identity;
  /** of a CA of his own, with alice's name */
  readonly mallory: Identity;
  readonly trust: Trust;
}

let made: Scene | null = null;

export function scene(): Scene {
  if (made !== null) return made;
  const root = authority('Test root', rsaPair(2048, 'root'));
  const middle = authority('Test middle', rsaPair(2048, 'middle'), root);
  const low = authority('Test low', rsaPair(2048, 'low'), middle);
  const evil = authority('Test root', rsaPair(2048, 'evil'));
  made = {
    root,
    middle,
    low,
    evil,
    alice: identity('alice@example.com', rsaPair(2048, 'alice'), root),
    bob: identity('bob@example.com', rsaPair(2048, 'bob'), root),
    carol: identity('carol@example.com', rsaPair(2048, 'carol'), root),
    mallory: identity('alice@example.com', rsaPair(2048, 'mallory'), evil),
    trust: new Trust([root.certificate]),
  };
  return made;
}

/** alice with a key of `bits` and a path of so many certificates up to the root, which is one more. */
export function signerOf(bits: number, length: 1 | 2 | 3): Identity {
  const { root, middle, low } = scene();
  const issuers = [root, middle, low] as const;
  const issuer = issuers[length - 1] ?? root;
  const chain = [low.certificate, middle.certificate].slice(3 - length);
  return { ...identity('alice@example.com', rsaPair(bits, bits === 2048 ? 'alice' : 'a'), issuer), chain };
}

export const listOf = (issuer: Authority, revoked: readonly Buffer[]): RevocationList =>
  value(readRevocationList(revocationListDer(issuer, revoked)));

/** Writes somebody's certificate (with its CAs) and key for openssl and the command. */
export function files(folder: string, name: string, who: Identity, pem: string): { cert: string; key: string } {
  const cert = join(folder, `${name}.pem`);
  const key = join(folder, `${name}.key`);
  writeFileSync(cert, [who.certificate, ...(who.chain ?? [])].map((one) => pemOf(one.der)).join(''));
  writeFileSync(key, pem, { mode: 0o600 });
  return { cert, key };
}

export const AT = ['-attime', String(NOW / 1000)];
export const OAEP = ['-keyopt', 'rsa_padding_mode:oaep', '-keyopt', 'rsa_oaep_md:sha256'];

export const SDP = ['v=0', 'o=alice 1 1 IN IP4 192.0.2.5', 's=-', 'c=IN IP4 192.0.2.5', 't=0 0', 'm=audio 4000 RTP/SAVP 0', 'a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz', ''].join('\r\n'); // prettier-ignore

export interface InviteOptions {
  readonly from?: string;
  readonly to?: string;
  readonly callId?: string;
  readonly cseq?: string;
  readonly body?: string | Buffer;
  readonly type?: string;
  readonly more?: readonly string[];
}

export function invite(o: InviteOptions = {}): Buffer {
  const body = Buffer.from(o.body ?? SDP);
  const lines = [
    'INVITE sip:bob@example.com SIP/2.0',
    'Via: SIP/2.0/UDP 192.0.2.5:5060;branch=z9hG4bKnashds8',
    'Max-Forwards: 70',
    `From: ${o.from ?? '"Alice" <sip:alice@example.com>;tag=1928301774'}`,
    `To: ${o.to ?? '<sip:bob@example.com>'}`,
    `Call-ID: ${o.callId ?? 'a84b4c76e66710@192.0.2.5'}`,
    `CSeq: ${o.cseq ?? '314159 INVITE'}`,
    'Contact: <sip:alice@192.0.2.5>',
    ...(o.more ?? []),
    ...(body.length === 0 ? [] : [`Content-Type: ${o.type ?? 'application/sdp'}`]),
    `Content-Length: ${body.length}`,
  ];
  return Buffer.concat([Buffer.from(`${lines.join('\r\n')}\r\n\r\n`), body]);
}
