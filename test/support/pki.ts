/**
 * A small PKI for tests, written octet by octet so that certificates can be wrong in every way. Keys are made once in a run and
 * shared. What is right here is right to openssl too (test/crypto/chain.test.ts asks it).
 */
import { constants, createHash, generateKeyPairSync, sign, type KeyObject } from 'node:crypto';
import {
  derContext,
  derInteger,
  derNull,
  derOctets,
  derOid,
  derSequence,
  derSetOf,
  derSmall,
  derTime,
  derValue,
  oid,
  TAG,
} from '../../src/crypto/der.ts';
import type { Identity } from '../../src/crypto/cms/sign.ts';
import { privateKeyFromPem, type PrivateKeyHandle } from '../../src/crypto/private-key.ts';
import { derSignatureAlgorithm } from '../../src/crypto/x509/algorithms.ts';
import { readCertificate, type Certificate } from '../../src/crypto/x509/certificate.ts';
import type { Parsed } from '../../src/parsed.ts';

export const NOW = Date.parse('2026-11-28T12:00:00Z');
const DAY = 86_400_000;

export interface Pair {
  readonly privateKey: KeyObject;
  readonly spki: Buffer;
  readonly handle: PrivateKeyHandle;
  readonly pem: string;
}

const pairs = new Map<string, Pair>();

/** An RSA key of the run, by size and a name. */
export function rsaPair(bits: number, name = 'a'): Pair {
  const known = pairs.get(`${bits} ${name}`);
  if (known !== undefined) return known;
  const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: bits });
  const pem = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
  let handle: PrivateKeyHandle | null = null;
  const spki = publicKey.export({ type: 'spki', format: 'der' });
  const pair: Pair = {
    privateKey,
    spki,
    pem,
    // a key that is too short has no handle of ours: it is there to be refused
    get handle() {
      handle ??= value(privateKeyFromPem(pem));
      return handle;
    },
  };
  pairs.set(`${bits} ${name}`, pair);
  return pair;
}

/** The value of what was read, or the test fails with the reason. */
export function value<T>(read: Parsed<T>): T {
  if (!read.ok) throw new Error(`${read.reason} (at ${read.offset})`);
  return read.value;
}

export const nameOf = (commonName: string): Buffer =>
  derSequence(derSetOf(derSequence(derOid(oid('2.5.4.3')), derValue(TAG.utf8String, Buffer.from(commonName)))));

const extension = (type: string, inner: Uint8Array, critical = false): Buffer =>
  derSequence(derOid(oid(type)), ...(critical ? [derValue(TAG.boolean, Buffer.of(0xff))] : []), derOctets(inner));

export const EXTENSION = {
  ca: (pathLength?: number) =>
    extension('2.5.29.19', derSequence(derValue(TAG.boolean, Buffer.of(0xff)), ...(pathLength === undefined ? [] : [derSmall(pathLength)])), true), // prettier-ignore
  notCa: () => extension('2.5.29.19', derSequence(), true),
  usage: (bits: number) => extension('2.5.29.15', derValue(TAG.bitString, Buffer.of(0, bits)), true),
  extendedUsage: (...types: string[]) => extension('2.5.29.37', derSequence(...types.map((type) => derOid(oid(type))))),
  uri: (...uris: string[]) =>
    extension('2.5.29.17', derSequence(...uris.map((uri) => derValue(0x86, Buffer.from(uri))))),
  subjectKeyId: (spki: Uint8Array) => extension('2.5.29.14', derOctets(createHash('sha1').update(spki).digest())),
  other: (type: string, critical: boolean) => extension(type, derNull(), critical),
} as const;

export const USAGE = { sign: 0x80, encipher: 0x20, both: 0xa0, ca: 0x06 } as const;
export const EMAIL_PROTECTION = '1.3.6.1.5.5.7.3.4';

export interface CertificateOptions {
  readonly subject: string;
  readonly pair: Pair;
  readonly issuer: string;
  readonly issuerPair: Pair;
  readonly extensions: readonly Buffer[];
  readonly serial?: Buffer;
  readonly from?: number;
  readonly to?: number;
  readonly version?: number;
  readonly hash?: 'sha1' | 'sha256' | 'sha384' | 'sha512';
  readonly pss?: boolean;
}

