import { createCipheriv, createDecipheriv, createHash, randomBytes } from 'node:crypto';
import type { Millis } from '../../model.ts';
import { parsed, refused, type Parsed } from '../../parsed.ts';
import { MINUTE } from '../../time.ts';
import { bytesOf, readExact, writeExact, type Shape } from '../exact-json.ts';
import { isHost } from '../identity.ts';
import type { PrivateKeyHandle } from '../private-key.ts';
import type { PublicKey } from '../public-key.ts';
import { TAG_BYTES } from './frames.ts';
import { FIRST_NONCE } from './record.ts';
import { KEY_BYTES, labelled } from './schedule.ts';

/**
 * Who calls whom, sealed (docs/csc.md, "Boxes"): the caller's agent seals the callee for the gateway, the gateway seals the
 * caller for the callee's agent. A box is bound to one INVITE, signed, and opened by one recipient.
 */
export type BoxKind = 'callee' | 'caller';

/** Header that carries it. */
export const BOX_HEADER: Readonly<Record<BoxKind, string>> = { callee: 'CGS-Callee', caller: 'CGS-Caller' };

/** How far `at` may be from the gateway's clock, either way. */
export const BOX_FRESH: Millis = 2 * MINUTE;
/** How long a nonce is remembered: as long as its box can be fresh, from the first to the last moment. */
export const BOX_REMEMBERED: Millis = 2 * BOX_FRESH;

export const isFreshBox = (at: Millis, now: Millis): boolean => Math.abs(now - at) <= BOX_FRESH;

/** What a box says. */
export interface BoxContents {
  /** `sip:user@host`, host in lower case, at most 128 bytes */
  readonly to: string;
  readonly from: string;
  /** of the INVITE that carries it: `bindOf` */
  readonly bind: Uint8Array;
  readonly at: Millis;
  /** 16 bytes */
  readonly nonce: Uint8Array;
}

export interface OpenedBox extends BoxContents {
  /** which of the recipient's keys opened it, and whose signature it carries */
  readonly recipient: string;
  readonly sender: string;
}

const CONTENTS = {
  v: 'integer',
  to: 'text',
  from: 'text',
  bind: 32,
  at: 'integer',
  nonce: 16,
} as const satisfies Shape;
const VERSION = 1;
const FORM = 0x01;
/** length, JSON and zeros */
const PADDED = 512;
const LONGEST_URI = 128;

const labelOf = (kind: BoxKind): string => `csc/1 ${kind}`;
const raw = (kid: string): Uint8Array => Buffer.from(kid, 'base64url');
const signedOf = (kind: BoxKind, recipient: string, sender: string, json: Uint8Array): Buffer =>
  labelled(labelOf(kind), raw(recipient), raw(sender), json);

