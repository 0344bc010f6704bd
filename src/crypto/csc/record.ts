import { createCipheriv, createDecipheriv } from 'node:crypto';
import { HEADER_BYTES, TAG_BYTES, type Frame } from './frames.ts';
import { rekeyed } from './schedule.ts';

const CIPHER = 'chacha20-poly1305';
const OPTIONS = { authTagLength: TAG_BYTES } as const;
const NONCE_BYTES = 12;
/** A key seals this many records; then comes the next. */
export const RECORDS_PER_KEY = 2 ** 20;

/** A frame of ciphertext and tag; its header is what the ciphertext is bound to. */
export function seal(key: Uint8Array, nonce: Uint8Array, type: number, plain: Uint8Array): Buffer {
  const length = plain.length + TAG_BYTES;
  const out = Buffer.allocUnsafe(HEADER_BYTES + length);
  out[0] = type;
  out.writeUInt32BE(length, 1);
  const cipher = createCipheriv(CIPHER, key, nonce, OPTIONS);
  cipher.setAAD(out.subarray(0, HEADER_BYTES), { plaintextLength: plain.length });
  out.set(cipher.update(plain), HEADER_BYTES);
  cipher.final();
  out.set(cipher.getAuthTag(), HEADER_BYTES + plain.length);
  return out;
}

/** The plain bytes of a sealed frame; null when it is not what was sealed. */
export function open(key: Uint8Array, nonce: Uint8Array, { header, payload }: Frame): Buffer | null {
  const length = payload.length - TAG_BYTES;
  if (length < 0) return null;
  const decipher = createDecipheriv(CIPHER, key, nonce, OPTIONS);
  decipher.setAAD(header, { plaintextLength: length });
  decipher.setAuthTag(payload.subarray(length));
  const plain = decipher.update(payload.subarray(0, length));
  try {
    decipher.final();
    return plain;
  } catch {
    return null;
  }
}

/** Of the only frame under a key: twelve zero bytes. */
export const FIRST_NONCE: Uint8Array = new Uint8Array(NONCE_BYTES);

/** One direction's key and sequence number: counted from 0, never reset; the key changes after every 2^20 records. */
class Direction {
  readonly #nonce = Buffer.alloc(NONCE_BYTES);
  #key: Buffer;
  #seq: number;

  /** @param key is this object's from now on, and erased by it */
  constructor(key: Buffer, seq = 0) {
    this.#key = key;
    this.#seq = seq;
  }

  /** Calls `use` with the key and nonce of the next record. The nonce is good for the time of the call. */
  protected next<T>(use: (key: Uint8Array, nonce: Uint8Array) => T): T {
    if (this.#seq > 0 && this.#seq % RECORDS_PER_KEY === 0) {
      const old = this.#key;
      this.#key = rekeyed(old);
      old.fill(0);
    }
    this.#nonce.writeUInt32BE(Math.floor(this.#seq / 2 ** 32), 4);
    this.#nonce.writeUInt32BE(this.#seq % 2 ** 32, 8);
    this.#seq++;
    return use(this.#key, this.#nonce);
  }

  /** Forgets the key: the session is over. */
  erase(): void {
    this.#key.fill(0);
  }
}

/** Seals the records of one direction. */
export class Sealer extends Direction {
  seal(type: number, plain: Uint8Array): Buffer {
    return this.next((key, nonce) => seal(key, nonce, type, plain));
  }
}

/** Opens the records of one direction, each once and in order. */
export class Opener extends Direction {
  /** @returns null: not the next record of that side; the session is over then */
  open(record: Frame): Buffer | null {
    return this.next((key, nonce) => open(key, nonce, record));
  }
}
