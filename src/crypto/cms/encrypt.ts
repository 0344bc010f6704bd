import { constants, publicEncrypt, randomBytes } from 'node:crypto';
import {
  contextTag,
  derContext,
  derOctets,
  derOid,
  derPieces,
  derSequence,
  derSetOf,
  derSmall,
  derValue,
  TAG,
} from '../der.ts';
import { derHash, derMask } from '../x509/algorithms.ts';
import type { Certificate } from '../x509/certificate.ts';
import { CIPHERS, derCipher, seal, type CipherName } from './ciphers.ts';
import { derContentInfo } from './content-info.ts';
import { OAEP } from './enveloped-data.ts';
import { CONTENT } from './oids.ts';
import { issuerAndSerial } from './sign.ts';

export interface EncryptOptions {
  /** each can open it; their certificates must have been checked */
  readonly recipients: readonly Certificate[];
  /** default: aes-256-gcm. CBC only around a signature, which the caller sees to */
  readonly cipher?: CipherName;
  /** name recipients by subject key identifier where their certificates have one; default: by issuer and serial number */
  readonly bySubjectKeyId?: boolean;
}

/** RSAES-OAEP with SHA-256 and MGF1-SHA-256, empty label (RFC 4055 section 4.1). */
const TRANSPORT = derSequence(derOid(OAEP), derSequence(derContext(0, derHash('sha256')), derContext(1, derMask())));

/** Encrypts `content` to RSA keys: AuthEnvelopedData (GCM) or EnvelopedData (CBC) in DER, with a content key of its own. */
export function encryptCms(content: Uint8Array, options: EncryptOptions): Buffer {
  const cipher = CIPHERS[options.cipher ?? 'aes-256-gcm'];
  const random = randomBytes(cipher.keyBytes + cipher.ivBytes);
  const key = random.subarray(0, cipher.keyBytes);
  const iv = random.subarray(cipher.keyBytes);
  const { data, tag } = seal(cipher, key, iv, content);
  let version = 0;
  const recipients = options.recipients.map((certificate) => {
    const byKey = options.bySubjectKeyId === true ? certificate.subjectKeyId : null;
    if (byKey !== null) version = 2;
    const wrapped = publicEncrypt(
      { key: certificate.key, padding: constants.RSA_PKCS1_OAEP_PADDING, oaepHash: 'sha256' },
      key,
    );
    return derSequence(
      derSmall(byKey === null ? 0 : 2),
      byKey === null ? issuerAndSerial(certificate) : derValue(contextTag(0, false), byKey),
      TRANSPORT,
      derOctets(wrapped),
    );
  });
  key.fill(0);
  const encrypted = derPieces(TAG.sequence, [
    derOid(CONTENT.data),
    derCipher(cipher, iv),
    ...derPieces(contextTag(0, false), [data]),
  ]);
  const fields = [derSetOf(...recipients), ...encrypted];
  return cipher.authenticated
    ? derContentInfo(CONTENT.authEnvelopedData, [derSmall(0), ...fields, derOctets(tag)])
    : derContentInfo(CONTENT.envelopedData, [derSmall(version), ...fields]);
}
