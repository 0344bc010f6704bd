import { createHash, hkdfSync, type Hash } from 'node:crypto';

/** Every label of CSC/1, as bytes (docs/csc.md, "Keys"). */
export const LABEL = {
  server: 'csc/1 server',
  client: 'csc/1 client',
  handshakeToServer: 'csc/1 hs c2s',
  handshakeToClient: 'csc/1 hs s2c',
  secret: 'csc/1 s1',
  toServer: 'csc/1 c2s',
  toClient: 'csc/1 s2c',
  rekey: 'csc/1 rekey',
} as const;

/** Of the TLS connection: label, and how many bytes. The context is empty. */
export const EXPORTER = { label: 'EXPORTER-csc/1', bytes: 32 } as const;

/** Length of every key and hash here, bytes. */
export const KEY_BYTES = 32;

/** HKDF (RFC 5869) with SHA-256, 32 bytes. */
export const hkdf = (ikm: Uint8Array, salt: Uint8Array, info: string): Buffer =>
  Buffer.from(hkdfSync('sha256', ikm, salt, info, KEY_BYTES));

/** Keys of both directions. */
export interface Keys {
  readonly toServer: Buffer;
  readonly toClient: Buffer;
}

/** Keys of frames 0x04 and 0x05. `h3`: hash of frames 1 to 3. */
export const handshakeKeys = (shared: Uint8Array, h3: Uint8Array): Keys => ({
  toServer: hkdf(shared, h3, LABEL.handshakeToServer),
  toClient: hkdf(shared, h3, LABEL.handshakeToClient),
});

/** Keys of the records. `h5`: hash of frames 1 to 5. */
export function sessionKeys(shared: Uint8Array, s1: Uint8Array, h5: Uint8Array): Keys {
  const ikm = Buffer.concat([shared, s1]);
  try {
    return { toServer: hkdf(ikm, h5, LABEL.toServer), toClient: hkdf(ikm, h5, LABEL.toClient) };
  } finally {
    ikm.fill(0);
  }
}

export const rekeyed = (key: Uint8Array): Buffer => hkdf(key, Buffer.alloc(0), LABEL.rekey);

/** H(n): SHA-256 of the frames so far, whole, as on the wire. */
export class Transcript {
  readonly #hash: Hash = createHash('sha256');

  add(whole: Uint8Array): void {
    this.#hash.update(whole);
  }

  hash(): Buffer {
    return this.#hash.copy().digest();
  }
}

const ZERO = Buffer.of(0);

/** What a signature, tag or hash is over: the label, a zero byte, then the parts. */
export const labelled = (label: string, ...parts: readonly Uint8Array[]): Buffer =>
  Buffer.concat([Buffer.from(label), ZERO, ...parts]);

/** What the gateway signs in frame 0x03. */
export const serverProof = (h2: Uint8Array, exporter: Uint8Array, kidS: Uint8Array): Buffer =>
  labelled(LABEL.server, h2, exporter, kidS);

/** What the client signs in frame 0x04. */
export const clientProof = (
  h3: Uint8Array,
  exporter: Uint8Array,
  kidS: Uint8Array,
  kidC: Uint8Array,
  inst: Uint8Array,
  id: string,
): Buffer => labelled(LABEL.client, h3, exporter, kidS, kidC, inst, Buffer.from(id, 'latin1'));
