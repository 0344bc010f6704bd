import { escapeControls } from '../../wire/sip-text.ts';
import { contentOf, Faults, oid, readBer, TAG, type DerNode } from '../der.ts';

/** Short names of RFC 4514 section 3, and the e-mail address that many CAs put into names. */
const ATTRIBUTES = new Map([
  [oid('2.5.4.3'), 'CN'],
  [oid('2.5.4.10'), 'O'],
  [oid('2.5.4.11'), 'OU'],
  [oid('2.5.4.6'), 'C'],
  [oid('2.5.4.7'), 'L'],
  [oid('2.5.4.8'), 'ST'],
  [oid('2.5.4.5'), 'serialNumber'],
  [oid('0.9.2342.19200300.100.1.25'), 'DC'],
  [oid('1.2.840.113549.1.9.1'), 'emailAddress'],
]);
const BMP_STRING = 0x1e;
const MOST_CHARACTERS = 256;

/** A name for people, `CN=gateway, O=Example`; at most 256 characters, without control characters. */
export function nameText(name: Uint8Array): string {
  const read = readBer(name);
  if (!read.ok) return '';
  const parts = read.value.children.flatMap((set) => set.children.map(attributeText));
  return escapeControls(parts.filter((part) => part !== '').join(', ')).slice(0, MOST_CHARACTERS);
}

function attributeText(attribute: DerNode): string {
  const faults = new Faults();
  const fields = faults.fields(attribute, TAG.sequence, 'name');
  const type = ATTRIBUTES.get(fields.oid());
  const value = fields.any();
  if (faults.first !== null || type === undefined || value === null) return '';
  const bytes = contentOf(value);
  if (value.tag !== BMP_STRING) return `${type}=${bytes.toString('utf8')}`;
  return `${type}=${Buffer.from(bytes.subarray(0, bytes.length & ~1))
    .swap16()
    .toString('utf16le')}`;
}
