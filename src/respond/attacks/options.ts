import { z } from 'zod';

/** [log]: the daemon's own log, and lines for programs that read logs. */
export const logOptions = z.strictObject({
  format: z
    .enum(['auto', 'json', 'text', 'journal'])
    .default('auto')
    .describe(
      "the daemon's log on stderr. auto: text on a terminal, journal (text with journald's priorities) as a service of systemd, else json",
    ),
  attacks: z
    .string()
    .default('')
    .describe('file for a line about each attacker, for fail2ban or CrowdSec (docs/fail2ban.md); "" = none'),
});
