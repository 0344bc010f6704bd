import { DAY, parseDuration } from '../time.ts';
import { storeOf } from './open-store.ts';
import { EXIT, type GlobalOptions, type Output } from './output.ts';
import { readConfig } from './site.ts';

/** `ringfence privacy purge`: at once what the daemon does every six hours, or from another time on. */
export default async function privacyPurge(
  _args: readonly string[],
  options: { readonly before?: number } & GlobalOptions,
  output: Output,
): Promise<number> {
  const config = readConfig(options, output);
  const { store: kept, audit } = config.settings;
  const now = Date.now();
  const ago = (text: string, fallback: number): number => {
    const read = parseDuration(text);
    return now - (read.ok ? read.value : fallback);
  };
  const store = storeOf(config, { create: false });
  try {
    const incidents = await store.purge(options.before ?? ago(kept.keep, 90 * DAY));
    const answers = store.digestAnswers.forget(Math.max(options.before ?? 0, ago(audit.passwords_keep, 7 * DAY)));
    store.enforcement.forget(options.before ?? ago(kept.keep, 90 * DAY));
    const trail = await store.purgeAudit(ago(audit.trail_keep, 730 * DAY));
    let masked = 0;
    const before = ago(kept.anonymise_after, 7 * DAY);
    if (kept.anonymise)
      for (
        let step = store.privacy.anonymiseStep(before, now);
        step > 0;
        step = store.privacy.anonymiseStep(before, now)
      )
        masked += step;
    store.privacy.scrub();
    if (output.json) output.object({ incidents, masked, answers, trail });
    else
      output.result(
        `purged: ${incidents} incidents, ${answers} digest answers, ${trail} records of the trail; masked: ${masked} incidents`,
      );
    return EXIT.done;
  } finally {
    store.close();
  }
}
