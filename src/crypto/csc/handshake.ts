import { randomBytes } from 'node:crypto';
import type { PrivateKeyHandle } from '../private-key.ts';
import { writeExact, type Shape } from '../exact-json.ts';
import { newEphemeral, type Ephemeral } from './ephemeral.ts';
import { HANDSHAKE_BOUNDS, type Bounds, type FrameReader, type HeaderFault } from './frames.ts';
import { KEY_BYTES } from './schedule.ts';
import type { Opener, Sealer } from './record.ts';

/** Frames 0x01 and 0x02. */
export const HELLO = { v: 'integer', gw: KEY_BYTES, epk: KEY_BYTES, rnd: KEY_BYTES } as const satisfies Shape;
/** Frame 0x03. */
export const PROOF = { sig: 'bytes' } as const satisfies Shape;
/** What frame 0x04 seals. */
export const AUTH = { id: 'text', kid: KEY_BYTES, inst: 16, sig: 'bytes' } as const satisfies Shape;
/** What frame 0x05 seals. */
export const READY = { wrap: 'bytes', now: 'integer' } as const satisfies Shape;

/** The protocol's version, `v`. */
export const VERSION = 1;

const nothing = new Uint8Array(KEY_BYTES);
const helloLength = writeExact(HELLO, { v: VERSION, gw: nothing, epk: nothing, rnd: nothing }).length;
/** A hello has one length, so a stranger is waited for no longer than that. */
export const HELLO_BOUNDS: Bounds = { least: helloLength, most: helloLength };

/** Why a handshake ended. The other side learns none of it. */
export type HandshakeRefusal =
  /** bytes that are no frame which could come here */
  | HeaderFault
  | 'malformed'
  | 'version'
  /** another gateway's key is named */
  | 'gateway'
  /** an X25519 half of small order */
  | 'weak-key'
  /** frames 4 and 5: not sealed by whoever began the handshake */
  | 'tag'
  /** a signature that is not that of the key */
  | 'proof'
  | 'unknown-key'
  | 'revoked-key'
  | 'expired-key'
  /** a good key, and the name of another account */
  | 'account'
  /** frame 5: the secret cannot be opened */
  | 'secret'
  /** more bytes than anything that may come holds, before it was their turn */
  | 'early';

/** What becomes of a handshake that was refused. */
export interface HandshakeRefused {
  readonly kind: 'refused';
  readonly reason: HandshakeRefusal;
  /** the key that was claimed, base64url, where one was */
  readonly kid?: string;
  /** its account; only where the key was proven */
  readonly account?: string;
}

/** Both sides know the keys. Bytes that came already are in `reader`. */
export interface Established {
  readonly kind: 'established';
  readonly sealer: Sealer;
  readonly opener: Opener;
  readonly reader: FrameReader;
}

/** What a machine asks of its socket and of a private key, in order. */
export type HandshakeStep<D extends Established> =
  | { readonly kind: 'send'; readonly bytes: Buffer }
  /** sign with PSS, and give the signature to `signed`; nothing is read until then */
  | { readonly kind: 'sign'; readonly key: PrivateKeyHandle; readonly data: Uint8Array }
  /** decrypt with OAEP, and give what came out to `unwrapped`; nothing is read until then */
  | {
      readonly kind: 'unwrap';
      readonly key: PrivateKeyHandle;
      readonly label: Uint8Array;
      readonly wrapped: Uint8Array;
    }
  | D
  | HandshakeRefused;

/** Random values of one side of one handshake. */
export interface Fresh {
  readonly ephemeral: Ephemeral;
  readonly rnd: Uint8Array;
  /** the gateway's half of the session keys, 32 bytes; erased by the machine */
  readonly s1: Buffer;
}

export const draw = (): Fresh => ({
  ephemeral: newEphemeral(),
  rnd: randomBytes(KEY_BYTES),
  s1: randomBytes(KEY_BYTES),
});

/** Most bytes that wait while a private key works: a socket's chunk, no more. */
export const MOST_WAITING = 4 * HANDSHAKE_BOUNDS.most;
