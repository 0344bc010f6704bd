import { oid } from '../der.ts';

/** Content types (RFC 5652, RFC 5083, RFC 2634), in hex as nodes are compared. */
export const CONTENT = {
  data: oid('1.2.840.113549.1.7.1'),
  signedData: oid('1.2.840.113549.1.7.2'),
  envelopedData: oid('1.2.840.113549.1.7.3'),
  authEnvelopedData: oid('1.2.840.113549.1.9.16.1.23'),
  receipt: oid('1.2.840.113549.1.9.16.1.1'),
} as const;

/** Signed attributes (RFC 5652 section 11, RFC 2634, RFC 5035, RFC 8551 section 2.5.2). */
export const ATTRIBUTE = {
  contentType: oid('1.2.840.113549.1.9.3'),
  messageDigest: oid('1.2.840.113549.1.9.4'),
  signingTime: oid('1.2.840.113549.1.9.5'),
  smimeCapabilities: oid('1.2.840.113549.1.9.15'),
  receiptRequest: oid('1.2.840.113549.1.9.16.2.1'),
  messageSignatureDigest: oid('1.2.840.113549.1.9.16.2.5'),
  contentIdentifier: oid('1.2.840.113549.1.9.16.2.7'),
  signingCertificateV2: oid('1.2.840.113549.1.9.16.2.47'),
} as const;
