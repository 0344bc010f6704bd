import { z } from 'zod';
import { parseDuration } from '../time.ts';

/** [store]: ringfence's own database. */
export const storeOptions = z.strictObject({
  path: z
    .string()
    .min(1)
    .default('/var/lib/ringfence/ringfence.db')
    .describe('SQLite file; its directory is made if missing'),
  keep: z
    .string()
    .refine((text) => parseDuration(text).ok, { error: 'write it like 90d' })
    .default('90d')
    .describe('incidents and evidence older than this are purged'),
});