/** Is it `sip:user@host` as a box holds it: no port, no parameters, host in lower case (RFC 3261, 25.1)? */
export function isBoxUri(uri: string): boolean {
  const [, host = ''] = /^sip:(?:[A-Za-z0-9\-_.!~*'()&=+$,;?/]|%[0-9A-Fa-f]{2})+@([^@]+)$/.exec(uri) ?? [];
  const bare = host.startsWith('[') && host.endsWith(']') ? host.slice(1, -1) : host;
  return (
    uri.length <= LONGEST_URI && host === host.toLowerCase() && isHost(bare) && bare.includes(':') === (bare !== host)
  );
}

/** What binds a box to its INVITE. All as the message that carries the box has it. @param cseq the number alone */
export function bindOf(callId: string, fromTag: string, cseq: number, body: Uint8Array): Uint8Array {
  return createHash('sha256').update(`${callId}\0${fromTag}\0${cseq}\0`, 'latin1').update(body).digest();
}

export const newBoxNonce = (): Uint8Array => randomBytes(16);

/**
 * Seals a box.
 * @param k its key; for test vectors alone
 * @throws TypeError for a URI that `isBoxUri` refuses
 */
export async function sealBox(
  kind: BoxKind,
  contents: BoxContents,
  recipient: PublicKey,
  sender: PrivateKeyHandle,
  k: Uint8Array = randomBytes(KEY_BYTES),
): Promise<string> {
  const { to, from, bind, at, nonce } = contents;
  for (const uri of [to, from]) if (!isBoxUri(uri)) throw new TypeError('a URI that has no place in a box');
  const json = writeExact(CONTENTS, { v: VERSION, to, from, bind, at, nonce });
  const head = Buffer.alloc(PADDED);
  head.writeUInt16BE(json.length, 0);
  head.set(json, 2);
  const signature = await sender.signPssAsync(signedOf(kind, recipient.kid, sender.kid, json));
  const cipher = createCipheriv('chacha20-poly1305', k, FIRST_NONCE, { authTagLength: TAG_BYTES });
  const length = PADDED + signature.length;
  cipher.setAAD(labelled(labelOf(kind), raw(recipient.kid)), { plaintextLength: length });
  const sealed = [cipher.update(head), cipher.update(signature), cipher.final()];
  const wrapped = recipient.encryptOaep(k, Buffer.from(labelOf(kind)));
  return Buffer.concat([Buffer.of(FORM), wrapped, ...sealed, cipher.getAuthTag()]).toString('base64url');
}

/**
 * Opens a box. Whether it is fresh, new, bound to this INVITE and from whom it must be is the caller's to judge.
 * @param recipients our live keys: a box does not say for which it is
 * @param senders the keys of which one must have signed it
 * @returns refused: `reason` is for the log alone, the other side gets one answer for all
 */
export async function openBox(
  kind: BoxKind,
  box: string,
  recipients: readonly PrivateKeyHandle[],
  senders: readonly PublicKey[],
): Promise<Parsed<OpenedBox>> {
  const bytes = bytesOf(box);
  if (bytes?.[0] !== FORM) return refused('not a box');
  for (const recipient of recipients) {
    const plain = await decrypted(kind, bytes, recipient);
    if (plain !== null) return contentsOf(kind, plain, recipient.kid, senders);
  }
  return refused('a box for somebody else, or changed');
}

async function decrypted(kind: BoxKind, bytes: Uint8Array, recipient: PrivateKeyHandle): Promise<Buffer | null> {
  const wrapped = bytes.subarray(1, 1 + recipient.bits / 8);
  const sealed = bytes.subarray(1 + wrapped.length);
  const length = sealed.length - TAG_BYTES;
  if (length < PADDED) return null;
  const k = await recipient.decryptOaepAsync(wrapped, Buffer.from(labelOf(kind)));
  if (k?.length !== KEY_BYTES) return null;
  const decipher = createDecipheriv('chacha20-poly1305', k, FIRST_NONCE, { authTagLength: TAG_BYTES });
  decipher.setAAD(labelled(labelOf(kind), raw(recipient.kid)), { plaintextLength: length });
  decipher.setAuthTag(sealed.subarray(length));
  const plain = decipher.update(sealed.subarray(0, length));
  k.fill(0);
  try {
    decipher.final();
    return plain;
  } catch {
    return null;
  }
}

function contentsOf(kind: BoxKind, plain: Buffer, recipient: string, senders: readonly PublicKey[]): Parsed<OpenedBox> {
  const length = plain.readUInt16BE(0);
  if (length > PADDED - 2) return refused('a box with a wrong length');
  const json = plain.subarray(2, 2 + length);
  if (plain.subarray(2 + length, PADDED).some((byte) => byte !== 0))
    return refused('a box that is not padded with zeros');
  const signature = plain.subarray(PADDED);
  const sender = senders.find((key) => key.verifyPss(signedOf(kind, recipient, key.kid, json), signature));
  if (sender === undefined) return refused('a box that nobody has signed who may');
  const read = readExact(CONTENTS, json);
  if (!read.ok) return read;
  const { v, to, from, bind, at, nonce } = read.value;
  if (v !== VERSION || !isBoxUri(to) || !isBoxUri(from))
    return refused('a box whose contents are not what they should be');
  return parsed({ to, from, bind, at, nonce, recipient, sender: sender.kid });
}
