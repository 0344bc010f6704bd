import { signCms, type Identity, type SignOptions } from '../cms/sign.ts';
import { encryptCms, type EncryptOptions } from '../cms/encrypt.ts';
import { CIPHERS } from '../cms/ciphers.ts';
import { base64Lines, entityOf, multipart, type Entity, type Header } from './mime.ts';

/** How CMS travels in a body: as it is, which SIP carries, or in base64 for those who expect mail. */
export type Transfer = 'binary' | 'base64';

export interface SignPartOptions extends Omit<SignOptions, 'signers' | 'contentType'> {
  readonly signers: readonly Identity[];
  readonly transfer?: Transfer;
}

/** RFC 3261 section 23.2: a body that must be understood says so. */
const disposition = (file: string): Header => [
  'Content-Disposition',
  `attachment; filename="${file}"; handling=required`,
];

const cmsPart = (type: string, file: string, der: Buffer, transfer: Transfer): Entity =>
  entityOf(
    [['Content-Type', type], disposition(file), ['Content-Transfer-Encoding', transfer]],
    transfer === 'base64' ? base64Lines(der) : der,
  );

/** A signed part (RFC 8551 section 3.5): application/pkcs7-mime, or multipart/signed where `detached`. */
export function signPart(part: Entity, options: SignPartOptions): Entity {
  const transfer = options.transfer ?? 'binary';
  const der = signCms(part.raw, options);
  if (options.detached !== true)
    return cmsPart('application/pkcs7-mime; smime-type=signed-data; name="smime.p7m"', 'smime.p7m', der, transfer);
  const signature = cmsPart('application/pkcs7-signature; name="smime.p7s"', 'smime.p7s', der, transfer);
  const type = 'multipart/signed; protocol="application/pkcs7-signature"; micalg=sha-256';
  return multipart(type, [part.raw, signature.raw], [['Content-Disposition', 'session; handling=required']]);
}

export interface EncryptPartOptions extends EncryptOptions {
  readonly transfer?: Transfer;
}

/** An encrypted part (RFC 8551 sections 3.3 and 3.4): application/pkcs7-mime, authEnveloped-data or, with CBC, enveloped-data. */
export function encryptPart(part: Entity, options: EncryptPartOptions): Entity {
  const kind = CIPHERS[options.cipher ?? 'aes-256-gcm'].authenticated ? 'authEnveloped-data' : 'enveloped-data';
  const type = `application/pkcs7-mime; smime-type=${kind}; name="smime.p7m"`;
  return cmsPart(type, 'smime.p7m', encryptCms(part.raw, options), options.transfer ?? 'binary');
}
