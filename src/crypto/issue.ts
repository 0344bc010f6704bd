import { randomBytes } from 'node:crypto';
import { isIP } from 'node:net';
import type { Millis } from '../model.ts';
import { DAY } from '../time.ts';
import {
  contextTag,
  derContext,
  derInteger,
  derOctets,
  derOid,
  derSequence,
  derSetOf,
  derSmall,
  derTime,
  derValue,
  oid,
  TAG,
} from './der.ts';
import { sipUri } from './identity.ts';
import type { PrivateKeyHandle } from './private-key.ts';
import { kidOf } from './public-key.ts';
import { derSignatureAlgorithm } from './x509/algorithms.ts';
import { KEY_USAGE } from './x509/certificate.ts';

/** What a certificate is for. */
export type Use = 'ca' | 'account' | 'gateway' | 'gateway-tls';

/** Who may sign certificates: a key and the certificate that says so. */
export interface Authority {
  readonly key: PrivateKeyHandle;
  /** DER */
  readonly certificate: Uint8Array;
  /** its name, DER */
  readonly subject: Uint8Array;
}

/** A certificate to be. All names come from the settings and the PBX, none from whoever asks for it. */
export interface Wanted {
  readonly use: Exclude<Use, 'ca'>;
  /** '' for the gateway's */
  readonly account: string;
  readonly domain: string;
  /** host name or address under which the gateway is reached; '' for accounts */
  readonly host: string;
  /** whose certificate, SPKI DER */
  readonly spki: Uint8Array;
  readonly notBefore: Millis;
  readonly notAfter: Millis;
}

export interface Issued {
  /** 32 hexadecimal digits */
  readonly serial: string;
  readonly kid: string;
  /** the certificate, DER */
  readonly der: Uint8Array;
}

const EXTENDED = {
  server: oid('1.3.6.1.5.5.7.3.1'),
  client: oid('1.3.6.1.5.5.7.3.2'),
  email: oid('1.3.6.1.5.5.7.3.4'),
};
const USAGES: Readonly<Record<Exclude<Use, 'ca'>, readonly string[]>> = {
  account: [EXTENDED.client, EXTENDED.email],
  gateway: [EXTENDED.server, EXTENDED.client, EXTENDED.email],
  'gateway-tls': [EXTENDED.server],
};

/** How long a CA is good: its certificates end before it does. */
export const CA_LIFETIME: Millis = 3_652 * DAY;
/** Clocks of phones are wrong by minutes: a certificate is good a little before it was made. */
export const CLOCK_SKEW: Millis = 5 * 60_000;

const utf8 = (text: string): Buffer => derValue(TAG.utf8String, Buffer.from(text));
const attribute = (type: string, value: string): Buffer => derSetOf(derSequence(derOid(oid(type)), utf8(value)));

/** CN, and O where it fits into its 64 characters (RFC 5280, appendix A.1). */
const name = (commonName: string, organisation: string): Buffer =>
  derSequence(
    ...(organisation.length <= 64 ? [attribute('2.5.4.10', organisation)] : []),
    attribute('2.5.4.3', commonName.slice(0, 64)),
  );

export const derExtension = (type: string, value: Uint8Array, critical = false): Buffer =>
  derSequence(derOid(oid(type)), ...(critical ? [derValue(TAG.boolean, Buffer.of(0xff))] : []), derOctets(value));

/** A bit string whose last octet is `bits`, named bits as DER wants them: without trailing zeros (X.690, 11.2.2). */
function namedBits(bits: number): Buffer {
  let unused = 0;
  while (unused < 7 && ((bits >> unused) & 1) === 0) unused++;
  return derValue(TAG.bitString, Buffer.of(unused, bits));
}

/** Names a key by its kid (RFC 7093, 2, method 4): SHA-256 of the SPKI. */
const keyId = (spki: Uint8Array): Buffer => Buffer.from(kidOf(spki), 'base64url');

export const subjectKeyExtension = (spki: Uint8Array): Buffer => derExtension('2.5.29.14', derOctets(keyId(spki)));
export const authorityKeyExtension = (spki: Uint8Array): Buffer =>
  derExtension('2.5.29.35', derSequence(derValue(contextTag(0, false), keyId(spki))));

/** Random, positive and always 16 octets long: 126 random bits (RFC 5280, 4.1.2.2 asks for 20 octets at the most). */
function newSerial(): Buffer {
  const serial = randomBytes(16);
  serial[0] = ((serial[0] ?? 0) & 0x3f) | 0x40;
  return serial;
}

/** SHA256 with RSA over `tbs`, with both in their frame: certificates, revocation lists and requests are made alike. */
export const signed = (tbs: Uint8Array, key: PrivateKeyHandle): Buffer =>
  derSequence(tbs, derSignatureAlgorithm('pkcs1'), derValue(TAG.bitString, Buffer.of(0), key.signPkcs1(tbs)));

