import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from 'node:crypto';
import { inspect } from 'node:util';
import { parsed, refused, type Parsed } from '../parsed.ts';

/** Length of a master key, bytes. */
export const MASTER_KEY_BYTES = 32;
const SALT = 32;
const NONCE = 12;
const TAG = 16;

/** The key under which everything secret is kept. It prints as nothing. */
export class MasterKey {
  readonly #bytes: Buffer;

  /** @param bytes 32 random bytes; they are copied: erase them */
  constructor(bytes: Uint8Array) {
    if (bytes.length !== MASTER_KEY_BYTES) throw new RangeError(`a master key has ${MASTER_KEY_BYTES} bytes`);
    this.#bytes = Buffer.from(bytes);
  }

  /**
   * Encrypts under a key of its own (AES-256-GCM; HKDF-SHA-256 of the master key, a random salt and the purpose).
   * `name` is what it is kept as: under another name it does not open. @returns salt, nonce, ciphertext, tag in base64url
   */
  seal(purpose: string, name: string, plain: Uint8Array): string {
    const salt = randomBytes(SALT);
    const nonce = randomBytes(NONCE);
    const key = this.#key(purpose, salt);
    const cipher = createCipheriv('aes-256-gcm', key, nonce).setAAD(Buffer.from(name));
    const box = Buffer.concat([salt, nonce, cipher.update(plain), cipher.final(), cipher.getAuthTag()]);
    key.fill(0);
    return box.toString('base64url');
  }

  /** Opens what `seal` made. Erase it after use. Refused: another master key, purpose or name, or it was changed. */
  open(purpose: string, name: string, sealed: string): Parsed<Buffer> {
    const box = Buffer.from(sealed, 'base64url');
    if (box.length < SALT + NONCE + TAG) return refused('cut short');
    const key = this.#key(purpose, box.subarray(0, SALT));
    const decipher = createDecipheriv('aes-256-gcm', key, box.subarray(SALT, SALT + NONCE), { authTagLength: TAG });
    decipher.setAAD(Buffer.from(name)).setAuthTag(box.subarray(-TAG));
    try {
      const head = decipher.update(box.subarray(SALT + NONCE, -TAG));
      const plain = Buffer.concat([head, decipher.final()]);
      head.fill(0);
      return parsed(plain);
    } catch {
      return refused('sealed under another master key, or changed since');
    } finally {
      key.fill(0);
    }
  }

  /** The bytes themselves, for a backup alone. Erase them after use. */
  copy(): Buffer {
    return Buffer.from(this.#bytes);
  }

  #key(purpose: string, salt: Uint8Array): Buffer {
    return Buffer.from(hkdfSync('sha256', this.#bytes, salt, `ringfence ${purpose}`, 32));
  }

  toJSON(): string {
    return 'master key';
  }

  [inspect.custom](): string {
    return 'master key';
  }
}