let serials = 0x1000;
const SIGNED_BY = {
  sha1: '1.2.840.113549.1.1.5',
  sha256: '1.2.840.113549.1.1.11',
  sha384: '1.2.840.113549.1.1.12',
  sha512: '1.2.840.113549.1.1.13',
} as const;

export function signedBy(
  pair: Pair,
  tbs: (algorithm: Buffer) => Buffer,
  hash: keyof typeof SIGNED_BY = 'sha256',
  pss = false,
): Buffer {
  const algorithm = pss ? derSignatureAlgorithm('pss') : derSequence(derOid(oid(SIGNED_BY[hash])), derNull());
  const body = tbs(algorithm);
  const key = pss
    ? { key: pair.privateKey, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: 32 }
    : { key: pair.privateKey };
  return derSequence(body, algorithm, derValue(TAG.bitString, Buffer.of(0), sign(hash, body, key)));
}

/** A certificate in DER. */
export function certificateDer(o: CertificateOptions): Buffer {
  const serial = o.serial ?? Buffer.from([0x10, ++serials >> 8, serials & 255]);
  return signedBy(
    o.issuerPair,
    (algorithm) =>
      derSequence(
        ...(o.version === 1 ? [] : [derContext(0, derSmall((o.version ?? 3) - 1))]),
        derInteger(serial),
        algorithm,
        nameOf(o.issuer),
        derSequence(derTime(o.from ?? NOW - DAY), derTime(o.to ?? NOW + DAY)),
        nameOf(o.subject),
        o.pair.spki,
        ...(o.extensions.length === 0 ? [] : [derContext(3, derSequence(...o.extensions))]),
      ),
    o.hash,
    o.pss,
  );
}

export interface Authority {
  readonly name: string;
  readonly pair: Pair;
  readonly certificate: Certificate;
}

/** A CA, its own issuer unless `issuer` is given. */
export function authority(name: string, pair: Pair, issuer?: Authority, extensions?: readonly Buffer[]): Authority {
  const der = certificateDer({
    subject: name,
    pair,
    issuer: issuer?.name ?? name,
    issuerPair: issuer?.pair ?? pair,
    extensions: extensions ?? [EXTENSION.ca(), EXTENSION.usage(USAGE.ca), EXTENSION.subjectKeyId(pair.spki)],
  });
  return { name, pair, certificate: value(readCertificate(der)) };
}

/** Extensions of a phone's certificate as our CA issues it. */
export const phoneExtensions = (aor: string, pair: Pair): Buffer[] => [
  EXTENSION.notCa(),
  EXTENSION.usage(USAGE.both),
  EXTENSION.extendedUsage(EMAIL_PROTECTION),
  EXTENSION.uri(`sip:${aor}`),
  EXTENSION.subjectKeyId(pair.spki),
];

/** Somebody with key and certificate of a CA. */
export function identity(aor: string, pair: Pair, issuer: Authority, more: Partial<CertificateOptions> = {}): Identity {
  const der = certificateDer({
    subject: aor,
    pair,
    issuer: issuer.name,
    issuerPair: issuer.pair,
    extensions: phoneExtensions(aor, pair),
    ...more,
  });
  return { key: pair.handle, certificate: value(readCertificate(der)) };
}

/** A revocation list in DER. */
export function revocationListDer(
  issuer: Authority,
  revoked: readonly Buffer[],
  o: {
    readonly from?: number;
    readonly to?: number;
    readonly extensions?: readonly Buffer[];
    readonly pair?: Pair;
  } = {},
): Buffer {
  const entries = revoked.map((serial) => derSequence(derInteger(serial), derTime(NOW - DAY)));
  return signedBy(o.pair ?? issuer.pair, (algorithm) =>
    derSequence(
      derSmall(1),
      algorithm,
      nameOf(issuer.name),
      derTime(o.from ?? NOW - DAY),
      derTime(o.to ?? NOW + DAY),
      ...(entries.length === 0 ? [] : [derSequence(...entries)]),
      ...(o.extensions === undefined ? [] : [derContext(0, derSequence(...o.extensions))]),
    ),
  );
}

export const pemOf = (der: Uint8Array, label = 'CERTIFICATE'): string =>
  `-----BEGIN ${label}-----\n${Buffer.from(der)
    .toString('base64')
    .replace(/.{1,64}/g, '$&\n')}-----END ${label}-----\n`;
