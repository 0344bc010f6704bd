import { parsed, refused, type Parsed } from '../../parsed.ts';
import { contentOf, contextTag, Faults, oid, octetsOf, TAG, wholeOf, type DerNode } from '../der.ts';
import { hashOf, maskHashOf, RSA_ENCRYPTION } from '../x509/algorithms.ts';
import { cipherUseOf, type CipherUse } from './ciphers.ts';
import { readContentInfo, type ContentInfo } from './content-info.ts';
import { ATTRIBUTE, CONTENT } from './oids.ts';
import { certificateIdOf, type CertificateId } from './signed-data.ts';

export const OAEP = oid('1.2.840.113549.1.1.7');
const P_SPECIFIED = oid('1.2.840.113549.1.1.9');

/** How a content key was encrypted, as far as it matters here: RSA-OAEP with SHA-256, RSA v1.5, or something else. */
export type Transport = 'oaep-sha256' | 'rsa-v1.5' | 'other';

/** KeyTransRecipientInfo (RFC 5652 section 6.2.1). */
export interface RecipientInfo {
  readonly id: CertificateId;
  readonly transport: Transport;
  readonly encryptedKey: Buffer;
}

/** EnvelopedData (RFC 5652 section 6) or AuthEnvelopedData (RFC 5083), read and not opened. */
export interface EnvelopedData {
  /** recipients by RSA key; those of other kinds are left out */
  readonly recipients: readonly RecipientInfo[];
  readonly use: CipherUse;
  readonly data: Buffer;
  /** of AuthEnvelopedData, else empty */
  readonly tag: Buffer;
  /** authenticated beside the content: the attributes as a SET OF in DER, or nothing */
  readonly aad: Buffer;
}

const MOST_RECIPIENTS = 64;

/** What a refusal of a well-formed message begins with that uses what is not spoken here: that stands in the open, and may be told. */
export const NOT_SPOKEN = 'not spoken here: ';

/** Reads a ContentInfo with EnvelopedData or AuthEnvelopedData; what is refused: `envelopedDataOf`. */
export function readEnvelopedData(bytes: Uint8Array): Parsed<EnvelopedData> {
  const info = readContentInfo(bytes);
  return info.ok ? envelopedDataOf(info.value) : info;
}

/** EnvelopedData or AuthEnvelopedData of a ContentInfo. Refused: anything else, other ciphers, more than 64 recipients. */
export function envelopedDataOf({ type, content }: ContentInfo): Parsed<EnvelopedData> {
  const authenticated = type === CONTENT.authEnvelopedData;
  if (!authenticated && type !== CONTENT.envelopedData)
    return refused('CMS: neither EnvelopedData nor AuthEnvelopedData');
  const faults = new Faults();
  const fields = faults.fields(content, TAG.sequence, 'EnvelopedData');
  fields.small();
  fields.optional(contextTag(0)); // originatorInfo: of use to key agreement
  const recipients = fields.take(TAG.set).children;
  const inner = fields.open(TAG.sequence, 'encryptedContentInfo');
  if (inner.oid() !== CONTENT.data) faults.add('EnvelopedData: content of another type', content.start);
  const use = cipherUseOf(inner.take(TAG.sequence));
  const encrypted = inner.take(contextTag(0, false), contextTag(0));
  inner.end();
  const data = octetsOf(encrypted, contextTag(0, false));
  if (data === null) faults.add('EnvelopedData: the content is no octet string', encrypted.start);
  const attributes = fields.optional(contextTag(1));
  const tag = authenticated ? contentOf(fields.take(TAG.octetString)) : Buffer.alloc(0);
  fields.optional(contextTag(2));
  fields.end();
  const aad = authenticated && attributes !== null ? authenticatedAttributes(attributes, faults) : Buffer.alloc(0);
  if (recipients.length > MOST_RECIPIENTS) faults.add('EnvelopedData: too many recipients', content.start);
  const known = recipients.filter((node) => node.tag === TAG.sequence).map((node) => recipientOf(node, faults));
  if (faults.first !== null || data === null) return faults.first ?? refused('EnvelopedData: no content');
  if (use === null) return refused(`${NOT_SPOKEN}a cipher other than AES-GCM and AES-CBC`);
  if (use.cipher.authenticated !== authenticated)
    return refused(`${NOT_SPOKEN}a cipher that does not go with its CMS type`);
  if (tag.length !== use.tagBytes) return refused('AuthEnvelopedData: a tag of another length');
  return parsed({ recipients: known, use, data, tag, aad });
}

function recipientOf(node: DerNode, faults: Faults): RecipientInfo {
  const fields = faults.fields(node, TAG.sequence, 'recipient');
  fields.small();
  const id = certificateIdOf(fields, faults);
  const transport = transportOf(fields.take(TAG.sequence));
  const encryptedKey = contentOf(fields.take(TAG.octetString));
  fields.end();
  return { id, transport, encryptedKey };
}

/** RSAES-OAEP-params (RFC 4055 section 4.1): SHA-256 twice and an empty label, which is the default. */
function transportOf(algorithm: DerNode): Transport {
  const faults = new Faults();
  const fields = faults.fields(algorithm, TAG.sequence, 'key transport');
  const type = fields.oid();
  const parameters = fields.any();
  if (type === RSA_ENCRYPTION) return 'rsa-v1.5';
  if (type !== OAEP || parameters === null) return 'other';
  const oaep = faults.fields(parameters, TAG.sequence, 'OAEP');
  const hash = oaep.explicit(0);
  const mask = oaep.explicit(1);
  const source = oaep.explicit(2);
  oaep.end();
  fields.end();
  const fits = hash !== null && mask !== null && hashOf(hash) === 'sha256' && maskHashOf(mask) === 'sha256';
  return faults.first === null && fits && (source === null || isEmptyLabel(source)) ? 'oaep-sha256' : 'other';
}

function isEmptyLabel(source: DerNode): boolean {
  const faults = new Faults();
  const fields = faults.fields(source, TAG.sequence, 'pSource');
  const type = fields.oid();
  const label = fields.take(TAG.octetString);
  return faults.first === null && type === P_SPECIFIED && label.contentStart === label.contentEnd;
}

/** authAttrs (RFC 5083 section 2.1): what is authenticated is their SET OF in DER. */
function authenticatedAttributes(set: DerNode, faults: Faults): Buffer {
  if (!set.der) faults.add('authenticated attributes: not DER', set.start);
  for (const node of set.children) {
    const fields = faults.fields(node, TAG.sequence, 'attribute');
    const type = fields.oid();
    const [value] = fields.take(TAG.set).children;
    const wrong = value === undefined || contentOf(value).toString('hex') !== CONTENT.data;
    if (type === ATTRIBUTE.contentType && wrong)
      faults.add('authenticated attributes: another content type', set.start);
  }
  const copy = Buffer.from(wholeOf(set));
  copy[0] = TAG.set;
  return copy;
}
