import { nameText, openSip, verifyCms, type Identity, type OpenedCms, type OpenedMessage, type Opened, type Trust } from '../crypto/smime/index.ts'; // prettier-ignore
import { InputError } from '../errors.ts';
import { parseSip } from '../wire/sip.ts';
import { visible } from '../words/visible.ts';
import { EXIT, type Output } from './output.ts';
import {
  instantOf,
  readContent,
  readIdentity,
  readInput,
  readTrust,
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
  if (output.json)
    output.object({ verified: true, encrypted: value.cipher, ...sipJson(value), signers: value.signers.map(signerJson) }); // prettier-ignore
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
  for (const { certificate } of value.signers)
    output.note(`ringfence: signed by ${[...certificate.uris, nameText(certificate.subject)].map((text) => visible(text)).join(', ')}${sealed}`); // prettier-ignore
  if ('message' in value && value.contactChanged) output.note('ringfence: a proxy has rewritten Contact');
}
