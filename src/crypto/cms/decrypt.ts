import { randomBytes } from 'node:crypto';
import { parsed, refused, type Parsed } from '../../parsed.ts';
import { openCbc, openGcm } from './ciphers.ts';
import { NOT_SPOKEN, type EnvelopedData, type RecipientInfo } from './enveloped-data.ts';
import type { Identity } from './sign.ts';
import { isOf } from './signed-data.ts';

/** What has to be told to whoever encrypts with RSA v1.5: `openssl cms` does so unasked. */
export const OAEP_ADVICE =
  'RSA v1.5 key transport is refused; encrypt with: openssl cms -encrypt … -recip CERT -keyopt rsa_padding_mode:oaep -keyopt rsa_oaep_md:sha256';

/** The key that nobody knows, in place of one that does not open. Drawn once: drawing it for each message would cost as much as hashing it. */
const SPARE = randomBytes(32);

/** A keyholder: its key and the certificate by which messages name it. */
export type Keyholder = Pick<Identity, 'key' | 'certificate'>;

/**
 * Opens a message with one of our keys. A key that does not open gives way to a random one, so that a wrong key, a damaged one and
 * damaged content all fail in the same place at the same price (RFC 3218 section 2.3.2); a message that names none of our keys is
 * tried with the first. For CBC the content is not to be used before the signature in it has been verified. One private-key operation.
 */
export function decryptCms(enveloped: EnvelopedData, keyholders: readonly Keyholder[]): Parsed<Buffer> {
  const { use, data, tag, aad } = enveloped;
  const found = addressed(enveloped.recipients, keyholders);
  if (found === null) return refused(`${NOT_SPOKEN}key transport other than RSA-OAEP with SHA-256`);
  if (found.recipient.transport === 'rsa-v1.5') return refused(`${NOT_SPOKEN}RSA v1.5 key transport`);
  if (found.recipient.transport !== 'oaep-sha256') return refused(`${NOT_SPOKEN}OAEP other than with SHA-256`);
  const opened = found.keyholder.key.decryptOaep(found.recipient.encryptedKey);
  const key = opened?.length === use.cipher.keyBytes ? opened : SPARE.subarray(0, use.cipher.keyBytes);
  const content = use.cipher.authenticated ? openGcm(use, key, data, tag, aad) : openCbc(use, key, data);
  opened?.fill(0);
  return content === null ? refused('EnvelopedData: no key of ours opens it, or it is damaged') : parsed(content);
}

function addressed(
  recipients: readonly RecipientInfo[],
  keyholders: readonly Keyholder[],
): { readonly recipient: RecipientInfo; readonly keyholder: Keyholder } | null {
  for (const keyholder of keyholders)
    for (const recipient of recipients) if (isOf(recipient.id, keyholder.certificate)) return { recipient, keyholder };
  const [keyholder] = keyholders;
  const recipient = recipients.find(({ transport }) => transport === 'oaep-sha256') ?? recipients[0];
  return keyholder === undefined || recipient === undefined ? null : { recipient, keyholder };
}
