import { z } from 'zod';

/** [log]: lines for programs that read logs. */
export const logOptions = z.strictObject({
  attacks: z
    .string()
    .default('')
    .describe('file for a line about each attacker, for fail2ban or CrowdSec (docs/fail2ban.md); "" = none'),
});
