import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import { existsSync, linkSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { DigestAnswers, type AcceptedAnswer } from '../../correlate/digest-answers.ts';
import { InputError, messageOf, RingfenceError } from '../../errors.ts';
import type { Millis } from '../../model.ts';
import { giveTo } from '../../store/file.ts';
import type { SealedAnswer, Store } from '../../store/index.ts';

/** The key under which digest answers lie in the store. Without it they are noise, also in a copy of the store. */
export const answerKeyFile = (store: string): string => `${store}.audit.key`;

const KEY_BYTES = 32;
/** GCM's recommended nonce (NIST SP 800-38D section 5.2.1.1) and its whole tag. */
const NONCE_BYTES = 12;
const TAG_BYTES = 16;

/**
 * The key beside a store, made where there is none: 0600, of whoever owns the store.
 * @throws RingfenceError secret-unsafe when others may read it; InputError when it cannot be read or is no key
 */
export function answerKey(store: string): Buffer {
  const file = answerKeyFile(store);
  try {
    if (!existsSync(file)) makeKey(file, store);
    if ((statSync(file).mode & 0o077) !== 0)
      throw new RingfenceError('secret-unsafe', `${file} can be read by others; run: chmod 600 ${file}`);
    const key = Buffer.from(readFileSync(file, 'utf8').trim(), 'base64');
    if (key.length !== KEY_BYTES)
      throw new InputError(
        'input-malformed',
        `${file} is no key; delete it, the daemon makes a new one at its next start`,
      );
    return key;
  } catch (error) {
    if (error instanceof RingfenceError) throw error;
    throw new InputError('input-unreadable', `cannot read ${file}: ${messageOf(error)}; run ringfence as its owner, or as root`, { cause: error }); // prettier-ignore
  }
}

/** Whole or not there, and never over another's: two who make it at once take the same. */
function makeKey(file: string, store: string): void {
  const own = `${file}.${process.pid}`;
  writeFileSync(own, `${randomBytes(KEY_BYTES).toString('base64')}\n`, { mode: 0o600, flush: true });
  giveTo(own, statSync(existsSync(store) ? store : dirname(store)));
  try {
    linkSync(own, file);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  } finally {
    rmSync(own, { force: true });
  }
}

/** What the seal holds to: a row that is put in another's place does not open. */
const bound = (account: string, at: Millis): Buffer =>
  Buffer.from(JSON.stringify(['digest-answer', account, Math.round(at)]));

/** AES-256-GCM: nonce, ciphertext, tag, in base64. */
export function sealAnswer(key: Buffer, account: string, accepted: AcceptedAnswer): SealedAnswer {
  const at = Math.round(accepted.at);
  const nonce = randomBytes(NONCE_BYTES);
  const cipher = createCipheriv('aes-256-gcm', key, nonce, { authTagLength: TAG_BYTES }).setAAD(bound(account, at));
  const text = cipher.update(JSON.stringify(accepted), 'utf8');
  const sealed = Buffer.concat([nonce, text, cipher.final(), cipher.getAuthTag()]).toString('base64');
  return { account, at, sealed };
}

/** @returns null: another key, or not what was sealed */
export function openAnswer(key: Buffer, { account, at, sealed }: SealedAnswer): AcceptedAnswer | null {
  const bytes = Buffer.from(sealed, 'base64');
  if (bytes.length < NONCE_BYTES + TAG_BYTES) return null;
  try {
    const decipher = createDecipheriv('aes-256-gcm', key, bytes.subarray(0, NONCE_BYTES), { authTagLength: TAG_BYTES });
    decipher.setAAD(bound(account, at)).setAuthTag(bytes.subarray(-TAG_BYTES));
    const text = Buffer.concat([decipher.update(bytes.subarray(NONCE_BYTES, -TAG_BYTES)), decipher.final()]);
    return JSON.parse(text.toString('utf8')) as AcceptedAnswer;
  } catch {
    return null;
  }
}

/** Accounts whose answers wait to be written. */
const MOST_WAITING = 10_000;

/** `[audit] passwords = true`: the last accepted answer of each account, sealed into the store now and then. */
export class AnswerKeeper {
  readonly answers: DigestAnswers;
  readonly #store: Store;
  readonly #key: Buffer;
  readonly #waiting = new Map<string, AcceptedAnswer>();

  /** `accountOf`: the account that a digest username leads to, null: none that is known. @throws as `answerKey` */
  constructor(store: Store, accountOf: (username: string) => string | null) {
    this.#store = store;
    this.#key = answerKey(store.path);
    this.answers = new DigestAnswers((accepted) => {
      const account = accountOf(accepted.answer.username);
      if (account === null || (this.#waiting.size >= MOST_WAITING && !this.#waiting.has(account))) return;
      this.#waiting.set(account, accepted);
    });
  }

  /** Writes what is new, and forgets what is older than `before`. @throws StoreError; what waits then waits on */
  flush(before: Millis): void {
    this.#store.transaction(() => {
      for (const [account, accepted] of this.#waiting)
        this.#store.digestAnswers.put(sealAnswer(this.#key, account, accepted));
      this.#store.digestAnswers.forget(before);
    });
    this.#waiting.clear();
  }
}
