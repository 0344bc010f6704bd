import type { AuditEntry } from './audit-chain.ts';

/** Entries that wait while the store cannot be written. */
const LIMIT = 10_000;

/**
 * What is to be told to the audit trail, in front of a store that may be full for a while: nothing that acts waits for it. What
 * there was no room for is counted, and the trail itself says how many are missing and when.
 */
export class AuditQueue {
  readonly #limit: number;
  #waiting: AuditEntry[] = [];
  #lost = 0;

  constructor(limit = LIMIT) {
    this.#limit = limit;
  }

  get size(): number {
    return this.#waiting.length + (this.#lost > 0 ? 1 : 0);
  }

  take(entry: AuditEntry): void {
    if (this.#waiting.length < this.#limit) this.#waiting.push(entry);
    else this.#lost++;
  }

  /** What waits now; `written` once it is committed. */
  pending(): { readonly entries: readonly AuditEntry[]; readonly written: () => void } {
    const taken = this.#waiting.length;
    const lost = this.#lost;
    const gap: AuditEntry[] =
      lost === 0 ? [] : [{ actor: 'ringfence', action: 'audit.lost', target: 'audit', details: { records: lost } }];
    return {
      entries: [...this.#waiting, ...gap],
      written: () => {
        this.#waiting = this.#waiting.slice(taken);
        this.#lost -= lost;
      },
    };
  }
}
