import { readFileSync } from 'node:fs';
import { sealKey, withKey } from '../crypto/key-store.ts';
import { readPkcs12 } from '../crypto/pkcs12.ts';
import { InputError, messageOf } from '../errors.ts';
import { iso } from '../time.ts';
import { readCertificate } from '../crypto/x509/certificate.ts';
import { KeyRoom } from './keys/key-room.ts';
import { askPassphrase } from './keys/passphrase.ts';
import { EXIT, type GlobalOptions, type Output } from './output.ts';
import { readConfig } from './site.ts';

/** `ringfence keys import FILE`: a certificate of a public CA and its key (PKCS#12) as the gateway's for TLS. */
export default async function keysImport(
  [file = '']: readonly string[],
  options: { readonly passphraseFile?: string } & GlobalOptions,
  output: Output,
): Promise<number> {
  const config = readConfig(options, output);
  let bytes: Buffer;
  try {
    bytes = readFileSync(file);
  } catch (error) {
    throw new InputError('input-unreadable', `cannot read ${file}: ${messageOf(error)}`, { cause: error });
  }
  const password = await askPassphrase(options.passphraseFile, `Password of ${file}: `, { twice: false });
  const read = readPkcs12(bytes, password);
  if (!read.ok) throw new InputError('input-malformed', `${file}: ${read.reason}`);
  const { key, chain } = read.value;
  const certificate = readCertificate(chain[0] ?? new Uint8Array(0));
  if (!certificate.ok) throw new InputError('input-malformed', `${file}: ${certificate.reason}`);
  const { notBefore, notAfter, ca } = certificate.value;
  return await KeyRoom.with(config, (room) => {
    if (ca) throw new InputError('input-malformed', `${file} is a CA; the gateway needs a certificate of its own`);
    if (room.now > notAfter || room.now < notBefore)
      throw new InputError(
        'input-malformed',
        `${file} is good from ${iso(notBefore)} to ${iso(notAfter)}, and not now`,
      );
    const stored = sealKey(room.master, key, 'gateway-tls', chain, room.now);
    room.change(
      (keys) => withKey(keys, stored),
      () => room.note('key.imported', 'gateway-tls', { kid: key.kid }),
    );
    if (output.json)
      output.object({ use: 'gateway-tls', kid: key.kid, notAfter: iso(notAfter), certificates: chain.length });
    else output.result(`The gateway's TLS key is now ${key.kid}, good until ${iso(notAfter)}`);
    output.note(`ringfence: ${file} is not needed here any more. Now: ringfence keys backup FILE`);
    return EXIT.done;
  });
}
