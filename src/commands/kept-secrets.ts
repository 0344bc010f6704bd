import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { messageOf, RingfenceError } from '../errors.ts';
import type { KeepSecret, NewSecret } from '../respond/enforcer.ts';
import { giveTo } from '../store/file.ts';

/** New secrets that rules made, one file each beside the store, for us alone, until they are taken back. */
export interface KeptSecret {
  /** id of the decision */
  readonly id: string;
  readonly account: string;
  readonly secrets: readonly NewSecret[];
}

/** The folder of these files. */
export const keptFolder = (store: string): string => `${store}.secrets`;

/** Whoever owns the store owns them too, also when root makes them. */
function give(path: string, store: string): void {
  giveTo(path, statSync(existsSync(store) ? store : dirname(store)));
}

/** Writes a rule's new secret before it is put up. The file is whole or not there. */
export const keepSecretBeside =
  (store: string): KeepSecret =>
  (id, account, secrets) => {
    const folder = keptFolder(store);
    if (!existsSync(folder)) {
      mkdirSync(folder, { mode: 0o700 });
      give(folder, store);
    }
    const file = join(folder, `${id}.json`);
    writeFileSync(`${file}.new`, `${JSON.stringify({ id, account, secrets } satisfies KeptSecret)}\n`, {
      mode: 0o600,
      flush: true,
    });
    give(`${file}.new`, store);
    renameSync(`${file}.new`, file);
  };

/** What is kept. @throws RingfenceError where it may not be read */
export function keptSecrets(store: string): KeptSecret[] {
  const folder = keptFolder(store);
  if (!existsSync(folder)) return [];
  try {
    return readdirSync(folder)
      .filter((name) => name.endsWith('.json'))
      .map((name) => JSON.parse(readFileSync(join(folder, name), 'utf8')) as KeptSecret);
  } catch (error) {
    throw new RingfenceError(
      'input-unreadable',
      `cannot read ${folder}: ${messageOf(error)}; run ringfence as its owner, or as root`,
    );
  }
}

/** A secret that is good no more is kept no more. */
export const forgetSecret = (store: string, id: string): void =>
  rmSync(join(keptFolder(store), `${id}.json`), { force: true });
