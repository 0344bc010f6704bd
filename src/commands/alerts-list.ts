import type { Severity } from '../model.ts';
import { iso } from '../time.ts';
import { incidentTable } from '../words/index.ts';
import { storeOf } from './open-store.ts';
import { EXIT, type GlobalOptions, type Output } from './output.ts';
import { readConfig, siteOf } from './site.ts';
import { textOptions } from './text.ts';

interface ListOptions {
  readonly since?: number;
  readonly severity?: Severity;
  readonly open: boolean;
  readonly limit: number;
}

/** `ringfence alerts list`: incidents, youngest first. */
export default function list(_args: readonly string[], options: ListOptions & GlobalOptions, output: Output): number {
  const config = readConfig(options, output);
  const store = storeOf(config, { create: false });
  try {
    const { incidents, next } = store.incidents.list({
      limit: options.limit,
      ...(options.since === undefined ? {} : { since: options.since }),
      ...(options.severity === undefined ? {} : { atLeast: options.severity }),
      ...(options.open ? { acknowledged: false } : {}),
    });
    if (output.json)
      for (const { openedAt, updatedAt, acknowledgedAt, ...incident } of incidents)
        output.object({
          ...incident,
          openedAt: iso(openedAt),
          updatedAt: iso(updatedAt),
          acknowledgedAt: acknowledgedAt === null ? null : iso(acknowledgedAt),
        });
    else {
      output.result(incidentTable(incidents, textOptions(siteOf(config), output)));
      if (next !== null) output.note(`There are more: --limit ${options.limit * 2}, or --since, --severity, --open.`);
      else if (incidents.length > 0) output.note('\nringfence alerts show ID explains one.');
    }
    return EXIT.done;
  } finally {
    store.close();
  }
}
