import { encryptCms, isSignedBody, protectSip, signCms, type CipherName } from '../crypto/smime/index.ts';
import { InputError } from '../errors.ts';
import { EXIT, type Output } from './output.ts';
import {
  instantOf,
  readIdentity,
  readInput,
  readRecipients,
  readTrust,
  writeResult,
  type KeyOptions,
  type SigningOptions,
  type SmimeOptions,
  type TrustOptions,
} from './smime-files.ts';

interface EncryptOptions extends SmimeOptions, KeyOptions, TrustOptions, SigningOptions {
  readonly to: readonly string[];
  readonly cipher: CipherName;
}

/** `ringfence smime encrypt`. */
export default async function smimeEncrypt(
  _args: readonly string[],
  options: EncryptOptions,
  output: Output,
): Promise<number> {
  const now = instantOf(options);
  const identity = await readIdentity(options);
  const recipients = readRecipients(options.to, readTrust(options), now);
  const { cipher, signature, transfer } = options;
  const input = readInput(options);
  if (options.form === 'cms') {
    const content = identity === null ? input : signCms(input, { signers: [identity], signature, at: now });
    if (cipher.endsWith('cbc') && !isSignedBody(content))
      throw new InputError('refused', `--cipher ${cipher}: only around a signature; sign it first, or give --cert and --key`); // prettier-ignore
    writeResult(options, output, encryptCms(content, { recipients, cipher }));
    return EXIT.done;
  }
  const sign = identity === null ? {} : { sign: { signers: [identity], signature } };
  const encrypted = protectSip(input, { now, ...sign, encrypt: { recipients, cipher }, transfer });
  if (!encrypted.ok)
    throw new InputError('input-malformed', `--in: ${encrypted.reason}; a SIP message is encrypted, or with --form cms any body`); // prettier-ignore
  writeResult(options, output, encrypted.value);
  return EXIT.done;
}
