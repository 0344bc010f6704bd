import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import type { Config } from '../config.ts';
import { InputError, RingfenceError } from '../errors.ts';
import { openStore, type Store } from '../store/index.ts';

/** The store that the settings name. @throws StoreError; InputError when it must be there and is not */
export function storeOf(config: Config, options: { create: boolean }): Store {
  const path = resolve(config.directory, config.settings.store.path);
  if (!options.create && !existsSync(path))
    throw new InputError(
      'input-missing',
      `there is no store at ${path} yet: ringfence run or ringfence scan makes it ([store] path says where)`,
    );
  return openStore(path, { create: options.create });
}

/** The incident that an id (or its unique beginning) means. @throws RingfenceError that says what to do */
export function incidentId(store: Store, id: string): string {
  const found = store.resolve(id);
  if (found.kind === 'incident') return found.id;
  if (found.kind === 'ambiguous')
    throw new RingfenceError('usage', `"${id}" could be ${found.ids.join(' or ')}; write more of it`);
  throw new RingfenceError('usage', `there is no incident "${id}"; ringfence alerts list shows those there are`);
}
