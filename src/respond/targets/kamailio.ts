import { PeerError } from '../../errors.ts';
import type { Millis } from '../../model.ts';
import { startedAt, tableDelete, tableDump, tableGet, tablePut, type KamailioRpc } from '../../pbx/kamailio.ts';
import { MINUTE } from '../../time.ts';
import { entryKey, type Kind } from '../enforcement.ts';
import { KamailioLayout } from './kamailio-layout.ts';
import { lifeOf, type RowChange, type RowOutcome, type Target } from './target.ts';

/** Tables of kamailio-conf/ringfence.cfg. */
export const KAMAILIO_TABLES: ReadonlyMap<Kind, string> = new Map([
  ['address', 'rf_address'],
  ['account', 'rf_account'],
  ['number', 'rf_number'],
  ['emergency', 'rf_emergency'],
  ['dialplan', 'rf_dialplan'],
]);

/** Tables whose rows do not end: what they hold is there or not. */
const ENDLESS = new Set(['rf_emergency', 'rf_dialplan']);

/**
 * Rows are `<kind>/<key of the table>`, the value the end in epoch seconds; Kamailio itself ends them (autoexpire), but for
 * emergency numbers, whose table has none. `aliases`: further users of an account.
 */
export const kamailioLayout = (aliases: (account: string) => readonly string[] = () => []): KamailioLayout =>
  new KamailioLayout(
    [...KAMAILIO_TABLES.keys()],
    // what is abroad is asked for in Asterisk alone
    (kind, value) => (kind === 'dialplan' && value.startsWith('abroad/') ? null : entryKey(kind, value)),
    aliases,
  );

/** Calls on their way at a time: its datagram process reads one after the other, and what it cannot hold is lost. */
const AT_ONCE = 16;
/** A dump over UDP must fit into one datagram. */
const DUMP_ROWS = 500;
/** With more rows than that each is asked for, which takes long, so not every time while their number is right. */
const SWEEP_EVERY: Millis = MINUTE;

/** Kamailio: rows are rows of its hash tables, in memory, lost when it is restarted. */
export class KamailioTarget implements Target {
  readonly name = 'kamailio';
  readonly isUp = true;
  readonly #rpc: KamailioRpc;
  #startedAt: string | null = null;
  #sweptAt = -Infinity;

  constructor(rpc: KamailioRpc) {
    this.#rpc = rpc;
  }

  async read(expected: ReadonlyMap<string, string>, now: Millis): Promise<ReadonlyMap<string, string>> {
    const sizes = await this.#sizes();
    const rows = new Map<string, string>();
    let count = 0;
    for (const [kind, table] of KAMAILIO_TABLES) {
      const size = sizes.get(table);
      if (size === undefined)
        throw new PeerError(
          'peer-refused',
          `Kamailio has no table ${table}: include kamailio-conf/ringfence.cfg`,
          false,
        );
      count += size;
      if (size > DUMP_ROWS) continue;
      for (const [key, value] of await tableDump(this.#rpc, table)) rows.set(entryKey(kind, key), value);
    }
    const large = [...KAMAILIO_TABLES]
      .filter(([, table]) => (sizes.get(table) ?? 0) > DUMP_ROWS)
      .map(([kind]) => `${kind}/`);
    if (large.length > 0) await this.#sweep(expected, large, rows, count, now);
    return rows;
  }

  /** Rows of large tables, asked for one by one. */
  async #sweep(
    expected: ReadonlyMap<string, string>,
    large: readonly string[],
    rows: Map<string, string>,
    count: number,
    now: Millis,
  ): Promise<void> {
    const wanted = [...expected].filter(([key]) => large.some((prefix) => key.startsWith(prefix)));
    if (count === expected.size && now - this.#sweptAt < SWEEP_EVERY) {
      for (const [key, value] of wanted) rows.set(key, value);
      return;
    }
    await each(wanted, async ([key]) => {
      const value = await tableGet(this.#rpc, ...place(key));
      if (value !== null) rows.set(key, value);
    });
    this.#sweptAt = now;
  }

  async #sizes(): Promise<Map<string, number>> {
    const stats = await this.#rpc.call('htable.stats');
    const list = Array.isArray(stats) ? (stats as { name?: unknown; all?: unknown }[]) : [];
    return new Map(list.map(({ name, all }) => [String(name), Number(all)]));
  }

  async apply(changes: readonly RowChange[], now: Millis): Promise<ReadonlyMap<string, RowOutcome>> {
    const outcomes = new Map<string, RowOutcome>();
    await each(changes, async ({ key, value }) => {
      const [table, name] = place(key);
      try {
        if (value === null) await tableDelete(this.#rpc, table, name);
        else await tablePut(this.#rpc, table, name, value, ENDLESS.has(table) ? null : lifeOf(value, now));
        outcomes.set(key, { ok: true, standing: await tableGet(this.#rpc, table, name) });
      } catch (error) {
        // away: the rest would only wait for it
        if (!(error instanceof PeerError) || error.retryable) throw error;
        outcomes.set(key, { ok: false, error });
      }
    });
    return outcomes;
  }

  async pulse(): Promise<'same' | 'restarted'> {
    const known = this.#startedAt;
    this.#startedAt = await startedAt(this.#rpc);
    if (known === null || known === this.#startedAt) return 'same';
    this.#sweptAt = -Infinity;
    return 'restarted';
  }

  close(): void {
    this.#rpc.close();
  }
}

/** Table and key in it of a row. */
const place = (key: string): [table: string, name: string] => {
  const slash = key.indexOf('/');
  return [KAMAILIO_TABLES.get(key.slice(0, slash) as Kind) ?? '', key.slice(slash + 1)];
};

/** Works on some at a time; the first failure ends it. */
async function each<T>(items: readonly T[], work: (item: T) => Promise<void>): Promise<void> {
  let next = 0;
  const run = async (): Promise<void> => {
    try {
      while (next < items.length) await work(items[next++] as T);
    } catch (error) {
      next = items.length;
      throw error;
    }
  };
  await Promise.all(Array.from({ length: Math.min(AT_ONCE, items.length) }, run));
}
