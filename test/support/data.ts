/** Recorded traffic that lies beside the project (RINGFENCE_TEST_DATA, default ../shared/data); tests skip without it. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';

export const DATA_FOLDER = resolve(
  import.meta.dirname,
  '../..',
  process.env['RINGFENCE_TEST_DATA'] ?? '../shared/data',
);

/** Is this folder or file of the data there? */
export const hasData = (path: string): boolean => existsSync(join(DATA_FOLDER, path));

export const readData = (path: string): Buffer => readFileSync(join(DATA_FOLDER, path));

/** Paths (for `readData`) of the files in a folder of the data whose names end so, sorted; [] if it is not there. */
export function listData(folder: string, ending = ''): string[] {
  if (!hasData(folder)) return [];
  const names = readdirSync(join(DATA_FOLDER, folder)).filter((name) => name.endsWith(ending));
  return names.sort().map((name) => `${folder}/${name}`);
}

/** A `describe` whose tests are skipped, with the reason in its title, where that part of the data is absent. */
export function describeWithData(title: string, path: string, suite: () => void): void {
  if (hasData(path)) describe(title, suite);
  else describe.skip(`${title} (skipped: ${join(DATA_FOLDER, path)} is absent)`, suite);
}
