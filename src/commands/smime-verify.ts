import { openSip, receiptRequestOf, signReceipt, verifyCms, type Identity, type OpenedCms, type OpenedMessage, type Opened, type Trust } from '../crypto/smime/index.ts'; // prettier-ignore
import { InputError } from '../errors.ts';
import { parseSip } from '../wire/sip.ts';
import { EXIT, type Output } from './output.ts';
import {
  instantOf,
  readContent,
  readIdentity,
  readInput,
  readTrust,
  signedBy,
  signerJson,
  tellRefusal,
  writeResult,
  type KeyOptions,
  type SmimeOptions,
  type TrustOptions,
} from './smime-files.ts';

interface VerifyOptions extends SmimeOptions, KeyOptions, TrustOptions {
  readonly content?: string;
  readonly bare: boolean;
  /** where a receipt goes, if one was asked for */
  readonly receipt?: string;
}

/** `ringfence smime verify`. */
export default async function smimeVerify(
  _args: readonly string[],
  options: VerifyOptions,
  output: Output,
): Promise<number> {
  const trust = readTrust(options);
  if (trust === null) throw new InputError('input-missing', '--ca is needed: whose word on certificates is taken?');
  const identity = await readIdentity(options);
  const opened = open(options, trust, identity);
  if (!opened.ok) {
    tellRefusal(opened, 'smime verify', options, output);
    if (output.json) output.object({ verified: false, code: opened.code });
    return EXIT.found;
  }
  const { value } = opened;
  const receipt = options.receipt === undefined ? null : receiptOf(value, options, identity);
  if (options.receipt !== undefined && receipt !== null)
    writeResult({ ...options, out: options.receipt }, output, receipt);
  if (options.receipt !== undefined && receipt === null) output.note('ringfence: no receipt was asked for');
  const made = options.receipt === undefined ? {} : { receipt: receipt !== null };
  if (output.json)
    output.object({ verified: true, encrypted: value.cipher, ...sipJson(value), ...made, signers: value.signers.map(signerJson) }); // prettier-ignore
  else tell(value, output);
  // with JSON on stdout the content goes only where it was asked for
  if (!output.json || options.out !== undefined)
    writeResult(options, output, 'message' in value ? value.message : value.content);
  return EXIT.done;
}

function open(options: VerifyOptions, trust: Trust, identity: Identity | null): Opened<OpenedMessage | OpenedCms> {
  // prettier-ignore
  const input = readInput(options);
  const opener = { trust, keyholders: identity === null ? [] : [identity], now: instantOf(options) };
  if (options.form === 'cms')
    return verifyCms(input, opener, options.content === undefined ? null : readContent(options.content));
  const message = parseSip(input);
  if (!message.ok)
    throw new InputError('input-malformed', `--in: no SIP message: ${message.reason}; --form cms takes CMS alone`);
  return openSip(input, { ...opener, require: { headers: !options.bare } });
}

/** Our word that the message was verified; null: its signer has not asked for it. */
function receiptOf(
  value: OpenedMessage | OpenedCms,
  options: VerifyOptions,
  identity: Identity | null,
): Uint8Array | null {
  if (identity === null) throw new InputError('input-missing', '--receipt needs --cert and --key: who signs it?');
  const asked = value.signers.find(({ info }) => receiptRequestOf(info) !== null);
  if (asked === undefined) return null;
  const receipt = signReceipt(asked.info, identity, instantOf(options));
  if (!receipt.ok) throw new InputError('input-malformed', `--receipt: ${receipt.reason}`);
  return receipt.value;
}

const sipJson = (value: OpenedMessage | OpenedCms): object =>
  'message' in value
    ? {
        signer: value.signer?.aor ?? null,
        headersSigned: value.headersSigned,
        date: value.date === null ? null : new Date(value.date).toISOString(),
        contactChanged: value.contactChanged,
        signature: value.signer?.signatureDigest ?? null,
      }
    : {};

function tell(value: OpenedMessage | OpenedCms, output: Output): void {
  const sealed = value.cipher === null ? '' : `, encrypted with ${value.cipher}`;
  for (const signer of value.signers) output.note(`ringfence: signed by ${signedBy(signer)}${sealed}`);
  if ('message' in value && value.contactChanged) output.note('ringfence: a proxy has rewritten Contact');
}
