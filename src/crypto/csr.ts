import { createHash, createPublicKey } from 'node:crypto';
import { parsed, refused, type Parsed } from '../parsed.ts';
import {
  contextTag,
  derOid,
  derSequence,
  derSetOf,
  derSmall,
  derValue,
  Faults,
  oid,
  readDer,
  TAG,
  wholeOf,
} from './der.ts';
import { signed } from './issue.ts';
import type { PrivateKeyHandle } from './private-key.ts';
import { publicKeyFromSpki } from './public-key.ts';
import { signatureAlgorithmOf, signatureHolds } from './x509/algorithms.ts';
import { pemBlocks } from './x509/pem.ts';

/** A certificate request whose sender has the private key. The names in it are not read: who it is for is known otherwise. */
export interface Csr {
  /** SubjectPublicKeyInfo, DER */
  readonly spki: Uint8Array;
  /** SHA-256 of that, base64url */
  readonly kid: string;
  readonly bits: number;
  /** SHA-256 of the request, base64url */
  readonly digest: string;
}

const MOST_BYTES = 16_384;

/** Makes a request (RFC 2986) for the key, DER. `commonName` is for people who look at it. */
export function createCsr(key: PrivateKeyHandle, commonName: string): Uint8Array {
  const value = derValue(TAG.utf8String, Buffer.from(commonName));
  const name = derSequence(derSetOf(derSequence(derOid(oid('2.5.4.3')), value)));
  return new Uint8Array(signed(derSequence(derSmall(0), name, key.spki, derValue(contextTag(0))), key));
}

/**
 * Reads a request, DER or PEM, and checks the proof that its sender has the key: the signature by it (RSA PKCS#1 v1.5 or PSS,
 * SHA-256 and better). RSA of 2048 bits or more with e = 65537.
 */
export function readCsr(bytes: Uint8Array): Parsed<Csr> {
  const block = bytes[0] === TAG.sequence ? parsed([bytes]) : requestsIn(bytes);
  if (!block.ok) return block;
  const [der] = block.value;
  if (der === undefined || block.value.length > 1) return refused('one certificate request is wanted, here are more');
  if (der.length > MOST_BYTES) return refused(`a certificate request of more than ${MOST_BYTES} bytes`);
  const read = readDer(der);
  if (!read.ok) return refused(`no certificate request: ${read.reason}`, read.offset);
  const faults = new Faults();
  const outer = faults.fields(read.value, TAG.sequence, 'certificate request');
  const infoNode = outer.take(TAG.sequence);
  const algorithmNode = outer.take(TAG.sequence);
  const signature = outer.bits();
  outer.end();
  const info = faults.fields(infoNode, TAG.sequence, 'certificate request');
  if (info.small() !== 0) faults.add('certificate request: another version than 1', infoNode.start);
  info.take(TAG.sequence); // the subject
  const spki = new Uint8Array(wholeOf(info.take(TAG.sequence)));
  info.take(contextTag(0));
  info.end();
  if (faults.first !== null) return faults.first;
  const key = publicKeyFromSpki(spki);
  if (!key.ok) return refused(`certificate request with ${key.reason}`);
  const algorithm = signatureAlgorithmOf(algorithmNode);
  if (algorithm === null) return refused('certificate request: signed with an algorithm that is not taken');
  const object = createPublicKey({ key: Buffer.from(spki), format: 'der', type: 'spki' });
  if (!signatureHolds(object, algorithm, wholeOf(infoNode), signature))
    return refused('certificate request: its signature does not hold, so its sender may not have the key');
  const { kid, bits } = key.value;
  return parsed({ spki, kid, bits, digest: createHash('sha256').update(der).digest('base64url') });
}

function requestsIn(bytes: Uint8Array): Parsed<Uint8Array[]> {
  const own = pemBlocks(bytes, 'CERTIFICATE REQUEST');
  return own.ok ? own : pemBlocks(bytes, 'NEW CERTIFICATE REQUEST'); // what older tools write
}
