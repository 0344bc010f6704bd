import { resolve } from 'node:path';
import type { Config } from '../config.ts';

/** Where the users of the console are kept: [console] users_file, or beside the store. */
export const usersPath = ({ settings, directory }: Config): string =>
  settings.console.users_file === ''
    ? `${resolve(directory, settings.store.path)}.users`
    : resolve(directory, settings.console.users_file);
