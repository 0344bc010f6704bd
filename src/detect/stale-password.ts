import type { AuthFailed, AuthSucceeded, EvidenceDraft, Millis, Severity, Subject } from '../model.ts';
import { DAY, iso } from '../time.ts';
import { BoundedMap, type Packed } from '../windows.ts';
import { counted, printable } from './phrases.ts';
import { accountSubject, addressSubject, copy } from './story.ts';

const PHONES = 5_000;

interface Phone {
  failures: number;
  last: Millis;
  told: Millis | null;
}

/** What all evidence about passwords has in common; the sentence and facts are put in by whom it is about. */
export function draft(
  event: AuthFailed | AuthSucceeded,
  severity: Severity,
  subject: Subject,
  key: string,
): EvidenceDraft {
  const sourceProof = event.proof ?? 'none';
  const { at, source } = event;
  const nobody = { summary: '', facts: {}, calls: [], callKeys: [], accounts: [] };
  return { ...nobody, key, at, severity, subject, sources: [source], sourceProof };
}

/** Phones that keep trying a password that is wrong: an owner's, or one that goes at the pace of a phone. */
export class StalePasswords {
  readonly #threshold: number;
  /** account and source */
  readonly #phones = new BoundedMap<Phone>(PHONES);

  /** `threshold`: failures of an owner's phone that are worth a word */
  constructor(threshold: number) {
    this.#threshold = threshold;
  }

  get size(): number {
    return this.#phones.size;
  }

  /** An owner's phone failed where it used to succeed. */
  failed(event: AuthFailed, name: string, source: string): EvidenceDraft[] {
    const key = `${name}|${source}`;
    const phone = this.#phones.get(key);
    const failures = phone === undefined || event.at - phone.last > DAY ? 1 : phone.failures + 1;
    this.#phones.set(key, { failures, last: event.at, told: phone?.told ?? null });
    return failures >= this.#threshold ? this.tell(event, name, source, failures) : [];
  }

  /** Told once a day: somebody should walk to that phone. */
  tell(event: AuthFailed, name: string, source: string, failures: number): EvidenceDraft[] {
    const key = `${name}|${source}`;
    const told = this.#phones.get(key)?.told ?? null;
    if (told !== null && event.at - told < DAY) return [];
    this.#phones.set(key, { failures, last: event.at, told: event.at });
    const subject = event.account === null ? addressSubject(event.source) : accountSubject(event.account);
    const phone = `A phone at ${printable(event.source)}`;
    return [
      {
        ...draft(event, 'medium', subject, `stale|${key}|${iso(event.at)}`),
        summary: `${phone} keeps trying a password for extension ${printable(name)} that is wrong, ${counted(failures, 'time')} so far`,
        facts: { failures, account: printable(name), userAgent: printable(event.userAgent), rule: 'stale password' },
      },
    ];
  }

  mended(name: string, source: string): void {
    this.#phones.delete(`${name}|${source}`);
  }

  snapshot(): unknown {
    return this.#phones.snapshot(copy);
  }

  restore(snapshot: unknown): void {
    this.#phones.restore(snapshot as Packed<Phone>[], copy);
  }
}
