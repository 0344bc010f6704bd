import { parsed, refused, type Parsed } from '../../parsed.ts';

const BLOCK = /-----BEGIN ([A-Z0-9 ]{1,40})-----([A-Za-z0-9+/=\s]*)-----END \1-----/g;

/** The blocks of one label in a PEM text (RFC 7468), or the bytes themselves where they are DER. Refused: neither. */
export function pemBlocks(bytes: Uint8Array, label: string): Parsed<Buffer[]> {
  const source = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (source[0] === 0x30) return parsed([source]);
  const blocks = [...source.toString('latin1').matchAll(BLOCK)]
    .filter(([, own]) => own === label)
    .map(([, , text = '']) => Buffer.from(text, 'base64'));
  return blocks.length === 0 ? refused(`no ${label} in PEM or DER`) : parsed(blocks);
}

/** One block of PEM (RFC 7468). Not for private keys in clear: text cannot be erased. */
export const pemText = (label: string, der: Uint8Array): string =>
  `-----BEGIN ${label}-----\n${Buffer.from(der)
    .toString('base64')
    .replaceAll(/.{1,64}/g, '$&\n')}-----END ${label}-----\n`;
