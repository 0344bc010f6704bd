import type { Millis } from '../model.ts';

/** A contact that the registrar held when ringfence connected. */
export interface StandingContact {
  readonly aor: string;
  readonly endpoint: string;
  readonly contact: string;
  /** the real source, where the registrar rewrites contacts to it; else null */
  readonly source: string | null;
  readonly sourcePort: number;
  readonly userAgent: string;
  readonly callId: string;
  readonly expiresAt: Millis;
}

/** A caller's channel that was up when ringfence connected. */
export interface StandingChannel {
  readonly channel: string;
  readonly uniqueid: string;
  readonly linkedid: string;
  readonly dialled: string;
  readonly from: string;
  readonly startedAt: Millis;
  readonly answered: boolean;
}
