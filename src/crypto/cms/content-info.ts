import { parsed, refused, type Parsed } from '../../parsed.ts';
import { contextTag, derOid, derPieces, Faults, readBer, TAG, type DerNode } from '../der.ts';

/** The longest CMS message that is read: far above any SIP body, and what a file of `ringfence smime` may hold. */
export const MOST_CMS_BYTES = 16 << 20;

/** ContentInfo (RFC 5652 section 3): what it is (an OID in hex) and its content. */
export interface ContentInfo {
  readonly type: string;
  readonly content: DerNode;
}

/** Reads the outermost layer of a CMS message in BER. */
export function readContentInfo(bytes: Uint8Array): Parsed<ContentInfo> {
  if (bytes.length > MOST_CMS_BYTES) return refused(`CMS: longer than ${MOST_CMS_BYTES} bytes`);
  const read = readBer(bytes);
  if (!read.ok) return refused(`CMS: ${read.reason}`, read.offset);
  const faults = new Faults();
  const fields = faults.fields(read.value, TAG.sequence, 'ContentInfo');
  const type = fields.oid();
  const content = fields.take(contextTag(0));
  fields.end();
  const [inner] = content.children;
  if (faults.first !== null) return faults.first;
  return inner === undefined || content.children.length !== 1
    ? refused('ContentInfo: no content', content.start)
    : parsed({ type, content: inner });
}

/** ContentInfo around a SEQUENCE that is given by its fields. */
export const derContentInfo = (type: string, fields: readonly Uint8Array[]): Buffer =>
  Buffer.concat(derPieces(TAG.sequence, [derOid(type), ...derPieces(contextTag(0), derPieces(TAG.sequence, fields))]));
