import { protectSip, receiptRequest, signCms } from '../crypto/smime/index.ts';
import { InputError } from '../errors.ts';
import { EXIT, type Output } from './output.ts';
import {
  instantOf,
  needIdentity,
  readInput,
  writeResult,
  type KeyOptions,
  type SigningOptions,
  type SmimeOptions,
} from './smime-files.ts';

interface SignOptions extends SmimeOptions, KeyOptions, SigningOptions {
  readonly detached: boolean;
  readonly receiptTo?: string;
}

/** `ringfence smime sign`. */
export default async function smimeSign(
  _args: readonly string[],
  options: SignOptions,
  output: Output,
): Promise<number> {
  const identity = await needIdentity(options, 'to sign');
  const input = readInput(options);
  const at = instantOf(options);
  const { detached, signature, transfer } = options;
  const attributes = options.receiptTo === undefined ? [] : [receiptRequest(options.receiptTo)];
  const sign = { signers: [identity], detached, signature, attributes };
  if (options.form === 'cms') {
    writeResult(options, output, signCms(input, { ...sign, at }));
    return EXIT.done;
  }
  const signed = protectSip(input, { now: at, sign, transfer });
  if (!signed.ok)
    throw new InputError('input-malformed', `--in: ${signed.reason}; a SIP message is signed, or with --form cms any body`); // prettier-ignore
  writeResult(options, output, signed.value);
  return EXIT.done;
}
