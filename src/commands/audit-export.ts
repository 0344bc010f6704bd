import { canonicalJson, headText, recordOf, type AuditRecord, type AuditRow, type Store } from '../store/index.ts';
import { Zone } from '../time.ts';
import { en, visible } from '../words/index.ts';
import { storeOf } from './open-store.ts';
import { EXIT, type GlobalOptions, type Output } from './output.ts';
import { readConfig } from './site.ts';

interface ExportOptions {
  /** epoch milliseconds */
  readonly since?: number;
}

/** Records of the trail in order, from the first after `seq` on. */
export function* trailAfter(store: Pick<Store, 'audit'>, seq: number): Generator<AuditRow> {
  for (let last = seq; ;) {
    const rows = store.audit.after(last);
    if (rows.length === 0) return;
    yield* rows;
    last = rows.at(-1)?.seq ?? last;
  }
}

/** `ringfence audit export`: the trail as it stands, edited or not; `audit verify` judges it. */
export default function auditExport(
  _args: readonly string[],
  options: ExportOptions & GlobalOptions,
  output: Output,
): number {
  const config = readConfig(options, output);
  const store = storeOf(config, { create: false });
  try {
    const zone = new Zone(config.settings.site.timezone);
    const start = options.since === undefined ? 0 : store.audit.before(options.since);
    for (const row of trailAfter(store, start)) {
      const record = recordOf(row);
      if (output.json) output.result(canonicalJson(record === null ? { ...row } : { ...record }));
      else output.result(record === null ? `${row.seq}  (edited: this is no record)` : line(record, zone));
    }
    output.note(`ringfence: head ${headText(store.audit.head())}`);
    return EXIT.done;
  } finally {
    store.close();
  }
}

/** One record for people. */
function line({ seq, at, actor, action, target, evidence, details }: AuditRecord, zone: Zone): string {
  const more = Object.entries(details)
    .filter(([, value]) => value !== null && value !== '')
    .map(
      ([name, value]) => `${name}=${visible(typeof value === 'string' ? value : canonicalJson(value ?? null), 200)}`,
    );
  const rests = evidence.length === 0 ? '' : `  [${evidence.map((id) => visible(id, 40)).join(' ')}]`;
  const when = en.minute(Date.parse(at), zone);
  return `${seq}  ${when}  ${visible(actor, 120)}  ${action}  ${visible(target, 200)}  ${more.join(' ')}${rests}`.trimEnd();
}