interface Parts {
  readonly serial: Buffer;
  readonly issuer: Uint8Array;
  readonly subject: Uint8Array;
  readonly notBefore: Millis;
  readonly notAfter: Millis;
  readonly spki: Uint8Array;
  readonly extensions: readonly Uint8Array[];
}

/** Certificate, version 3 (RFC 5280, 4.1). */
const certificate = (parts: Parts, key: PrivateKeyHandle): Buffer =>
  signed(
    derSequence(
      derContext(0, derSmall(2)),
      derInteger(parts.serial),
      derSignatureAlgorithm('pkcs1'),
      parts.issuer,
      derSequence(derTime(parts.notBefore), derTime(parts.notAfter)),
      parts.subject,
      parts.spki,
      derContext(3, derSequence(...parts.extensions)),
    ),
    key,
  );

/** A CA for `domain`, its own issuer. Its name has the beginning of its kid, so that an old and a new one differ. */
export function createAuthority(key: PrivateKeyHandle, domain: string, now: Millis): Authority {
  const subject = name(`ringfence CA ${key.kid.slice(0, 8)}`, domain);
  const extensions = [
    derExtension('2.5.29.19', derSequence(derValue(TAG.boolean, Buffer.of(0xff)), derSmall(0)), true),
    derExtension('2.5.29.15', namedBits(KEY_USAGE.keyCertSign | KEY_USAGE.cRLSign), true),
    subjectKeyExtension(key.spki),
    authorityKeyExtension(key.spki),
  ];
  const der = certificate(
    {
      serial: newSerial(),
      issuer: subject,
      subject,
      notBefore: now - CLOCK_SKEW,
      notAfter: now + CA_LIFETIME,
      spki: key.spki,
      extensions,
    },
    key,
  );
  return { key, certificate: new Uint8Array(der), subject: new Uint8Array(subject) };
}

/** [2] dNSName or [7] iPAddress (RFC 5280, 4.2.1.6). */
function hostName(host: string): Buffer {
  if (isIP(host) === 0) return derValue(contextTag(2, false), Buffer.from(host.toLowerCase(), 'latin1'));
  return derValue(contextTag(7, false), addressBytes(host));
}

function addressBytes(host: string): Buffer {
  if (isIP(host) === 4) return Buffer.from(host.split('.').map(Number));
  // URL writes an IPv6 address in hexadecimal groups, shortened once
  const canonical = new URL(`http://[${host}]`).hostname.slice(1, -1);
  const [head = '', tail] = canonical.split('::');
  const groups = (text: string | undefined): string[] => (text === undefined || text === '' ? [] : text.split(':'));
  const zeros = Array.from({ length: 8 - groups(head).length - groups(tail).length }, () => '0');
  const all = tail === undefined ? groups(head) : [...groups(head), ...zeros, ...groups(tail)];
  return Buffer.concat(all.map((group) => Buffer.from(group.padStart(4, '0'), 'hex')));
}

/** subjectAltName: an account is its SIP URI; the gateway is the domain (RFC 5922, 7.1) and the host it is reached at. */
function alternativeNames({ use, account, domain, host }: Wanted): Buffer {
  const uri = derValue(contextTag(6, false), Buffer.from(sipUri(domain, account), 'latin1'));
  const hosts = use === 'account' ? [] : [...new Set([host, domain].filter((h) => h !== ''))].map(hostName);
  return derExtension('2.5.29.17', derSequence(uri, ...hosts));
}

/** Issues a certificate. It ends with its CA at the latest (the caller sees to that: `notAfter`). */
export function issueCertificate(authority: Authority, wanted: Wanted): Issued {
  const serial = newSerial();
  const der = certificate(
    {
      serial,
      issuer: authority.subject,
      subject: name(wanted.use === 'account' ? wanted.account : wanted.host || wanted.domain, wanted.domain),
      notBefore: wanted.notBefore,
      notAfter: wanted.notAfter,
      spki: wanted.spki,
      extensions: [
        derExtension('2.5.29.19', derSequence(), true),
        derExtension('2.5.29.15', namedBits(KEY_USAGE.digitalSignature | KEY_USAGE.keyEncipherment), true),
        derExtension('2.5.29.37', derSequence(...USAGES[wanted.use].map((usage) => derOid(usage)))),
        alternativeNames(wanted),
        subjectKeyExtension(wanted.spki),
        authorityKeyExtension(authority.key.spki),
      ],
    },
    authority.key,
  );
  return { serial: serial.toString('hex'), kid: kidOf(wanted.spki), der: new Uint8Array(der) };
}
