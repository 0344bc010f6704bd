import { z } from 'zod';
import { canonicalAddress } from '../address.ts';
import { RingfenceError } from '../errors.ts';
import { MEDIA_ENCRYPTIONS } from '../pbx/endpoint-object.ts';
import { DAY } from '../time.ts';

/** What a person may block by hand. */
export const BLOCKABLE = ['account', 'international', 'number', 'address'] as const;
export type Blockable = (typeof BLOCKABLE)[number];

/** What a person may take back. */
export const UNBLOCKABLE = [...BLOCKABLE, 'allow', 'lock', 'secret', 'maintenance'] as const;
export type Unblockable = (typeof UNBLOCKABLE)[number];

const count = z.number().min(0);
const value = z.string().min(1).max(200);
const why = z.string().max(500).default('');
/** milliseconds; none longer than thirty days is granted */
const lasts = z
  .int()
  .min(1_000)
  .max(3650 * DAY);

/** What the control socket understands, and the parameters of each. */
export const methods = {
  block: z.strictObject({
    kind: z.enum([...BLOCKABLE, 'maintenance']),
    value,
    lasts: lasts.nullable().default(null),
    why,
  }),
  unblock: z.union([
    z.strictObject({ id: z.string().min(4).max(64), why }),
    z.strictObject({ kind: z.enum(UNBLOCKABLE), value, why }),
    z.strictObject({ all: z.literal(true), why }),
  ]),
  blocks: z.strictObject({}),
  allow: z.strictObject({ account: value, lasts, why }),
  rotate: z.strictObject({ account: value, lasts: lasts.nullable().default(null), why }),
  unrotate: z.strictObject({ account: value, why }),
  /** `encryption` null: as pjsip.conf says again */
  media: z.strictObject({ account: value, encryption: z.enum(MEDIA_ENCRYPTIONS).nullable(), why }),
  pushKeys: z.strictObject({ accounts: z.array(value).max(10_000).default([]), why }),
  /** `mend`: first make them agree, where that can be done */
  keyInventory: z.strictObject({ mend: z.boolean().default(false), why }),
  /** from a gateway that runs alone: what it refused */
  gatewayFinding: z.strictObject({
    at: z.number(),
    kind: z.enum(['identity', 'downgrade', 'rule', 'rate', 'malformed', 'loop', 'edge', 'session']),
    account: z.string().max(256),
    claimed: z.string().max(256),
    kid: z.string().max(64).nullable(),
    peer: z.strictObject({
      address: z.string().refine((text) => canonicalAddress(text) === text),
      port: z.int().min(0).max(65_535),
    }),
    callId: z.string().max(512),
    method: z.string().max(64),
    detail: z.string().max(1_000),
  }),
  /** from the same: what it says of itself */
  gatewayReading: z.strictObject({
    sessions: count,
    flows: count,
    transactions: count,
    halfOpen: count,
    upstreams: z.array(z.strictObject({ name: z.string().max(32), up: z.boolean() })).max(100),
    median: count,
    p99: count,
    counts: z.record(z.string().regex(/^gateway\.[a-z0-9.-]{1,80}$/i), count),
  }),
  status: z.strictObject({}),
  reload: z.strictObject({}),
} as const;

export type Method = keyof typeof methods;
export type MethodParams = { readonly [M in Method]: z.output<(typeof methods)[M]> };

/** What was asked for is not done, and why: by a safeguard, by the daemon, or because nothing of that name is known. */
export class Refusal extends RingfenceError {
  /** which safeguard or error, for scripts */
  readonly said: string;
  constructor(said: string, message: string) {
    super('refused', message);
    this.said = said;
  }
}
