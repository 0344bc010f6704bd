import { PERSONAL_TABLES, type PersonalRow } from '../store/index.ts';
import { visible } from '../words/visible.ts';
import { storeOf } from './open-store.ts';
import { EXIT, type GlobalOptions, type Output } from './output.ts';
import { namesOf, type PersonOptions } from './privacy.ts';
import { readConfig } from './site.ts';

/** `ringfence privacy export ACCOUNT`: everything in the store that tells of an account; JSON has a row a line. */
export default function privacyExport(
  [account = '']: readonly string[],
  options: PersonOptions & GlobalOptions,
  output: Output,
): number {
  const config = readConfig(options, output);
  const names = namesOf(account, options, config);
  const store = storeOf(config, { create: false });
  try {
    const rows = store.privacy.exportOf(names);
    if (output.json) for (const one of rows) output.object(one);
    else for (const line of text(rows)) output.result(line);
    output.note(`ringfence: ${rows.length} rows of ${store.path} tell of ${visible(names.join(', '))}`);
    return EXIT.done;
  } finally {
    store.close();
  }
}

/** By table, each with what it is. */
function text(rows: readonly PersonalRow[]): string[] {
  const tables = new Map<string, PersonalRow[]>();
  for (const one of rows) tables.set(one.table, [...(tables.get(one.table) ?? []), one]);
  return [...tables].flatMap(([table, found]) => [
    `${table}: ${PERSONAL_TABLES[table]?.holds ?? ''}`,
    ...found.flatMap(({ row }) => [
      ...Object.entries(row)
        .filter(([, value]) => value !== null && value !== '')
        .map(
          ([name, value]) => `  ${name}: ${visible(typeof value === 'string' ? value : JSON.stringify(value), 2_000)}`,
        ),
      '',
    ]),
  ]);
}
