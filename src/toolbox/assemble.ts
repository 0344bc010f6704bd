import type { Store } from '../store/index.ts';
import { keepAlert } from './databases.ts';
import { Engine } from './engine.ts';
import { evidenceOf, type EvidenceDoor } from './evidence.ts';
import type { ToolboxSettings } from './options.ts';
import { Origins } from './origins.ts';
import { Replays } from './replays.ts';
import { NO_SERVICES, type AuditRecord, type Services } from './services.ts';
import type { Alert } from './tool.ts';

export interface Parts {
  readonly store: Pick<Store, 'transaction' | 'replays' | 'origins' | 'meta' | 'toolboxAlerts'>;
  /** 32 random bytes, kept outside the store */
  readonly secret: Uint8Array;
  readonly limits: Pick<ToolboxSettings, 'replay_entries' | 'replay_share' | 'origin_entries'>;
  /** what it reaches beyond message and store */
  readonly services?: Partial<Services>;
  readonly evidence?: EvidenceDoor;
  /** every message that was judged; default: to the audit trail what was not accepted, for templates record what was */
  readonly record?: (record: AuditRecord) => void;
  /** every alert, beside the store */
  readonly tell?: (alert: Alert, record: AuditRecord) => void;
}

export interface Toolbox {
  readonly engine: Engine;
  readonly services: Services;
}

/** The toolbox over a store: what it remembers is of one transaction with what the store keeps. @throws StoreError */
export function assemble(parts: Parts): Toolbox {
  const { store, secret, limits, evidence, tell } = parts;
  const { replay_entries: most, replay_share: share, origin_entries } = limits;
  const memory = new Replays({ table: store.replays, meta: store.meta, secret, most, share });
  const origins = new Origins({ table: store.origins, most: origin_entries });
  const services: Services = { ...NO_SERVICES, memory, origins, ...parts.services };
  const engine = new Engine({
    transaction: (work) => {
      try {
        return store.transaction(work);
      } catch (error) {
        memory.undone();
        origins.undone();
        throw error;
      }
    },
    record:
      parts.record ??
      ((record) => {
        if (record.verdict !== 'accept') services.audit?.append(record, null);
      }),
    tell: (alert, record) => {
      const kept = keepAlert(store.toolboxAlerts, alert, record);
      tell?.(alert, record);
      if (evidence === undefined) return;
      const draft = evidenceOf(alert, record, { ...kept, account: evidence.accountOf(record.from) });
      if (draft !== null) evidence.take(draft);
    },
  });
  return { engine, services };
}
