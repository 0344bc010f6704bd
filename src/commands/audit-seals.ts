import { constants, createHash, createPublicKey, verify, type KeyObject } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { InputError, messageOf } from '../errors.ts';
import {
  sealedBytes,
  sealIn,
  signatureIn,
  type AuditRecord,
  type AuditSeal,
  type ChainCheck,
  type Store,
} from '../store/index.ts';

/** kid (hex) -> public key */
export type Keys = ReadonlyMap<string, KeyObject>;

/** Signatures in the trail: seals, each over a record that stands before it, and those that records of messages have of their own. */
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
    const own = signatureIn(record);
    if (own === 'broken') this.#check.problem(record.seq, 'seal', 'its signature cannot be read');
    else if (own !== null) this.#verifyOwn(record, own);
  }

  #verifyOwn({ seq }: AuditRecord, own: Exclude<ReturnType<typeof signatureIn>, 'broken' | null>): void {
    const key = this.#keys.get(own.kid);
    if (key === undefined) this.unchecked++;
    else if (holds(key, own.bytes, own.signature)) this.checked++;
    else this.#check.problem(seq, 'seal', `its signature is none by key ${own.kid}`);
  }

  #verify(record: AuditRecord, seal: AuditSeal): void {
    const key = this.#keys.get(seal.kid);
    if (key === undefined) {
      this.unchecked++;
      return;
    }
    const standing = this.#hashes.get(seal.seq);
    if (standing !== undefined && standing !== seal.hash)
      this.#wrong(record, `was put on another record ${seal.seq} than stands here`);
    else if (!holds(key, sealedBytes(seal), seal.signature)) this.#wrong(record, `is no signature by key ${seal.kid}`);
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

const holds = (key: KeyObject, bytes: Uint8Array, signature: Uint8Array): boolean =>
  verify('sha256', bytes, { key, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: 32 }, signature);

const kidOf = (key: KeyObject): string =>
  createHash('sha256')
    .update(key.export({ type: 'spki', format: 'der' }))
    .digest('hex');

/** The keys that the gateway has and had, as the store has their certificates. */
export const keysOfStore = ({ certificates }: Pick<Store, 'certificates'>): Keys =>
  new Map(
    certificates
      .all()
      .filter(({ use }) => use === 'gateway')
      .map(({ spki }) => {
        const key = createPublicKey({ key: Buffer.from(spki, 'base64'), format: 'der', type: 'spki' });
        return [kidOf(key), key];
      }),
  );

const BLOCK = /-----BEGIN ([A-Z ]+)-----[\s\S]+?-----END \1-----/g;

/** Public keys and certificates in PEM, as many as there are in each file, by kid. @throws InputError */
export function readKeys(files: readonly string[]): Keys {
  const keys = new Map<string, KeyObject>();
  for (const file of files)
    try {
      const text = readFileSync(file, 'utf8');
      for (const block of text.match(BLOCK) ?? [text]) {
        const key = createPublicKey(block);
        keys.set(kidOf(key), key);
      }
    } catch (error) {
      throw new InputError(
        'input-unreadable',
        `--key ${file}: no public key or certificate in PEM: ${messageOf(error)}`,
      );
    }
  return keys;
}
