import { constants, createHash, createPublicKey, verify, type KeyObject } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { InputError, messageOf } from '../errors.ts';
import { sealedBytes, sealIn, type AuditRecord, type AuditSeal, type ChainCheck } from '../store/index.ts';

/** kid (hex) -> public key */
export type Keys = ReadonlyMap<string, KeyObject>;

/** Signatures in the trail: each over a record that stands before it. */
export class Seals {
  checked = 0;
  /** no key of theirs was given */
  unchecked = 0;
  /** the last record that a checked signature covers */
  through = 0;
  readonly #check: ChainCheck;
  readonly #keys: Keys;
  readonly #hashes = new Map<number, string>();

  constructor(check: ChainCheck, keys: Keys) {
    this.#check = check;
    this.#keys = keys;
  }

  take(record: AuditRecord): void {
    const seal = sealIn(record);
    this.#remember(record);
    if (seal === 'broken') this.#wrong(record, 'cannot be read');
    else if (seal !== null) this.#verify(record, seal);
  }

  #verify(record: AuditRecord, seal: AuditSeal): void {
    const key = this.#keys.get(seal.kid);
    if (key === undefined) {
      this.unchecked++;
      return;
    }
    const standing = this.#hashes.get(seal.seq);
    const padding = constants.RSA_PKCS1_PSS_PADDING;
    if (standing !== undefined && standing !== seal.hash)
      this.#wrong(record, `was put on another record ${seal.seq} than stands here`);
    else if (!verify('sha256', sealedBytes(seal), { key, padding, saltLength: 32 }, seal.signature))
      this.#wrong(record, `is no signature by key ${seal.kid}`);
    else {
      this.checked++;
      this.through = seal.seq;
    }
  }

  #wrong({ seq }: AuditRecord, what: string): void {
    this.#check.problem(seq, 'seal', `seal ${seq} ${what}`);
  }

  /** A seal stands close behind what it signs: what came meanwhile is some thousands at the most. */
  #remember({ seq, hash }: AuditRecord): void {
    this.#hashes.set(seq, hash);
    if (this.#hashes.size > 100_000) this.#hashes.delete(this.#hashes.keys().next().value ?? 0);
  }
}

/** Public keys and certificates in PEM, by kid. @throws InputError */
export function readKeys(files: readonly string[]): Keys {
  const keys = new Map<string, KeyObject>();
  for (const file of files)
    try {
      const key = createPublicKey(readFileSync(file));
      const spki = key.export({ type: 'spki', format: 'der' });
      keys.set(createHash('sha256').update(spki).digest('hex'), key);
    } catch (error) {
      throw new InputError(
        'input-unreadable',
        `--key ${file}: no public key or certificate in PEM: ${messageOf(error)}`,
      );
    }
  return keys;
}
