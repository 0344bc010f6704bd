import { createHash } from 'node:crypto';
import type { SessionFacts } from '../model.ts';
import { sdpPart } from '../wire/sdp.ts';
import type { SipMessage } from '../wire/sip.ts';

/** What is looked at of a session description: an offer of a soft phone with every codec and key has some 3,000 bytes. */
const MOST_BYTES = 16_384;
const MOST_KEYS = 8;
const DIGEST_BYTES = 16;

// written for lines as RFC 8866 section 9 has them; what is not so spelt comes out empty
const ORIGIN = /o=([!-~]{1,64}) ([!-~]{1,32}) ([!-~]{1,32}) IN IP[46] ([!-~]{1,64})/y;
const CONNECTION = /c=IN IP[46] ([^/\s]{1,64})/y;
/** CMS (RFC 8551); multipart/signed can be read, and its description is looked at as any other. */
const SEALED = /^application\/(?:x-)?pkcs7-mime\b/i;
const CRYPTO = '\na=crypto:';
/** tag, suite, key parameters (RFC 4568 section 9.1) */
const KEYS = /^\d{1,9} +\S{1,64} +(\S{1,2000})/;
const INLINE = /inline:([A-Za-z0-9+/=]{16,256})/gi;

/**
 * What of a message's session description tells sessions and keys apart; null without one. A part of `decodeSdp` (wire/sdp.ts),
 * for every INVITE and its answers are asked for it, several times each where several legs are mirrored.
 */
export function sessionOf(message: SipMessage): SessionFacts | null {
  const { contentType } = message;
  if (contentType === '') return null;
  if (SEALED.test(contentType)) return message.body.length === 0 ? null : sealedFacts(message.body);
  const part = contentType === 'application/sdp' ? message.body : sdpPart(contentType, message.body);
  if (part === null || part.length === 0) return null;
  const text = part.toString('latin1', 0, Math.min(part.length, MOST_BYTES));
  const [, username = '', sessionId = '', version = '', originAddress = ''] = lineAt(text, '\no=', ORIGIN) ?? [];
  return {
    origin: sessionId === '' ? '' : `${username} ${sessionId}`,
    version,
    originAddress,
    connection: lineAt(text, '\nc=', CONNECTION)?.[1] ?? '',
    keys: keysOf(text),
  };
}

/** Nobody but the callee reads it, and nobody makes the same ciphertext twice (each has a key of its own, RFC 5652 section 6). */
const sealedFacts = (body: Buffer): SessionFacts => ({
  origin: '',
  version: '',
  originAddress: '',
  connection: '',
  keys: NO_KEYS,
  sealed: createHash('sha256').update(body).digest().toString('hex', 0, DIGEST_BYTES),
});

/** The first line that begins so; `v=` stands before all of them. */
function lineAt(text: string, start: string, pattern: RegExp): RegExpExecArray | null {
  const at = text.indexOf(start);
  if (at < 0) return null;
  pattern.lastIndex = at + 1;
  return pattern.exec(text);
}

const NO_KEYS: readonly string[] = [];

function keysOf(text: string): readonly string[] {
  let at = text.indexOf(CRYPTO);
  if (at < 0) return NO_KEYS;
  const digests: string[] = [];
  for (; at >= 0 && digests.length < MOST_KEYS; at = text.indexOf(CRYPTO, at + 1)) {
    const start = at + CRYPTO.length;
    const parameters = KEYS.exec(text.slice(start, start + 2_100))?.[1] ?? '';
    for (const [, key = ''] of parameters.matchAll(INLINE)) if (digests.length < MOST_KEYS) digests.push(digestOf(key));
  }
  return digests;
}

/** A master key and its salt are 240 random bits and more, so that a digest without a secret of ours gives nothing away. */
const digestOf = (key: string): string =>
  createHash('sha256').update(key, 'latin1').digest().toString('hex', 0, DIGEST_BYTES);
