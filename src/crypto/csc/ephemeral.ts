import { createPrivateKey, createPublicKey, diffieHellman, generateKeyPairSync, type KeyObject } from 'node:crypto';

/** One side's half of a key agreement, for one handshake (X25519, RFC 7748). */
export interface Ephemeral {
  /** the public half, raw, 32 bytes */
  readonly epk: Uint8Array;
  /** The shared secret, 32 bytes; null where the other's half is of small order, so that everybody knows it (RFC 7748, 6.1). */
  agree(theirs: Uint8Array): Buffer | null;
}

// RFC 8410, section 7: the DER of an X25519 key before its 32 bytes
const PKCS8 = Buffer.from('302e020100300506032b656e04220420', 'hex');
const SPKI = Buffer.from('302a300506032b656e032100', 'hex');

export const newEphemeral = (): Ephemeral => halfOf(generateKeyPairSync('x25519').privateKey);

/** From a secret scalar of 32 bytes, as test vectors give it. */
export function ephemeralFrom(scalar: Uint8Array): Ephemeral {
  return halfOf(createPrivateKey({ key: Buffer.concat([PKCS8, scalar]), format: 'der', type: 'pkcs8' }));
}

function halfOf(privateKey: KeyObject): Ephemeral {
  const spki = createPublicKey(privateKey).export({ type: 'spki', format: 'der' });
  return {
    epk: new Uint8Array(spki.subarray(SPKI.length)),
    agree(theirs) {
      try {
        const publicKey = createPublicKey({ key: Buffer.concat([SPKI, theirs]), format: 'der', type: 'spki' });
        const shared = diffieHellman({ privateKey, publicKey });
        // OpenSSL refuses zeros by itself; nothing here rests on that
        return shared.every((byte) => byte === 0) ? null : shared;
      } catch {
        return null;
      }
    },
  };
}
