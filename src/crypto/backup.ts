import { createCipheriv, createDecipheriv, randomBytes, scryptSync } from 'node:crypto';
import { parsed, refused, type Parsed } from '../parsed.ts';

/** scrypt (RFC 7914): 128 MiB and about half a second a guess. */
const COST = { N: 131_072, r: 8, p: 1 } as const;
const LEAST_PASSPHRASE = 12;
const SALT = 32;
const NONCE = 12;
const TAG = 16;
const MAGIC = Buffer.from('ringfence backup 1\n');

/** Why a passphrase is too weak for everything that there is; null: it will do. */
export const passphraseProblem = (passphrase: string): string | null =>
  passphrase.length < LEAST_PASSPHRASE ? `a passphrase of ${LEAST_PASSPHRASE} characters or more is wanted` : null;

const keyOf = (passphrase: string, salt: Uint8Array): Buffer =>
  scryptSync(passphrase.normalize('NFC'), salt, 32, { ...COST, maxmem: 160 * COST.N * COST.r });

/** Encrypts a backup under a passphrase: magic, salt, nonce, AES-256-GCM, tag; what stands before the ciphertext is AAD. */
export function sealBackup(passphrase: string, plain: Uint8Array): Buffer {
  const head = Buffer.concat([MAGIC, randomBytes(SALT), randomBytes(NONCE)]);
  const key = keyOf(passphrase, head.subarray(MAGIC.length, MAGIC.length + SALT));
  const cipher = createCipheriv('aes-256-gcm', key, head.subarray(-NONCE)).setAAD(head);
  key.fill(0);
  return Buffer.concat([head, cipher.update(plain), cipher.final(), cipher.getAuthTag()]);
}

/** Opens what `sealBackup` made; erase it after use. */
export function openBackup(passphrase: string, sealed: Uint8Array): Parsed<Buffer> {
  const file = Buffer.from(sealed.buffer, sealed.byteOffset, sealed.byteLength);
  const headLength = MAGIC.length + SALT + NONCE;
  if (!file.subarray(0, MAGIC.length).equals(MAGIC)) return refused('not a backup of ringfence keys');
  if (file.length < headLength + TAG) return refused('a backup that is cut short');
  const head = file.subarray(0, headLength);
  const key = keyOf(passphrase, head.subarray(MAGIC.length, MAGIC.length + SALT));
  const decipher = createDecipheriv('aes-256-gcm', key, head.subarray(-NONCE), { authTagLength: TAG });
  decipher.setAAD(head).setAuthTag(file.subarray(-TAG));
  key.fill(0);
  try {
    return parsed(Buffer.concat([decipher.update(file.subarray(headLength, -TAG)), decipher.final()]));
  } catch {
    return refused('the passphrase is wrong, or the backup was changed');
  }
}
