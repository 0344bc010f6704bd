import { z } from 'zod';
import { DAY, parseDuration } from '../time.ts';

const durationText = z.string().refine((text) => parseDuration(text).ok, { error: 'write it like 90d' });

/** A story may be joined to another within a day (respond/families.ts): masked ones could not be. */
function isTwoDays(text: string): boolean {
  const read = parseDuration(text);
  return !read.ok || read.value >= 2 * DAY;
}

/** [audit]: what is kept for the audits, and the trail of who or what decided what. */
export const auditOptions = z.strictObject({
  passwords: z
    .boolean()
    .default(false)
    .describe(
      'keep the last accepted digest answer of each account, encrypted, for ringfence audit passwords; needs [hep]',
    ),
  passwords_keep: durationText.default('7d').describe('digest answers older than this are deleted, audited or not'),
  pin_digits: z
    .int()
    .min(0)
    .max(8)
    .default(6)
    .describe('audits try every number of up to so many digits as a password'),
  trail_keep: durationText
    .default('730d')
    .describe('records of the audit trail older than this go; a checkpoint in it says so (docs/audit-trail.md)'),
  seal_every: durationText
    .default('1h')
    .describe('how often the audit trail is signed, where it has grown and there is a key to sign with'),
});

/** [store]: ringfence's own database. */
export const storeOptions = z.strictObject({
  path: z
    .string()
    .min(1)
    .default('/var/lib/ringfence/ringfence.db')
    .describe('SQLite file; its directory is made if missing'),
  keep: durationText.default('90d').describe('incidents and evidence older than this are purged'),
  anonymise: z
    .boolean()
    .default(false)
    .describe(
      'mask numbers, accounts and addresses of incidents that have not changed for anonymise_after (docs/privacy.md)',
    ),
  anonymise_after: durationText
    .refine(isTwoDays, { error: 'two days at least: until then a story may go on' })
    .default('7d')
    .describe('how long names stay readable, where anonymise = true; 2d at least'),
});
