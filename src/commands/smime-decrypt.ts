import { decryptBare, decryptSip } from '../crypto/smime/index.ts';
import { EXIT, type Output } from './output.ts';
import {
  instantOf,
  needIdentity,
  readInput,
  readTrust,
  tellRefusal,
  writeResult,
  type KeyOptions,
  type SmimeOptions,
  type TrustOptions,
} from './smime-files.ts';

/** `ringfence smime decrypt`. */
export default async function smimeDecrypt(
  _args: readonly string[],
  options: SmimeOptions & KeyOptions & TrustOptions,
  output: Output,
): Promise<number> {
  const opener = {
    keyholders: [await needIdentity(options, 'to decrypt')],
    trust: readTrust(options),
    now: instantOf(options),
  };
  const input = readInput(options);
  const opened = options.form === 'cms' ? decryptBare(input, opener) : decryptSip(input, opener);
  if (!opened.ok) {
    tellRefusal(opened, 'smime decrypt', options, output);
    return EXIT.failed;
  }
  writeResult(options, output, 'message' in opened.value ? opened.value.message : opened.value.content);
  return EXIT.done;
}
