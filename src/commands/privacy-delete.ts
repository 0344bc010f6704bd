import { RingfenceError } from '../errors.ts';
import { withoutAccounts } from '../detect/habit-accounts.ts';
import { whoAsks } from './hand-command.ts';
import { lockStore } from './lock.ts';
import { storeOf } from './open-store.ts';
import { EXIT, type GlobalOptions, type Output } from './output.ts';
import { namesOf, type PersonOptions } from './privacy.ts';
import { readConfig } from './site.ts';

/**
 * `ringfence privacy delete ACCOUNT`: what the store has of an account goes; stories of others too keep a mask in its place. Refused
 * while the daemon runs, for it would write what it remembers again. 1: something had to stay.
 */
export default function privacyDelete(
  [account = '']: readonly string[],
  options: PersonOptions & { readonly yes: boolean } & GlobalOptions,
  output: Output,
): number {
  const config = readConfig(options, output);
  const names = namesOf(account, options, config);
  if (!options.yes)
    throw new RingfenceError(
      'usage',
      `this cannot be undone; look first: ringfence privacy export ${account}, then delete it with --yes`,
    );
  const store = storeOf(config, { create: false });
  try {
    const lock = lockStore(store.path, null);
    try {
      const wanted = new Set(names);
      const erased = store.privacy.erase(names, Date.now(), (name, state) =>
        name.startsWith('habits.') ? withoutAccounts(state, wanted) : null,
      );
      // that something was deleted, and by whom, but not of whom
      store.audit.append([{ actor: `hand:${whoAsks()}`, action: 'privacy.deleted', target: '(an account)', details: { ...erased.deleted, masked: erased.masked } }]); // prettier-ignore
      store.privacy.scrub();
      tell(erased, output);
      return erased.kept.length === 0 ? EXIT.done : EXIT.found;
    } finally {
      lock.release();
    }
  } finally {
    store.close();
  }
}

function tell(erased: ReturnType<ReturnType<typeof storeOf>['privacy']['erase']>, output: Output): void {
  if (output.json) {
    output.object(erased);
    return;
  }
  for (const [table, rows] of Object.entries(erased.deleted)) output.result(`deleted  ${table}: ${rows}`);
  if (erased.masked > 0) output.result(`masked   in stories of others: ${erased.masked}`);
  for (const { table, rows, why } of erased.kept) output.result(`kept     ${table}: ${rows} (${why})`);
}
