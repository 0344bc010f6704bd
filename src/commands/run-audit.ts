import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { Config } from '../config.ts';
import { messageOf, StoreError } from '../errors.ts';
import type { Log } from '../log.ts';
import type { Millis } from '../model.ts';
import {
  AuditQueue,
  headText,
  sealTrail,
  type AuditEntry,
  type AuditHead,
  type AuditSigner,
  type Store,
} from '../store/index.ts';
import { HOUR, MINUTE } from '../time.ts';

export interface RunAuditOptions {
  readonly store: Pick<Store, 'audit' | 'transaction'>;
  readonly log: Log;
  /** signs the trail; null: there is no key for it yet */
  readonly signer?: () => AuditSigner | null;
  /** [audit] seal_every */
  readonly sealEvery?: Millis;
}

/** What the daemon tells the audit trail of itself, and its watch over it: nothing waits for either. */
export class RunAudit {
  readonly #options: RunAuditOptions;
  readonly #queue = new AuditQueue();
  #known: AuditHead | null = null;
  #watchAt: Millis = 0;
  #toldAt: Millis = 0;
  #sealAt: Millis = 0;
  #sealing = false;
  #failing = false;

  constructor(options: RunAuditOptions) {
    this.#options = options;
  }

  note(entry: AuditEntry): void {
    this.#queue.take(entry);
    this.#flush();
  }

  /** The settings are in force: which file, what was in it, which mode. */
  settings(
    action: 'settings.loaded' | 'settings.refused',
    config: Config | null,
    more: AuditEntry['details'] = {},
  ): void {
    this.note({
      actor: 'settings',
      action,
      target: config?.file ?? 'settings',
      details: { ...(config === null ? {} : { mode: config.settings.mode, sha256: digestOf(config.file) }), ...more },
    });
  }

  /** Once a second. */
  tick(now: Millis): void {
    if (this.#queue.size > 0) this.#flush();
    if (now >= this.#watchAt) {
      this.#watchAt = now + MINUTE;
      this.#watch(now);
    }
    const { signer, sealEvery = HOUR } = this.#options;
    if (signer === undefined || now < this.#sealAt || this.#sealing) return;
    this.#sealAt = now + sealEvery;
    const ready = signer();
    if (ready !== null) void this.seal(ready);
  }

  /** Signs what stands. A key that cannot sign, or a full disk, stops nothing. */
  async seal(signer: AuditSigner): Promise<void> {
    this.#sealing = true;
    try {
      await sealTrail(this.#options.store.audit, signer);
    } catch (error) {
      this.#options.log.error(`the audit trail was not sealed: ${messageOf(error)}`);
    } finally {
      this.#sealing = false;
    }
  }

  /** @returns false: the store could not take the last of it */
  close(): boolean {
    return this.#flush();
  }

  /** What stood a minute ago must still stand. The log holds the head each hour: remembered elsewhere, it shows what was cut off. */
  #watch(now: Millis): void {
    const { store, log } = this.#options;
    try {
      const { audit } = store;
      const known = this.#known;
      const lost =
        known !== null && known.seq > (audit.checkpoint()?.seq ?? 0) && audit.row(known.seq)?.hash !== known.hash;
      if (lost) {
        log.error(
          { head: headText(known) },
          'somebody edited the audit trail: what was written last is gone or another',
        );
        this.note({ actor: 'ringfence', action: 'audit.broken', target: 'audit', details: { head: headText(known) } });
      }
      const head = audit.head();
      this.#known = head.seq === 0 ? null : head;
      if (now - this.#toldAt < HOUR || head.seq === 0) return;
      this.#toldAt = now;
      log.info({ audit: headText(head) }, 'the audit trail has come to here');
    } catch (error) {
      if (!(error instanceof StoreError)) throw error;
    }
  }

  #flush(): boolean {
    const { entries, written } = this.#queue.pending();
    if (entries.length === 0) return true;
    const { store, log } = this.#options;
    try {
      store.audit.append(entries);
      written();
      this.#failing = false;
      return true;
    } catch (error) {
      if (!(error instanceof StoreError)) throw error;
      if (!this.#failing) log.error({ code: error.code }, `${error.message}; the audit trail is told later`);
      this.#failing = true;
      return false;
    }
  }
}

/** Of the file as it now is; null: there is none, or it cannot be read. */
function digestOf(file: string | null): string | null {
  if (file === null) return null;
  try {
    return createHash('sha256').update(readFileSync(file)).digest('hex');
  } catch {
    return null;
  }
}
