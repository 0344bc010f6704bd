import { createPrivateKey, createPublicKey, diffieHellman, generateKeyPairSync, type KeyObject } from 'node:crypto';

/** One side's half of a key agreement, for one handshake (X25519, RFC 7748). */
export interface Ephemeral {
  /** the public half, raw, 32 bytes */
  readonly epk: Uint8Array;
  /** The shared secret, 32 bytes; null where the other's half is of small order, so that everybody knows it (RFC 7748, 6.1). */
  agree(theirs: Uint8Array): Buffer | null;
}

export function newEphemeral(): Ephemeral {
  const { privateKey, publicKey } = generateKeyPairSync('x25519');
  return halfOf(privateKey, publicKey);
}

// RFC 8410, section 7: the DER of a private key before its 32 bytes
const PKCS8 = Buffer.from('302e020100300506032b656e04220420', 'hex');

/** From a secret scalar of 32 bytes, as test vectors give it. */
export function ephemeralFrom(scalar: Uint8Array): Ephemeral {
  const privateKey = createPrivateKey({ key: Buffer.concat([PKCS8, scalar]), format: 'der', type: 'pkcs8' });
  return halfOf(privateKey, createPublicKey(privateKey));
}

// JWK (RFC 8037) is raw bytes to OpenSSL; DER goes through its decoders, which costs more than the agreement itself
function halfOf(privateKey: KeyObject, own: KeyObject): Ephemeral {
  return {
    epk: new Uint8Array(Buffer.from(own.export({ format: 'jwk' }).x ?? '', 'base64url')),
    agree(theirs) {
      const x = Buffer.from(theirs).toString('base64url');
      try {
        const publicKey = createPublicKey({ key: { kty: 'OKP', crv: 'X25519', x }, format: 'jwk' });
        const shared = diffieHellman({ privateKey, publicKey });
        // OpenSSL refuses zeros by itself; nothing here rests on that
        return shared.every((byte) => byte === 0) ? null : shared;
      } catch {
        return null;
      }
    },
  };
}
