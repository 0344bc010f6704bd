import { createHash, createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import type { Millis } from '../model.ts';
import { parsed, refused, type Parsed } from '../parsed.ts';
import { HOUR } from '../time.ts';
import { readCsr, type Csr } from './csr.ts';
import { bytesOf, readExact, writeExact, type Shape } from './exact-json.ts';
import { accountProblem, endpointOf } from './identity.ts';

/** How long a token can be used. */
export const TOKEN_LIFETIME: Millis = HOUR;
/** ALPN of the connection that an agent enrols by. */
export const ENROLMENT_PROTOCOL = 'csc-enrol/1';
/** Frame types: the agent's request, the gateway's answer. */
export const FRAME = { request: 0x21, answer: 0x22 } as const;

const PREFIX = 'rf1.';
/** The longest: 253 letters of host, 64 of account, three keys. */
const LONGEST = 1_024;

/** What a phone or agent is given to get its certificate with: once, within the hour. */
export interface EnrolmentToken {
  /** where the gateway is reached, host:port */
  readonly gw: string;
  /** the account */
  readonly id: string;
  /** SHA-256 of the CA's certificate, DER */
  readonly ca: Uint8Array;
  /** kid of the gateway, raw */
  readonly kid: Uint8Array;
  /** the secret, 16 bytes */
  readonly k: Uint8Array;
}

const TOKEN = { gw: 'text', id: 'text', ca: 32, kid: 32, k: 16 } as const satisfies Shape;
const REQUEST = { tid: 16, csr: 'bytes', mac: 32 } as const satisfies Shape;
const ANSWER = { chain: 'list', mac: 32 } as const satisfies Shape;

export const newTokenSecret = (): Uint8Array => new Uint8Array(randomBytes(16));

export const encodeToken = (token: EnrolmentToken): string =>
  `${PREFIX}${Buffer.from(writeExact(TOKEN, token)).toString('base64url')}`;

/** Reads a token, in its one form alone. */
export function decodeToken(text: string): Parsed<EnrolmentToken> {
  if (!text.startsWith(PREFIX)) return refused('not an enrolment token: it begins with rf1.');
  const bytes = text.length > LONGEST ? null : bytesOf(text.slice(PREFIX.length));
  if (bytes === null) return refused('an enrolment token that was not copied whole');
  const read = readExact(TOKEN, bytes);
  if (!read.ok) return refused(`an enrolment token that was not copied whole: ${read.reason}`);
  if (endpointOf(read.value.gw) === null) return refused('an enrolment token whose gateway is no host:port');
  const problem = accountProblem(read.value.id);
  return problem === null ? read : refused(`an enrolment token: ${problem}`);
}

/** What a token is called on the wire and in the store. */
export const tokenId = (k: Uint8Array): Uint8Array =>
  new Uint8Array(createHash('sha256').update('csc/1 tid\0').update(k).digest().subarray(0, 16));

const macOf = (k: Uint8Array, label: string, exporter: Uint8Array, ...rest: readonly Uint8Array[]): Buffer => {
  const mac = createHmac('sha256', k).update(`${label}\0`).update(exporter);
  for (const part of rest) mac.update(part);
  return mac.digest();
};

/** Payload of frame 0x21. `exporter`: 32 bytes of the TLS connection, which bind it to this one. */
export const enrolmentRequest = (k: Uint8Array, exporter: Uint8Array, csr: Uint8Array): Uint8Array =>
  writeExact(REQUEST, { tid: tokenId(k), csr, mac: macOf(k, 'csc/1 enrol', exporter, csr) });

/** Payload of frame 0x22: the certificate and what leads from it to the CA. */
export const enrolmentAnswer = (k: Uint8Array, exporter: Uint8Array, chain: readonly Uint8Array[]): Uint8Array =>
  writeExact(ANSWER, { chain, mac: macOf(k, 'csc/1 enrolled', exporter, ...chain) });

/** The agent's side: the chain, if whoever answers knows the token. */
export function readEnrolmentAnswer(
  k: Uint8Array,
  exporter: Uint8Array,
  payload: Uint8Array,
): Parsed<readonly Uint8Array[]> {
  const read = readExact(ANSWER, payload);
  if (!read.ok) return read;
  const { chain, mac } = read.value;
  if (!timingSafeEqual(mac, macOf(k, 'csc/1 enrolled', exporter, ...chain)))
    return refused('an answer by somebody who does not know the token');
  return chain.length === 0 ? refused('an answer without a certificate') : parsed(chain);
}

/** What is known of a token. */
export interface KnownToken {
  readonly account: string;
  readonly k: Uint8Array;
  readonly expiresAt: Millis;
  /** what it was used for; null: not yet */
  readonly used: { readonly csr: string; readonly serial: string } | null;
}

/** Why a request was refused. The other side learns none of it. */
export type EnrolmentRefusal = 'malformed' | 'unknown-token' | 'wrong-mac' | 'bad-request' | 'expired' | 'used';

export type EnrolmentVerdict =
  /** issue a certificate for the account and note the token as used, in one transaction */
  | { readonly kind: 'issue'; readonly tid: string; readonly token: KnownToken; readonly csr: Csr }
  /** the same request again, its answer was lost: the same certificate */
  | { readonly kind: 'again'; readonly tid: string; readonly token: KnownToken; readonly serial: string }
  | {
      readonly kind: 'refused';
      readonly reason: EnrolmentRefusal;
      /** for the log */
      readonly detail: string;
      /** the account, where the token is one of ours; else '' */
      readonly account: string;
      /** somebody should look: the secret of a token is in two hands */
      readonly alert: boolean;
    };

/** Nobody knows it: a request with an unknown token takes as long as one with a wrong secret. */
const DECOY: KnownToken = { account: '', k: new Uint8Array(16), expiresAt: 0, used: null };

/** Judges the payload of frame 0x21. `find` knows tokens by `tid`, base64url. */
export function judgeEnrolment(
  payload: Uint8Array,
  exporter: Uint8Array,
  find: (tid: string) => KnownToken | null,
  now: Millis,
): EnrolmentVerdict {
  const refuse = (reason: EnrolmentRefusal, detail: string, account = '', alert = false): EnrolmentVerdict => ({
    kind: 'refused',
    reason,
    detail,
    account,
    alert,
  });
  const request = readExact(REQUEST, payload);
  if (!request.ok) return refuse('malformed', request.reason);
  const { csr: der, mac } = request.value;
  const tid = Buffer.from(request.value.tid).toString('base64url');
  const known = find(tid);
  const token = known ?? DECOY;
  const proven = timingSafeEqual(mac, macOf(token.k, 'csc/1 enrol', exporter, der));
  if (known === null) return refuse('unknown-token', 'no such token, or it has ended');
  if (!proven) return refuse('wrong-mac', 'the token is known, its secret is not', token.account, true);
  if (now >= token.expiresAt) return refuse('expired', 'the token has ended', token.account);
  const csr = readCsr(der);
  if (!csr.ok) return refuse('bad-request', csr.reason, token.account);
  if (token.used === null) return { kind: 'issue', tid, token, csr: csr.value };
  if (token.used.csr === csr.value.digest) return { kind: 'again', tid, token, serial: token.used.serial };
  return refuse('used', 'the token was used for another key already', token.account, true);
}
