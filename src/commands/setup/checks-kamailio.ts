import { RingfenceError } from '../../errors.ts';
import type { Config } from '../../config.ts';
import { startedAt } from '../../pbx/kamailio.ts';
import { KAMAILIO_TABLES } from '../../respond/targets/kamailio.ts';
import { kamailioOf } from '../acting.ts';
import { ok, problem, unknown, type Row } from './checks.ts';
import type { KamailioFound } from './kamailio.ts';

/** Kamailio in front: is it reached, are the tables there, does request_route look into them? */
export async function kamailioRows(config: Config, found: KamailioFound | null): Promise<Row[]> {
  const { kamailio } = config.settings;
  if (kamailio === undefined)
    return found === null
      ? []
      : [
          problem(
            'Kamailio',
            `${found.file} is here and [kamailio] is not set: blocked addresses belong into the proxy`,
            '[kamailio] rpc = "udp:127.0.0.1:8091" in the settings',
          ),
        ];
  const rows: Row[] = [];
  try {
    const rpc = kamailioOf(config.settings);
    if (rpc === null) return [];
    try {
      const since = await startedAt(rpc);
      const stats = await rpc.call('htable.stats').catch(() => []);
      const names = new Set(
        (Array.isArray(stats) ? (stats as { name?: unknown }[]) : []).map(({ name }) => String(name)),
      );
      const missing = [...KAMAILIO_TABLES.values()].filter((name) => !names.has(name));
      rows.push(
        missing.length === 0
          ? ok('Kamailio', `answers at ${kamailio.rpc}, up since ${since}, with its tables`)
          : problem(
              'Kamailio',
              `has no table ${missing.join(', ')}`,
              'include_file "/etc/kamailio/ringfence.cfg" in kamailio.cfg, restart Kamailio',
            ),
      );
    } finally {
      rpc.close();
    }
  } catch (error) {
    if (!(error instanceof RingfenceError)) throw error;
    rows.push(problem('Kamailio', error.message, 'is it running, and kamailio-conf/ringfence.cfg included?'));
  }
  if (found === null) rows.push(unknown('route(RINGFENCE)', 'kamailio.cfg was not found: --kamailio FILE'));
  else
    rows.push(
      found.called
        ? ok('route(RINGFENCE)', `is called in ${found.file}`)
        : problem(
            'route(RINGFENCE)',
            `is not called in ${found.file}: nothing is refused there`,
            `route(RINGFENCE); as the first line of request_route${found.route === 0 ? '' : ` (line ${found.route})`}`,
          ),
    );
  return rows;
}
