import { openSip, verifyCms, verifyReceipt, type Trust, type VerifiedSigner } from '../crypto/smime/index.ts';
import { refusal, type SmimeRefusal } from '../crypto/smime/refusal.ts';
import { InputError } from '../errors.ts';
import { EXIT, type Output } from './output.ts';
import {
  instantOf,
  readInput,
  readContent,
  readTrust,
  signedBy,
  signerJson,
  tellRefusal,
  type SmimeOptions,
  type TrustOptions,
} from './smime-files.ts';

interface ReceiptOptions extends SmimeOptions, TrustOptions {
  readonly of: string;
}

/** `ringfence smime receipt`: is this somebody's signed word that he has verified the message that was signed? */
export default function smimeReceipt(_args: readonly string[], options: ReceiptOptions, output: Output): number {
  const trust = readTrust(options);
  if (trust === null) throw new InputError('input-missing', '--ca is needed: whose word on certificates is taken?');
  const checked = check(options, trust);
  if ('code' in checked) {
    tellRefusal(checked, 'smime receipt', options, output);
    if (output.json) output.object({ verified: false, code: checked.code });
    return EXIT.found;
  }
  if (output.json) output.object({ verified: true, receipt: signerJson(checked) });
  else output.result(`Received and verified by ${signedBy(checked)}`);
  return EXIT.done;
}

function check(options: ReceiptOptions, trust: Trust): VerifiedSigner | SmimeRefusal {
  const original = readContent(options.of, '--of');
  const opener = { trust, keyholders: [], now: instantOf(options) };
  const opened =
    options.form === 'cms'
      ? verifyCms(original, opener)
      : openSip(original, { ...opener, require: { headers: false } });
  if (!opened.ok) return opened;
  const receipt = readInput(options);
  let why = 'receipt: nobody has signed the message';
  for (const { info } of opened.value.signers) {
    const read = verifyReceipt(receipt, info, opener);
    if (read.ok) return read.value;
    why = read.reason;
  }
  return refusal(why);
}
